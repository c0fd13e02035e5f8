"""Is the best combination luck? The whole grid, swept again on random markets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qmac._checks import (
    check_callable,
    check_choice,
    check_count,
    check_path,
    describe,
)
from qmac.errors import InternalError, OptionError
from qmac.jobs.runner import count_threads
from qmac.results.result import Result
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.chance import LEAST_RESAMPLES, LEAST_STOP_AFTER, STOP_AFTER
from qmac.robustness.luck.store import build_store, describe_question
from qmac.robustness.markets.resample_run import ResampleRun, check_result
from qmac.robustness.markets.resample_sweep import REAL, RandomMarkets
from qmac.robustness.markets.resampling import MOST_SEED, NULLS
from qmac.runs.header import Identity
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.execution.parts import Counter, Part, PartQueue
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener, join_listeners
from qmac.runtime.resources.limits import Limits
from qmac.storage.json_text import compute_checksum
from qmac.strategy.objective import Objective

Watch = Callable[[Luck], None]
"""Takes the answer so far."""
RESAMPLES = 199
MOST_RESAMPLES = 1_000_000
"""Their records are read into memory."""


def luck(  # noqa: PLR0913 - public signature
    result: Result,
    resamples: int = RESAMPLES,
    *,
    nulls: Sequence[str] = tuple(NULLS),
    stop_after: int | None = STOP_AFTER,
    seed: int = 1,
    tried: int = 1,
    threads: int | None = None,
    progress: Listener | None = None,
    out: str | Path | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
) -> Luck:
    """Return how often luck alone does as well as the best combination of a result.

    The same grid is swept, by the same rules, on random markets that are like the real one except
    that nothing in them can be predicted.

    Parameters
    ----------
    result : Result
        The answer of a sweep, with its prices.
    resamples : int, default 199
        Random markets of each null hypothesis, at most.
    nulls : sequence of str, default ("shuffle", "mirror")
        How random markets are drawn: moves in random order, and moves in random direction. The
        larger p counts.
    stop_after : int, optional
        Random markets at least as good after which a null hypothesis is not swept any further:
        luck is the answer. None: all are swept.
    seed : int, default 1
        Of the random words.
    tried : int, default 1
        Searches (grids, objectives, rules, symbols) of which this is the best; p is multiplied by
        it.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default. The answer does not depend
        on it.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    out : str or Path, optional
        Directory of the run that has the result, or another one: what was swept is written there,
        and the same call goes on after an interruption, or with more resamples.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where random markets are swept, such as ``RayExecutor``; threads of this process by
        default. The answer does not depend on it.

    Returns
    -------
    Luck
        The p-value, its bounds, and what they say.

    Raises
    ------
    ResultError
        If the result has no best combination, no prices, averages of its own, cells that failed or
        other kernels; or ``out`` is in use, holds something else, or cannot be written.
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
    >>> answer = qmac.luck(result, resamples=39)
    >>> answer.verdict, answer.table["null"].tolist()
    ('luck_alone_brings_this', ['shuffle', 'mirror'])
    """
    check_callable("progress", progress)
    plan = Plan.check(resamples, nulls, stop_after, seed, tried)
    place = None if out is None else check_path("out", out, is_new=True)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    executor = check_executor(executor, "run_parts") or ThreadExecutor(threads)
    return Search.prepare(result, plan).run(place, limits, executor, progress)


@dataclass(frozen=True)
class Plan:
    """How random markets are drawn and counted; checked."""

    resamples: int
    nulls: tuple[str, ...]
    stop_after: int | None
    seed: int
    tried: int

    @classmethod
    def check(
        cls,
        resamples: Any = RESAMPLES,
        nulls: Any = tuple(NULLS),
        stop_after: Any = STOP_AFTER,
        seed: Any = 1,
        tried: Any = 1,
    ) -> Plan:
        """Return a plan of the arguments of a user.

        Parameters
        ----------
        resamples, nulls, stop_after, seed, tried : object
            See ``luck``.

        Returns
        -------
        Plan
            Checked.

        Raises
        ------
        OptionError
            If one is invalid.
        """
        resamples = check_count("resamples", resamples, 0, MOST_RESAMPLES)
        if resamples < LEAST_RESAMPLES:
            raise OptionError(
                f"resamples must be at least {LEAST_RESAMPLES}, got {resamples}: p cannot be below "
                f"1 / (resamples + 1), {1 / (resamples + 1):.2g}. Use {RESAMPLES}."
            )
        if stop_after is not None:
            stop_after = check_count("stop_after", stop_after, LEAST_STOP_AFTER)
        return cls(
            resamples,
            _check_nulls(nulls),
            stop_after,
            check_count("seed", seed, 0, MOST_SEED),
            check_count("tried", tried, 1),
        )


@dataclass(frozen=True)
class Search:
    """A sweep whose random markets can be swept as it was: every check is done."""

    result: Result
    plan: Plan
    identity: Identity
    markets: RandomMarkets

    @classmethod
    def prepare(cls, result: Result, plan: Plan) -> Search:
        """Check that random markets can be swept as a result was.

        Parameters
        ----------
        result : Result
            The answer of a sweep.
        plan : Plan
            How random markets are drawn.

        Returns
        -------
        Search
            Nothing is written yet.

        Raises
        ------
        ResultError
            If the result has no best combination, no prices, averages of its own, cells that
            failed or other kernels.
        PricesError
            If there are too few moves, or they are too large.
        """
        identity = check_result(result)
        request = dataclasses.replace(result.request, rules=result.replay_rules)
        markets = RandomMarkets(result.series.prices, request, plan.nulls, plan.seed)
        markets.sweep.check_prices(plan.resamples)
        return cls(result, plan, identity, markets)

    def run(
        self,
        place: Path | None,
        limits: Limits,
        executor: Executor,
        progress: Listener | None,
        watch: Watch | None = None,
    ) -> Luck:
        """Sweep what is left, and return what it says.

        Nothing is written for an executor that cannot be reached.

        Parameters
        ----------
        place : Path or None
            Where it is written; None for memory.
        limits : Limits
            What the run may use of the machine.
        executor : Executor
            Where random markets are swept.
        progress : callable or None
            Gets a ``Status`` about ten times a second.
        watch : callable, optional
            Gets the answer so far about ten times a second; what it raises ends the run.

        Returns
        -------
        Luck
            The answer.

        Raises
        ------
        ResultError
            If the place is in use, holds something else, or cannot be written.
        Stopped
            If a limit ended the run.
        """
        question = describe_question(self.identity, self.plan.seed)
        store = build_store(place, self.identity, question)
        if isinstance(executor, ClusterExecutor):
            executor.connect()
        run = ResampleRun(self.identity.task, self.markets, store, limits, executor, progress)
        search = _Run(self.result, self.plan, run, watch)
        run.check_memory(search.build_queue())
        with store.opened(progress) as listener:
            search = dataclasses.replace(search, run=dataclasses.replace(run, listener=listener))
            return store.store(search.compute(self.identity))


def _check_nulls(nulls: Any) -> tuple[str, ...]:
    if isinstance(nulls, str):
        nulls = (nulls,)
    try:
        names = tuple(check_choice("null", null, NULLS) for null in nulls)
    except TypeError:
        names = ()
    if not names or len(set(names)) < len(names):
        raise OptionError(
            f"nulls must be different names of {', '.join(NULLS)}, got {describe(nulls)}. Leave it "
            "out for all of them."
        )
    return names


class _Exceedances:
    """A counter of resamples that are at least as good."""

    def __init__(self, score: float, most: int | None) -> None:
        self._score, self._most = score, most
        self._count = 0

    def __call__(self, score: float) -> bool:
        self._count += score >= self._score
        return self._count == self._most


@dataclass(frozen=True)
class _Run:
    """The sweeps of random markets that one call makes."""

    result: Result
    plan: Plan
    run: ResampleRun
    watch: Watch | None

    @property
    def objective(self) -> Objective:
        """How combinations are ranked."""
        return self.run.markets.sweep.spec.objective

    @property
    def score(self) -> float:
        """Score of the best combination, the higher the better."""
        return float(self.result.top_scores[0]) * self.objective.sign

    def compute(self, identity: Identity) -> Luck:
        """Sweep what is left, and return what it says."""
        queue = self.build_queue()
        question = compute_checksum(describe_question(identity, self.plan.seed))

        def build(degradations: list[dict[str, Any]]) -> Luck:
            return self._build_answer(queue, question, degradations)

        run, watch = self.run, self.watch
        if watch is not None:
            shown = join_listeners(lambda _: watch(build([])), run.listener)
            run = dataclasses.replace(run, listener=shown)
        return build(run.run(queue))

    def _build_answer(
        self, queue: PartQueue, question: str, degradations: list[dict[str, Any]]
    ) -> Luck:
        """Return what the random markets say that are swept so far."""
        return Luck(
            name=self.result.prices["name"],
            metric=self.objective,
            combinations=self.result.grid.size,
            score=self.score,
            hold_metrics=self.result.hold,
            scores_by_null={null: np.array(queue.values[null]) for null in self.plan.nulls},
            stop_after=self.plan.stop_after,
            tried=self.plan.tried,
            seed=self.plan.seed,
            question=question,
            elapsed=self.run.store.elapsed,
            degradations=degradations,
            bars=self.run.markets.sweep.series.period.bars,
        )

    def build_queue(self) -> PartQueue:
        """Return what is to be swept, without what earlier processes have swept."""
        counters: dict[str, Counter] = {REAL: self._check_real}
        for null in self.plan.nulls:
            counters[null] = _Exceedances(self.score, self.plan.stop_after)
        counts = {REAL: 1} | dict.fromkeys(self.plan.nulls, self.plan.resamples)
        done = {Part(null, number): score for null, number, score in self.run.store.read()}
        return PartQueue(counters, counts, done, self.run.record)

    def _check_real(self, score: float) -> bool:
        """Check that the real market, swept as random ones are, has the best of the result."""
        if score != self.score:
            raise InternalError(
                f"the best score of {self.result.prices['name']} is {score!r} by the sweep of "
                f"random markets, not {self.score!r}, which the result has."
            )
        return True
