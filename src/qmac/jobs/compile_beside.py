"""Compiles a kernel in a process of its own, for the next question that needs it.

A thread would hold the interpreter for most of the seconds, and a page that moves would stand
still. The process has the lowest priority, ends by itself, and nothing waits for it: what it
compiles lies on disk when it is done.

The first command on a machine compiles its kernel itself, and has a process compile the others
meanwhile, a third of the work.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qmac._forks import ThreadLock, call_after_fork
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
_started: set[Any] = set()
_processes: list[subprocess.Popen[bytes]] = []
_others: list[subprocess.Popen[bytes]] = []
"""The process that compiles what the first command needs beside its kernel."""
_begun: tuple[str, float] = "", 0.0
"""What the last process compiles for, and when it began."""
starting = ThreadLock()


def _forget() -> None:
    """Forget the processes, of which another process knows nothing."""
    _started.clear()
    _processes.clear()
    _others.clear()


call_after_fork(_forget)


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
    global _begun  # noqa: PLW0603 - of this process, as what it started is
    signature = find_signature(spec)
    if not _may_start():
        return False
    with starting.lock:
        if _is_running() or signature in _started:  # one at a time
            return False
        _started.add(signature)
        _begun = describe_kernel(spec), time.monotonic()
        process = _start(compile_signature, signature)
        if process is not None:
            _processes.append(process)
    return process is not None


def compile_first(spec: SweepSpec) -> None:
    """Compile the kernel of a spec; on a new machine, what else it needs in a process beside.

    Parameters
    ----------
    spec : SweepSpec
        Of a sweep of a series of 16-bit codes.
    """
    if jit.is_unused() and available_cpus() > 1 and _may_start():
        process = _start(compile_others, spec)
        if process is not None:
            _others[:] = [process]
    sweep_cells.compile(find_signature(spec))  # type: ignore[attr-defined]


def _may_start() -> bool:
    """Return whether a process may be started, and what it compiles is found."""
    if os.environ.get(SWITCH) == "0" or not has_interpreter():
        return False
    try:
        return jit.is_shared()
    except OSError:  # a variable names a home directory that there is not
        return False


def _start(function: Callable[[Any], None], argument: Any) -> subprocess.Popen[bytes] | None:
    """Start a process that calls a function; None where the system refuses it."""
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
            pickle.dump((function, argument), pipe)
        threading.Thread(target=process.wait, daemon=True).start()  # else it stays a zombie
        return process
    return None


def _is_running() -> bool:
    """Return whether a process compiles; those that have ended are forgotten."""
    _processes[:] = [process for process in _processes if process.poll() is None]
    return bool(_processes)


def find_beside() -> Compiling | None:
    """Return what a process beside this one compiles now.

    Returns
    -------
    Compiling or None
        None where there is none.
    """
    with starting.lock:
        if not _is_running():
            return None
        words, began = _begun
        return Compiling(words, time.monotonic() - began)


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
    """Call the function that comes in, in the process that was started for it."""
    function, argument = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the starting process)
    function(argument)
