"""Progress on disk: a line of JSON every few seconds, and how it is followed."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from qmac.errors import printable
from qmac.runtime.monitoring.status import Listener, Status
from qmac.storage.atomic import write_whole
from qmac.storage.files import look_up, open_file
from qmac.storage.json_text import to_json
from qmac.storage.lines import append_line
from qmac.storage.lock import LOCK, is_held

RUNNING = "running"
GONE, NO_LINE = "its process is gone", "no line yet"
UNKNOWN_ENDS = (GONE, NO_LINE)
"""What ``follow`` returns where no line says how the run ended."""
LINE_SECONDS = 2.0
"""Between two lines."""
LOG_BYTES = 1 << 20
"""A longer log is cut to the newer half of this."""
TAIL_BYTES = 1 << 16
"""Part of the log in which the last line is looked for."""
POLL_SECONDS = 0.5
"""Between two looks of a follower."""
START_SECONDS = 2.0
"""A new directory has no lock yet for so long at most."""
SILENT_SECONDS = 30.0
"""Without a new line for so long, the process may be gone; needed where there are no locks."""
END_FIELDS = ("done", "size", "finishing", "job_done")
"""Fields of the last status that the last line repeats."""
UNDEFINED_FIELDS = ("best", "rate", "seconds")
"""Numbers that may be infinite or undefined, for which JSON has null."""


class ProgressLog:
    """A listener that writes a line of JSON every few seconds, for ``follow`` and for programs.

    The file is bounded in size.

    Parameters
    ----------
    path : Path
        The file, in a run's directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0
        self._last: Status | None = None

    def __call__(self, status: Status) -> None:
        """Write a line, if it is due."""
        self._last = status
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_SECONDS
            self.write({"state": RUNNING, **asdict(status)})

    def end(self, state: str) -> None:
        """Write how the run ended, and how far it was, unless it has ended so before.

        Parameters
        ----------
        state : str
            In words, such as ``"interrupted"``.
        """
        if self._last is None and self._is_last(state):
            return  # nothing was done: the date of the run is that of its work
        line: dict[str, Any] = {"state": state}
        if self._last is not None:
            line |= {name: getattr(self._last, name) for name in END_FIELDS}
        self.write(line)

    def _is_last(self, state: str) -> bool:
        """Return whether the last line says that the run ended so."""
        line = read_last_line(self._path)
        return line is not None and line.status is None and line.summary == state

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; a full disk is no reason to stop.

        Parameters
        ----------
        line : dict
            Plain values; the time is added.
        """
        text = to_json({"time": round(time.time(), 3), **line})
        with suppress(OSError):
            self._cut()
            append_line(self._path, text.encode())

    def _cut(self) -> None:
        """Leave the newer half of a log that is too long."""
        status = look_up(self._path)
        if status is None or status.st_size <= LOG_BYTES:
            return
        with open_file(self._path) as file:
            file.seek(-LOG_BYTES // 2, os.SEEK_END)
            newer = file.read(LOG_BYTES // 2)
        _, _, whole_lines = newer.partition(b"\n")
        write_whole(self._path, [whole_lines])


class LogLine(NamedTuple):
    """What a line of a ``ProgressLog`` tells."""

    time: float
    """Seconds since 1970."""
    summary: str
    """In words."""
    status: Status | None
    """None when the run has ended."""
    share: float = math.nan
    """Share of the job that is done, of all symbols where there are many."""


def follow(path: Path, listener: Listener, *, once: bool = False) -> str:
    """Show the lines of a ``ProgressLog`` as they come, until the run ends.

    The lock beside the log tells at once whether its process lives. Where there are no locks, it is
    gone when there has been no line for a while.

    Parameters
    ----------
    path : Path
        The log.
    listener : callable
        Called with each new status.
    once : bool, default False
        Whether to return after the first look.

    Returns
    -------
    str
        How the run ended, in words; with ``once``, how it is.
    """
    shown = None
    began = time.time()
    while True:
        held = is_held(path.with_name(LOCK))
        line = read_last_line(path)  # after the lock: the last line of a process that ended is seen
        if line is not None and line.status is not None and line != shown:
            shown = line
            listener(line.status)
        if once:
            return _describe_state(line, held)
        end = _find_end(line, held, began)
        if end is not None:
            return end
        time.sleep(POLL_SECONDS)


def _describe_state(line: LogLine | None, held: bool | None) -> str:
    """Return how a run is."""
    if line is None:
        return NO_LINE
    return GONE if line.status is not None and held is False else line.summary


def _find_end(line: LogLine | None, held: bool | None, began: float) -> str | None:
    """Return how a run ended, or None while it goes on or may begin."""
    if held:  # it goes on, even if its last line is the end of an earlier process
        return None
    if line is not None and line.status is None:
        return line.summary
    now = time.time()
    if held is False and (line is not None or now - began > START_SECONDS):
        return GONE
    silence = now - (began if line is None else line.time)
    if silence > SILENT_SECONDS:
        return f"no progress for {SILENT_SECONDS:.0f} s: its process may be gone"
    return None


def read_last_line(path: Path) -> LogLine | None:
    """Return the last line of a ``ProgressLog`` that is whole.

    Parameters
    ----------
    path : Path
        The log.

    Returns
    -------
    LogLine or None
        None where there is none.
    """
    try:
        with open_file(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            texts = file.read(TAIL_BYTES).splitlines()
    except OSError:
        return None
    for text in reversed(texts):
        with suppress(Exception):  # a damaged line can fail in any way
            return _read_line(json.loads(text))
    return None


def _read_line(fields: dict[str, Any]) -> LogLine:
    if not isinstance(fields["state"], str):
        raise TypeError("state must be a text")
    state = printable(fields["state"])
    moment = float(fields["time"])
    if state != RUNNING:
        return _read_end(fields, state, moment)
    values = {name: fields[name] for name in Status.__dataclass_fields__ if name in fields}
    for name in UNDEFINED_FIELDS:
        values[name] = math.nan if values[name] is None else float(values[name])
    if values.get("job_best") is not None:
        values["job_best"] = float(values["job_best"])
    status = Status(**values)
    summary = f"{state}, {status.share:.1%} done"
    if status.parts > 1:
        summary += f", {status.place}"
    elif status.finishing is not None:
        summary = "all is swept"
    return LogLine(moment, f"{summary}  {status.text}", status, status.share)


def _read_end(fields: dict[str, Any], state: str, moment: float) -> LogLine:
    """Return the line with which a run ended; an interrupted one tells how far it was."""
    share = fields["done"] / fields["size"] if "size" in fields else math.nan
    if fields.get("job_done") is not None:
        share = float(fields["job_done"])
    if state != "interrupted" or math.isnan(share):
        return LogLine(moment, state, None, share)
    if fields.get("finishing") is not None:
        return LogLine(moment, f"{state} while finishing", None, share)
    return LogLine(moment, f"{state} at {share:.1%}", None, share)
