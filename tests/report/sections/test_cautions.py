"""Each caution where it is due, and not where it is not; thresholds as the docs say."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.faults import LONG
from helpers.series import frame, series

import qmac
from qmac.engine.neighbourhood.neighbours import Neighbourhood
from qmac.report.sections import cautions
from qmac.report.sections.cautions import THRESHOLDS, find_cautions
from qmac.report.sections.distribution import summarize_distribution
from qmac.report.sections.report import build_report
from qmac.report.sections.strategies import build_strategies

DOCS = Path(__file__).parents[3] / "docs" / "report.md"


def given(result, **changes):
    """Names of the cautions, where something were otherwise."""
    run = qmac.backtest(result.series.prices, result.best, result.rules)
    parts = {
        "run": run,
        "strategies": build_strategies(result, result.series),
        "summary": summarize_distribution(result),
    } | changes
    return {caution.name: caution.text for caution in find_cautions(result, **parts)}


def trades(run, *returns):
    table = pd.DataFrame(
        {"entry_date": pd.bdate_range("2001-01-01", periods=len(returns)), "return": returns}
    )
    return replace(run, trades=table)


def near(result, median, best, undefined=0, infinite=0):
    """The strategies of a result whose winner stands in such surroundings."""
    found = build_strategies(result, result.series)
    around = Neighbourhood(100, undefined, median, median, best, 1.0, infinite)
    return replace(found, rows=(replace(found.rows[0], near=(around, around)), *found.rows[1:]))


def test_the_docs_have_the_thresholds():
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \|$", DOCS.read_text(), re.MULTILINE))
    assert {name: float(number) for name, number in rows.items()} == THRESHOLDS


def test_trades(swept):
    run = qmac.backtest(swept.series.prices, swept.best, swept.rules)
    few = given(swept, run=trades(run, 0.5, -0.1, 0.02))
    assert "made 3 trades" in few["few_trades"] and "(+50.0%)" in few["one_trade"]
    assert "without it the total return would be -8.2%" in few["one_trade"]
    many = given(swept, run=trades(run, *[0.02] * 30))
    assert "few_trades" not in many and "one_trade" not in many
    losing = given(swept, run=trades(run, 0.5, -0.6))
    assert "one_trade" not in losing  # there is no profit
    assert "made 1 trade." in given(swept, run=trades(run, 0.1))["few_trades"]


def test_surroundings(swept):
    outcomes = summarize_distribution(swept)
    middle = dict(outcomes.quantiles)[0.5]
    lead = outcomes.winner - middle
    assert (
        not {"alone", "spike"}
        & given(swept, strategies=near(swept, middle + 0.51 * lead, middle + 0.91 * lead)).keys()
    )
    spike = given(swept, strategies=near(swept, middle + 0.49 * lead, outcomes.winner))
    assert "spike" in spike and "alone" not in spike
    assert "alone" in given(
        swept, strategies=near(swept, middle + 0.6 * lead, middle + 0.89 * lead)
    )
    assert "spike" in given(swept, strategies=near(swept, np.nan, outcomes.winner))
    beyond = near(swept, np.nan, middle, undefined=60, infinite=60)  # better than any number
    assert not {"alone", "spike"} & given(swept, strategies=beyond).keys()
    undefined = given(swept, strategies=near(swept, outcomes.winner, outcomes.winner, undefined=11))
    assert "11 of 100" in undefined["undefined"]
    assert "undefined" not in given(
        swept, strategies=near(swept, outcomes.winner, outcomes.winner, undefined=10)
    )


def test_neighbours_as_good_as_the_winner_are_no_spike():
    """The winner is the median of all, and of its neighbours."""
    v_shaped = frame(np.concatenate((np.linspace(100, 50, 200), np.linspace(50, 100, 200))))
    result = qmac.optimize(
        v_shaped, qmac.Grid(windows=range(2, 41, 3)), "max_drawdown", min_trades=1
    )
    outcomes = summarize_distribution(result)
    assert outcomes.winner == dict(outcomes.quantiles)[0.5]
    assert (
        not {"alone", "spike"}
        & given(result, strategies=near(result, outcomes.winner, outcomes.winner)).keys()
    )


def test_lowest_wanted(named):
    """The lead counts downwards, and no word of gains."""
    result = qmac.optimize(named, qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34)), maximize=False)
    outcomes = summarize_distribution(result)
    middle = dict(outcomes.quantiles)[0.5]
    assert outcomes.winner < middle and outcomes.sigmas < 0
    fine = near(result, middle + 0.6 * (outcomes.winner - middle), outcomes.winner)
    assert (
        not {"alone", "spike", "behind_hold", "few_positive"}
        & given(result, strategies=fine).keys()
    )
    assert "spike" in given(result, strategies=near(result, middle, outcomes.winner))


def test_edge(named):
    inside = qmac.optimize(
        named,
        qmac.Grid(
            buy_fast=(2, 3, 4), buy_slow=(8, 9, 10), sell_fast=(5, 6, 7), sell_slow=(20, 21, 22)
        ),
    )
    for result in (
        inside,
        replace(inside, top=inside.top.assign(buy_fast=3, buy_slow=9, sell_fast=6, sell_slow=21)),
    ):
        at = [
            role
            for role in ("buy_fast", "buy_slow", "sell_fast", "sell_slow")
            if result.top[role].iloc[0] in (result.grid.roles[role][0], result.grid.roles[role][-1])
        ]
        found = cautions._check_edges(result)
        assert (found is not None) == bool(at)
        assert all(role.replace("_", " ") in found.text.lower() for role in at)


def test_short_and_behind(named, swept):
    assert "short" not in given(swept)
    brief = qmac.optimize(named.tail(200), swept.grid)
    assert "The 200 bars from first to last take 9.1 months." in given(brief)["short"]
    rising = qmac.optimize(
        frame(series("up", 300, 2) * (1 + 0.1 * np.sin(np.arange(300)))), swept.grid
    )
    assert rising.hold["total_return"] > rising.top["total_return"].iloc[
        0
    ] and "behind_hold" in given(rising)


def test_few_positive(swept):
    share = summarize_distribution(swept).share_positive
    assert ("few_positive" in given(swept)) == (share < 0.5)
    assert "few_positive" in given(
        swept, summary=replace(summarize_distribution(swept), share_positive=0.4)
    )
    assert "few_positive" not in given(
        swept, summary=replace(summarize_distribution(swept), share_positive=0.6)
    )


OTHERS = ["profit_factor", "total_trades", "exposure", "simple_return"] if LONG else []
"""Each compiles a kernel of its own, ten seconds long."""


@pytest.mark.parametrize("metric", ["max_drawdown", "win_rate", *OTHERS])
def test_any_objective(named, metric):
    report = build_report(qmac.optimize(named, qmac.Grid(windows=(3, 5, 8, 13, 21)), metric, top=5))
    assert {caution.name for caution in report.cautions} <= {*THRESHOLDS, "behind_hold"}


def test_odd_prices_come_first_and_where_nothing_was_scored(swept):
    odd = replace(swept, prices=swept.prices | {"warnings": ["row 3\x1b", "x" * 999]})
    assert next(iter(given(odd))) == "prices"
    found = find_cautions(odd, None, build_strategies(odd, odd.series), None)
    assert [each.heading for each in found] == ["Odd prices"] * 2
    assert found[0].text == "row 3?" and len(found[1].text) == 500
    earlier = {key: swept.prices[key] for key in swept.prices if key != "warnings"}
    assert "prices" not in given(replace(swept, prices=earlier))
