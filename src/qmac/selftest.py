"""Known answers, asked of the very kernels that are about to be used: code read from disk, on this CPU."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd

from qmac import reductions, simulation
from qmac.config import Rules
from qmac.dataset import Dataset
from qmac.errors import InternalError
from qmac.evaluation import Question, Worker
from qmac.grid import Grid
from qmac.objective import Objective
from qmac.prices import Prices

CLOSES = (
    10, 11, 9, 12, 13, 11, 10, 12, 14, 15, 13, 12, 11, 13, 16, 15, 14, 12, 10, 9, 11, 13, 12, 14, 17, 18, 16, 13, 12, 11,
    12, 15, 14, 13, 16, 19, 17, 15, 12, 14,
)  # fmt: skip
WINDOWS = (1, 2, 3, 5)
TOLERANCE = 1e-9


def self_test(question: Question) -> None:
    """Sweep a small series with the kernels of ``question`` and hold it against the bar-by-bar metrics; about 10 ms.

    Raises
    ------
    InternalError : the kernels are wrong on this machine.
    """
    rules = replace(question.rules, start=None, end=None, average="sma", periods_per_year=252.0, init_cash=100.0)
    constrained = frozenset(question.bounds)
    _check(type(question), rules, question.objective.metric, constrained, question.traded, question.lanes)  # type: ignore[arg-type]


@functools.cache
def _check(
    kind: type[Question], rules: Rules, metric: str, constrained: frozenset[str], traded: bool, lanes: int
) -> None:
    close = np.array(CLOSES, np.float64)
    opens = np.concatenate((close[:1], close[:-1]))
    frame = pd.DataFrame(
        {"Open": opens, "High": np.maximum(opens, close) + 0.5, "Low": np.minimum(opens, close) - 0.5, "Close": close},
        index=pd.bdate_range("2001-01-01", periods=close.size),
    )
    prices, grid = Prices.of(frame), Grid(windows=WINDOWS, shared_windows=True)
    bounds = dict.fromkeys(constrained, (-np.inf, np.inf)) | ({"total_trades": (1.0, np.inf)} if traded else {})
    question = kind(rules, Objective(metric, True, close.size / 252), True, grid.size, bounds, lanes)
    dataset = Dataset.build(prices, grid, rules, question.statistics)
    limit = None if question.is_bounded(dataset) else 1e9
    worker = Worker(dataset, question, reductions.Units.of(1.0, len(WINDOWS)).scale(-1.0, 1.0, limit))
    worker.evaluate((0, worker.cells))
    scores, indices = reductions.top_of(worker.tally)
    expected = simulation.evaluate(prices, [grid.combination(i) for i in range(grid.size)], rules)
    undefined = expected[sorted(constrained)].isna().any(axis=1).to_numpy()
    undefined = undefined | (traded & (expected["total_trades"].to_numpy() == 0))
    values = np.where(undefined, np.nan, expected[metric].to_numpy(np.float64))
    found = np.full(grid.size, np.nan)
    found[indices] = question.objective.values(scores)
    if not np.allclose(found, np.where(np.isfinite(values), values, np.nan), TOLERANCE, TOLERANCE, equal_nan=True):
        raise InternalError(
            f"the compiled kernels give wrong answers for {metric} on this machine. Remove the directory of compiled "
            "kernels ($QMAC_CACHE_DIR, or qmac in the user's cache directory) and run again."
        )
