"""The only file that spells compiler options, and where compiled kernels are kept on disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import caching

Function = TypeVar("Function", bound=Callable[..., Any])

DISABLED = bool(numba.config.DISABLE_JIT)
"""True when kernels run as plain Python (``NUMBA_DISABLE_JIT=1``): for coverage and debugging."""


def _fingerprint() -> str:
    """Name of everything that the machine code follows from, less the CPU, which Numba's index holds."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Directory of the compiled kernels: ``$QMAC_CACHE_DIR``, or the user's cache directory."""
    root = os.environ.get("QMAC_CACHE_DIR")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        try:
            root = str(Path(base) / "qmac") if base else str(Path.home() / ".cache" / "qmac")
        except RuntimeError:  # a user without a home
            root = str(Path(tempfile.gettempdir()) / f"qmac-{os.getuid()}")
    return Path(root) / f"kernels-{_fingerprint()}"


class _Locator(caching._CacheLocator):  # type: ignore[misc]
    """One directory for all kernels, named by all their sources.

    Numba's own locators look at the file of the function alone, so a kernel whose *callee* changed
    in another file would be served stale.
    """

    directory = cache_directory()

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def get_cache_path(self) -> str:
        return str(self.directory)

    def get_source_stamp(self) -> str:
        return self.directory.name

    def get_disambiguator(self) -> str:
        return str(self._function.__code__.co_firstlineno)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator | None:
        locator = cls(py_func)
        try:
            locator.ensure_cache_path()
        except OSError:  # read-only home: compile in memory, every time
            return None
        return locator


class _CacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = [_Locator]  # noqa: RUF012 (Numba's name)


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """A damaged entry (a full disk, a killed process) is thrown away and compiled again."""

    _impl_class = _CacheImpl

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(signature, target_context)
        except Exception:
            self._forget()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except Exception:
            self._forget()

    def _forget(self) -> None:
        Path(self._cache_file._index_path).unlink(missing_ok=True)


def jit(function: Function) -> Function:
    """Compile without the GIL and without fastmath: a score has the same bits on every CPU."""
    return _cached(numba.njit(nogil=True, error_model="numpy")(function), function)


def sealed(function: Function) -> Function:
    """The same for functions that make no array, so that arrays need not be counted.

    Counting the references to the arrays of a bundle, in atomic steps, took up to five times the sweep itself.
    """
    return _cached(numba.njit(nogil=True, error_model="numpy", _nrt=False)(function), function)


def inlined(function: Function) -> Function:
    """A sealed helper that is always part of its caller, so that lane values stay in registers."""
    return numba.njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function)


def _cached(compiled: Any, function: Function) -> Any:
    if not DISABLED:
        try:
            compiled._cache = _Cache(function)
        except RuntimeError:  # no directory can be written; the kernel still works
            pass
    return compiled
