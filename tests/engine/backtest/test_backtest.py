"""One combination in full: against the reference, and on edge cases beside vectorbt."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, frames, ohlc
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.strategy import reference
from qmac.strategy.metrics import METRICS
from qmac.verification import vectorbt


@given(
    frames,
    st.sampled_from([(1, 2, 1, 3), (2, 5, 3, 4), (1, 8, 2, 3), (3, 4, 1, 2)]),
    st.sampled_from(["ignore", "opposite"]),
    st.sampled_from(["close", "next_open"]),
    st.sampled_from(
        [{}, {"stop_loss": 0.03}, {"trailing_stop": 0.05, "take_profit": 0.04}, {"max_bars": 4}]
    ),
    st.sampled_from([None, "2001-01-12"]),
)
def test_equity_and_trades_equal_the_reference(table, combination, conflict, fill, stops, start):
    rules = qmac.Rules(conflict=conflict, fees=0.01, fill=fill, start=start, **stops)
    first = 0 if start is None else int(table.index.searchsorted(start))
    bars = reference.Bars(*(table[name].tolist() for name in ("Close", "Open", "High", "Low")))
    simulation = reference.simulate(bars, combination, rules, first)
    run = qmac.backtest(table, combination, rules)
    assert run.equity.to_numpy() == pytest.approx(simulation.equity, rel=1e-12)
    assert run.metrics.to_dict() == pytest.approx(
        reference.compute_metrics(simulation, rules, 252), rel=1e-9, abs=1e-12, nan_ok=True
    )
    assert list(run.metrics.index) == list(METRICS)
    ends = [
        "open" if trade.closed is None else "stop" if trade.stopped else "signal"
        for trade in simulation.trades
    ]
    by_time = [
        trade.closed is not None and trade.closed - trade.opened == 4 for trade in simulation.trades
    ]
    for found, end, timed in zip(run.trades["exit"], ends, by_time, strict=True):
        assert found == end or (timed and "max_bars" in stops)
    pnl = [trade.size * (trade.brought - trade.paid) for trade in simulation.trades]
    assert run.trades["pnl"].to_numpy() == pytest.approx(pnl, abs=1e-9)


@settings(max_examples=60)
@given(frames, st.integers(1, 20), st.integers(0, 99), st.sampled_from(["close", "next_open"]))
def test_later_bars_change_no_trade_that_is_closed(table, more, seed, fill):
    later = ohlc("random", more, seed)
    scale = table["Close"].iloc[-1] / later["Close"].iloc[0]
    longer = pd.concat([table, later * scale])
    longer.index = pd.bdate_range(table.index[0], periods=len(longer), name="Date")
    rules = qmac.Rules(fill=fill, stop_loss=0.05, take_profit=0.1, max_bars=12)
    for combination in ((1, 2, 1, 3), (2, 5, 3, 4)):
        before, after = (
            qmac.backtest(frame, combination, rules).trades for frame in (table, longer)
        )
        closed = before[before["exit"] != "open"]
        pd.testing.assert_frame_equal(after.head(len(closed)), closed, check_freq=False)
        opened = before["entry_date"].tolist()
        assert after["entry_date"].head(len(opened)).tolist() == opened


@given(frames, st.integers(8, 12))
def test_next_open_looks_at_nothing_of_the_bar_of_its_fill_but_the_open(table, bar):
    """Whatever a bar does after its open, the orders filled at that open are the same."""
    changed = table.copy()
    changed.iloc[bar, :] = [1.7, table["Open"].iloc[bar], 1e3, 1e-3]  # Close, Open, High, Low
    rules = qmac.Rules(fill="next_open")
    for combination in ((1, 2, 1, 3), (2, 5, 3, 4)):
        runs = [
            qmac.backtest(frame.iloc[: bar + 1], combination, rules).trades
            for frame in (table, changed)
        ]
        columns = ["entry_date", "entry_price", "size"]
        pd.testing.assert_frame_equal(runs[0][columns], runs[1][columns])


def test_trades_add_up(sample):
    run = qmac.backtest(sample, (10, 50, 20, 100), qmac.Rules(fees=0.001))
    assert run.trades["pnl"].sum() == pytest.approx(run.equity.iloc[-1] - 100)
    assert np.prod(1 + run.trades["return"]) == pytest.approx(run.equity.iloc[-1] / 100)


EDGES = {
    "no trade": ([7.3] * 12, set(vectorbt.WITHOUT_VARIANCE)),
    "no falling bar": ([10, 9, 12, 13, 14, 15, 16, 17, 18], set()),
    "no losing trade": ([10, 9, 12, 16, 20, 14, 15, 15, 15], set()),
    "a trade that breaks even": ([4, 2, 4, 7, 6, 4, 3, 2, 2], set()),
}
"""Closes, traded by averages of 1 and 2 bars in, 3 out; metrics that only vectorbt defines."""


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases_beside_vectorbt(name):
    """What docs/metrics.md says of them."""
    pytest.importorskip("vectorbt")
    closes, undefined = EDGES[name]
    close = frame(np.array(closes, np.float64))
    rules = qmac.Rules(slippage=0, periods_per_year=365)
    run = qmac.backtest(close, (1, 2, 1, 3), rules)
    finished = run.trades[run.trades["exit"] != "open"]
    signals = [
        close.index.isin(days)[:, None]
        for days in (run.trades["entry_date"], finished["exit_date"])
    ]
    theirs = vectorbt.compute_metrics(close, *signals, rules, 365).iloc[0]
    assert undefined <= set(vectorbt.WITHOUT_VARIANCE)
    for metric, value in theirs.items():
        if metric in undefined:
            assert abs(value) == vectorbt.WITHOUT_VARIANCE[metric] and np.isnan(
                run.metrics[metric]
            ), metric
        else:
            assert run.metrics[metric] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), (
                metric
            )
    if name == "a trade that breaks even":
        assert (len(finished), run.metrics["win_rate"], run.metrics["expectancy"]) == (1, 0, 0)
        assert np.isnan(run.metrics["profit_factor"])
    if name == "no losing trade":
        assert np.isinf(run.metrics["profit_factor"]) and run.metrics["win_rate"] == 1
    if name == "no falling bar":
        assert np.isinf(run.metrics["sortino_ratio"]) and np.isinf(run.metrics["omega_ratio"])
