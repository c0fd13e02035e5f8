"""Files and frames become checked prices. pandas stays on this side of the border."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.errors import PricesError, suggestion

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
DATE_NAMES = ("date", "datetime", "time", "timestamp")
SYMBOL_NAMES = ("symbol", "ticker")
PARQUET = (".parquet", ".pq")
SEPARATORS = (";", "\t", "|")
LEAST_PRICE = 1e-30
"""Beyond this and its inverse, sums and squares of prices leave float64."""


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
        >>> len(sample_prices().tail(2000))
        2000
        """
        return Prices(self.frame.tail(bars), self.name)

    def moment(self, text: str) -> pd.Timestamp:
        """A date as the index knows it, its time zone included."""
        moment = pd.Timestamp(text).floor(self.index.unit)  # an index in seconds takes no finer moment
        zone = self.index.tz
        if zone is None and moment.tzinfo is not None:
            raise PricesError(f"{text} names a time zone, but the dates of {self.name} have none. Leave it out.")
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
        frame = _named_columns(data, name)
        frame.index = _dates(data.index, name)
        _check_values(frame, name)
        return cls(frame.astype(np.float64), name)


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
            raise PricesError(f"{path}: there is no such file. Check the path, or try --sample for the bundled prices.")
        if path.is_dir():
            raise PricesError(f"{path} is a directory. Name one CSV or Parquet file in it.")
        if path.is_file() and path.stat().st_size == 0:  # a pipe has no size
            raise PricesError(f"{path} is empty. Give a CSV or Parquet file with dates and a Close column.")
        return _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path)
    except PricesError:
        raise
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PricesError(
            f"{path} cannot be read as {'Parquet' if path.suffix.lower() in PARQUET else 'CSV'}: "
            f"{reason}. Give a CSV file (.csv) or a Parquet file (.parquet)."
        ) from None


def dated(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The frame with its dates as the index, from the column that holds them."""
    return frame if isinstance(frame.index, pd.DatetimeIndex) else _index_by_date(frame, name)


def symbol_column(columns: pd.Index) -> int | None:
    """Where the column called Symbol or Ticker stands, in any case; None without one."""
    names = [str(column).strip().lower() for column in columns]
    return next((names.index(known) for known in SYMBOL_NAMES if known in names), None)


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV file; where its head has no comma, another separator is looked for."""
    options: dict[str, Any] = {"skipinitialspace": True, "index_col": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns with mixed types: the check of the values names the row
        if path.is_file():  # a pipe can be read only once
            head = pd.read_csv(path, nrows=0, **options).columns
            separator = next((mark for mark in SEPARATORS if mark in str(head[0])), None) if len(head) == 1 else None
            if separator is not None:
                options["sep"] = separator
                head = pd.read_csv(path, nrows=0, **options).columns
            symbol = symbol_column(head)
            if symbol is not None:  # a space before them keeps NA and TRUE texts, and 005930 its zeros
                options["converters"] = {symbol: " {}".format}
        frame: pd.DataFrame = pd.read_csv(path, **options)
    return frame


def sample_prices() -> Prices:
    """Bundled prices: S&P 500 index, daily, 1999-01-04 to 2018-12-31, 5,031 bars.

    Facts from the dataset ``arch.data.sp500`` of the PyPI package ``arch`` (Kevin Sheppard).

    Examples
    --------
    >>> len(sample_prices())
    5031
    """
    with resources.as_file(resources.files("qmac") / "data" / "sp500.csv") as path:
        frame = pd.read_csv(path, index_col="Date", parse_dates=True)
    return Prices.of(frame, "sp500")


def _index_by_date(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if frame.shape[1] == 0 or len(frame) == 0:
        raise PricesError(f"{name} has no rows. Give a file with dates and a Close column.")
    named = {str(column).strip().lower(): column for column in reversed(frame.columns)}
    if "date" in named and "time" in named:
        together = frame[named["date"]].astype(str) + " " + frame[named["time"]].astype(str)
        return frame.drop(columns=[named["date"], named["time"]]).set_index(pd.Index(together))
    dates = next((named[known] for known in DATE_NAMES if known in named), frame.columns[0])
    if str(dates).strip().lower() == "close":
        raise PricesError(f"{name} has no column of dates. Add one called Date before the prices.")
    return frame.set_index(dates)


def _dates(index: pd.Index, name: str) -> pd.DatetimeIndex:
    """A DatetimeIndex that ascends without repeats."""
    if len(index) == 0:
        raise PricesError(f"{name} has no rows. Give prices with at least one bar more than the largest window.")
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        numeric = pd.api.types.is_numeric_dtype(index) and not index.hasnans
        if numeric and ((index >= 1800_01_01) & (index <= 2200_12_31) & (index % 1 == 0)).all():
            index = index.astype(np.int64).astype(str)  # 20200131, or 20200131.0 where another symbol's date is blank
        if pd.api.types.is_numeric_dtype(index) or isinstance(index, pd.MultiIndex | pd.TimedeltaIndex):
            raise PricesError(
                f"{name}: the index holds values such as {index[0]}, not dates. "
                "Give a DatetimeIndex, or a column called Date with dates such as 2010-01-04."
            )
        index = _parsed(pd.Series(index, dtype="object"), name)
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if not index.is_monotonic_increasing:
        row = int(np.flatnonzero(np.diff(index.asi8) < 0)[0]) + 1
        raise PricesError(
            f"{name}: dates are not sorted: row {row + 1} ({index[row]}) comes before row {row} "
            f"({index[row - 1]}). Sort the rows by date."
        )
    if not index.is_unique:
        row = int(np.flatnonzero(index.duplicated())[0])
        raise PricesError(f"{name}: the date {index[row]} is there twice (rows {row} and {row + 1}). Drop one of them.")
    return index


def _parsed(texts: pd.Series, name: str) -> pd.DatetimeIndex:
    """Dates from texts; those with slashes must show by themselves whether the day or the month is first."""
    parts = texts.astype(str).str.extract(r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](?:\d{4}|\d{2})\b").astype(float)
    options: dict[str, Any] = {}
    if parts.notna().all(axis=None):
        days_first, days_second = bool((parts[0] > 12).any()), bool((parts[1] > 12).any())
        if not days_first and not days_second:
            raise PricesError(
                f"{name}: dates such as {texts.iloc[0]!r} may have the day or the month first. Write 2010-01-04."
            )
        options = {"dayfirst": days_first}
    try:
        try:
            return pd.DatetimeIndex(pd.to_datetime(texts, **options))
        except ValueError as error:
            if "timezone" not in str(error) and "tz-" not in str(error):
                raise
            return pd.DatetimeIndex(pd.to_datetime(texts, utc=True))  # summer and winter time of one zone
    except (ValueError, TypeError, OverflowError):
        parsed = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True, **options)
        bad = np.flatnonzero(parsed.isna().to_numpy())
        if bad.size == 0:
            raise PricesError(f"{name}: the dates are not of one form. Write all as 2010-01-04 15:30.") from None
        row = int(bad[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {texts.iloc[row]!r}, which cannot be read. "
            "Write dates as 2010-01-04 or 2010-01-04 15:30."
        ) from None


def _named_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
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
        raise PricesError(f"{name} has no Close column. {hint} Rename the column of closing prices to Close.")
    return pd.DataFrame({column: found[column] for column in COLUMNS if column in found})


def _check_values(frame: pd.DataFrame, name: str) -> None:
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
            what = "Write numbers without commas: 2048.64" if "," in str(value) else "Mend or drop the row"
            raise PricesError(
                f"{name}: {column} is {'empty' if pd.isna(value) else value} in row {row + 1} ({frame.index[row]}){more}. "
                f"Prices must be positive numbers, from {LEAST_PRICE:g} to {1 / LEAST_PRICE:g}. {what}."
            )
        frame[column] = numbers


def infer_periods_per_year(index: pd.DatetimeIndex) -> float:
    """Bars in a year, from how many there are over their span.

    Near a usual number that number: 365 for every day, 252 for business days, 52 weekly, 12 monthly, 4 quarterly,
    2 or 1. Else as counted: intraday bars, or markets with weeks of their own.
    """
    if len(index) < 2:
        return 252.0
    days = np.diff(index.as_unit("s").asi8) / 86_400
    counted = (len(index) - 1) / (float(days.sum()) / 365.25) if days.sum() > 0 else 252.0
    if float(np.median(days)) < 0.99:
        return counted
    weekends = float(np.asarray(index.day_of_week >= 5).mean())
    if weekends == 0 and counted > 240:
        return 252.0
    for usual in (365.0, 52.0, 12.0, 4.0, 2.0, 1.0):
        if abs(counted / usual - 1) < 0.1:
            return usual
    return 252.0 if abs(counted / 252 - 1) < 0.02 else counted
