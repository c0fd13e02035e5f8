"""Today's signals on a terminal: one in full, many as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pandas as pd
from rich.console import Console

from qmac.engine.backtest.next_bar import Closes
from qmac.engine.backtest.signal import BUY, FLAT, LONG, SELL, STOP, Signal
from qmac.errors import printable
from qmac.report.terminal.result import Column, build_fitted_table, show_line
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import plural

DIGITS = 7
"""Of a price."""
NO_ROW = "no close"
TODAY = {
    "close": {BUY: "bought at this close", SELL: "sold at this close"},
    "next_open": {BUY: "BUY at the next open", SELL: "SELL at the next open"},
}
STOPPED = "a stop or the holding time ended the position"


def show_signal(signal: Signal, console: Console, what: str = "") -> None:
    """Print the state of a combination, and what the next bar would have to do.

    Parameters
    ----------
    signal : Signal
        Of the last bar.
    console : rich.console.Console
        Where it is printed.
    what : str
        What the combination is, such as the best of a run.
    """
    windows = " ".join(map(str, signal.combination))
    show_line(printable(f"{windows}{what}: {describe_state(signal)}"), console)
    today = describe_today(signal)
    price = f"{signal.close:.{DIGITS}g}"
    show_line(f"{format_day(signal.date)}, close {price}: {today}", console, "bold")
    if signal.entry is None or signal.exit is None:
        show_line("Averages of your own say nothing of the next bar.", console, "dim")
    else:
        console.print(build_fitted_table(_build_rows(signal), 2, console, left=3, gap=2))
    for note in signal.notes:
        show_line(f"note: {printable(note)}", console, "yellow")


def show_signals(signals: Sequence[Signal], left_out: Mapping[str, str], console: Console) -> None:
    """Print a row for each symbol.

    Parameters
    ----------
    signals : sequence of Signal
        At least one.
    left_out : mapping of str to str
        Why other symbols have none.
    console : rich.console.Console
        Where they are printed.
    """
    stops = [signal.levels.stop for signal in signals]
    columns = [
        Column("symbol", [shorten(printable(signal.name)) for signal in signals]),
        Column("now", [signal.position for signal in signals]),
        Column("today", [signal.today or "-" for signal in signals]),
        Column("next bar", [describe_change(signal) for signal in signals]),
        Column("stop", ["-" if stop is None else f"{stop:.{DIGITS}g}" for stop in stops]),
        Column("profit", [_format_profit(signal) for signal in signals]),
        Column(
            "since", ["-" if each.since is None else format_day(each.since) for each in signals]
        ),
        Column("bars", [str(signal.bars) for signal in signals]),
        Column("last bar", [format_day(signal.date) for signal in signals]),
        Column("close", [f"{signal.close:.{DIGITS}g}" for signal in signals]),
    ]
    console.print(build_fitted_table(columns, 4, console, left=4, gap=2))
    for signal in signals:
        for note in signal.notes:
            show_line(printable(f"note: {shorten(signal.name)}: {note}"), console, "yellow")
    for reason in left_out.values():
        show_line(f"left out: {printable(reason)}", console)


def describe_state(signal: Signal) -> str:
    """Return long or flat, since when, at what price and with what profit.

    Parameters
    ----------
    signal : Signal
        Of the last bar.

    Returns
    -------
    str
        Without a full stop.
    """
    bars = f"{signal.bars:,} {plural(signal.bars, 'bar')}"
    if signal.since is None:
        return f"flat, without a trade in {bars}"
    since = f"{signal.position} since {format_day(signal.since)}, {bars}"
    if signal.position == FLAT:
        return since
    return (
        f"{since}, bought at {signal.entry_price:.{DIGITS}g}; {_format_profit(signal)} open profit,"
        " costs of the entry deducted"
    )


def describe_today(signal: Signal) -> str:
    """Return what the last bar signals.

    Parameters
    ----------
    signal : Signal
        Of the last bar.

    Returns
    -------
    str
        Without a full stop.
    """
    if signal.today is None:
        return "no signal"
    if signal.today == STOP:
        return STOPPED
    return TODAY[signal.rules.fill][signal.today]


def describe_change(signal: Signal) -> str:
    """Return what the next bar would do, in a cell of a table.

    Parameters
    ----------
    signal : Signal
        Of the last bar.

    Returns
    -------
    str
        Such as ``buys from 4775.033 up``.
    """
    if is_stopped_first(signal):
        return "the stop comes first"
    for word, closes in (("buys", signal.buys), ("sells", signal.sells)):
        if closes is not None and not closes.is_empty:
            return f"{word}: {format_closes(closes)}"
    return "-"


def _build_rows(signal: Signal) -> list[Column]:
    """Return the table of what the next bar does at which prices."""
    assert signal.entry is not None and signal.exit is not None
    rows = [
        ("entry cross", format_closes(signal.entry), _describe_effect(signal, BUY)),
        ("exit cross", format_closes(signal.exit), _describe_effect(signal, SELL)),
        *(("", "", line) for line in _describe_what_comes_first(signal)),
    ]
    levels = signal.levels
    if levels.stop is not None:
        rows.append(
            ("stop", f"a low of {levels.stop:.{DIGITS}g}", "sells there, or at a lower open")
        )
    if levels.target is not None:
        text = f"a high of {levels.target:.{DIGITS}g}"
        rows.append(("take profit", text, "sells there, or at a higher open"))
    if levels.bars_left is not None:
        left = levels.bars_left
        what = (
            "sells at the next open" if signal.rules.fill == "next_open" else "sells at its close"
        )
        text = "ends with it" if left == 1 else f"{left:,} bars left"
        rows.append(("holding time", text, what if left == 1 else ""))
    names, prices, effects = zip(*rows, strict=True)
    return [Column("next bar", names), Column("close", prices), Column("then", effects)]


def _describe_effect(signal: Signal, side: str) -> str:
    """Return what a cross at the next bar leads to."""
    crosses, orders = (signal.entry, signal.buys) if side == BUY else (signal.exit, signal.sells)
    assert crosses is not None and orders is not None
    if crosses.is_empty:
        return ""
    if orders.is_empty:
        return _describe_no_effect(signal, side)
    when = "at the open after it" if signal.rules.fill == "next_open" else "at that close"
    verb = "buys" if side == BUY else "sells"
    if orders == crosses:
        return f"{verb} {when}"
    return f"{verb} {when} from {format_closes(orders)} only: else both cross, and neither acts"


def _describe_what_comes_first(signal: Signal) -> list[str]:
    """Return that a stop may be reached before an exit cross sells, in lines of a narrow column."""
    sells, levels = signal.sells, signal.levels
    if sells is None or sells.is_empty or (levels.stop is None and levels.target is None):
        return []
    name = "the stop" if levels.target is None else "a stop"
    first = f"unless {name if levels.stop is not None else 'the target'} is reached first"
    return [f"{first},", "as it is at any such close"] if is_stopped_first(signal) else [first]


def is_stopped_first(signal: Signal) -> bool:
    """Return whether each close of the next bar that would sell is beyond a stop.

    Parameters
    ----------
    signal : Signal
        Of the last bar.

    Returns
    -------
    bool
        True where the position ends at the stop, and not by the cross.
    """
    sells, levels = signal.sells, signal.levels
    if sells is None or sells.is_empty:
        return False
    is_below = levels.stop is not None and sells.high <= levels.stop
    return is_below or (levels.target is not None and sells.low >= levels.target)


def _describe_no_effect(signal: Signal, side: str) -> str:
    other = signal.sells if side == BUY else signal.buys
    if signal.levels.bars_left == 1 and signal.rules.fill == "close":
        return "nothing: the holding time ends first"
    is_idle = other is not None and not other.is_empty
    is_idle = is_idle or (signal.position == LONG) == (side == BUY)
    if is_idle and signal.order is None:
        return "nothing: it is long already" if side == BUY else "nothing: it is flat"
    return "nothing"


def format_closes(closes: Closes) -> str:
    """Return closes with prices that are among them: a lower end is rounded up, an upper one down.

    Parameters
    ----------
    closes : Closes
        Of the next bar.

    Returns
    -------
    str
        Such as ``4775.033 or more``.

    Examples
    --------
    >>> format_closes(Closes(4775.03250000012, math.inf))
    '4775.033 or more'
    """
    low, high = _round(closes.low, ROUND_CEILING), _round(closes.high, ROUND_FLOOR)
    if closes.which == "between":
        if float(low) > float(high):  # too near to each other for so few digits
            low, high = repr(closes.low), repr(closes.high)
        return f"{low} to {high}"
    words = {"any": "any close", "none": NO_ROW, "above": f"{low} or more"}
    return words.get(closes.which, f"{high} or less")


def _round(price: float, direction: str) -> str:
    """Return a price of few digits, rounded up or down."""
    if price == 0 or math.isinf(price):
        return ""
    number = Decimal(price)
    step = Decimal(1).scaleb(number.adjusted() - DIGITS + 1)
    rounded = number.quantize(step, direction)
    return (
        f"{rounded:f}"
        if -DIGITS < number.adjusted() < 2 * DIGITS
        else f"{float(rounded):.{DIGITS}g}"
    )


def _format_profit(signal: Signal) -> str:
    return "-" if signal.open_profit is None else f"{signal.open_profit:+.1%}"


def format_day(date: pd.Timestamp) -> str:
    """Return a date to the minute, and without a time at midnight.

    Parameters
    ----------
    date : Timestamp
        Of a bar.

    Returns
    -------
    str
        ISO.
    """
    return str(date)[:16].removesuffix(" 00:00")
