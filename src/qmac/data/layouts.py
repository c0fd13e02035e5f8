"""Names and separators of the layouts in which price files come."""

from __future__ import annotations

from typing import Any

import pandas as pd

from qmac.errors import PricesError, suggestion

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
DATE_NAMES = ("date", "datetime", "time", "timestamp")
SYMBOL_NAMES = ("symbol", "ticker")
PARQUET = (".parquet", ".pq")
SEPARATORS = (";", "\t", "|")


def find_symbol_column(columns: pd.Index) -> int | None:
    """Return the place of the column called Symbol or Ticker, in any case.

    Parameters
    ----------
    columns : Index
        Columns of a frame.

    Returns
    -------
    int or None
        None without one.
    """
    names = [str(column).strip().lower() for column in columns]
    for known in SYMBOL_NAMES:
        if known in names:
            return names.index(known)
    return None


def normalize_name(column: object) -> str:
    """Return the name of a column as ``COLUMNS`` spells it.

    Parameters
    ----------
    column : object
        A name in any case.

    Returns
    -------
    str
        Such as ``"Close"`` for ``" CLOSE "``.
    """
    return str(column).strip().capitalize()


def select_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the columns of prices under their usual names, without an index.

    Parameters
    ----------
    frame : DataFrame
        Any frame with a Close column, whose name may be in any case.
    name : str
        Name of the prices, for messages.

    Returns
    -------
    DataFrame
        Close, and of Open, High, Low and Volume those that there are.

    Raises
    ------
    PricesError
        If there is no Close column, or one is there twice.
    """
    columns: dict[str, Any] = {}
    for column in frame.columns:
        usual = normalize_name(column)
        if usual not in COLUMNS:
            continue
        if usual in columns:
            raise PricesError(f"{name} has the column {usual} twice. Drop or rename one.")
        columns[usual] = frame[column].to_numpy()
    if "Close" not in columns:
        hint = _suggest_close([str(column) for column in frame.columns])
        raise PricesError(
            f"{name} has no Close column. {hint} Rename the column of closing prices to Close."
        )
    return pd.DataFrame({column: columns[column] for column in COLUMNS if column in columns})


def _suggest_close(names: list[str]) -> str:
    """Return which column may hold the closing prices."""
    for name in names:
        if "close" in name.lower():
            return f"Did you mean {name!r}?"
    return suggestion("Close", names) if names else ""
