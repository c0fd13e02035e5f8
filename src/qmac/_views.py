"""Views of results: functions that draw, imported when they are first called.

Results come before the report in the order of imports, so ``Result.report`` and its like cannot import what draws
them. The package itself registers where each view is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

_PLACES: dict[str, str] = {}


def register(places: Mapping[str, str]) -> None:
    """Say where views are: ``"module:function"`` by the name of the view."""
    _PLACES.update(places)


def draw(view: str, *shown: Any, **options: Any) -> Any:
    """Call the function of a view."""
    module, _, function = _PLACES[view].partition(":")
    return getattr(import_module(module), function)(*shown, **options)
