"""Is the best luck: answers that are made, not computed."""

import math

import numpy as np

from qmac.robustness.luck.answer import Luck
from qmac.strategy.objective import Objective

SHUFFLED = [0.1, 0.9, -math.inf, 0.4, 0.6, 0.2, 0.7]
MIRRORED = [0.3] * 29


def build_luck(**changes):
    """Return the answer of a few random markets; some fields can be replaced."""
    values = {
        "name": "SPY",
        "metric": Objective("total_return", maximize=True, years=2.0),
        "combinations": 2970,
        "score": 0.5,
        "hold_metrics": {"total_return": 0.25, "profit_factor": math.inf},
        "scores_by_null": {"shuffle": np.array(SHUFFLED), "mirror": np.array(MIRRORED)},
        "stop_after": 3,
        "tried": 1,
        "seed": 1,
        "question": "0123",
        "elapsed": 1.5,
        "degradations": [{"level": "SHED"}],
    }
    return Luck(**values | changes)
