"""Checks of the values of prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qmac.errors import PricesError

LEAST_PRICE = 1e-30
"""Beyond this and its inverse, sums and squares of prices leave float64."""
MOST_PRICE = 1 / LEAST_PRICE


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
        numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64)
        if column != "Volume":
            are_prices = (numbers >= LEAST_PRICE) & (numbers <= MOST_PRICE)
            bad = np.flatnonzero(~are_prices)
            if bad.size:
                raise PricesError(_describe_bad_price(frame[column], bad, name))
        frame[column] = numbers


def _describe_bad_price(column: pd.Series, bad: np.ndarray, name: str) -> str:
    """Return the message for a column with invalid prices in the rows ``bad``."""
    row = int(bad[0])
    value = column.iloc[row]
    shown = "empty" if pd.isna(value) else value
    more = f" ({bad.size - 1} more rows too)" if bad.size > 1 else ""
    has_comma = "," in str(value)
    action = "Write numbers without commas: 2048.64" if has_comma else "Fix or drop the row"
    return (
        f"{name}: {column.name} is {shown} in row {row + 1} ({column.index[row]}){more}. "
        f"Prices must be positive numbers, from {LEAST_PRICE:g} to {MOST_PRICE:g}. {action}."
    )
