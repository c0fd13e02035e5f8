"""Compiles kernels in processes of their own.

A thread would hold the interpreter for most of the seconds, and a page that moves would stand
still. A process ends by itself, and what it compiles lies on disk when it is done; what is only for
later questions is compiled at the lowest priority.

The first command on a machine compiles its kernel itself. A process compiles what else it needs
meanwhile, and then the general kernel, for the questions after it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from qmac._forks import call_after_fork
from qmac.engine.sweep.selftest import compile_others, find_signature
from qmac.engine.sweep.spec import SweepSpec
from qmac.kernels.compiler import jit
from qmac.kernels.sweep.sweep import sweep_cells
from qmac.runtime.execution.processes import build_environment, has_interpreter
from qmac.runtime.monitoring.compiling import Compiling
from qmac.runtime.resources.machine import available_cpus

SWITCH = "QMAC_COMPILE_BESIDE"
"""Variable of the environment; 0 switches it off."""
LOWEST_PRIORITY = 19
PROGRAM = "from qmac.jobs.compile_beside import main; main()"
LOOK_SECONDS = 0.02
"""Between two looks at a process that is waited for."""
FIRST_PROCESSES = 2
"""Processes whose kernels the first answer needs."""
Step = tuple[Callable[[Any], None], Any]
"""A function, and what a process calls it with."""


class _Beside:
    """What this process has started, and nothing in a process that is forked from it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.signatures: set[Any] = set()
        """Of the kernels that were begun."""
        self.running: list[subprocess.Popen[bytes]] = []
        self.words, self.began = "", 0.0
        """What the last process compiles for, and when it began."""

    def is_running(self) -> bool:
        """Return whether a process compiles; those that have ended are forgotten."""
        self.running[:] = [process for process in self.running if process.poll() is None]
        return bool(self.running)

    def start(
        self, spec: SweepSpec, before: Sequence[Step] = (), after: Sequence[Step] = ()
    ) -> bool:
        """Start a process for the kernel of a spec and more; whether the system allows it."""
        process = _start(*before, (compile_signature, find_signature(spec)), *after)
        if process is not None:
            self.running.append(process)
        self.signatures.add(find_signature(spec))
        self.words, self.began = describe_kernel(spec), time.monotonic()
        return process is not None


beside = _Beside()


def _begin_anew() -> None:
    global beside  # noqa: PLW0603 - of this process
    beside = _Beside()


call_after_fork(_begin_anew)


def compile_beside(spec: SweepSpec) -> bool:
    """Begin to compile the kernel of a spec, unless that was begun before.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep of a series of 16-bit codes.

    Returns
    -------
    bool
        Whether a process was started.
    """
    if not _may_start():
        return False
    with beside.lock:
        if beside.is_running() or find_signature(spec) in beside.signatures:  # one at a time
            return False
        return beside.start(spec)


def compile_first(spec: SweepSpec) -> None:
    """Compile the kernel of a spec; on a new machine, what else is needed in processes beside.

    The general kernel comes after them; with more than two processors it has a process of its own.
    Last comes what the first question with stops needs beside that kernel.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep of a series of 16-bit codes.
    """
    cpus = available_cpus()
    if jit.is_unused() and _may_start():
        general, others = replace(spec, is_general=True), (compile_others, spec)
        stopped = replace(spec, rules=replace(spec.rules, max_bars=1))
        with beside.lock:
            if cpus > FIRST_PROCESSES:
                _start(others)
            before = [others] if cpus == FIRST_PROCESSES else []
            beside.start(general, before, [(compile_others, stopped)])
    sweep_cells.compile(find_signature(spec))  # type: ignore[attr-defined]


def _may_start() -> bool:
    """Return whether a process may be started, and what it compiles is found."""
    if os.environ.get(SWITCH) == "0" or not has_interpreter():
        return False
    try:
        return jit.is_shared()
    except OSError:  # a variable names a home directory that there is not
        return False


def _start(*steps: Step) -> subprocess.Popen[bytes] | None:
    """Start a process that calls functions in turn; None where the system refuses it."""
    with suppress(OSError):
        process = subprocess.Popen(  # noqa: S603 (this very interpreter)
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=build_environment(),
            start_new_session=True,
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pickle.dump(steps, pipe)
        threading.Thread(target=process.wait, daemon=True).start()  # else it stays a zombie
        return process
    return None


def find_beside() -> Compiling | None:
    """Return what a process beside this one compiles now.

    Returns
    -------
    Compiling or None
        None where there is none.
    """
    with beside.lock:
        if not beside.is_running():
            return None
        return Compiling(beside.words, time.monotonic() - beside.began)


def wait_for_kernel(
    spec: SweepSpec, is_ready: Callable[[SweepSpec], bool], check: Callable[[], None]
) -> bool:
    """Wait until a process beside this one has compiled the kernel of a spec.

    Whoever waits can be called away at any moment, which no compiler allows.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep of a series of 16-bit codes.
    is_ready : callable
        Whether the kernel of a spec is there.
    check : callable
        Called while it waits; raises where there is nothing to wait for any more.

    Returns
    -------
    bool
        Whether it is there; False where no process can compile it.
    """
    while not is_ready(spec):
        if not compile_beside(spec) and find_beside() is None:
            return is_ready(spec)
        check()
        time.sleep(LOOK_SECONDS)
    return True


def describe_kernel(spec: SweepSpec) -> str:
    """Return what a kernel is compiled for: the objective, metrics with bounds, and stops.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep.

    Returns
    -------
    str
        Such as ``"sharpe_ratio, win_rate, stops"``.
    """
    what = ["every objective"] if spec.is_general else [spec.objective.metric, *spec.constraints]
    stops = ["stops"] if spec.rules.has_stops else []
    return ", ".join(dict.fromkeys([*what, *stops]))


def compile_signature(signature: tuple[Any, ...]) -> None:
    """Compile a kernel for a later question, at the lowest priority.

    Parameters
    ----------
    signature : tuple of numba.types.Type
        What ``find_signature`` returned.
    """
    with suppress(OSError, AttributeError):
        os.nice(LOWEST_PRIORITY)
    sweep_cells.compile(signature)  # type: ignore[attr-defined]


def main() -> None:
    """Call the functions that come in, in the process that was started for them."""
    for function, argument in pickle.load(sys.stdin.buffer):  # noqa: S301 (who started it wrote it)
        function(argument)
