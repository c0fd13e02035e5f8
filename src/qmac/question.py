"""What is asked of every combination of a grid."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qmac.config import Rules
from qmac.dataset import Dataset
from qmac.kernels import measures
from qmac.kernels.sweep import Aim
from qmac.objective import MEASURES, Objective, score_bounds

LANES = 32
"""Sell lists side by side. 32 beat 8, 16 and 64 at 2,000 and at 4,700 bars (docs/design.md)."""


@dataclass(frozen=True)
class Question:
    """What is asked of every combination."""

    rules: Rules
    objective: Objective
    shared_windows: bool
    top: int
    constraints: Mapping[str, tuple[float, float]]
    lanes: int = LANES
    keeps_all: bool = False
    """Whether constraints are not looked at. The kernel is the same."""

    @property
    def traded(self) -> bool:
        """Whether a combination must trade, and that is all that is asked of the number of trades."""
        return self.constraints.get("total_trades") == (1.0, np.inf)

    @property
    def constrained(self) -> list[str]:
        """Metrics of the constraints but for ``traded``. They choose the statistics, looked at or not."""
        return [metric for metric in self.constraints if not (metric == "total_trades" and self.traded)]

    @functools.cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """By metric, bounds of the score: the constraints that are looked at, but for ``traded``."""
        looked_at = [] if self.keeps_all else self.constrained
        return {metric: score_bounds(metric, *self.constraints[metric], self.objective.years) for metric in looked_at}

    @property
    def statistics(self) -> set[str]:
        """Fields of ``walk.State`` that the answer is made of."""
        asked = {MEASURES[metric] for metric in (self.objective.metric, *self.constrained)}
        return set[str]().union(*(measures.STATISTICS[measure] for measure in asked))

    def is_bounded(self, dataset: Dataset) -> bool:
        """Whether the prices say how large a score can be."""
        return MEASURES[self.objective.metric] == measures.GROWTH and dataset.stops is None

    @property
    def aim(self) -> Aim:
        """The question as the kernel takes it."""
        limits = np.array(list(self.bounds.values()), np.float64).reshape(-1, 2)
        return Aim(
            measure=MEASURES[self.objective.metric],
            sign=self.objective.sign,
            traded=self.traded and not self.keeps_all,
            highest=self.objective.highest,
            metrics=np.array([MEASURES[metric] for metric in self.bounds], np.int64),
            low=limits[:, 0].copy(),
            high=limits[:, 1].copy(),
            ignore=int(self.rules.conflict == "ignore"),
            shared_windows=self.shared_windows,
        )
