"""What a walk-forward says, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from qmac.robustness.folds import UNITS
from qmac.strategy.formatting import format_value

RANDOM_WALK_KEPT_SHARE = 0.30
"""Mean kept share on random walks that drift like a stock index: 400 walks, trains of 1,000 bars,
five tests of 250; its standard error is 0.03 (docs/truth.md)."""


class Facts(NamedTuple):
    """What the sentences are about."""

    objective: str
    """Metric that chooses."""
    ranked_by: str
    """Metric that ranks in the tests."""
    combinations: int
    """Size of the grid."""
    folds: int
    above_median: int
    """Folds whose winner is better than half of all."""
    without_winner: int
    """Folds in whose train nothing was scored."""
    better_than: float
    """Share of all that the first winner is better than."""
    followed: float
    """Total return of the account that follows."""
    hold: float
    """Total return of buy & hold."""
    kept_share: float
    left_over: int
    """Bars after the last test."""


def describe_headline(
    name: str, combinations: int, objective: str, layout: Mapping[str, Any], folds: int
) -> str:
    """Return what was done, in a sentence.

    Parameters
    ----------
    name : str
        Symbol.
    combinations : int
        Size of the grid.
    objective : str
        Metric that chooses.
    layout : mapping
        How bars were divided, as ``Layout.to_dict`` returns it.
    folds : int
        How many.

    Returns
    -------
    str
        Lengths as the user wrote them.
    """
    best = f"{name}: the best of {combinations:,} window sets by {objective}, chosen"
    gap = f" after a gap of {_spell_length(layout['gap'])}" if layout["gap"] else ""
    if layout["holdout"] is not None:
        return f"{best} on the bars before the test{gap}."
    train, test = (_spell_length(layout[part]) for part in ("train", "test"))
    start = "all bars before (at least " if layout["anchored"] else ""
    end = ")" if layout["anchored"] else ""
    return f"{best} in {_count(folds, 'fold')} on {start}{train}{end} and followed for {test}{gap}."


def _spell_length(length: int | str) -> str:
    """Return a length in words: a number without a unit counts bars."""
    text = str(length)
    count = text.rstrip("".join(UNITS))
    unit = UNITS.get(text.removeprefix(count), "bars")
    return _count(int(count), unit.removesuffix("s"))


def describe(facts: Facts) -> list[str]:
    """Return what a walk-forward says.

    Parameters
    ----------
    facts : Facts
        What it is about.

    Returns
    -------
    list of str
        Sentences.
    """
    sentences = [_describe_ranks(facts), _describe_growth(facts), _describe_share(facts)]
    if facts.without_winner:
        trains = _count(facts.without_winner, "train")
        sentences.append(
            f"In {trains} no window set passed the constraints; the account stayed in cash."
        )
    if facts.ranked_by != facts.objective:
        sentences.append(
            f"{facts.objective} is no sum over bars: it chooses in training, and in the tests "
            f"window sets are ranked by {facts.ranked_by}."
        )
    if facts.left_over:
        bars = _count(facts.left_over, "bar")
        sentences.append(f"{bars} after the last test are left over, too few for another one.")
    return sentences


def _describe_ranks(facts: Facts) -> str:
    if facts.folds > 1:
        return (
            "The winners were better than the median window set in the bars after in "
            f"{facts.above_median} of {facts.folds} folds."
        )
    if math.isnan(facts.better_than):
        return f"The winner has no {facts.ranked_by} in the bars after."
    return (
        f"In the bars after, the winner was better than {facts.better_than:.1%} of all "
        f"{facts.combinations:,} window sets."
    )


def _describe_growth(facts: Facts) -> str:
    relation = "as much as"
    if facts.followed != facts.hold:
        relation = "more than" if facts.followed > facts.hold else "less than"
    followed, hold = (format_value("total_return", value) for value in (facts.followed, facts.hold))
    return f"Followed, they made {followed}, {relation} buy & hold with {hold}."


def _describe_share(facts: Facts) -> str:
    what = "This is what following the winners would have made, not a test"
    if math.isnan(facts.kept_share):
        return f"{what}; the winners did not grow in their trains, so there is no kept share."
    return (
        f"{what}: the kept share is {facts.kept_share:.2f}, and on random walks that drift like a "
        f"stock index it averages {RANDOM_WALK_KEPT_SHARE:.2f}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_many(
    symbols: int, better: int, folds: int, above_median: int, kept_share: float
) -> list[str]:
    """Return what the walk-forwards of many symbols say together.

    Parameters
    ----------
    symbols : int
        How many.
    better : int
        Those whose winners, followed, made more than buy & hold.
    folds : int
        Of all symbols.
    above_median : int
        Folds whose winner is better than the median window set.
    kept_share : float
        Mean of the symbols; NaN where none has one.

    Returns
    -------
    list of str
        Sentences.
    """
    growth = (
        f"Of {_count(symbols, 'symbol')}, following the winners made more than buy & hold in "
        f"{better:,}."
    )
    ranks = (
        "The winners were better than the median window set in the bars after in "
        f"{above_median:,} of {_count(folds, 'fold')}."
    )
    sentences = [growth, ranks]
    if not math.isnan(kept_share):
        sentences.append(
            f"The kept share averages {kept_share:.2f}; on random walks that drift like a stock "
            f"index it averages {RANDOM_WALK_KEPT_SHARE:.2f}."
        )
    return sentences
