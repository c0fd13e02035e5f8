"""Is the best of each of many symbols luck? Their answers, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_callable, check_instance, check_path
from qmac.errors import (
    PricesError,
    ResultError,
)
from qmac.jobs.job import Job
from qmac.jobs.runner import count_threads
from qmac.results.collection import Results
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.chance import SMALL_P, STOP_AFTER, adjust_holm
from qmac.robustness.luck.search import RESAMPLES, Plan, Search
from qmac.robustness.luck.sentences import describe_many
from qmac.robustness.markets.resample_run import describe_own_averages
from qmac.robustness.markets.resample_sweep import RandomMarkets
from qmac.robustness.markets.resampling import NULLS
from qmac.robustness.symbol_answers import Means, SymbolAnswers, answer_each
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits


class Lucks(SymbolAnswers[Luck]):
    """The answers of many symbols by their names. Nothing of it can be changed.

    Parameters
    ----------
    answers : mapping of str to Luck
        By symbol; one or more.
    resamples : int
        Random markets of each null hypothesis, at most.
    left_out : mapping of str to str
        Symbols without an answer, and why.
    """

    def __init__(
        self,
        answers: Mapping[str, Luck],
        resamples: int = RESAMPLES,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(answers, left_out)
        self.resamples = resamples
        """Random markets of each null hypothesis, at most."""

    def __repr__(self) -> str:
        small = int((self.table["p"] < SMALL_P).sum())
        return f"Lucks({self._shown_names}; {small} with p below {SMALL_P})"

    @property
    def table(self) -> pd.DataFrame:
        """A row for each symbol: best, hold, p, its bounds, p adjusted for their number, verdict.

        The adjusted p is Holm's: the chance that any symbol with one up to x is luck is at most x.
        """
        rows = [
            {
                "symbol": name,
                "best": luck.best,
                "hold": luck.hold,
                "p": luck.p,
                "low": luck.interval.low,
                "high": luck.interval.high,
                "verdict": luck.verdict,
                "decided_by": luck.decided_by,
            }
            for name, luck in self.items()
        ]
        frame = pd.DataFrame(rows).set_index("symbol")
        frame.insert(5, "adjusted_p", adjust_holm(frame["p"].to_numpy()))
        return frame

    @property
    def sentences(self) -> list[str]:
        """What the answers say together, in words."""
        table = self.table
        tried = next(iter(self._answers.values())).tried
        return describe_many(
            dict(zip(self, table["p"], strict=True)), table["adjusted_p"], tried, self.resamples
        )

    def summary(self) -> dict[str, Any]:
        """Return the summary of each answer, with its adjusted p, and what they say together.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        adjusted: np.ndarray = self.table["adjusted_p"].to_numpy()
        return {
            "luck": [
                luck.summary() | {"adjusted_p": float(p)}
                for luck, p in zip(self.values(), adjusted, strict=True)
            ],
            "left_out": self.left_out,
            "sentences": self.sentences,
        }


def luck_of_each(  # noqa: PLR0913 - the arguments of luck
    results: Results,
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
) -> Lucks:
    """Return how often luck alone does as well as the best combination of each symbol.

    Parameters
    ----------
    results : Results
        Results of a job.
    resamples : int, default 199
        Random markets of each null hypothesis, at most.
    nulls : sequence of str, default ("shuffle", "mirror")
        How random markets are drawn.
    stop_after : int, optional
        Random markets at least as good after which no more are swept; 20 by default.
    seed : int, default 1
        Of the random words.
    tried : int, default 1
        Searches of which each is the best.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where random markets are swept; threads of this process by default.
    out : str or Path, optional
        Directory of the run that has the results, or another one, in which each symbol then has a
        directory of its own.

    Returns
    -------
    Lucks
        By symbol; those whose random markets cannot be swept are left out with a warning.

    Raises
    ------
    ResultError, PricesError
        If that is so for all of them, or ``out`` is in use or cannot be written.
    OptionError
        If an argument is invalid.
    Stopped
        If a limit ended the run.
    """
    check_callable("progress", progress)
    check_instance("results", results, Results, "Use what qmac.optimize_many returns.")
    plan = Plan.check(resamples, nulls, stop_after, seed, tried)
    place = None if out is None else check_path("out", out, is_new=True)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    executor = check_executor(executor, "run_parts") or ThreadExecutor(threads)
    answers, left_out = answer_each(
        results,
        lambda name: Search.prepare(results[name], plan),
        Means(place, limits, executor, progress),
    )
    return Lucks(answers, plan.resamples, left_out)


def check_series(job: Job, plan: Plan) -> None:
    """Check, before a job is swept, that random markets can be drawn from its series.

    Parameters
    ----------
    job : Job
        Request and series.
    plan : Plan
        How random markets are drawn.

    Raises
    ------
    ResultError
        If the averages are the user's own.
    PricesError
        If no series has enough moves, or all are too large.
    """
    if job.averages is not None:
        raise ResultError(describe_own_averages(job.tasks[0].name))
    errors = []
    for task in job.tasks:
        try:
            markets = RandomMarkets(job.series(task), job.request, plan.nulls, plan.seed)
            markets.sweep.check_prices(plan.resamples)
        except PricesError as error:
            errors.append(error)
        else:
            return
    raise errors[0]
