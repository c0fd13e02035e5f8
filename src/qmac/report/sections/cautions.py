"""Reasons to doubt a winner, in plain words. docs/report.md lists them with their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.data.origin import shorten_note
from qmac.engine.backtest.backtest import Backtest
from qmac.engine.neighbourhood.neighbours import Neighbourhood
from qmac.report.sections.distribution import DistributionSummary
from qmac.report.sections.strategies import Strategies
from qmac.results.result import Result
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.chance import LUCK, SMALL_P
from qmac.strategy.formatting import format_span, format_value, plural, to_words
from qmac.strategy.grid import ROLES
from qmac.strategy.rules import Rules

THRESHOLDS = {
    "few_trades": 30,  # trades of the winner, fewer than this
    "one_trade": 0.5,  # share of its log growth that the best trade made, more than this
    "spike": 0.5,  # share of the winner's lead that the median neighbour has, less than this
    "alone": 0.9,  # the same for the best neighbour one step away
    "edge": 0,  # steps between a window of the winner and the end of its range, at most this
    "short": 1.0,  # years of the trading period, fewer than this
    "few_positive": 0.5,  # share of combinations with a positive objective, less than this
    "luck": SMALL_P,  # p of the winner in random markets, all of its interval above this
    "undefined": 0.1,  # share of its neighbours whose objective is undefined, more than this
}
"""Each caution and the number from which on a report has it. The winner's lead is that over the
median of all combinations."""
LEAST_RETURN = -1 + 1e-15
"""Return that a trade counts as where it lost everything: the logarithm of 0 is infinite."""


@dataclass(frozen=True)
class Caution:
    """One reason to doubt the winner."""

    name: str
    """Key of ``THRESHOLDS``, ``behind_hold`` or ``prices``."""
    heading: str
    text: str
    """A sentence or two."""


def find_cautions(
    result: Result,
    run: Backtest | None,
    strategies: Strategies,
    summary: DistributionSummary | None,
    luck: Luck | None = None,
) -> tuple[Caution, ...]:
    """Return the cautions that apply to a result.

    Parameters
    ----------
    result : Result
        Any result.
    run : Backtest or None
        Backtest of its winner; None if no combination was scored.
    strategies : Strategies
        Best rows with their neighbourhoods.
    summary : DistributionSummary or None
        Distribution of the objective.
    luck : Luck, optional
        What random markets say about the winner.

    Returns
    -------
    tuple of Caution
        The gravest first.
    """
    odd = _list_warnings(result)
    if run is None or summary is None:
        return odd
    cautions = [
        *odd,
        _check_luck(luck),
        _check_trades(run),
        _check_best_trade(run, result.rules),
        *_check_neighbours(result, strategies, summary),
        _check_edges(result),
        _check_hold(result, run),
        _check_period(result, run),
        _check_losses(summary) if result.maximize else None,
    ]
    return tuple(caution for caution in cautions if caution is not None)


def _list_warnings(result: Result) -> tuple[Caution, ...]:
    """Return what is odd in the prices; results of earlier versions do not say it."""
    texts = result.prices.get("warnings", [])
    return tuple(Caution("prices", "Odd prices", shorten_note(text)) for text in texts)


def _check_luck(luck: Luck | None) -> Caution | None:
    if luck is None or luck.verdict != LUCK:
        return None
    return Caution("luck", "Luck", luck.sentences[0])


def _check_trades(run: Backtest) -> Caution | None:
    count, least = len(run.trades), THRESHOLDS["few_trades"]
    if count >= least:
        return None
    text = (
        f"The winner made {count} {plural(count, 'trade')}. "
        f"With fewer than {least} a few lucky ones make the result."
    )
    return Caution("few_trades", "Few trades", text)


def _check_best_trade(run: Backtest, rules: Rules) -> Caution | None:
    trades = run.trades
    returns = trades["return"].to_numpy()
    growth = np.log1p(np.maximum(returns, LEAST_RETURN))
    total = float(growth.sum())
    if growth.size == 0 or total <= 0:
        return None
    share = float(growth.max()) / total
    if share <= THRESHOLDS["one_trade"]:
        return None
    best = trades.iloc[int(growth.argmax())]
    part = f"{share:.0%} of its growth" if share <= 1 else "more than all of its growth"
    without = math.expm1(total - float(growth.max()))
    total_return = run.equity.iloc[-1] / rules.init_cash - 1
    text = (
        f"The trade entered on {str(best['entry_date'])[:10]} made {part} "
        f"({best['return']:+.1%}); without it the total return would be {without:.1%} "
        f"instead of {total_return:.1%}."
    )
    return Caution("one_trade", "Most of the profit is from one trade", text)


def _check_neighbours(
    result: Result, strategies: Strategies, summary: DistributionSummary
) -> list[Caution | None]:
    """Return what the neighbourhood of the winner says against it."""
    if not strategies.rows or not strategies.rows[0].near:
        return []
    near, wide = strategies.rows[0].near
    if wide.neighbours == 0:
        return []
    return [
        _check_best_neighbour(result, near, summary),
        _check_median_neighbour(result, wide, summary),
        _check_undefined(result, wide),
    ]


def _check_best_neighbour(
    result: Result, near: Neighbourhood, summary: DistributionSummary
) -> Caution | None:
    if not near.neighbours or near.infinite:
        return None
    if _compute_lead_share(near.best, summary) >= THRESHOLDS["alone"]:
        return None
    best = format_value(result.objective, near.best)
    winner = format_value(result.objective, summary.winner)
    middle = format_value(result.objective, _median(summary))
    text = (
        f"Of {near.neighbours} {plural(near.neighbours, 'window set')} one step away even the "
        f"best reaches {best}, not {winner}. "
        f"The median {to_words(result.objective)} of all combinations is {middle}."
    )
    return Caution("alone", "All neighbours are worse", text)


def _check_median_neighbour(
    result: Result, wide: Neighbourhood, summary: DistributionSummary
) -> Caution | None:
    if wide.infinite or _compute_lead_share(wide.median, summary) >= THRESHOLDS["spike"]:
        return None
    text = (
        f"The median of {wide.neighbours} {plural(wide.neighbours, 'window set')} within two "
        f"steps is {format_value(result.objective, wide.median)}: most of the winner's lead is "
        "gone when a window moves by a step or two."
    )
    return Caution("spike", "A spike, not a plateau", text)


def _check_undefined(result: Result, wide: Neighbourhood) -> Caution | None:
    if wide.undefined <= THRESHOLDS["undefined"] * wide.neighbours:
        return None
    text = (
        f"The {to_words(result.objective)} of {wide.undefined} of {wide.neighbours} "
        f"{plural(wide.neighbours, 'window set')} within two steps is undefined or infinite."
    )
    return Caution("undefined", "Some neighbours have no score", text)


def _compute_lead_share(value: float, summary: DistributionSummary) -> float:
    """Return which share of the winner's lead over the median a value of the objective has."""
    if value == summary.winner:  # equal to the last bit is no loss, whatever the lead
        return 1.0
    lead = summary.winner - _median(summary)
    if lead == 0 or not math.isfinite(value):
        return -math.inf
    return (value - _median(summary)) / lead


def _check_edges(result: Result) -> Caution | None:
    parts = []
    for role, window in zip(ROLES, result.best or (), strict=False):
        windows = result.grid.roles[role]
        place = windows.index(window)
        steps = min(place, len(windows) - 1 - place)
        if len(windows) > 1 and steps <= THRESHOLDS["edge"]:
            end = "first" if window == windows[0] else "last"
            parts.append(f"{to_words(role)} {window} is the {end} of its windows")
    if not parts:
        return None
    text = "; ".join(parts)
    text = f"{text[0].upper()}{text[1:]}. Better ones may lie beyond: widen the range."
    return Caution("edge", "The winner is at the edge of the grid", text)


def _check_hold(result: Result, run: Backtest) -> Caution | None:
    total_return = float(run.metrics["total_return"])
    hold = result.hold["total_return"]
    if total_return >= hold or not result.maximize:
        return None
    text = (
        f"The winner returned {total_return:.1%}, buying at the first close and holding {hold:.1%}."
    )
    return Caution("behind_hold", "Buy & hold made more", text)


def _check_period(result: Result, run: Backtest) -> Caution | None:
    if result.distribution.objective.years >= THRESHOLDS["short"]:
        return None
    dates = run.equity.index
    bars = f"{len(dates):,} {plural(len(dates), 'bar')}"
    text = (
        f"The {bars} from first to last take {format_span(dates[0], dates[-1])}. Annualised "
        "figures extrapolate far beyond them."
    )
    return Caution("short", "A short period", text)


def _check_losses(summary: DistributionSummary) -> Caution | None:
    share = summary.share_positive
    if summary.high <= 0 or share >= THRESHOLDS["few_positive"]:
        return None
    text = (
        f"Only {share:.1%} of all combinations have a {to_words(summary.objective)} above 0: "
        "the winner is the best of a method that mostly failed on these prices."
    )
    return Caution("few_positive", "Most combinations lose", text)


def _median(summary: DistributionSummary) -> float:
    return dict(summary.quantiles)[0.5]
