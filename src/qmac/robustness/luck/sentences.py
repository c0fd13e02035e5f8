"""What counts of random markets say, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from qmac.robustness.luck.chance import (
    HARD_TO_EXPLAIN,
    LUCK,
    OPEN,
    SMALL_P,
    UNLIKELY,
    Conclusion,
    Exceedances,
    can_decide,
    find_trend_power,
)

NULL_NAMES = {"shuffle": "moves in random order", "mirror": "moves in random direction"}
"""Null hypotheses in words, by name."""
BEGINNINGS = {
    HARD_TO_EXPLAIN: "Luck alone hardly explains this",
    UNLIKELY: "It is unlikely that luck alone brings this",
    LUCK: "Luck alone brings this",
    OPEN: "These resamples do not decide whether it is luck",
}
SHORT_VERDICTS = {
    HARD_TO_EXPLAIN: "hardly luck",
    UNLIKELY: "unlikely luck",
    LUCK: "luck",
    OPEN: "open",
}
"""Verdicts in a cell of a table."""
SHOWN_SYMBOLS = 5
"""Symbols that a sentence names."""
WHOLE_COUNT = 10
"""From so many on, an expected count has no decimals."""
WHOLES = (100, 1_000, 10_000)
"""Of how many random markets a share is written."""
USUAL_BARS = 2000
"""Length of a series that an answer does not say."""
LEAST_COUNT = 10
"""A share that has fewer is one of more of them."""


class Facts(NamedTuple):
    """What the sentences are about."""

    name: str
    """Symbol."""
    objective: str
    """Metric that ranks combinations."""
    has_gain: bool
    """Whether buy & hold has one, so that the market rose. Costs can turn a small rise into a
    loss."""
    tried: int
    """Searches of which this is the best."""
    bars: int | None = None
    """Bars that may trade; None in answers of earlier versions."""


def describe(facts: Facts, conclusion: Conclusion, counts: dict[str, Exceedances]) -> list[str]:
    """Return what a conclusion says.

    Parameters
    ----------
    facts : Facts
        What it is about.
    conclusion : Conclusion
        What all null hypotheses say together.
    counts : dict
        Counts by null hypothesis.

    Returns
    -------
    list of str
        Sentences.
    """
    verdict = conclusion.verdict
    if facts.has_gain:
        alike = f"that rose as much as {facts.name}"
    else:
        alike = f"in which buy & hold loses as much as in {facts.name}"
    p = counts[conclusion.decided_by].p
    sentence = (
        f"{BEGINNINGS[verdict]}: in random markets {alike}, the best window set does as well in "
        f"{format_share(p)}"
    )
    sentence += "." if facts.tried == 1 else f", and it is the best of {facts.tried:,} searches."
    sentences = [sentence]
    if verdict == OPEN:
        sentences.append(_describe_open(conclusion, counts[conclusion.decided_by]))
    if verdict in (LUCK, OPEN):
        sentences.append(_describe_power(facts))
    sentences.append(_describe_tries(facts.tried, p, conclusion))
    return sentences


def describe_shortly(conclusion: Conclusion) -> str:
    """Return a conclusion in a few words, for a line among others.

    Parameters
    ----------
    conclusion : Conclusion
        What all null hypotheses say together.

    Returns
    -------
    str
        The p, its bounds and the verdict.
    """
    low, high = conclusion.interval
    beginning = BEGINNINGS[conclusion.verdict]
    words = beginning[0].lower() + beginning[1:]
    return f"p {conclusion.p:.3f} ({low:.3f} to {high:.3f}): {words}"


def format_share(p: float) -> str:
    """Return a probability as a share of random markets.

    Parameters
    ----------
    p : float
        From 0 to 1.

    Returns
    -------
    str
        With two digits, as far as 10,000 random markets have them.

    Examples
    --------
    >>> format_share(0.606), format_share(0.005), format_share(1e-6)
    ('61 of 100', '50 of 10,000', 'fewer than 1 of 10,000')
    """
    for whole in WHOLES:
        count = round(p * whole)
        if count >= LEAST_COUNT:
            return f"{count} of {whole:,}"
    return f"{count} of {whole:,}" if count else f"fewer than 1 of {whole:,}"


def describe_many(
    ps: Mapping[str, float], adjusted: Iterable[float], tried: int, resamples: int
) -> list[str]:
    """Return what the answers of many symbols say together.

    Parameters
    ----------
    ps : mapping of str to float
        A p for each symbol, times the searches that were tried.
    adjusted : iterable of float
        Adjusted for the number of symbols, in the same order.
    tried : int
        Searches of which each is the best.
    resamples : int
        Random markets of each null hypothesis, at most.

    Returns
    -------
    list of str
        Sentences; none for one symbol.
    """
    count = len(ps)
    if count == 1:
        return []
    small = sum(p < SMALL_P for p in ps.values())
    expected = count * SMALL_P / tried
    by_luck = f"{expected:.2g}" if expected < WHOLE_COUNT else f"{expected:,.0f}"
    verb = "is" if small == 1 else "are"
    sentences = [
        f"Of {count:,} symbols {small:,} {verb} below {SMALL_P}; {by_luck} would be by luck alone."
    ]
    names = [name for name, p in zip(ps, adjusted, strict=True) if p < SMALL_P]
    if names:
        shown = ", ".join(names[:SHOWN_SYMBOLS])
        if len(names) > SHOWN_SYMBOLS:
            shown += f" and {len(names) - SHOWN_SYMBOLS:,} more"
        sentences.append(f"Adjusted for their number, p stays below {SMALL_P} for {shown}.")
    elif small:
        sentences.append(f"Adjusted for their number, none stays below {SMALL_P}.")
    if small and not can_decide(count * tried, resamples):
        enough = math.ceil(count * tried / SMALL_P) - 1
        sentences.append(
            f"{resamples:,} resamples are too few to tell: even the smallest p of so many symbols "
            f"is above {SMALL_P} once adjusted. Sweep at least {enough:,}."
        )
    return sentences


def _describe_open(conclusion: Conclusion, counts: Exceedances) -> str:
    low, high = conclusion.interval
    between = f"p is between {low:.3f} and {high:.3f}"
    if conclusion.resamples_to_decide is None:
        after = f"after {counts.resamples:,} resamples"
        return f"{between}, on both sides of 0.05: it is too close to call {after}."
    sentence = f"{between}; about {conclusion.resamples_to_decide:,} resamples would decide"
    if counts.is_stopped:  # more of them alone would stop at the same one
        sentence += f", if counting did not stop at {counts.at_least:,} (stop_after)"
    return f"{sentence}."


def _describe_power(facts: Facts) -> str:
    weak, strong = find_trend_power(facts.bars or USUAL_BARS)
    is_sharpe = facts.objective == "sharpe_ratio"
    weak_share, strong_share = (
        power.sharpe_ratio if is_sharpe else power.total_return for power in (weak, strong)
    )
    tried = ""
    if facts.bars not in (None, strong.bars):
        tried = f" (of the lengths that were tried, the nearest to these {facts.bars:,})"
    return (
        f"That is no proof that there is nothing: trends of {strong.drift:.2%} a bar that turn "
        f"every {strong.duration} bars are found in {strong_share:.0%} of series of "
        f"{strong.bars:,} bars{tried}, those of {weak.drift:.2%} in {weak_share:.0%}."
    )


def _describe_tries(tried: int, p: float, conclusion: Conclusion) -> str:
    if tried == 1:
        return (
            "It is about this one question: if others were tried before (grids, objectives, rules, "
            "symbols), count them, too: tried=N, or --tried N."
        )
    low, high = conclusion.interval
    return (
        f"p counts {tried:,} searches of which this is the best: {tried:,} times {p:.3f}, at most "
        f"1, is {conclusion.p:.3f} ({low:.3f} to {high:.3f})."
    )
