"""Checks of the values of prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_number, describe, is_number
from qmac.errors import PricesError

LEAST_PRICE = 1e-30
"""Beyond this and its inverse, sums and squares of prices leave float64."""
MOST_PRICE = 1 / LEAST_PRICE
FLAGS = (bool, np.bool_)


def check_values(frame: pd.DataFrame, name: str) -> None:
    """Replace the columns of a frame by float64, if all prices are positive numbers.

    Parameters
    ----------
    frame : DataFrame
        Prices by column, and Volume, which may be anything.
    name : str
        Name of the prices, for messages.

    Raises
    ------
    PricesError
        If a price is empty, no number or not positive; the message names its row and date.
    """
    for column in frame.columns:
        numbers = _read_numbers(frame[column])
        if column != "Volume":
            are_prices = (numbers >= LEAST_PRICE) & (numbers <= MOST_PRICE)
            bad = np.flatnonzero(~are_prices)
            if bad.size:
                raise PricesError(_describe_bad_price(frame[column], bad, name))
        frame[column] = numbers


def _read_numbers(column: pd.Series) -> np.ndarray:
    """Return the values of a column as float64, NaN for what is no real number.

    pandas takes flags, dates and times for numbers, and the real part for a complex one.
    """
    if _is_other(column.dtype):
        return np.full(len(column), np.nan)
    try:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
        if column.dtype != object:
            return numbers
        return np.where([isinstance(value, FLAGS) for value in column], np.nan, numbers)
    except (TypeError, OverflowError):  # an int that no float holds, or complex numbers
        values = [check_number("", value) if is_number(value) else np.nan for value in column]
        return np.array(values, np.float64)


def _is_other(dtype: Any) -> bool:
    """Return whether no value of a type is a price."""
    types = pd.api.types
    is_time = types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype)
    is_interval = isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype)
    return is_time or is_interval or types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype)


def _describe_bad_price(column: pd.Series, bad: np.ndarray, name: str) -> str:
    """Return the message for a column with invalid prices in the rows ``bad``."""
    row = int(bad[0])
    value = column.iloc[row]
    shown = value if isinstance(value, str | float | np.number) else describe(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        shown = "empty"
    more = f" ({bad.size - 1} more rows too)" if bad.size > 1 else ""
    has_comma = isinstance(value, str) and "," in value
    action = "Write numbers without commas: 2048.64" if has_comma else "Fix or drop the row"
    return (
        f"{name}: {column.name} is {shown} in row {row + 1} ({column.index[row]}){more}. "
        f"Prices must be positive numbers, from {LEAST_PRICE:g} to {MOST_PRICE:g}. {action}."
    )
