"""Messages through a socket: whole, in order, and never waited for longer than they may take."""

import socket
import threading
import time

import pytest

from qmac.runtime.execution.channel import HEADER, Channel

LARGE = bytes(range(256)) * 20_000


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_messages_of_any_length_come_in_order(ends):
    one, other = map(Channel, ends)
    sent = [(b"a", b""), (b"d", LARGE), (b"p", b"0.5")]

    def send_all():
        for kind, value in sent:
            one.send(kind, value)

    thread = threading.Thread(target=send_all)
    thread.start()
    received = [other.receive(20) for _ in sent]
    thread.join()
    assert [(kind, bytes(value)) for kind, value in received] == sent
    one.close()
    with pytest.raises(EOFError):
        other.receive(20)


def test_a_message_that_has_begun_to_come_goes_on(ends):
    raw, channel = ends[0], Channel(ends[1])
    assert channel.receive(0) is None and channel.receive(0.01) is None
    packed = HEADER.pack(b"d", 6) + b"abcdef"
    raw.sendall(packed[:4])
    assert channel.receive(0.01) is None and channel.received == 4
    raw.sendall(packed[4:12])
    began = time.monotonic()
    assert channel.receive(0.05) is None and channel.received == 12 - HEADER.size
    assert time.monotonic() - began < 5
    raw.sendall(packed[12:])
    assert channel.receive(0) == (b"d", b"abcdef")


def test_what_is_not_taken_is_not_waited_for(ends):
    with pytest.raises(BlockingIOError):
        Channel(ends[0], 0.05).send(b"d", LARGE)
