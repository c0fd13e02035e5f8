"""The rows of the best combinations: replayed in full, and compared with the sweep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qmac.engine.backtest import batch
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.neighbourhood.plateau import AS_BARS, compute_plateaus
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import InternalError, warn
from qmac.strategy.grid import ROLES, Grid

AGREEMENT = 1e-9
"""Relative difference up to which the sweep and the replay of a row agree."""
DISAGREEMENT = 1e-3
"""Relative difference up to which a warning is enough: beyond it is a defect, not a matter of
digits."""
PART_BARS, PART_ROWS = 1 << 28, 1024
"""Rows are replayed so many at a time: in about a second, but so many at least that averages, which
each part computes again, take a fortieth of it."""


def count_rows_at_once(bars: int) -> int:
    """Return how many rows are replayed at a time.

    Parameters
    ----------
    bars : int
        Bars of the series.

    Returns
    -------
    int
        Rows of a part.
    """
    return max(PART_ROWS, PART_BARS // (bars + AS_BARS))


def replay_top(
    series: PreparedSeries,
    grid: Grid,
    evaluator: Evaluator,
    ranked: tuple[np.ndarray, np.ndarray],
    mapped: MapFunction = map,
    show_share: Callable[[float], None] | None = None,
) -> dict[str, np.ndarray]:
    """Return the best combinations with all their metrics and their plateau.

    Parameters
    ----------
    series : PreparedSeries
        The series that was swept.
    grid : Grid
        Its window sets.
    evaluator : Evaluator
        Computes the values around each combination.
    ranked : tuple of ndarray
        Scores and indices of pairs, ``(K,)`` each, of ``reductions.ranked_top``.
    mapped : callable, optional
        Like ``map``; may spread the rows over threads.
    show_share : callable, optional
        Takes the share that is done, after each part but the last; what it raises ends the replay.

    Returns
    -------
    dict of str to ndarray
        Columns of a table with a row for each, in the same order.

    Raises
    ------
    InternalError
        If a row and the sweep differ by more than digits.
    """
    scores, indices = ranked
    rows_at_once = count_rows_at_once(evaluator.dataset.bars)
    parts = []
    for begin in range(0, indices.size, rows_at_once):
        if begin and show_share is not None:
            show_share(begin / indices.size)
        combinations = grid.combinations_at(indices[begin : begin + rows_at_once])
        rows = batch.replay_metrics(series, combinations, mapped)
        rows["plateau"] = compute_plateaus(evaluator, grid, combinations, mapped)
        parts.append(rows)
    if not parts:
        return {**batch.empty_columns(), "plateau": np.zeros(0)}
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    objective = evaluator.spec.objective
    values = objective.values(scores * objective.sign + 0.0)
    _check_agreement(columns, objective.metric, values)
    # the last bits of a replay must not break the order
    columns[objective.metric] = values.astype(columns[objective.metric].dtype)
    return columns


def _check_agreement(columns: dict[str, np.ndarray], metric: str, values: np.ndarray) -> None:
    """Compare the replayed metric of all rows with that of the sweep."""
    differences = np.abs(columns[metric] - values) / np.maximum(np.abs(values), 1.0)
    largest = differences.max()
    if largest <= AGREEMENT:
        return
    row = differences.argmax()
    worst = tuple(int(columns[role][row]) for role in ROLES)
    if not largest <= DISAGREEMENT:  # NaN, too
        raise InternalError(
            f"combination {worst}: the sweep and its replay differ by {largest:.2e}."
        )
    warn(
        f"{metric} is exact to {largest:.0e} only ({worst}): what these combinations hold "
        "moves too little beside the rest of the series.",
        stacklevel=2,
    )
