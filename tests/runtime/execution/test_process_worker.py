"""What a process answers through its socket."""

import pickle
import socket
from multiprocessing.connection import Connection

import pytest
from helpers.chores import Chores, await_end

from qmac.runtime.execution.process_worker import ALIVE, DONE, STOP, STOPPED
from qmac.runtime.execution.processes import _start, can_start

pytestmark = pytest.mark.skipif(not can_start(), reason="no processes on this system")


def read(connection):
    """Return the next message that says more than that the process is alive."""
    while (message := connection.recv_bytes()) == ALIVE:
        pass
    return message


def test_a_process_says_that_it_is_alive_and_ends_with_its_socket():
    ours, theirs = socket.socketpair()
    process = _start([theirs.fileno()])
    theirs.close()
    connection = Connection(ours.detach())
    with process.stdin as stream:
        pickle.dump(Chores(), stream)
    pid = int(read(connection).removeprefix(ALIVE))
    assert connection.recv_bytes() == ALIVE  # without a part, too
    connection.send_bytes(pickle.dumps((3, b"input")))
    assert read(connection) == DONE + b"3 %d input" % pid
    connection.send_bytes(pickle.dumps((4, b"wait")))
    connection.send_bytes(STOP)
    assert read(connection) == STOPPED
    connection.send_bytes(pickle.dumps((5, b"wait")))
    connection.close()
    await_end([pid])
    assert process.wait(20) == 0


def test_without_work_nothing_is_forked():
    ours, theirs = socket.socketpair()
    process = _start([theirs.fileno()])
    theirs.close()
    with ours:
        process.stdin.close()
        assert process.wait(20) == 1
