"""Two results beside each other: what differs, what winners make there, what is refused."""

import math

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError
from qmac.results.result import Result

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))


@pytest.fixture(scope="module")
def free() -> Result:
    return qmac.optimize(PRICES, GRID, rules=qmac.Rules(slippage=0), min_trades=1)


@pytest.fixture(scope="module")
def costly() -> Result:
    rules = qmac.Rules(slippage=0.01, fees=0.001)
    return qmac.optimize(PRICES, GRID, rules=rules, min_trades=3)


def test_what_differs_and_what_winners_make_in_the_other(free, costly):
    comparison = qmac.compare(free, costly)
    assert comparison.differences == {
        "fees": ("0", "0.001"),
        "slippage": ("0", "0.01"),
        "constraints": ("total_trades >= 1", "total_trades >= 3"),
    }
    best, other = comparison.winners
    assert (best.combination, best.value) == (free.best, free.top["total_return"][0])
    replay = qmac.evaluate(PRICES, [free.best], costly.rules)
    assert best.elsewhere == replay["total_return"][0] and 0 <= best.share_worse <= 1
    assert other.combination == costly.best and other.elsewhere > other.value
    table = comparison.distribution
    assert table.loc["mean"].tolist() == [free.distribution.mean, costly.distribution.mean]
    assert table.loc["scored"].tolist() == [free.scored, costly.scored]
    assert best.metrics["total_trades"] == free.top["total_trades"][0]
    assert best.metrics_elsewhere["win_rate"] == replay["win_rate"][0] and not best.filtered
    assert not comparison.is_same and qmac.compare(free, free).is_same
    assert comparison.to_dict()["distribution"]["mean"] == table.loc["mean"].tolist()


def test_maps(free, costly):
    each = qmac.compare(free, costly).maps[0]
    assert (each.rows, each.columns) == ("buy_fast", "buy_slow")
    expected = costly.map("buy_fast", "buy_slow", "mean") - free.map("buy_fast", "buy_slow", "mean")
    assert each.mean.equals(expected) and each.average == pytest.approx(np.nanmean(expected))
    assert each.largest == expected.loc[each.at] and abs(each.largest) == np.nanmax(abs(expected))
    same = qmac.compare(free, free)
    assert same.differences == {}
    assert [(each.average, each.largest) for each in same.maps] == [(0, 0)] * 6
    assert all(each.correlation == pytest.approx(1) for each in same.maps)


def test_without_prices_and_without_a_winner(free, costly, tmp_path):
    bare = qmac.load(free.save(tmp_path / "saved"))
    place = str(tmp_path / "saved")
    assert qmac.compare(tmp_path / "saved", place).names == ("prices", "prices")
    vars(bare)["source"] = None
    vars(bare).pop("series", None)
    assert math.isnan(qmac.compare(costly, bare).winners[0].elsewhere)
    empty = qmac.optimize(PRICES, GRID, min_trades=10_000)
    comparison = qmac.compare(empty, free)
    assert comparison.winners[0] is None and math.isnan(comparison.winners[1].share_worse)
    assert all(each.at is None for each in comparison.maps)


def test_a_winner_that_the_other_filters(free):
    many = qmac.optimize(PRICES, GRID, min_trades=int(free.top["total_trades"][0]) + 1)
    winner = qmac.compare(free, many).winners[0]
    trades = int(free.top["total_trades"][0])
    assert winner.filtered == f"total_trades >= {trades + 1}"
    assert winner.metrics_elsewhere["total_trades"] == trades


def test_dates_are_named_once(free):
    late = PRICES.index[100]
    rules = [qmac.Rules(start=start) for start in (None, late.date())]
    pair = [qmac.optimize(PRICES, GRID, "sharpe_ratio", rules=each) for each in rules]
    assert {"first", "bars"} == set(qmac.compare(*pair).differences)


def test_what_would_mislead_is_refused(free, tmp_path):
    cases = [
        (qmac.optimize(PRICES, qmac.Grid(windows=range(2, 10))), "other grids: buy_fast is"),
        (qmac.optimize(PRICES, qmac.Grid(windows=range(2, 9), shared_windows=True)), "shared"),
        (qmac.optimize(PRICES, GRID, maximize=False), "the highest total_return and the lowest"),
        (qmac.optimize(PRICES.head(150), GRID), "total_return grows with time"),
    ]
    for other, says in cases:
        with pytest.raises(ResultError, match=says):
            qmac.compare(free, other)
    with pytest.raises(OptionError, match="b must be a result"):
        qmac.compare(free, 3)
    with pytest.raises(OptionError, match="b must be a result or its directory, got Luck"):
        qmac.compare(free, free.luck(19).save(tmp_path / "luck.json"))
    ratios = [qmac.optimize(each, GRID, "sharpe_ratio") for each in (PRICES, PRICES.head(150))]
    assert {"last", "bars"} <= set(qmac.compare(*ratios).differences)
