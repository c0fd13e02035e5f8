"""What is asked of every combination of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qmac.config import Rules
from qmac.dataset import Dataset
from qmac.kernels import measures
from qmac.kernels.sweep import Aim
from qmac.objective import MEASURES, Objective, score_of_value

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

    @property
    def open(self) -> Question:
        """The same of every combination, with no constraint; the statistics, and so the kernel, are the same."""
        return replace(self, shared_windows=True, constraints=dict.fromkeys(self.bounds, (-np.inf, np.inf)))

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
