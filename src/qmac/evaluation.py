"""From cells of work to tallies: the part of a run that is shipped to workers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from qmac import reductions
from qmac.dataset import Dataset, Map
from qmac.kernels.lanes import allocate
from qmac.kernels.lists import Lists, Side, lists_of
from qmac.kernels.shared import Visit
from qmac.kernels.sweep import Data, Scratch, sweep_cells
from qmac.kernels.tables import Edge, Sums
from qmac.kernels.tally import Scale, Tally, as_metric
from qmac.kernels.walk import Own
from qmac.question import Question
from qmac.scratch import states, summaries, tables
from qmac.values import bound_of, code_dtype

WHOLE_BYTES, TILE_BYTES = 3 << 20, 1 << 20
"""Tables larger than the first are cut into tiles of time, of the second at most. A cut has its price: states are carried, 10 MB
of them for 30,000 lists, and lists share no prefixes. Not cut, tables of 1.1 to 2.8 MB took 0.66 to 0.93 of the time, and two
threads came to 2.00 of one instead of 1.93 (1.6 MB); tables of 3.2 MB took 1.07 (2 cores, 1 MB of L2 each)."""

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


Sink = Callable[[int, np.ndarray], None]
"""Takes the number of a lane block and its scores ``(N, L)``, which the next block overwrites."""


class Evaluator:
    """Makes workers that share one dataset and one scale.

    The histogram is placed by a pilot: an even sample of the event lists, the same for every run of it, so
    that edges do not depend on threads or tiles.
    """

    def __init__(self, dataset: Dataset, question: Question, mapped: Map = map) -> None:
        self.dataset, self.question = dataset, question
        self.stop = np.zeros(1, np.uint8)
        self.sink: Sink | None = None
        """Takes every score, if it is set before the workers are made."""
        self.units: reductions.Units
        self.scale: Scale
        self.counts: np.ndarray
        """Combinations that each cell adds, ``(C,)`` int64; below 0 where it takes off what shares a window."""
        self.work: np.ndarray
        """Steps of each cell, ``(C,)`` int64: rows times lanes."""
        made = mapped(lambda part: part(dataset, question), (_placed, _counts, _work))
        (self.units, self.scale), self.counts, self.work = made

    def worker(self, floors: np.ndarray | None = None) -> Worker:
        """A worker that ends when ``stop`` is set; ``floors`` as of ``Worker``."""
        return Worker(self.dataset, self.question, self.scale, self.stop, self.sink, floors)

    def floors(self) -> np.ndarray:
        """Those of workers that have done nothing."""
        return np.full(self.dataset.buys.pairs.starts.size - 1, -np.inf)

    def values(self, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
        """Objective of the buy lists ``(B,)`` against the sell lists ``(S,)``, whatever the constraints: ``(B, S)``.

        NaN where it is not finite. Bit for bit what the sweep gives.
        """
        scores = _scores(_of_lists(self.dataset, buys, sells), self.question, self.scale, keeps_all=True)
        return self.question.objective.values(scores)

    @property
    def worker_bytes(self) -> int:
        """Memory of one worker; its tally is not made for that."""
        return self.worker().nbytes

    @property
    def tally_bytes(self) -> int:
        """Memory of a tally."""
        return reductions.nbytes(_tally(self.dataset, self.question, reductions.blank))

    @property
    def checksum(self) -> str:
        """Of what the kernels are given: a library that rounds a logarithm otherwise gives another dataset."""
        dataset = self.dataset
        digest = hashlib.sha256(repr((dataset.bars, self.scale, self.question.lanes)).encode())
        for part in (dataset.buys, dataset.sells, dataset.values, dataset.stops, dataset.facts):
            _add(digest, part)
        return digest.hexdigest()

    def empty(self) -> Tally:
        """The tally of no cell."""
        return _tally(self.dataset, self.question, reductions.empty)


def _placed(dataset: Dataset, question: Question) -> tuple[reductions.Units, Scale]:
    """How scores become integers and bins."""
    pilot = _pilot(dataset)
    bounded = question.is_bounded(dataset)
    rough = reductions.Units.of(1.0, len(dataset.windows))
    rough_scale = rough.scale(0.0, 0.0, None if bounded else 1.0)  # of the type of the real one: one compilation
    scores = _known(_scores(pilot, question, rough_scale))
    if scores.size < PILOT_LEAST and _lists(pilot) != _lists(dataset):
        scores = _known(_scores(pilot, question, rough_scale, keeps_all=True))
    scores *= question.objective.sign
    return fitted(scores, bound_of(dataset.values.sums.gain) if bounded else None, len(dataset.windows))


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


def _counts(dataset: Dataset, question: Question) -> np.ndarray:
    buys, sells = dataset.buys.pairs, dataset.sells.pairs
    first = np.arange(0, sells.starts.size - 1, question.lanes)
    counts: np.ndarray = np.diff(sells.starts[np.append(first, sells.starts.size - 1)]) * np.int64(buys.pairs.size)
    if question.shared_windows:
        return counts
    windows = len(dataset.windows)
    holding = np.bincount(buys.fast, minlength=windows) + np.bincount(buys.slow, minlength=windows)
    fast, slow = (np.bincount(side, minlength=windows) * holding for side in (sells.fast, sells.slow))
    bought = np.zeros((windows, windows), np.bool_)
    bought[buys.fast, buys.slow] = True
    both = sells.slow[bought[sells.fast, sells.slow]]
    slow -= np.bincount(both, minlength=windows)  # the very same pair is met under its fast window
    return np.concatenate((counts, -np.column_stack((fast, slow)).ravel()))


def _work(dataset: Dataset, question: Question) -> np.ndarray:
    lanes, sells = question.lanes, dataset.sells.pairs
    work = np.full(_blocks(dataset, lanes), (dataset.buys.pairs.starts.size - 1) * lanes)
    if question.shared_windows:
        return work
    rows = np.diff(dataset.buys.fast_holders.starts) + np.diff(dataset.buys.slow_holders.starts)
    blocks = [-(-np.bincount(side, minlength=rows.size) // lanes) * lanes for side in (sells.fast, sells.slow)]
    return np.concatenate((work, (np.column_stack(blocks) * rows[:, None]).ravel()))


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, tuple):
        for inner in value:
            _add(digest, inner)
    elif isinstance(value, np.ndarray):
        digest.update(np.ascontiguousarray(value).tobytes())
    elif value is not None:
        digest.update(repr(value).encode())


def _blocks(dataset: Dataset, lanes: int) -> int:
    return -(-(dataset.sells.pairs.starts.size - 1) // lanes)


def _tally(dataset: Dataset, question: Question, made: Callable[..., Tally]) -> Tally:
    return made(len(dataset.windows), *_lists(dataset), question.top, len(question.bounds))


class Worker:
    """One thread's scratch memory and its tally of the cells it has done.

    The cells are the lane blocks, and after them two for each window that a combination must not share.
    Workers may share ``floors (N,)``, what the pairs of each buy list have reached by now, and pass by what is lower: if
    the tallies of all of them are to be merged. With ``sink`` the scores of a block are kept, for it; or those of ``kept`` blocks.
    """

    def __init__(
        self,
        dataset: Dataset,
        question: Question,
        scale: Scale,
        stop: np.ndarray | None = None,
        sink: Sink | None = None,
        floors: np.ndarray | None = None,
        kept: int = 0,
    ) -> None:
        self._stop = np.zeros(1, np.uint8) if stop is None else stop
        self._width = (0,) * question.lanes
        aim, buys, sells = question.aim, dataset.buys, dataset.sells
        lists = buys.pairs.starts.size - 1
        code = code_dtype(dataset.bars)
        statistics = question.statistics
        holds_on = question.rules.has_stops and question.rules.conflict == "ignore"
        tile = _tile(dataset, question)
        depths = int(buys.prefixes.max()) + 1 if tile == dataset.bars else lists + 1
        self._data = Data(buys, sells, dataset.values, dataset.stops, dataset.facts, aim, scale, dataset.bars, tile)
        self._scratch = Scratch(
            tables=tables(tile, question.lanes, statistics, code),
            edge=Edge(allocate(1, question.lanes, code), allocate(1, question.lanes, np.float64)),
            states=states(depths, question.lanes, statistics | set(Own._fields) if holds_on else statistics, code),
            cursors=np.zeros(lists, np.int64),
            floors=np.full(lists, -np.inf) if floors is None else floors,
            every=Visit(np.arange(lists, dtype=np.int32), buys.prefixes, np.zeros((2, 0), np.int64)),
            some=Visit(np.zeros(lists, np.int32), np.zeros(lists + 1, np.int32), np.zeros((2, lists), np.int64)),
            **summaries(
                len(dataset.windows), question.lanes, len(aim.metrics), lists * max(kept, sink is not None), code
            ),
        )
        self._tally: Tally | None = None
        self._made, self._sink = functools.partial(_tally, dataset, question), sink
        self._blocks = _blocks(dataset, question.lanes)
        self.cells = self._blocks + (0 if question.shared_windows else 2 * len(dataset.windows))

    @property
    def tally(self) -> Tally:
        """Of the cells that it has done since it started over or gave the last one away."""
        if self._tally is None:
            self._tally = self._made(reductions.empty)
        return self._tally

    def take_scores(self) -> np.ndarray:
        """Those of the last batch that are kept: ``(N, L)`` for each block, one after the other; the next batch overwrites them."""
        scores = self._scratch.row.scores
        as_metric(scores, self._data.aim.sign)
        return scores

    def give_away(self) -> None:
        """Its tally belongs to somebody else now."""
        self._tally = None

    def evaluate(self, batch: tuple[int, int]) -> bool:
        """Add a range of cells to the tally; False if the run was stopped meanwhile, and the tally is worth nothing."""
        if self._sink is None:
            return self._sweep(batch)
        for cell in range(*batch):
            if not self._sweep((cell, cell + 1)):
                return False
            if cell < self._blocks:
                self._sink(cell, self.take_scores())
        return True

    def _sweep(self, batch: tuple[int, int]) -> bool:
        return bool(sweep_cells(self._width, batch, self._data, self._scratch, self.tally, self._stop))

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return _nbytes(self._scratch) + reductions.nbytes(self._tally or self._made(reductions.blank))

    def start_over(self) -> None:
        """Go on with an empty tally, which is to be merged with those before."""
        if self._tally is not None:
            reductions.clear(self._tally)


def _nbytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_nbytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def _tile(dataset: Dataset, question: Question) -> int:
    """Bars of a tile. Drawdowns look at the whole series."""
    columns = len(question.statistics & {*Sums._fields, "paid"})
    row = question.lanes * (code_dtype(dataset.bars)(0).itemsize + 8 * columns)
    if "worst" in question.statistics:
        return dataset.bars
    if dataset.bars * row <= WHOLE_BYTES:
        return dataset.bars
    tiles = -(-dataset.bars * row // TILE_BYTES)
    return -(-dataset.bars // tiles)


def _scores(dataset: Dataset, question: Question, scale: Scale, keeps_all: bool = False) -> np.ndarray:
    """Scores of a small dataset, its buy lists against its sell lists, ``(B, S)``; NaN for none.

    Whatever windows they share, and the constraints if ``keeps_all``.
    """
    asked = replace(question, top=1, shared_windows=True, keeps_all=keeps_all)
    worker = Worker(dataset, asked, scale, kept=_blocks(dataset, question.lanes))
    worker.evaluate((0, worker.cells))
    buys, sells = _lists(dataset)
    by_block = worker.take_scores().reshape(-1, buys, question.lanes)
    found: np.ndarray = by_block.swapaxes(0, 1).reshape(buys, -1)[:, :sells]
    return found


def _lists(dataset: Dataset) -> tuple[int, int]:
    """How many, of each side."""
    return dataset.buys.pairs.starts.size - 1, dataset.sells.pairs.starts.size - 1


def _known(scores: np.ndarray) -> np.ndarray:
    """Those that there are."""
    known: np.ndarray = scores[~np.isnan(scores)]
    return known


def _pilot(dataset: Dataset) -> Dataset:
    """An even sample of the dataset's lists."""
    return _of_lists(dataset, _sampled(dataset.buys, PILOT_ROWS), _sampled(dataset.sells, PILOT_LANES))


def _sampled(lists: Lists, most: int) -> np.ndarray:
    size = lists.pairs.starts.size - 1
    return np.arange(0, size, -(-size // most), dtype=np.int32)


def _of_lists(dataset: Dataset, buys: np.ndarray, sells: np.ndarray) -> Dataset:
    """The dataset with some of its lists, as if each had one pair, all of the same two windows: so its maps are small."""
    windows = dataset.windows[:2]

    def only(lists: Lists, which: np.ndarray) -> Side:
        fast, ids = np.zeros(which.size, np.int32), np.arange(which.size, dtype=np.int32)
        return Side(lists.crosses, which, ids, fast, fast + 1)

    few_buys, few_sells = lists_of((only(dataset.buys, buys), only(dataset.sells, sells)), len(windows))
    return replace(dataset, windows=windows, buys=few_buys, sells=few_sells)
