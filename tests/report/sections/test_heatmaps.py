"""Heatmaps and profiles, against every combination one by one."""

import numpy as np
import pytest
from helpers.series import minutes

import qmac
from qmac.report.sections import heatmaps
from qmac.report.sections.heatmaps import build_heatmap, build_heatmaps


def test_means_of_blocks_are_means_of_scores(monkeypatch):
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
def test_heatmaps(named, every, most, metric, monkeypatch):
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
            (maps[1], groups.max()),
            (maps[0], value(score(scored[metric]).groupby([rows, columns]).mean())),
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


def test_a_heatmap_describes_what_was_aggregated(swept):
    assert build_heatmap(swept, "buy_fast", "sell_slow").text.startswith(
        "highest total return over all buy slow and sell fast"
    )
    assert "luck" in build_heatmap(swept, "buy_fast", "sell_slow").text
    assert (
        build_heatmap(swept, "buy_fast", "buy_slow", "mean").text
        == "mean total return over all sell fast and sell slow"
    )
