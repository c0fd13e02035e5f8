"""Checks of the values of prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_number, describe, is_number
from qmac.data.columns import ADJUSTED
from qmac.data.numbers import EMPTY
from qmac.errors import PricesError

LEAST_PRICE = 1e-30
"""Beyond this and its inverse, sums and squares of prices leave float64."""
MOST_PRICE = 1 / LEAST_PRICE
FLAGS = (bool, np.bool_)
NO_SPLIT = (0, 1)
SAME_RATIO = 1e-4
"""Ratios of adjusted to other closes that differ by less differ by rounding."""


def check_values(frame: pd.DataFrame, name: str) -> dict[str, str]:
    """Replace the columns of a frame by float64; Close must be positive numbers.

    Parameters
    ----------
    frame : DataFrame
        Prices by column, and Volume, which may be anything. Another column than Close with a value
        that is no price is dropped: a run may not need it.
    name : str
        Name of the prices, for messages.

    Returns
    -------
    dict of str to str
        Why a column was dropped, by column.

    Raises
    ------
    PricesError
        If a close is empty, no number or not positive; the message names its row and date.
    """
    left_out: dict[str, str] = {}
    for column in list(frame.columns):
        numbers = _read_numbers(frame[column])
        if column != "Volume":
            are_prices = (numbers >= LEAST_PRICE) & (numbers <= MOST_PRICE)
            bad = np.flatnonzero(~are_prices)
            if bad.size and column == "Close":
                raise PricesError(_describe_bad_price(frame[column], bad, name))
            if bad.size:
                left_out[column] = _describe_bad_price(frame[column], bad, name)
                del frame[column]
                continue
        frame[column] = numbers
    return left_out


def _read_numbers(column: pd.Series) -> np.ndarray:
    """Return the values of a column as float64, NaN for what is no real number.

    pandas takes flags, dates and times for numbers, and the real part for a complex one.
    """
    if column.dtype == np.float64:
        return column.to_numpy()
    if _is_other(column.dtype):
        return np.full(len(column), np.nan)
    try:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
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
    if pd.api.types.is_scalar(value) and (pd.isna(value) or value == ""):
        shown = "empty"
    more = f" ({bad.size - 1} more rows too)" if bad.size > 1 else ""
    has_comma = isinstance(value, str) and "," in value
    action = "Write numbers without commas: 2048.64" if has_comma else "Fix or drop the row"
    return (
        f"{name}: {column.name} is {shown} in row {row + 1} ({column.index[row]}){more}. "
        f"Prices must be positive numbers, from {LEAST_PRICE:g} to {MOST_PRICE:g}. {action}."
    )


def describe_splits(factors: pd.Series, name: str) -> tuple[str, ...]:
    """Return what is to be said of splits, where no adjusted closes are beside the closes.

    Parameters
    ----------
    factors : Series
        Split factors by date, as numbers or texts; 1, 0 or nothing on other days.
    name : str
        Name of the prices.

    Returns
    -------
    tuple of str
        A note of the first split; none without one.
    """
    numbers = pd.to_numeric(factors, errors="coerce")
    texts = factors.astype("str").str.strip()
    is_split = ~(numbers.isin(NO_SPLIT) | texts.isin(EMPTY) | factors.isna())
    rows = np.flatnonzero(is_split)
    if not rows.size:
        return ()
    row = int(rows[0])
    more = f" ({rows.size - 1} more rows too)" if rows.size > 1 else ""
    note = (
        f"{name}: the split factor is {factors.iloc[row]} in row {row + 1} "
        f"({factors.index[row]}){more}, and no adjusted closes are beside the closes: the split "
        "may be a move of the price. Use adjusted prices."
    )
    return (note,)


def describe_instruments(names: pd.Series, name: str) -> tuple[str, ...]:
    """Return what is to be said of bars of several instruments, of which one follows another.

    Parameters
    ----------
    names : Series
        Instrument of each bar, such as the contract, by date.
    name : str
        Name of the prices.

    Returns
    -------
    tuple of str
        A note of the first change.

    Raises
    ------
    PricesError
        If an instrument comes back after another: the bars are of several series.
    """
    values = names.to_numpy()
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    row = int(changes[0])
    places = f"row {row} and {values[row]!r} in row {row + 1} ({names.index[row]})"
    if changes.size >= names.nunique():
        raise PricesError(
            f"{name} has bars of several series: {values[row - 1]!r} in {places}. Keep the rows of "
            "one, or rename the column of these names to Symbol, so that each is a series."
        )
    more = f" ({changes.size - 1} more rows too)" if changes.size > 1 else ""
    note = (
        f"{name}: one instrument follows another, {values[row - 1]!r} in {places}{more}. The step "
        "between them is read as a move of the price."
    )
    return (note,)


def describe_adjustment(frame: pd.DataFrame, name: str) -> str | None:
    """Return what is to be said of adjusted closes beside the closes.

    Parameters
    ----------
    frame : DataFrame
        Close and Adj Close, by date.
    name : str
        Name of the prices.

    Returns
    -------
    str or None
        Where their ratio changes most; None if it does not.
    """
    ratios = frame[ADJUSTED].to_numpy() / frame["Close"].to_numpy()
    if ratios.max() <= ratios.min() * (1 + SAME_RATIO):
        return None
    row = int(np.abs(np.diff(np.log(ratios))).argmax()) + 1
    close, adjusted = frame["Close"].to_numpy(), frame[ADJUSTED].to_numpy()
    return (
        f"{name}: {ADJUSTED} is not Close: from row {row} to row {row + 1} ({frame.index[row]}) "
        f"Close goes from {close[row - 1]:g} to {close[row]:g}, and {ADJUSTED} from "
        f"{adjusted[row - 1]:g} to {adjusted[row]:g}. Close was read, with splits and dividends as "
        "moves of the price. Add --adjusted to take them out."
    )
