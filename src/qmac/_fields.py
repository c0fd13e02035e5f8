"""Fields whose content cannot be changed by whoever reads them: frames, arrays, dicts and lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Class = TypeVar("Class", bound=type)


class Deferred:
    """The value of a protected field that is built when it is first read.

    Parameters
    ----------
    build : callable
        Takes nothing, and can be pickled.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self.build = build


class _ProtectedField:
    """A field of a frozen dataclass that holds and returns ``protect(value)``.

    The value stays in the object's dictionary under the name of the field, so pickles and
    ``dataclasses.replace`` are as ever.

    Parameters
    ----------
    name : str
        Name of the field.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        if instance is None:
            raise AttributeError(self._name)
        held = vars(instance)
        value = held[self._name]
        if isinstance(value, Deferred):
            value = held[self._name] = protect(value.build())
        return protect(value)

    def __set__(self, instance: object, value: Any) -> None:
        vars(instance)[self._name] = protect(value)


def protect(value: Any) -> Any:
    """Return a value that shares memory with the one that was passed and cannot change it.

    Parameters
    ----------
    value : object
        A frame or a series of pandas, an array, a dict, a list, or what cannot be changed anyway.

    Returns
    -------
    object
        Of a frame a lazy copy (pandas copies a column when it is changed; 40 us for any number of
        rows), of an array a view that stays read-only, of a dict or a list a copy.

    Examples
    --------
    >>> inner = {"total_trades": [1, None]}
    >>> protect(inner)["total_trades"].append(2)
    >>> inner
    {'total_trades': [1, None]}
    """
    if isinstance(value, np.ndarray):
        return _lock_array(value)
    if isinstance(value, dict):
        return {name: protect(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [protect(inner) for inner in value]
    if hasattr(value, "iloc"):  # pandas is not imported for it
        return _lock_frame(value.copy(deep=False))
    return value


def _lock_array(array: Any) -> Any:
    """Return a view that is read-only and cannot be set to writeable; arrays of pandas, too."""
    if not isinstance(array, np.ndarray):  # dates, categories, text
        held = getattr(array, "_ndarray", None)
        view = array.view() if held is None else array._from_backing_data(_lock_array(held))
        view._readonly = True
        return view
    is_date = array.dtype.kind in "mM"  # which no memory view holds
    numbers: Any = array.view(np.int64) if is_date else array
    return np.asarray(memoryview(numbers).toreadonly()).view(array.dtype)


def _lock_frame(frame: Any) -> Any:
    """Make the columns of a lazy copy read-only, and return it.

    Copies on write end where pandas hands out what it holds, such as ``frame["a"].array``, and it
    has no public way to forbid that (pandas issue 63099). What lies behind the copy counts as
    shared for ever: a frame that outlives its object is still copied before it is changed.
    """
    for block in frame._mgr.blocks:
        block.values = _lock_array(block.values)
        block.refs.add_index_reference(_lock_frame)
    return frame


def protected(*names: str) -> Callable[[Class], Class]:
    """Return a decorator that protects fields of a frozen dataclass.

    Parameters
    ----------
    *names : str
        The fields whose content could be changed.

    Returns
    -------
    callable
        Takes the class and returns it.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @protected("counts")
    ... @dataclass(frozen=True)
    ... class Tally:
    ...     counts: dict[str, int]
    >>> tally = Tally({"trades": 2})
    >>> tally.counts.clear()
    >>> tally
    Tally(counts={'trades': 2})
    """

    def decorate(decorated: Class) -> Class:
        for name in names:
            setattr(decorated, name, _ProtectedField(name))
        return decorated

    return decorate
