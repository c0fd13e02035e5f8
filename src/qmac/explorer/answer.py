"""An answer as the page shows it: a frame of maps, distribution, equity, metrics and cautions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.backtest.backtest import Backtest, backtest
from qmac.engine.backtest.batch import distinct_windows
from qmac.engine.dataset.period import bar_after
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import GridError
from qmac.explorer.frames import encode_frame
from qmac.explorer.messages import View
from qmac.explorer.question import Question
from qmac.jobs.cancellation import Cancellation
from qmac.report.sections.cautions import find_cautions
from qmac.report.sections.distribution import DistributionSummary, summarize_distribution
from qmac.report.sections.equity import choose_bars, compute_drawdown, to_wall_clock
from qmac.report.sections.strategies import Strategies, build_strategies
from qmac.results.result import Result
from qmac.robustness.forward import accounts
from qmac.strategy.grid import Combination
from qmac.strategy.metrics import METRICS

NO_STRATEGIES = Strategies(0, 0, 0, ())


@dataclass(frozen=True)
class Answer:
    """The result of a question, on a coarse grid or on the whole one."""

    question: Question
    is_exact: bool
    result: Result
    seconds: float
    """From the question to the result."""


def build_frame(
    number: int,
    answer: Answer,
    view: View,
    prices: Prices,
    command: str,
    cancellation: Cancellation | None = None,
    *,
    is_moving: bool = False,
) -> bytes:
    """Return an answer as a frame.

    Parameters
    ----------
    number : int
        Of the question.
    answer : Answer
        What was computed.
    view : View
        What is shown of it, with a combination in place of a cell.
    prices : Prices
        The series.
    command : str
        What repeats it on the command line.
    cancellation : Cancellation, optional
        Looked at between two parts, of which that of a large grid takes tens of milliseconds.
    is_moving : bool, default False
        Whether another question follows soon: neighbours of the winner, which take longer than all
        else of a frame, are then not looked at.

    Returns
    -------
    bytes
        See ``encode_frame``.

    Raises
    ------
    InputError
        If the combination cannot be backtested.
    Stopped
        If it is cancelled.
    """
    check = (cancellation or Cancellation()).check
    result, best = answer.result, answer.result.best
    header: dict[str, Any] = {
        "type": "frame",
        "id": number,
        "exact": answer.is_exact,
        "seconds": answer.seconds,
        "evaluated": result.evaluated,
        "scored": result.scored,
        "filtered": result.filtered,
        "unscored": result.unscored,
        "windows": result.grid.roles,
        "pairs": PAIRS,
        "stat": view.stat,
        "objective": result.objective,
        "maximize": result.maximize,
        "winner": best,
        "combination": view.combination or best,
        "command": command,
        "digest": result.digest if answer.is_exact else None,
    }
    check()
    arrays = _build_maps(result, view.stat)
    check()
    summary = summarize_distribution(result, curve_points=0)
    if summary is not None:
        arrays |= {"edges": summary.edges.astype(np.float64), "counts": summary.counts.astype("d")}
        header["distribution"] = _describe_distribution(summary)
    combination = header["combination"]
    if combination is not None:
        runs = _build_runs(prices, combination, answer.question)
        header["metrics"] = _build_metrics(runs, result.hold)
        header["edge"] = runs.edge
        check()
        if combination == best:
            header["cautions"] = _list_cautions(
                runs.inside, answer, summary, has_neighbours=answer.is_exact and not is_moving
            )
        arrays |= _build_curves(runs.whole)
    check()
    return encode_frame(header, arrays)


def _build_maps(result: Result, stat: str) -> dict[str, np.ndarray]:
    """Return the six maps ``(R, C)`` float32, by their number in ``PAIRS``."""
    maps, arrays = result.maps, {}
    for number, (rows, columns) in enumerate(PAIRS):
        values = maps.array(result.grid, rows, columns, stat)
        with np.errstate(over="ignore"):
            finite = np.where(np.isfinite(values), values, np.nan)
            arrays[f"map{number}"] = finite.astype(np.float32)
    return arrays


def _describe_distribution(summary: DistributionSummary) -> dict[str, Any]:
    return {
        "low": summary.low,
        "high": summary.high,
        "mean": summary.mean,
        "median": dict(summary.quantiles)[0.5],
        "positive": summary.share_positive,
        "better_than_hold": summary.share_better_than_hold,
        "winner": summary.winner,
        "hold": summary.hold,
    }


@dataclass(frozen=True)
class _Runs:
    """One combination on all bars that are shown, and on those in sample."""

    whole: Backtest
    inside: Backtest
    outside: tuple[dict[str, float], dict[str, float]] | None
    """Metrics out of sample, and those of buy & hold; None where there is no bar."""
    edge: float | None
    """Moment of the last bar in sample, in seconds; None where all bars are."""


def _build_runs(prices: Prices, combination: Combination, question: Question) -> _Runs:
    if max(combination) >= len(prices):
        raise GridError(
            f"combination {combination} has a window of {max(combination)} bars, but {prices.name} "
            f"has {len(prices)}. Use shorter windows."
        )
    whole = backtest(prices, combination, question.rules)
    bar = _find_first_outside(question, prices)
    if bar is None:
        return _Runs(whole, whole, None, None)
    return _Runs(
        whole=whole,
        inside=backtest(prices, combination, question.rules_in_sample),
        outside=_measure_outside(prices, combination, question, bar),
        edge=float(_to_seconds(prices.index[bar - 1 : bar])[0]),
    )


def _find_first_outside(question: Question, prices: Prices) -> int | None:
    """Return the number of the first bar out of sample; None where there is none."""
    if question.edge is None:
        return None
    bar = bar_after(prices, question.edge)
    end = question.rules.end
    stop = len(prices) if end is None else bar_after(prices, str(end))
    return bar if bar < stop else None


def _measure_outside(
    prices: Prices, combination: Combination, question: Question, bar: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the metrics from a bar on; a position is carried in, as in a walk-forward."""
    windows = distinct_windows(np.array([combination], np.int64))
    series = PreparedSeries.build(prices, windows, question.rules).counting_from(bar)
    account = accounts.trade(series, combination, bar)
    hold = accounts.hold(series, bar)
    return accounts.measure(account, series.facts), accounts.measure(hold, series.facts)


def _build_metrics(runs: _Runs, hold: dict[str, float]) -> list[list[Any]]:
    """Return name, value and buy & hold of every metric, then those out of sample."""
    rows: list[list[Any]] = []
    inside = runs.inside.metrics.to_dict()
    for name in METRICS:
        row = [name, float(inside[name]), hold[name]]
        if runs.outside is not None:
            row += [metrics[name] for metrics in runs.outside]
        rows.append(row)
    return rows


def _list_cautions(
    inside: Backtest,
    answer: Answer,
    summary: DistributionSummary | None,
    *,
    has_neighbours: bool,
) -> list[list[str]]:
    """Return headings and sentences about the winner, and its neighbours."""
    result, strategies = answer.result, NO_STRATEGIES
    if has_neighbours:
        first = dataclasses.replace(result, top=result.top.head(1))
        strategies = build_strategies(first, result.series)
    cautions = find_cautions(result, inside, strategies, summary)
    return [[caution.heading, caution.text] for caution in cautions]


def _to_seconds(index: pd.Index) -> np.ndarray:
    """Return dates as seconds since 1970, by the clock of their own time zone."""
    return to_wall_clock(pd.DatetimeIndex(index)).astype(np.int64).astype(np.float64)


def _build_curves(run: Backtest) -> dict[str, np.ndarray]:
    """Return moments in seconds, equity and that of buy & hold, ``(T,)`` each."""
    equity, hold = run.equity.to_numpy(), run.bars["hold"].to_numpy()
    nothing = np.zeros(0, np.int64)
    shown = choose_bars(compute_drawdown(equity), compute_drawdown(hold), nothing)
    return {
        "times": _to_seconds(run.equity.index)[shown],
        "equity": equity[shown].astype(np.float64),
        "hold": hold[shown].astype(np.float64),
    }
