"""Prices of files and names: what a path or a name such as ``yahoo:SPY`` stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from qmac._checks import check_path
from qmac.data import readers
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import Prices
from qmac.data.sources.fetching import FetchOptions, update_copies
from qmac.data.sources.names import is_source_name, label_names, parse_names
from qmac.data.symbols import Symbols, check_symbols, find_symbols
from qmac.errors import OptionError, PricesError
from qmac.runtime.resources.admission import build_memory_check
from qmac.runtime.resources.limits import Limits

ShowFetch = Callable[[int], AbstractContextManager[Callable[[Any], None] | None]]
"""Of the number of series: a context that yields a listener of a fetch, or None."""


def _show_nothing(_: int) -> AbstractContextManager[None]:
    return nullcontext()


def read_file_or_name(
    source: str | Path,
    options: ReadOptions = DEFAULT,
    *,
    offline: bool = False,
    show: ShowFetch = _show_nothing,
) -> Prices:
    """Return the prices of a file, or of one name at a source.

    Parameters
    ----------
    source : str or Path
        Path of a file, or a name such as ``"yahoo:SPY"``. A file that exists is a file.
    options : ReadOptions
        How a file is read.
    offline : bool, default False
        Whether to use a copy of any age, and send no request.
    show : callable
        Shows a fetch.

    Returns
    -------
    Prices
        Checked, and called by the name of the file or the symbol.

    Raises
    ------
    PricesError
        If there is no such file, it is invalid, or the source has no prices.
    OptionError
        If the name is of several symbols.
    """
    path = check_path("prices", source, PricesError)
    _, names = split_names([path])
    files, _ = fetch_names(names, offline=offline, show=show)
    if len(files) > 1:
        raise OptionError(f"{path} names {len(files)} symbols, and one is needed. Name one.")
    check_memory = build_memory_check(Limits())
    if not files:
        return readers.read_prices(path, check_memory, options)
    ((symbol, file),) = files.items()
    return replace(readers.read_prices(file, check_memory, DEFAULT), name=symbol)


def find_series(
    sources: str | Path | Sequence[str | Path],
    options: ReadOptions = DEFAULT,
    limits: Limits | None = None,
    *,
    offline: bool = False,
    show: ShowFetch = _show_nothing,
) -> Symbols:
    """Return the symbols in files, directories and names.

    Parameters
    ----------
    sources : str, Path or sequence of them
        Paths, and names such as ``"yahoo:SPY,QQQ"``.
    options : ReadOptions
        How files are read.
    limits : Limits, optional
        Of memory; ``Limits()`` by default.
    offline : bool, default False
        Whether to use copies of any age, and send no request.
    show : callable
        Shows a fetch.

    Returns
    -------
    Symbols
        Maybe without a valid one.

    Raises
    ------
    PricesError
        If a symbol is there twice, a directory has no file of prices, or no name has any.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [check_path("prices", source, PricesError) for source in listed]
    files, names = split_names(paths)
    fetched, failed = fetch_names(names, offline=offline, show=show)
    check_memory = build_memory_check(limits or Limits())
    return find_symbols(files, check_memory, options, fetched, failed)


def read_series(sources: str | Path | Sequence[str | Path]) -> Symbols:
    """Return the symbols in files, directories and names, one of them valid at least.

    Parameters
    ----------
    sources : str, Path or sequence of them
        As ``find_series`` takes them.

    Returns
    -------
    Symbols
        By name.

    Raises
    ------
    PricesError
        If no symbol is valid.
    """
    return check_symbols(find_series(sources))


def split_names(prices: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files among prices, and the names of prices at a source, such as yahoo:SPY.

    Parameters
    ----------
    prices : sequence of Path
        Words of the command line. A file that exists is a file, whatever its name is.

    Returns
    -------
    tuple of list
        Files and directories, and names.
    """
    names = [path for path in prices if is_source_name(path) and not path.exists()]
    return [path for path in prices if path not in names], names


def fetch_names(
    names: Sequence[Path], *, offline: bool = False, show: ShowFetch = _show_nothing
) -> tuple[dict[str, Path], dict[str, PricesError]]:
    """Return the files of prices at sources, fetched if there is none that is new enough.

    Parameters
    ----------
    names : sequence of Path
        Names such as ``yahoo:SPY,QQQ``.
    offline : bool, default False
        Whether to use copies of any age, and send no request.
    show : callable
        Shows a fetch.

    Returns
    -------
    tuple of dict
        Files by symbol, and why other symbols have none.

    Raises
    ------
    SourceError
        If a name is invalid, or there are prices of no symbol.
    """
    if not names:
        return {}, {}
    labels = label_names(name for text in names for name in parse_names(text))
    with show(len(labels)) as listener:
        fetched = update_copies(labels.values(), FetchOptions(offline=offline), listener)
    if not fetched.copies:
        raise next(iter(fetched.failed.values()))
    files = {
        label: fetched.copies[name].path for label, name in labels.items() if name in fetched.copies
    }
    failed: dict[str, PricesError] = {
        label: fetched.failed[name] for label, name in labels.items() if name in fetched.failed
    }
    return files, failed
