"""The only file that spells compiler options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
DISABLED = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``): for coverage and debugging."""
if DISABLED:
    DIRECTORY = None
else:
    from qmac.kernels.compiler.cache import KernelCache, Locks, cache_directory, prepare_directory

    DIRECTORY = cache_directory()
    DIRECTORY = DIRECTORY if prepare_directory(DIRECTORY) else None
    LOCKS = Locks()


def jit(function: Function) -> Function:
    """Compile without the GIL and without fastmath: a score has the same bits on every CPU."""
    return _cached(numba.njit(nogil=True, error_model="numpy")(function), function)


def sealed(function: Function) -> Function:
    """The same for functions that make no array, so that arrays need not be counted.

    Counting the references to the arrays of a bundle, in atomic steps, took up to five times the sweep itself.
    """
    return _cached(numba.njit(nogil=True, error_model="numpy", _nrt=False)(function), function)


def inlined(function: Function) -> Function:
    """A sealed helper that is always part of its caller's machine code, so that lane values stay in registers."""
    return numba.njit(
        nogil=True,
        error_model="numpy",
        forceinline=True,
        _nrt=False,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(function)


def inner(function: Function) -> Function:
    """A sealed function that only kernels call: Python's way in is not compiled."""
    return numba.njit(
        nogil=True, error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(function)


def _cached(compiled: Any, function: Function) -> Any:
    """Keep on disk what is compiled."""
    if DIRECTORY:
        KernelCache(function, DIRECTORY, LOCKS).serve(compiled)
    return compiled


def spliced(function: Function) -> Function:
    """A sealed helper that becomes part of its caller's source: compiled once, there, not by itself as well.

    It took a tenth off the first compilation. An argument that is None is not pruned here: for that, ``inlined``.
    """
    return numba.njit(
        nogil=True,
        error_model="numpy",
        inline="always",
        _nrt=False,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(function)
