"""Which kernel answers a question; it is compiled, loaded and tested here, before the sweep.

A kernel of its own is compiled for each set of statistics, with and without stops: some seconds.
The general kernel computes all of them, and is compiled once. On a small grid its answer, with the
same bits, is there before the other kernel would be; that one is compiled beside it, for the next
question of its kind.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.selftest import find_signature, is_tested, self_test
from qmac.engine.sweep.spec import LANES, SweepSpec
from qmac.jobs.compile_beside import (
    compile_beside,
    compile_first,
    describe_kernel,
    wait_for_kernel,
)
from qmac.kernels.compiler.jit import is_compiled, is_unused
from qmac.kernels.sweep.sweep import sweep_cells
from qmac.runtime.execution.executor import Executor, SerialExecutor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.compiling import USUAL_SECONDS, compiling
from qmac.strategy.grid import Grid

Value = TypeVar("Value")
ROW_SECONDS = 0.9e-6
"""What the general kernel takes more for a row of its tables: a bar of a block of lanes. Measured
on the machine of ``USUAL_SECONDS``, which a kernel of its own takes to compile."""
STEP_SECONDS = 0.09e-6
"""What it takes more for a step: an entry against a block of lanes."""
BARS_PER_EVENT = 220
"""Of a pair: 23 entries on 5,031 bars; equal lists, which are swept once, make it fewer."""
MOST_BARS = 8192
"""Longer series have tables of more than 19 MB for each thread."""
LOOK_SECONDS = 0.005
"""Between two looks whether a question that waits for its kernel is cancelled."""

if hasattr(os, "register_at_fork"):
    # a fork waits for the compiler: what a thread has half compiled is lost in the new process, and
    # its lock held for ever
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def choose_kernel(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    executor: Executor,
    check: Callable[[], None] | None = None,
) -> SweepSpec:
    """Return the spec with the kernel that answers first, which is loaded and tested.

    The answer has the same bits. Kernels of series beyond 16-bit codes are compiled at their first
    call and not tested.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.
    executor : Executor
        Where it is computed; a cluster's nodes have their own kernels.
    check : callable, optional
        Called every few milliseconds while the kernel is prepared; raises where there is nothing
        to wait for any more. Neither a compiler nor the loading of a kernel gives way, so with it a
        process compiles and another thread loads; without it, this thread does both.

    Returns
    -------
    SweepSpec
        The same, or with ``is_general``.

    Raises
    ------
    InternalError
        If the kernel is wrong on this machine.
    """
    if not _has_short_codes(series) or is_tested(spec):  # a look at the disk takes 2 ms
        return spec
    choose = functools.partial(_choose, series, grid, spec, executor)
    if check is None:
        spec = choose()
        check_kernel(spec)
        return spec
    spec = call_beside(choose, check)  # it may start a process
    if not is_ready(spec) and is_ready(replace(spec, is_general=True)):
        with compiling(describe_kernel(spec)):
            wait_for_kernel(spec, is_ready, check)
    call_beside(functools.partial(check_kernel, spec), check)
    return spec


def _choose(series: PreparedSeries, grid: Grid, spec: SweepSpec, executor: Executor) -> SweepSpec:
    """Return the spec with the kernel that answers first; begin to compile what is not there."""
    if not isinstance(executor, (SerialExecutor, ThreadExecutor)):
        return spec
    general = replace(spec, is_general=True)
    if not is_ready(general):
        if not is_unused():  # on a new machine, compile_first does
            compile_beside(general)
        return spec
    bars = series.period.close.size
    excess = estimate_excess(bars, grid) / executor.threads
    if bars <= MOST_BARS and excess <= USUAL_SECONDS and not is_ready(spec):
        compile_beside(spec)
        return general
    return spec


def check_kernel(spec: SweepSpec) -> None:
    """Load or compile the kernel of a spec for series of 16-bit codes, and test it.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.

    Raises
    ------
    InternalError
        If it is wrong on this machine.
    """
    if not is_ready(spec):
        with compiling(describe_kernel(spec)):
            compile_first(spec)
            self_test(spec)
    else:
        self_test(spec)


def _has_short_codes(series: PreparedSeries) -> bool:
    """Return whether a series has codes of 16 bits."""
    return code_dtype(series.period.close.size) is np.uint16


def is_ready(spec: SweepSpec) -> bool:
    """Return whether the kernel of a spec is compiled, for series of 16-bit codes.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.

    Returns
    -------
    bool
        Whether it is in memory or on disk.
    """
    return is_tested(spec) or is_compiled(sweep_cells, find_signature(spec))


def estimate_excess(bars: int, grid: Grid) -> float:
    """Return how much longer the general kernel takes for a grid.

    Parameters
    ----------
    bars : int
        Bars of the series.
    grid : Grid
        Window sets.

    Returns
    -------
    float
        Seconds of one thread, from above.
    """
    blocks = -(-grid.sells.size // LANES)
    steps = grid.buys.size * bars / BARS_PER_EVENT
    return blocks * (bars * ROW_SECONDS + steps * STEP_SECONDS)


def call_beside(function: Callable[[], Value], check: Callable[[], None]) -> Value:
    """Return what a function returns, which is called on a thread of its own.

    Parameters
    ----------
    function : callable
        Goes on where it is not waited for any more.
    check : callable
        Called while it is waited for; raises where there is nothing to wait for any more.

    Returns
    -------
    object
        Of the function.
    """
    future: Future[Value] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="kernel", daemon=True).start()
    while not future.done():
        check()
        wait((future,), LOOK_SECONDS)
    return future.result()
