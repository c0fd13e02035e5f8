"""What a process answers through its socket."""

import pickle
import socket
from types import SimpleNamespace

import pytest
from helpers.chores import Chores, await_end

from qmac.runtime.execution import process_worker
from qmac.runtime.execution.channel import Channel, Message
from qmac.runtime.execution.process_worker import ALIVE, DONE, PART, STOP, STOPPED, PartServer
from qmac.runtime.execution.processes import _start, can_start

pytestmark = pytest.mark.skipif(not can_start(), reason="no processes on this system")


def read(channel):
    """Return the next message that says more than that the process is alive."""
    while (message := channel.receive(20)) is None or (message.kind == ALIVE and not message.value):
        pass
    return message.kind, bytes(message.value)


def test_a_process_says_that_it_is_alive_and_ends_with_its_socket():
    ours, theirs = socket.socketpair()
    process = _start([theirs.fileno()])
    theirs.close()
    channel = Channel(ours)
    pickle.dump(Chores(), process.stdin)
    process.stdin.flush()
    kind, pid = read(channel)
    assert kind == ALIVE
    assert channel.receive(20) == (ALIVE, b"")  # without a part, too
    channel.send(PART, b"input")
    assert read(channel) == (DONE, b"%s input" % pid)
    channel.send(PART, b"wait")
    channel.send(STOP)
    assert read(channel) == (STOPPED, b"")
    channel.send(PART, b"wait")
    channel.close()
    await_end([int(pid)])
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(20) == 0


def test_a_part_that_has_not_begun_has_no_share(monkeypatch):
    def receive(_):
        if not messages:
            raise EOFError
        return messages.pop()

    monkeypatch.setattr(process_worker.os, "_exit", lambda _: None)
    messages, sent = [None, Message(PART, memoryview(b"input"))], []
    channel = SimpleNamespace(receive=receive, send=lambda *message: sent.append(message))
    with pytest.raises(EOFError):
        PartServer(SimpleNamespace(share=3.0), channel)._listen()  # of the part before
    assert sent == [(ALIVE,)]


def test_without_work_nothing_is_forked():
    ours, theirs = socket.socketpair()
    process = _start([theirs.fileno()])
    theirs.close()
    with ours:
        process.stdin.close()
        assert process.wait(20) == 1
