"""From units of work to tallies: the part of a run that is shipped to workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qmac import reductions
from qmac.config import Rules
from qmac.dataset import Dataset
from qmac.kernels import measures
from qmac.kernels.crosses import Crosses
from qmac.kernels.lanes import SUBHISTOGRAMS, allocate
from qmac.kernels.sweep import Aim, Pairs, Rows, sweep_blocks
from qmac.kernels.tables import Course, Sums, Tables
from qmac.kernels.tally import BINS, Block, Scale, Tally
from qmac.kernels.walk import FIRST, Counts, Drawdown, State, Trades
from qmac.objective import MEASURES, Objective, score_of_value
from qmac.values import bound_of, code_dtype

LANES = 32
"""Sell pairs side by side. 32 beat 8, 16 and 64 at 2,000 and at 4,700 bars (docs/design.md)."""

PILOT_ROWS, PILOT_LANES = 1024, 32
"""Combinations that place the histogram: at most this many buy pairs by this many sell pairs."""
PILOT_TAIL = 0.002
"""Share of them at each end that may lie far out without stretching the histogram."""
PILOT_LEAST = 100
"""Fewer scores than this tell nothing: then the pilot is swept without bounds."""
HEADROOM = 16.0
"""Scores further out than this many times the furthest of the pilot count as that much in means."""


@dataclass(frozen=True)
class Question:
    """What is asked of every combination."""

    rules: Rules
    objective: Objective
    shared_windows: bool
    top: int
    constraints: Mapping[str, tuple[float, float]]
    lanes: int = LANES

    @property
    def traded(self) -> bool:
        """Whether a combination must trade, and that is all that is asked of the number of trades."""
        return self.constraints.get("total_trades") == (1.0, np.inf)

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """The constraints less that, by metric, as bounds of its score."""
        return {
            metric: (
                score_of_value(metric, low, self.objective.years),
                score_of_value(metric, high, self.objective.years),
            )
            for metric, (low, high) in self.constraints.items()
            if not (metric == "total_trades" and self.traded)
        }

    @property
    def statistics(self) -> set[str]:
        """Fields of ``walk.State`` that the answer is made of."""
        asked = {MEASURES[metric] for metric in (self.objective.metric, *self.bounds)}
        return set[str]().union(*(measures.STATISTICS[measure] for measure in asked))

    def is_bounded(self, dataset: Dataset) -> bool:
        """Whether the prices say how large a score can be."""
        return MEASURES[self.objective.metric] == measures.GROWTH and dataset.stops is None

    @property
    def aim(self) -> Aim:
        """The question as the kernel takes it."""
        bounds = self.bounds
        limits = np.array(list(bounds.values()), np.float64).reshape(-1, 2)
        return Aim(
            measure=MEASURES[self.objective.metric],
            sign=self.objective.sign,
            traded=self.traded,
            metrics=np.array([MEASURES[metric] for metric in bounds], np.int64),
            low=limits[:, 0].copy(),
            high=limits[:, 1].copy(),
            ignore=int(self.rules.conflict == "ignore"),
            shared_windows=self.shared_windows,
        )


class Evaluator:
    """Makes workers that share one dataset and one scale.

    The histogram is placed by a pilot: an even sample of the grid, the same for every run of it, so
    that edges do not depend on threads or tiles.
    """

    def __init__(self, dataset: Dataset, question: Question) -> None:
        self.dataset, self.question = dataset, question
        self.stop = np.zeros(1, np.uint8)
        pilot = _pilot(dataset)
        bounded = question.is_bounded(dataset)
        rough = reductions.Units.of(1.0, len(dataset.windows))
        rough_scale = rough.scale(0.0, 0.0, None if bounded else 1.0)  # of the type of the real one: one compilation
        scores = _scores(pilot, replace(question, shared_windows=True), rough_scale)
        if scores.size < PILOT_LEAST:
            open_bounds = dict.fromkeys(question.bounds, (-np.inf, np.inf))  # the same statistics, the same kernel
            scores = _scores(pilot, replace(question, shared_windows=True, constraints=open_bounds), rough_scale)
        low, high, furthest = 0.0, 0.0, 1.0
        if scores.size:
            low, high = (float(np.quantile(scores, q)) for q in (PILOT_TAIL, 1 - PILOT_TAIL))
            furthest = float(np.abs(scores).max())
        margin = max(high - low, 1e-6) / 2
        bound = bound_of(dataset.values.sums.gain) if bounded else max(furthest, 1e-6) * HEADROOM
        self.units = reductions.Units.of(bound, len(dataset.windows))
        self.scale = self.units.scale(low - margin, high + margin, None if bounded else bound)

    @property
    def blocks(self) -> int:
        """Lane blocks of the dataset."""
        return -(-self.dataset.sells.fast.size // self.question.lanes)

    def worker(self) -> Worker:
        """A worker that ends when ``stop`` is set."""
        return Worker(self.dataset, self.question, self.scale, self.stop)


class Worker:
    """One thread's scratch memory and its tally of the units it has done."""

    def __init__(self, dataset: Dataset, question: Question, scale: Scale, stop: np.ndarray | None = None) -> None:
        self._dataset, self._aim, self._scale = dataset, question.aim, scale
        self._stop = np.zeros(1, np.uint8) if stop is None else stop
        self._width = (0,) * question.lanes
        windows, lanes = len(dataset.windows), question.lanes
        code = code_dtype(dataset.bars)
        depths = int(dataset.rows.shared.max()) + 1
        statistics = question.statistics
        self._tables = _tables(dataset.bars + 1, lanes, statistics)
        holds_on = question.rules.has_stops and question.rules.conflict == "ignore"
        self._states = _states(depths, lanes, statistics | {"own"} if holds_on else statistics, code)
        self._held = allocate(1, lanes, code) if holds_on else None
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
        self.tally: Tally = reductions.empty(
            windows, dataset.rows.pairs.fast.size, question.top, len(self._aim.metrics)
        )
        self.blocks = -(-dataset.sells.fast.size // lanes)

    def evaluate(self, unit: tuple[int, int]) -> bool:
        """Add a range of lane blocks to the tally; False if the run was stopped meanwhile."""
        data = self._dataset
        return bool(
            sweep_blocks(
                self._width, unit, data.rows, data.sells, data.exits, self._aim, data.facts, data.values, data.stops,
                self._tables, self._held, self._states, self._block, self.tally, self._scale, self._stop,
            )
        )  # fmt: skip


def _tables(rows: int, lanes: int, statistics: Collection[str]) -> Tables:
    """Columns of the statistics asked for."""

    def column(name: str) -> Any:
        return allocate(rows, lanes, np.float64) if name in statistics else None

    course = [column("worst") for _ in Course._fields]
    return Tables(
        allocate(rows, lanes, code_dtype(rows - 1)), Sums(*map(column, Sums._fields)), column("paid"), Course(*course)
    )


def _states(depths: int, lanes: int, statistics: Collection[str], code: Any) -> State:
    """A state for each depth, the first one filled."""

    def rows(kind: Any, first: Any, dtype: Any) -> Any:
        kept = (allocate(depths, lanes, dtype) if name in statistics else None for name in kind._fields)
        made = kind(*kept)
        for array, value in zip(made, first, strict=True):
            if array is not None:
                array[0] = value
        return made

    return State(
        allocate(depths, lanes, code),
        allocate(depths, lanes, code) if "own" in statistics else None,
        rows(Sums, FIRST.sums, np.float64),
        rows(Drawdown, FIRST.drawdown, np.float64),
        rows(Counts, FIRST.counts, code),
        rows(Trades, FIRST.trades, np.float64),
    )


def _scores(dataset: Dataset, question: Question, scale: Scale) -> np.ndarray:
    """All finite scores of a small dataset."""
    most = dataset.rows.order.size * dataset.sells.fast.size
    worker = Worker(dataset, replace(question, top=most), scale)
    worker.evaluate((0, worker.blocks))
    return worker.tally.heap_score[: worker.tally.heap_size[0]]


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
