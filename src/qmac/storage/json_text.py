"""Values as JSON has them, and the checksum of a header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any


def to_json_values(value: Any) -> Any:
    """Return a value as dicts, lists, strings and finite numbers.

    Parameters
    ----------
    value : object
        Nested dicts, sequences, dataclasses, NumPy arrays and scalars.

    Returns
    -------
    object
        What ``json.dumps`` writes with ``allow_nan=False``. Dates are ISO strings, without a time
        at midnight; a number that is infinite or undefined is None, for which JSON has ``null``.

    Examples
    --------
    >>> to_json_values({"windows": (10, 50), "sharpe_ratio": float("nan")})
    {'windows': [10, 50], 'sharpe_ratio': None}
    """
    # the commonest first: a million rows of a result pass through
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _nested_to_json_values(value)


def _nested_to_json_values(value: Any) -> Any:
    """Return a dict, a sequence, a dataclass, an array or a scalar of NumPy."""
    if isinstance(value, Mapping):
        return {str(key): to_json_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_values(inner) for inner in value]
    if hasattr(value, "dtype"):
        return _array_to_json_values(value)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: to_json_values(getattr(value, name)) for name in names}
    return value


def _array_to_json_values(array: Any) -> Any:
    """Return an array or scalar of NumPy, which is imported only if there is one."""
    import numpy as np

    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and np.isfinite(array).all()):
        return array.tolist()  # heat maps are large: no look at each of their cells
    if array.dtype.kind != "M":
        return to_json_values(array.tolist())
    texts: Any = np.datetime_as_string(array).tolist()
    return [text.removesuffix("T00:00:00") for text in texts]


def to_json(value: Any) -> str:
    """Return a value as JSON on one line.

    Parameters
    ----------
    value : object
        See ``to_json_values``.

    Returns
    -------
    str
        Without a line break at its end.

    Examples
    --------
    >>> to_json({"best": (10, 50, 20, 100), "profit_factor": float("inf")})
    '{"best": [10, 50, 20, 100], "profit_factor": null}'
    """
    return json.dumps(to_json_values(value), allow_nan=False)


def compute_checksum(header: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything in a header but its entry ``checksum``.

    Parameters
    ----------
    header : dict
        What ``run.json`` or ``result.json`` holds.

    Returns
    -------
    str
        Hexadecimal; the order of the entries makes no difference.
    """
    rest = {name: value for name, value in header.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
