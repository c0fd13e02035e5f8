"""Readers of price files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from qmac.data.dates import dated
from qmac.data.layouts import PARQUET, SEPARATORS, symbol_column
from qmac.data.prices import Prices
from qmac.errors import PricesError


def read_prices(path: str | Path) -> Prices:
    """Prices from a CSV or Parquet file with a date column and Open, High, Low, Close, Volume.

    Column names may be in any case, only Close is needed. The dates are the index of a Parquet file,
    or a column called Date, Datetime, Time or Timestamp, or else the first column.

    Raises
    ------
    PricesError : the file cannot be read, or a value in it cannot be used (row and date are named).

    Examples
    --------
    >>> import qmac
    >>> qmac.read_prices("no_such.csv")
    Traceback (most recent call last):
    ...
    qmac.errors.PricesError: no_such.csv: there is no such file. Check the path, or try --sample for the bundled prices.
    """
    path = Path(path).expanduser()
    return Prices.of(dated(read_frame(path), str(path)), path.stem)


def read_frame(path: Path) -> pd.DataFrame:
    """What a CSV or Parquet file holds, unchecked; errors as in ``read_prices``."""
    try:
        if not path.exists():
            raise PricesError(
                f"{path}: there is no such file. Check the path, or try --sample for the bundled prices."
            )
        if path.is_dir():
            raise PricesError(f"{path} is a directory. Name one CSV or Parquet file in it.")
        if path.is_file() and path.stat().st_size == 0:  # a pipe has no size
            raise PricesError(
                f"{path} is empty. Give a CSV or Parquet file with dates and a Close column."
            )
        return _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path)
    except PricesError:
        raise
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PricesError(
            f"{path} cannot be read as {'Parquet' if path.suffix.lower() in PARQUET else 'CSV'}: "
            f"{reason}. Give a CSV file (.csv) or a Parquet file (.parquet)."
        ) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV file; where its head has no comma, another separator is looked for."""
    options: dict[str, Any] = {"skipinitialspace": True, "index_col": False}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of columns with mixed types: the check of the values names the row
        if path.is_file():  # a pipe can be read only once
            head = pd.read_csv(path, nrows=0, **options).columns
            separator = (
                next((mark for mark in SEPARATORS if mark in str(head[0])), None)
                if len(head) == 1
                else None
            )
            if separator is not None:
                options["sep"] = separator
                head = pd.read_csv(path, nrows=0, **options).columns
            symbol = symbol_column(head)
            if (
                symbol is not None
            ):  # a space before them keeps NA and TRUE texts, and 005930 its zeros
                options["converters"] = {symbol: " {}".format}
        frame: pd.DataFrame = pd.read_csv(path, **options)
    return frame
