"""Checked prices: dates that ascend, values that can be traded."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.data.dates import check_dates, infer_periods_per_year
from qmac.data.layouts import named_columns
from qmac.data.quality import check_values
from qmac.errors import PricesError


@dataclass(frozen=True, eq=False)
class Prices:
    """Checked bars: dates ascend, every price is finite and positive.

    ``frame`` has a DatetimeIndex and float columns: Close, and of Open, High, Low and Volume those
    that were given. Make one by ``read_prices``, ``sample_prices`` or ``Prices.of(frame)``.
    """

    frame: pd.DataFrame
    name: str

    def __len__(self) -> int:
        return len(self.frame)

    @functools.cached_property
    def index(self) -> pd.DatetimeIndex:
        """Dates of the bars, ``(T,)``."""
        return pd.DatetimeIndex(self.frame.index)

    @property
    def close(self) -> np.ndarray:
        """Closing prices, ``(T,)`` float64."""
        return self._columns["Close"]

    def column(self, name: str) -> np.ndarray | None:
        """A column ``(T,)`` float64, or None where it was not given."""
        return self._columns.get(name)

    @functools.cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """Views of the frame: a run asks for them forty times, and pandas takes 20 us each time."""
        return {str(name): column.to_numpy(np.float64) for name, column in self.frame.items()}

    @functools.cached_property
    def periods_per_year(self) -> float:
        """What the dates say, see ``infer_periods_per_year``."""
        return infer_periods_per_year(self.index)

    def tail(self, bars: int) -> Prices:
        """The last ``bars`` bars.

        Examples
        --------
        >>> import qmac
        >>> len(qmac.sample_prices().tail(2000))
        2000
        """
        return Prices(self.frame.tail(bars), self.name)

    def moment(self, text: str) -> pd.Timestamp:
        """A date as the index knows it, its time zone included."""
        moment = pd.Timestamp(text).floor(
            self.index.unit
        )  # an index in seconds takes no finer moment
        zone = self.index.tz
        if zone is None and moment.tzinfo is not None:
            raise PricesError(
                f"{text} names a time zone, but the dates of {self.name} have none. Leave it out."
            )
        if zone is None or moment.tzinfo is not None:
            return moment if zone is None else moment.tz_convert(zone)
        if moment == moment.normalize():  # a day begins when it begins, were it an hour late
            return moment.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
        try:
            return moment.tz_localize(zone)
        except ValueError:
            raise PricesError(
                f"{text} is not one moment in {zone}, where the clock is changed then. Name a moment before or after."
            ) from None

    @classmethod
    def of(cls, data: Prices | pd.DataFrame | pd.Series, name: str = "prices") -> Prices:
        """Check a frame with a Close column, or a series of closes.

        Raises
        ------
        PricesError : naming the row and date of the first value that cannot be used.
        """
        if isinstance(data, Prices):
            return data
        if isinstance(data, pd.Series):
            data = data.to_frame("Close")
        if not isinstance(data, pd.DataFrame):
            raise PricesError(
                f"prices are a {type(data).__name__}, but must be a pandas DataFrame with a Close column, "
                "a Series of closes, or what qmac.read_prices returns."
            )
        frame = named_columns(data, name)
        frame.index = check_dates(data.index, name)
        check_values(frame, name)
        return cls(frame.astype(np.float64), name)
