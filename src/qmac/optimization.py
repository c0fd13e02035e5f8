"""The sweep over a whole grid: prices and a grid in, a Result out."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from qmac import reductions, simulation
from qmac.config import Rules, available_cpus, check_count, check_objective
from qmac.dataset import Dataset
from qmac.errors import InternalError
from qmac.evaluation import Evaluator, Question
from qmac.grid import ROLES, Combination, Grid
from qmac.kernels.sweep import Tally
from qmac.metrics import METRICS
from qmac.prices import Prices
from qmac.result import Result
from qmac.run.executors import Executor, ThreadExecutor
from qmac.run.progress import Listener, reporter

MOST_KEPT = 1_000_000
"""Kept rows are held by every thread and replayed bar by bar; more of them is another job."""
AGREEMENT = 1e-9
"""How far the sweep and the bar-by-bar metrics of a kept row may differ, relative to its growth."""


def optimize(
    prices: Prices | pd.DataFrame | pd.Series,
    grid: Grid,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int = 1,
    threads: int | None = None,
    progress: Listener | None = None,
) -> Result:
    """Backtest every combination of the grid.

    Parameters
    ----------
    prices : bars with a Close, of which at least one more than the largest window.
    grid : the window sets.
    objective : metric to rank by: ``"total_return"``.
    rules : how signals become trades; ``Rules()`` if None.
    top : number of best combinations to keep.
    min_trades : combinations with fewer trades are filtered: counted, neither ranked nor in the distribution.
    threads : at a time; all CPUs that the process may use if None. The answer does not depend on it.
    progress : called about ten times a second with a ``Status``.

    Raises
    ------
    PricesError, GridError, RulesError, OptionError : something that was given cannot be used.

    Examples
    --------
    >>> import qmac
    >>> result = qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10)), top=3)
    >>> result.evaluated == result.grid.size == 1260
    True
    >>> result.best
    (10, 70, 60, 90)
    """
    check_objective(objective)
    top, min_trades = check_count("top", top, 1, MOST_KEPT), check_count("min_trades", min_trades, 0)
    threads = available_cpus() if threads is None else check_count("threads", threads, 1)
    prices, rules = Prices.of(prices), rules or Rules()
    question = Question(rules, grid.shared_windows, min(top, grid.size), min_trades)
    return sweep(prices, grid, question, objective, ThreadExecutor(threads), threads, progress)


def sweep(
    prices: Prices,
    grid: Grid,
    question: Question,
    objective: str,
    executor: Executor,
    threads: int,
    progress: Listener | None = None,
) -> Result:
    """``optimize`` for checked arguments, on any executor and tile."""
    began = time.perf_counter()
    dataset = Dataset.build(prices, grid, question.rules, executor.map)
    evaluator = Evaluator(dataset, question)
    tally = executor.run(evaluator, grid.units(evaluator.blocks), reporter(grid.size, progress))
    elapsed = time.perf_counter() - began
    return _finish(prices, grid, question, objective, threads, evaluator, tally, elapsed)


def _finish(
    prices: Prices,
    grid: Grid,
    question: Question,
    objective: str,
    threads: int,
    evaluator: Evaluator,
    tally: Tally,
    elapsed: float,
) -> Result:
    rules = question.rules
    evaluated, scored = int(tally.counts[0]), int(tally.counts[1])
    if not evaluated == grid.size >= scored == int(tally.histogram.sum()):
        raise InternalError(
            f"the books do not balance: grid {grid.size}, evaluated {evaluated}, scored {scored}, "
            f"histogram {int(tally.histogram.sum())}."
        )
    scores, indices = reductions.top_of(tally)
    return Result(
        top=_top_frame(prices, grid, rules, scores, indices),
        top_scores=scores,
        distribution=reductions.Distribution.finish(tally, evaluator.scale, evaluator.units),
        evaluated=evaluated,
        scored=scored,
        unscored=0,  # total_return is always defined
        filtered=evaluated - scored,
        elapsed=elapsed,
        grid=grid,
        rules=rules,
        objective=objective,
        min_trades=question.min_trades,
        threads=threads,
        prices={
            "name": prices.name,
            "bars": len(prices),
            "first": str(prices.index[0]),
            "last": str(prices.index[-1]),
        },
        periods_per_year=simulation.periods_per_year(prices, rules),
        hold=simulation.buy_and_hold(prices, rules),
        maps=reductions.Maps.finish(tally, grid, evaluator.units),
    )


def _top_frame(prices: Prices, grid: Grid, rules: Rules, scores: np.ndarray, indices: np.ndarray) -> pd.DataFrame:
    """The kept combinations, replayed in full; the replay must agree with the sweep."""
    kept: list[Combination] = [
        (*grid.buys.pair(buy), *grid.sells.pair(sell))
        for buy, sell in (divmod(int(index), grid.sells.size) for index in indices)
    ]
    if not kept:
        return pd.DataFrame(columns=[*ROLES, *METRICS])
    frame = simulation.evaluate(prices, kept, rules)
    growth = np.exp(scores)
    differences = np.abs(frame["total_return"].to_numpy() + 1 - growth) / growth
    if differences.max() > AGREEMENT:
        worst = kept[int(differences.argmax())]
        raise InternalError(f"combination {worst}: the sweep and its replay differ by {differences.max():.2e}.")
    frame["total_return"] = np.expm1(scores)  # the replay's last bits must not break the order
    return frame
