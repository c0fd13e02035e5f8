"""The distribution of the objective, against every combination one by one."""

import numpy as np
import pytest

import qmac
from qmac.report.sections.distribution import compute_share_better, summarize_distribution


def test_distribution(swept, every):
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
