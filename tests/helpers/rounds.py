"""A process in which jobs are run and resumed, round after round: does it grow or slow down?"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import pytest

import qmac
from helpers.faults import GRID, PRICES, Halt, halting
from helpers.nodes import ray_directory
from qmac.jobs import monitor
from qmac.results import exports
from qmac.results.collection import Results
from qmac.runtime.execution import ledger, threads

MIB, PR_SET_THP_DISABLE = 2**20, 41
SMALL = 64
"""Bytes of a small object of Python, about."""
RAY_SECONDS = 60.0
"""Between two rounds with Ray, which is started and ended in each."""
HAS_RAY = sys.platform != "win32" and find_spec("ray") is not None


class Seen(NamedTuple):
    """Figures of a process after a round."""

    resident: float  # MiB
    in_use: (
        float  # MiB allocated and not freed; small objects alone where the C library has no count
    )
    busy: float  # CPU seconds of the round: other processes may be at work
    descriptors: int
    threads: int
    left: int  # files and directories of the runs, on disk or open, and processes
    clusters: int  # so many rounds had one


class Subject:
    """The process. It does a round on request, and nothing else is done in it."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, __file__, path], env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def round(self) -> Seen:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        return Seen(*json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._process:
            self._process.kill()


def rounds(path: Path) -> None:
    """Run a job that is halted and resumed twice, one without a directory, one of two symbols."""
    out = path / "run"
    for share in (0.3, 0.6):
        with pytest.raises(Halt):
            if out.exists():
                qmac.resume(
                    out, threads=2, progress=halting(share), limits=qmac.Limits(disk_free=None)
                )
            else:
                qmac.optimize(PRICES, GRID, out=out, top=20, threads=2, progress=halting(share))
    result = next(iter(qmac.resume(out, threads=2).values()))
    if os.environ.get("QMAC_SOAK"):
        present(result, path)
    digest = result.digest
    shutil.rmtree(out)
    assert qmac.optimize(PRICES, GRID, top=20, threads=2).digest == digest
    assert (
        len(
            qmac.optimize_many(
                {"a": PRICES, "b": PRICES.tail(200)}, GRID, out=out, top=5, threads=2
            ).winners
        )
        == 2
    )
    shutil.rmtree(out)


def present(result: qmac.Result, path: Path) -> None:
    """Write a result as tables and as a page, and remove them."""
    results = Results({"close": lambda: result}, {})
    for what in ("top", "maps", "distribution"):
        frame = exports.build_table(results, what)
        exports.write(exports.encode(frame, "csv"), path / f"{what}.csv")
    result.report(path / "page.html", PRICES)
    for file in (*path.glob("*.csv"), path / "page.html"):
        file.unlink()


def sweep_on_cluster(*, wait: bool) -> None:
    """Start Ray, run two jobs through it, and end it."""
    digest = qmac.optimize(PRICES, GRID, top=20, threads=2).digest
    with ray_directory(wait=wait) as home:
        os.environ["RAY_TMPDIR"] = str(home)
        with qmac.RayExecutor() as executor:
            for _ in range(2):
                assert qmac.optimize(PRICES, GRID, top=20, executor=executor).digest == digest
    for thread in threading.enumerate():
        if thread.name.startswith("qmac-"):
            thread.join(10.0)  # it may wait for an answer of the head


class Clusters:
    """Rounds with a cluster, now and then; none while other tests have one."""

    def __init__(self) -> None:
        self.count, self._last = 0, -RAY_SECONDS

    def visit(self) -> None:
        """Have a cluster if it is time."""
        is_asked = HAS_RAY and os.environ.get("QMAC_SOAK")
        if not is_asked or time.monotonic() - self._last < RAY_SECONDS:
            return
        with suppress(BlockingIOError):
            sweep_on_cluster(wait=self.count == 0)
            self.count, self._last = self.count + 1, time.monotonic()


def settle(path: Path) -> None:
    """Let CPython and the C library take now what they take for good.

    ``pathlib`` interns the parts of every path. They are the same each round, but forgotten
    between, and each that comes again takes a new place in CPython's table of such strings. The
    places last for 600 rounds; then the table is made anew. The first time it is doubled, at round
    100 or so: 1.9 MiB. At round 1,900 the C library has no room for the new one but at the end:
    2.3 MiB. With strings interned on purpose both come within 40 rounds, and 0.1 MiB in the 360
    after, in which the table is made anew 30 times. None of it is a leak: 46.1 MiB were in use at
    round 200, and at 1,200.
    """
    for _ in range(5):
        rounds(path)
        for number in range(150_000):
            sys.intern(f"{number} of a table")


class _Blocks(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "mapped",
            "usmblks",
            "fsmblks",
            "used",
            "free",
            "keepcost",
        )
    ]


def in_use(library: ctypes.CDLL) -> int:
    """Return allocated bytes.

    Resident memory shows a leak late: 400 rounds of 2 KiB went unseen into what lay free.
    """
    small = sys.getallocatedblocks() * SMALL
    if not hasattr(library, "mallinfo2"):
        return small
    library.mallinfo2.restype = _Blocks
    blocks: Any = library.mallinfo2()
    return small + int(blocks.used) + int(blocks.mapped)


def serve(path: Path) -> None:
    """A round for each line that is read."""
    ledger.BATCH_SECONDS = 0.0  # every cell a batch, a look and a snapshot after each
    threads.POLL_SECONDS = 0.0002
    monitor.SNAPSHOT_SECONDS, monitor.SNAPSHOT_COST = 0.0, 1e9
    library, process = ctypes.CDLL(None), psutil.Process()
    if (
        sys.platform == "linux"
    ):  # no huge pages: they fill by themselves what was asked for, in steps of 2 MiB
        library.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    settle(path)
    clusters = Clusters()
    clusters.visit()
    for _ in sys.stdin:
        busy = time.process_time()
        rounds(path)
        clusters.visit()
        busy = time.process_time() - busy
        gc.collect()
        left = [*path.iterdir(), *(file for file in process.open_files() if str(path) in file.path)]
        left += process.children(recursive=True)
        resident, used = process.memory_info().rss, in_use(library)
        seen = Seen(
            resident / MIB, used / MIB, busy, process.num_fds(), threading.active_count(),
            len(left), clusters.count,
        )  # fmt: skip
        print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
