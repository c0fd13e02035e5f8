"""Exchanges of cryptocurrencies, by ccxt: ``pip install 'qmac[crypto]'``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd

from qmac.data.sources import base
from qmac.data.sources.base import COLUMNS, Bars, BarsRequest, Call
from qmac.data.sources.names import DAY, interval_seconds
from qmac.errors import SourceBusyError, SourceError, suggestion

EARLIEST = pd.Timestamp("2009-01-01")
"""Before the first cryptocurrency."""
USUAL_PAGE = 500
"""Bars of a page where ccxt does not know how many an exchange gives."""
LEAST_PAGE = 100
"""Bars that an empty page stands for: a page of any exchange has as many."""
SHORTEST_MONTH = 28
DAY_MS = 86_400_000
Row = Sequence[float]


def open_exchange(name: str, others: Sequence[str] = ()) -> Exchange:
    """Return an exchange.

    Parameters
    ----------
    name : str
        Its id in ccxt, such as ``"binance"``.
    others : sequence of str
        Names of sources that are no exchanges, for the message.

    Returns
    -------
    Exchange
        Nothing is fetched yet.

    Raises
    ------
    SourceError
        If ccxt is not installed, or has no such exchange.
    """
    try:
        import ccxt
    except ImportError:
        raise SourceError(
            f"{name} is none of the sources {', '.join(others)}. If it is an exchange, install "
            "ccxt: pip install 'qmac[crypto]'"
        ) from None
    if name not in ccxt.exchanges:
        hint = suggestion(name, [*others, *ccxt.exchanges])
        if hint.startswith("Known"):
            hint = f"Known: {', '.join(others)}, and the exchanges of ccxt, such as binance."
        raise SourceError(f"{name} is no source of prices. {hint}")
    return Exchange(ccxt, getattr(ccxt, name)({"requests_trust_env": True}))


class Exchange:
    """A source of the bars of one exchange.

    Parameters
    ----------
    ccxt : module
        The library.
    exchange : ccxt.Exchange
        One of its exchanges.
    """

    appends = True
    pause_seconds = 0.0
    """The library itself waits as long as the exchange wants."""

    def __init__(self, ccxt: Any, exchange: Any) -> None:
        self._ccxt, self._exchange = ccxt, exchange

    @property
    def library(self) -> str:
        """Name and version of what fetches."""
        return f"ccxt {self._ccxt.__version__}"

    def fetch(self, request: BarsRequest, call: Call) -> Iterator[Bars]:
        """Yield the closed bars page by page.

        A page that is not full is not taken for the last one: pages end where the bar of this
        moment begins.

        Parameters
        ----------
        request : BarsRequest
            Symbol, interval, first moment.
        call : callable
            Sends a request politely.

        Yields
        ------
        Bars
            The next ones.

        Raises
        ------
        SourceError
            If there are none.
        """
        exchange = self._exchange
        call(lambda: self._send(exchange.load_markets))
        interval = self._check(request)
        position = _to_ms(request.since if request.since is not None else EARLIEST)
        step = _find_step(request.interval)
        next_end = position + step
        most = exchange.feature_value(request.symbol, "fetchOHLCV", "limit", USUAL_PAGE)
        limit = int(most or USUAL_PAGE)
        while next_end <= _to_ms(base.utc_now()):
            since = position
            rows = call(partial(self._fetch_page, request, interval, since, limit))
            rows = [row for row in rows if row[0] >= since]
            if rows:
                position = int(rows[-1][0]) + 1
                next_end = position + 2 * step - 1
                frame = _build_frame(rows, request)
                if len(frame):
                    yield Bars(frame)
            else:
                gap = min(limit, LEAST_PAGE) * step
                position = self._skip_gap(request, call, position + gap)
                next_end = position + step

    def _check(self, request: BarsRequest) -> str:
        """Return how the exchange spells the interval, if it has bars of the symbol."""
        exchange = self._exchange
        if request.symbol not in exchange.markets:
            hint = suggestion(request.symbol, exchange.markets)
            hint = hint if hint.startswith("Did") else "Write it as in BTC/USDT."
            raise SourceError(f"{exchange.id} has no symbol {request.symbol}. {hint}")
        interval = request.interval
        if interval.endswith("mo"):
            interval = f"{interval.removesuffix('mo')}M"
        intervals = exchange.timeframes or {}
        if exchange.has.get("fetchOHLCV") is not True or not intervals:
            raise SourceError(f"{exchange.id} gives no bars.")
        if interval not in intervals:
            raise SourceError(
                f"{request.name}: {exchange.id} has the intervals {', '.join(intervals)}, not "
                f"{request.interval}."
            )
        return interval

    def _skip_gap(self, request: BarsRequest, call: Call, position: int) -> int:
        """Return where to go on after a page without bars, which ends at ``position``.

        Short bars of years in which the symbol was not traded would be thousands of pages: its next
        day of trade is looked up in its daily bars.
        """
        if not request.is_intraday or DAY not in self._exchange.timeframes:
            return position
        day = position - position % DAY_MS
        while day <= _to_ms(base.utc_now()):
            since = day
            rows = call(partial(self._fetch_page, request, DAY, since, LEAST_PAGE))
            days = [int(row[0]) for row in rows if row[0] >= since]
            if days:
                return max(position, days[0])
            day += LEAST_PAGE * DAY_MS
        return day

    def _fetch_page(self, request: BarsRequest, interval: str, since: int, limit: int) -> list[Row]:
        """Return the rows of one page, the oldest first; an empty one is believed twice."""

        def send() -> list[Row]:
            rows: list[Row] = self._exchange.fetch_ohlcv(request.symbol, interval, since, limit)
            if not rows:
                self._check_answer()
            return rows

        rows = self._send(send) or self._send(send)
        return sorted(rows, key=lambda row: row[0])

    def _check_answer(self) -> None:
        """Refuse a page of HTML, as servers send it in trouble: ccxt takes it for no bars."""
        answer = self._exchange.last_http_response
        if isinstance(answer, str) and not answer.lstrip().startswith(("[", "{")):
            raise SourceBusyError(f"{self._exchange.id} answers with no JSON")

    def _send(self, send: Any) -> Any:
        """Send one request, and return the answer."""
        place = self._exchange.id
        try:
            return send()
        except SourceBusyError:
            raise
        except self._ccxt.NetworkError as error:  # too many requests, too
            kind = "answers that there are too many requests"
            limits = (self._ccxt.DDoSProtection, self._ccxt.RateLimitExceeded)
            if not isinstance(error, limits):
                kind = self._describe_fault(error)
            raise SourceBusyError(f"{place} {kind}") from error
        except self._ccxt.BaseError as error:
            reason = str(error).partition("\n")[0].removeprefix(f"{place} ")
            raise SourceError(f"{place} refuses the request: {reason}") from error
        except Exception as error:  # an answer of another form
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise SourceBusyError(f"{place}'s answer cannot be read: {reason}") from error

    def _describe_fault(self, error: Exception) -> str:
        """Return what is wrong with the network or the exchange, in words."""
        faults = {
            self._ccxt.RequestTimeout: "does not answer in time",
            self._ccxt.OnMaintenance: "is under maintenance",
            self._ccxt.ExchangeNotAvailable: "is not available for now",
        }
        kind = next((words for each, words in faults.items() if isinstance(error, each)), None)
        return kind or "cannot be reached: the connection failed. Check the network"


def _find_step(interval: str) -> int:
    """Return the least time from one bar to the next, in milliseconds."""
    if interval.endswith("mo"):
        return int(interval.removesuffix("mo")) * SHORTEST_MONTH * DAY_MS
    return int(interval_seconds(interval) * 1000)


def _to_ms(moment: pd.Timestamp) -> int:
    return int(moment.tz_localize("UTC").timestamp() * 1000)


def _build_frame(rows: Sequence[Row], request: BarsRequest) -> pd.DataFrame:
    """Return the bars of a page that are closed, each once."""
    frame = pd.DataFrame([list(row)[1:6] for row in rows], columns=list(COLUMNS), dtype="float64")
    starts = pd.to_datetime([int(row[0]) for row in rows], unit="ms")
    frame.index = starts
    frame = frame[base.find_closed(starts, request.interval, base.utc_now())]
    unique: pd.DataFrame = frame[~frame.index.duplicated(keep="last")]
    return unique.tz_localize("UTC") if request.is_intraday else unique
