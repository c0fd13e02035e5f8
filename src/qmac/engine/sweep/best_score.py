"""The best score of a grid on one series: what a resample of a market is asked for."""

from __future__ import annotations

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import build_data
from qmac.engine.sweep.workspace import build_best_workspace
from qmac.kernels.sweep.best_score import find_best


def compute_best_score(
    dataset: Dataset, spec: SweepSpec, stop: np.ndarray | None = None
) -> float | None:
    """Return the best score of all combinations, with the bits that a sweep gives it.

    Nothing else is computed: 0.1 to 0.4 of the time of a sweep, see ``benchmarks/luck.py``.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        Objective, constraints and rules.
    stop : ndarray, optional
        ``(1,)`` uint8; the search ends early once it is not 0.

    Returns
    -------
    float or None
        The higher the better, as ``Objective.sign`` turns it; -inf where no combination is scored;
        None if it was stopped.
    """
    stop = np.zeros(1, np.uint8) if stop is None else stop
    data = build_data(dataset, spec, None)
    workspace = build_best_workspace(dataset, spec, data.tile)
    best = np.full(1, -np.inf)
    completed = find_best((0,) * spec.lanes, data, workspace, best, stop)
    return float(best[0]) if completed else None
