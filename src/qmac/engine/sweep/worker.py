"""A worker: one thread that sweeps cells into its tally."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.period import code_dtype
from qmac.engine.sweep import reductions
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.workspace import states, summaries, tables
from qmac.kernels.compiler.lanes import allocate
from qmac.kernels.sweep.shared_windows import Visit
from qmac.kernels.sweep.sweep import Data, Workspace, sweep_cells
from qmac.kernels.sweep.tally import Scale, Tally, convert_to_metric
from qmac.kernels.trades.exit_tables import Edge, ReturnSums
from qmac.kernels.trades.walk import LastTrade

WHOLE_BYTES, TILE_BYTES = 3 << 20, 1 << 20
"""Tables larger than the first are cut into tiles of time, of the second at most. A cut has its price: states are carried, 10 MB
of them for 30,000 lists, and lists share no prefixes. Not cut, tables of 1.1 to 2.8 MB took 0.66 to 0.93 of the time, and two
threads came to 2.00 of one instead of 1.93 (1.6 MB); tables of 3.2 MB took 1.07 (2 cores, 1 MB of L2 each)."""


def count_blocks(dataset: Dataset, lanes: int) -> int:
    return -(-dataset.sells.count // lanes)


def make_tally(dataset: Dataset, spec: SweepSpec, made: Callable[..., Tally]) -> Tally:
    return made(len(dataset.windows), *count_lists(dataset), spec.top, len(spec.bounds))


Sink = Callable[[int, np.ndarray], None]
"""Takes the number of a lane block and its scores ``(N, L)``, which the next block overwrites."""


class Worker:
    """One thread's scratch memory and its tally of the cells it has done.

    The cells are the lane blocks, and after them two for each window that a combination must not share.
    Workers may share ``floors (N,)``, what the pairs of each buy list have reached by now, and pass by what is lower: if
    the tallies of all of them are to be merged. With ``sink`` the scores of a block are kept, for it; or those of ``kept`` blocks.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: SweepSpec,
        scale: Scale,
        stop: np.ndarray | None = None,
        sink: Sink | None = None,
        floors: np.ndarray | None = None,
        kept: int = 0,
    ) -> None:
        self._stop = np.zeros(1, np.uint8) if stop is None else stop
        self._width = (0,) * spec.lanes
        aim, buys, sells = spec.aim, dataset.buys, dataset.sells
        lists = buys.count
        code = code_dtype(dataset.bars)
        statistics = spec.statistics
        holds_on = spec.rules.has_stops and spec.rules.conflict == "ignore"
        tile = _tile(dataset, spec)
        depths = int(buys.prefixes.max()) + 1 if tile == dataset.bars else lists + 1
        self._data = Data(
            buys,
            sells,
            dataset.trade_values,
            dataset.stops,
            dataset.facts,
            aim,
            scale,
            dataset.bars,
            tile,
        )
        self._scratch = Workspace(
            tables=tables(tile, spec.lanes, statistics, code),
            edge=Edge(allocate(1, spec.lanes, code), allocate(1, spec.lanes, np.float64)),
            states=states(
                depths,
                spec.lanes,
                statistics | set(LastTrade._fields) if holds_on else statistics,
                code,
            ),
            cursors=np.zeros(lists, np.int64),
            floors=np.full(lists, -np.inf) if floors is None else floors,
            every=Visit(
                np.arange(lists, dtype=np.int32), buys.prefixes, np.zeros((2, 0), np.int64)
            ),
            some=Visit(
                np.zeros(lists, np.int32),
                np.zeros(lists + 1, np.int32),
                np.zeros((2, lists), np.int64),
            ),
            **summaries(
                len(dataset.windows),
                spec.lanes,
                len(aim.metrics),
                lists * max(kept, sink is not None),
                code,
            ),
        )
        self._tally: Tally | None = None
        self._made, self._sink = functools.partial(make_tally, dataset, spec), sink
        self._blocks = count_blocks(dataset, spec.lanes)
        self.cells = self._blocks + (0 if spec.shared_windows else 2 * len(dataset.windows))

    @property
    def tally(self) -> Tally:
        """Of the cells that it has done since it started over or gave the last one away."""
        if self._tally is None:
            self._tally = self._made(reductions.empty)
        return self._tally

    def take_scores(self) -> np.ndarray:
        """Those of the last batch that are kept: ``(N, L)`` for each block, one after the other; the next batch overwrites them."""
        scores = self._scratch.row.scores
        convert_to_metric(scores, self._data.aim.sign)
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
        return bool(
            sweep_cells(self._width, batch, self._data, self._scratch, self.tally, self._stop)
        )

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return _nbytes(self._scratch) + reductions.nbytes(
            self._tally or self._made(reductions.blank)
        )

    def start_over(self) -> None:
        """Go on with an empty tally, which is to be merged with those before."""
        if self._tally is not None:
            reductions.clear(self._tally)


def _nbytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_nbytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def _tile(dataset: Dataset, spec: SweepSpec) -> int:
    """Bars of a tile. Drawdowns look at the whole series."""
    columns = len(spec.statistics & {*ReturnSums._fields, "paid"})
    row = spec.lanes * (code_dtype(dataset.bars)(0).itemsize + 8 * columns)
    if "worst" in spec.statistics:
        return dataset.bars
    if dataset.bars * row <= WHOLE_BYTES:
        return dataset.bars
    tiles = -(-dataset.bars * row // TILE_BYTES)
    return -(-dataset.bars // tiles)


def count_lists(dataset: Dataset) -> tuple[int, int]:
    """How many, of each side."""
    return dataset.buys.count, dataset.sells.count
