"""Given the original's averages and costs, the engine gives the original's scores."""

import sys
from pathlib import Path

import numpy as np
import pytest

import qmac
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.execution.threads import compute_tally

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks import original  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("windows", [range(2, 253, 9), [*range(2, 16), *range(40, 253, 15)]])
def test_same_scores_on_a_hundred_thousand_combinations(sample, windows):
    close = sample.tail(2000).close
    grid = qmac.Grid(windows=windows)
    assert grid.size > 100_000
    evaluator = Evaluator(original.as_dataset(close, grid), original.build_spec(grid, grid.size))
    tally = compute_tally(evaluator, 2)
    scores, indices = reductions.ranked_top(tally)
    assert scores.size == grid.size
    combinations = grid.combinations_at(indices)
    expected = original.score_all(close, combinations, grid.windows[-1])
    assert np.abs(scores - expected).max() < 1e-12
    assert np.unique(expected).size > 20_000
