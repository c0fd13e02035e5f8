"""Directories of runs and results, damaged file by file, and how an answer of one is compared."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qmac
from helpers.faults import LONG, Halt, slow
from helpers.mutants import mutants
from helpers.series import frame, series
from qmac.errors import QmacError

COUNT = 5000 if LONG else 200
SECONDS = 5.0
"""No reader takes so long."""
MOST_BYTES = 64 * 2**20
"""No reader allocates so many more in Python and NumPy than lie in a directory of a megabyte."""
GRID = qmac.Grid(windows=range(2, 10), shared_windows=True)
FIRST, SECOND = frame(series("random", 200, 4)), frame(series("random", 180, 5))
TRACED = 20
"""Every so many mutants memory is traced, which makes Python slow."""


def halted_run(path: Path) -> Path:
    """Return a run of two symbols with all scores: one is done, one has a snapshot."""

    def halt(status: Any) -> None:
        if status.part == 2 and status.done >= status.size / 2:
            raise Halt

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Halt):
        slow(patch)
        qmac.optimize_many(
            {"AAA": FIRST, "BBB": SECOND}, GRID, out=path, top=5, threads=2, progress=halt,
            save_grid="float32",
        )  # fmt: skip
    return path


def saved_result(path: Path) -> Path:
    """Return a result with its prices and averages of the user's own."""
    averages = np.array([FIRST["Close"].rolling(window).mean() for window in GRID.windows])
    return qmac.optimize(FIRST, GRID, top=5, threads=2, averages=averages).save(path)


def answer(result: qmac.Result) -> dict[str, Any]:
    """Return what a result says, for comparison."""
    values: dict[str, Any] = {
        "summary": result.summary(),
        "map": result.map("buy_fast", "sell_slow", "mean").to_csv(),
        "counts": result.distribution.counts.tolist(),
        "hold": str(result.hold),
        "job": result.job,
        "page": result._repr_html_(),
    }
    if result.scores is not None:
        values["scores"] = result.scores.of_sell(3, 8).to_csv()
    with contextlib.suppress(QmacError):  # damaged prices are refused, and the rest is shown
        values["prices"] = result.series.prices.frame.to_csv()
        values["averages"] = str(result.series.averages)
    return values


def check_mutants(file: Path, reader: Callable[[], Mapping[str, Any]]) -> None:
    """Damage a file again and again: its reader answers the same, refuses it, or warns."""
    content, good = file.read_bytes(), reader()
    try:
        for number, (name, damaged) in enumerate(mutants(content, COUNT)):
            file.write_bytes(damaged)
            check_reader(f"{file.name}: {name}", reader, good, traced=number % TRACED == 0)
    finally:
        file.write_bytes(content)


def check_reader(
    name: str,
    reader: Callable[[], Mapping[str, Any]],
    good: Mapping[str, Any] | None,
    *,
    traced: bool = True,
) -> None:
    """Read once: no traceback, no hang, no memory, no other answer without a word.

    ``good`` is None where another answer may be the right one.
    """
    if traced:
        tracemalloc.start()
    began = time.process_time()
    read: Mapping[str, Any] = {}
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            read = reader()
    except QmacError:
        pass
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        peak = tracemalloc.get_traced_memory()[1] if traced else 0
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS, name
    assert peak < MOST_BYTES, name
    if good is not None and not warned:
        others = [part for part in read if read[part] != good.get(part)]
        assert not others, f"{name}: another answer: {others}"
