"""What this process compiles at the moment, for whoever shows progress.

Kernels are compiled before a sweep begins, so there is no ``Status`` yet. Compiling takes some
seconds, once for each kind of kernel on a machine: it is said what for, and for how long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from qmac._forks import call_after_fork

USUAL_SECONDS = 10.0
"""CPU time of one kernel on an AMD EPYC of 2 to 3 GHz; 6 to 12 were measured."""
_listeners: list[Callable[[str], None]] = []
_now: dict[str, float] = {}
"""When each began."""
call_after_fork(_now.clear)


class Compiling(NamedTuple):
    """Something that is compiled."""

    words: str
    """What for."""
    seconds: float
    """How long it has been."""


@contextmanager
def compiling(words: str) -> Iterator[None]:
    """Say that something is compiled while the block runs; any thread may.

    Parameters
    ----------
    words : str
        What for, such as ``"total_return, stops"``.

    Yields
    ------
    None
        While it is compiled.
    """
    if words in _now:  # another thread says so
        yield
        return
    _now[words] = time.monotonic()
    try:
        for listener in tuple(_listeners):
            listener(describe_compiling())
        yield
    finally:
        _now.pop(words, None)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Call a function with a sentence whenever compiling begins, while the block runs.

    Parameters
    ----------
    listener : callable
        Takes a text.

    Yields
    ------
    None
        While it listens.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def describe_compiling() -> str:
    """Return what is compiled now and for how long it has been, in words.

    Returns
    -------
    str
        Empty where nothing is compiled.

    Examples
    --------
    >>> with compiling("sharpe_ratio"):
    ...     describe_compiling()
    'compiling for sharpe_ratio: 0 s of about 10 s, once'
    >>> describe_compiling()
    ''
    """
    now = find_compiling()
    if now is None:
        return ""
    words, seconds = now
    return f"compiling for {words}: {seconds:.0f} s of about {USUAL_SECONDS:.0f} s, once"


def find_compiling() -> Compiling | None:
    """Return what this process compiles now, or waits for.

    Returns
    -------
    Compiling or None
        None where nothing is compiled.
    """
    for words, began in tuple(_now.items()):
        return Compiling(words, time.monotonic() - began)
    return None
