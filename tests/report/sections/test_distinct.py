"""Rows that are alike are one, and each stands for some."""

import pandas as pd

import qmac
from qmac.report.sections.distinct import STEPS, find_distinct
from qmac.strategy.grid import ROLES

GRID = qmac.Grid(windows=range(10, 101, 10))


def test_rows_within_two_steps_are_one():
    rows = [
        (10, 50, 20, 80),
        (30, 70, 20, 80),
        (40, 50, 20, 80),
        (10, 50, 30, 60),
        (70, 90, 20, 80),
    ]
    found = find_distinct(pd.DataFrame(rows, columns=list(ROLES)), GRID)
    assert found.rows[list(ROLES)].to_numpy().tolist() == [
        list(rows[0]),
        list(rows[2]),
        list(rows[4]),
    ]
    assert found.counts == (3, 1, 1)


def test_every_row_is_alike_to_one_that_is_shown(sample):
    top = qmac.optimize(sample.tail(1000), GRID, top=60).top
    found = find_distinct(top, GRID)
    places = {window: place for place, window in enumerate(GRID.windows)}
    shown = [[places[window] for window in row] for row in found.rows[list(ROLES)].to_numpy()]
    assert sum(found.counts) == len(top) and found.rows.index[0] == top.index[0]
    for number, row in enumerate(shown):
        for other in shown[:number]:
            assert max(abs(a - b) for a, b in zip(row, other, strict=True)) > STEPS
    assert find_distinct(top.head(0), GRID).counts == ()
