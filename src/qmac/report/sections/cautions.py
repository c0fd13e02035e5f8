"""Reasons to doubt a winner, in plain words. docs/report.md lists them with their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.backtest.backtest import Backtest
from qmac.report.sections.distribution import DistributionSummary
from qmac.report.sections.strategies import Strategies
from qmac.results.result import Result
from qmac.strategy.formatting import format_value
from qmac.strategy.grid import ROLES
from qmac.strategy.rules import Rules

THRESHOLDS = {
    "few_trades": 30,  # trades of the winner, fewer than this
    "one_trade": 0.5,  # share of its log growth that the best trade made, more than this
    "spike": 0.5,  # share of the winner's lead over the median of all that the median neighbour keeps, less than this
    "alone": 0.9,  # the same for the best neighbour one step away
    "edge": 0,  # steps between a window of the winner and the end of its range, at most this
    "short": 1.0,  # years of the trading period, fewer than this
    "few_positive": 0.5,  # share of all combinations with a positive outcome, less than this
    "undefined": 0.1,  # share of its neighbours whose objective is undefined, more than this
}
"""Each caution, and the number at which it is given."""


@dataclass(frozen=True)
class Caution:
    """One reason: its name in ``THRESHOLDS``, a heading, a sentence or two."""

    name: str
    heading: str
    text: str


def cautions_of(
    result: Result,
    run: Backtest | None,
    strategies: Strategies,
    outcomes: DistributionSummary | None,
) -> tuple[Caution, ...]:
    """The cautions that a result calls for, the gravest first."""
    if run is None or outcomes is None:
        return ()
    found = [
        _few_trades(run),
        _one_trade(run, result.rules),
        *_surroundings(result, strategies, outcomes),
        _edge(result),
        _behind_hold(result),
        _short(result),
        _few_positive(outcomes) if result.maximize else None,
    ]
    return tuple(caution for caution in found if caution is not None)


def _few_trades(run: Backtest) -> Caution | None:
    trades = len(run.trades)
    if trades >= THRESHOLDS["few_trades"]:
        return None
    return Caution(
        "few_trades",
        "Few trades",
        f"The winner made {trades} trade{'s' * (trades != 1)}. With fewer than {THRESHOLDS['few_trades']} a few lucky ones make "
        "the result.",
    )


def _one_trade(run: Backtest, rules: Rules) -> Caution | None:
    growth = np.log1p(np.maximum(run.trades["return"].to_numpy(), -1 + 1e-15))
    total = float(growth.sum())
    if growth.size == 0 or total <= 0 or growth.max() <= THRESHOLDS["one_trade"] * total:
        return None
    best = run.trades.iloc[int(growth.argmax())]
    without = math.expm1(total - float(growth.max()))
    share = growth.max() / total
    made = f"{share:.0%} of its growth" if share <= 1 else "more than all of its growth"
    return Caution(
        "one_trade",
        "Most of the profit is from one trade",
        f"The trade entered on {str(best['entry_date'])[:10]} made {made} ({best['return']:+.1%}); without it the total "
        f"return would be {without:.1%} instead of {run.equity.iloc[-1] / rules.init_cash - 1:.1%}.",
    )


def _surroundings(
    result: Result, strategies: Strategies, outcomes: DistributionSummary
) -> list[Caution]:
    """How much of the winner's lead over the median outcome its neighbours keep, in scores."""
    if not strategies.rows or not strategies.rows[0].near:
        return []
    near, wide = strategies.rows[0].near
    name, found = result.objective.replace("_", " "), []
    if wide.neighbours == 0:
        return []
    middle = dict(outcomes.quantiles)[0.5]
    lead = outcomes.winner - middle

    def kept(value: float) -> float:
        if value == outcomes.winner:  # the same to the last bit is no loss, whatever the lead
            return 1.0
        return (value - middle) / lead if lead and math.isfinite(value) else -math.inf

    if near.neighbours and not near.infinite and kept(near.best) < THRESHOLDS["alone"]:
        found.append(
            Caution(
                "alone",
                "All neighbours are worse",
                f"Of {near.neighbours} window set{'s' * (near.neighbours != 1)} one step away even the best reaches {_shown(result, near.best)}, not "
                f"{_shown(result, outcomes.winner)}. The median {name} of all combinations is {_shown(result, middle)}.",
            )
        )
    if not wide.infinite and kept(wide.median) < THRESHOLDS["spike"]:
        found.append(
            Caution(
                "spike",
                "A spike, not a plateau",
                f"The median of {wide.neighbours} window set{'s' * (wide.neighbours != 1)} within two steps is {_shown(result, wide.median)}: most of the "
                "winner's lead is gone when a window moves by a step or two.",
            )
        )
    if wide.undefined > THRESHOLDS["undefined"] * wide.neighbours:
        found.append(
            Caution(
                "undefined",
                "Some neighbours have no score",
                f"The {name} of {wide.undefined} of {wide.neighbours} window set{'s' * (wide.neighbours != 1)} within two steps is undefined or infinite.",
            )
        )
    return found


def _edge(result: Result) -> Caution | None:
    at = []
    for role, window in zip(ROLES, result.best or (), strict=False):
        windows = result.grid.roles[role]
        steps = min(windows.index(window), len(windows) - 1 - windows.index(window))
        if len(windows) > 1 and steps <= THRESHOLDS["edge"]:
            at.append(
                f"{role.replace('_', ' ')} {window} is the {'first' if window == windows[0] else 'last'} of its windows"
            )
    if not at:
        return None
    text = "; ".join(at)
    return Caution(
        "edge",
        "The winner is at the edge of the grid",
        f"{text[0].upper()}{text[1:]}. Better ones may lie beyond: widen the range.",
    )


def _behind_hold(result: Result) -> Caution | None:
    made, hold = float(result.top["total_return"].iloc[0]), result.hold["total_return"]
    if made >= hold or not result.maximize:
        return None
    return Caution(
        "behind_hold",
        "Buy & hold made more",
        f"The winner returned {made:.1%}, buying at the first close and holding {hold:.1%}.",
    )


def _short(result: Result) -> Caution | None:
    years = result.distribution.objective.years
    if years >= THRESHOLDS["short"]:
        return None
    return Caution(
        "short",
        "A short period",
        f"The bars cover {years:.2g} years. Annualised figures are carried on far beyond what was seen.",
    )


def _few_positive(outcomes: DistributionSummary) -> Caution | None:
    share = outcomes.share_positive
    if outcomes.high <= 0 or share >= THRESHOLDS["few_positive"]:
        return None
    return Caution(
        "few_positive",
        "Most combinations lose",
        f"Only {share:.1%} of all combinations have a {outcomes.objective.replace('_', ' ')} above 0: the winner is the best of a "
        "method that mostly failed here.",
    )


def _shown(result: Result, value: float) -> str:
    return format_value(result.objective, value)
