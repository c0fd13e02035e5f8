"""Many symbols: files, directories and frames become checked prices by name.

An invalid symbol stops no other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from qmac._checks import check_path
from qmac.data.containers import COMPRESSED, PIPE, TABLES, MemoryCheck, name_series
from qmac.data.frames import read_table as read_frame_table
from qmac.data.held_prices import HeldPrices
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import AnyPrices, Prices, build_symbol
from qmac.data.readers import read_prices, read_table
from qmac.data.table import Table
from qmac.errors import OptionError, PricesError

ENDINGS = (*TABLES, *(ending + packed for ending in TABLES for packed in COMPRESSED), ".zip")
"""Endings of the files that are read in a directory."""
TEXT = ".txt"


@dataclass(frozen=True)
class Symbols:
    """Prices by symbol, in order; at least one symbol has prices.

    Make one by ``read_symbols``, ``read_named``, ``from_frames`` or ``from_frame``.
    """

    prices: Mapping[str, Prices]
    """Checked prices by symbol."""
    bad: dict[str, PricesError]
    """Why other symbols have none, by symbol."""


def read_symbols(
    paths: str | Path | Sequence[str | Path],
    check_memory: MemoryCheck | None = None,
    options: ReadOptions = DEFAULT,
    named: Mapping[str, Path] | None = None,
    bad: Mapping[str, PricesError] | None = None,
) -> Symbols:
    """Return the prices of the symbols in files, in order.

    A file whose layout names symbols, as by a column called Symbol or Ticker, holds many, which
    come by first appearance; any other holds one, named after the file. A directory stands for
    the files in it, sorted, without its directories. Rows are counted within their symbol.

    Parameters
    ----------
    paths : str, Path or sequence of them
        Files and directories.
    check_memory : callable, optional
        Refuses files that do not fit into memory beside those that are read.
    options : ReadOptions, optional
        How files are read that do not show it by themselves.
    named, bad : mapping, optional
        Further symbols with their names, as in ``read_named``.

    Returns
    -------
    Symbols
        What is invalid is in ``bad``, under its symbol: a path that does not exist too, and, under
        its path, a file with rows of no symbol.

    Raises
    ------
    PricesError
        If no symbol is valid, a symbol is there twice, or a directory has no file of prices.

    Examples
    --------
    >>> import tempfile
    >>> rows = ["Date,Symbol,Close", "2001-01-01,SPY,131", "2001-01-01,QQQ,-1", ""]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "funds.csv").write_text("\\n".join(rows))
    ...     symbols = read_symbols(folder)
    >>> list(symbols.prices), list(symbols.bad)
    (['SPY'], ['QQQ'])
    >>> print(str(symbols.bad["QQQ"])[:57])
    QQQ in funds.csv: Close is -1 in row 1 (2001-01-01 00:00:
    """
    return check_symbols(find_symbols(paths, check_memory, options, named, bad))


def find_symbols(
    paths: str | Path | Sequence[str | Path],
    check_memory: MemoryCheck | None = None,
    options: ReadOptions = DEFAULT,
    named: Mapping[str, Path] | None = None,
    bad: Mapping[str, PricesError] | None = None,
) -> Symbols:
    """Return the symbols in files as ``read_symbols`` does, also where none is valid.

    Parameters
    ----------
    paths : str, Path or sequence of them
        Files and directories.
    check_memory : callable, optional
        Refuses files that do not fit into memory beside those that are read.
    options : ReadOptions, optional
        How files are read that do not show it by themselves.
    named, bad : mapping, optional
        Further symbols with their names, as in ``read_named``.

    Returns
    -------
    Symbols
        ``prices`` may be empty.

    Raises
    ------
    PricesError
        If a symbol is there twice, or a directory has no file of prices.
    """
    paths = [paths] if isinstance(paths, str | Path) else paths
    files = [file for path in paths for file in _list_files(check_path("path", path, PricesError))]
    candidates = (
        each
        for file, stem in _name_files(files)
        for each in _read_file(file, stem, check_memory, options)
    )
    others = _read_named(named or {}, check_memory, DEFAULT, bad or {})
    return _collect(itertools.chain(candidates, others))


def read_named(
    files: Mapping[str, Path],
    check_memory: MemoryCheck | None = None,
    options: ReadOptions = DEFAULT,
    bad: Mapping[str, PricesError] | None = None,
) -> Symbols:
    """Return the prices of symbols by name and file, one symbol a file.

    Parameters
    ----------
    files : mapping of str to Path
        Files by symbol.
    check_memory : callable, optional
        Refuses files that do not fit into memory beside those that are read.
    options : ReadOptions, optional
        How files are read that do not show it by themselves.
    bad : mapping of str to PricesError, optional
        Why further symbols have no file.

    Returns
    -------
    Symbols
        In the order of ``files``.

    Raises
    ------
    PricesError
        If no symbol is valid, or a name is empty.
    """
    if not all(files):
        raise PricesError("a symbol has no name. Use a name that is not empty for each file.")
    return check_symbols(_collect(_read_named(files, check_memory, options, bad or {})))


def _read_named(
    files: Mapping[str, Path],
    check_memory: MemoryCheck | None,
    options: ReadOptions,
    bad: Mapping[str, PricesError],
) -> Iterator[_Candidate]:
    for name, path in files.items():
        candidate = _build(name, str(path), read_prices, path, check_memory, options)
        yield _make_readable(candidate, path, check_memory, options)
    for name, error in bad.items():
        yield _Candidate(name, name, error)


def from_frames(frames: Mapping[str, AnyPrices]) -> Symbols:
    """Return the prices of the symbols in a mapping, under the names as they are.

    Parameters
    ----------
    frames : mapping of str to Prices, DataFrame, Series, str or Path
        Each as ``Prices.of`` takes it, by symbol.

    Returns
    -------
    Symbols
        In the order of ``frames``.

    Raises
    ------
    PricesError
        If no symbol is valid, or a name is not a text or is empty.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> from_frames({"all": sample, "late": sample.frame["Close"].tail(2000)}).prices["late"].name
    'late'
    """
    if not isinstance(frames, Mapping):
        raise PricesError(
            f"prices must be a dict, got {type(frames).__name__}. Use {{'SPY': frame}}, or "
            "paths of files."
        )
    for name in frames:
        if not isinstance(name, str) or not name:
            raise PricesError(
                f"{name!r} does not name a symbol. Use a text that is not empty, such as 'SPY'."
            )
    place = "the mapping"
    candidates = (_build(name, place, Prices.of, data, name) for name, data in frames.items())
    return check_symbols(_collect(candidates))


def from_frame(frame: pd.DataFrame) -> Symbols:
    """Return the prices of the symbols in a long frame, by first appearance.

    Parameters
    ----------
    frame : DataFrame
        One with a column, or a level of the index, called Symbol or Ticker.

    Returns
    -------
    Symbols
        Rows without a symbol are in ``bad``.

    Raises
    ------
    PricesError
        If there is no such column, or no symbol is valid.

    Examples
    --------
    >>> days = pd.to_datetime(["2001-01-01", "2001-01-01", "2001-01-02"])
    >>> columns = {"Symbol": ["SPY", "QQQ", "SPY"], "Close": [131.0, 58, 133]}
    >>> symbols = from_frame(pd.DataFrame(columns, index=days))
    >>> {name: len(prices) for name, prices in symbols.prices.items()}
    {'SPY': 2, 'QQQ': 1}
    """
    table = read_frame_table(frame, DEFAULT, "the frame")
    if not table.selection.names_symbols:
        raise PricesError(
            "the frame has no column called Symbol or Ticker. Add one, or use a dict such as "
            "{'SPY': frame}."
        )
    return check_symbols(_collect(_split(table, "the frame", "", "the frame", DEFAULT)))


class _Candidate(NamedTuple):
    """A symbol, where it stands, and its prices or why there are none."""

    name: str
    place: str
    prices: Prices | PricesError
    read: Callable[[], Prices] | None = None
    """Reads the prices again; None where they are not in a file of their own."""


def _build(name: str, place: str, make: Callable[..., Prices], *arguments: Any) -> _Candidate:
    """Return a symbol with the prices that ``make(*arguments)`` returns."""
    try:
        prices = make(*arguments)
    except PricesError as error:
        return _Candidate(name, place, error)
    return _Candidate(name, place, prices if prices.name == name else replace(prices, name=name))


def _collect(candidates: Iterable[_Candidate]) -> Symbols:
    """Return symbols by name, each once."""
    places: dict[str, str] = {}
    held, bad = HeldPrices(), dict[str, PricesError]()
    for raw, place, prices, read in candidates:
        # a file's name may be no UTF-8
        name = raw.encode("utf-8", "backslashreplace").decode()
        if name in places:
            raise PricesError(
                f"the symbol {name} is there twice: in {places[name]} and in {place}. "
                "Leave one out, or rename it."
            )
        places[name] = place
        if isinstance(prices, PricesError):
            bad[name] = prices
        else:
            held.add(name, prices if prices.name == name else replace(prices, name=name), read)
    return Symbols(held, bad)


def check_symbols(symbols: Symbols) -> Symbols:
    """Return symbols of which one is valid at least.

    Parameters
    ----------
    symbols : Symbols
        Maybe without a valid one.

    Returns
    -------
    Symbols
        The same.

    Raises
    ------
    PricesError
        The error of the only one, or of the first.
    """
    if not symbols.prices:
        raise _build_error(symbols)
    return symbols


def _build_error(symbols: Symbols) -> PricesError:
    """Return why no symbol is valid."""
    if not symbols.bad:
        return PricesError("there are no symbols. Use at least one file, directory or frame.")
    name, first = next(iter(symbols.bad.items()))
    if len(symbols.bad) == 1:
        return first
    return PricesError(f"none of {len(symbols.bad)} symbols is valid. The first, {name}: {first}")


def _list_files(path: Path) -> list[Path]:
    """Return the files that a path stands for: itself, or those of a directory."""
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if _is_price_file(file))
        files = _drop_descriptions(files)
    except OSError as error:
        raise PricesError(
            f"{path} cannot be listed: {error.strerror}. Name the files in it one by one."
        ) from None
    if not files:
        raise PricesError(
            f"{path} holds no file that ends in {', '.join(TABLES)} or .zip. "
            "Name a directory with such files."
        )
    return files


def _drop_descriptions(files: list[Path]) -> list[Path]:
    """Leave out what describes others: JSON of the same name, and texts beside other kinds."""
    tables = [file for file in files if file.suffix.lower() not in (".json", TEXT)]
    names = {name_series(file) for file in tables}
    others = [
        file for file in files if file.suffix.lower() == ".json" and name_series(file) not in names
    ]
    if not tables and not others:
        return files
    return sorted([*tables, *others])


def _name_files(files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield files, and the names of the symbols in them; pipes, which have none, are numbered."""
    pipes = 0
    for file in files:
        stem = name_series(file)
        if stem == PIPE and file.name != PIPE:
            pipes += 1
            stem = PIPE if pipes == 1 else f"{PIPE}{pipes}"
        yield file, stem


def _is_price_file(file: Path) -> bool:
    """Return whether a file may hold prices, from its name.

    Hidden ones are left by file managers and downloads that were cut off, and by Excel.
    """
    is_hidden = file.name.startswith((".", "~$"))
    return file.name.lower().endswith(ENDINGS) and not is_hidden and file.is_file()


def _read_again(path: Path, check_memory: MemoryCheck | None, options: ReadOptions) -> Prices:
    """Return the prices of a file that was read before.

    A sweep waits until there is memory for them, so its lack is no error of the prices.
    """

    def check(what: str, needed: int) -> None:
        try:
            if check_memory is not None:
                check_memory(what, needed)
        except PricesError as error:
            raise OptionError(str(error)) from None

    return read_prices(path, check, options)


def _read_file(
    path: Path, stem: str, check_memory: MemoryCheck | None, options: ReadOptions
) -> Iterator[_Candidate]:
    """Yield the symbols in a file; ``stem`` names one that it does not."""
    try:
        table = read_table(path, check_memory, options)
        candidates = list(_split(table, str(path), f" in {path.name}", stem, options))
        if len(candidates) == 1:
            candidates = [_make_readable(candidates[0], path, check_memory, options)]
        yield from candidates
    except PricesError as error:
        yield _Candidate(stem, str(path), error)


def _make_readable(
    candidate: _Candidate, path: Path, check_memory: MemoryCheck | None, options: ReadOptions
) -> _Candidate:
    """Return the only symbol in a file, which can be read again unless it is a pipe."""
    read = functools.partial(_read_again, path, check_memory, options)
    return candidate._replace(read=read if path.is_file() else None)


def _split(
    table: Table, place: str, within: str, stem: str, options: ReadOptions
) -> Iterator[_Candidate]:
    """Yield the symbols of a table by first appearance.

    ``within`` follows a symbol's name in messages; ``stem`` names one that the table does not.
    """
    for symbol, rows in table.split(place):
        if symbol is None:
            yield _build(stem, place, build_symbol, rows, table, options, place)
        elif symbol:
            label = f"{symbol}{within}"
            yield _build(symbol, place, build_symbol, rows, table, options, label)
        else:
            nameless = PricesError(
                f"{place} has no symbol in {len(rows)} of its rows. Fill it in or drop the rows."
            )
            yield _Candidate(place, place, nameless)
