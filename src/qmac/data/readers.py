"""Readers of price files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from qmac._checks import check_path
from qmac.data.dates import index_by_date
from qmac.data.layouts import PARQUET, SEPARATORS, find_symbol_column
from qmac.data.prices import Prices
from qmac.errors import PricesError


def read_prices(path: str | Path) -> Prices:
    """Return the prices in a CSV or Parquet file.

    Column names may be in any case, only Close is needed. The dates are the index of a Parquet
    file, or a column called Date, Datetime, Time or Timestamp, or else the first column.

    Parameters
    ----------
    path : str or Path
        A file with a column of dates and Open, High, Low, Close, Volume.

    Returns
    -------
    Prices
        Checked bars, named after the file.

    Raises
    ------
    PricesError
        If the file cannot be read, or a value in it is invalid; the message names row and date.

    Examples
    --------
    >>> import qmac
    >>> qmac.read_prices("no_such.csv")
    Traceback (most recent call last):
    ...
    qmac.errors.PricesError: no_such.csv: there is no such file. Check the path, or try --sample \
for the bundled prices.
    """
    path = check_path("path", path, PricesError)
    return Prices.of(index_by_date(read_frame(path), str(path)), path.stem)


def read_frame(path: Path) -> pd.DataFrame:
    """Return the content of a CSV or Parquet file, unchecked.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    DataFrame
        Columns as they are in the file.

    Raises
    ------
    PricesError
        If it cannot be read.
    """
    try:
        _check_file(path)
        return _read_parquet(path) if _is_parquet(path) else _read_csv(path)
    except PricesError:
        raise
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        layout = "Parquet" if _is_parquet(path) else "CSV"
        raise PricesError(
            f"{path} cannot be read as {layout}: {reason}. "
            "Use a CSV file (.csv) or a Parquet file (.parquet)."
        ) from None


def _check_file(path: Path) -> None:
    if not path.exists():
        raise PricesError(
            f"{path}: there is no such file. Check the path, or try --sample for the bundled "
            "prices."
        )
    if path.is_dir():
        raise PricesError(f"{path} is a directory. Name one CSV or Parquet file in it.")
    if path.is_file() and path.stat().st_size == 0:  # a pipe has no size
        raise PricesError(
            f"{path} is empty. Use a CSV or Parquet file with dates and a Close column."
        )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in PARQUET


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _read_csv(path: Path) -> pd.DataFrame:
    """Return the content of a CSV file."""
    options: dict[str, Any] = {"skipinitialspace": True, "index_col": False}
    with warnings.catch_warnings():
        # of columns with mixed types: the check of the values names the row
        warnings.simplefilter("ignore")
        if path.is_file():  # a pipe can be read only once
            options |= _find_csv_options(path, options)
        frame: pd.DataFrame = pd.read_csv(path, **options)
    return frame


def _find_csv_options(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the separator that the head of a file shows, and how to read its symbols."""
    more: dict[str, Any] = {}
    head = pd.read_csv(path, nrows=0, **options).columns
    if len(head) == 1:
        marks = [mark for mark in SEPARATORS if mark in str(head[0])]
        if marks:
            more["sep"] = marks[0]
            head = pd.read_csv(path, nrows=0, **options, **more).columns
    symbol = find_symbol_column(head)
    if symbol is not None:
        # a space before them leaves NA and TRUE texts, and 005930 its zeros
        more["converters"] = {symbol: " {}".format}
    return more
