"""The best rows are replayed in full, in any parts, and must agree with the sweep."""

import numpy as np
import pandas as pd
import pytest
from helpers.sweeps import GRID, PRICES, done, evaluator_of, prepared

import qmac
from qmac.engine.sweep import reductions
from qmac.errors import InternalError
from qmac.jobs import top_rows
from qmac.jobs.top_rows import count_rows_at_once, replay_top


@pytest.fixture(scope="module")
def evaluator():
    return evaluator_of(PRICES, GRID)


@pytest.fixture
def ranked(evaluator):
    """Scores and indices of the best rows."""
    return reductions.ranked_top(done(evaluator, (0, evaluator.counts.size)))


def test_rows_that_are_replayed_in_parts_are_the_same(monkeypatch):
    whole = qmac.optimize(PRICES, GRID, top=500).top
    monkeypatch.setattr(top_rows, "PART_ROWS", 37)
    monkeypatch.setattr(top_rows, "PART_BARS", 1)
    pd.testing.assert_frame_equal(qmac.optimize(PRICES, GRID, top=500).top, whole, check_exact=True)


def test_few_digits_are_a_warning_not_the_end():
    """A series that hardly moves but for one crash that nobody holds."""
    rng = np.random.default_rng(0)
    close = np.round(1 + np.cumsum(rng.normal(0, 1e-6, 5000)), 6)
    close[100:130] *= np.linspace(0.88, 1, 30)
    prices = pd.Series(close, pd.date_range("2023-03-01", periods=5000, freq="min"))
    with pytest.warns(UserWarning, match="is exact to"):
        qmac.optimize(
            prices,
            qmac.Grid(windows=range(150, 400, 25)),
            "sharpe_ratio",
            qmac.Rules(slippage=0),
            top=500,
        )


def test_the_share_is_shown_after_each_part_but_the_last(evaluator, ranked, monkeypatch):
    monkeypatch.setattr(top_rows, "PART_ROWS", 5)
    monkeypatch.setattr(top_rows, "PART_BARS", 1)
    shares = []
    rows = pd.DataFrame(
        replay_top(prepared(PRICES, GRID), GRID, evaluator, ranked, map, shares.append)
    )
    assert len(rows) == 20 and shares == [0.25, 0.5, 0.75]
    assert rows["total_return"].is_monotonic_decreasing and rows["plateau"].notna().all()


def test_a_sweep_that_differs_from_its_replay_is_a_defect(evaluator, ranked):
    scores, indices = ranked
    with pytest.raises(InternalError, match="the sweep and its replay differ by"):
        replay_top(prepared(PRICES, GRID), GRID, evaluator, (scores + 0.01, indices))
    with pytest.warns(UserWarning, match="total_return is exact to"):
        replay_top(prepared(PRICES, GRID), GRID, evaluator, (scores + 1e-6, indices))


def test_no_rows_are_a_table_with_all_columns(evaluator, ranked):
    rows = pd.DataFrame(replay_top(prepared(PRICES, GRID), GRID, evaluator, ranked))
    none = tuple(part[:0] for part in ranked)
    empty = pd.DataFrame(replay_top(prepared(PRICES, GRID), GRID, evaluator, none))
    assert len(empty) == 0 and list(empty.columns) == list(rows.columns)


def test_longer_series_have_fewer_rows_at_a_time():
    assert count_rows_at_once(10**9) == top_rows.PART_ROWS < count_rows_at_once(1000)
