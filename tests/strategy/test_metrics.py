"""The catalogue of metrics: trades by hand, where metrics are undefined, what entries say."""

import dataclasses
import math
import typing

import numpy as np
import pytest

from qmac.kernels.trades import scores, walk
from qmac.kernels.trades.replay import ReplaySums
from qmac.kernels.trades.scores import Facts
from qmac.strategy.metrics import (
    LOGARITHMS,
    MEASURES,
    METRICS,
    PROFITS,
    Unit,
    compute_metrics,
    suggest_metric,
)

FACTS = Facts(
    first=0, bars=4.0, per_year=4.0, cash=1000.0, least_downside=1e-20, least_losses=1e-20
)


def sums_of_returns(returns, **others):
    """Sums of one combination whose bars have these returns, and which did not trade by default."""
    returns = np.array(returns)
    equity = np.cumprod(1 + returns)
    sums = dict.fromkeys(ReplaySums._fields, 0.0) | {
        "worth": equity[-1],
        "gain": np.log(equity[-1]),
        "fall": (equity / np.maximum.accumulate(np.append(1.0, equity))[1:] - 1).min(),
        "mean": returns.mean(),
        "spread": ((returns - returns.mean()) ** 2).sum(),
        "squares": (returns**2).sum(),
        "won": returns[returns > 0].sum(),
        "below": -returns[returns < 0].sum(),
        "downside": (returns[returns < 0] ** 2).sum(),
    }
    return ReplaySums(**{name: np.array([float(v)]) for name, v in (sums | others).items()})


def test_two_trades_by_hand():
    """Bought at 10, sold at 12; then bought at 10 and sold at 9."""
    sums = sums_of_returns(
        [0, 0.2, 0, -0.1],
        trades=2,
        finished=2,
        winners=1,
        held=2,
        bars=3,
        profit=0.2,
        loss=0.12,
        simple=0.1,
        best=0.2,
        worst=-0.1,
    )
    values = {name: column.item() for name, column in compute_metrics(sums, FACTS).items()}
    deviation = math.sqrt(sum((r - 0.025) ** 2 for r in (0, 0.2, 0, -0.1)) / 3)
    assert values == pytest.approx(
        {
            "total_return": 0.08,
            "annualized_return": 0.08,
            "max_drawdown": -0.1,
            "total_trades": 2,
            "win_rate": 0.5,
            "exposure": 0.5,
            "sharpe_ratio": 0.025 / deviation * 2,
            "sortino_ratio": 0.025 * 2 / math.sqrt(0.01 / 4),
            "calmar_ratio": 0.8,
            "omega_ratio": 2,
            "profit_factor": 0.2 / 0.12,
            "expectancy": 40,
            "simple_return": 0.1,
            "annualized_volatility": deviation * 2,
            "best_trade": 0.2,
            "worst_trade": -0.1,
            "average_bars": 1.5,
        }
    )


def test_no_trade():
    sums = sums_of_returns([0, 0, 0, 0], best=-math.inf, worst=math.inf)
    values = {name: column.item() for name, column in compute_metrics(sums, FACTS).items()}
    defined = {name: value for name, value in values.items() if not math.isnan(value)}
    assert defined == {
        "total_return": 0,
        "annualized_return": 0,
        "max_drawdown": 0,
        "total_trades": 0,
        "exposure": 0,
        "simple_return": 0,
    }


def test_rounding_is_no_loss_and_no_variance():
    sums = sums_of_returns([0.1, 0.1, 0.1, 0.1], fall=-1e-13, downside=1e-25, below=1e-25)
    sums = sums._replace(spread=np.array([1e-18]))
    values = {name: column.item() for name, column in compute_metrics(sums, FACTS).items()}
    assert values["max_drawdown"] == 0
    assert math.isnan(values["calmar_ratio"]) and math.isnan(values["sharpe_ratio"])
    assert values["omega_ratio"] == values["sortino_ratio"] == math.inf


def test_growth_of_minutes_is_infinite_without_a_warning(recwarn):
    sums = sums_of_returns([1.0, 1.0, 1.0, 1.0])
    values = compute_metrics(sums, FACTS._replace(per_year=1e6))
    assert values["annualized_return"].item() == math.inf
    assert not recwarn


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_entries(metric):
    assert METRICS[metric.name] is metric
    assert 0 < len(metric.heading) <= 9
    assert metric.words[0].isupper() and metric.words.endswith(".")
    assert metric.unit in typing.get_args(Unit)
    assert (metric.measure is None) == (not metric.statistics)
    assert dataclasses.replace(metric) == metric


def test_statistics_are_fields_of_the_walk():
    bundles = (walk.ReturnSums, walk.Drawdown, walk.Counts, walk.Trades)
    fields = {field for bundle in bundles for field in bundle._fields}
    used = set().union(*(metric.statistics for metric in METRICS.values()))
    assert used == fields


def test_every_measure_of_the_kernels_has_a_metric():
    numbers = {scores.GROWTH, scores.VOLATILITY, scores.EXPOSURE}
    assert numbers <= set(MEASURES.values()) == set(range(scores.EXPOSURE + 1))


def test_kinds_of_metrics():
    assert LOGARITHMS == ("total_return", "annualized_return", "max_drawdown")
    assert PROFITS == ("total_return", "annualized_return", "expectancy", "simple_return")
    assert set(METRICS) - set(MEASURES) == {"best_trade", "worst_trade", "average_bars"}


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("sharpe", "Did you mean 'sharpe_ratio'?"),
        ("best_trade", "It is computed for the best rows only. Use one of total_return, "),
        ("zzz", "Known: total_return, annualized_return, "),
        (["total_return"], "Did you mean 'total_return'?"),
    ],
)
def test_suggestions(metric, says):
    assert suggest_metric(metric).startswith(says)
