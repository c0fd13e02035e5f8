"""Which kernel answers: the one of a question, or the general one where that is sooner.

A kernel of its own is compiled for each set of statistics, with and without stops: some seconds.
The general kernel computes all of them, and is compiled once. On a small grid its answer, with the
same bits, is there before the other kernel would be; that one is compiled beside it, for the next
question of its kind.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.selftest import find_signature, is_tested
from qmac.engine.sweep.spec import LANES, SweepSpec
from qmac.jobs.compile_beside import compile_beside
from qmac.kernels.compiler.jit import is_compiled
from qmac.kernels.sweep.sweep import sweep_cells
from qmac.runtime.execution.executor import Executor, SerialExecutor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.compiling import USUAL_SECONDS
from qmac.strategy.grid import Grid

ROW_SECONDS = 0.9e-6
"""What the general kernel takes more for a row of its tables: a bar of a block of lanes. Measured
on the machine of ``USUAL_SECONDS``, which a kernel of its own takes to compile."""
STEP_SECONDS = 0.09e-6
"""What it takes more for a step: an entry against a block of lanes."""
BARS_PER_EVENT = 220
"""Of a pair: 23 entries on 5,031 bars; equal lists, which are swept once, make it fewer."""
MOST_BARS = 8192
"""Longer series have tables of more than 19 MB for each thread."""
_is_there = threading.Event()
"""Set when the general kernel was seen: a look at the disk takes up to 2 ms."""


def choose_kernel(
    series: PreparedSeries, grid: Grid, spec: SweepSpec, executor: Executor
) -> SweepSpec:
    """Return the spec with the kernel that answers first; the answer has the same bits.

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

    Returns
    -------
    SweepSpec
        The same, or with ``is_general``.
    """
    if not _has_general(series, executor):
        return spec
    bars = series.period.close.size
    general = replace(spec, is_general=True)
    excess = estimate_excess(bars, grid) / executor.threads
    is_sooner = bars <= MOST_BARS and excess <= USUAL_SECONDS
    if is_sooner and not is_ready(spec) and is_ready(general):
        compile_beside(spec)
        return general
    return spec


def prepare_general(series: PreparedSeries, spec: SweepSpec, executor: Executor) -> None:
    """Begin to compile the general kernel, if it is not there, when a question is answered.

    The first command on a machine compiles its own kernel, and what else it needs, alone:
    beside it, the general one took the processor from its answer.

    Parameters
    ----------
    series : PreparedSeries
        What the question was about.
    spec : SweepSpec
        What was computed.
    executor : Executor
        Where it was computed.
    """
    if _is_there.is_set() or not _has_general(series, executor):
        return
    general = replace(spec, is_general=True)
    if is_ready(general):
        _is_there.set()
    else:
        compile_beside(general)


def _has_general(series: PreparedSeries, executor: Executor) -> bool:
    """Return whether the general kernel can answer a question about a series."""
    is_here = isinstance(executor, (SerialExecutor, ThreadExecutor))
    return is_here and code_dtype(series.period.close.size) is np.uint16


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
