"""The only file that spells compiler options."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba

from qmac.storage.files import list_names

Function = TypeVar("Function", bound=Callable[..., Any])
DISABLED = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``): for coverage and debugging."""
NEWEST_NUMBA = 0, 68
"""The newest Numba whose lowering is known. Another one compiles as it does by itself, to the same
machine code, in half as much time again."""


def choose_compiler(version: tuple[int | None, ...]) -> dict[str, Any]:
    """Return the options that say which compiler kernels and helpers have.

    Parameters
    ----------
    version : tuple of int or None
        The first two numbers of Numba's version; None where it was built without one.

    Returns
    -------
    dict
        Empty where it is Numba's own: ``lowering`` replaces methods that Numba documents nowhere.
    """
    if None in version or version > NEWEST_NUMBA:
        return {}
    from qmac.kernels.compiler.lowering import KernelCompiler

    return {"pipeline_class": KernelCompiler}


COMPILER = choose_compiler(numba.version_info[:2])
if COMPILER:
    from qmac.kernels.compiler.lowering import HelperFormat
if DISABLED:
    DIRECTORY = None
else:
    from qmac.kernels.compiler.cache import (
        KernelCache,
        Locks,
        NoLocks,
        cache_directory,
        choose_directory,
    )

    DIRECTORY = choose_directory()
    LOCKS = Locks()
KERNEL: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    **COMPILER,
}
"""Without the GIL and without fastmath: a score has the same bits on every CPU."""
SEALED = KERNEL | {"_nrt": False}
"""Functions that make no array, so that references to arrays need not be counted."""
HELPER = SEALED | {"no_cpython_wrapper": True}
"""Functions that only kernels call: Python's way in is not compiled."""


def jit(function: Function) -> Function:
    """Compile a kernel.

    Parameters
    ----------
    function : callable
        Written in what Numba knows of Python and NumPy.

    Returns
    -------
    callable
        Compiled at its first call, and cached on disk.
    """
    return _cache(numba.njit(**KERNEL)(function), function)


def sealed(function: Function) -> Function:
    """Compile a kernel that makes no array.

    Counting the references to the arrays of a bundle, in atomic steps, took up to five times the
    sweep itself.

    Parameters
    ----------
    function : callable
        As of ``jit``; what it calls makes no array either.

    Returns
    -------
    callable
        Compiled at its first call, and cached on disk.
    """
    return _cache(numba.njit(**SEALED)(function), function)


def inlined(function: Function) -> Function:
    """Make a sealed helper always part of its caller's machine code.

    So lane values stay in registers.

    Parameters
    ----------
    function : callable
        As of ``sealed``.

    Returns
    -------
    callable
        For kernels to call.
    """
    return numba.njit(**HELPER, forceinline=True)(function)


def inner(function: Function) -> Function:
    """Compile a sealed function that only kernels call, once for all of them.

    Parameters
    ----------
    function : callable
        As of ``sealed``.

    Returns
    -------
    callable
        For kernels to call; cached on disk as instructions for its callers.
    """
    compiled = numba.njit(**HELPER)(function)
    if DIRECTORY and COMPILER:
        KernelCache(function, DIRECTORY, NoLocks(), HelperFormat()).serve(compiled)
    return compiled


def spliced(function: Function) -> Function:
    """Make a sealed helper part of its caller's source: compiled once, in the caller.

    It took a tenth off the first compilation. A large bundle is copied into the caller under
    another name, which costs half a second to compile: pass what is needed of it. An argument that
    is None is not pruned in it: for that, ``inlined``.

    Parameters
    ----------
    function : callable
        As of ``sealed``.

    Returns
    -------
    callable
        For kernels to call.
    """
    return numba.njit(**HELPER, inline="always")(function)


def is_shared() -> bool:
    """Return whether what another process compiles is found on disk.

    Returns
    -------
    bool
        False where kernels lie in a temporary directory, or are not compiled.
    """
    return DIRECTORY is not None and DIRECTORY.name == cache_directory().name


def is_unused() -> bool:
    """Return whether no kernel is on disk yet: this is the first command on a machine.

    Returns
    -------
    bool
        True where the directory of compiled kernels is empty.
    """
    with suppress(OSError):
        return DIRECTORY is not None and not list_names(DIRECTORY)
    return False


def find_signature(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the types by which a kernel is compiled.

    Parameters
    ----------
    arguments : tuple
        What it would be called with; only types matter.

    Returns
    -------
    tuple of numba.types.Type
        To be passed to ``is_compiled``, or to the kernel's ``compile``.
    """
    return tuple(map(numba.typeof, arguments))


def is_compiled(kernel: Any, signature: tuple[Any, ...]) -> bool:
    """Return whether a call of a kernel compiles nothing.

    Parameters
    ----------
    kernel : callable
        As of ``jit`` or ``sealed``.
    signature : tuple of numba.types.Type
        Types of its arguments.

    Returns
    -------
    bool
        Whether it is in memory or on disk; true where kernels run as plain Python.
    """
    if DISABLED or signature in kernel.overloads:
        return True
    return DIRECTORY is not None and kernel._cache.holds(signature, kernel.targetctx)


def _cache(compiled: Any, function: Function) -> Any:
    """Cache on disk what is compiled."""
    if DIRECTORY:
        KernelCache(function, DIRECTORY, LOCKS).serve(compiled)
    return compiled
