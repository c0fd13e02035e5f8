"""Accounts that follow others, against the reference extended by the switch rule."""

import dataclasses

import numpy as np
import pytest
from helpers.series import frame, ohlc, series
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.engine.dataset.series import PreparedSeries
from qmac.robustness import accounts
from qmac.strategy import reference

WINDOWS = (2, 3, 5, 8)
COMBINATIONS = ((2, 5, 3, 8), (3, 8, 2, 5), (2, 8, 3, 5), (5, 8, 2, 3), (2, 3, 5, 8))
rules_of = st.builds(
    qmac.Rules,
    fees=st.sampled_from([0.0, 0.001]),
    conflict=st.sampled_from(["ignore", "opposite"]),
    fill=st.sampled_from(["close", "next_open"]),
    stop_loss=st.sampled_from([None, 0.03]),
    max_bars=st.sampled_from([None, 7]),
)


def prepare(prices, rules, start, stop):
    index = prices.index
    rules = dataclasses.replace(rules, start=index[start], end=index[stop - 1])
    return PreparedSeries.build(prices, WINDOWS, rules)


def simulate_followed(prices, rules, folds, winners):
    """Trade bar by bar: at each border the position of the new winner, then its orders."""
    delay = int(rules.fill == "next_open")
    cash, units, done, account = 1.0, 0.0, [], reference.Simulation()
    for (begin, start, stop), winner in zip(folds, winners, strict=True):
        columns = [prices.column(name) for name in ("Open", "High", "Low")]
        opens, highs, lows = (None if c is None else c[:stop].tolist() for c in columns)
        bars = reference.Bars(prices.close[:stop].tolist(), opens, highs, lows)
        simulation = reference.simulate(bars, winner, rules, begin)
        wants = simulation.held[start - 1 - begin]
        price = bars.at(start).open if delay else bars.close[start - 1]
        if wants and not units:
            paid = price * rules.buy_factor
            units, cash = cash / paid, 0.0
            done.append(reference.Trade(start - 1 + delay, paid, units))
        elif units and not wants:
            done[-1].closed, done[-1].brought = start - 1 + delay, price * rules.sell_factor
            cash, units = units * price * rules.sell_factor, 0.0
        for bar in range(start, stop):
            for trade in simulation.trades:
                if trade.opened == bar:
                    units, cash = cash / trade.paid, 0.0
                    done.append(reference.Trade(bar, trade.paid, units))
                if trade.closed == bar and units:
                    cash, units = units * trade.brought, 0.0
                    done[-1].closed, done[-1].brought = bar, trade.brought
            account.equity.append(cash + units * bars.close[bar])
            account.held.append(units > 0)
    if units:
        done[-1].brought = bars.close[-1]
    account.trades = done
    return account


@given(
    rules_of,
    st.sampled_from(["random", "ticks", "zigzag"]),
    st.integers(0, 10_000),
    st.lists(st.sampled_from(COMBINATIONS), min_size=3, max_size=3),
)
def test_an_account_that_follows_equals_the_reference(rules, kind, seed, winners):
    prices = qmac.Prices.of(ohlc(kind, 160, seed))
    rules = dataclasses.replace(rules, init_cash=1.0)
    folds = [(10 + 30 * k, 60 + 30 * k, 90 + 30 * k) for k in range(3)]
    tested = [
        accounts.trade(prepare(prices, rules, begin, stop), winner, start)
        for (begin, start, stop), winner in zip(folds, winners, strict=True)
    ]
    whole = prepare(prices, rules, 60, 150)
    followed = accounts.follow(whole, tested)
    expected = simulate_followed(prices, rules, folds, winners)
    assert followed.equity[1:] == pytest.approx(expected.equity, rel=1e-12)
    assert followed.held[1:].tolist() == expected.held
    metrics = accounts.measure(followed, whole.facts)
    if np.ptp(followed.equity):
        reference_metrics = reference.compute_metrics(expected, rules, whole.periods_per_year)
        for name, value in reference_metrics.items():
            assert metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-11, nan_ok=True), name


def test_the_account_of_one_combination_is_its_backtest():
    prices, rules = qmac.Prices.of(ohlc("random", 160, 3)), qmac.Rules()
    series = prepare(prices, rules, 10, 150)
    account = accounts.trade(series, (2, 5, 3, 8), 60)
    equity = qmac.backtest(prices, (2, 5, 3, 8), series.rules).equity.to_numpy()
    assert account.equity / account.equity[0] == pytest.approx(equity[49:] / equity[49], rel=1e-14)
    assert (account.start, account.stop, account.equity.size) == (60, 150, 91)


def test_cash_and_hold():
    prices = qmac.Prices.of(frame(series("up", 100, 3)))
    whole = prepare(prices, qmac.Rules(), 50, 100)
    cash = accounts.trade(whole, None, 50)
    held = accounts.hold(whole, 50)
    assert cash.growth == 1 and held.growth == prices.close[-1] / prices.close[49]
    bought = accounts.follow(whole, [held])
    assert bought.growth == pytest.approx(held.growth / 1.0025, rel=1e-14)
    metrics = accounts.measure(bought, whole.facts)
    assert (metrics["total_trades"], metrics["exposure"]) == (1, 1)
    assert np.isnan(metrics["win_rate"])  # it is not closed
    flat = accounts.measure(accounts.follow(whole, [cash]), whole.facts)
    assert (flat["total_return"], flat["total_trades"]) == (0, 0) and np.isnan(flat["sharpe_ratio"])
