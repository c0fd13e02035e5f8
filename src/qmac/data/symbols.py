"""Files, directories and frames of many symbols become checked prices by name; a bad symbol stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from qmac.data.dates import dated
from qmac.data.layouts import DATE_NAMES, PARQUET, SYMBOL_NAMES, symbol_column
from qmac.data.prices import Prices
from qmac.data.readers import read_frame, read_prices
from qmac.errors import PricesError

ENDINGS = (".csv", ".csv.gz", *PARQUET)


@dataclass(frozen=True)
class Symbols:
    """Prices by symbol, in the order they were given, and why those in ``bad`` cannot be used.

    Make one by ``read_symbols``, ``of_frames`` or ``of_frame``; at least one symbol has prices.
    """

    prices: dict[str, Prices]
    bad: dict[str, PricesError]


def read_symbols(paths: str | Path | Sequence[str | Path]) -> Symbols:
    """Prices of the symbols in CSV and Parquet files, in the order given.

    A file with a column called Symbol or Ticker holds many symbols, which come by first appearance; any other holds
    one, named after the file. A directory stands for the files in it, sorted, without its own directories. What cannot
    be used is in ``bad``, under its symbol: a path that does not exist too, and under its path, a file with rows of no
    symbol. Rows are counted within their symbol.

    Raises
    ------
    PricesError : nothing can be used, a symbol is there twice, or a directory holds no file of prices.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = ["Date,Symbol,Close", "2001-01-01,SPY,131", "2001-01-01,QQQ,-1", "2001-01-02,SPY,133"]
    ...     _ = Path(folder, "funds.csv").write_text("\\n".join(rows))
    ...     symbols = read_symbols(folder)
    >>> list(symbols.prices), list(symbols.bad)
    (['SPY'], ['QQQ'])
    >>> print(str(symbols.bad["QQQ"])[:57])
    QQQ in funds.csv: Close is -1 in row 1 (2001-01-01 00:00:
    """
    paths = [paths] if isinstance(paths, str | Path) else paths
    files = [file for path in paths for file in _files(Path(path).expanduser())]
    return _gathered(found for file in files for found in _in_file(file))


def read_named(files: Mapping[str, Path]) -> Symbols:
    """Prices of symbols whose names and files are given, one symbol a file.

    Raises
    ------
    PricesError : none can be used, or a name is empty.
    """
    if not all(files):
        raise PricesError("a symbol has no name. Give each file a name that is not empty.")
    return _gathered(_found(name, str(path), read_prices, path) for name, path in files.items())


def of_frames(frames: Mapping[str, Prices | pd.DataFrame | pd.Series]) -> Symbols:
    """Prices of the symbols in a mapping, each as ``Prices.of`` takes it, under the names as they are.

    Raises
    ------
    PricesError : none can be used, or a name is not a text or is empty.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> of_frames({"all": sample, "late": sample.frame["Close"].tail(2000)}).prices["late"].name
    'late'
    """
    if not isinstance(frames, Mapping):
        raise PricesError(
            f"frames are a {type(frames).__name__}, but must be a dict such as {{'SPY': frame}}."
        )
    for name in frames:
        if not isinstance(name, str) or not name:
            raise PricesError(
                f"{name!r} does not name a symbol. Give a text that is not empty, such as 'SPY'."
            )
    return _gathered(
        _found(name, "the mapping", Prices.of, data, name) for name, data in frames.items()
    )


def of_frame(frame: pd.DataFrame) -> Symbols:
    """Prices of the symbols in a long frame: one with a column, or a level of the index, called Symbol or Ticker.

    Raises
    ------
    PricesError : there is no such column, or none of the symbols can be used.

    Examples
    --------
    >>> days = pd.to_datetime(["2001-01-01", "2001-01-01", "2001-01-02"])
    >>> symbols = of_frame(pd.DataFrame({"Symbol": ["SPY", "QQQ", "SPY"], "Close": [131.0, 58, 133]}, index=days))
    >>> {name: len(prices) for name, prices in symbols.prices.items()}
    {'SPY': 2, 'QQQ': 1}
    """
    long = _with_columns(frame)
    column = symbol_column(long.columns)
    if column is None:
        raise PricesError(
            "the frame has no column called Symbol or Ticker. Add one, or give a dict such as {'SPY': frame}."
        )
    return _gathered(_in_long(long, column, "the frame", ""))


class _Found(NamedTuple):
    """A symbol, where it stood, and its prices or why there are none."""

    name: str
    place: str
    prices: Prices | PricesError


def _found(name: str, place: str, make: Callable[..., Prices], *given: Any) -> _Found:
    try:
        return _Found(name, place, replace(make(*given), name=name))
    except PricesError as error:
        return _Found(name, place, error)


def _dated_prices(frame: pd.DataFrame, file: str, name: str) -> Prices:
    return Prices.of(dated(frame, file), name)


def _gathered(found: Iterable[_Found]) -> Symbols:
    places: dict[str, str] = {}
    symbols = Symbols({}, {})
    for given, place, prices in found:
        name = given.encode(
            "utf-8", "backslashreplace"
        ).decode()  # of a file whose name is no UTF-8
        if name in places:
            raise PricesError(
                f"the symbol {name} is there twice: in {places[name]} and in {place}. Leave one out, or rename it."
            )
        places[name] = place
        if isinstance(prices, PricesError):
            symbols.bad[name] = prices
        else:
            symbols.prices[name] = prices if prices.name == name else replace(prices, name=name)
    if not places:
        raise PricesError(
            "there are no symbols. Name at least one file or directory, or give at least one frame."
        )
    if not symbols.prices:
        name, first = next(iter(symbols.bad.items()))
        if len(places) == 1:
            raise first
        raise PricesError(f"none of {len(places)} symbols can be used. The first, {name}: {first}")
    return symbols


def _files(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or those of a directory."""
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if _holds_prices(file))
    except OSError as error:
        raise PricesError(
            f"{path} cannot be listed: {error.strerror}. Name the files in it one by one."
        ) from None
    if not files:
        raise PricesError(
            f"{path} holds no file that ends in {', '.join(ENDINGS)}. Name a directory with such files."
        )
    return files


def _holds_prices(file: Path) -> bool:
    """By its name; hidden ones are what file managers and half-done downloads leave."""
    return file.name.lower().endswith(ENDINGS) and not file.name.startswith(".") and file.is_file()


def _in_file(path: Path) -> Iterator[_Found]:
    stem = path.stem
    if path.name.lower().endswith(".csv.gz"):
        stem = Path(stem).stem
    try:
        frame = read_frame(path)
    except PricesError as error:
        yield _Found(stem, str(path), error)
        return
    long = _with_columns(frame)
    column = symbol_column(long.columns)
    if column is None:
        yield _found(stem, str(path), _dated_prices, frame, str(path), stem)
    elif len(long) == 0:
        yield _Found(
            stem,
            str(path),
            PricesError(f"{path} has no rows. Give a file with dates and a Close column."),
        )
    else:
        yield from _in_long(long, column, str(path), f" in {path.name}")


def _with_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Symbols, and dates that are no DatetimeIndex, as columns where they were levels of the index."""
    known = SYMBOL_NAMES if isinstance(frame.index, pd.DatetimeIndex) else SYMBOL_NAMES + DATE_NAMES
    levels = [
        level
        for level in frame.index.names
        if str(level).strip().lower() in known and level not in frame.columns
    ]
    return frame.reset_index(levels) if levels else frame


def _in_long(frame: pd.DataFrame, column: int, place: str, within: str) -> Iterator[_Found]:
    """The symbols of a frame by first appearance; ``within`` follows a symbol's name in messages."""
    names = frame.iloc[:, column].astype("string").str.strip().fillna("").to_numpy(object)
    for name, rows in frame.drop(columns=frame.columns[column]).groupby(names, sort=False):
        label = f"{name}{within}"
        if not name:
            error = PricesError(
                f"{place} has no symbol in {len(rows)} of its rows. Fill it in or drop the rows."
            )
            yield _Found(place, place, error)
        else:
            yield _found(str(name), place, _dated_prices, rows, label, label)
