"""The sweep over a whole grid: prices and a grid in, a Result out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from qmac import reductions, simulation
from qmac.config import Rules, available_cpus, check_count
from qmac.dataset import Averages, Dataset, periods_per_year, trading_period
from qmac.errors import InternalError, OptionError
from qmac.evaluation import Evaluator, Question
from qmac.grid import ROLES, Combination, Grid
from qmac.kernels.tally import Tally
from qmac.metrics import METRICS
from qmac.objective import Constraints, Objective, check_constraints, check_objective
from qmac.prices import Prices
from qmac.result import Result
from qmac.run.executors import Executor, ThreadExecutor
from qmac.run.progress import Listener, reporter
from qmac.selftest import self_test
from qmac.values import code_dtype

MOST_KEPT = 1_000_000
"""Kept rows are held by every thread and replayed bar by bar; more of them is another job."""
AGREEMENT = 1e-9
"""How far the sweep and the bar-by-bar metrics of a kept row may differ without a word."""
DISAGREEMENT = 1e-3
"""How far at all: beyond this it is no matter of digits."""


def optimize(
    prices: Prices | pd.DataFrame | pd.Series,
    grid: Grid,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int = 1,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    averages: Averages | None = None,
) -> Result:
    """Backtest every combination of the grid.

    Parameters
    ----------
    prices : bars with a Close, of which at least one more than the largest window.
    grid : the window sets.
    objective : metric to rank by, one of ``qmac.objective.MEASURES``; docs/metrics.md defines them.
    rules : how signals become trades; ``Rules()`` if None.
    top : number of best combinations to keep.
    min_trades : combinations with fewer trades are filtered: counted, neither ranked nor in the distribution.
    threads : at a time; all CPUs that the process may use if None. The answer does not depend on it.
    progress : called about ten times a second with a ``Status``.
    maximize : False to look for the lowest.
    constraints : (lowest, highest) by metric, None for no bound; combinations outside are filtered, and so are
        those for which the metric is undefined. ``min_trades=n`` is short for ``{"total_trades": (n, None)}``.
    averages : your own ``(W, T)``, in the order of ``grid.windows``, or by window; ``rules.average`` if None.

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
    bounds = check_constraints(constraints, min_trades)
    if not isinstance(grid, Grid):
        raise OptionError(
            f"grid is a {type(grid).__name__}, but must be a qmac.Grid, such as Grid(windows=range(2, 253))."
        )
    prices, rules = Prices.of(prices), Rules.of(rules)
    question = question_of(prices, grid, rules, objective, maximize, bounds, min(top, grid.size))
    return sweep(prices, grid, question, ThreadExecutor(threads), threads, progress, averages)


def question_of(
    prices: Prices,
    grid: Grid,
    rules: Rules,
    metric: str,
    maximize: bool,
    constraints: Mapping[str, tuple[float, float]],
    top: int,
) -> Question:
    """What is asked of every combination, with what the prices say about years."""
    years = trading_period(prices, rules, grid.windows).bars / periods_per_year(prices, rules)
    return Question(rules, Objective(metric, maximize, years), grid.shared_windows, top, constraints)


def sweep(
    prices: Prices,
    grid: Grid,
    question: Question,
    executor: Executor,
    threads: int,
    progress: Listener | None = None,
    averages: Averages | None = None,
) -> Result:
    """``optimize`` for checked arguments, on any executor and tile."""
    if code_dtype(trading_period(prices, question.rules, grid.windows).close.size) is np.uint16:
        self_test(question)  # longer series have kernels of their own
    began = time.perf_counter()
    dataset = Dataset.build(prices, grid, question.rules, question.statistics, averages, executor.map)
    evaluator = Evaluator(dataset, question)
    report = reporter(grid.size, question.objective, progress)
    tally = executor.run(evaluator, grid.units(evaluator.blocks, threads), report)
    elapsed = time.perf_counter() - began
    return _finish(prices, grid, question, threads, averages, evaluator, tally, elapsed)


def _finish(
    prices: Prices,
    grid: Grid,
    question: Question,
    threads: int,
    averages: Averages | None,
    evaluator: Evaluator,
    tally: Tally,
    elapsed: float,
) -> Result:
    rules, objective = question.rules, question.objective
    evaluated, passed, scored = (int(count) for count in tally.totals.counts[:3])
    if not evaluated == grid.size >= passed >= scored == int(tally.totals.histogram.sum()):
        raise InternalError(
            f"the books do not balance: grid {grid.size}, evaluated {evaluated}, passed {passed}, scored {scored}, "
            f"histogram {int(tally.totals.histogram.sum())}."
        )
    removed = dict(zip(question.bounds, tally.totals.removed[1:].tolist(), strict=True))
    if question.traded:
        removed["total_trades"] = int(tally.totals.removed[0])
    scores, indices = reductions.top_of(tally)
    maps = reductions.maps_of(tally, evaluator.dataset.buys, evaluator.dataset.sells, grid.shared_windows)
    period = trading_period(prices, rules, grid.windows)
    dates = prices.index[period.first + period.start :][: period.bars]
    return Result(
        top=_top_frame(prices, grid, question, averages, scores, indices),
        top_scores=scores * objective.sign + 0.0,  # no minus zero
        distribution=reductions.Distribution.finish(objective, tally, maps, evaluator.scale, evaluator.units),
        evaluated=evaluated,
        scored=scored,
        unscored=passed - scored,
        filtered=evaluated - passed,
        filtered_by={metric: removed[metric] for metric in question.constraints},
        elapsed=elapsed,
        grid=grid,
        rules=rules,
        objective=objective.metric,
        maximize=objective.maximize,
        constraints=dict(question.constraints),
        threads=threads,
        prices={
            "name": prices.name,
            "bars": dates.size,
            "first": str(dates[0]),
            "last": str(dates[-1]),
            "averages": rules.average if averages is None else "own",
        },
        periods_per_year=evaluator.dataset.facts.per_year,
        hold=simulation.buy_and_hold(prices, rules),
        maps=reductions.Maps.finish(objective, maps, grid, evaluator.units),
    )


def _top_frame(
    prices: Prices,
    grid: Grid,
    question: Question,
    averages: Averages | None,
    ranked: np.ndarray,
    indices: np.ndarray,
) -> pd.DataFrame:
    """The kept combinations, replayed in full; the replay must agree with the sweep."""
    kept: list[Combination] = [
        (*grid.buys.pair(buy), *grid.sells.pair(sell))
        for buy, sell in (divmod(int(index), grid.sells.size) for index in indices)
    ]
    if not kept:
        return pd.DataFrame(columns=[*ROLES, *METRICS])
    if isinstance(averages, np.ndarray):
        averages = dict(zip(grid.windows, averages, strict=True))
    frame = simulation.evaluate(prices, kept, question.rules, averages)
    objective = question.objective
    values = objective.values(ranked * objective.sign + 0.0)
    replayed = frame[objective.metric].to_numpy(np.float64)
    differences = np.abs(replayed - values) / np.maximum(np.abs(values), 1.0)
    worst = kept[int(differences.argmax())]
    if not differences.max() <= DISAGREEMENT:
        raise InternalError(f"combination {worst}: the sweep and its replay differ by {differences.max():.2e}.")
    if differences.max() > AGREEMENT:
        warnings.warn(
            f"{objective.metric} is exact to {differences.max():.0e} only ({worst}): what these combinations hold "
            "moves too little beside the rest of the series.",
            stacklevel=2,
        )
    frame[objective.metric] = values.astype(frame[objective.metric].dtype)  # the replay's last bits must not break the order
    return frame
