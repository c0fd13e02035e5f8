"""Compiles a kernel in a process of its own, for the next question that needs it.

A thread would hold the interpreter for most of the seconds, and a page that moves would stand
still. The process has the lowest priority, ends by itself, and nothing waits for it: what it
compiles lies on disk when it is done.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from qmac.engine.sweep.selftest import find_signature
from qmac.engine.sweep.spec import SweepSpec
from qmac.kernels.compiler import jit
from qmac.kernels.sweep.sweep import sweep_cells

SWITCH = "QMAC_COMPILE_BESIDE"
"""Variable of the environment; 0 switches it off."""
LOWEST_PRIORITY = 19
PROGRAM = "from qmac.jobs.compile_beside import main; main()"
_started: set[Any] = set()
_processes: list[subprocess.Popen[bytes]] = []
_lock = threading.Lock()


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
    signature = find_signature(spec)
    if os.environ.get(SWITCH) == "0" or not jit.is_shared():
        return False
    with _lock:
        _processes[:] = [process for process in _processes if process.poll() is None]
        if _processes or signature in _started:  # one at a time
            return False
        _started.add(signature)
        with suppress(OSError):
            process = subprocess.Popen(  # noqa: S603 (this very interpreter)
                [sys.executable, "-P", "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            _processes.append(process)
            assert process.stdin is not None
            with process.stdin as pipe:
                pickle.dump(signature, pipe)
            return True
    return False


def main() -> None:
    """Compile the kernel whose signature comes in, in the process that was started for it."""
    with suppress(OSError, AttributeError):
        os.nice(LOWEST_PRIORITY)
    signature = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the process that started this one)
    sweep_cells.compile(signature)  # type: ignore[attr-defined]
