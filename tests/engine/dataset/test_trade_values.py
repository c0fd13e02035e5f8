"""What trades pay and bring: sums over the bars of any trade are differences."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, frames, series
from hypothesis import given

import qmac
from qmac.engine.dataset.period import build_period
from qmac.engine.dataset.trade_values import (
    bound_log_gain,
    build_trade_values,
    compute_forced_exits,
)
from qmac.strategy.grid import ROLES


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


STATISTICS = {"gain", "returns", "squares", "downside", "losses", "paid"}


def test_every_statistic_of_a_trade_is_a_difference():
    """Against the returns of the bars from an entry to an exit, the two fills included."""
    rules = qmac.Rules(fees=0.01, slippage=0.002)
    period = build_period(qmac.Prices.of(frame(series("random", 40, 6))), rules, (2,))
    values, stops = build_trade_values(period, rules, STATISTICS)
    assert stops is None
    close, entry, exit_ = period.close, 7, 19
    worth = close[entry:exit_].copy()
    worth = np.concatenate((
        [close[entry] * rules.buy_factor], worth, [close[exit_] * rules.sell_factor],
    ))  # fmt: skip
    r = worth[1:] / worth[:-1] - 1
    expected = {
        "gain": np.log(worth[-1] / worth[0]),
        "returns": r.sum(),
        "squares": (r**2).sum(),
        "downside": (np.minimum(r, 0) ** 2).sum(),
        "losses": -np.minimum(r, 0).sum(),
    }
    for name, value in expected.items():
        ends = getattr(values.sums, name)
        assert ends.exit[exit_] - ends.entry[entry] == pytest.approx(value, rel=1e-12), name
    assert values.prices.entry[entry] == worth[0] and values.prices.exit[exit_] == worth[-1]


def test_a_forced_exit_takes_the_place_of_an_exit():
    rules = qmac.Rules(max_bars=5, slippage=0.002)
    period = build_period(qmac.Prices.of(frame(series("random", 40, 6))), rules, (2,))
    exits = compute_forced_exits(period, rules)
    values, stops = build_trade_values(period, rules, STATISTICS)
    assert exits.bars[:35].tolist() == list(range(5, 40)) and (exits.bars[35:] == 40).all()
    assert stops.code[:35].tolist() == list(range(10, 80, 2)) and (stops.code[35:] == 82).all()
    for name in ("gain", "returns", "squares"):
        ends = getattr(values.sums, name)
        assert ends.stopped[:35] == pytest.approx(ends.exit[5:], rel=1e-12), name


@given(frames)
def test_no_growth_is_beyond_its_bound(table):
    rules = qmac.Rules(slippage=0.01)
    period = build_period(qmac.Prices.of(table), rules, (2,))
    gain = build_trade_values(period, rules, {"gain"})[0].sums.gain
    holding = gain.exit[None, :] - gain.entry[:, None]
    assert np.abs(np.triu(holding, 1)).max() <= bound_log_gain(gain)
