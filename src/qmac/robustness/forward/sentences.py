"""What a walk-forward says, in words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qmac.robustness.forward.folds import spell_length
from qmac.strategy.formatting import format_value

RANDOM_WALK_KEPT_SHARE = 0.30
"""Mean kept share on random walks that drift like a stock index: 400 walks, trains of 1,000 bars,
five tests of 250; its standard error is 0.03 (docs/truth.md)."""


class Facts(NamedTuple):
    """What the sentences are about."""

    objective: str
    """Metric that chooses."""
    maximize: bool
    """Whether the highest is the best."""
    ranked_by: str
    """Metric that ranks in the tests."""
    combinations: int
    """Size of the grid."""
    scored: int
    """Window sets that are ranked in the first test."""
    folds: int
    ranked: int
    """Folds whose winner has a rank."""
    above_median: int
    """Those of them whose winner is better than half of all."""
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
    name: str,
    combinations: int,
    objective: str,
    layout: Mapping[str, Any],
    folds: int,
    *,
    maximize: bool = True,
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
    maximize : bool, default True
        Whether the highest objective is the best.

    Returns
    -------
    str
        Lengths as the user wrote them.
    """
    metric = objective if maximize else f"the lowest {objective}"
    best = f"{name}: the best of {combinations:,} window sets by {metric}, chosen"
    gap = f" after a gap of {spell_length(layout['gap'])}" if layout["gap"] else ""
    if layout["holdout"] is not None:
        return f"{best} on the bars before the test{gap}."
    train, test = (spell_length(layout[part]) for part in ("train", "test"))
    start = "all bars before (at least " if layout["anchored"] else ""
    end = ")" if layout["anchored"] else ""
    return f"{best} in {_count(folds, 'fold')} on {start}{train}{end} and followed for {test}{gap}."


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
    if facts.without_winner == facts.folds:
        sentences = [_describe_cash(facts)]
    else:
        sentences = [_describe_ranks(facts), _describe_growth(facts), _describe_share(facts)]
        sentences += _describe_unranked(facts)
    if facts.ranked_by != facts.objective:
        order = "" if facts.maximize else ", the highest first"
        sentences.append(
            f"{facts.objective} is no sum over bars: it chooses in training, and in the tests "
            f"window sets are ranked by {facts.ranked_by}{order}."
        )
    if facts.left_over:
        verb = "is" if facts.left_over == 1 else "are"
        sentences.append(
            f"{_count(facts.left_over, 'bar')} after the last test {verb} left over, too few for "
            "another one."
        )
    return sentences


def describe_outcome(facts: Facts) -> str:
    """Return what following the winners made, in a sentence that stands alone.

    Parameters
    ----------
    facts : Facts
        What it is about.

    Returns
    -------
    str
        One of ``describe``.
    """
    no_winner = facts.without_winner == facts.folds
    return _describe_cash(facts) if no_winner else _describe_growth(facts)


def _describe_cash(facts: Facts) -> str:
    """Return the sentence of a walk-forward without any winner."""
    trains = "the train" if facts.folds == 1 else "any train"
    hold = format_value("total_return", facts.hold)
    return (
        f"No window set passed the constraints in {trains}: the account stayed in cash; buy & hold "
        f"made {hold}."
    )


def _describe_unranked(facts: Facts) -> list[str]:
    """Return what is said of folds without a winner, and of winners without a rank."""
    sentences = []
    if facts.without_winner:
        trains = _count(facts.without_winner, "train")
        sentences.append(
            f"In {trains} no window set passed the constraints; the account stayed in cash."
        )
    unranked = facts.folds - facts.without_winner - facts.ranked
    if unranked and facts.ranked:
        verb = "has" if unranked == 1 else "have"
        sentences.append(
            f"{_count(unranked, 'winner')} {verb} no {facts.ranked_by} in the test, such as "
            "without a trade, and no rank."
        )
    return sentences


def _describe_ranks(facts: Facts) -> str:
    if not facts.ranked:
        winners = "The winner has" if facts.folds == 1 else "The winners have"
        return f"{winners} no {facts.ranked_by} in the bars after, and no rank."
    if facts.folds > 1:
        return (
            "The winners were better than the median window set in the bars after in "
            f"{facts.above_median} of {_count(facts.ranked, 'fold')}."
        )
    among = "" if facts.scored == facts.combinations else f" that have a {facts.ranked_by} there"
    return (
        f"In the bars after, the winner was better than {facts.better_than:.1%} of all "
        f"{facts.scored:,} window sets{among}."
    )


def _describe_growth(facts: Facts) -> str:
    relation = "as much as"
    if facts.followed != facts.hold:
        relation = "more than" if facts.followed > facts.hold else "less than"
    followed, hold = (format_value("total_return", value) for value in (facts.followed, facts.hold))
    who = "the winner" if facts.folds == 1 else "the winners"
    return f"Followed, {who} made {followed}, {relation} buy & hold with {hold}."


def _describe_share(facts: Facts) -> str:
    is_one = facts.folds == 1
    winners, trains = ("winner", "its train") if is_one else ("winners", "their trains")
    what = f"This is what following the {winners} would have made, not a test"
    if math.isnan(facts.kept_share):
        return f"{what}; the {winners} did not grow in {trains}, so there is no kept share."
    return (
        f"{what}: the kept share is {facts.kept_share:.2f}, and on random walks that drift like a "
        f"stock index it averages {RANDOM_WALK_KEPT_SHARE:.2f}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_many(
    symbols: int, better: int, folds: int, above_median: int, kept_shares: Sequence[float]
) -> list[str]:
    """Return what the walk-forwards of many symbols say together.

    Parameters
    ----------
    symbols : int
        How many.
    better : int
        Those whose winners, followed, made more than buy & hold.
    folds : int
        Of all symbols, whose winner has a rank.
    above_median : int
        Folds whose winner is better than the median window set.
    kept_shares : sequence of float
        Those of the symbols that have one.

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
    if kept_shares:
        # the median: a train that hardly grew makes a ratio of any size
        sentences.append(
            f"The median kept share of {_count(len(kept_shares), 'symbol')} is "
            f"{statistics.median(kept_shares):.2f}; on random walks that drift like a stock index "
            f"it averages {RANDOM_WALK_KEPT_SHARE:.2f}."
        )
    return sentences
