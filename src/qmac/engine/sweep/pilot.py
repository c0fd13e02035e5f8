"""The pilot: a small sample of the sweep that places the histogram and scales the sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.trade_values import bound_log_gain
from qmac.engine.sweep import reductions
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker, build_data, count_blocks, count_lists
from qmac.kernels.signals.event_lists import Lists, Side, build_lists, map_pairs_to_lists
from qmac.kernels.sweep.tally import Scale
from qmac.strategy.grid import Combination

PILOT_ROWS, PILOT_LANES = 256, 32
"""Combinations that place the histogram: at most this many lists of entries by this many of exits.
With four times as many it came out the same: within 2 % as wide for returns, Sharpe ratios and
drawdowns of 600 and 2,000 bars."""
PILOT_TAIL = 0.002
"""Share of them at each end that may lie far out without stretching the histogram."""
PILOT_LEAST = 100
"""Fewer scores of a sample than this tell nothing: then the pilot is swept without constraints."""
PILOT_SPREAD = 2.0**12
"""Times the median size of its scores beyond which none stretches the histogram or the sums."""
HEADROOM = 16.0
"""Scores further out than this many times the furthest of the pilot count as that much in means."""


def place_scale(dataset: Dataset, spec: SweepSpec) -> tuple[reductions.Units, Scale]:
    """Return how scores become integers and bins, from a sample of the combinations.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed.

    Returns
    -------
    units : Units
        Of the sums.
    scale : Scale
        With the edges of the histogram.
    """
    pilot = _sample_dataset(dataset)
    windows = len(dataset.windows)
    rough, is_bounded = _build_rough_scale(dataset, spec), spec.is_bounded
    scores = _drop_nan(sweep_scores(pilot, spec, rough))
    if scores.size < PILOT_LEAST and count_lists(pilot) != count_lists(dataset):
        scores = _drop_nan(sweep_scores(pilot, spec, rough, ignores_constraints=True))
    scores *= spec.objective.sign
    bound = bound_log_gain(dataset.trade_values.sums.gain) if is_bounded else None
    return fit_scale(scores, bound, windows)


def _build_rough_scale(dataset: Dataset, spec: SweepSpec) -> Scale:
    """Return any scale that has the type of the real one: one compilation."""
    limit = None if spec.is_bounded else 1.0
    units = reductions.Units.from_bound(1.0, len(dataset.windows))
    return units.build_scale(0.0, 0.0, limit)


def compute_score(dataset: Dataset, spec: SweepSpec, combination: Combination) -> float:
    """Return the score of one combination, whatever the constraints; bit for bit as swept.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed.
    combination : tuple of int
        The four windows.

    Returns
    -------
    float
        NaN where it has none.
    """
    windows = len(dataset.windows)
    buy_fast, buy_slow, sell_fast, sell_slow = np.searchsorted(dataset.windows, combination)
    buy = map_pairs_to_lists(dataset.buys.pairs, windows)[buy_fast, buy_slow]
    sell = map_pairs_to_lists(dataset.sells.pairs, windows)[sell_fast, sell_slow]
    lists = (np.array([number], np.int32) for number in (buy, sell))
    one = select_lists(dataset, *lists)
    scale = _build_rough_scale(dataset, spec)
    return float(sweep_scores(one, spec, scale, ignores_constraints=True)[0, 0])


def fit_scale(
    scores: np.ndarray, bound: float | None, windows: int
) -> tuple[reductions.Units, Scale]:
    """Return integers and bins for scores like those of a sample.

    Parameters
    ----------
    scores : ndarray
        Ranked scores ``(N,)``, the higher the better.
    bound : float or None
        No score is further from 0, where that is known.
    windows : int
        Windows of the grid.

    Returns
    -------
    units : Units
        Of the sums.
    scale : Scale
        With the edges of the histogram.
    """
    if bound is None and scores.any():
        scores = np.clip(scores, -reductions.LARGEST, reductions.LARGEST)
        most = PILOT_SPREAD * float(np.median(np.abs(scores[scores != 0])))
        scores = np.clip(scores, -most, most)
    low, high, furthest = _measure_spread(np.sort(scores))
    limit = max(furthest, 1e-6) * HEADROOM if bound is None else None
    units = reductions.Units.from_bound(bound or limit or 1.0, windows)
    # more than the last digits of the edges
    margin = max(high - low, 1e-6, 1e-9 * furthest) / 2
    return units, units.build_scale(low - margin, high + margin, limit)


def _measure_spread(scores: np.ndarray) -> tuple[float, float, float]:
    """Return the ends of sorted scores without their tails, and the largest distance from 0."""
    if not scores.size:
        return 0.0, 0.0, 1.0
    tail = int(PILOT_TAIL * scores.size)
    low = float(scores[tail])
    high = float(scores[-1 - tail])
    furthest = max(-scores[0], scores[-1])
    return low, high, float(furthest)


def sweep_scores(
    dataset: Dataset, spec: SweepSpec, scale: Scale, ignores_constraints: bool = False
) -> np.ndarray:
    """Return the scores of a small dataset, whatever windows combinations share.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed.
    scale : Scale
        Any one of the right type.
    ignores_constraints : bool, optional
        Whether to score combinations that a constraint removes.

    Returns
    -------
    ndarray
        Lists of entries by lists of exits, ``(B, S)``; NaN for none.
    """
    every = replace(spec, top=1, shared_windows=True, ignores_constraints=ignores_constraints)
    blocks = count_blocks(dataset, spec.lanes)
    worker = Worker(dataset, every, build_data(dataset, every, scale), stored_blocks=blocks)
    worker.evaluate((0, worker.cells))
    buys, sells = count_lists(dataset)
    by_block = worker.take_scores().reshape(blocks, buys, spec.lanes)
    by_row = by_block.swapaxes(0, 1).reshape(buys, -1)
    scores: np.ndarray = by_row[:, :sells]
    return scores


def _drop_nan(scores: np.ndarray) -> np.ndarray:
    known: np.ndarray = scores[~np.isnan(scores)]
    return known


def _sample_dataset(dataset: Dataset) -> Dataset:
    """Return the dataset with an even sample of its lists."""
    buys = _sample_lists(dataset.buys, PILOT_ROWS)
    sells = _sample_lists(dataset.sells, PILOT_LANES)
    return select_lists(dataset, buys, sells)


def _sample_lists(lists: Lists, most: int) -> np.ndarray:
    step = -(-lists.count // most)
    return np.arange(0, lists.count, step, dtype=np.int32)


def select_lists(dataset: Dataset, buys: np.ndarray, sells: np.ndarray) -> Dataset:
    """Return the dataset with some of its lists, as if each had one pair of the same two windows.

    So its maps are small.

    Parameters
    ----------
    dataset : Dataset
        Any.
    buys, sells : ndarray
        Numbers of lists, ``(B,)`` and ``(S,)`` int32.

    Returns
    -------
    Dataset
        With the lists in this order.
    """
    windows = dataset.windows[:2]
    sides = (_select_side(dataset.buys, buys), _select_side(dataset.sells, sells))
    few_buys, few_sells = build_lists(sides, len(windows))
    return replace(dataset, windows=windows, buys=few_buys, sells=few_sells)


def _select_side(lists: Lists, numbers: np.ndarray) -> Side:
    fast = np.zeros(numbers.size, np.int32)
    ids = np.arange(numbers.size, dtype=np.int32)
    return Side(lists.crosses, numbers, ids, fast, fast + 1)
