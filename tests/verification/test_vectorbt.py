"""vectorbt as a second check: metrics of signals, where it defines them as we do."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc

import qmac
from qmac.strategy import reference
from qmac.strategy.metrics import METRICS
from qmac.verification import vectorbt

CLOSES = [10.0, 9.0, 12.0, 16.0, 20.0, 14.0, 15.0, 15.0]


@pytest.fixture
def _import_again():
    vectorbt.is_installed.cache_clear()
    yield
    vectorbt.is_installed.cache_clear()


def signals(bars, *places):
    """Signals of one strategy at some bars."""
    column = np.zeros((bars, 1), np.bool_)
    column[list(places)] = True
    return column


@pytest.mark.usefixtures("_import_again")
def test_one_that_is_not_installed_is_no_warning(monkeypatch):
    monkeypatch.setattr(vectorbt, "find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vectorbt.is_installed() is False


@pytest.mark.usefixtures("_import_again")
def test_one_that_cannot_be_imported_is_left_out_with_a_warning(monkeypatch):
    def broken(name):
        raise AttributeError(f"{name} needs another NumPy\nand more")

    monkeypatch.setattr(vectorbt, "find_spec", lambda name: True)
    monkeypatch.setattr(vectorbt, "import_module", broken)
    with pytest.warns(UserWarning, match=r"\(AttributeError: vectorbt needs another NumPy\)"):
        assert vectorbt.is_installed() is False
    assert vectorbt.is_installed() is False  # said once


def test_a_trade_by_hand():
    pytest.importorskip("vectorbt")
    rules = qmac.Rules(fees=0, slippage=0, periods_per_year=365)
    close = frame(np.array(CLOSES))
    metrics = vectorbt.compute_metrics(close, signals(8, 2), signals(8, 5), rules, 365).iloc[0]
    assert list(metrics.index) == [name for name in METRICS if name in metrics]
    assert metrics["total_return"] == pytest.approx(14 / 12 - 1)
    assert metrics["max_drawdown"] == pytest.approx(14 / 20 - 1)
    assert metrics["expectancy"] == pytest.approx(rules.init_cash * (14 / 12 - 1))
    assert (metrics["total_trades"], metrics["win_rate"], metrics["average_bars"]) == (1, 1, 3)
    assert metrics["exposure"] == pytest.approx(3 / 8)
    assert metrics["best_trade"] == metrics["worst_trade"] == pytest.approx(14 / 12 - 1)


def test_returns_of_trades_are_left_out_with_fees():
    pytest.importorskip("vectorbt")
    close = frame(np.array(CLOSES))
    both = [
        vectorbt.compute_metrics(close, signals(8, 2), signals(8, 5), rules, 365)
        for rules in (qmac.Rules(fees=0), qmac.Rules(fees=0.01))
    ]
    assert set(both[0]) - set(both[1]) == set(vectorbt.OVER_THE_PRICE)


@pytest.mark.slow
def test_signals_act_at_the_next_open():
    pytest.importorskip("vectorbt")
    bars = ohlc("random", 30, 3)
    rules = qmac.Rules(fill="next_open", fees=0, slippage=0)
    metrics = vectorbt.compute_metrics(bars, signals(30, 4), signals(30, 9), rules, 252).iloc[0]
    assert metrics["total_return"] == pytest.approx(
        bars["Open"].iloc[10] / bars["Open"].iloc[5] - 1
    )


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_prices_of_any_size(scale):
    """vectorbt takes less than 1e-12 of cash or units for nothing."""
    pytest.importorskip("vectorbt")
    close = frame(np.array(CLOSES) * scale)
    rules = qmac.Rules(fees=0, slippage=0)
    metrics = vectorbt.compute_metrics(close, signals(8, 2), signals(8, 5), rules, 252).iloc[0]
    assert metrics["total_return"] == pytest.approx(14 / 12 - 1)


@pytest.mark.parametrize("periods_per_year", [1e17, 252, 0.0123])
def test_years_of_any_length(periods_per_year):
    """A bar is a whole number of nanoseconds to vectorbt."""
    pytest.importorskip("vectorbt")
    close = frame(np.array(CLOSES))
    rules = qmac.Rules(fees=0, slippage=0)
    days = signals(8, 2), signals(8, 5)
    metrics = vectorbt.compute_metrics(close, *days, rules, periods_per_year).iloc[0]
    returns = pd.Series([0, 0, 0, 16 / 12, 20 / 16, 14 / 20, 1, 1]).replace(0, 1) - 1
    expected = returns.std() * np.sqrt(periods_per_year)
    assert metrics["annualized_volatility"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("fill", "total"), [("next_open", 0.008), ("close", 0.08)])
def test_the_high_of_the_entry_bar_is_not_in_the_trailing_stop(fill, total):
    """The example of docs/strategy.md: bar 3 has the entry's open, and the high of 120."""
    days = pd.date_range("2020-01-01", periods=8)
    columns = {
        "Open": [100.0, 100, 100, 100, 110, 104, 100, 100],
        "High": [100.0, 100, 100, 120, 112, 106, 100, 100],
        "Low": [100.0, 100, 100, 99, 103, 95, 100, 100],
        "Close": [100.0, 100, 100, 110, 111, 104, 100, 100],
    }
    bars = pd.DataFrame(columns, days)
    rules = qmac.Rules(fill=fill, fees=0, slippage=0, trailing_stop=0.1)
    rows = {1: [0.0, 0, 1, 1, 1, 1, 1, 1], 2: [0.5] * 8, 3: [1.0] * 8, 4: [0.5] * 8}
    combination = tuple(rows)
    run = qmac.backtest(bars, combination, rules, rows)
    by_reference = reference.simulate(
        reference.Bars(*(columns[name] for name in ("Close", "Open", "High", "Low"))),
        combination,
        rules,
        averages=rows,
    )
    assert run.metrics["total_return"] == pytest.approx(total)
    assert by_reference.equity[-1] / rules.init_cash - 1 == pytest.approx(total)
    pytest.importorskip("vectorbt")
    third = vectorbt.compute_metrics(bars, signals(8, 2), signals(8), rules, 252).iloc[0]
    assert third["total_return"] == pytest.approx(total)
