"""Columns of a table by what they hold, found by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from qmac.data.options import ReadOptions
from qmac.errors import PricesError

PRICES = ("Open", "High", "Low", "Close")
COLUMNS = (*PRICES, "Volume")
ADJUSTED, DATE, TIME, SYMBOL, SPLIT = "Adj Close", "Date", "Time", "Symbol", "Split factor"
INSTRUMENT = "Instrument"
"""What may be a symbol, and may be a contract that follows another in one series."""
ROLES = (DATE, TIME, SYMBOL, INSTRUMENT, *COLUMNS, ADJUSTED, SPLIT)
ROLE_BY_WORD = {
    **{role.lower(): role for role in ROLES if role not in (ADJUSTED, SPLIT, INSTRUMENT)},
    "adjusted": ADJUSTED,
}
"""Roles by the words of ``Layout.columns`` and of the option ``columns``."""
DATE_NAMES = ("date", "datetime", "time", "timestamp")
FULL_DATE_NAMES = ("datetime", "timestamp")
"""Date and time of day: beside a column Date, these tell its bars apart."""
SYMBOL_NAMES = ("symbol", "ticker")
INSTRUMENT_NAMES = frozenset((
    "name", "instrument", "contract", "security", "asset", "code", "isin", "cusip", "sedol", "figi",
    "wkn", "ric", "pair", "coin", "currency", "stock", "fund", "company", "product", "underlying",
    "commodity", "market", "exchange", "venue", "root", "expiry", "expiration", "permno", "sid",
    "secid", "sec_code", "stock_code", "asset_id", "instrument_id", "contract_code", "tic", "sym",
    "issuer", "index name", "stock name", "security name", "company name", "contract symbol",
    "instrument name", "contract name", "contract month", "delivery", "maturity",
))  # fmt: skip
ADJUSTED_NAMES = ("adj close", "adj. close", "adjusted close", "adjclose", "adj_close",
                  "adjusted_close", "adjusted close price")  # fmt: skip
SPLIT_NAMES = tuple(
    f"split{mark}{word}" for word in ("coefficient", "factor", "ratio") for mark in ("_", " ", "")
)
"""Not ``Stock Splits``: the closes beside it are adjusted."""
HEADING_WORDS = re.compile(
    r"(?<![a-z])(open|high|low|close|last|price|max|min|avg|mean|value|vol|volume|turnover|amount|bid|ask|mid|settle"
    r"|vwap|trades|count|change|return|index|level|average|adj|adjusted|dividends?|splits?|spread"
    r"|oi|interest|year|month|week|hour|row|id|sma|ema|rsi|macd|atr|obv|signal|position"
    r"|op|hi|lo|cl|px|prc|ret|shr|shrout|nav|qty|num|date|datum|fecha|data"
    r"|apertura|maximo|minimo|cierre|ultimo|precio|volumen|ouverture|haut|bas|cloture|dernier|cours"
    r"|eroeffnung|eroffnung|erster|hoch|tief|schluss|schlusskurs|kurs|stueck|umsatz|abertura|maxima"
    r"|minima|fechamento|chiusura|massimo|prezzo|opening|hoog|laag|slot|sluiting|otwarcie|najwyzszy"
    r"|najnizszy|zamkniecie|wolumen)(?![a-z])"
)
"""Names with one of these words, in several languages, name what a column holds, and no symbol."""


class Column(NamedTuple):
    """A column that prices are made of."""

    place: int
    """Number of the column in its table, from 0."""
    role: str
    """One of ``ROLES``."""
    symbol: str = ""
    """Symbol of a table in which each has columns of its own."""


class Columns(NamedTuple):
    """Columns that prices are made of, and why others are left out."""

    columns: tuple[Column, ...]
    left_out: dict[str, str]

    @property
    def roles(self) -> set[str]:
        """Roles that there are."""
        return {column.role for column in self.columns}


def normalize_name(column: object) -> str:
    """Return the name of a column as ``ROLES`` spells it.

    Parameters
    ----------
    column : object
        A name in any case.

    Returns
    -------
    str
        Such as ``"Close"`` for ``" CLOSE "``.
    """
    name = str(column).strip()
    lower = name.lower()
    if lower in ADJUSTED_NAMES:
        return ADJUSTED
    if lower in SPLIT_NAMES:
        return SPLIT
    if lower in INSTRUMENT_NAMES:
        return INSTRUMENT
    return SYMBOL if lower in SYMBOL_NAMES else name.capitalize()


def find_columns(
    names: Sequence[str],
    options: ReadOptions,
    name: str,
    rows: Sequence[Sequence[str]] = (),
) -> Columns:
    """Return the columns that prices are made of, by their names.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    options : ReadOptions
        ``close`` and ``date`` name columns.
    name : str
        Name of the table, for messages.
    rows : sequence of sequences of str, optional
        Its first rows: of a date and a timestamp, that one is read which tells bars apart.

    Returns
    -------
    Columns
        Without a Close there is none of this role; without a name of dates the first column has
        them.

    Raises
    ------
    PricesError
        If a column that is needed is there twice, or one of ``options`` is not there.
    """
    usual = [normalize_name(each) for each in names]
    chosen: dict[str, int] = {}
    if options.close is not None:
        chosen["Close"] = _find_named(names, options.close, name, "close")
    if options.date is not None:
        chosen[DATE] = _find_named(names, options.date, name, "date")
    left_out: dict[str, str] = {}
    of_close = () if options.close is not None else (SPLIT,)  # another may be adjusted
    for role in (*COLUMNS, ADJUSTED, SYMBOL, *of_close):
        places = [place for place, each in enumerate(usual) if each == role]
        renamed = f"{role}.1" in usual  # a second one, by pandas
        if role in chosen or not places or chosen.get("Close") in places:
            continue
        if len(places) == 1 and not renamed:
            chosen[role] = places[0]
        elif role in ("Close", SYMBOL):
            raise PricesError(
                f"{name} has the column {role} twice. Drop or rename one"
                + (", or name the one to read: --close NAME." if role == "Close" else ".")
            )
        else:
            left_out[role] = f"{name} has the column {role} twice, and none is read"
    columns = [Column(place, role) for role, place in chosen.items()]
    if DATE not in chosen:
        columns += _find_dates(names, set(chosen.values()), name, rows)
    instruments = [place for place, each in enumerate(usual) if each == INSTRUMENT]
    taken = {column.place for column in columns}
    if SYMBOL not in chosen:
        columns += [Column(place, INSTRUMENT) for place in instruments if place not in taken]
    return Columns(tuple(sorted(columns)), left_out)


def _find_named(names: Sequence[str], wanted: str, name: str, option: str) -> int:
    """Return the place of a column that an option names: exactly, or else in any case."""
    lower = [str(each).strip().lower() for each in names]
    target = wanted.strip().lower()
    for known, sought in ((list(names), wanted), (lower, target)):
        if known.count(sought) == 1:
            return known.index(sought)
    count = lower.count(target)
    reason = f"{count} columns" if count else "no column"
    raise PricesError(
        f"{name} has {reason} called {wanted!r}. Columns: {', '.join(map(str, names))}. "
        f"Name one of them with --{option}."
    )


def _find_dates(
    names: Sequence[str], taken: set[int], name: str, rows: Sequence[Sequence[str]]
) -> list[Column]:
    """Return the columns of dates: one, or a date and a time of day."""
    places: dict[str, int] = {}
    for place, each in enumerate(names):
        lower = str(each).strip().lower()
        if lower in DATE_NAMES and place not in taken:
            if lower in places:
                raise PricesError(
                    f"{name} has the column {each} twice. Drop one, or name the one to read: "
                    "--date NAME."
                )
            places[lower] = place
    for full in FULL_DATE_NAMES:
        if full in places and not _are_unique(rows, places.get("date")):
            return [Column(places[full], DATE)]
    if "date" in places and "time" in places:
        return [Column(places["date"], DATE), Column(places["time"], TIME)]
    if places:
        return [Column(next(iter(places.values())), DATE)]
    if not names or 0 in taken:
        return []
    return [Column(0, DATE)]


def _are_unique(rows: Sequence[Sequence[str]], place: int | None) -> bool:
    """Return whether a column tells the first rows apart; False for no column, or few rows."""
    if place is None or len(rows) < 2 or any(place >= len(row) for row in rows):
        return False
    return len({row[place] for row in rows}) == len(rows)


def is_word_of_bars(name: str) -> bool:
    """Return whether a name says what a column holds, and is no symbol.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    bool
        True for ``"Last Price"``, False for ``"SPY"``.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # BidPrice
    return HEADING_WORDS.search(words.lower()) is not None
