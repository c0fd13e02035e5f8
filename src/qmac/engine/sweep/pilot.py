"""The pilot: a small sample of the sweep that places the histogram and scales the sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.trade_values import bound_log_gain
from qmac.engine.sweep import reductions
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker, count_blocks, count_lists
from qmac.kernels.signals.event_lists import Lists, Side, build_lists
from qmac.kernels.sweep.tally import Scale

PILOT_ROWS, PILOT_LANES = 256, 32
"""Combinations that place the histogram: at most this many buy lists by this many sell lists. With four times as many it came
out the same: within 2 % as wide for returns, Sharpe ratios and drawdowns of 600 and 2,000 bars."""
PILOT_TAIL = 0.002
"""Share of them at each end that may lie far out without stretching the histogram."""
PILOT_LEAST = 100
"""Fewer scores of a sample than this tell nothing: then the pilot is swept without bounds."""
PILOT_SPREAD = 2.0**12
"""Times the median size of its scores beyond which none of the pilot stretches the histogram or the sums."""
HEADROOM = 16.0
"""Scores further out than this many times the furthest of the pilot count as that much in means."""


def place_scale(dataset: Dataset, spec: SweepSpec) -> tuple[reductions.Units, Scale]:
    """How scores become integers and bins."""
    pilot = _pilot(dataset)
    bounded = spec.is_bounded(dataset)
    rough = reductions.Units.of(1.0, len(dataset.windows))
    rough_scale = rough.scale(
        0.0, 0.0, None if bounded else 1.0
    )  # of the type of the real one: one compilation
    scores = _known(sweep_scores(pilot, spec, rough_scale))
    if scores.size < PILOT_LEAST and count_lists(pilot) != count_lists(dataset):
        scores = _known(sweep_scores(pilot, spec, rough_scale, keeps_all=True))
    scores *= spec.objective.sign
    return fitted(
        scores,
        bound_log_gain(dataset.trade_values.sums.gain) if bounded else None,
        len(dataset.windows),
    )


def fitted(scores: np.ndarray, bound: float | None, windows: int) -> tuple[reductions.Units, Scale]:
    """Integers and bins for scores as those of a sample, ranked ones; ``bound`` where none can be further from 0."""
    if bound is None and scores.any():
        scores = np.clip(scores, -reductions.LARGEST, reductions.LARGEST)
        most = PILOT_SPREAD * float(np.median(np.abs(scores[scores != 0])))
        scores = np.clip(scores, -most, most)
    low, high, furthest = 0.0, 0.0, 1.0
    if scores.size:
        scores = np.sort(scores)
        tail = int(PILOT_TAIL * scores.size)
        low, high = float(scores[tail]), float(scores[-1 - tail])
        furthest = float(max(-scores[0], scores[-1]))
    margin = max(high - low, 1e-6, 1e-9 * furthest) / 2  # more than the last digits of the edges
    limit = max(furthest, 1e-6) * HEADROOM if bound is None else None
    units = reductions.Units.of(bound or limit or 1.0, windows)
    return units, units.scale(low - margin, high + margin, limit)


def sweep_scores(
    dataset: Dataset, spec: SweepSpec, scale: Scale, keeps_all: bool = False
) -> np.ndarray:
    """Scores of a small dataset, its buy lists against its sell lists, ``(B, S)``; NaN for none.

    Whatever windows they share, and the constraints if ``keeps_all``.
    """
    asked = replace(spec, top=1, shared_windows=True, keeps_all=keeps_all)
    worker = Worker(dataset, asked, scale, kept=count_blocks(dataset, spec.lanes))
    worker.evaluate((0, worker.cells))
    buys, sells = count_lists(dataset)
    by_block = worker.take_scores().reshape(-1, buys, spec.lanes)
    found: np.ndarray = by_block.swapaxes(0, 1).reshape(buys, -1)[:, :sells]
    return found


def _known(scores: np.ndarray) -> np.ndarray:
    """Those that there are."""
    known: np.ndarray = scores[~np.isnan(scores)]
    return known


def _pilot(dataset: Dataset) -> Dataset:
    """An even sample of the dataset's lists."""
    return select_lists(
        dataset, _sampled(dataset.buys, PILOT_ROWS), _sampled(dataset.sells, PILOT_LANES)
    )


def _sampled(lists: Lists, most: int) -> np.ndarray:
    step = -(-lists.count // most)
    return np.arange(0, lists.count, step, dtype=np.int32)


def select_lists(dataset: Dataset, buys: np.ndarray, sells: np.ndarray) -> Dataset:
    """The dataset with some of its lists, as if each had one pair, all of the same two windows: so its maps are small."""
    windows = dataset.windows[:2]

    def only(lists: Lists, which: np.ndarray) -> Side:
        fast, ids = np.zeros(which.size, np.int32), np.arange(which.size, dtype=np.int32)
        return Side(lists.crosses, which, ids, fast, fast + 1)

    few_buys, few_sells = build_lists(
        (only(dataset.buys, buys), only(dataset.sells, sells)), len(windows)
    )
    return replace(dataset, windows=windows, buys=few_buys, sells=few_sells)
