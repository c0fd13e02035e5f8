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
from qmac.runtime.monitoring.status import Listener, Status, shorten
from qmac.storage.atomic import write_whole
from qmac.storage.json_text import to_json
from qmac.storage.lock import LOCK, is_held

GONE = "its process is gone"
START_SECONDS = 2.0  # from a directory to the lock in it
LINE_SECONDS = 2.0
LOG_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
"""In which the last line is looked for."""
SILENT_SECONDS = 30.0
POLL_SECONDS = 0.5


class ProgressLog:
    """A line of JSON every few seconds in a run's directory, for ``follow`` and for programs; bounded in size."""

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, 0.0
        self._last: Status | None = None

    def __call__(self, status: Status) -> None:
        now, self._last = time.monotonic(), status
        if now >= self._next:
            self._next = now + LINE_SECONDS
            self.write({"state": "running", **asdict(status)})

    def end(self, state: str) -> None:
        """How the run ended, and how far it was."""
        last = self._last
        told = ("done", "size", "finishing", "job_done")
        how = {} if last is None else {name: getattr(last, name) for name in told}
        self.write({"state": state, **how})

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; a full disk is no reason to stop."""
        text = to_json({"time": round(time.time(), 3), **line}) + "\n"
        try:
            if self._path.exists() and self._path.stat().st_size > LOG_BYTES:
                newer = self._path.read_bytes()[-LOG_BYTES // 2 :]
                write_whole(self._path, [newer.partition(b"\n")[2]])
            with self._path.open("a+b") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                torn = file.read() not in (b"", b"\n")  # half a line, of a process that was killed
                file.write(b"\n" * torn + text.encode())
        except OSError:
            pass


def follow(path: Path, listener: Listener, *, once: bool = False) -> str:
    """Show the lines of a ``ProgressLog`` as they come, until the run ends; returns how it did, or with ``once``, how it does.

    The lock beside the log says at once whether its process lives; where it cannot be asked, silence has to do.
    """
    shown, began = None, time.time()
    while True:
        held = is_held(path.with_name(LOCK))
        line = read_last_line(path)  # after the lock: what a process said before it let go is seen
        if line is not None and line.status is not None and line != shown:
            shown = line
            listener(line.status)
        if once:
            return _now(line, held)
        if (
            line is not None and line.status is None and not held
        ):  # held: it goes on, and has not said so yet
            return line.words
        silent = time.time() - (began if line is None else line.time) > SILENT_SECONDS
        if held is False and (line is not None or time.time() - began > START_SECONDS):
            return GONE
        if silent and not held:
            return f"nothing was heard of it for {SILENT_SECONDS:.0f} s: its process may be gone"
        time.sleep(POLL_SECONDS)


def _now(line: LogLine | None, held: bool | None) -> str:
    """How a run does."""
    if line is None:
        return "no line yet"
    return GONE if line.status is not None and held is False else line.words


class LogLine(NamedTuple):
    """Of a ``ProgressLog``."""

    time: float
    words: str
    status: Status | None  # None when the run has ended
    share: float = math.nan  # of the symbol at hand


def read_last_line(path: Path) -> LogLine | None:
    """The last one that is whole."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            texts = file.read().splitlines()
    except OSError:
        return None
    for text in reversed(texts):
        with suppress(Exception):  # a damaged line can fail in any way
            return _line_of(json.loads(text))
    return None


def _line_of(line: dict[str, Any]) -> LogLine:
    state, moment = printable(line["state"]), float(line["time"])
    if state != "running":
        share = line["done"] / line["size"] if "size" in line else math.nan
        job = line.get("job_done")
        where = (
            " while finishing"
            if line.get("finishing") is not None
            else f" at {share if job is None else job:.1%}"
        )
        where = "" if state != "interrupted" or math.isnan(share) else where
        return LogLine(moment, f"{state}{where}", None, share)
    known = {key: line[key] for key in Status.__dataclass_fields__ if key in line}
    numbers = {
        key: math.nan if known[key] is None else float(known[key])
        for key in ("best", "rate", "seconds")
    }
    status = Status(**known | numbers)
    share = status.done / status.size
    now = f"{state}, {status.share:.1%} done"
    if status.parts > 1:
        now += f", {shorten(status.name)} ({status.part} of {status.parts}) {share:.0%}"
    elif status.finishing is not None:
        now = "all is swept"
    return LogLine(moment, f"{now}  {status.text}", status, share)
