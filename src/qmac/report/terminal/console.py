"""A console on which text of a file is text: no markup, and nothing that moves the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console, RenderableType
from rich.segment import Segment

from qmac.errors import printable_lines


class PlainTextConsole(Console):
    """A console whose colours are its author's only.

    Parameters
    ----------
    file : file, optional
        Where it prints; by default standard output.
    """

    def __init__(self, file: IO[str] | None = None) -> None:
        super().__init__(file=file, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: Any = None) -> Iterator[Segment]:
        """Yield the segments of anything that is printed, with their texts made printable.

        Parameters
        ----------
        renderable : rich renderable
            Any part of the output.
        options : rich.console.ConsoleOptions, optional
            Width and the like.

        Yields
        ------
        rich.segment.Segment
            Text with its style, or a movement of the cursor that the console itself makes.
        """
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable_lines(segment.text))
