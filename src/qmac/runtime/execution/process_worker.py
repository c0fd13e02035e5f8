"""The processes of ``processes.Processes``: one that prepares, and others that it forks.

``python -m qmac.runtime.execution.process_worker 5 6 7`` reads its work from standard input, makes
it ready and forks a process for each of the sockets 5, 6 and 7. Each of these does part after part,
and ends once the other end of its socket is closed, however the process that held it has ended. The
first one ends those that stand still then.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from qmac.runtime.execution.channel import Channel
from qmac.runtime.execution.parts import Part
from qmac.runtime.resources.machine import release_freed_memory

HEARTBEAT_SECONDS = 1.0
TRIM_SECONDS = 1.0
"""Between two times at which freed memory is given back to the system."""
PART, STOP = b"w", b"q"
"""Kinds of messages to a process: what its next part needs, and that this is needed no more."""
ALIVE, SHARE, DONE, STOPPED, FAILED = b"a", b"p", b"d", b"s", b"f"
"""Kinds of its messages. A share says that it is alive, and how far its part is."""


def main(arguments: Sequence[str]) -> None:
    """Make the work ready, fork a process for each socket, and end them once the input is closed.

    Parameters
    ----------
    arguments : sequence of str
        File descriptors of sockets.
    """
    descriptors = [int(argument) for argument in arguments]
    work = pickle.load(sys.stdin.buffer)  # noqa: S301, of the process that started this one
    work.warm_up()
    gc.collect()
    gc.freeze()  # pages that a collection does not write to stay shared
    children = [_fork(work, place, descriptors) for place in range(len(descriptors))]
    for descriptor in descriptors:
        os.close(descriptor)
    sys.stdin.buffer.read()  # until the process that started this one closes it, or ends
    for child in children:  # one that stands still does not see that its socket is closed
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _fork(work: Any, place: int, descriptors: Sequence[int]) -> int:
    """Return the number of a new process that serves one of the sockets."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        for other in {*descriptors} - {descriptors[place]}:
            os.close(other)
        PartServer(work, Channel(socket.socket(fileno=descriptors[place]))).run()
        status = 0
    finally:
        os._exit(status)  # what the first process is to do at its end is not for this one


class PartServer:
    """Does the parts that come through a channel, one after the other.

    Parameters
    ----------
    work : object
        Its ``compute`` does a part, as of ``PartWork``. It may have a ``share``, how far that is.
    channel : Channel
        To the process that hands parts out.
    """

    def __init__(self, work: Any, channel: Channel) -> None:
        self._work = work
        self._channel = channel
        self._lock = threading.Lock()
        """Held while a message is sent."""
        self._is_busy = False
        """Whether a part is under way: before it begins, its share is that of the one before."""
        self._parts: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        self._stop = np.zeros(1, np.uint8)

    def run(self) -> None:
        """Do parts until the channel is closed, which ends the process."""
        self._send(ALIVE, str(os.getpid()).encode())
        threading.Thread(target=self._listen, daemon=True).start()
        trimmed = time.monotonic()
        while True:
            packed = self._parts.get()
            self._is_busy = True
            self._send(*self._compute(packed), ends=True)
            if time.monotonic() - trimmed >= TRIM_SECONDS:
                trimmed = time.monotonic()
                release_freed_memory()

    def _compute(self, packed: memoryview) -> tuple[bytes, bytes]:
        """Return kind and value of the answer to a message."""
        try:
            value = self._work.compute(Part("", 0), self._stop, packed)
        except Exception:
            return FAILED, traceback.format_exc().encode()
        return (STOPPED, b"") if value is None else (DONE, value)

    def _listen(self) -> None:
        """Take messages in, and end the process at once when there can be no more."""
        try:
            while True:
                message = self._channel.receive(HEARTBEAT_SECONDS)
                if message is None:
                    self._send_life()
                elif message.kind == STOP:
                    self._stop[0] = 1
                else:
                    self._stop[0] = 0
                    self._parts.put(message.value)
        finally:  # the end of the other process, mostly
            os._exit(1)

    def _send_life(self) -> None:
        """Say that this process is alive, and how far its part is."""
        with self._lock:
            share = getattr(self._work, "share", None) if self._is_busy else None
            if share is None:
                self._channel.send(ALIVE)
            else:
                self._channel.send(SHARE, str(share).encode())

    def _send(self, kind: bytes, value: bytes, *, ends: bool = False) -> None:
        with self._lock:
            self._is_busy = self._is_busy and not ends
            self._channel.send(kind, value)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(sys.argv[1:])
    os._exit(0)  # nothing is left to do, and to take down what is loaded takes 0.1 s
