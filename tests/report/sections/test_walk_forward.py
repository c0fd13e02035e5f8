"""What a page shows of a walk-forward: folds as they are, and few bars of a long series."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers.forward_answers import build_forward

import qmac
from qmac.report.sections.equity import MOST_BARS
from qmac.report.sections.walk_forward import ACCOUNTS, summarize_forward
from qmac.strategy.grid import ROLES


@pytest.mark.parametrize("objective", ["total_return", "sharpe_ratio"])
def test_the_numbers_are_those_of_the_answer(objective):
    forward = build_forward(objective=objective)
    summary = summarize_forward(forward)
    assert (summary.headline, list(summary.sentences)) == (forward.headline, forward.sentences)
    for fold, (_, row) in zip(summary.folds, forward.folds.iterrows(), strict=True):
        assert fold.winner == tuple(row[list(ROLES)])
        assert (fold.rank, fold.better_than) == (row["rank"], row["better_than"])
        assert pd.Timestamp(fold.test_start) == row["test_start"]
    for row in summary.accounts:
        assert row.metrics["total_return"] == forward.metrics[row.account]["total_return"]
    assert [row.account for row in summary.accounts] == list(ACCOUNTS) == list(forward.metrics)
    assert len(summary.borders) == len(summary.folds) - 1
    winners = [fold.winner for fold in summary.folds]
    changed = [winners[place] != winners[place - 1] for place in range(1, len(winners))]
    assert summary.changes == sum(changed)


def test_a_fold_without_a_winner():
    forward = build_forward(min_trades=1000)
    summary = summarize_forward(forward)
    assert [fold.winner for fold in summary.folds] == [None] * 3
    assert [fold.rank for fold in summary.folds] == [None] * 3
    assert summary.accounts[0].metrics["total_return"] == 0


def test_of_many_bars_the_extremes_are_drawn():
    forward = build_forward()
    values = np.random.default_rng(0).normal(size=(3 * MOST_BARS, 4)).cumsum(axis=0)
    index = pd.date_range("2000-01-03", periods=len(values), freq="min")
    long = dataclasses.replace(forward, equity=pd.DataFrame(values, index, list(ACCOUNTS)))
    summary = summarize_forward(long)
    assert summary.bars == len(values) and summary.dates.size <= MOST_BARS + 8
    for place, account in enumerate(ACCOUNTS):
        assert summary.equity[account].min() == values[:, place].min()
        assert summary.equity[account].max() == values[:, place].max()


def test_a_hold_out_has_no_change():
    forward = qmac.walk_forward(
        qmac.sample_prices().tail(300), qmac.Grid(windows=(2, 3, 5, 8, 13)), holdout=0.3
    )
    summary = summarize_forward(forward)
    assert (len(summary.folds), summary.changes, summary.borders) == (1, 0, ())
