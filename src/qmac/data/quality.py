"""Checks of the values of prices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qmac.errors import PricesError

LEAST_PRICE = 1e-30
"""Beyond this and its inverse, sums and squares of prices leave float64."""


def check_values(frame: pd.DataFrame, name: str) -> None:
    for column in frame.columns:
        numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64)
        if column == "Volume":
            frame[column] = numbers
            continue
        bad = ~((numbers >= LEAST_PRICE) & (numbers <= 1 / LEAST_PRICE))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            more = f" ({int(bad.sum()) - 1} more rows too)" if bad.sum() > 1 else ""
            value = frame[column].iloc[row]
            what = (
                "Write numbers without commas: 2048.64"
                if "," in str(value)
                else "Mend or drop the row"
            )
            raise PricesError(
                f"{name}: {column} is {'empty' if pd.isna(value) else value} in row {row + 1} ({frame.index[row]}){more}. "
                f"Prices must be positive numbers, from {LEAST_PRICE:g} to {1 / LEAST_PRICE:g}. {what}."
            )
        frame[column] = numbers
