"""A server on loopback that speaks Yahoo's and Binance's answers, and sends real libraries there.

Addresses of vendors become ``http://127.0.0.1:PORT/HOST/...``: curl and requests send real
requests, and none of them leaves the machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

Answer = tuple[int, Any]
"""A status, and what becomes JSON, or text."""
TOO_MANY = (429, "Too Many Requests")
CUT = "the connection ends in the middle of the answer"
NOT_FOUND = {"chart": {"result": None, "error": {
    "code": "Not Found", "description": "No data found, symbol may be delisted"}}}  # fmt: skip


@dataclass
class YahooSeries:
    """Days of one symbol, as traded and as adjusted."""

    days: pd.DatetimeIndex
    close: np.ndarray
    factor: np.ndarray
    """What adjusts each day for later dividends."""
    zone: str = "America/New_York"
    session_end: pd.Timestamp | None = None
    """End of the newest session, in UTC."""
    dividends: dict[int, float] = field(default_factory=dict)
    splits: dict[int, str] = field(default_factory=dict)
    empty_days: tuple[int, ...] = ()
    """Places of days for which Yahoo answers nulls."""
    step: str = "1d"

    def to_chart(self, query: dict[str, list[str]]) -> Any:
        """Return the answer of ``/v8/finance/chart``."""
        stamps = (self.days.tz_convert("UTC").as_unit("s").asi8).tolist()
        first = int(query.get("period1", ["-9999999999"])[0])
        shown = [place for place, stamp in enumerate(stamps) if stamp >= first]
        columns = {
            "open": self.close * 0.99,
            "high": self.close * 1.02,
            "low": self.close * 0.98,
            "close": self.close,
            "volume": np.full(len(stamps), 1000),
        }
        quote = {name: self._pick(values, shown) for name, values in columns.items()}
        indicators: dict[str, Any] = {"quote": [quote]}
        if self.step == "1d":
            adjusted = self._pick(self.close * self.factor, shown)
            indicators["adjclose"] = [{"adjclose": adjusted}]
        events: dict[str, Any] = {}
        if self.dividends:
            events["dividends"] = {
                str(stamps[place]): {"amount": amount, "date": stamps[place]}
                for place, amount in self.dividends.items()
            }
        if self.splits:
            events["splits"] = {
                str(stamps[place]): {
                    "date": stamps[place],
                    "numerator": float(ratio.partition(":")[0]),
                    "denominator": float(ratio.partition(":")[2]),
                    "splitRatio": ratio,
                }
                for place, ratio in self.splits.items()
            }
        result = {
            "meta": self._build_meta(),
            "timestamp": [stamps[place] for place in shown],
            "indicators": indicators,
        }
        if events:
            result["events"] = events
        return {"chart": {"result": [result], "error": None}}

    def _pick(self, values: np.ndarray, shown: list[int]) -> list[float | None]:
        listed = values.tolist()
        return [None if place in self.empty_days else listed[place] for place in shown]

    def _build_meta(self) -> dict[str, Any]:
        end = self.session_end or self.days[-1].tz_convert("UTC") + pd.Timedelta(hours=6.5)
        close = int(end.timestamp())
        period = {"timezone": "EST", "start": close - 23400, "end": close, "gmtoffset": -18000}
        empty = period | {"start": close, "end": close}
        return {
            "currency": "USD", "symbol": "SPY", "exchangeName": "PCX", "instrumentType": "EQUITY",
            "firstTradeDate": 0, "regularMarketTime": close, "gmtoffset": -18000,
            "timezone": "EST", "exchangeTimezoneName": self.zone, "priceHint": 2,
            "regularMarketPrice": float(self.close[-1]),
            "currentTradingPeriod": {"pre": empty, "regular": period, "post": empty},
            "dataGranularity": self.step, "range": "",
            "tradingPeriods": [[period | {
                "start": int(day.timestamp()) + 34200, "end": int(day.timestamp()) + 57600}]
                for day in self.days.normalize().unique()],
            "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
        }  # fmt: skip


def yahoo_days(first: str, count: int, seed: int = 1, **more: Any) -> YahooSeries:
    """Return business days with prices of a random walk, as of the opening in New York."""
    days = pd.bdate_range(first, periods=count, tz="America/New_York") + pd.Timedelta(hours=9.5)
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))
    return YahooSeries(days, np.round(walk, 2), np.ones(count), **more)


@dataclass
class Klines:
    """Bars of one pair at Binance."""

    first: pd.Timestamp
    count: int
    seconds: int = 3600
    page: int = 1000
    """Most bars of an answer, whatever is requested."""
    gaps: tuple[range, ...] = ()
    """Places of bars that there are not."""
    changed: dict[int, float] = field(default_factory=dict)
    """Closes that are others than they were, by place."""

    def close(self, place: int) -> float:
        """Return the closing price of a bar."""
        return self.changed.get(place, 100 + 10 * np.sin(place / 7) + place / 100)

    def to_rows(self, query: dict[str, list[str]]) -> list[list[Any]]:
        """Return the answer of ``/api/v3/klines``."""
        if query["interval"][0] != {3600: "1h", 86400: "1d", 60: "1m"}[self.seconds]:
            return []
        since = int(query.get("startTime", ["0"])[0])
        most = min(int(query["limit"][0]), self.page)
        start = int(self.first.timestamp() * 1000)
        first = max(0, -(-(since - start) // (self.seconds * 1000)))
        places = [
            place
            for place in range(first, self.count)
            if not any(place in gap for gap in self.gaps)
        ][:most]
        return [self._row(start + place * self.seconds * 1000, place) for place in places]

    def _row(self, opened: int, place: int) -> list[Any]:
        close = self.close(place)
        prices = (close * 0.999, close * 1.01, close * 0.99, close, 12.5)
        texts = [f"{price:.8f}" for price in prices]
        return [opened, *texts, opened + self.seconds * 1000 - 1, "1250.0", 42, "6.0", "600.0", "0"]


SPOT = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8,
    "quoteAsset": "USDT", "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT"],
    "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": ["SPOT"],
    "permissionSets": [["SPOT"]], "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00",
         "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"}],
}  # fmt: skip
"""A pair of Binance's ``/api/v3/exchangeInfo``."""


class Vendors:
    """What the server answers, and which requests it got."""

    def __init__(self) -> None:
        self.yahoo: dict[str, YahooSeries] = {}
        self.klines: dict[str, Klines] = {}
        self.faults: list[Any] = []
        """Answers to the next requests for prices in place of the right ones; None for that."""
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        """Path and query of each request for prices."""
        self.port = 0

    def redirect(self, address: str) -> str:
        """Return the address on loopback that stands for another one."""
        return address.replace("https://", f"http://127.0.0.1:{self.port}/", 1)

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        """Return the answer to a request."""
        host, _, place = path.lstrip("/").partition("/")
        if host.endswith("yahoo.com"):
            return self._answer_as_yahoo(place, query)
        if place.endswith("exchangeInfo"):
            pairs = [
                SPOT | {"symbol": name.replace("/", ""), "baseAsset": name.partition("/")[0]}
                for name in self.klines
            ]
            return 200, {"timezone": "UTC", "symbols": pairs if place.startswith("api") else []}
        if place.endswith("klines"):
            return self._answer_with_prices(path, query, self._find_klines)
        return 404, {"code": -1, "msg": f"no {path}"}

    def _find_klines(self, path: str, query: dict[str, list[str]]) -> Answer:
        by_id = {name.replace("/", ""): klines for name, klines in self.klines.items()}
        return 200, by_id[query["symbol"][0]].to_rows(query)

    def _answer_as_yahoo(self, place: str, query: dict[str, list[str]]) -> Any:
        if place.startswith("v8/finance/chart/"):
            if query.get("range") == ["1d"]:  # for the time zone
                return self._find_chart(place, query)
            return self._answer_with_prices(place, query, self._find_chart)
        if place == "v1/test/getcrumb":
            return 200, "crumb"
        if place.startswith("v10/"):
            return 404, {"quoteSummary": {"result": None, "error": {"code": "Not Found"}}}
        return 404, ""

    def _find_chart(self, place: str, query: dict[str, list[str]]) -> Answer:
        series = self.yahoo.get(place.rpartition("/")[2])
        return (404, NOT_FOUND) if series is None else (200, series.to_chart(query))

    def _answer_with_prices(
        self, path: str, query: dict[str, list[str]], find: Callable[..., Answer]
    ) -> Any:
        self.requests.append((path, query))
        fault = self.faults.pop(0) if self.faults else None
        if fault is CUT:
            return find(path, query)[1]
        return find(path, query) if fault is None else fault


class _Handler(BaseHTTPRequestHandler):
    vendors: Vendors

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        answer = self.vendors.answer(parts.path, parse_qs(parts.query))
        is_cut = not isinstance(answer, tuple)
        status, content = (200, answer) if is_cut else answer
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if is_cut else body)
        if is_cut:
            self.close_connection = True

    do_POST = do_GET  # noqa: N815, the name is that of http.server

    def log_message(self, *arguments: object) -> None:
        return None


@contextmanager
def serve():
    """Serve on loopback while the block runs, and yield what is answered."""
    vendors = Vendors()
    handler = type("Handler", (_Handler,), {"vendors": vendors})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    vendors.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield vendors
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send_yahoo_to(vendors, monkeypatch, folder):
    """Let yfinance send its requests to a server on loopback, by the session that it takes."""
    import yfinance
    from curl_cffi import requests
    from yfinance import data

    class Session(requests.Session):
        def request(self, method, url, *arguments, **options):
            return super().request(method, vendors.redirect(url), *arguments, **options)

    folder.mkdir()
    yfinance.set_tz_cache_location(str(folder))  # a database of its own, which no test shares
    monkeypatch.setattr(data.SingletonMeta, "_instances", {})
    data.YfData.cache_get.cache_clear()
    data.YfData(session=Session())


def send_exchange_to(vendors, monkeypatch, exchange="binance"):
    """Let an exchange of ccxt send its requests to a server on loopback, by its addresses."""
    import ccxt

    kind = getattr(ccxt, exchange)
    describe = kind.describe

    def redirected(self):
        facts = describe(self)
        facts["urls"]["api"] = _redirect_all(facts["urls"]["api"], vendors)
        return facts

    monkeypatch.setattr(kind, "describe", redirected)


def _redirect_all(addresses, vendors):
    if isinstance(addresses, dict):
        return {name: _redirect_all(address, vendors) for name, address in addresses.items()}
    return vendors.redirect(addresses) if isinstance(addresses, str) else addresses
