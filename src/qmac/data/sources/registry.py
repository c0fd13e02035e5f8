"""Sources by the name before the colon: yahoo, those of other packages, exchanges of ccxt."""

from __future__ import annotations

from importlib.metadata import entry_points

from qmac._checks import describe
from qmac.data.sources.base import Source
from qmac.errors import SourceError

GROUP = "qmac.sources"
"""Entry points of other packages that add sources."""


def find_source(name: str) -> Source:
    """Return a source.

    Parameters
    ----------
    name : str
        Small letters: ``"yahoo"``, the name of an entry point of the group ``qmac.sources``, or the
        id of an exchange of ccxt; the first of these that there is.

    Returns
    -------
    Source
        Ready to fetch.

    Raises
    ------
    SourceError
        If there is none, or its package is not installed.
    """
    if name == "yahoo":
        from qmac.data.sources.yahoo import Yahoo

        return Yahoo()
    for entry in entry_points(group=GROUP):
        if entry.name.lower() == name:
            return _load(name, entry)
    from qmac.data.sources.exchange import open_exchange

    return open_exchange(name, _list_names())


def _load(name: str, entry: object) -> Source:
    """Return the source of an entry point; it may be of any quality."""
    try:
        source: Source = entry.load()()  # type: ignore[attr-defined]
        lacks = [
            part
            for part in ("library", "appends", "pause_seconds", "fetch")
            if not hasattr(source, part)
        ]
    except Exception as error:
        raise SourceError(
            f"the source {name} cannot be loaded: {type(error).__name__}: {error}. Its package is "
            f"{describe(getattr(entry, 'value', ''))}."
        ) from error
    if lacks:
        raise SourceError(
            f"the source {name} has no {lacks[0]}. Its package is {describe(entry.value)}."  # type: ignore[attr-defined]
        )
    return source


def _list_names() -> list[str]:
    """Return the names of sources that do not come from ccxt."""
    return ["yahoo", *(entry.name for entry in entry_points(group=GROUP))]
