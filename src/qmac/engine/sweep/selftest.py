"""Known answers from the very kernels that are about to be used, read from disk, on this CPU."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.backtest import batch
from qmac.engine.dataset.dataset import Dataset, EventLists
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.best_score import compute_best_score
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker, build_data
from qmac.errors import InternalError
from qmac.kernels.compiler import jit
from qmac.kernels.sweep.tally import Cells, Tally
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective
from qmac.strategy.rules import Rules

CLOSES = (
    10, 11, 9, 12, 13, 11, 10, 12, 14, 15, 13, 12, 11, 13, 16, 15, 14, 12, 10, 9,
    11, 13, 12, 14, 17, 18, 16, 13, 12, 11, 12, 15, 14, 13, 16, 19, 17, 15, 12, 14,
)  # fmt: skip
WINDOWS = (1, 2, 3, 5, 8)
TOLERANCE = 1e-9
RULES = Rules(fees=0.001, slippage=0.0005, periods_per_year=252.0, init_cash=100.0)
"""Costs and prices of fills are numbers to a kernel: one test of it is enough."""
STOPS: dict[str, Any] = {"stop_loss": 0.1, "trailing_stop": 0.12, "take_profit": 0.2, "max_bars": 9}
LARGEST = 2.0**10
"""Scores beyond it count as this in sums."""


@dataclass(frozen=True)
class _Kernels:
    """What decides which kernels a sweep runs; hashable, unlike a spec."""

    kind: Any
    """The class of the spec."""
    rules: Rules
    metric: str
    constrained: frozenset[str]
    must_trade: bool
    lanes: int
    is_general: bool


_tested: set[_Kernels] = set()


def self_test(spec: SweepSpec) -> str:
    """Sweep a small series with the kernels of a spec and check scores, counts and maps.

    They are compared with the bar-by-bar metrics, in about 10 ms. Windows are not shared, so what
    is taken off again is tested with it.

    Parameters
    ----------
    spec : SweepSpec
        Of the sweep that is about to run.

    Returns
    -------
    str
        SHA-256 of all that the kernels computed, which is the same on every machine.

    Raises
    ------
    InternalError
        If the kernels are wrong on this machine.
    """
    kernels = _find_kernels(spec)
    digest = _check(kernels)
    _tested.add(kernels)
    return digest


def is_tested(spec: SweepSpec) -> bool:
    """Return whether this process has tested the kernels of a spec, and so has them.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.

    Returns
    -------
    bool
        True after ``self_test``.
    """
    return _find_kernels(spec) in _tested


def self_test_best(spec: SweepSpec) -> str:
    """Search a small series for its best score with the kernels of a spec, and check it.

    Parameters
    ----------
    spec : SweepSpec
        Of the sweeps for best scores that are about to run.

    Returns
    -------
    str
        The score to the last bit, which is the same on every machine.

    Raises
    ------
    InternalError
        If the kernels are wrong on this machine.
    """
    kernels = _find_kernels(spec)
    series, grid = _build_series(kernels.rules), Grid(windows=WINDOWS)
    small = _build_spec(kernels, series, grid)
    score = compute_best_score(Dataset.build(series, grid, small.statistics), small)
    assert score is not None
    expected = np.nanmax(_compute_expected(kernels, series, grid))
    if not np.isclose(small.objective.value(score), expected, TOLERANCE, TOLERANCE):
        raise _describe_wrong(kernels)
    return score.hex()


def _find_kernels(spec: SweepSpec) -> _Kernels:
    stops = STOPS if spec.rules.has_stops else dict[str, Any]()
    rules = replace(RULES, conflict=spec.rules.conflict, **stops)
    return _Kernels(
        kind=type(spec),
        rules=rules,
        metric=spec.objective.metric,
        constrained=frozenset(spec.constrained_metrics),
        must_trade=spec.must_trade,
        lanes=spec.lanes,
        is_general=spec.is_general,
    )


@functools.cache
def _check(kernels: _Kernels) -> str:
    """Return the digest of a small sweep; raise InternalError if it is wrong."""
    series, grid, spec, dataset, units, worker = _build_small(kernels)
    worker.evaluate((0, worker.cells))
    tally = worker.tally
    maps = window_maps.build_maps(tally, dataset.buys, dataset.sells, grid.shared_windows)
    if not (
        _are_scores_right(tally, kernels, spec, series, grid)
        and _are_sums_right(tally, maps, grid, units)
    ):
        raise _describe_wrong(kernels)
    digest = hashlib.sha256()
    for array in reductions.named_arrays(tally).values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class _Small(NamedTuple):
    """The small sweep."""

    series: PreparedSeries
    grid: Grid
    spec: SweepSpec
    dataset: Dataset
    units: reductions.Units
    worker: Worker


def _build_small(kernels: _Kernels, lists: EventLists | None = None) -> _Small:
    series, grid = _build_series(kernels.rules), Grid(windows=WINDOWS)
    spec = _build_spec(kernels, series, grid)
    dataset = Dataset.build(series, grid, spec.statistics, lists=lists)
    units = reductions.Units.from_bound(LARGEST, len(WINDOWS))
    scale = units.build_scale(-1.0, 1.0, None if spec.is_bounded else LARGEST)
    worker = Worker(dataset, spec, build_data(dataset, spec, scale))
    return _Small(series, grid, spec, dataset, units, worker)


def find_signature(spec: SweepSpec) -> tuple[Any, ...]:
    """Return the types by which the kernel of a spec is compiled, for series of 16-bit codes.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.

    Returns
    -------
    tuple of numba.types.Type
        Of the arguments of ``sweep.sweep_cells``.
    """
    return _find_signature(_find_kernels(spec))


@functools.cache
def _find_signature(kernels: _Kernels) -> tuple[Any, ...]:
    worker = _build_small(kernels, EventLists.blank()).worker
    return jit.find_signature(worker.arguments((0, 0)))


def compile_others(spec: SweepSpec) -> None:
    """Compile what the test of a kernel, and the sweep after it, needs beside that kernel.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.
    """
    kernels = _find_kernels(spec)
    series, grid, spec, dataset, units, worker = _build_small(kernels)
    _compute_expected(kernels, series, grid)
    tally = worker.tally
    maps = window_maps.build_maps(tally, dataset.buys, dataset.sells, grid.shared_windows)
    window_maps.Maps.from_cells(spec.objective, maps, grid, units, map)


def _describe_wrong(kernels: _Kernels) -> InternalError:
    return InternalError(
        f"the compiled kernels give wrong answers for {kernels.metric} on this machine. Remove "
        "the directory of compiled kernels ($QMAC_CACHE_DIR, or qmac in the user's cache "
        "directory) and run again."
    )


def _build_series(rules: Rules) -> PreparedSeries:
    close = np.array(CLOSES, np.float64)
    opens = np.concatenate((close[:1], close[:-1]))
    columns = {
        "Open": opens,
        "High": np.maximum(opens, close) + 0.5,
        "Low": np.minimum(opens, close) - 0.5,
        "Close": close,
    }
    index = pd.bdate_range("2001-01-01", periods=close.size)
    prices = Prices.of(pd.DataFrame(columns, index=index))
    return PreparedSeries.build(prices, WINDOWS, rules)


def _build_spec(kernels: _Kernels, series: PreparedSeries, grid: Grid) -> SweepSpec:
    """Return a spec for the same kernels, whose constraints remove nothing that has a value."""
    bounds = dict.fromkeys(kernels.constrained, (-np.inf, np.inf))
    if kernels.must_trade:
        bounds["total_trades"] = (1.0, np.inf)
    years = len(series.prices) / series.periods_per_year
    spec: SweepSpec = kernels.kind(
        rules=kernels.rules,
        objective=Objective(kernels.metric, True, years),
        shared_windows=False,
        top=grid.size,
        constraints=bounds,
        lanes=kernels.lanes,
        is_general=kernels.is_general,
    )
    return spec


def _are_scores_right(
    tally: Tally, kernels: _Kernels, spec: SweepSpec, series: PreparedSeries, grid: Grid
) -> bool:
    """Whether the top-K, which is all combinations, has the bar-by-bar values."""
    scores, indices = reductions.ranked_top(tally)
    combinations = grid.combinations_at(indices)
    places = [grid.index(windows) for windows in combinations.tolist()]
    values = np.full(grid.size, np.nan)
    values[places] = spec.objective.values(scores)
    expected = _compute_expected(kernels, series, grid)
    return np.allclose(values, expected, TOLERANCE, TOLERANCE, equal_nan=True)


def _compute_expected(kernels: _Kernels, series: PreparedSeries, grid: Grid) -> np.ndarray:
    """Return the bar-by-bar objective of every combination; NaN where it has no score."""
    combinations = [grid.combination(index) for index in range(grid.size)]
    table = batch.replay_metrics(series, np.array(combinations, np.int64))
    expected = table[kernels.metric].astype(np.float64)
    for metric in kernels.constrained:
        is_undefined = np.isnan(table[metric])
        expected[is_undefined] = np.nan
    if kernels.must_trade:
        is_flat = table["total_trades"] == 0
        expected[is_flat] = np.nan
    expected[~np.isfinite(expected)] = np.nan
    return expected


def _are_sums_right(tally: Tally, maps: Cells, grid: Grid, units: reductions.Units) -> bool:
    """Whether each map counts and sums every score of the top-K, which is all of them.

    Each score is rounded once, so a sum may be off by half a unit for each.
    """
    scores, _ = reductions.ranked_top(tally)
    evaluated = int(tally.totals.counts[0])
    scored = int(tally.totals.counts[2])
    if (evaluated, scored) != (grid.size, scores.size):
        return False
    counts = maps.counts.sum(axis=(1, 2))
    if (counts != scores.size).any():
        return False
    total = np.clip(scores, -LARGEST, LARGEST).sum()
    sums = maps.sums.sum(axis=(1, 2))
    errors = np.abs(sums - total * 2.0**units.score_bits)
    return bool(errors.max() <= scores.size)
