"""What a driver counts: values of parts in order, and no nonsense; cells are in test_driver.py."""

import math

import pytest
from helpers.part_work import EXPECTED, Counting, build_queue

from qmac.errors import InternalError, Stopped
from qmac.runtime.cluster.accounts import PartAccount
from qmac.runtime.cluster.messages import Accept, Joined, Lease
from qmac.runtime.cluster.part_sweeper import PartResult
from qmac.runtime.execution.parts import Part


def accept(first, last, values):
    cells = ((first, last),)
    return Accept(Lease(1, "n", first, last), cells, PartResult(cells, 1.0, values))


def test_values_are_counted_in_order_until_there_are_enough():
    queue = build_queue()
    account = PartAccount(Counting(), queue)
    assert account.settle(accept(5, 13, {k: EXPECTED["a"][k] for k in range(5, 13)})) == []
    assert queue.counted == 0
    assert account.settle(accept(0, 5, {k: EXPECTED["a"][k] for k in range(5)})) == [(0, 40)]
    assert account.settle(accept(40, 45, dict.fromkeys(range(40, 45), 1.0))) == [(40, 80)]
    assert queue.values == EXPECTED


def test_what_was_done_before_is_not_leased():
    done = {Part("a", k): 0.0 for k in (0, 1, 5)} | {Part("b", k): 1.0 for k in range(5)}
    leases = PartAccount(Counting(), build_queue(done=done)).build_leases()
    assert [(piece.first, piece.last) for piece in leases.free.pieces] == [(2, 5), (6, 40)]
    (grant,) = leases.step(Joined("n", 8), 0.0)
    assert (grant.lease.first, grant.lease.last) == (2, 5)


@pytest.mark.parametrize("value", [None, math.nan, "1.0", True, 1])
def test_what_is_no_value_is_refused(value):
    account = PartAccount(Counting(), build_queue())
    with pytest.raises(InternalError, match="node n sent .*, which is no number"):
        account.settle(accept(0, 1, {} if value is None else {0: value}))


def test_a_part_that_was_given_up_is_named():
    account = PartAccount(Counting(), build_queue())
    account.note_swept(7)
    with pytest.raises(Stopped, match=r"part 2 of b failed on every node \(a bit fell over\)"):
        account.conclude({42: "a bit fell over."})
    account.conclude({})
