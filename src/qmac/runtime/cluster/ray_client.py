"""Nodes of a Ray cluster, for this process, in which Ray is never loaded.

Ray ends the process that joined a cluster when it loses the head, prints on its standard output,
replaces its signal handlers, and hangs in calls that nothing breaks off. So a process of its own
joins, ``ray_process``, with which this one exchanges messages by pipes::

    Settings, then Begin and actions, None at the end  ──▶  ray_process  ──▶  the cluster
    Ready or Broken, then Reports                      ◀──

Whatever becomes of that process, or however long it is silent, this one finds out and goes on.
"""

from __future__ import annotations

import os
import pickle
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

from qmac.errors import OptionError, Stopped, warn
from qmac.runtime.cluster.driver import Nodes
from qmac.runtime.cluster.head import HeadWatch
from qmac.runtime.cluster.messages import (
    Action,
    Begin,
    Broken,
    Event,
    Ready,
    Report,
    Settings,
)
from qmac.runtime.cluster.payloads import Payload

JOIN_SECONDS, START_SECONDS, NOTE_SECONDS = 60.0, 120.0, 10.0
"""To join a cluster whose head has answered, and to start Ray on this machine; after the last one
it is said that this takes long."""
HEAD_SILENCE_SECONDS, SILENCE_SECONDS = 3.0, 30.0
"""Without a report for so long a run ends, if the head does not answer either, and in any case."""
STALL_SECONDS = 1.0
"""Longest time between two looks that counts as silence: this process may have stood still."""
CLOSE_SECONDS = 10.0
"""To leave the cluster, or end the Ray that was started."""
SHOWN_CHARACTERS = 300
"""Of an error of Ray."""
LOG_BYTES = 16_384
"""End of what Ray printed, in which an error is looked for."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ERRORS = re.compile(r"Error: |Failed to |Check failed: |Raylet is terminated")
CHATTER = re.compile(r"(\[state-dump\]|\*\*\*|/\S+\(\S*\) \[|\[\S+ \S+ I )")
"""Begin of a line of Ray that tells no error: state, a frame of its stack, or information."""
MODULE = "qmac.runtime.cluster.ray_process"


class RayClient(Nodes):
    """The nodes of a cluster, which a process of its own has joined.

    Parameters
    ----------
    settings : Settings
        Which cluster.

    Raises
    ------
    OptionError
        If the cluster could not be joined.
    """

    def __init__(self, settings: Settings) -> None:
        self.refused, self.awaited = {}, {}
        self._generation = 0
        self._silent = 0.0
        self._looked = time.monotonic()
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, open as long as the process
        self._process = _start_process(self._log)
        self._end = weakref.finalize(self, _end_process, self._process, self._messages)
        assert self._process.stdin is not None and self._process.stdout is not None
        _start_thread(_write_messages, self._messages, self._process.stdin)
        _start_thread(_read_reports, self._process.stdout, self._reports)
        self._messages.put(settings)
        try:
            self._head = HeadWatch(self._join(settings))
        except BaseException:
            self._kill()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def close(self) -> None:
        """Leave the cluster; after some seconds, or if it has been lost, without its help."""
        self._head.close()
        self._end()

    def begin(self, payload: Payload) -> None:
        """Begin what is to be swept; see ``Nodes.begin``.

        Parameters
        ----------
        payload : Payload
            What each node is sent once.
        """
        self._generation += 1
        self.refused, self.awaited, self.starting = {}, {}, 0
        self._silent, self._looked = 0.0, time.monotonic()
        fingerprint, checksum = payload.compute_fingerprint(), payload.compute_checksum()
        begin = Begin(payload.probe, fingerprint, checksum, payload.overlaps, payload)
        self._messages.put(begin)

    def poll(self, seconds: float) -> Iterable[Event]:
        """Return what happened; see ``Nodes.poll``.

        Parameters
        ----------
        seconds : float
            How long to wait at most.

        Returns
        -------
        list of Event
            In order.

        Raises
        ------
        Stopped
            If the cluster is lost.
        """
        events: list[Event] = []
        with suppress(queue.Empty):
            events += self._take(self._reports.get(timeout=seconds))
            while True:
                events += self._take(self._reports.get_nowait())
        self._check_silence()
        return events

    def do(self, action: Action) -> None:
        """Do an action; see ``Nodes.do``.

        Parameters
        ----------
        action : Action
            For a node.
        """
        self._messages.put(action)

    def _join(self, settings: Settings) -> str:
        """Wait until the cluster is joined, and return the address of its head."""
        where = f"at {settings.address}" if settings.address else "on this machine"
        answer = self._await_answer(JOIN_SECONDS if settings.address else START_SECONDS, where)
        if isinstance(answer, Ready):
            return answer.head
        why = answer.why if isinstance(answer, Broken) else self._describe_end()
        advice = ""
        if settings.address:
            advice = (
                " Give the address that 'ray start --head' printed, port 6379 mostly; where a "
                "cluster needs a token, as newer releases do, set RAY_AUTH_MODE=token. This "
                "machine must be one of its nodes."
            )
        why = why[:SHOWN_CHARACTERS].rstrip(".")
        raise OptionError(f"no Ray cluster could be joined {where} ({why}).{advice}")

    def _await_answer(self, seconds: float, where: str) -> Ready | Broken | None:
        """Return the first message of the process."""
        note_seconds = min(NOTE_SECONDS, seconds)
        with suppress(queue.Empty):
            return self._reports.get(timeout=note_seconds)  # type: ignore[no-any-return]
        if seconds > note_seconds:
            warn(
                f"Ray has not joined the cluster {where} for {note_seconds:.0f} s; the run waits "
                f"{seconds:.0f} s for it.",
                stacklevel=7,
            )
            with suppress(queue.Empty):
                return self._reports.get(timeout=seconds - note_seconds)  # type: ignore[no-any-return]
        return Broken(f"no answer for {seconds:.0f} s")

    def _take(self, report: Report | Broken | None) -> list[Event]:
        """Take a report in and return its events, unless they are of an earlier dataset."""
        self._silent = 0.0
        if report is None or isinstance(report, Broken):
            why = self._describe_end() if report is None else report.why
            raise self._lose(f"Ray has left the cluster ({why[:SHOWN_CHARACTERS].rstrip('.')})")
        if report.generation != self._generation:
            return []
        self.refused, self.awaited = report.refused, report.awaited
        self.starting = report.starting
        return report.events

    def _check_silence(self) -> None:
        """Raise if there has been no report for too long."""
        now = time.monotonic()
        self._silent += min(now - self._looked, STALL_SECONDS)
        self._looked = now
        if self._silent > HEAD_SILENCE_SECONDS and self._head.is_lost:
            raise self._lose(
                f"the head of the cluster, {self._head.address}, does not answer any more"
            )
        if self._silent > SILENCE_SECONDS:
            raise self._lose(f"Ray has not answered for {self._silent:.0f} s on this machine")

    def _lose(self, why: str) -> Stopped:
        """Give the cluster up, and return the error that says so."""
        self._kill()
        return Stopped(f"{why}. Look with 'ray status', start the cluster again if it has ended.")

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _describe_end(self) -> str:
        """Return the last error that Ray printed before its process ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_BYTES))
        text = COLOURS.sub("", self._log.read().decode(errors="replace"))
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if ERRORS.search(line)]
        others = [line for line in lines if not CHATTER.match(line)]
        last = (errors or others or [f"exit code {self._process.returncode}"])[-1]
        return last.rpartition("Check failed: ")[2]  # Ray first advises to report a bug


def _start_process(log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process, which finds what this one finds."""
    paths = [os.environ.get("PYTHONPATH", ""), *sys.path]
    environment = {
        "RAY_USAGE_STATS_ENABLED": "0",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
    }
    command = [sys.executable, "-P", "-m", MODULE]
    return subprocess.Popen(  # noqa: S603, this Python and a module of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,  # Ctrl-C is for this process
    )


def _start_thread(function: Any, *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, daemon=True, name="qmac-ray").start()


def _write_messages(messages: queue.SimpleQueue[Any], stream: IO[bytes]) -> None:
    """Send messages, to a process that may have ended; None is the last one."""
    with suppress(OSError, ValueError):
        while True:
            message = messages.get()
            pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
            stream.flush()
            if message is None:
                stream.close()
                return


def _read_reports(stream: IO[bytes], reports: queue.SimpleQueue[Any]) -> None:
    """Take in reports; None follows the last one."""
    with suppress(Exception):  # its end, and whatever the rest of a message raises
        while True:
            reports.put(pickle.load(stream))  # noqa: S301, of a process that was started here
    reports.put(None)


def _end_process(process: subprocess.Popen[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """End the process; also called when this one ends."""
    messages.put(None)
    try:
        process.wait(CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
