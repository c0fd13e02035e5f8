"""What a source of prices is: the protocol, its request and its answer.

A source of another package is an entry point of the group ``qmac.sources``: an object without
arguments in its call, such as a class, that returns a ``Source``. CONTRIBUTING.md has an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from qmac.data.sources.names import SourceName, interval_seconds

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
AS_TRADED = "as traded"
CALENDAR_UNITS = {"d": "days", "w": "weeks", "mo": "months"}
"""Units that have no fixed length, also for a clock that is changed twice a year."""
Call = Callable[[Callable[[], Any]], Any]
"""Sends one request by the function that it gets, politely: see ``RequestQueue.call``."""


@dataclass(frozen=True)
class BarsRequest:
    """Which bars are requested."""

    name: SourceName
    since: pd.Timestamp | None = None
    """First moment, without a zone: a day, or UTC where bars are shorter. None for all."""
    is_raw: bool = False
    """Whether prices are not to be adjusted for dividends."""

    @property
    def symbol(self) -> str:
        """The symbol, as the source spells it."""
        return self.name.symbol

    @property
    def interval(self) -> str:
        """Length of a bar, such as ``"1d"``."""
        return self.name.interval

    @property
    def is_intraday(self) -> bool:
        """Whether bars are shorter than a day."""
        return interval_seconds(self.interval) < interval_seconds("1d")


@dataclass(frozen=True)
class Bars:
    """Bars that a source gave: all of them, or the next ones."""

    frame: pd.DataFrame
    """``COLUMNS`` by the moment at which each bar begins, ascending: days without a zone, or UTC
    for bars shorter than a day. Only bars that are closed."""
    is_adjusted: bool = False
    """Whether prices are adjusted for dividends, as well as for splits."""
    adjustment: str = AS_TRADED
    """In words, such as ``"for splits and dividends"``."""


class Source(Protocol):
    """A source of prices, for one name before the colon."""

    @property
    def library(self) -> str:
        """Name and version of what fetches, such as ``"yfinance 1.7.0"``."""

    @property
    def appends(self) -> bool:
        """Whether stored bars never change, so that new ones are appended to them."""

    @property
    def pause_seconds(self) -> float:
        """Least time between two requests."""

    def fetch(self, request: BarsRequest, call: Call) -> Iterator[Bars]:
        """Yield the bars of a request, in one piece or page by page.

        Parameters
        ----------
        request : BarsRequest
            Symbol, interval, first moment.
        call : callable
            Every request goes through it: it gets a function that sends one, and returns what
            that returns. It waits between requests, and sends one again that ends in a
            ``SourceBusyError``.

        Yields
        ------
        Bars
            The first piece begins at the first moment, or with the first bar that there is.

        Raises
        ------
        SourceError
            If there are none; a sentence that says why.
        """


def utc_now() -> pd.Timestamp:
    """Return the time.

    Returns
    -------
    Timestamp
        In UTC, without a zone.
    """
    return pd.Timestamp.now("UTC").tz_localize(None)


def find_closed(starts: pd.DatetimeIndex, interval: str, now: pd.Timestamp) -> Any:
    """Return which bars are closed.

    Parameters
    ----------
    starts : DatetimeIndex
        When each bar begins.
    interval : str
        Length of a bar.
    now : Timestamp
        The time, in the zone of ``starts``.

    Returns
    -------
    ndarray
        ``(T,)`` bool.
    """
    number = int(interval.rstrip("smhdwo"))
    unit = CALENDAR_UNITS.get(interval.removeprefix(str(number)))
    if unit is None:
        return starts + pd.Timedelta(seconds=interval_seconds(interval)) <= now
    offset: Any = {unit: number}
    return starts + pd.DateOffset(**offset) <= now
