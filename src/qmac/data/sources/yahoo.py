"""Yahoo Finance, by yfinance: ``pip install 'qmac[yahoo]'``."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from qmac.data.sources import base
from qmac.data.sources.base import COLUMNS, Bars, BarsRequest, Call
from qmac.errors import SourceBusyError, SourceError

SYMBOL = re.compile(r"[A-Za-z0-9.^=&_-]+")
"""What Yahoo's symbols are made of; it becomes part of an address."""
INTERVALS = ("1m", "2m", "5m", "15m", "30m", "1h", "90m", "1d")
"""Yahoo adjusts weeks and months wrongly: it adjusts the bar, not the days in it."""
DAILY, SPLITS = "for splits and dividends", "for splits only"
"""Yahoo's prices are always adjusted for splits, and only those of days for dividends."""
TIMEOUT_SECONDS = 30
LOGGERS = ("yfinance", "bs4")
SETTLED = pd.Timedelta(minutes=30)
"""After the end of a session, until which its last prices come."""
NOT_THERE = (400, 404, 422)
"""Codes with which Yahoo answers to a symbol that it does not have."""


class Yahoo:
    """The source ``yahoo``.

    Raises
    ------
    SourceError
        If yfinance is not installed.
    """

    appends = False
    pause_seconds = 0.3

    def __init__(self) -> None:
        try:
            import yfinance
            import yfinance.exceptions
        except ImportError:
            raise SourceError(
                "yahoo needs yfinance. Install it: pip install 'qmac[yahoo]'"
            ) from None
        self._yfinance: Any = yfinance

    @property
    def library(self) -> str:
        """Name and version of what fetches."""
        return f"yfinance {self._yfinance.__version__}"

    def fetch(self, request: BarsRequest, call: Call) -> Iterator[Bars]:
        """Yield all bars in one piece.

        Parameters
        ----------
        request : BarsRequest
            Symbol, interval, first day.
        call : callable
            Sends a request politely.

        Yields
        ------
        Bars
            All of them.

        Raises
        ------
        SourceError
            If there are none.
        """
        if not SYMBOL.fullmatch(request.symbol):
            raise SourceError(
                f"{request.name} is no symbol of Yahoo: they have letters, digits and . ^ = - & _. "
                "Look it up on finance.yahoo.com."
            )
        if request.interval not in INTERVALS:
            raise SourceError(
                f"{request.name}: yahoo has the intervals {', '.join(INTERVALS)}, not "
                f"{request.interval}."
            )
        frame, session_end = call(lambda: self._load(request))
        frame = _drop_running_bar(_drop_empty(frame), request, session_end)
        if len(frame) == 0:
            raise SourceError(f"yahoo answered without closed bars of {request.symbol}.")
        is_adjusted = not request.is_raw and not request.is_intraday
        yield Bars(_to_plain(frame, request), is_adjusted, DAILY if is_adjusted else SPLITS)

    def _load(self, request: BarsRequest) -> tuple[pd.DataFrame, pd.Timestamp | None]:
        """Return the bars, and the end of the newest session."""
        period: dict[str, Any] = {"period": "max"}
        if request.since is not None:
            period = {"start": request.since.date().isoformat()}
        errors = self._yfinance.exceptions
        with _quiet(self._yfinance):
            try:
                ticker = self._yfinance.Ticker(request.symbol)
                frame = ticker.history(
                    interval=request.interval,
                    auto_adjust=not request.is_raw,
                    back_adjust=False,
                    repair=False,
                    actions=False,
                    prepost=False,
                    timeout=TIMEOUT_SECONDS,
                    **period,
                )
                return frame, _find_session_end(ticker.get_history_metadata())
            except errors.YFRateLimitError:
                raise SourceBusyError("yahoo answers that there are too many requests") from None
            except errors.YFTickerMissingError as error:
                reason = str(error).removeprefix(f"${request.symbol.upper()}: ")
                raise SourceError(f"yahoo has no prices of {request.symbol}: {reason}") from None
            except Exception as error:
                raise _translate(error, request) from error


def _translate(error: Exception, request: BarsRequest) -> SourceError:
    """Return what an error of the network, or of the answer, means."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in NOT_THERE:
        return SourceError(f"yahoo has no symbol {request.symbol} (HTTP {status})")
    reason = str(error).partition("\n")[0].removesuffix(".") or type(error).__name__
    if isinstance(error, OSError):  # as those of curl and requests are
        return SourceBusyError(f"yahoo cannot be reached: {reason}")
    return SourceBusyError(f"yahoo's answer cannot be read: {reason}")


@contextmanager
def _quiet(yfinance: Any) -> Iterator[None]:
    """Let yfinance raise its errors, and neither log nor warn."""
    debug = yfinance.config.debug
    hides = debug.hide_exceptions
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    debug.hide_exceptions = False
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        debug.hide_exceptions = hides
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _find_session_end(metadata: Any) -> pd.Timestamp | None:
    """Return the end of the session that is the newest, in UTC without a zone."""
    try:
        end = metadata["currentTradingPeriod"]["regular"]["end"]
        moment = end if isinstance(end, pd.Timestamp) else pd.Timestamp(end, unit="s", tz="UTC")
    except (KeyError, TypeError, ValueError):
        return None
    return moment.tz_convert("UTC").tz_localize(None)


def _drop_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have prices: Yahoo also answers with days without any."""
    return frame.dropna(subset=[name for name in COLUMNS if name != "Volume"])


def _drop_running_bar(
    frame: pd.DataFrame, request: BarsRequest, session_end: pd.Timestamp | None
) -> pd.DataFrame:
    """Return the bars that are closed; the day of a session is closed once its prices settled."""
    if len(frame) == 0:
        return frame
    starts = pd.DatetimeIndex(frame.index)
    now = base.utc_now().tz_localize("UTC").tz_convert(starts.tz)
    closed = base.find_closed(starts, request.interval, now)
    if not request.is_intraday and session_end is not None:
        day = session_end.tz_localize("UTC").tz_convert(starts.tz).date()
        has_settled = session_end + SETTLED <= base.utc_now()
        closed |= (starts.date == day) & has_settled
    rows: pd.DataFrame = frame.loc[closed]
    return rows


def _to_plain(frame: pd.DataFrame, request: BarsRequest) -> pd.DataFrame:
    """Return the columns of prices: by day without a zone, or in UTC."""
    plain = frame[list(COLUMNS)].astype("float64")
    index = pd.DatetimeIndex(plain.index)
    plain.index = index.tz_convert("UTC") if request.is_intraday else index.tz_localize(None)
    return plain
