"""The numbers of a report, before anything is drawn, against every combination one by one."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, minutes, ohlc, series

import qmac
from qmac.report.sections import equity, heatmaps
from qmac.report.sections.distribution import compute_share_better, summarize_distribution
from qmac.report.sections.equity import build_equity
from qmac.report.sections.heatmaps import build_heatmap, build_heatmaps
from qmac.report.sections.report import build_report
from qmac.report.sections.settings import build_settings
from qmac.report.sections.strategies import build_strategies
from qmac.storage.json_text import to_json_values
from qmac.strategy.grid import ROLES

RULES = qmac.Rules(
    fees=0.001, slippage=0, fill="next_open", conflict="opposite", start="2001-06-01", end="2002-09-30", stop_loss=0.1,
    trailing_stop=0.2, take_profit=0.5, max_bars=30, average="hma", periods_per_year=250,
)  # fmt: skip


def test_outcomes(swept, every):
    found, values = summarize_distribution(swept), every["total_return"][every["total_trades"] > 0]
    scores = np.log1p(values)
    assert found.scored == len(values) == found.counts.sum()
    assert found.share_positive == np.mean(values > 0)
    assert found.sigmas == pytest.approx(
        (scores.max() - scores.mean()) / scores.std(ddof=0), rel=1e-6
    )
    low, high = np.expm1(scores.mean() + scores.std(ddof=0) * np.array([-1, 1]))
    assert found.one_sigma == pytest.approx((low, high), rel=1e-6)
    inner = found.edges[1:-1]  # the ends hold what is beyond
    counts = np.histogram(values, np.concatenate(([-1], inner, [np.inf])))[0]
    assert (
        np.abs(np.cumsum(found.counts) - np.cumsum(counts)).max() <= 2
    )  # where a value is an edge but for rounding
    assert (found.winner, found.hold) == (
        swept.top["total_return"].iloc[0],
        swept.hold["total_return"],
    )
    assert (
        (np.diff(found.curve) >= 0).all()
        and found.curve[0] == found.low
        and found.curve[-1] == pytest.approx(found.high)
    )


@pytest.mark.parametrize("maximize", [True, False])
def test_share_better(named, every, maximize):
    result = qmac.optimize(named, qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34)), maximize=maximize)
    values = every["total_return"][every["total_trades"] > 0].to_numpy()
    most = result.distribution.counts.max() / result.scored  # one bin
    for value in (*np.quantile(values, [0.1, 0.5, 0.9]), result.hold["total_return"]):
        share = np.mean(values > value) if maximize else np.mean(values < value)
        assert compute_share_better(result.distribution, float(value)) == pytest.approx(
            share, abs=most + 1e-12
        )
    assert compute_share_better(result.distribution, values.max() + 1) == (0 if maximize else 1)
    assert compute_share_better(result.distribution, -0.99999) == (1 if maximize else 0)
    assert np.isnan(compute_share_better(result.distribution, np.nan))


def test_means_of_means_are_of_scores(monkeypatch):
    """Two hours, of which a year is beyond what exp(1 / years) can hold."""
    result = qmac.optimize(
        minutes(2, 0, 0.002),
        qmac.Grid(windows=range(2, 12)),
        "annualized_return",
        qmac.Rules(slippage=0),
    )
    monkeypatch.setattr(heatmaps, "MOST_CELLS", 1)
    (found,) = build_heatmap(result, "buy_slow", "buy_fast", "mean").values.ravel()
    assert result.distribution.mean < -0.5 and found == pytest.approx(
        result.distribution.mean, rel=1e-6
    )


@pytest.mark.parametrize("most", [256, 3])
@pytest.mark.parametrize("metric", ["annualized_return", "win_rate"])
def test_landscape(named, every, most, metric, monkeypatch):
    """Also where neighbouring windows are drawn as one."""
    monkeypatch.setattr(heatmaps, "MOST_CELLS", most)
    result = qmac.optimize(named, qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34)), metric)
    scored = every[np.isfinite(every[metric]) & (every["total_trades"] > 0)]
    score = np.log1p if metric == "annualized_return" else (lambda values: values)
    value = np.expm1 if metric == "annualized_return" else (lambda values: values)
    windows = np.array(result.grid.windows)
    block = 1 if most > 7 else 3
    for maps in build_heatmaps(result).maps:
        rows, columns = (
            windows.searchsorted(scored[name]) // block for name in (maps[0].rows, maps[0].columns)
        )
        groups = scored[metric].groupby([rows, columns])
        shape = (-(-7 // block),) * 2
        for found, expected in (
            (maps[0], groups.max()),
            (maps[1], value(score(scored[metric]).groupby([rows, columns]).mean())),
            (maps[2], groups.size()),
        ):
            table = np.full(shape, np.nan)
            for (row, column), number in expected.items():
                table[row, column] = number
            np.testing.assert_allclose(found.values, table, rtol=1e-6, atol=1e-9)
            assert found.block == block and found.combinations == len(scored)
        middles = [windows[k : k + block].mean() for k in range(0, 7, block)]
        assert maps[0].row_windows.tolist() == pytest.approx(middles)
        assert maps[0].winner == (
            int(result.top[maps[0].rows].iloc[0]),
            int(result.top[maps[0].columns].iloc[0]),
        )
    for profile in build_heatmaps(result).profiles:
        groups = scored.groupby(profile.role)[metric]
        seen = np.isin(profile.windows, list(groups.groups))
        np.testing.assert_allclose(profile.best[seen], groups.max())
        np.testing.assert_array_equal(profile.counts[seen], groups.size())
        means = value(score(scored[metric]).groupby(scored[profile.role]).mean())
        np.testing.assert_allclose(profile.mean[seen], means, rtol=1e-6, atol=1e-9)
        assert profile.counts[~seen].sum() == 0 and np.isnan(profile.best[~seen]).all()


def test_a_map_says_what_was_aggregated(swept):
    assert build_heatmap(swept, "buy_fast", "sell_slow").text.startswith(
        "highest total return over all buy slow and sell fast"
    )
    assert "luck" in build_heatmap(swept, "buy_fast", "sell_slow").text
    assert (
        build_heatmap(swept, "buy_fast", "buy_slow", "mean").text
        == "mean total return over all sell fast and sell slow"
    )


def test_strategies_are_folded(sample):
    named = sample.tail(600)
    swept = qmac.optimize(named, qmac.Grid(windows=range(40, 60, 2)), top=60)
    found = build_strategies(swept, swept.series)
    trades = [
        qmac.backtest(named, row, swept.rules).trades for row in swept.top[list(ROLES)].to_numpy()
    ]
    assert sum(len(row.window_sets) for row in found.rows) == found.kept == len(swept.top)
    assert 1 < len(found.rows) < found.kept  # some are, some are not
    ranks = {
        tuple(row): rank for rank, row in enumerate(swept.top[list(ROLES)].to_numpy().tolist())
    }
    heads = [trades[row.rank - 1] for row in found.rows]
    for row, head in zip(found.rows, heads, strict=True):
        assert row.combination == row.window_sets[0]
        assert all(trades[ranks[other]].equals(head) for other in row.window_sets)
        assert row.metrics["total_return"] == swept.top["total_return"][row.rank - 1]
    assert not any(a.equals(b) for k, a in enumerate(heads) for b in heads[:k])
    near = swept.neighbourhood(found.rows[-1].combination, 1)["total_return"].to_numpy()[1:]
    assert found.rows[-1].near[0].median == pytest.approx(np.median(near))


def test_a_long_series_is_looked_around_in_part(swept, monkeypatch):
    from qmac.report.sections import strategies

    monkeypatch.setattr(
        strategies, "MOST_STEPS", 200 * (swept.prices["bars"] + strategies.OVERHEAD)
    )
    monkeypatch.setattr(strategies, "MOST_ROWS", 50)
    found = build_strategies(swept, swept.series)
    assert (found.kept, found.folded) == (60, 50) and sum(
        len(row.window_sets) for row in found.rows
    ) == 50
    assert 1 <= found.looked_around < len(found.rows)
    assert [bool(row.near) for row in found.rows] == [
        k < found.looked_around for k in range(len(found.rows))
    ]


@pytest.mark.parametrize("most", [10_000, 50])
def test_course(named, swept, most, monkeypatch):
    monkeypatch.setattr(equity, "MOST_BARS", most)
    run = qmac.backtest(named, swept.best, swept.rules)
    found = build_equity(run)
    assert found.bars == 500 and (
        found.dates.size == 500 if most > 500 else 50 <= found.dates.size < 150
    )
    assert found.drawdown.min() == pytest.approx(run.metrics["max_drawdown"])
    assert found.hold_drawdown.min() == pytest.approx(swept.hold["max_drawdown"])
    assert found.hold[-1] / 100 - 1 == pytest.approx(swept.hold["total_return"])
    assert np.prod(1 + found.year_returns) - 1 == pytest.approx(run.metrics["total_return"])
    ends = run.equity.resample("ME").last()
    months = ends / ends.shift(fill_value=100.0) - 1
    assert found.months[np.isfinite(found.months)] == pytest.approx(months.to_numpy())
    assert found.return_counts.sum() == found.total_trades == run.metrics["total_trades"]
    counts = np.histogram(run.trades["return"], found.return_edges)[0]
    assert (found.return_counts == counts).all() and np.abs(found.return_edges).min() == 0
    assert list(found.averages) == sorted(swept.best)
    window = swept.best[1]
    expected = (
        pd.Series(named.close, named.index).rolling(window).mean()[pd.DatetimeIndex(found.dates)]
    )
    np.testing.assert_allclose(found.averages[window], expected)


def test_only_the_last_trades_are_listed(named, swept, monkeypatch):
    monkeypatch.setattr(equity, "MOST_TRADES", 3)
    run = qmac.backtest(named, swept.best, swept.rules)
    found = build_equity(run)
    assert found.returns.tolist() == run.trades["return"].tail(
        3
    ).tolist() and found.total_trades == len(run.trades)


def test_rules_in_words():
    result = qmac.optimize(
        ohlc("random", 500, 3), qmac.Grid(windows=range(2, 8), shared_windows=True), rules=RULES,
        constraints={"total_trades": (2, 50)},
    )  # fmt: skip
    asked = build_settings(result)
    text = " ".join(asked.rules)
    for words in (
        "Hull", "open of the bar after", "present position", "fees are 0.1 % of", "fall of 10 %", "fall of 20 %", "rise of 50 %",
        "after 30 bars", "2001-06-01", "2002-09-30", "250 bars a year (set)", "may have the same window",
    ):  # fmt: skip
        assert words in text, words
    assert "slippage" not in text and "worse" not in text
    assert asked.filters == (
        ("total trades at least 2 and at most 50", result.filtered_by["total_trades"]),
    )


def test_plain_values_for_json(swept):
    report = build_report(swept)
    again = json.loads(json.dumps(to_json_values(report.to_dict()), allow_nan=False))
    assert again["asked"]["digest"] == swept.digest
    assert again["course"]["dates"][0] == "2001-01-01"
    assert again["outcomes"]["counts"] == report.distribution.counts.tolist()
    assert [metric for metric, _, _ in again["metrics"]] == list(swept.hold)
    assert again["landscape"]["maps"][0][0]["values"][-1][-1] is None


@pytest.mark.parametrize(
    ("prices", "metric"),
    [(series("constant", 60, 1), "total_return"), (series("up", 60, 1), "profit_factor")],
)
def test_nothing_scored(prices, metric):
    report = build_report(qmac.optimize(frame(prices), qmac.Grid(windows=range(2, 8)), metric))
    assert (
        report.equity,
        report.distribution,
        report.heatmaps,
        report.metrics,
        report.cautions,
    ) == (
        None,
        None,
        None,
        (),
        (),
    )
    assert json.dumps(to_json_values(report.to_dict()), allow_nan=False)
