"""What a process that is forked from this one begins anew: a thread that held a lock is not in it.

Programs that call qmac may fork at any moment, as ``multiprocessing`` does on Linux before Python
3.14. Only the thread that forks is in the new process; what other threads held is held for ever.
"""

from __future__ import annotations

import inspect
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

_begun_anew: set[Callable[[], Any]] = set()
"""References to what is called after a fork."""


def call_after_fork(function: Callable[[], None]) -> None:
    """Call a function in each process that is forked from this one.

    Parameters
    ----------
    function : callable
        Called first of all in the new process; a method only as long as its object lives.
    """
    if inspect.ismethod(function):
        _begun_anew.add(weakref.WeakMethod(function, _begun_anew.discard))
    else:
        _begun_anew.add(lambda: function)


def _begin_anew() -> None:
    for reference in tuple(_begun_anew):
        function = reference()
        if function is not None:
            function()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class ThreadLock:
    """A lock between threads of one process, which a forked process finds free.

    Examples
    --------
    >>> reading = ThreadLock()
    >>> with reading.lock:
    ...     reading.lock.locked()
    True
    """

    lock: threading.Lock
    """That of this process."""

    def __init__(self) -> None:
        self._renew()
        call_after_fork(self._renew)

    def _renew(self) -> None:
        self.lock = threading.Lock()
