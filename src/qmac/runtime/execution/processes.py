"""Processes of this machine, each with an interpreter of its own: parts that are short have one.

A part that a thread does holds the interpreter for some milliseconds. Sixty threads then wait for
each other; sixty processes do not. They are started once for many parts, in 2 s, by a process that
loads everything and forks them, and are never forks of this one: its threads, locks and open files
are not theirs. Messages go through a socket for each::

    number, input  ──▶  process  ──▶  its result, or that it was stopped, or why it failed
                                      every second that it is alive, and how far its part is

What ends a process costs the part that it did. When this process ends, they see a closed socket.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.runtime.execution.process_worker import ALIVE, DONE, FAILED, SHARE, STOP

if TYPE_CHECKING:  # it takes 10 ms to import, and few jobs need it
    from multiprocessing.connection import Connection

MODULE = "qmac.runtime.execution.process_worker"
LOOK_SECONDS = 0.25
"""Between two looks at whether a part is still needed."""
SILENCE_SECONDS = 15.0
"""A process that has not said for so long that it is alive is ended."""
STALL_SECONDS = 1.0
"""Longest time between two looks that counts as silence: this process may have stood still."""
CLOSE_SECONDS = 5.0


class ProcessLost(Exception):
    """A process ended, stood still or failed, and the part that it did is not done."""


def can_start() -> bool:
    """Return whether processes can be started.

    Returns
    -------
    bool
        False where the system has no fork that is safe for libraries, and in programs that have
        Python built in.
    """
    return sys.platform == "linux" and has_interpreter()


def has_interpreter() -> bool:
    """Return whether ``sys.executable`` is a Python.

    Returns
    -------
    bool
        False in programs that have Python built in: to start them again would not start a Python.
    """
    return bool(sys.executable) and not hasattr(sys, "frozen")


def build_environment() -> dict[str, str]:
    """Return the environment of a process that finds the modules that this one finds.

    Returns
    -------
    dict of str to str
        That of this process, with its ``sys.path``, which may have been changed since its start.
    """
    paths = [os.environ.get("PYTHONPATH", ""), *sys.path]
    found = os.pathsep.join(dict.fromkeys(path for path in paths if path))
    return {**os.environ, "PYTHONPATH": found}


@dataclass(eq=False)
class _Channel:
    """The connection to a process."""

    connection: Connection
    pid: int = 0
    """0 until it says that it is ready."""

    def read(self, seconds: float) -> bytes | None:
        """Return the next message; None if there is none for a while.

        Raises
        ------
        ProcessLost
            If the process has ended.
        """
        try:
            return self.connection.recv_bytes() if self.connection.poll(seconds) else None
        except (EOFError, OSError) as error:
            raise ProcessLost("it ended") from error

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises
        ------
        ProcessLost
            If the process has ended.
        """
        try:
            self.connection.send_bytes(message)
        except OSError as error:
            raise ProcessLost("it ended") from error

    def kill(self) -> None:
        """End a process, if it is ready: until its socket is closed, the number is still its."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.connection.close()


class Processes:
    """Processes that do parts for threads of this one. Any threads call it.

    Parameters
    ----------
    work : object
        What ``PartServer`` takes, with a method ``warm_up`` that loads what parts need.
    count : int
        How many are started; none of them is waited for.

    Raises
    ------
    OSError
        If the system refuses sockets or a process.
    """

    def __init__(self, work: Any, count: int) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Channel] = []
        self._busy = 0
        self._has_begun = False
        """Whether a process has become ready."""
        from multiprocessing.connection import Connection

        self._starting: list[_Channel] = []
        """Channels of processes that are not ready."""
        with ExitStack() as theirs, ExitStack() as ours:
            descriptors = []
            for _ in range(count):
                end, other_end = socket.socketpair()
                descriptors.append(theirs.enter_context(other_end).fileno())
                connection = ours.enter_context(Connection(end.detach()))
                self._starting.append(_Channel(connection))
            self._process = _start(descriptors)
            ours.pop_all()  # they stay open
        self._writer = threading.Thread(target=self._write, args=(work,), daemon=True)
        self._writer.start()

    def _write(self, work: Any) -> None:
        """Send the work to a process that may have ended."""
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as stream:
            pickle.dump(work, stream, pickle.HIGHEST_PROTOCOL)

    @property
    def alive(self) -> int:
        """Processes that are ready, or do a part."""
        with self._changed:
            self._greet()
            return len(self._idle) + self._busy

    def compute(
        self,
        number: int,
        packed: bytes,
        stop: np.ndarray,
        *,
        waits: bool,
        listener: Callable[[float], None] | None = None,
    ) -> Any:
        """Let a process do a part.

        Parameters
        ----------
        number : int
            Of the part.
        packed : bytes
            What the part needs.
        stop : ndarray
            ``(1,)`` uint8; the part is stopped once it is not 0.
        waits : bool
            Whether to wait for a process where all that are ready do other parts.
        listener : callable, optional
            Gets the share of the part that is done, about every second.

        Returns
        -------
        bytes, None or NotImplemented
            The result; None if it was stopped; NotImplemented where there is no process.

        Raises
        ------
        ProcessLost
            If the process ended before the part was done, was silent, or failed.
        """
        channel = self._take(waits=waits)
        if channel is None:
            return NotImplemented
        is_usable = False
        try:
            channel.send(pickle.dumps((number, packed), pickle.HIGHEST_PROTOCOL))
            kind, value = _await_answer(channel, stop, listener)
            is_usable = True
        finally:
            if not is_usable:
                channel.kill()
            with self._changed:
                self._busy -= 1
                if is_usable:
                    self._idle.append(channel)
                self._changed.notify_all()
        if kind == FAILED:
            raise ProcessLost(value.decode(errors="replace").strip().splitlines()[-1])
        return value if kind == DONE else None

    def _take(self, *, waits: bool) -> _Channel | None:
        """Return a process that does nothing now."""
        with self._changed:
            while True:
                self._greet()
                if self._idle:
                    self._busy += 1
                    return self._idle.pop()
                if not (waits and self._busy):
                    return None
                self._changed.wait(LOOK_SECONDS)

    def _greet(self) -> None:
        """Take in the first messages of processes that have become ready."""
        waiting, self._starting = self._starting, []
        for place, channel in enumerate(waiting):
            try:
                message = channel.read(0)
            except ProcessLost:
                channel.connection.close()
                continue
            if message is None:  # they become ready in their order
                self._starting += waiting[place:]
                return
            channel.pid = int(message[1:])
            self._idle.append(channel)
            self._has_begun = True

    def close(self) -> bool:
        """End the processes, whatever they do.

        Returns
        -------
        bool
            False if they never became ready: the first one failed.
        """
        with self._changed:
            self._greet()
            for channel in (*self._idle, *self._starting):
                channel.kill()  # one that stands still would not see that its socket is closed
            self._idle, self._starting = [], []
        try:
            self._process.wait(0 if self._writer.is_alive() else CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._writer.join()
        return self._has_begun or self._process.returncode in (0, -signal.SIGKILL)


def _await_answer(
    channel: _Channel, stop: np.ndarray, listener: Callable[[float], None] | None
) -> tuple[bytes, bytes]:
    """Return what became of a part: the first byte of a message, and the rest."""
    silent, looked, has_stopped = 0.0, time.monotonic(), False
    while True:
        message = channel.read(LOOK_SECONDS)
        now = time.monotonic()
        silent += min(now - looked, STALL_SECONDS)
        looked = now
        if message is not None:
            silent = 0.0
            kind, value = message[:1], message[1:]
            if kind == SHARE and listener is not None:
                listener(float(value))
            if kind not in (ALIVE, SHARE):
                return kind, value
        if stop[0] and not has_stopped:
            has_stopped = True
            channel.send(STOP)
        if silent > SILENCE_SECONDS:
            raise ProcessLost(f"it was silent for {silent:.0f} s")


def _start(descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start the process that forks the others, and finds what this one finds."""
    environment = {
        "OPENBLAS_NUM_THREADS": "1",  # no thread may be there when it forks
        **build_environment(),
        "QMAC_COMPILE_BESIDE": "0",  # each would compile the same
    }
    command = [sys.executable, "-P", "-W", "ignore", "-m", MODULE, *map(str, descriptors)]
    return subprocess.Popen(  # noqa: S603, this Python and a module of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,  # Ctrl-C is for this process
    )
