"""Views of results: functions that draw, imported when they are first called.

Results come before the report in the order of imports, so ``Result.report`` and its like cannot
import what draws them. The package registers where each view is when it is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

_PLACES: dict[str, str] = {}


def register(places: Mapping[str, str]) -> None:
    """Remember where views are.

    Parameters
    ----------
    places : mapping of str to str
        ``"module:function"`` by the name of the view.
    """
    _PLACES.update(places)


def draw(view: str, *shown: Any, **options: Any) -> Any:
    """Return what the function of a view returns.

    Parameters
    ----------
    view : str
        A name that is registered.
    *shown, **options : Any
        Arguments of the function.

    Returns
    -------
    Any
        A figure, HTML or a path.
    """
    module, _, function = _PLACES[view].partition(":")
    return getattr(import_module(module), function)(*shown, **options)
