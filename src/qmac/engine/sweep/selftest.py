"""Known answers, asked of the very kernels that are about to be used: code read from disk, on this CPU."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.backtest import batch
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker
from qmac.errors import InternalError
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective
from qmac.strategy.rules import Rules

CLOSES = (
    10, 11, 9, 12, 13, 11, 10, 12, 14, 15, 13, 12, 11, 13, 16, 15, 14, 12, 10, 9, 11, 13, 12, 14, 17, 18, 16, 13, 12, 11,
    12, 15, 14, 13, 16, 19, 17, 15, 12, 14,
)  # fmt: skip
WINDOWS = (1, 2, 3, 5, 8)
TOLERANCE = 1e-9
LARGEST = 2.0**10
"""Scores beyond it count as this in sums."""


def self_test(spec: SweepSpec) -> str:
    """Sweep a small series with the kernels of ``question`` and hold scores, counts and maps against the bar-by-bar metrics.

    About 10 ms. Windows are not shared, so what is taken off again is tested with it. Returns the SHA-256 of all that the
    kernels found, which is the same on every machine.

    Raises
    ------
    InternalError : the kernels are wrong on this machine.
    """
    rules = replace(
        spec.rules, start=None, end=None, average="sma", periods_per_year=252.0, init_cash=100.0
    )
    constrained = frozenset(spec.constrained)
    kind: Any = type(spec)  # a cached function takes what is hashable
    return _check(
        kind,
        rules,
        spec.objective.metric,
        constrained,
        spec.traded,
        spec.lanes,
    )


@functools.cache
def _check(
    kind: type[SweepSpec],
    rules: Rules,
    metric: str,
    constrained: frozenset[str],
    traded: bool,
    lanes: int,
) -> str:
    close = np.array(CLOSES, np.float64)
    opens = np.concatenate((close[:1], close[:-1]))
    frame = pd.DataFrame(
        {
            "Open": opens,
            "High": np.maximum(opens, close) + 0.5,
            "Low": np.minimum(opens, close) - 0.5,
            "Close": close,
        },
        index=pd.bdate_range("2001-01-01", periods=close.size),
    )
    prices, grid = Prices.of(frame), Grid(windows=WINDOWS)
    bounds = dict.fromkeys(constrained, (-np.inf, np.inf)) | (
        {"total_trades": (1.0, np.inf)} if traded else {}
    )
    spec = kind(rules, Objective(metric, True, close.size / 252), False, grid.size, bounds, lanes)
    series = PreparedSeries.build(prices, grid.windows, rules)
    dataset = Dataset.build(series, grid, spec.statistics)
    units, limit = (
        reductions.Units.of(LARGEST, len(WINDOWS)),
        None if spec.is_bounded(dataset) else LARGEST,
    )
    worker = Worker(dataset, spec, units.scale(-1.0, 1.0, limit))
    worker.evaluate((0, worker.cells))
    scores, indices = reductions.ranked_top(worker.tally)
    expected = batch.evaluate(prices, [grid.combination(i) for i in range(grid.size)], rules)
    undefined = expected[sorted(constrained)].isna().any(axis=1).to_numpy()
    undefined = undefined | (traded & (expected["total_trades"].to_numpy() == 0))
    values = np.where(undefined, np.nan, expected[metric].to_numpy(np.float64))
    found = np.full(grid.size, np.nan)
    places = [grid.index(combination) for combination in grid.combinations_at(indices).tolist()]
    found[places] = spec.objective.values(scores)
    values = np.where(np.isfinite(values), values, np.nan)
    maps = window_maps.build_maps(worker.tally, dataset.buys, dataset.sells, grid.shared_windows)
    totals = np.clip(scores, -LARGEST, LARGEST).sum() * 2.0**units.score_bits
    counts = (grid.size, scores.size, *(scores.size for _ in reductions.PAIRS))
    if (
        not np.allclose(found, values, TOLERANCE, TOLERANCE, equal_nan=True)
        or counts
        != (*worker.tally.totals.counts[[0, 2]].tolist(), *maps.counts.sum(axis=(1, 2)).tolist())
        or np.abs(maps.sums.sum(axis=(1, 2)) - totals).max() > scores.size
    ):
        raise InternalError(
            f"the compiled kernels give wrong answers for {metric} on this machine. Remove the directory of compiled "
            "kernels ($QMAC_CACHE_DIR, or qmac in the user's cache directory) and run again."
        )
    digest = hashlib.sha256()
    for array in reductions.named_arrays(worker.tally).values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
