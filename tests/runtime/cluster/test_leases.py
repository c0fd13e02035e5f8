"""Leases: pure, so everything that a cluster can do is done to them here."""

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.simulator import PartWorld, World

from qmac.runtime.cluster import leases as ls
from qmac.runtime.cluster.leases import Leases
from qmac.runtime.cluster.messages import (
    Accept,
    Done,
    Drop,
    Expel,
    Failed,
    Grant,
    Heard,
    Joined,
    Lost,
    Ping,
    Recall,
    Reject,
    Tick,
)

SEEDS = 100_000 if LONG else 400


def machine(cells=100, work=1):
    return Leases(np.full(cells, work), np.zeros(cells, bool))


def only(actions, kind):
    return [action for action in actions if isinstance(action, kind)]


def leases(actions):
    return [action.lease for action in only(actions, Grant)]


def whole(lease, seconds=1.0):
    return Done(lease.node, lease.number, ((lease.first, lease.last),), seconds)


def finish(board, held, **speeds):
    """Do all that is out, until nothing is left; the leases, in their order."""
    order = []
    while held:
        lease = held.pop(0)
        order.append(lease)
        held += leases(
            board.step(whole(lease, (lease.last - lease.first) / speeds.get(lease.node, 10)), 0.0)
        )
    return order


@pytest.mark.slow
@pytest.mark.parametrize(
    "seeds", np.array_split(np.arange(SEEDS), 20), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}"
)
def test_no_cell_is_lost_or_counted_twice_whatever_happens(seeds):
    late = 0
    for seed in seeds:
        world = World(int(seed))
        board = world.run()
        missing = set(np.flatnonzero(world.counted == 0).tolist())
        assert missing == set(board.failed), seed
        given_up = missing - world.poison
        if world.kill_every == np.inf and not world.p_fail:
            assert given_up <= world.deadly, seed
            assert missing >= world.deadly, seed
        assert world.poison <= missing, seed
        late += world.late
    assert late > 0


@pytest.mark.slow
def test_no_part_is_lost_or_counted_twice_and_none_is_done_in_vain():
    dropped = 0
    for seed in range(SEEDS // 4):
        world = PartWorld(seed)
        board = world.run()
        missing = (world.counted == 0) & ~world.waived
        assert set(np.flatnonzero(missing).tolist()) == set(board.failed), seed
        dropped += world.dropped
    assert dropped > 0


def build_parts(*counts, terms=None):
    starts = [0, *np.cumsum(counts)[:-1].tolist()]
    size = sum(counts)
    return Leases(np.ones(size, int), np.zeros(size, bool), starts, terms)


def test_a_lease_of_parts_has_one_for_each_thread_and_none_of_two_sequences():
    board = build_parts(1, 20, 20, terms=ls.LeaseTerms(2.0, 30.0, fills_threads=True))
    held = leases(board.step(Joined("a", 8), 0.0))
    (first,) = held
    assert (first.first, first.last) == (0, 1)
    spans = [(lease.first, lease.last) for lease in finish(board, held, a=1)]
    assert spans[:4] == [(0, 1), (1, 9), (21, 29), (9, 17)]


def test_parts_that_are_needed_no_more_are_dropped():
    board = build_parts(10, 10, terms=ls.LeaseTerms(2.0, 30.0, fills_threads=True))
    (a,) = leases(board.step(Joined("a", 4), 0.0))
    (b,) = leases(board.step(Joined("b", 4), 0.0))
    assert (a.first, b.first) == (0, 10)
    assert board.waive(10, 20) == [Drop("b", b.number)]
    assert [piece.first for piece in board.free.pieces] == [4]
    later = leases(board.step(Done("b", b.number, (), 0.0), 1.0))
    assert [(lease.node, lease.first, lease.last) for lease in later] == [("b", 4, 8)]
    board.step(Lost("b", "gone"), 2.0)
    assert sum(piece.size for piece in board.free.pieces) == 6
    assert board.waive(0, 10) == [Drop("a", a.number)]
    board.step(Failed("a", a.number, "bad"), 3.0)
    assert board.is_finished
    assert not board.failed


def test_a_part_that_takes_long_is_waited_for():
    terms = ls.LeaseTerms(2.0, 200.0, fills_threads=True)
    board = build_parts(4, terms=terms)
    board.step(Joined("a", 4), 0.0)
    for now in range(1, 200):
        heard = board.step(Heard("a", 1, 0), float(now)) + board.step(Tick(), float(now))
        assert not only(heard, Expel)
    board.step(Heard("a", 1, 0), 202.0)
    assert only(board.step(Tick(), 202.0), Expel)


def test_cells_go_out_once_and_in_order():
    board = machine()
    order = finish(board, leases(board.step(Joined("a", 1), 0.0)))
    assert [lease.first for lease in order] == [0, *(lease.last for lease in order[:-1])]
    assert order[-1].last == 100 and board.is_finished
    assert [lease.number for lease in order] == list(range(1, len(order) + 1))


def test_a_node_of_unknown_speed_gets_one_small_lease():
    board = machine(6400)
    first = leases(board.step(Joined("a", 50), 0.0))
    assert [(lease.first, lease.last) for lease in first] == [(0, 100)]
    assert len(leases(board.step(whole(first[0]), 1.0))) == ls.IN_FLIGHT


def test_a_lease_is_ten_seconds_of_its_nodes_work_and_less_near_the_end():
    board = machine(10_000)
    for node, speed in (("slow", 10), ("fast", 100)):
        (lease,) = leases(board.step(Joined(node, 1), 0.0))
        given = leases(board.step(whole(lease, (lease.last - lease.first) / speed), 0.0))
        assert {lease.last - lease.first for lease in given} == {10 * speed}
    order = finish(board, board.outstanding, slow=10, fast=100)
    assert board.is_finished
    assert {(lease.node, lease.last - lease.first) for lease in order[-4:]} <= {
        ("slow", 5),
        ("fast", 50),
        (order[-1].node, order[-1].last - order[-1].first),
    }


def test_leases_are_short_where_nodes_are_lost_often():
    board = machine(10_000)
    for number in range(3):
        board.step(Joined(f"n{number}", 1), 5.0 * number)
        board.step(Lost(f"n{number}", "killed"), 5.0 * number + 5)
    (lease,) = leases(board.step(Joined("a", 1), 15.0))
    given = leases(board.step(whole(lease, (lease.last - lease.first) / 100), 16.0))
    assert (
        max(lease.last - lease.first for lease in given) == 100 * 16 / 3 // ls.LEASES_A_LOSS
    )  # a loss in 16/3 s


def test_a_result_counts_once():
    board = machine()
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    assert only(board.step(whole(lease), 0.0), Accept)
    assert only(board.step(whole(lease), 0.0), Reject) and board.late == 1


def test_a_result_of_a_node_that_was_given_up_is_late():
    board = machine()
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    board.step(Lost("a", "killed"), 1.0)
    (again,) = leases(board.step(Joined("b", 1), 1.0))
    assert (again.first, again.last) == (lease.first, lease.last) and again.number > lease.number
    assert only(board.step(whole(lease), 2.0), Reject)
    assert only(board.step(whole(again), 2.0), Accept)


def test_what_was_not_swept_is_free_again():
    board = machine(10)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    board.step(Lost("a", "gone"), 0.0)
    board = Leases(np.ones(10, int), np.array([False, True] * 5))
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    assert (lease.first, lease.last) == (0, 1)
    wide = machine(640)
    (lease,) = leases(wide.step(Joined("a", 1), 0.0))
    actions = wide.step(Done("a", lease.number, ((2, 4), (6, 7)), 1.0), 0.0)
    assert only(actions, Accept)[0].cells == ((2, 4), (6, 7))
    assert leases(actions)[0].first == 0
    assert finish(wide, wide.outstanding) and wide.is_finished


def test_what_a_lost_node_had_is_granted_at_once_to_whom_is_soonest_through():
    board = machine(10_000)
    for node, speed in (("slow", 10), ("lost", 100), ("fast", 100)):
        (lease,) = leases(board.step(Joined(node, 1), 0.0))
        board.step(whole(lease, (lease.last - lease.first) / speed), 0.0)
    held = board.outstanding
    assert len(held) == 3 * ls.IN_FLIGHT  # no node is to get more
    cells = {
        cell for lease in held if lease.node == "lost" for cell in range(lease.first, lease.last)
    }
    again = leases(board.step(Lost("lost", "killed"), 1.0))
    assert {cell for lease in again for cell in range(lease.first, lease.last)} == cells
    assert all(lease.again for lease in again) and not any(lease.again for lease in held)
    sizes = {
        node: sum(lease.last - lease.first for lease in again if lease.node == node)
        for node in ("slow", "fast")
    }
    assert 0 < sizes["slow"] < sizes["fast"] / 5
    assert not leases(board.step(Tick(), 2.0))  # what never was out waits


def test_a_node_of_unknown_speed_or_one_that_pauses_is_given_no_more_of_what_came_back():
    board = machine(10_000)
    for node in ("lost", "paused"):
        (lease,) = leases(board.step(Joined(node, 1), 0.0))
        board.step(whole(lease), 0.0)
    board.step(Joined("new", 1), 0.0)
    board.step(Heard("paused", paused=True), 0.0)
    assert not leases(board.step(Lost("lost", "killed"), 1.0))
    assert {lease.node for lease in leases(board.step(Heard("paused"), 2.0))} == {"paused"}


def test_a_node_is_pinged_and_lost_when_silent():
    board = machine(1000)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    for moment in (0.0, ls.PING_SECONDS):
        assert only(board.step(Tick(), moment), Ping) == [Ping("a")]
        assert not only(board.step(Tick(), moment + 0.1), Ping)
    board.step(Heard("a", lease.number, 1), 3.0)
    board.step(Joined("b", 1), 3.0)
    for second in range(3, 100):
        board.step(Heard("b", 2, 0), float(second))
        expelled = [action.node for action in only(board.step(Tick(), float(second)), Expel)]
        if expelled:
            break
    assert (
        expelled == ["a"]
        and 3 + ls.SILENCE_SECONDS < second <= 3 + ls.SILENCE_SECONDS + 1
        and board.lost == 1
    )


def test_a_lease_that_stands_still_is_past_its_due_and_one_that_moves_is_not():
    board = machine(640)
    (lease,) = leases(board.step(Joined("a", 5), 0.0))
    for second in range(1, 60):
        board.step(Heard("a", lease.number, min(second, 9)), float(second))
        expelled = only(board.step(Tick(), float(second)), Expel)
        if expelled:
            break
    assert 9 + ls.STUCK_SECONDS <= second <= 9 + ls.STUCK_SECONDS + 1
    assert not board.outstanding


def test_one_that_is_swept_and_not_returned_is_past_its_due_sooner():
    board = machine(640)
    (lease,) = leases(board.step(Joined("a", 5), 0.0))
    board.step(Heard("a", lease.number, 10), 1.0)
    for second in range(1, 10):
        board.step(Tick(), float(second))
    board.step(Heard("a", lease.number, 10), 10.0)
    assert not only(board.step(Tick(), 1.0 + ls.RETURN_SECONDS), Expel)
    assert only(board.step(Tick(), 1.1 + ls.RETURN_SECONDS), Expel)


def test_a_node_that_pauses_keeps_its_lease_for_a_while_and_gets_no_other():
    board = machine(640)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    for second in range(1, int(ls.PAUSE_SECONDS + ls.STUCK_SECONDS)):
        assert not board.step(Heard("a", lease.number, 0, paused=True), float(second))
        assert not only(board.step(Tick(), float(second)), Expel)
    for second in range(second + 1, second + 5):
        board.step(Heard("a", lease.number, 0, paused=True), float(second))
        if only(board.step(Tick(), float(second)), Expel):
            return
    raise AssertionError("it holds the run for ever")


def test_a_driver_that_stood_still_blames_no_node():
    board = machine(640)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    board.step(Tick(), 0.5)
    board.step(Heard("a", lease.number, 1), 0.6)
    actions = board.step(Tick(), 400.0)  # Ctrl-Z, and fg
    assert not only(actions, Expel) and only(actions, Ping)
    board.step(Heard("a", lease.number, 2), 400.1)
    for second in range(401, 405):
        assert not only(board.step(Tick(), float(second)), Expel)


def test_a_driver_that_stood_still_before_its_first_tick_blames_no_node():
    board = machine(640)
    board.step(Joined("a", 1), 0.0)
    assert not only(board.step(Tick(), 400.0), Expel)


def test_leases_that_reach_a_node_in_another_order():
    board = machine(6400)
    (lease,) = leases(board.step(Joined("a", 5), 0.0))
    first, second = leases(board.step(whole(lease, 1.0), 1.0))
    for moment in range(2, 20):
        board.step(Heard("a", second.number, moment), float(moment))
        assert not only(board.step(Tick(), float(moment)), Expel)
    assert only(board.step(whole(second), 20.0), Accept) and board.outstanding[0] == first
    for moment in range(20, 100):
        board.step(Heard("a", first.number, 1), float(moment))
        if only(board.step(Tick(), float(moment)), Expel):
            break
    assert 20 + ls.STUCK_SECONDS <= moment <= 21 + ls.STUCK_SECONDS


def test_the_first_lease_is_short_however_long_the_job():
    board = machine(1_000_000)
    (lease,) = leases(board.step(Joined("a", 8), 0.0))
    assert lease.last - lease.first == ls.FIRST_CELLS * 8


def test_a_lease_that_fails_is_tried_on_another_node_and_then_halved_down_to_the_cell():
    board, bad, tried = machine(64), 5, []
    held = leases(board.step(Joined("a", 1), 0.0)) + leases(board.step(Joined("b", 1), 0.0))
    while held:
        lease = held.pop(0)
        tried.append((lease.node, lease.first, lease.last))
        event = (
            Failed(lease.node, lease.number, "bad")
            if lease.first <= bad < lease.last
            else whole(lease)
        )
        held += leases(board.step(event, 0.0))
    assert board.failed == {bad: "bad"} and board.is_finished
    assert {node for node, first, last in tried if (first, last) == (bad, bad + 1)} == {"a", "b"}


def test_a_node_that_fails_all_it_is_given_does_not_heap_it_upon_another():
    board = machine(20_000)
    (lease,) = leases(board.step(Joined("good", 1), 0.0))
    board.step(whole(lease), 0.0)
    board.step(Joined("bad", 1), 0.0)
    for _ in range(100):
        lease = next((lease for lease in board.outstanding if lease.node == "bad"), None)
        if lease is not None:
            board.step(Failed("bad", lease.number, "no memory"), 0.0)
    assert sum(lease.node == "good" for lease in board.outstanding) <= ls.IN_FLIGHT
    assert leases(board.step(Joined("new", 1), 0.0))


def test_a_node_alone_tries_twice_itself():
    board = machine(4)
    held = leases(board.step(Joined("a", 1), 0.0))
    while held:
        lease = held.pop(0)
        held += leases(board.step(Failed("a", lease.number, "bad"), 0.0))
    assert sorted(board.failed) == [0, 1, 2, 3] and board.is_finished


def test_what_failed_waits_for_a_node_that_pauses_but_not_for_ever():
    board = machine(1)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    board.step(Joined("b", 1), 0.0)
    board.step(Heard("b", paused=True), 1.0)
    assert not leases(board.step(Failed("a", lease.number, "bad"), 2.0))
    for second in range(3, int(ls.PAUSE_SECONDS) + 1):
        board.step(Heard("a"), float(second))
        assert not leases(board.step(Heard("b", paused=True), float(second)))
    (lease,) = leases(board.step(Heard("b", paused=True), ls.PAUSE_SECONDS + 1.0))
    assert lease.node == "a"
    board.step(Failed("a", lease.number, "bad"), ls.PAUSE_SECONDS + 2.0)
    assert board.failed == {0: "bad"} and board.is_finished


def test_cells_that_end_their_nodes_are_given_up_and_those_beside_them_are_not():
    board = machine(64)
    for number in range(500):
        held = leases(board.step(Joined(f"n{number}", 1), 0.0))
        while held:
            lease = held.pop(0)
            if lease.first <= 9 < lease.last:
                board.step(Lost(lease.node, "gone"), 0.0)
                break
            held += leases(board.step(whole(lease), 0.0))
        if board.is_finished:
            break
    assert list(board.failed) == [9] and board.is_finished


def test_stop_recalls_and_ends_when_nothing_is_out():
    board = machine(640)
    (lease,) = leases(board.step(Joined("a", 1), 0.0))
    actions = board.step(Tick(stop=True), 1.0)
    assert only(actions, Recall) == [Recall("a")] and not board.is_finished
    actions = board.step(Done("a", lease.number, ((0, 3),), 1.0), 2.0)
    assert (
        only(actions, Accept)[0].cells == ((0, 3),)
        and not only(actions, Grant)
        and board.is_finished
    )


def test_hold_grants_nothing_for_now():
    board = machine(640)
    board.step(Tick(hold=True), 0.0)
    assert not leases(board.step(Joined("a", 1), 0.0))
    assert leases(board.step(Tick(), 1.0))


def test_it_does_not_grow():
    """What it holds after many leases is what it held after a few."""
    count_asked = 100_000 if LONG else 10_000
    board = machine(2 * count_asked)
    held = leases(board.step(Joined("a", 1), 0.0))
    sizes, count = set(), 0
    while held:
        lease = held.pop(0)
        count += 1
        held += leases(
            board.step(whole(lease, (lease.last - lease.first) * 5.0), 0.0)
        )  # a cell is 5 s
        sizes.add(
            (len(board.free.pieces), len(board.outstanding), len(board._nodes), len(board.failed))
        )
    assert count >= 0.95 * count_asked and max(max(size) for size in sizes) <= 3
