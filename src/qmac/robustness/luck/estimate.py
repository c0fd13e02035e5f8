"""What the random markets of a sweep take, from the speed of the sweep itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qmac.jobs.estimate import Estimate, estimate
from qmac.jobs.job import Job
from qmac.jobs.memory_model import loading_bytes, resample_bytes
from qmac.robustness.luck.search import Plan
from qmac.runtime.monitoring.status import format_duration
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe

HALF_BARS, OTHER_HALF_BARS = 8500, 4500
"""Bars of which a random market takes half the time of a whole sweep, with total_return and with
other objectives. Measured with total_return: 0.10 of it at 800 bars, 0.21 at 2,000, 0.36 at 5,031;
with sharpe_ratio 1.5 to 1.8 times as much."""
FIXED_SECONDS = 0.012
"""For each random market, on one thread: prices, averages and crosses. For 51 windows."""
LUCKY_P = 0.5
"""A p at which counting stops early: many a winner is no better than half of the random markets."""
RECORD_BYTES = 200
"""Of a random market on disk."""


@dataclass(frozen=True)
class Duration:
    """How long random markets take."""

    low: float
    """Seconds where luck alone does as well in every second one, so that counting stops early."""
    high: float
    """Seconds of all of them."""

    @property
    def text(self) -> str:
        """Both in words."""
        low, high = (format_duration(max(seconds, 1.0)) for seconds in (self.low, self.high))
        return low if low == high else f"{low} to {high}"


def estimate_duration(
    cpu_seconds: float, bars: int, objective: str, plan: Plan, threads: int
) -> Duration:
    """Return how long the random markets of one sweep take.

    Parameters
    ----------
    cpu_seconds : float
        Of the sweep itself, of all threads together.
    bars : int
        Its bars.
    objective : str
        Metric that ranks combinations.
    plan : Plan
        How random markets are drawn and counted.
    threads : int
        Threads that sweep them.

    Returns
    -------
    Duration
        About.
    """
    half = HALF_BARS if objective == "total_return" else OTHER_HALF_BARS
    each = cpu_seconds * bars / (bars + half) + FIXED_SECONDS
    most = few = plan.resamples
    if plan.stop_after is not None:
        few = min(most, round(plan.stop_after / LUCKY_P))
    low, high = (len(plan.nulls) * count * each / threads for count in (few, most))
    return Duration(low, high)


def add_durations(durations: Iterable[Duration]) -> Duration:
    """Return how long the random markets of several sweeps take together.

    Parameters
    ----------
    durations : iterable of Duration
        Of each.

    Returns
    -------
    Duration
        Of all.
    """
    low, high = (0.0, 0.0)
    for duration in durations:
        low, high = low + duration.low, high + duration.high
    return Duration(low, high)


@dataclass(frozen=True)
class LuckEstimate:
    """What the random markets of a job take.

    Attributes
    ----------
    combinations, symbols : int
        Combinations of the grid, and symbols.
    resamples : int
        Random markets of each symbol at most, of all null hypotheses.
    duration : Duration
        Of all symbols.
    sweep : Estimate
        What the sweeps themselves take.
    memory, disk : int
        Bytes at most; on disk with a run directory.
    """

    combinations: int
    symbols: int
    resamples: int
    duration: Duration
    sweep: Estimate
    memory: int
    disk: int

    @property
    def lines(self) -> list[str]:
        """Lines of text for people."""
        markets = f"{self.resamples:,} random markets"
        if self.symbols > 1:
            markets += f" for each of {self.symbols:,} symbols"
        total = self.combinations * self.resamples * self.symbols
        return [
            f"combinations  {self.combinations:,} on {markets} at most, {total:,} in all",
            f"time          {self.duration.text} on {self.sweep.shown_threads} here",
            f"memory        {format_bytes(self.memory)}",
            f"disk          {format_bytes(self.disk)} in the directory of a run",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Values by name of the attribute.
        """
        return dataclasses.asdict(self)


def estimate_luck(job: Job, plan: Plan, limits: Limits, threads: int) -> LuckEstimate:
    """Estimate what the random markets of a job take, from a second or two of its sweep.

    Parameters
    ----------
    job : Job
        Request and series.
    plan : Plan
        How random markets are drawn and counted.
    limits : Limits
        What the run may use of the machine.
    threads : int
        Most threads.

    Returns
    -------
    LuckEstimate
        Of this machine.

    Raises
    ------
    OptionError
        If the only series does not fit into the memory limit.
    """
    sweep = estimate(job, limits, threads)
    bars = {task: len(job.series(task)) for task in job.tasks}
    longest = max(bars, key=lambda task: bars[task])
    mean = round(sum(bars.values()) / len(bars))
    objective, cpu_seconds = job.request.objective, sweep.cpu_seconds / len(bars)
    one = estimate_duration(cpu_seconds, mean, objective, plan, sweep.threads)
    series = job.prepare(job.series(longest))
    each = resample_bytes(series, job.request.grid, job.build_spec(series))
    count = len(plan.nulls) * plan.resamples
    return LuckEstimate(
        combinations=job.request.grid.size,
        symbols=len(bars),
        resamples=count,
        duration=add_durations([one] * len(bars)),
        sweep=sweep,
        memory=(Probe().read().rss or 0) + loading_bytes() + sweep.threads * each,
        disk=RECORD_BYTES * count * len(bars),
    )
