"""How many independent tries is a grid worth? Its best on random markets without drift says it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from qmac._checks import check_callable, check_count, check_path
from qmac.errors import OptionError, ResultError
from qmac.jobs.runner import count_threads
from qmac.results.result import Result
from qmac.robustness.luck_store import MemoryLuckStore
from qmac.robustness.resample_run import ResampleRun, check_result
from qmac.robustness.resample_sweep import RandomMarkets
from qmac.robustness.resampling import DRIFTLESS, MOST_SEED
from qmac.robustness.tries_answer import Tries
from qmac.robustness.tries_store import compute_question, find_file, read_same, write_tries
from qmac.runtime.execution.parts import PartQueue
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits

RESAMPLES = 25
LEAST_RESAMPLES, MOST_RESAMPLES = 5, 100_000
"""With fewer, the standard error is not known; more of them are not needed."""


def tries(
    result: Result,
    resamples: int = RESAMPLES,
    seed: int = 1,
    *,
    threads: int | None = None,
    progress: Listener | None = None,
    out: str | Path | None = None,
    limits: Limits | None = None,
) -> Tries:
    """Return how many independent tries the search of a result is worth.

    Neighbouring window sets trade nearly alike, so a grid of a billion is fewer tries than that.
    The whole grid is swept, by the same rules, on random markets without drift, where no window set
    has any skill. As many tries are counted as have, on average, a best that good.

    Parameters
    ----------
    result : Result
        The answer of a sweep, with its prices.
    resamples : int, default 25
        Random markets.
    seed : int, default 1
        Of the random words.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default. The answer does not depend
        on it.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    out : str or Path, optional
        Directory of the run that has the result: the answer is written there, where reports find
        it, and read from there the next time.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.

    Returns
    -------
    Tries
        The number, its bounds, and what they say.

    Raises
    ------
    ResultError
        If the result has no best combination, no prices, averages of its own, cells that failed or
        other kernels; if ``out`` is not its run; or if no combination is scored in a random market.
    PricesError
        If there are too few moves, or they are too large.
    OptionError
        If another argument is invalid.
    Stopped
        If a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> result = qmac.optimize(qmac.sample_prices().tail(500), qmac.Grid(windows=range(10, 60, 10)))
    >>> answer = result.tries()
    >>> 2 < answer.tries < 30, answer.combinations
    (True, 30)
    """
    check_callable("progress", progress)
    resamples = check_count("resamples", resamples, 1, MOST_RESAMPLES)
    if resamples < LEAST_RESAMPLES:
        raise OptionError(
            f"resamples must be at least {LEAST_RESAMPLES}, got {resamples}. Use {RESAMPLES}."
        )
    seed = check_count("seed", seed, 0, MOST_SEED)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    path = None if out is None else check_path("out", out, is_new=True)
    identity = check_result(result)
    markets = _build_markets(result, resamples, seed)
    question = compute_question(identity, seed, resamples)
    file = None if path is None else find_file(path, identity)
    stored = None if file is None else read_same(file, question)
    if stored is not None:
        return stored
    executor = ThreadExecutor(threads)
    run = ResampleRun(identity.task, markets, MemoryLuckStore(), limits, executor, progress)
    answer = _compute(run, resamples, seed, question)
    if file is not None:
        write_tries(answer, file)
    return answer


def _build_markets(result: Result, resamples: int, seed: int) -> RandomMarkets:
    """Return markets without drift, swept for the best Sharpe ratio."""
    request = dataclasses.replace(
        result.request, rules=result.replay_rules, objective="sharpe_ratio", maximize=True
    )
    markets = RandomMarkets(result.series.prices, request, (DRIFTLESS,), seed)
    markets.sweep.check_prices(resamples)
    return markets


def _compute(run: ResampleRun, resamples: int, seed: int, question: str) -> Tries:
    began = time.perf_counter()
    queue = PartQueue({DRIFTLESS: _is_enough}, {DRIFTLESS: resamples})
    degradations = run.run(queue)
    scores = np.array(queue.values[DRIFTLESS])
    unscored = int(np.isneginf(scores).sum())
    if unscored:
        raise ResultError(
            f"{run.name}: in {unscored} of {resamples} random markets no combination passed the "
            "constraints, so their best has no mean. Use looser constraints, and sweep again."
        )
    series = run.markets.sweep.series
    return Tries(
        name=run.name,
        combinations=run.markets.request.grid.size,
        values=scores * np.sqrt(series.period.bars / series.periods_per_year),
        seed=seed,
        question=question,
        elapsed=time.perf_counter() - began,
        degradations=degradations,
    )


def _is_enough(_: Any) -> bool:
    """Count all random markets."""
    return False
