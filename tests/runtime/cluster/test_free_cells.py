"""Free cells: each goes out once, comes back in order, and is given up only alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.runtime.cluster.free_cells import (
    MOST_FAILURES,
    MOST_LOSSES,
    MOST_LOSSES_OF_A_CELL,
    Applicant,
    FreeCells,
    Piece,
    find_ranges,
)


def make(cells=10, done=()):
    is_done = np.zeros(cells, bool)
    is_done[list(done)] = True
    return FreeCells(np.full(cells, 2), is_done)


def applicant(node="a", amount=1e9, able=("a", "b"), returned_only=False):
    return Applicant(node, frozenset(able), lambda: amount, returned_only)


def spans(pieces):
    return [(piece.first, piece.last) for piece in pieces]


@given(st.lists(st.booleans(), max_size=60))
def test_ranges_are_the_runs_of_true(cells):
    ranges = find_ranges(np.array(cells, bool))
    assert [cell for first, last in ranges for cell in range(first, last)] == [
        cell for cell, value in enumerate(cells) if value
    ]
    assert all(last < first for (_, last), (first, _) in zip(ranges, ranges[1:]))


def test_cells_that_are_done_are_not_free():
    free = make(done=(0, 4, 5))
    assert spans(free.pieces) == [(1, 4), (6, 10)]
    assert (free.count, free.total_work, free.work) == (10, 20, 14)
    assert free.compute_work(1, 4) == 6


@pytest.mark.parametrize(("amount", "last"), [(0, 1), (2, 1), (5, 2), (6, 3), (1e9, 10)])
def test_a_lease_holds_so_much_work_and_at_least_a_cell(amount, last):
    free = make()
    assert spans([free.cut(applicant(amount=amount))]) == [(0, last)]
    assert spans(free.pieces) == ([(last, 10)] if last < 10 else [])


def test_sequences_go_out_in_turn():
    free = FreeCells(np.full(10, 2), np.arange(10) == 7, (0, 6))
    cut = [free.cut(applicant(amount=4)) for _ in range(6)]
    assert spans(cut[:5]) == [(0, 2), (6, 7), (8, 10), (2, 4), (4, 6)]
    assert cut[5] is None
    free.put_back([cut[3]])
    assert spans([free.cut(applicant(amount=2)), free.cut(applicant(amount=2))]) == [(2, 3), (3, 4)]


def test_cells_that_are_needed_no_more_go_out_no_more():
    free = FreeCells(np.full(10, 2), np.zeros(10, bool), (0, 6))
    piece = free.cut(applicant(amount=4))
    free.waive(0, 6)
    assert spans(free.pieces) == [(6, 10)]
    free.put_back([piece])
    free.put_back_failed(piece, "a", "bad")
    for _ in range(MOST_LOSSES_OF_A_CELL + 1):
        free.put_back_lost(Piece(2, 3, losses=MOST_LOSSES_OF_A_CELL), "gone")
    assert spans(free.pieces) == [(6, 10)]
    assert not free.failed
    free.failed[7] = "bad"
    free.waive(6, 10)
    assert not free.failed
    assert not free.pieces


def test_cells_that_come_back_go_out_first_and_only_they_to_some():
    free = make()
    assert free.cut(applicant(returned_only=True)) is None
    piece = free.cut(applicant(amount=4))
    free.put_back([piece])
    assert spans(free.pieces) == [(0, 2), (2, 10)] and free.pieces[0].returned
    assert spans([free.cut(applicant(returned_only=True))]) == [(0, 2)]
    assert free.cut(applicant(returned_only=True)) is None


def test_a_failure_is_tried_elsewhere_whole_then_halved_then_given_up():
    free = make(2)
    free.put_back_failed(free.cut(applicant("a")), "a", "bad")
    assert free.cut(applicant("a")) is None  # b is able, and is to try
    assert free.cut(applicant("b", returned_only=True)) is None  # it can wait
    piece = free.cut(applicant("b", amount=0))
    assert spans([piece]) == [(0, 2)] and piece.failures == MOST_FAILURES - 1
    free.put_back_failed(piece, "b", "bad")
    assert spans(free.pieces) == [(0, 1), (1, 2)]
    for _ in range(MOST_FAILURES):
        free.put_back_failed(free.cut(applicant("a", able=("a",))), "a", "worse")
    assert free.failed == {0: "worse"} and spans(free.pieces) == [(1, 2)]


def test_a_node_alone_tries_again_itself():
    free = make()
    free.put_back_failed(free.cut(applicant("a")), "a", "bad")
    assert free.cut(applicant("a", able=("a",))) is not None


def test_cells_whose_nodes_are_lost_are_halved_and_a_cell_is_given_up_late():
    free = make(2)
    for _ in range(MOST_LOSSES):
        assert spans(free.pieces) == [(0, 2)]
        free.put_back_lost(free.cut(applicant()), "gone")
    assert spans(free.pieces) == [(0, 1), (1, 2)]
    for _ in range(MOST_LOSSES_OF_A_CELL):
        assert not free.failed
        free.put_back_lost(free.cut(applicant(amount=0)), "gone")
    assert free.failed == {0: f"{MOST_LOSSES_OF_A_CELL} nodes were lost with it: gone"}


def test_halves_are_the_whole():
    assert spans(Piece(3, 8, failures=2).halve()) == [(3, 5), (5, 8)]
    assert all(half.returned and not half.failures for half in Piece(3, 8, failures=2).halve())
