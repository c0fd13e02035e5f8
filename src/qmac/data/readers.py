"""Files of prices: which kinds are read, and what refuses one.

A file is of untrusted origin: nothing of it is held before it is known to fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qmac._checks import check_path
from qmac.data.arrow_file import read_parquet
from qmac.data.containers import USE, Content, open_content, strip_endings
from qmac.data.csv_file import MemoryCheck, read_csv
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import Prices, build_prices
from qmac.data.table import Table
from qmac.errors import PricesError

Reader = Callable[[Content, Path, ReadOptions, MemoryCheck], Table]
READERS: dict[str, tuple[str, Reader]] = {
    ".parquet": ("Parquet", read_parquet),
    ".pq": ("Parquet", read_parquet),
}
"""Names and functions by the ending of a file; every other is read as CSV."""
PARQUET = (".parquet", ".pq")


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
    return replace(prices, name=strip_endings(path.name))


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
    kind, read = READERS.get(path.suffix.lower(), ("CSV", read_csv))
    try:
        with open_content(path) as content:
            return read(content, path, options, check_memory or _admit_all)
    except PricesError:
        raise
    except Exception as error:  # pandas, pyarrow and zlib raise anything at damage
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise PricesError(
            f"{path} cannot be read as {kind}: {reason}. Is the file complete? {USE}"
        ) from None


def _admit_all(what: str, needed: int) -> None:
    del what, needed
