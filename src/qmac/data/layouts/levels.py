"""Columns with two levels of names, price and ticker, as yfinance writes them."""

from __future__ import annotations

from collections.abc import Sequence

from qmac.data.columns import ADJUSTED, COLUMNS, DATE, Column, normalize_name
from qmac.data.layouts.layout import Layout, split_line

YFINANCE = Layout(
    name="yfinance download",
    example=(
        "Price,Adj Close,Adj Close,Close,Close,Open,Open\n"
        "Ticker,AAA,BBB,AAA,BBB,AAA,BBB\n"
        "Date,,,,,,\n"
        "2024-01-02,99.5,49.5,100.0,50.0,99.0,49.0\n"
        "2024-01-03,100.5,50.5,101.0,51.0,100.0,50.0\n"
        "2024-01-04,102.0,52.0,102.0,52.0,101.0,51.0\n"
    ),
    closes=(100.0, 101.0, 102.0),
    dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    symbol="AAA",
    adjusted=False,
)
ADJUSTED_CLOSES = Layout(name="yfinance download, adjusted", adjusted=True)
PRICE_NAMES = {*COLUMNS, ADJUSTED, "Capital gains", "Dividends", "Stock splits", "Repaired?"}
HEADINGS_OF_DATES = ("Date", "Datetime")
Found = tuple[Layout, tuple[Column, ...], tuple[str, ...]]


def find_text(
    lines: Sequence[str],
) -> tuple[Layout, tuple[Column, ...], tuple[str, ...], int] | None:
    """Return the layout of a text with three heading rows: prices, tickers, the name of the dates.

    Parameters
    ----------
    lines : sequence of str
        First lines of a file that are not blank.

    Returns
    -------
    tuple or None
        Layout, columns, names of the columns and number of heading rows; None for another layout.
    """
    if len(lines) < 3:
        return None
    heading = [next(iter(_split(line)), "") for line in lines[:3]]
    is_dated = heading[2] in HEADINGS_OF_DATES and not any(_split(lines[2])[1:])
    if not is_dated or heading[0] not in ("Price", "Ticker", ""):
        return None
    found = find_levels([_split(lines[0])[1:], _split(lines[1])[1:]])
    if found is None:
        return None
    layout, columns, names = found
    shifted = tuple(column._replace(place=column.place + 1) for column in columns)
    return layout, (Column(0, DATE), *shifted), (heading[2], *names), 3


def _split(line: str) -> list[str]:
    fields = split_line(f"{line},-", ",")  # so that the last ones may be empty
    return fields[:-1]


def find_levels(levels: Sequence[Sequence[str]]) -> Found | None:
    """Return the layout of columns with two levels of names.

    Parameters
    ----------
    levels : sequence of two sequences of str
        Names of each column in both levels; either may be that of the prices.

    Returns
    -------
    tuple or None
        Layout, columns without dates, and names; None if no level names prices.
    """
    for prices, tickers in (levels, levels[::-1]):
        usual = [normalize_name(each) for each in prices]
        if not usual or "Close" not in usual or not set(usual) <= PRICE_NAMES:
            continue
        columns = tuple(
            Column(place, role, ticker)
            for place, (role, ticker) in enumerate(zip(usual, tickers, strict=True))
            if role in COLUMNS or role == ADJUSTED
        )
        if len({column[1:] for column in columns}) < len(columns):
            continue  # one ticker twice
        layout = YFINANCE if ADJUSTED in usual else ADJUSTED_CLOSES
        return layout, columns, tuple(prices)
    return None
