"""Today's signal: what it says of the next bar is what the backtest says when the bar is there."""

import math

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import frames
from helpers.signals import append_bar, interesting_closes, predict, random_bar
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.strategy.averages import AVERAGES

STOPS = [
    {},
    {"stop_loss": 0.03},
    {"trailing_stop": 0.05, "take_profit": 0.04},
    {"stop_loss": 0.06, "trailing_stop": 0.05, "max_bars": 6},
    {"max_bars": 2},
]
COMBINATIONS = [(1, 2, 1, 3), (2, 5, 3, 4), (1, 8, 2, 3), (3, 4, 1, 2), (2, 3, 2, 3), (2, 9, 1, 9)]
BARS_PER_EXAMPLE = 10 if LONG else 4


@settings(max_examples=1_000 if LONG else 20, deadline=None)
@given(
    frames,
    st.sampled_from(COMBINATIONS),
    st.sampled_from(list(AVERAGES)),
    st.sampled_from(["ignore", "opposite"]),
    st.sampled_from(["close", "next_open"]),
    st.sampled_from(STOPS),
    st.sampled_from([None, "2001-01-12"]),
    st.integers(0, 2**32 - 1),
)
def test_a_bar_that_is_appended_does_what_the_signal_says(
    table, combination, kind, conflict, fill, stops, start, seed
):
    """Closes at every level, one float beside it, and others; opens, highs and lows at stops."""
    rules = qmac.Rules(average=kind, conflict=conflict, fees=0.01, fill=fill, start=start, **stops)
    run = qmac.backtest(table, combination, rules)
    rng = np.random.default_rng(seed)
    closes = interesting_closes(run.signal, rng)
    for close in rng.permutation(closes)[:BARS_PER_EXAMPLE].tolist():
        bar = random_bar(run.signal, close, rng)
        after = qmac.backtest(append_bar(table, bar), combination, rules)
        position, today, price = predict(run.signal, bar)
        assert (after.signal.position, after.signal.today) == (position, today), bar
        if price is not None:
            last = after.trades.iloc[-1]
            factor = (1 - rules.slippage) if last["exit"] == "signal" else 1.0
            is_timed = last["exit"] == "stop" and price == bar[_fill_column(fill)]
            factor = factor if not is_timed else (1.0, 1 - rules.slippage)
            assert last["exit_date"] == after.equity.index[-1]
            assert any(
                last["exit_price"] == pytest.approx(price * each, rel=1e-12)
                for each in np.atleast_1d(factor)
            )


def _fill_column(fill):
    return "Open" if fill == "next_open" else "Close"


@given(frames, st.sampled_from(COMBINATIONS), st.sampled_from(["close", "next_open"]))
def test_the_state_is_that_of_the_trades(table, combination, fill):
    run = qmac.backtest(table, combination, qmac.Rules(fees=0.01, fill=fill, stop_loss=0.04))
    signal, trades = run.signal, run.trades
    assert (signal.date, signal.close) == (table.index[-1], table["Close"].iloc[-1])
    is_open = len(trades) > 0 and trades["exit"].iloc[-1] == "open"
    assert signal.position == ("long" if is_open else "flat")
    if is_open:
        last = trades.iloc[-1]
        assert (signal.since, signal.entry_price) == (last["entry_date"], last["entry_price"])
        assert (signal.open_profit, signal.bars) == (last["return"], last["bars"])
    else:
        assert signal.since == (trades["exit_date"].iloc[-1] if len(trades) else None)
        held = run.equity.index.searchsorted(signal.since) if len(trades) else 0
        assert signal.bars == len(run.equity) - held
        assert signal.open_profit is signal.entry_price is signal.levels.stop is None


def test_averages_of_the_user_say_nothing_of_the_next_bar():
    prices = qmac.sample_prices().tail(300)
    own = {window: prices.frame["Close"].rolling(window).mean() for window in (2, 5, 3, 7)}
    signal = qmac.backtest(prices, (2, 5, 3, 7), averages=own).signal
    assert signal.entry is signal.exit is signal.buys is signal.sells is None
    assert signal.to_dict()["next"]["buys"] is None
    assert signal.position == qmac.backtest(prices, (2, 5, 3, 7)).signal.position


def test_plain_values():
    prices = qmac.sample_prices()
    shown = qmac.backtest(prices, (10, 50, 20, 100), qmac.Rules(stop_loss=0.1)).signal.to_dict()
    assert (shown["name"], shown["date"]) == (prices.name, "2018-12-31 00:00:00")
    assert (shown["position"], shown["today"], shown["order"]) == ("flat", None, None)
    assert shown["next"]["entry"]["which"] == "above"
    assert shown["next"]["entry"]["high"] is None
    assert shown["next"]["exit"] == {"which": "none", "low": None, "high": None, "rounding": 0.0}
    assert shown["next"]["stop"] is None
    assert math.isclose(shown["next"]["buys"]["low"], 4775.0325)
