"""Names of prices at a source: ``yahoo:SPY,QQQ``, ``binance:BTC/USDT:1h``.

Nothing heavy is imported: the command line and job files tell names from paths by this module.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from qmac._checks import check_number, check_text, describe, is_number
from qmac.errors import OptionError, SourceError

SOURCE = re.compile(r"[A-Za-z][\w-]{1,39}:(?![/\\])", re.ASCII)
"""How a name begins. One letter is a drive of Windows, and slashes follow in an address."""
LENGTH = re.compile(r"(\d{1,4})(s|m|min|h|d|w|wk|M|mo)", re.ASCII)
"""A length of time, such as that of a bar."""
USUAL_UNITS = {"min": "m", "wk": "w", "M": "mo"}
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}
"""A month counts as 30 days."""
LARGER_UNITS = (("s", 60, "m"), ("m", 60, "h"), ("h", 24, "d"))
DAY = "1d"
LONGEST_SYMBOL = 64


@dataclass(frozen=True)
class SourceName:
    """A series of prices at a source."""

    source: str
    """Small letters, such as ``"yahoo"``."""
    symbol: str
    """As the source spells it, such as ``"BTC/USDT"``."""
    interval: str = DAY
    """Length of a bar, such as ``"1h"``; see ``parse_interval``."""

    def __str__(self) -> str:
        """Return the name as it is typed."""
        ending = "" if self.interval == DAY else f":{self.interval}"
        return f"{self.source}:{self.symbol}{ending}"


def is_source_name(text: str | PurePath) -> bool:
    r"""Return whether a text has the form of a name of prices at a source.

    Parameters
    ----------
    text : str or Path
        A word of the command line; pathlib has read names as paths there.

    Returns
    -------
    bool
        False for addresses and for drives of Windows.

    Examples
    --------
    >>> is_source_name("yahoo:SPY"), is_source_name("spy.csv")
    (True, False)
    >>> is_source_name("C:prices.csv"), is_source_name("https://example.com/spy.csv")
    (False, False)
    """
    return SOURCE.match(_read_text(text)) is not None


def _read_text(text: str | PurePath) -> str:
    return text.as_posix() if isinstance(text, PurePath) else text


def parse_names(text: str | PurePath) -> list[SourceName]:
    """Return the names in a text: a source, symbols with commas between them, an interval.

    A symbol without an interval has that of the next one that has one, and else days.

    Parameters
    ----------
    text : str or Path
        Such as ``"yahoo:SPY,QQQ"``.

    Returns
    -------
    list of SourceName
        In the order of the text.

    Raises
    ------
    SourceError
        If it is no such text.

    Examples
    --------
    >>> [str(name) for name in parse_names("binance:BTC/USDT,ETH/USDT:60m")]
    ['binance:BTC/USDT:1h', 'binance:ETH/USDT:1h']
    """
    text = check_text("names", _read_text(text), SourceError)
    if not is_source_name(text):
        raise SourceError(
            f"{describe(text)} names no prices at a source. Use a name such as yahoo:SPY or "
            "binance:BTC/USDT:1h."
        )
    source, _, rest = text.partition(":")
    names: list[SourceName] = []
    interval = DAY
    for part in reversed(rest.split(",")):
        symbol, own = _split_interval(part.strip())
        interval = own or interval
        _check_symbol(text, symbol)
        names.append(SourceName(source.lower(), symbol, interval))
    return names[::-1]


def _split_interval(part: str) -> tuple[str, str]:
    """Return a symbol and its interval, which is empty where there is none."""
    symbol, colon, last = part.rpartition(":")
    if not colon or not last[:1].isdigit():  # a swap of ccxt is called BTC/USDT:USDT
        return part, ""
    return symbol, parse_interval(last)


def _check_symbol(text: str, symbol: str) -> None:
    is_plain = symbol.isprintable() and not any(character.isspace() for character in symbol)
    if not symbol or not is_plain or len(symbol) > LONGEST_SYMBOL:
        raise SourceError(
            f"{describe(text)} has the symbol {describe(symbol)}. A symbol has 1 to "
            f"{LONGEST_SYMBOL} characters and no spaces: yahoo:SPY,QQQ."
        )


def parse_interval(text: str) -> str:
    """Return the length of a bar in its usual spelling.

    Parameters
    ----------
    text : str
        A number and a unit: s, m (minutes), h, d, w or mo; also min, wk and M (months).

    Returns
    -------
    str
        In the largest unit that fits; no two lengths differ in case only.

    Raises
    ------
    SourceError
        If it is no length.

    Examples
    --------
    >>> parse_interval("60m"), parse_interval("1M"), parse_interval("90min")
    ('1h', '1mo', '90m')
    """
    match = LENGTH.fullmatch(text)
    number = int(match[1]) if match else 0
    if match is None or number == 0:
        raise SourceError(f"{describe(text)} is no interval. Use 1m, 15m, 1h, 1d, 1w or 1mo.")
    unit = USUAL_UNITS.get(match[2], match[2])
    for small, count, large in LARGER_UNITS:
        if unit == small and number % count == 0:
            number, unit = number // count, large
    return f"{number}{unit}"


def interval_seconds(interval: str) -> float:
    """Return the length of a bar in seconds.

    Parameters
    ----------
    interval : str
        As ``parse_interval`` returns it.

    Returns
    -------
    float
        Seconds; a month counts as 30 days.
    """
    match = LENGTH.fullmatch(interval)
    assert match is not None, interval
    return float(int(match[1]) * UNIT_SECONDS[match[2]])


def parse_age(value: Any) -> float:
    """Return an age in seconds.

    Parameters
    ----------
    value : str or float
        Text with a unit, such as ``"12h"`` or ``"2d"``, or seconds.

    Returns
    -------
    float
        Not negative; 0 is older than any copy.

    Raises
    ------
    OptionError
        If it is no age.

    Examples
    --------
    >>> parse_age("12h"), parse_age("30min"), parse_age(0)
    (43200.0, 1800.0, 0.0)
    """
    seconds = math.nan
    if is_number(value):
        seconds = check_number("max_age", value)
    elif isinstance(value, str):
        match = LENGTH.fullmatch(value.strip())
        if match is not None:
            unit = USUAL_UNITS.get(match[2], match[2])
            seconds = float(int(match[1]) * UNIT_SECONDS[unit])
        elif value.strip() == "0":
            seconds = 0.0
    if not seconds >= 0:
        raise OptionError(f"max_age must be 30min, 12h, 2d or seconds, got {describe(value)}.")
    return seconds


def label_names(names: Iterable[SourceName]) -> dict[str, SourceName]:
    """Return names by what results call them: the symbol, where it is there once.

    Parameters
    ----------
    names : iterable of SourceName
        Each once.

    Returns
    -------
    dict of str to SourceName
        A symbol of several intervals or sources is called by its whole name.

    Raises
    ------
    SourceError
        If a name is there twice.

    Examples
    --------
    >>> list(label_names(parse_names("yahoo:SPY") + parse_names("binance:BTC/USDT:1h")))
    ['SPY', 'BTC/USDT']
    >>> list(label_names(parse_names("binance:BTC/USDT:1h,BTC/USDT:4h")))
    ['binance:BTC/USDT:1h', 'binance:BTC/USDT:4h']
    """
    names = list(names)
    for name, count in Counter(names).items():
        if count > 1:
            raise SourceError(f"{name} is there twice. Leave one out.")
    symbols = Counter(name.symbol for name in names)
    return {name.symbol if symbols[name.symbol] == 1 else str(name): name for name in names}
