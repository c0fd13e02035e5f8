"""Docstrings of the house say ``name : what it is``, where numpydoc has a type: types stand in the signature.

What it is goes below the name before a docstring is read, so that the page shows the type of the signature and the words of the docstring.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

ITEM = re.compile(r"^(\w+(?:, \w+)*) : (.+)$", re.MULTILINE)


class Parameters(Extension):
    """For Parameters and Raises alike."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = ITEM.sub(_below, obj.docstring.value)


def _below(item: re.Match[str]) -> str:
    names, what = item.groups()
    if names[0].isupper():  # errors, any of which may be raised
        names = names.replace(", ", " | ")
    return f"{names}\n    {what}"
