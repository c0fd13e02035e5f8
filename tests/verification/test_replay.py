"""Rows of a result are compared with the reference, and with vectorbt where it is installed."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.errors import OptionError
from qmac.strategy import reference
from qmac.strategy.metrics import METRICS
from qmac.verification import vectorbt
from qmac.verification.replay import (
    LEAST,
    TOLERANCE,
    Difference,
    Replay,
    _relative_difference,
    compare_rows,
)

PRICES = qmac.Prices.of(frame(series("random", 120, 5)))
GRID = qmac.Grid(windows=[2, 4, 7, 11])


@pytest.fixture(scope="module")
def top():
    return qmac.optimize(PRICES, GRID, top=6, min_trades=0).top


@pytest.fixture
def _without_vectorbt(monkeypatch):
    monkeypatch.setattr(vectorbt, "is_installed", lambda: False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"fees": 0.002},
        {
            "fill": "next_open",
            "stop_loss": 0.06,
            "average": "ema",
            "start": "2001-03-01",
            "end": "2001-09-03",
        },
        {"conflict": "opposite", "periods_per_year": 365.25 * 1440},
        {"max_bars": 9},
        {"periods_per_year": 1e17},
        {"periods_per_year": 0.0123456789},
        {"fees": 0.3, "init_cash": 1e-9},
    ],
)
def test_every_rule_replays(rules):
    prices, rules = qmac.Prices.of(ohlc("random", 250, 3)), qmac.Rules(**rules)
    grid = qmac.Grid(windows=range(2, 14))
    top = qmac.optimize(prices, grid, rules=rules, top=8, min_trades=0).top
    found = compare_rows(top, Replay(prices, rules))
    assert all(difference.agrees for difference in found)
    if not vectorbt.is_installed():
        return
    theirs = {entry.metric: entry for entry in found if entry.against == "vectorbt"}
    left_out = {metric for metric, entry in theirs.items() if np.isnan(entry.relative)}
    expected = (
        set(vectorbt.OVER_THE_PRICE) if rules.fees else set(METRICS) if rules.max_bars else set()
    )
    assert left_out == expected and all(theirs[metric].note for metric in left_out)


@pytest.mark.slow
def test_what_vectorbt_defines_otherwise():
    """A flat account, an entry and an exit on one bar: ours enters. And a row without any trade."""
    pytest.importorskip("vectorbt")
    prices = qmac.Prices.of(frame(np.array([30.0, 5.0, 11.0, 10.0, 12.0, 9.0, 12.0, 13.0])))
    rules = qmac.Rules(conflict="opposite")
    top = qmac.evaluate(prices, [(1, 3, 1, 2), (1, 2, 3, 4)], rules)
    notes = {
        entry.note
        for entry in compare_rows(top, Replay(prices, rules))
        if entry.against == "vectorbt"
    }
    assert any("1 of 2 rows left out" in note for note in notes)
    flat = qmac.Prices.of(frame(series("up", 40, 1)))
    top = qmac.evaluate(flat, [(2, 3, 4, 5)])
    assert top["sharpe_ratio"].isna().all()
    found = compare_rows(top, Replay(flat, qmac.Rules()))
    assert all(entry.agrees for entry in found)
    assert {entry.metric for entry in found if "no variance" in entry.note} == set(
        vectorbt.WITHOUT_VARIANCE
    )


@pytest.mark.usefixtures("_without_vectorbt")
def test_a_wrong_value_is_the_largest_difference(top):
    rows = top.copy()
    rows.loc[2, "max_drawdown"] *= 1 + 3e-9
    rows.loc[4, "max_drawdown"] *= 1 + 5e-9
    rows.loc[1, "exposure"] = math.nan
    differences = {each.metric: each for each in compare_rows(rows, Replay(PRICES, qmac.Rules()))}
    assert list(differences) == list(METRICS)
    wrong = {metric for metric, difference in differences.items() if not difference.agrees}
    assert wrong == {"max_drawdown", "exposure"}
    max_drawdown, exposure = differences["max_drawdown"], differences["exposure"]
    assert max_drawdown.relative == pytest.approx(5e-9, rel=1e-3)
    assert (
        max_drawdown.combination == tuple(top.iloc[4, :4]) and max_drawdown.against == "reference"
    )
    assert (max_drawdown.actual, max_drawdown.expected) == (
        rows["max_drawdown"][4],
        top["max_drawdown"][4],
    )
    assert math.isinf(exposure.relative) and exposure.combination == tuple(top.iloc[1, :4])


@pytest.mark.usefixtures("_without_vectorbt")
def test_the_listener_hears_of_each_row(top):
    heard = []
    compare_rows(top.head(3), Replay(PRICES, qmac.Rules()), lambda *row: heard.append(row))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_without_rows_nothing_is_compared(top):
    differences = compare_rows(top.head(0), Replay(PRICES, qmac.Rules()))
    assert {difference.against for difference in differences} == {"reference"}
    assert {difference.note for difference in differences} == {"there are no rows"}
    assert all(difference.agrees and math.isnan(difference.relative) for difference in differences)


def test_a_difference_as_plain_values():
    difference = Difference("win_rate", "vectorbt", 0.5, (2, 5, 3, 9), 0.2, 0.4, "two rows")
    assert difference.to_dict() == {
        "metric": "win_rate",
        "against": "vectorbt",
        "relative": 0.5,
        "combination": [2, 5, 3, 9],
        "found": 0.2,
        "expected": 0.4,
        "note": "two rows",
        "agrees": False,
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1.0, 1.0, 0.0),
        (math.nan, math.nan, 0.0),
        (-math.inf, -math.inf, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, 1.0, math.inf),
        (math.inf, -math.inf, math.inf),
        (2.0, 1.0, 0.5),
        (-1.0, 1.0, 2.0),
        (0.0, TOLERANCE * LEAST, TOLERANCE),
    ],
)
def test_relative_differences(one, other, expected):
    assert _relative_difference(one, other) == pytest.approx(expected)
    assert _relative_difference(other, one) == pytest.approx(expected)


def test_averages_are_computed_once_and_own_ones_are_used(monkeypatch):
    own = {2: [None, *map(float, range(119))]}
    replay = Replay(PRICES, qmac.Rules(), own)
    computed, compute_average = [], reference.compute_average

    def counting(kind, close, window):
        computed.append(window)
        return compute_average(kind, close, window)

    monkeypatch.setattr(reference, "compute_average", counting)
    for _ in range(2):
        averages = replay.averages((2, 4, 2, 7))
    assert computed == [4, 7] and averages[2] is own[2]
    sums = pd.Series(PRICES.close).rolling(4).mean()
    assert averages[4][3:] == pytest.approx(sums[3:].tolist())


def test_signals_are_those_of_the_trading_period():
    rules = qmac.Rules(start="2001-02-01", end="2001-05-01")
    replay = Replay(PRICES, rules)
    signals = replay.signals((2, 7, 4, 11))
    period = PRICES.frame.loc["2001-02-01":"2001-05-01"]
    assert signals.shape == (len(period), 2) and signals.dtype == bool
    whole = Replay(PRICES, qmac.Rules()).signals((2, 7, 4, 11))
    assert (signals == whole[replay.first : replay.stop]).all() and signals.any(axis=0).all()


def test_an_account_beyond_float64_is_refused():
    """A round trip costs all but 0.0005 of it."""
    prices = qmac.Prices.of(frame(np.resize([10.0, 9.0, 12.0, 11.0], 500)))
    replay = Replay(prices, qmac.Rules(fees=0.999))
    with pytest.raises(OptionError, match="no replay bar by bar is possible. Lower the fees"):
        replay.metrics((1, 2, 1, 3))
