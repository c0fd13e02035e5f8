"""Messages are values: frozen, and equal whatever result they carry."""

import dataclasses
import pickle
import typing

import pytest

from qmac.runtime.cluster import messages
from qmac.runtime.cluster.messages import Accept, Action, Done, Event, Lease

LEASE = Lease(7, "a", 3, 9)
MESSAGES = [
    messages.Joined("a", 2),
    messages.Lost("a", "gone"),
    messages.Heard("a", 7, 100, paused=True),
    Done("a", 7, ((3, 9),), 1.5),
    messages.Failed("a", 7, "bad"),
    messages.Tick(stop=True),
    messages.Grant(LEASE),
    messages.Ping("a"),
    messages.Recall("a"),
    messages.Drop("a", 7),
    messages.Expel("a", "gone"),
    Accept(LEASE, ((3, 9),)),
    messages.Reject("a", 7),
]


def test_every_message_is_tried():
    kinds = {*typing.get_args(Event), *typing.get_args(Action)}
    assert {type(message) for message in MESSAGES} == kinds


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_a_value_that_can_be_sent(message):
    assert pickle.loads(pickle.dumps(message)) == message
    name = dataclasses.fields(message)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(message, name, None)


def test_a_result_takes_no_part_in_comparisons_nor_in_texts():
    arrays = object()
    assert Done("a", 7, ((3, 9),), 1.5, arrays) == Done("a", 7, ((3, 9),), 1.5)
    assert Accept(LEASE, ((3, 9),), arrays) == Accept(LEASE, ((3, 9),))
    assert "object" not in repr(Done("a", 7, (), 0.0, arrays))
    assert "object" not in repr(Accept(LEASE, (), arrays))
