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


def symbol_column(columns: pd.Index) -> int | None:
    """Where the column called Symbol or Ticker stands, in any case; None without one."""
    names = [str(column).strip().lower() for column in columns]
    return next((names.index(known) for known in SYMBOL_NAMES if known in names), None)


def named_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The known columns under their usual names."""
    found: dict[str, Any] = {}
    for column in frame.columns:
        usual = str(column).strip().capitalize()
        if usual in COLUMNS:
            if usual in found:
                raise PricesError(f"{name} has the column {usual} twice. Drop or rename one.")
            found[usual] = frame[column].to_numpy()
    if "Close" not in found:
        names = [str(column) for column in frame.columns]
        near = next((n for n in names if "close" in n.lower()), None)
        hint = f"Did you mean {near!r}?" if near else suggestion("Close", names) if names else ""
        raise PricesError(
            f"{name} has no Close column. {hint} Rename the column of closing prices to Close."
        )
    return pd.DataFrame({column: found[column] for column in COLUMNS if column in found})
