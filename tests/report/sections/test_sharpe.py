"""The winner's Sharpe ratio in small print."""

from dataclasses import replace

import pytest
from helpers.pages import figures_in
from helpers.series import frame, series

import qmac
from qmac.engine.backtest.backtest import backtest
from qmac.errors import OptionError
from qmac.report.html.page import render_report
from qmac.report.sections.report import build_report
from qmac.report.sections.sharpe import check_tries, describe_tries, summarize_sharpe
from qmac.robustness.sharpe import NORMAL

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))
RULES = qmac.Rules(start=PRICES.index[90])


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, GRID, objective="sharpe_ratio", rules=RULES, top=3, min_trades=1)


@pytest.fixture(scope="module")
def tries(result):
    return result.tries(5)


@pytest.fixture(scope="module")
def winner(result):
    return backtest(PRICES, result.best, result.replay_rules)


def test_the_ratio_is_that_of_the_result(result, winner):
    summary = summarize_sharpe(result, winner)
    assert summary.ratio == pytest.approx(result.top["sharpe_ratio"].iloc[0], rel=1e-9)
    assert summary.bars == result.prices["bars"] == 210
    assert [row.tries for row in summary.rows] == [1, GRID.size]
    alone, grid = summary.rows
    assert (alone.hurdle, alone.probability > grid.probability) == (0, True)
    errors = NORMAL.inv_cdf(alone.probability) / NORMAL.inv_cdf(0.95)
    needed = (summary.bars - 1) / errors**2 + 1
    assert summary.least_years * result.periods_per_year == pytest.approx(needed)
    assert summary.least_bars == pytest.approx(needed)


def test_how_long_it_takes_is_in_bars_where_years_are_few(result, winner):
    summary = summarize_sharpe(result, winner)
    shown = [
        replace(summary, least_bars=bars, least_years=bars / per_year).least_text
        for bars, per_year in ((1234.2, 252), (340.0, 98_280))
    ]
    assert shown == ["1,235 bars (4.9 years)", "340 bars"]


def test_measured_tries_are_between_one_and_all(result, winner, tries):
    rows = summarize_sharpe(result, winner, tries).rows
    assert [row.tries for row in rows] == [1, tries.tries, GRID.size]
    assert [row.hurdle for row in rows] == sorted(row.hurdle for row in rows)
    assert "measured" in rows[1].words
    assert summarize_sharpe(result, winner, tries).command == ""


def test_only_where_the_highest_ratio_was_searched_for(result, winner):
    assert summarize_sharpe(replace(result, maximize=False), winner) is None
    assert summarize_sharpe(replace(result, objective="total_return"), winner) is None
    flat = replace(winner, equity=winner.equity * 0 + result.rules.init_cash)
    assert summarize_sharpe(result, flat) is None


def test_tries_of_another_search_are_refused(result, tries):
    check_tries(tries, result)
    with pytest.raises(OptionError, match=r"Use result\.tries\(\)"):
        check_tries(replace(tries, seed=2), result)
    with pytest.raises(OptionError, match=r"result\.tries\(\)"):
        check_tries(3, result)
    with pytest.raises(OptionError, match="of another"):
        check_tries(tries, replace(result, fingerprint=None))


def test_a_page_has_it_beside_luck(result, tries):
    assert build_report(result, tries=tries).sharpe is None
    report = build_report(result, result.luck(19), tries=tries)
    page = render_report(report)
    assert "Small print: the Sharpe ratio" in page
    assert "tries as measured" in page
    assert figures_in(page)
    assert report.to_dict()["sharpe"].rows[1].tries == tries.tries
    assert "harpe" not in "".join(caution.text for caution in report.cautions)


def test_a_page_says_how_tries_are_measured(result):
    assert describe_tries("", "") == "result.report(path, luck=result.luck(), tries=result.tries())"
    assert describe_tries("a b", "") == "qmac luck 'a b' --tries"
    assert describe_tries("runs", "SPY") == "qmac luck runs --symbol SPY --tries"
    report = build_report(result, result.luck(19), "runs")
    assert report.sharpe.command == "qmac luck runs --tries"
    assert "<code>qmac luck runs --tries</code>" in render_report(report)
