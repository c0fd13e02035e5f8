"""The arrays of a worker: columns of its statistics only, first states filled."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.sweeps import GRID, PRICES, evaluator_of

import qmac
from qmac.engine.sweep.workspace import build_states, build_tables, build_workspace


def test_tables_have_the_columns_of_their_statistics():
    found = build_tables(7, 8, {"gain", "worst"}, np.uint16)
    assert found.sums.gain.shape == (7, 8) and found.sums.squares is None and found.brought is None
    assert all(column.shape == (7, 8) for column in found.excursions)
    assert build_tables(7, 8, {"paid"}, np.uint16).excursions[0] is None


def test_the_first_state_is_that_before_any_entry():
    found = build_states(3, 8, {"gain", "equity", "deepest"}, np.uint16)
    assert (found.sums.gain[0] == 0).all() and (found.trades.equity[0] == 1).all()
    assert found.sums.returns is None and found.code.shape == (3, 8)


@pytest.mark.parametrize("stored_rows", [0, 40])
def test_there_is_room_for_the_rows_that_are_stored(stored_rows):
    evaluator = evaluator_of(PRICES, GRID)
    data, spec = evaluator.dataset, evaluator.spec
    found = build_workspace(data, spec, data.bars, stored_rows, None)
    assert found.row.scores.shape == (max(stored_rows, 1), spec.lanes)
    assert (found.floors == -np.inf).all() and found.floors.size == data.buys.count
    depths = found.states.code.shape[0]
    assert depths == data.buys.prefixes.max() + 1
    tiled = build_workspace(data, spec, data.bars // 3, stored_rows, found.floors)
    assert tiled.states.code.shape[0] == data.buys.count + 1  # carried from tile to tile
    assert tiled.floors is found.floors and tiled.tables.code.shape[0] == data.bars // 3


def test_a_stop_that_does_not_end_a_conflict_needs_the_last_trade():
    evaluator = evaluator_of(PRICES, GRID)
    data, spec = evaluator.dataset, evaluator.spec
    for rules, has_last in (
        (qmac.Rules(), False),
        (qmac.Rules(stop_loss=0.1), True),
        (qmac.Rules(stop_loss=0.1, conflict="opposite"), False),
    ):
        found = build_workspace(data, replace(spec, rules=rules), data.bars, 0, None)
        assert (found.states.last_trade.stop is not None) == has_last
