"""Distinct rows: the best, then the best that is not within a few steps of one already shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from qmac.strategy.grid import ROLES, Grid

STEPS = 2
"""Steps of the grid in each of the four windows, within which rows are alike."""


class DistinctRows(NamedTuple):
    """Rows of a table that are not alike, and how many each stands for."""

    rows: pd.DataFrame
    counts: tuple[int, ...]
    """Rows of the table, itself included, that are alike to each row and to none before it."""


def find_distinct(table: pd.DataFrame, grid: Grid, steps: int = STEPS) -> DistinctRows:
    """Return the rows that are not within a few steps of a better one that is shown.

    Parameters
    ----------
    table : DataFrame
        Best rows of a result, the best first.
    grid : Grid
        Its windows.
    steps : int
        Steps in each window within which two rows are alike.

    Returns
    -------
    DistinctRows
        In the order of the table.
    """
    places = np.column_stack(
        [np.searchsorted(grid.roles[role], table[role].to_numpy()) for role in ROLES]
    )
    left = np.arange(len(table))
    shown, counts = [], []
    while left.size:
        distance = np.abs(places[left] - places[left[0]]).max(axis=1)
        is_alike = distance <= steps
        shown.append(left[0])
        counts.append(int(is_alike.sum()))
        left = left[~is_alike]
    return DistinctRows(table.iloc[shown], tuple(counts))
