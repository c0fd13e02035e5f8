"""From units of work to tallies: the part of a run that is shipped to workers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qmac import reductions
from qmac.config import Rules
from qmac.dataset import Dataset, code_dtype
from qmac.kernels.crosses import Crosses
from qmac.kernels.lanes import SUBHISTOGRAMS, allocate
from qmac.kernels.sweep import BINS, Block, Pairs, Rows, States, Tally, sweep_blocks
from qmac.kernels.tables import Tables

LANES = 32
"""Sell pairs side by side. 32 beat 8, 16 and 64 at 2,000 and at 4,700 bars (docs/design.md)."""

PILOT_ROWS, PILOT_LANES = 2048, 32
"""Combinations that place the histogram: at most this many buy pairs by this many sell pairs."""


@dataclass(frozen=True)
class Question:
    """What is asked of every combination."""

    rules: Rules
    shared_windows: bool
    top: int
    min_trades: int
    lanes: int = LANES


class Evaluator:
    """Makes workers that share one dataset and one scale.

    The histogram is placed by a pilot: an even sample of the grid, the same for every run of it, so
    that edges do not depend on threads or tiles.
    """

    def __init__(self, dataset: Dataset, question: Question) -> None:
        self.dataset, self.question = dataset, question
        self.units = reductions.Units.of(dataset.bound, len(dataset.windows))
        self.stop = np.zeros(1, np.uint8)
        self.scale = self.units.scale(0.0, 0.0)
        pilot = Worker(self, _pilot(dataset), replace(question, top=1, min_trades=0, shared_windows=True))
        pilot.evaluate((0, pilot.blocks))
        low, high = float(pilot.tally.lowest[0]), float(pilot.tally.row_max.max())
        margin = max(high - low, 1e-6) / 4
        self.scale = self.units.scale(low - margin, high + margin)

    @property
    def blocks(self) -> int:
        """Lane blocks of the dataset."""
        return -(-self.dataset.sells.fast.size // self.question.lanes)

    def worker(self) -> Worker:
        return Worker(self, self.dataset, self.question)


class Worker:
    """One thread's scratch memory and its tally of the units it has done."""

    def __init__(self, evaluator: Evaluator, dataset: Dataset, question: Question) -> None:
        self._dataset, self._question = dataset, question
        self._stop, self._scale = evaluator.stop, evaluator.scale
        self._width = (0,) * question.lanes
        windows, lanes, bars = len(dataset.windows), question.lanes, dataset.bars
        code = code_dtype(bars)
        depths = int(dataset.rows.shared.max()) + 1
        self._tables = Tables(allocate(bars, lanes, code), allocate(bars, lanes, np.float64))
        self._states = States(allocate(depths, lanes, code), allocate(depths, lanes, np.float64))
        self._opened = allocate(depths, lanes, code) if question.min_trades > 1 else None
        self._block = Block(
            keep=allocate(windows, lanes, code),
            fast_max=allocate(windows, lanes, np.float64),
            fast_sum=allocate(windows, lanes, np.int64),
            slow_max=allocate(windows, lanes, np.float64),
            slow_sum=allocate(windows, lanes, np.int64),
            histogram=np.zeros((SUBHISTOGRAMS, BINS + 1), np.uint32),
            squares=allocate(1, lanes, np.int64),
            lowest=allocate(1, lanes, np.float64),
            scores=allocate(1, lanes, np.float64),
        )
        self.tally: Tally = reductions.empty(windows, dataset.rows.pairs.fast.size, question.top)
        self.blocks = -(-dataset.sells.fast.size // lanes)

    def evaluate(self, unit: tuple[int, int]) -> bool:
        """Add a range of lane blocks to the tally; False if the run was stopped meanwhile."""
        question = self._question
        rules = (
            int(question.rules.conflict == "ignore"),
            int(question.shared_windows),
            question.min_trades,
        )
        return bool(
            sweep_blocks(
                self._width, unit, self._dataset.rows, self._dataset.sells, self._dataset.exits,
                self._dataset.values, rules, self._tables, self._states, self._opened,
                self._block, self.tally, self._scale, self._stop,
            )
        )  # fmt: skip


def _pilot(dataset: Dataset) -> Dataset:
    """An even sample of the dataset's buy and sell pairs."""
    rows, sells = dataset.rows, dataset.sells
    order = rows.order[:: -(-rows.order.size // PILOT_ROWS)]
    lanes = np.arange(0, sells.fast.size, -(-sells.fast.size // PILOT_LANES))
    lists = [
        dataset.exits.bars[a:b]
        for a, b in zip(dataset.exits.starts[lanes], dataset.exits.starts[lanes + 1], strict=True)
    ]
    starts = np.concatenate(([0], np.cumsum([part.size for part in lists])))
    pilot_rows = Rows(order, np.zeros(order.size + 1, np.int32), rows.entries, rows.pairs)
    return replace(
        dataset,
        rows=pilot_rows,
        sells=Pairs(sells.fast[lanes], sells.slow[lanes]),
        exits=Crosses(starts.astype(np.int64), np.concatenate(lists)),
    )
