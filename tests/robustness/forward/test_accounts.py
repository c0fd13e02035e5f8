"""Accounts that follow others, against the reference extended by the switch rule."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers.series import frame, ohlc, series
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.engine.dataset.series import PreparedSeries
from qmac.robustness.forward import accounts
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


def is_in_after_the_open(simulation, start, price, rules, is_carried_in):
    """Whether the winner is in a position once orders, and stops beyond the open, are filled."""
    costs = {price * rules.sell_factor, price * (1 - rules.fees)}
    if not is_carried_in:
        return any(trade.opened == start for trade in simulation.trades)
    brought = [trade.brought for trade in simulation.trades if trade.closed == start]
    return not any(cash == pytest.approx(cost, rel=1e-12) for cash in brought for cost in costs)


def simulate_followed(prices, rules, folds, winners):
    """Trade bar by bar: at each border the position of the new winner, then its orders."""
    delay = int(rules.fill == "next_open")
    cash, units, done, account = 1.0, 0.0, [], reference.Simulation()
    for (begin, start, stop), winner in zip(folds, winners, strict=True):
        columns = [prices.column(name) for name in ("Open", "High", "Low")]
        opens, highs, lows = (None if c is None else c[:stop].tolist() for c in columns)
        bars = reference.Bars(prices.close[:stop].tolist(), opens, highs, lows)
        simulation = reference.simulate(bars, winner, rules, begin)
        is_carried_in = simulation.held[start - 1 - begin]
        price = bars.at(start).open if delay else bars.close[start - 1]
        wants = is_carried_in
        if delay:
            wants = is_in_after_the_open(simulation, start, price, rules, is_carried_in)
        if wants and not units and is_carried_in:
            paid = price * rules.buy_factor
            units, cash = cash / paid, 0.0
            done.append(reference.Trade(start - 1 + delay, paid, units))
        elif units and not wants and not is_carried_in:
            done[-1].closed, done[-1].brought = start - 1 + delay, price * rules.sell_factor
            cash, units = units * price * rules.sell_factor, 0.0
        for bar in range(start, stop):
            for trade in simulation.trades:
                if trade.opened == bar and not units:
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


@pytest.mark.parametrize("held", [False, True])
def test_no_round_trip_at_the_first_open(held):
    """The winner sells, or buys, at the first open, and the follower is there already."""
    rules = qmac.Rules(fill="next_open", slippage=0.0, fees=0.01, init_cash=1.0)
    prices = qmac.Prices.of(ohlc("random", 160, 1))
    whole = prepare(prices, rules, 10, 150)
    ends = {each: accounts.trade(whole, each, 11).held for each in COMBINATIONS}  # from bar 10
    found = 0
    for old, new in itertools.permutations(COMBINATIONS, 2):
        turns = (ends[old][:-1] == held) & (ends[new][:-1] != held) & (ends[new][1:] == held)
        for start in (np.flatnonzero(turns) + 11).tolist():
            if start < 20:
                continue
            found += 1
            before = accounts.trade(prepare(prices, rules, 10, start), old, start - 5)
            after = accounts.trade(whole, new, start)
            series = prepare(prices, rules, start - 5, 150)
            followed = accounts.follow(series, [before, after])
            move = prices.close[start] / prices.close[start - 1] if held else 1.0
            assert followed.equity[6] / followed.equity[5] == pytest.approx(move, rel=1e-12)
            assert start not in [*followed.trades.opened, *followed.trades.closed]
    assert found > 5


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
