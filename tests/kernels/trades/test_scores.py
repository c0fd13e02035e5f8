"""Metrics of lanes: against their formulas in NumPy, and NaN where a statistic is not computed."""

import math

import numpy as np
import pytest
from helpers.compiled import compiled

from qmac.kernels.compiler.lanes import load, store
from qmac.kernels.trades import scores
from qmac.kernels.trades.exit_tables import ReturnSums
from qmac.kernels.trades.scores import Facts
from qmac.kernels.trades.walk import Counts, Drawdown, LastTrade, Trades, WalkState

WIDTH = (0,) * 8
BARS = 250
FACTS = Facts(0, 200.0, 252.0, 100.0, 1e-12, 1e-12)


@compiled
def exponentials(width, x, out):
    for row in range(x.shape[0]):
        store(out, row, scores.expm1(load(x, row, width)))


@compiled
def measured(width, states, length, facts, out):
    for which in range(out.shape[0]):
        store(out, which, scores.measure(which, load(states, 0, width), length, facts))


def test_expm1_is_right_to_the_last_places():
    rng = np.random.default_rng(1)
    x = np.concatenate(
        (rng.normal(0, 1, 4000), rng.uniform(-700, 709, 4000), rng.normal(0, 1e-9, 96))
    )
    out = np.zeros((x.size // 8, 8))
    exponentials(WIDTH, x.reshape(-1, 8), out)
    expected = np.array([math.expm1(value) for value in x])
    assert np.abs(out.ravel() / expected - 1).max() < 2.5 * np.finfo(float).eps
    edges = np.array([[0.0, 800.0, 710.0, -800.0, 1e308, -1e308, 1e-300, -0.0]])
    exponentials(WIDTH, edges, out[:1])
    assert out[0].tolist() == [0, np.inf, np.inf, -1, np.inf, -1, 1e-300, 0]


def states():
    """Return one row of states, 8 lanes with and without open trades."""
    rng = np.random.default_rng(3)

    def row(low, high, dtype=np.float64):
        return rng.uniform(low, high, (1, 8)).astype(dtype)

    code = (2 * rng.integers(5, BARS, (1, 8))).astype(np.uint16)
    code[0, ::3] = 2 * BARS  # open at the end
    return WalkState(
        code,
        LastTrade(None, None),
        ReturnSums(row(-1, 1), row(0, 1), row(1, 2), row(0, 1), row(0, 1)),
        Drawdown(row(0, 1), row(-1, -0.1)),
        Counts(row(3, 9, np.uint16), row(10, 300, np.uint16), row(0, 3, np.uint16)),
        Trades(row(1, 2), row(1, 2), row(1, 2), row(1, 2), row(1, 2), row(0, 1)),
    )


def expected_metrics(state):
    """Return the metrics by their formulas, in the order of their numbers."""
    sums, counts, trades = state.sums, state.counts, state.trades
    years = FACTS.bars / FACTS.per_year
    variance = (sums.squares - sums.returns**2 / FACTS.bars) / (FACTS.bars - 1)
    mean = sums.returns / FACTS.bars
    closed = counts.opened - (state.code == 2 * BARS)
    root = math.sqrt(FACTS.per_year)
    return [
        sums.gain,
        np.sqrt(variance) * root,
        mean / np.sqrt(variance) * root,
        mean / np.sqrt(sums.downside / FACTS.bars) * root,
        (sums.returns + sums.losses) / sums.losses,
        state.drawdown.worst,
        np.expm1(sums.gain / years) / -np.expm1(state.drawdown.worst),
        counts.opened,
        counts.won / closed,
        trades.profit / trades.loss,
        (trades.equity - 1) * FACTS.cash / closed,
        trades.simple,
        counts.held / 2 / FACTS.bars,
    ]


def test_every_metric_is_its_formula():
    state, out = states(), np.zeros((13, 8))
    measured(WIDTH, state, BARS, FACTS, out)
    for which, values in enumerate(expected_metrics(state)):
        assert out[which] == pytest.approx(values[0], rel=1e-12), which


def test_what_is_rounding_counts_as_nothing():
    state, out = states(), np.zeros((13, 8))
    state.sums.downside[:] = 1e-13
    state.sums.losses[:] = 1e-13
    state.drawdown.worst[:] = -1e-12
    state.sums.squares[:] = state.sums.returns**2 / FACTS.bars
    measured(WIDTH, state, BARS, FACTS, out)
    assert np.isinf(out[[scores.SORTINO, scores.OMEGA]]).all()
    assert np.isnan(out[[scores.VOLATILITY, scores.SHARPE, scores.CALMAR]]).all()
    assert (out[scores.DRAWDOWN] == 0).all()


def test_a_metric_without_its_statistics_is_nan():
    state, out = states(), np.zeros((13, 8))
    state = state._replace(
        sums=ReturnSums(state.sums.gain, None, None, None, None),
        drawdown=Drawdown(None, None),
        counts=Counts(None, None, None),
        trades=Trades(None, None, None, None, None, None),
    )
    measured(WIDTH, state, BARS, FACTS, out)
    assert np.array_equal(out[scores.GROWTH], state.sums.gain[0])
    assert np.isnan(np.delete(out, scores.GROWTH, axis=0)).all()
