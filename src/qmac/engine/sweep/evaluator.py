"""What all workers of a sweep share: the data, the spec, the scale of the histogram."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.sweep import reductions
from qmac.engine.sweep.pilot import place_scale, select_lists, sweep_scores
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Sink, Worker, count_blocks, make_tally
from qmac.kernels.sweep.tally import Scale, Tally


class Evaluator:
    """Makes workers that share one dataset and one scale.

    The histogram is placed by a pilot: an even sample of the event lists, the same for every run of it, so
    that edges do not depend on threads or tiles.
    """

    def __init__(self, dataset: Dataset, spec: SweepSpec, mapped: MapFunction = map) -> None:
        self.dataset, self.spec = dataset, spec
        self.stop = np.zeros(1, np.uint8)
        self.sink: Sink | None = None
        """Takes every score, if it is set before the workers are made."""
        self.units: reductions.Units
        self.scale: Scale
        self.counts: np.ndarray
        """Combinations that each cell adds, ``(C,)`` int64; below 0 where it takes off what shares a window."""
        self.work: np.ndarray
        """Steps of each cell, ``(C,)`` int64: rows times lanes."""
        made = mapped(lambda part: part(dataset, spec), (place_scale, _counts, _work))
        (self.units, self.scale), self.counts, self.work = made

    def worker(self, floors: np.ndarray | None = None) -> Worker:
        """A worker that ends when ``stop`` is set; ``floors`` as of ``Worker``."""
        return Worker(self.dataset, self.spec, self.scale, self.stop, self.sink, floors)

    def floors(self) -> np.ndarray:
        """Those of workers that have done nothing."""
        return np.full(self.dataset.buys.count, -np.inf)

    def compute_values(self, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
        """Objective of the buy lists ``(B,)`` against the sell lists ``(S,)``, whatever the constraints: ``(B, S)``.

        NaN where it is not finite. Bit for bit what the sweep gives.
        """
        scores = sweep_scores(
            select_lists(self.dataset, buys, sells), self.spec, self.scale, keeps_all=True
        )
        return self.spec.objective.values(scores)

    @property
    def worker_bytes(self) -> int:
        """Memory of one worker; its tally is not made for that."""
        return self.worker().nbytes

    @property
    def tally_bytes(self) -> int:
        """Memory of a tally."""
        return reductions.nbytes(make_tally(self.dataset, self.spec, reductions.blank))

    @property
    def checksum(self) -> str:
        """Of what the kernels are given: a library that rounds a logarithm otherwise gives another dataset."""
        dataset = self.dataset
        digest = hashlib.sha256(repr((dataset.bars, self.scale, self.spec.lanes)).encode())
        for part in (
            dataset.buys,
            dataset.sells,
            dataset.trade_values,
            dataset.stops,
            dataset.facts,
        ):
            _add(digest, part)
        return digest.hexdigest()

    def empty(self) -> Tally:
        """The tally of no cell."""
        return make_tally(self.dataset, self.spec, reductions.empty)


def _counts(dataset: Dataset, spec: SweepSpec) -> np.ndarray:
    buys, sells = dataset.buys.pairs, dataset.sells.pairs
    lists = dataset.sells.count
    first = np.arange(0, lists, spec.lanes)
    counts: np.ndarray = np.diff(sells.starts[np.append(first, lists)]) * np.int64(buys.pairs.size)
    if spec.shared_windows:
        return counts
    windows = len(dataset.windows)
    holding = np.bincount(buys.fast, minlength=windows) + np.bincount(buys.slow, minlength=windows)
    fast, slow = (
        np.bincount(side, minlength=windows) * holding for side in (sells.fast, sells.slow)
    )
    bought = np.zeros((windows, windows), np.bool_)
    bought[buys.fast, buys.slow] = True
    both = sells.slow[bought[sells.fast, sells.slow]]
    slow -= np.bincount(both, minlength=windows)  # the very same pair is met under its fast window
    return np.concatenate((counts, -np.column_stack((fast, slow)).ravel()))


def _work(dataset: Dataset, spec: SweepSpec) -> np.ndarray:
    lanes, sells = spec.lanes, dataset.sells.pairs
    work = np.full(count_blocks(dataset, lanes), dataset.buys.count * lanes)
    if spec.shared_windows:
        return work
    rows = np.diff(dataset.buys.fast_holders.starts) + np.diff(dataset.buys.slow_holders.starts)
    blocks = [
        -(-np.bincount(side, minlength=rows.size) // lanes) * lanes
        for side in (sells.fast, sells.slow)
    ]
    return np.concatenate((work, (np.column_stack(blocks) * rows[:, None]).ravel()))


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, tuple):
        for inner in value:
            _add(digest, inner)
    elif isinstance(value, np.ndarray):
        digest.update(np.ascontiguousarray(value).tobytes())
    elif value is not None:
        digest.update(repr(value).encode())
