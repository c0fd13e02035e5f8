"""Runs that are slow enough to be broken into, and what breaks into them."""

import contextlib
import functools
import threading
import time

from hypothesis import settings

import qmac
from helpers.series import frame, series
from qmac.engine.sweep.worker import Worker
from qmac.jobs import monitor
from qmac.runs.directory import RunDirectory
from qmac.runtime.execution import ledger, threads
from qmac.runtime.resources.governor import Governor

GRID = qmac.Grid(windows=range(2, 42), shared_windows=True)
"""25 cells."""
PRICES = frame(series("random", 300, 4))
LONG = settings.default.max_examples > 100
"""Whether it is ``make test-long``."""


class Halt(Exception):
    """A run in this process is broken off."""


def halting(share):
    """A listener that does when so much is done."""

    def listen(status):
        if status.done >= share * status.size:
            raise Halt

    return listen


def slow(monkeypatch, seconds=0.006, snapshots=0.005):
    """Every cell is a batch and takes so long; snapshots are written as often as they can be.

    Cells wait while one is written, so that a slow disk does not change their number.
    """
    evaluate, save = Worker.evaluate, RunDirectory.save_snapshot
    saving = threading.Lock()

    def slowly(worker, batch):
        time.sleep(seconds)
        with saving:
            return evaluate(worker, batch)

    def alone(directory, about, ledger):
        with saving:
            save(directory, about, ledger)

    monkeypatch.setattr(Worker, "evaluate", slowly)
    monkeypatch.setattr(RunDirectory, "save_snapshot", alone)
    monkeypatch.setattr(ledger, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(threads, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(monitor, "SNAPSHOT_SECONDS", snapshots)
    monkeypatch.setattr(monitor, "SNAPSHOT_COST", 1e9)


def let_time_pass(monkeypatch, module, holds):
    """For the governors that a module makes, an hour passes as soon as something holds."""

    def clock():
        return time.monotonic() + (3600.0 if holds() else 0.0)

    monkeypatch.setattr(module, "Governor", functools.partial(Governor, clock=clock))


def halted(path, share=0.5, prices=PRICES, grid=GRID, **asked):
    """A run directory with about so much of it done; needs ``slow``."""
    with contextlib.suppress(Halt):
        qmac.optimize(prices, grid, out=path, top=20, threads=2, progress=halting(share), **asked)
    return path
