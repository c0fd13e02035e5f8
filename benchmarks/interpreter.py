"""When a thread holds the interpreter and when it does not, call by call, in CPU time.

A few lines of C stand before the two functions by which Python code lets go of the interpreter and
takes it again. They must be loaded before Python: ``restart_with_clock`` starts the process anew.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#define MOST 100000
static void *(*save)(void);
static void (*restore)(void *);
static __thread double times[MOST];
static __thread long count;
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
static void add(void) { if (count < MOST) times[count++] = now(); }
void *PyEval_SaveThread(void) {
    if (!save) save = dlsym(RTLD_NEXT, "PyEval_SaveThread");
    void *state = save();
    add();
    return state;
}
void PyEval_RestoreThread(void *state) {
    if (!restore) restore = dlsym(RTLD_NEXT, "PyEval_RestoreThread");
    add();
    restore(state);
}
void begin_clock(void) { count = 0; add(); }
long end_clock(double *copy) {
    add();
    for (long i = 0; i < count; i++) copy[i] = times[i];
    return count;
}
"""
VARIABLE, MOST = "LD_PRELOAD", 100_000


def restart_with_clock(module: str) -> None:
    """Start this process anew, with the clock, unless it has it.

    Parameters
    ----------
    module : str
        What ``python -m`` takes; the arguments of the command line follow.
    """
    if "interpreter_clock" in os.environ.get(VARIABLE, ""):
        return
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("it needs a C compiler, cc or gcc")
    library = Path(tempfile.mkdtemp()) / "interpreter_clock.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    variables = os.environ | {VARIABLE: str(library)}
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], variables)


def time_pieces(function: Callable[[], object]) -> np.ndarray:
    """Return for how long a call holds the interpreter and does not, in turn.

    Parameters
    ----------
    function : callable
        What is timed, on the calling thread.

    Returns
    -------
    ndarray
        Seconds of CPU, ``(2 N + 1,)``: held, not held, held, ... held.
    """
    library = ctypes.PyDLL(os.environ[VARIABLE])
    times = np.empty(MOST)
    library.begin_clock()
    function()
    count = library.end_clock(times.ctypes.data_as(ctypes.c_void_p))
    return np.diff(times[:count])
