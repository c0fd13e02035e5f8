"""Files of prices: which kinds are read, and what refuses one.

A file is of untrusted origin: nothing of it is held before it is known to fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import IO

from qmac._checks import check_path, describe
from qmac.data.arrow_file import read_bars, read_feather, read_parquet, write_bars
from qmac.data.containers import (
    COMPRESSED,
    USE,
    Content,
    MemoryCheck,
    PriceFile,
    admit_all,
    name_series,
    open_content,
)
from qmac.data.csv_file import read_csv
from qmac.data.encodings import decode_head
from qmac.data.excel_file import read_xlsx
from qmac.data.foreign import check_beginning
from qmac.data.json_file import is_json, read_json
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import Prices, build_prices
from qmac.data.table import Table
from qmac.errors import PricesError

Reader = Callable[[PriceFile], Table]
EXCEL = "an Excel file (.xlsx)"
READERS: dict[str, Reader] = {
    "Parquet": read_parquet,
    "Feather": read_feather,
    EXCEL: read_xlsx,
    "JSON": read_json,
    "CSV": read_csv,
}
"""Functions by the kind of a file, which its content proves."""
PARQUET = (".parquet", ".pq")
MARKS = {b"PAR1": "Parquet", b"ARROW1": "Feather"}
PROMISES = {
    **dict.fromkeys(PARQUET, "Parquet"),
    **dict.fromkeys((".feather", ".arrow"), "Feather"),
    ".xlsx": EXCEL,
}
"""Kinds by the endings of files that are no text."""


def read_prices(
    path: str | Path, check_memory: MemoryCheck | None = None, options: ReadOptions = DEFAULT
) -> Prices:
    """Return the prices in a file, see ``qmac.read_prices``.

    Parameters
    ----------
    path : str or Path
        The file.
    check_memory : callable, optional
        Refuses what does not fit into memory.
    options : ReadOptions, optional
        How a file is read that does not show it by itself.

    Returns
    -------
    Prices
        Checked bars, named after the file.

    Raises
    ------
    PricesError
        If the file cannot be read, or a value in it is invalid; the message names row and date.
    """
    path = check_path("path", path, PricesError)
    prices = build_prices(read_table(path, check_memory, options), options, str(path))
    return replace(prices, name=name_series(path))


def read_table(
    path: Path, check_memory: MemoryCheck | None = None, options: ReadOptions = DEFAULT
) -> Table:
    """Return the content of a file, unchecked.

    Parameters
    ----------
    path : Path
        The file.
    check_memory : callable, optional
        Refuses what does not fit into memory.
    options : ReadOptions, optional
        How a file is read that does not show it by itself.

    Returns
    -------
    Table
        Columns of prices, dates and symbols.

    Raises
    ------
    PricesError
        If it cannot be read, or nothing proves where the closes are.
    """
    check_memory = check_memory or admit_all
    kind = _find_promise(path) or "CSV"
    try:
        with open_content(path, check_memory) as content:
            kind = _find_kind(content, path)
            if options.sheet is not None and kind != EXCEL:
                raise PricesError(
                    f"{path} is no .xlsx file, and has no sheet {describe(options.sheet)}. "
                    "Omit --sheet."
                )
            return READERS[kind](PriceFile(content, path, options, check_memory))
    except PricesError:
        raise
    except Exception as error:  # pandas, pyarrow and zlib raise anything at damage
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise PricesError(
            f"{path} cannot be read as {kind}: {reason}. Is the file complete? {USE}"
        ) from None


def write_stored(prices: Prices, file: IO[bytes]) -> None:
    """Write prices as Parquet, and with them what was read and what is odd in them.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    file : file
        An empty one.
    """
    origin = replace(prices.origin, notes=prices.warnings)
    write_bars(prices.columns, prices.index, origin, file)


def read_stored(file: IO[bytes], name: str) -> Prices:
    """Return the prices that ``write_stored`` wrote.

    Parameters
    ----------
    file : file
        One that ``storage.tables.check_table`` has admitted.
    name : str
        Name of the prices.

    Returns
    -------
    Prices
        Without an origin where an earlier version wrote them.
    """
    frame, origin = read_bars(file)
    return Prices(frame, name, origin)


def _find_promise(path: Path) -> str | None:
    """Return the kind that the ending of a file promises, where it is no text."""
    suffixes = [each for each in PurePath(path.name.lower()).suffixes if each not in COMPRESSED]
    return PROMISES.get(suffixes[-1]) if suffixes else None


def _find_kind(content: Content, path: Path) -> str:
    """Return the kind of a file, from its first bytes."""
    if content.members is not None:
        return EXCEL
    for mark, kind in MARKS.items():
        if content.head.startswith(mark):
            return kind
    head = decode_head(content.head, str(path))
    check_beginning(head, str(path))
    promise = _find_promise(path)
    if promise is not None:
        raise PricesError(
            f"{path} cannot be read as {promise}: it does not begin as such a file does. "
            "Is the file complete? Copy it again from its source."
        )
    return "JSON" if is_json(head) else "CSV"
