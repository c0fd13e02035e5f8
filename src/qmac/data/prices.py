"""Checked prices: dates that ascend, values that can be traded."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from qmac import _views
from qmac._checks import check_count, check_instance, check_text, describe
from qmac._fields import Deferred, protect, protected
from qmac.data.anomalies import find_anomalies
from qmac.data.bars import build_bars
from qmac.data.bars_per_year import BarsPerYear, infer_bars_per_year
from qmac.data.frames import read_table
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.origin import FRAME, MOST_NOTES, Origin, shorten_note
from qmac.data.table import Table
from qmac.errors import PricesError


@protected("frame")
@dataclass(frozen=True, eq=False)
class Prices:
    """Checked bars: dates ascend, every price is finite and positive.

    Make one by ``read_prices``, ``sample_prices`` or ``Prices.of(frame)``.
    """

    frame: pd.DataFrame
    """DatetimeIndex and float columns: Close, and of Open, High, Low and Volume what there is."""
    name: str
    """Name of the series, such as its symbol."""
    origin: Origin = FRAME
    """What was read, and how."""

    def __post_init__(self) -> None:
        is_frame = isinstance(self.frame, pd.DataFrame) and "Close" in self.frame
        if not is_frame or not isinstance(self.frame.index, pd.DatetimeIndex):
            raise PricesError(
                "frame must be a DataFrame with a Close column, by dates, got "
                f"{describe(self.frame)}. Use Prices.of(frame), which checks it."
            )
        check_text("name", self.name, PricesError)
        check_instance("origin", self.origin, Origin, "Leave it out.", PricesError)

    def __len__(self) -> int:
        return len(self.index)

    def __getstate__(self) -> dict[str, object]:
        # views of the frame would be copies of their own, which could be written to; and what has
        # travelled is summed again
        derived = ("_columns", "checksum")
        return {name: value for name, value in vars(self).items() if name not in derived}

    @functools.cached_property
    def index(self) -> pd.DatetimeIndex:
        """Dates of the bars, ``(T,)``."""
        return pd.DatetimeIndex(self.frame.index)

    @property
    def nbytes(self) -> int:
        """Bytes of dates and columns."""
        return int(self.index.nbytes) + sum(values.nbytes for values in self._columns.values())

    @property
    def close(self) -> np.ndarray:
        """Closing prices, ``(T,)`` float64."""
        return self._columns["Close"]

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """Columns by name, in the order of the frame, ``(T,)`` float64 each."""
        return MappingProxyType(self._columns)

    def column(self, name: str) -> np.ndarray | None:
        """Return a column.

        Parameters
        ----------
        name : str
            Open, High, Low, Close or Volume.

        Returns
        -------
        ndarray or None
            ``(T,)`` float64; None without such a column.
        """
        return self._columns.get(check_text("name", name, PricesError))

    @functools.cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        # views of the frame: a run reads them forty times, and pandas takes 20 us each time
        return {str(name): column.to_numpy(np.float64) for name, column in self.frame.items()}

    @functools.cached_property
    def bars_per_year(self) -> BarsPerYear:
        """Bars in a year and their basis, see ``infer_bars_per_year``."""
        return infer_bars_per_year(self.index)

    @property
    def periods_per_year(self) -> float:
        """Bars in a year."""
        return self.bars_per_year.number

    @functools.cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the reader says of the file, and what is odd in the prices, a sentence each."""
        notes = self.origin.notes
        found = (
            anomaly.message
            for anomaly in find_anomalies(self.frame, self.name)
            if not (anomaly.kind == "split" and _is_noted(anomaly.row, notes))
        )
        texts = map(shorten_note, (*notes, *found))
        return tuple(dict.fromkeys(texts))[:MOST_NOTES]

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of every date and price; the name does not count.

        It is that of the same series written to Parquet and read again, which knows no whole
        seconds and one NaN only.
        """
        digest = hashlib.sha256(f"{self.index.tz} {list(self.frame.columns)}".encode())
        microseconds = self.index.as_unit("us").asi8
        digest.update(microseconds.astype("<i8").tobytes())
        for values in self._columns.values():
            little_endian = np.where(np.isnan(values), np.nan, values).astype("<f8")
            digest.update(little_endian.tobytes())
        return digest.hexdigest()

    def tail(self, bars: int) -> Prices:
        """Return the last bars.

        Parameters
        ----------
        bars : int
            Number of bars.

        Returns
        -------
        Prices
            As many, or all where there are fewer.

        Examples
        --------
        >>> import qmac
        >>> len(qmac.sample_prices().tail(2000))
        2000
        """
        return Prices(
            self.frame.tail(check_count("bars", bars, 1, error=PricesError)), self.name, self.origin
        )

    def moment(self, text: str) -> pd.Timestamp:
        """Return a date in the unit and the time zone of the index.

        Parameters
        ----------
        text : str
            A date, or a date and time.

        Returns
        -------
        Timestamp
            Comparable with the index.

        Raises
        ------
        PricesError
            If it has a time zone and the index has none, or is not one moment in the index's zone.
        """
        moment = _read_moment(text).floor(self.index.unit)  # no finer than the index is
        zone = self.index.tz
        if zone is None:
            if moment.tzinfo is not None:
                raise PricesError(
                    f"{text} has a time zone, but the dates of {self.name} have none. Leave it out."
                )
            return moment
        if moment.tzinfo is not None:
            return moment.tz_convert(zone)
        if moment == moment.normalize():  # a day begins when it begins, were it an hour late
            return moment.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
        try:
            return moment.tz_localize(zone)
        except ValueError:
            raise PricesError(
                f"{text} is not one moment in {zone}, where the clock is changed then. "
                "Use a moment before or after."
            ) from None

    @classmethod
    def of(cls, data: AnyPrices, name: str = "prices") -> Prices:
        """Return the checked prices of a frame or a series, or of a file.

        Parameters
        ----------
        data : Prices, DataFrame, Series, str or Path
            A frame with a Close column and dates as its index or in a column; a series of closes;
            the path of a file, or a name such as ``"yahoo:SPY"``. Prices are returned as they are.
        name : str
            Name of a frame or a series; a file has one.

        Returns
        -------
        Prices
            Checked bars.

        Raises
        ------
        PricesError
            If dates or values are invalid; the message names row and date of the first one.
        """
        check_text("name", name, PricesError)
        if isinstance(data, Prices):
            return data
        if isinstance(data, str | Path):
            read: Prices = _views.draw("prices", data)
            return read
        if isinstance(data, pd.Series):
            data = data.to_frame("Close")
        if not isinstance(data, pd.DataFrame):
            raise PricesError(
                f"prices must be a pandas DataFrame with a Close column, got {type(data).__name__}."
                " Use one, a Series of closes, the path of a file, or what qmac.read_prices"
                " returns."
            )
        return build_prices(read_table(data, DEFAULT, name), DEFAULT, name)


AnyPrices = Prices | pd.DataFrame | pd.Series | str | Path
"""Prices, what they are built from, or the path or name of a file or source that has them."""


def _is_noted(row: int | None, notes: Iterable[str]) -> bool:
    """Return whether the reader has said of the split in a row that it is one."""
    return any(f"row {row} (" in note and "djusted" in note for note in notes)


def build_prices(table: Table, options: ReadOptions, name: str) -> Prices:
    """Return the checked prices of a table of one symbol.

    Parameters
    ----------
    table : Table
        Content of a file or a frame.
    options : ReadOptions
        How it was read.
    name : str
        Name of the prices.

    Returns
    -------
    Prices
        Checked bars.

    Raises
    ------
    PricesError
        If dates or values are invalid, or there are many symbols.
    """
    parts = list(table.split(name))
    if len(parts) > 1:
        shown = ", ".join(str(symbol) for symbol, _ in parts[:3])
        raise PricesError(
            f"{name} holds {len(parts)} symbols: {shown}{', ...' if len(parts) > 3 else ''}. Name "
            "the column of one with close, keep the rows of one, or sweep them all: qmac optimize, "
            "qmac.optimize_many."
        )
    return build_symbol(parts[0][1], table, options, name)


def build_symbol(rows: pd.DataFrame, table: Table, options: ReadOptions, name: str) -> Prices:
    """Return the checked prices of one symbol of a table.

    Parameters
    ----------
    rows : DataFrame
        Its rows, as ``Table.split`` yields them.
    table : Table
        Where they are from.
    options : ReadOptions
        How it was read.
    name : str
        Name of the prices.

    Returns
    -------
    Prices
        Checked bars.

    Raises
    ------
    PricesError
        If dates or values are invalid; the message names row and date of the first one.
    """
    frame, origin = build_bars(rows, table.selection, options, name, table.date_orders)
    origin = origin.add_notes(*table.notes)
    if table.origin is not None:
        left_out = {**table.origin.left_out, **origin.left_out}
        origin = replace(table.origin.add_notes(*origin.notes), left_out=left_out)
    return Prices(frame, name, origin)


def replace_values(prices: Prices, columns: tuple[str, ...], values: np.ndarray) -> Prices:
    """Return other prices on the dates of some, which are not checked again.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    columns : tuple of str
        Names of columns; Close is among them.
    values : ndarray
        Prices that are finite and positive, ``(columns, T)`` float64; they are not copied.

    Returns
    -------
    Prices
        They share the dates and what follows from these. The frame is built when it is first read:
        beside a sweep pandas takes 0.4 ms for it, in which other threads wait.
    """
    values = protect(values)
    build = functools.partial(pd.DataFrame, values.T, prices.index, columns, copy=False)
    replaced = object.__new__(Prices)
    vars(replaced).update(
        frame=Deferred(build),
        name=prices.name,
        origin=FRAME,
        index=prices.index,
        bars_per_year=prices.bars_per_year,
        _columns=dict(zip(columns, values, strict=True)),
    )
    return replaced


def _read_moment(text: str | date) -> pd.Timestamp:
    moment = None
    if isinstance(text, str | date):
        with suppress(ValueError):
            moment = pd.Timestamp(text)
    if moment is None or pd.isna(moment):
        raise PricesError(f"text must be a date such as 2010-01-04, got {describe(text)}.")
    return moment
