"""How many independent tries is a grid worth? Its best on random markets without drift says it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qmac._checks import check_callable, check_count, check_path, describe, read_integer
from qmac.errors import OptionError, ResultError
from qmac.jobs.runner import count_threads
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.robustness.markets.resample_run import ResampleRun, check_result
from qmac.robustness.markets.resample_sweep import RandomMarkets
from qmac.robustness.markets.resampling import DRIFTLESS, MOST_SEED
from qmac.robustness.symbol_answers import Means, SymbolAnswers, answer_each
from qmac.robustness.tries.answer import Tries
from qmac.robustness.tries.store import (
    build_store,
    compute_question,
    find_file,
    read_same,
    store_tries,
)
from qmac.runs.header import Identity
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.execution.parts import Part, PartQueue
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits

RESAMPLES = 25
LEAST_RESAMPLES, MOST_RESAMPLES = 5, 100_000
"""With fewer, the standard error is not known; more of them are not needed."""


def tries(  # noqa: PLR0913 - the arguments of luck
    result: Result,
    resamples: int = RESAMPLES,
    seed: int = 1,
    *,
    threads: int | None = None,
    progress: Listener | None = None,
    out: str | Path | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
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
        it, and read from there the next time. The same call goes on after an interruption, or with
        more random markets.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where random markets are swept, such as ``RayExecutor``; threads of this process by
        default. The answer does not depend on it.

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
    resamples, seed = check_counts(resamples, seed)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    place = None if out is None else check_path("out", out, is_new=True)
    executor = check_executor(executor, "run_parts") or ThreadExecutor(threads)
    return TriesSearch.prepare(result, resamples, seed).run(place, limits, executor, progress)


def check_counts(resamples: Any = RESAMPLES, seed: Any = 1) -> tuple[int, int]:
    """Check how many random markets there are, and their seed.

    Parameters
    ----------
    resamples, seed : object
        See ``tries``.

    Returns
    -------
    tuple of int
        The same.

    Raises
    ------
    OptionError
        If one is invalid.
    """
    count = read_integer(resamples)
    if count is not None and count < LEAST_RESAMPLES:
        raise OptionError(
            f"resamples must be at least {LEAST_RESAMPLES}, got {describe(count)}. Use {RESAMPLES}."
        )
    resamples = check_count("resamples", resamples, LEAST_RESAMPLES, MOST_RESAMPLES)
    return resamples, check_count("seed", seed, 0, MOST_SEED)


@dataclass(frozen=True)
class TriesSearch:
    """A sweep whose tries can be counted: every check is done."""

    identity: Identity
    markets: RandomMarkets
    """Without drift, swept for the best Sharpe ratio."""
    resamples: int
    seed: int

    @classmethod
    def prepare(cls, result: Result, resamples: int, seed: int) -> TriesSearch:
        """Check that random markets without drift can be swept as a result was.

        Parameters
        ----------
        result : Result
            The answer of a sweep.
        resamples, seed : int
            What ``check_counts`` returned.

        Returns
        -------
        TriesSearch
            Nothing is written yet.

        Raises
        ------
        ResultError, PricesError
            See ``tries``.
        """
        identity = check_result(result)
        request = dataclasses.replace(
            result.request, rules=result.replay_rules, objective="sharpe_ratio", maximize=True
        )
        markets = RandomMarkets(result.series.prices, request, (DRIFTLESS,), seed)
        markets.sweep.check_prices(resamples)
        return cls(identity, markets, resamples, seed)

    def run(
        self, place: Path | None, limits: Limits, executor: Executor, progress: Listener | None
    ) -> Tries:
        """Sweep what is left, and return how many tries the search is worth.

        Parameters
        ----------
        place : Path or None
            The run that has the result; None for memory.
        limits : Limits
            What the run may use of the machine.
        executor : Executor
            Where random markets are swept.
        progress : callable or None
            Gets a ``Status`` about ten times a second.

        Returns
        -------
        Tries
            The answer; that of the run, where it has it.

        Raises
        ------
        ResultError
            If the place is not the run, is in use, or cannot be written; or if no combination is
            scored in a random market.
        Stopped
            If a limit ended the run.
        """
        question = compute_question(self.identity, self.seed, self.resamples)
        file = None if place is None else find_file(place, self.identity)
        stored = None if file is None else read_same(file, question)
        if stored is not None:
            return stored
        store = build_store(place, self.identity, self.seed)
        if isinstance(executor, ClusterExecutor):
            executor.connect()
        run = ResampleRun(self.identity.task, self.markets, store, limits, executor, progress)
        run.check_memory(self._build_queue(run))
        with store.opened(progress) as listener:
            run = dataclasses.replace(run, listener=listener)
            answer = self._compute(run, question)
            if file is not None:
                store_tries(answer, file, self.identity)
        return answer

    def _build_queue(self, run: ResampleRun) -> PartQueue:
        """Return what is to be swept, without what earlier processes have swept."""
        done = {Part(null, number): score for null, number, score in run.store.read()}
        counters, counts = {DRIFTLESS: _is_enough}, {DRIFTLESS: self.resamples}
        return PartQueue(counters, counts, done, run.record)

    def _compute(self, run: ResampleRun, question: str) -> Tries:
        queue = self._build_queue(run)
        degradations = run.run(queue)
        scores = np.array(queue.values[DRIFTLESS])
        unscored = int(np.isneginf(scores).sum())
        if unscored:
            raise ResultError(
                f"{run.name}: in {unscored} of {self.resamples} random markets no combination "
                "passed the constraints, so their best has no mean. Use looser constraints, and "
                "sweep again."
            )
        series = run.markets.sweep.series
        return Tries(
            name=run.name,
            combinations=run.markets.request.grid.size,
            values=scores * np.sqrt(series.period.bars / series.periods_per_year),
            seed=self.seed,
            question=question,
            elapsed=run.store.elapsed,
            degradations=degradations,
        )


class ManyTries(SymbolAnswers[Tries]):
    """How many tries the search of each of many symbols is worth. Nothing of it can be changed.

    Parameters
    ----------
    answers : mapping of str to Tries
        By symbol; one or more.
    left_out : mapping of str to str
        Symbols without an answer, and why.
    """

    def __repr__(self) -> str:
        return f"ManyTries({self._shown_names})"

    @property
    def sentences(self) -> list[str]:
        """What each answer says first."""
        return [tries.sentences[0] for tries in self.values()]

    def summary(self) -> dict[str, Any]:
        """Return the summary of each answer.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        return {
            "tries": [tries.summary() for tries in self.values()],
            "left_out": self.left_out,
        }


def count_each(results: Results, resamples: int, seed: int, means: Means) -> ManyTries:
    """Return how many tries the search of each symbol is worth.

    Parameters
    ----------
    results : Results
        Results of a job.
    resamples, seed : int
        What ``check_counts`` returned.
    means : Means
        What answers are computed with.

    Returns
    -------
    ManyTries
        By symbol; those whose random markets cannot be swept are left out with a warning.

    Raises
    ------
    InputError
        If that is so for all of them.
    Stopped
        If a limit ended the run.
    """
    answers, left_out = answer_each(
        results, lambda name: TriesSearch.prepare(results[name], resamples, seed), means
    )
    return ManyTries(answers, left_out)


def _is_enough(_: Any) -> bool:
    """Count all random markets."""
    return False
