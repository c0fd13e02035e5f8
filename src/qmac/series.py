"""What a sweep was run on, kept beside its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.config import Rules
from qmac.dataset import trading_period
from qmac.errors import InputError, ResultError
from qmac.grid import ROLES, Grid
from qmac.prices import Prices
from qmac.simulation import evaluate

SAME = 1e-6
"""How far the best row and its replay may differ on prices that are said to be the same."""


PRICES, AVERAGES = "prices.parquet", "averages.npz"
"""Beside a result that holds its prices; in a run directory they lie once, for all."""


@dataclass(frozen=True, eq=False)
class Series:
    """Prices, and the user's own averages by window if there were any."""

    prices: Prices
    averages: dict[int, np.ndarray] | None = None

    @classmethod
    def of(cls, prices: Prices, averages: np.ndarray | None, windows: tuple[int, ...]) -> Series:
        """From own averages ``(W, T)`` in the order of ``windows``, or None."""
        return cls(prices, None if averages is None else dict(zip(windows, averages, strict=True)))

    @classmethod
    def read(cls, directory: Path, name: str, own: bool) -> Series:
        """What ``write`` wrote.

        Raises
        ------
        ResultError : it is damaged.
        """
        try:
            prices, averages = Prices(pd.read_parquet(directory / PRICES), name), None
            if own:
                with np.load(directory / AVERAGES, allow_pickle=False) as arrays:
                    averages = {int(window): arrays[window] for window in arrays}
        except Exception as error:  # a damaged file can fail in any way; all of them mean the same
            raise ResultError(f"{directory / PRICES} is damaged ({type(error).__name__}). Run it again.") from None
        return cls(prices, averages)

    def write(self, directory: Path) -> list[str]:
        """Write it beside a result; the names of the files."""
        self.prices.frame.to_parquet(directory / PRICES)
        if self.averages is None:
            return [PRICES]
        rows: dict[str, Any] = {str(window): row for window, row in self.averages.items()}
        np.savez_compressed(directory / AVERAGES, **rows)
        return [PRICES, AVERAGES]

    def check(self, known: Mapping[str, Any], grid: Grid, rules: Rules, top: pd.DataFrame, objective: str) -> None:
        """Raise ResultError unless a result with these dates and best rows can have been found on it."""
        name = known["name"]
        if known["averages"] == "own" and self.averages is None:
            raise ResultError(
                f"{name} was swept on averages of your own. Give them too: with_prices(prices, averages)."
            )
        try:
            period = trading_period(self.prices, rules, grid.windows)
        except InputError as error:
            raise ResultError(f"these are not the prices of this result: {error}") from None
        dates = self.prices.index[period.first + period.start :][: period.bars]
        here = {"bars": dates.size, "first": str(dates[0]), "last": str(dates[-1])}
        for what, value in here.items():
            if known[what] != value:
                raise ResultError(
                    f"these are not the prices of this result: {what} is {value}, not {known[what]}. "
                    f"Give the file that {name} was swept on."
                )
        if top.empty:
            return
        row = top[list(ROLES)].iloc[:1].to_numpy(np.int64).tolist()
        replayed, found = (
            float(evaluate(self.prices, row, rules, self.averages)[objective].iloc[0]),
            top[objective].iloc[0],
        )
        if not abs(replayed - found) <= SAME * max(1.0, abs(found)):
            raise ResultError(
                f"these are not the prices of this result: the best combination makes {objective} {replayed:g} of them, "
                f"not {found:g}. Give the file that {name} was swept on."
            )
