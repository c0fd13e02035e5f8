"""What all workers of a sweep share: the data, the spec, the scale of the histogram."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.sweep import reductions
from qmac.engine.sweep.pilot import place_scale, select_lists, sweep_scores
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import (
    Sink,
    Worker,
    build_data,
    count_blocks,
    make_tally,
)
from qmac.kernels.sweep.tally import Scale, Tally


class Evaluator:
    """Builds workers that share one dataset and one scale.

    The histogram is placed by a pilot: an even sample of the event lists, the same for every run of
    it, so that edges do not depend on threads or tiles.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.
    mapped : callable, optional
        Like ``map``; may spread the preparation over threads.
    """

    def __init__(self, dataset: Dataset, spec: SweepSpec, mapped: MapFunction = map) -> None:
        self.dataset, self.spec = dataset, spec
        self.stop = np.zeros(1, np.uint8)
        self.sink: Sink | None = None
        """Takes every score, if it is set before the workers are built."""
        self._spares: list[Worker] = []
        """A worker that was measured, and not used; the first thread pops it."""
        self.units: reductions.Units
        self.scale: Scale
        self.counts: np.ndarray
        """Combinations that each cell adds, ``(C,)`` int64; below 0 where it takes off what shares
        a window."""
        self.work: np.ndarray
        """Steps of each cell, ``(C,)`` int64: rows times lanes."""
        steps = (place_scale, _count_combinations, _count_steps)
        prepared = mapped(lambda step: step(dataset, spec), steps)
        (self.units, self.scale), self.counts, self.work = prepared
        self._data = build_data(dataset, spec, self.scale)

    def worker(self, floors: np.ndarray | None = None) -> Worker:
        """Return a worker that ends when ``stop`` is set.

        Parameters
        ----------
        floors : ndarray, optional
            Shared by workers whose tallies will be merged, see ``Worker``.

        Returns
        -------
        Worker
            With its own workspace.
        """
        with suppress(IndexError):
            spare = self._spares.pop()  # one step: threads begin side by side
            if spare.sink is self.sink:
                spare.stop = self.stop
                if floors is not None:
                    spare.share_floors(floors)
                return spare
        return Worker(self.dataset, self.spec, self._data, self.stop, self.sink, floors)

    def floors(self) -> np.ndarray:
        """Return the floors of workers that have swept nothing.

        Returns
        -------
        ndarray
            ``(N,)`` float64, one for each list of entries.
        """
        return np.full(self.dataset.buys.count, -np.inf)

    def compute_values(self, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
        """Return the objective of some lists, whatever the constraints; bit for bit as swept.

        Parameters
        ----------
        buys, sells : ndarray
            Numbers of lists of entries and of exits, ``(B,)`` and ``(S,)``.

        Returns
        -------
        ndarray
            ``(B, S)`` float64; NaN where it is not finite.
        """
        dataset = select_lists(self.dataset, buys, sells)
        scores = sweep_scores(dataset, self.spec, self.scale, ignores_constraints=True)
        return self.spec.objective.values(scores)

    @property
    def worker_bytes(self) -> int:
        """Memory of one worker; its tally is not written for that."""
        spare = self.worker()
        self._spares = [spare]
        return spare.nbytes

    @property
    def tally_bytes(self) -> int:
        """Memory of a tally."""
        return reductions.nbytes(make_tally(self.dataset, self.spec, reductions.blank))

    def compute_checksum(self) -> str:
        """Return a checksum of all that the kernels read.

        A library that rounds a logarithm otherwise gives another dataset.

        Returns
        -------
        str
            SHA-256, hexadecimal.
        """
        dataset = self.dataset
        digest = hashlib.sha256(repr((dataset.bars, self.scale, self.spec.lanes)).encode())
        dataset.update(digest)
        return digest.hexdigest()

    def empty(self) -> Tally:
        """Return the tally of no cell.

        Returns
        -------
        Tally
            Of the size that the sweep needs.
        """
        return make_tally(self.dataset, self.spec, reductions.empty)


def _count_combinations(dataset: Dataset, spec: SweepSpec) -> np.ndarray:
    """Return the combinations that each cell adds.

    Returns
    -------
    ndarray
        See ``Evaluator.counts``.
    """
    lists = dataset.sells.count
    ends = np.append(np.arange(0, lists, spec.lanes), lists)
    block_pairs = np.diff(dataset.sells.pairs.starts[ends])
    counts: np.ndarray = block_pairs * np.int64(dataset.buys.pairs.pairs.size)
    if spec.shared_windows:
        return counts
    return np.concatenate((counts, -_count_shared(dataset)))


def _count_shared(dataset: Dataset) -> np.ndarray:
    """Return the combinations that share each window, by its role in the exit pair.

    Returns
    -------
    ndarray
        The fast and the slow role of each window in turn, ``(2 * W,)`` int64.
    """
    buys, sells = dataset.buys.pairs, dataset.sells.pairs
    windows = len(dataset.windows)
    holders = _count_pairs(buys.fast, windows)
    holders += _count_pairs(buys.slow, windows)
    fast = _count_pairs(sells.fast, windows) * holders
    slow = _count_pairs(sells.slow, windows) * holders
    # a pair with itself shares both windows, and is counted under its fast one
    is_bought = np.zeros((windows, windows), np.bool_)
    is_bought[buys.fast, buys.slow] = True
    same = is_bought[sells.fast, sells.slow]
    slow -= _count_pairs(sells.slow[same], windows)
    return np.column_stack((fast, slow)).ravel()


def _count_steps(dataset: Dataset, spec: SweepSpec) -> np.ndarray:
    """Return the steps of each cell.

    A cell of a window that is not shared walks the lists of entries that hold the window, for each
    pair of exits that does.

    Returns
    -------
    ndarray
        See ``Evaluator.work``.
    """
    lanes = spec.lanes
    buys, sells = dataset.buys, dataset.sells.pairs
    steps = np.full(count_blocks(dataset, lanes), buys.count * lanes)
    if spec.shared_windows:
        return steps
    rows = np.diff(buys.fast_holders.starts)
    rows = rows + np.diff(buys.slow_holders.starts)
    fast = _count_pairs(sells.fast, rows.size)
    slow = _count_pairs(sells.slow, rows.size)
    blocks = -(-np.column_stack((fast, slow)) // lanes)
    shared = blocks * lanes * rows[:, None]
    return np.concatenate((steps, shared.ravel()))


def _count_pairs(places: np.ndarray, windows: int) -> np.ndarray:
    """Return how many pairs have each window, ``(W,)``."""
    return np.bincount(places, minlength=windows)
