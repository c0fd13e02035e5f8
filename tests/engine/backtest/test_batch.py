"""Single combinations: against the reference in every metric, and against vectorbt."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, frames, ohlc, series
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.backtest import inputs
from qmac.engine.backtest.batch import buy_and_hold
from qmac.strategy import reference
from qmac.strategy.grid import ROLES
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


def test_evaluate_keeps_order_and_takes_arrays(sample):
    wanted = np.array([[10, 50, 20, 100], [5, 20, 5, 20], [10, 50, 20, 100]])
    table = qmac.evaluate(sample, wanted)
    assert table.iloc[:, :4].to_numpy().tolist() == wanted.tolist()
    assert table.iloc[0].equals(table.iloc[2].rename(0))
    assert qmac.evaluate(sample, []).empty


def test_rows_replayed_in_parts_are_the_same(sample, monkeypatch):
    wanted = [(fast, slow, 20, 100) for fast in range(5, 10) for slow in range(30, 33)]
    whole = qmac.evaluate(sample, wanted)
    monkeypatch.setattr(inputs, "REPLAYED_BARS", 4 * len(sample))
    pd.testing.assert_frame_equal(qmac.evaluate(sample, wanted), whole, check_exact=True)


def test_buy_and_hold(sample):
    hold = buy_and_hold(sample, qmac.Rules(slippage=0.0))
    assert hold["total_return"] == pytest.approx(sample.close[-1] / sample.close[0] - 1)
    assert hold["exposure"] == 1


COMBINATIONS = 500
CONFIGURATIONS = {
    "plain": {},
    "fees": {"fees": 0.0025},
    "stop_loss": {"stop_loss": 0.05},
    "take_profit": {"take_profit": 0.08, "fees": 0.001},
    "both": {"stop_loss": 0.04, "take_profit": 0.06},
    "trailing_stop": {"trailing_stop": 0.07},
    "next_open": {"fill": "next_open", "fees": 0.001},
    "next_open_stop": {"fill": "next_open", "stop_loss": 0.05},
    "closes": {"stop_loss": 0.05, "take_profit": 0.2},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_equal_to_vectorbt(sample, name):
    """500 random combinations of real prices each, metric by metric.

    Only ``conflict="ignore"``: vectorbt's "opposite" ignores a conflict while flat, ours enters.
    """
    pytest.importorskip("vectorbt")
    rules = qmac.Rules(**CONFIGURATIONS[name], periods_per_year=365)
    prices, rng = sample.tail(2000), np.random.default_rng(len(name))
    if name == "closes":
        prices = Prices.of(prices.frame[["Close"]])
    grid = qmac.Grid(windows=range(2, 253))
    combinations = [grid.combination(int(i)) for i in rng.integers(0, grid.size, COMBINATIONS)]
    # averages from sums of cents: exact, so that ties are ties in this witness too
    cents = np.concatenate(([0], np.cumsum(np.round(prices.close * 100).astype(np.int64))))

    def above(over, under):
        a, b = (
            np.concatenate((np.full(w - 1, np.nan), (cents[w:] - cents[:-w]) * 1.0))
            for w in (over, under)
        )
        difference = a * under - b * over
        return (difference[1:] > 0) & (difference[:-1] <= 0)

    signals = np.zeros((2, 2000, COMBINATIONS), bool)
    for column, (a, b, c, d) in enumerate(combinations):
        signals[0, 1:, column], signals[1, 1:, column] = above(a, b), above(d, c)
    theirs = vectorbt.compute_metrics(prices.frame, *signals, rules, 365)
    ours = qmac.evaluate(prices, combinations, rules)
    left_out = set() if rules.fees == 0 else set(vectorbt.OVER_THE_PRICE)
    assert set(theirs) == set(METRICS) - left_out
    for metric in theirs:
        found = ours[metric].to_numpy()
        assert found == pytest.approx(theirs[metric].to_numpy(), rel=1e-9, abs=1e-9, nan_ok=True), (
            metric
        )


EDGES = {  # closes, trades by averages of 1 and 2 bars in, 3 bars out; metrics that vectorbt defines and we do not
    "no trade": ([7.3] * 12, set(vectorbt.WITHOUT_VARIANCE)),
    "no falling bar": ([10, 9, 12, 13, 14, 15, 16, 17, 18], set()),
    "no losing trade": ([10, 9, 12, 16, 20, 14, 15, 15, 15], set()),
    "a trade that breaks even": ([4, 2, 4, 7, 6, 4, 3, 2, 2], set()),
}


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


def test_sharpe_of_half_a_million_minutes_is_exact():
    """Prefix sums in float64 against the definition in long doubles: 1e-10 of the ratio."""
    bars = 500_000
    close = pd.Series(
        np.round(series("random", bars, 4) ** 0.05 * 100, 2),
        pd.date_range("2020-01-01", periods=bars, freq="min"),
    )
    grid = qmac.Grid(windows=[30, 240, 1000, 3000, 9000])
    result = qmac.optimize(
        close, grid, objective="sharpe_ratio", rules=qmac.Rules(slippage=1e-5), top=grid.size
    )
    for row in result.top.head(4).to_dict("records"):
        windows = tuple(int(row[role]) for role in ROLES)
        run = qmac.backtest(close, windows, qmac.Rules(slippage=1e-5))
        prices = close.to_numpy().astype(np.longdouble)
        r = np.zeros(bars, np.longdouble)
        places = run.trades.assign(a=close.index.searchsorted(run.trades["entry_date"]))
        places["b"] = np.where(
            run.trades["exit"] == "open", bars, close.index.searchsorted(run.trades["exit_date"])
        )
        for a, b in places[["a", "b"]].to_numpy():
            r[a + 1 : b] = prices[a + 1 : b] / prices[a : b - 1] - 1
            r[a] = 1 / np.longdouble(1 + 1e-5) - 1
            if b < bars:
                r[b] = prices[b] * np.longdouble(1 - 1e-5) / prices[b - 1] - 1
        exact = (
            r.mean()
            / np.sqrt(np.square(r - r.mean()).sum() / (bars - 1))
            * np.sqrt(np.longdouble(result.periods_per_year))
        )
        assert row["sharpe_ratio"] == pytest.approx(float(exact), rel=1e-10)
        assert run.metrics["sharpe_ratio"] == pytest.approx(float(exact), rel=1e-10)
