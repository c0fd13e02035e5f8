"""Today's signal on a terminal: sentences, prices that are rounded inward, a table of many."""

import dataclasses
import io
import math

import pytest

import qmac
from qmac.engine.backtest.next_bar import ANY_CLOSE, NO_CLOSE, Closes
from qmac.engine.backtest.signal import Levels
from qmac.report.terminal.console import PlainTextConsole
from qmac.report.terminal.signal import (
    describe_change,
    describe_state,
    describe_today,
    format_closes,
    format_day,
    show_signal,
    show_signals,
)

PRICES = qmac.sample_prices()


@pytest.fixture(scope="module")
def flat():
    return qmac.backtest(PRICES, (10, 50, 20, 100)).signal


@pytest.fixture(scope="module")
def long():
    rules = qmac.Rules(
        fill="next_open", end="2018-06-22", stop_loss=0.1, take_profit=0.2, max_bars=60
    )
    return qmac.backtest(PRICES, (10, 50, 20, 100), rules).signal


def show(print_on, *shown, width=80):
    stream = io.StringIO()
    console = PlainTextConsole(stream)
    console.width = width
    print_on(*shown, console)
    return stream.getvalue()


def test_one_in_full(flat, long):
    text = show(show_signal, flat)
    assert "10 50 20 100: flat since 2018-10-24, 46 bars" in text
    assert "2018-12-31, close 2506.85: no signal" in text
    assert "4775.033 or more" in text and "buys at that close" in text and "no close" in text
    text = show(show_signal, long)
    assert "long since 2018-05-15, 28 bars, bought at 2725.386; +1.1% open profit" in text
    for words in ("a low of 2446.731", "a high of 3262.308", "33 bars left", "at the open after"):
        assert words in text


def test_what_a_bar_signals(flat, long):
    assert describe_today(dataclasses.replace(flat, today="buy")) == "bought at this close"
    assert describe_today(dataclasses.replace(long, today="sell")) == "SELL at the next open"
    stopped = dataclasses.replace(long, today="stop")
    assert "a stop or the holding time" in describe_today(stopped) and stopped.order is None
    assert (
        describe_state(dataclasses.replace(flat, since=None)) == "flat, without a trade in 46 bars"
    )


def test_what_a_cross_leads_to(flat, long):
    up = Closes(5.0, math.inf)
    idle = dataclasses.replace(flat, entry=NO_CLOSE, exit=up, buys=NO_CLOSE, sells=NO_CLOSE)
    assert "nothing: it is flat" in show(show_signal, idle)
    part = dataclasses.replace(flat, entry=ANY_CLOSE, buys=Closes(5.0, math.inf), exit=up)
    text = show(show_signal, part, width=120)
    assert "from 5.000000 or more only: else both cross, and neither acts" in text
    held = dataclasses.replace(long, entry=up, buys=NO_CLOSE)
    assert "nothing: it is long already" in show(show_signal, held)
    ending = dataclasses.replace(
        long, rules=qmac.Rules(max_bars=9), levels=Levels(bars_left=1), sells=NO_CLOSE
    )
    text = show(show_signal, ending)
    assert "the holding time ends first" in text and "sells at its close" in text
    own = dataclasses.replace(flat, entry=None, exit=None, buys=None, sells=None, notes=("odd",))
    text = show(show_signal, own)
    assert "Averages of your own" in text and "note: odd" in text
    assert describe_change(own) == "-"


@pytest.mark.parametrize("width", [40, 80, 160])
def test_many(flat, long, width):
    named = dataclasses.replace(long, name="SPY\x1b[31m", notes=("odd",))
    text = show(show_signals, [flat, named], {"QQQ": "QQQ: short"}, width=width)
    assert ("buys: 4775.033 or more" in text) == (width >= 80)
    assert "left out: QQQ: short" in text
    assert "\x1b" not in text and "note: SPY?[31m: odd" in text
    assert ("2018-05-15" in text) == (width >= 80) and ("last bar" in text) == (width == 160)


@pytest.mark.parametrize(
    ("closes", "text"),
    [
        (Closes(4775.03250000012, math.inf), "4775.033 or more"),
        (Closes(0, 1412.9024999), "1412.902 or less"),
        (Closes(1.0, 2.0), "1.000000 to 2.000000"),
        (Closes(1.00000001, 1.00000002), "1.00000001 to 1.00000002"),
        (Closes(1e-20, math.inf), "1e-20 or more"),
        (Closes(1e20, math.inf), "1e+20 or more"),
        (ANY_CLOSE, "any close"),
        (NO_CLOSE, "no close"),
    ],
)
def test_closes_are_rounded_to_closes_among_them(closes, text):
    assert format_closes(closes) == text


def test_a_stop_above_the_crossing_level_comes_first(long):
    text = show(show_signal, long)
    assert "exit cross    1412.902 or less" in text
    first = text.index("unless a stop is reached first,")
    assert text.index("at the open after it") < first < text.index("as it is at any such close")
    assert describe_change(long) == "the stop comes first"
    near = dataclasses.replace(long, levels=Levels(stop=1000.0))
    text = show(show_signal, near)
    assert "unless the stop is reached first" in text and "as it is" not in text
    assert describe_change(near) == "sells: 1412.902 or less"
    up = Closes(3300.0, math.inf)  # averages that weigh the newest price negatively
    target = dataclasses.replace(long, exit=up, sells=up, levels=Levels(target=3300.0))
    assert "unless the target is reached first," in show(show_signal, target)
    free = dataclasses.replace(long, levels=Levels())
    assert "unless" not in show(show_signal, free)


def test_days():
    assert format_day(PRICES.index[-1]) == "2018-12-31"
    assert format_day(PRICES.index[-1].replace(hour=9, minute=30)) == "2018-12-31 09:30"
