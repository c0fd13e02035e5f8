"""Pages of answers: each is one HTML file, which the report draws when it is written."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

from qmac import _views
from qmac._checks import check_path
from qmac.errors import WriteError
from qmac.storage.files import resolve_typed

PAGE_SUFFIXES = (".html", ".htm")


def write_page(path: str | Path, view: str, *shown: Any) -> Path:
    """Write a page, all or nothing.

    Parameters
    ----------
    path : str or Path
        The file to write.
    view : str
        Name of the view that returns the HTML.
    *shown : Any
        Its arguments.

    Returns
    -------
    Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If the file cannot be written.
    OptionError
        If Plotly or Jinja is not installed.
    """
    render = functools.partial(_views.draw, view, *shown)
    written: Path = _views.draw("page", check_path("path", path), render)
    return written


def check_page(path: Path) -> Path:
    """Check that a page can be written, before anything is computed for it.

    Parameters
    ----------
    path : Path
        The file to write.

    Returns
    -------
    Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If the page would replace something else, or there is no directory for it.
    OSError
        If there is no such home directory.
    """
    place = resolve_typed(path)
    if place.is_dir():
        raise WriteError(f"{path} is a directory. Name a file, such as {path / 'report.html'}.")
    if not place.parent.is_dir():
        raise WriteError(
            f"{path} cannot be written: there is no directory {path.parent}. "
            "Create it, or name another."
        )
    if place.exists() and place.suffix.lower() not in PAGE_SUFFIXES:
        raise WriteError(f"{path} exists and is no page. Name another file, such as report.html.")
    return place


class Reported:
    """An answer that one page shows in full."""

    _page: ClassVar[str]
    """Name of the view that returns its HTML."""

    def report(self, path: str | Path) -> Path:
        """Write a page that shows all of it, in one HTML file.

        Parameters
        ----------
        path : str or Path
            The file to write, such as ``page.html``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        WriteError
            If the file cannot be written.
        OptionError
            If Plotly or Jinja is not installed.
        """
        return write_page(path, self._page, self)
