"""Processes of this machine, each with an interpreter of its own: parts that are short have one.

A part that a thread does holds the interpreter for some milliseconds. Sixty threads then wait for
each other; sixty processes do not. They are started once for many parts, in 2 s, by a process that
loads everything and forks them, and are never forks of this one: its threads, locks and open files
are not theirs. Messages go through a socket for each::

    input  ──▶  process  ──▶  its result, or that it was stopped, or why it failed
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
from typing import Any

import numpy as np

from qmac.runtime.execution.channel import Channel, Message
from qmac.runtime.execution.process_worker import ALIVE, DONE, FAILED, PART, SHARE, STOP

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


class NoProcess(Exception):
    """No process is there for a part."""


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
class _Process:
    """A process, and the channel to it."""

    channel: Channel
    pid: int = 0
    """0 until it says that it is ready."""

    def receive(self, seconds: float) -> Message | None:
        """Return the next message; None if there is none for a while.

        Raises
        ------
        ProcessLost
            If the process has ended.
        """
        try:
            return self.channel.receive(seconds)
        except (EOFError, OSError) as error:
            raise ProcessLost("it ended") from error

    def send(self, kind: bytes, value: bytes = b"") -> None:
        """Send a message.

        Raises
        ------
        ProcessLost
            If the process has ended.
        """
        try:
            self.channel.send(kind, value)
        except BlockingIOError as error:
            raise ProcessLost(f"it took nothing for {SILENCE_SECONDS:.0f} s") from error
        except OSError as error:
            raise ProcessLost("it ended") from error

    def kill(self) -> None:
        """End a process, if it is ready: until its socket is closed, the number is still its."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.channel.close()


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
        self._idle: list[_Process] = []
        self._busy = 0
        self._has_begun = False
        """Whether a process has become ready."""
        self._starting: list[_Process] = []
        """Processes that are not ready."""
        with ExitStack() as theirs, ExitStack() as ours:
            descriptors = []
            for _ in range(count):
                end, other_end = socket.socketpair()
                descriptors.append(theirs.enter_context(other_end).fileno())
                self._starting.append(_Process(Channel(ours.enter_context(end), SILENCE_SECONDS)))
            self._process = _start(descriptors)
            ours.pop_all()  # they stay open
        self._writer = threading.Thread(target=self._write, args=(work,), daemon=True)
        self._writer.start()

    def _write(self, work: Any) -> None:
        """Send the work to a process that may have ended; it ends once the pipe is closed."""
        assert self._process.stdin is not None
        with suppress(OSError):
            pickle.dump(work, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()

    @property
    def alive(self) -> int:
        """Processes that are ready, or do a part."""
        with self._changed:
            self._greet()
            return len(self._idle) + self._busy

    def compute(
        self,
        packed: bytes,
        stop: np.ndarray,
        *,
        waits: bool,
        listener: Callable[[float], None] | None = None,
    ) -> memoryview | None:
        """Let a process do a part.

        Parameters
        ----------
        packed : bytes
            What the part needs.
        stop : ndarray
            ``(1,)`` uint8; the part is stopped once it is not 0.
        waits : bool
            Whether to wait for a process where all that are ready do other parts.
        listener : callable, optional
            Gets how far the part is: 0 once a process has it, then about every second.

        Returns
        -------
        memoryview or None
            The result; None if it was stopped.

        Raises
        ------
        NoProcess
            If none is there.
        ProcessLost
            If the process ended before the part was done, was silent, or failed.
        """
        process = self._take(waits=waits)
        is_usable = False
        try:
            if listener is not None:
                listener(0.0)
            process.send(PART, packed)
            answer = _await_answer(process, stop, listener)
            is_usable = True
        finally:
            if not is_usable:
                process.kill()
            with self._changed:
                self._busy -= 1
                if is_usable:
                    self._idle.append(process)
                self._changed.notify_all()
        if answer.kind == FAILED:
            text = bytes(answer.value).decode(errors="replace")
            raise ProcessLost(text.strip().splitlines()[-1])
        return answer.value if answer.kind == DONE else None

    def _take(self, *, waits: bool) -> _Process:
        """Return a process that does nothing now."""
        with self._changed:
            while True:
                self._greet()
                if self._idle:
                    self._busy += 1
                    return self._idle.pop()
                if not (waits and self._busy):
                    raise NoProcess
                self._changed.wait(LOOK_SECONDS)

    def _greet(self) -> None:
        """Take in the first messages of processes that have become ready."""
        waiting, self._starting = self._starting, []
        for place, process in enumerate(waiting):
            try:
                message = process.receive(0)
            except ProcessLost:
                process.channel.close()
                continue
            if message is None:  # they become ready in their order
                self._starting += waiting[place:]
                return
            process.pid = int(bytes(message.value))
            self._idle.append(process)
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
            for process in (*self._idle, *self._starting):
                process.kill()  # one that stands still would not see that its socket is closed
            self._idle, self._starting = [], []
        if self._writer.is_alive():  # the work was not taken
            self._process.kill()
            self._writer.join()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._has_begun or self._process.returncode in (0, -signal.SIGKILL)


def _await_answer(
    process: _Process, stop: np.ndarray, listener: Callable[[float], None] | None
) -> Message:
    """Return what became of a part."""
    silent, looked, received, has_stopped = 0.0, time.monotonic(), 0, False
    while True:
        message = process.receive(LOOK_SECONDS)
        now, before = time.monotonic(), received
        received = process.channel.received
        silent += min(now - looked, STALL_SECONDS)
        looked = now
        if message is not None or received != before:
            silent = 0.0
        if message is not None:
            if message.kind == SHARE and listener is not None:
                listener(float(bytes(message.value)))
            if message.kind not in (ALIVE, SHARE):
                return message
        if stop[0] and not has_stopped:
            has_stopped = True
            process.send(STOP)
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
