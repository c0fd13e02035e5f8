"""What was read, in words and as plain values: origin, span, and what is odd in the prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qmac.data.held_prices import Warned
from qmac.data.origin import LONGEST_NAME, shorten_note
from qmac.data.prices import Prices
from qmac.errors import PricesError, PricesWarning, printable, warn

MOST_SHOWN = 5
"""Warnings that a command prints; of more it says how many."""
MOST_LAYOUTS = 3
ADJUSTED = {True: "adjusted", False: "not adjusted", None: "not known if adjusted"}


def describe_prices(prices: Prices) -> dict[str, Any]:
    """Return what was read, as plain values for JSON.

    Parameters
    ----------
    prices : Prices
        One series.

    Returns
    -------
    dict
        Layout, column of the close, whether it is adjusted, bars, first and last date, zone, bars a
        year, what they are inferred from, and warnings.
    """
    return {
        **prices.origin.to_dict(),
        "bars": len(prices),
        "first": str(prices.index[0]),
        "last": str(prices.index[-1]),
        "zone": None if prices.index.tz is None else str(prices.index.tz),
        "bars_per_year": prices.bars_per_year.number,
        "basis": prices.bars_per_year.basis,
        "warnings": list(prices.warnings),
    }


def format_origin(facts: Mapping[str, Any]) -> str:
    """Return layout, column and adjustment in words.

    Parameters
    ----------
    facts : mapping
        As ``describe_prices`` returns; what a result says of its prices.

    Returns
    -------
    str
        A printable line; empty for results of earlier versions, which do not say it.

    Examples
    --------
    >>> format_origin({"layout": "Stooq", "close": "Close", "adjusted": None})
    'read as Stooq, closes from Close, not known if adjusted'
    """
    if "layout" not in facts:
        return ""
    layout, close = (shorten_note(facts[name], LONGEST_NAME) for name in ("layout", "close"))
    return f"read as {layout}, closes from {close}, {ADJUSTED[facts['adjusted']]}"


def format_bars(name: str, facts: Mapping[str, Any]) -> str:
    """Return name, bars, dates and bars a year in words.

    Parameters
    ----------
    name : str
        Name of the series.
    facts : mapping
        As ``describe_prices`` returns.

    Returns
    -------
    str
        A printable line.
    """
    basis = f" ({facts['basis']})" if facts["basis"] else ""
    return printable(
        f"{name}, {facts['bars']:,} bars {facts['first'][:10]} to {facts['last'][:10]}, "
        f"{facts['bars_per_year']:.6g} bars a year{basis}"
    )


def format_many(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return in a line or two what was read of many series.

    Parameters
    ----------
    facts : sequence of mapping
        As ``describe_prices`` returns, of each; at least one.

    Returns
    -------
    list of str
        Printable lines; without layouts where results of earlier versions have none.
    """
    bars = sorted(each["bars"] for each in facts)
    shown = f"{bars[0]:,}" if bars[0] == bars[-1] else f"{bars[0]:,} to {bars[-1]:,}"
    first = min(each["first"][:10] for each in facts)
    last = max(each["last"][:10] for each in facts)
    lines = [f"{len(facts):,} symbols of {shown} bars, {first} to {last}"]
    if all("layout" in each for each in facts):
        layouts = Counter(
            shorten_note(each["layout"], LONGEST_NAME) for each in facts
        ).most_common()
        names = [name for name, _ in layouts[:MOST_LAYOUTS]]
        if len(layouts) > MOST_LAYOUTS:
            names.append(f"{len(layouts) - MOST_LAYOUTS} more")
        kinds = {each["adjusted"] for each in facts}
        adjusted = " / ".join(text for kind, text in ADJUSTED.items() if kind in kinds)
        lines.append(f"read as {', '.join(names)}, {adjusted}")
    return [printable(line) for line in lines]


def shorten_list(warnings: Iterable[str], most: int = MOST_SHOWN) -> list[str]:
    """Return the first of many warnings, and how many more there are.

    Parameters
    ----------
    warnings : iterable of str
        Sentences.
    most : int
        So many are returned as they are.

    Returns
    -------
    list of str
        Each printable.
    """
    texts = list(map(printable, warnings))
    more = len(texts) - most
    if more <= 0:
        return texts
    return [*texts[:most], _count_more(more)]


def _count_more(number: int) -> str:
    return f"{number:,} more {'warning' if number == 1 else 'warnings'}: qmac prices shows all"


def warn_of_prices(series: Iterable[Warned], stacklevel: int = 1) -> None:
    """Issue the warnings about prices, the first few of many.

    Parameters
    ----------
    series : iterable of Prices
        One or many, or what else has their warnings.
    stacklevel : int
        As of ``errors.warn``.
    """
    for text in shorten_list(text for prices in series for text in prices.warnings):
        warn(text, PricesWarning, stacklevel=stacklevel + 1)


def check_warnings(series: Iterable[Warned], advice: str) -> None:
    """Refuse prices that have a warning.

    Parameters
    ----------
    series : iterable of Prices
        One or many, or what else has their warnings.
    advice : str
        What to do to use them all the same.

    Raises
    ------
    PricesError
        The first warning, and how many more there are.
    """
    texts = [text for prices in series for text in prices.warnings]
    if texts:
        more = len(texts) - 1
        others = f" ({_count_more(more)})" if more else ""
        raise PricesError(f"{texts[0]}{others} {advice}")
