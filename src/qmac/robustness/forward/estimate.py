"""What a walk-forward takes, from a second or two of its first train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmac.jobs.estimate import Estimate, estimate
from qmac.jobs.job import Job
from qmac.robustness.forward.fold_sweep import restrict_rules
from qmac.robustness.forward.folds import Fold
from qmac.robustness.forward.walk_forward import Walk
from qmac.runtime.monitoring.status import format_duration
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.strategy.formatting import plural

FOLD_BYTES = 4000
"""Of the two records of a fold and its part of the answer, on disk."""
BAR_BYTES = 80
"""Of a bar of a test, in the answer on disk: a date and four accounts. Measured: 72 to 80."""


@dataclass(frozen=True)
class ForwardEstimate:
    """What the folds of all symbols take.

    Attributes
    ----------
    combinations, symbols, folds, sweeps : int
        Combinations of the grid; symbols, and folds and sweeps of all of them.
    first, last : str
        Dates of the first and the last bar of the tests of the first symbol.
    left_over : int
        Bars of the first symbol after its last test.
    seconds : float
        Time of all sweeps.
    memory, disk : int
        Bytes at most; on disk with a directory.
    train : Estimate
        What the first train takes, by itself.
    """

    combinations: int
    symbols: int
    folds: int
    sweeps: int
    first: str
    last: str
    left_over: int
    seconds: float
    memory: int
    disk: int
    train: Estimate

    @property
    def lines(self) -> list[str]:
        """Lines of text for people."""
        each = f" of {self.symbols:,} symbols" if self.symbols > 1 else ""
        total = self.combinations * self.sweeps
        folds = f"{self.folds:,}{each}; tests from {self.first} to {self.last}"
        if self.left_over:
            folds += f", {self.left_over:,} {plural(self.left_over, 'bar')} left over"
        sweeps = f"{self.combinations:,} in each of {self.sweeps:,} sweeps, {total:,} in all"
        duration = format_duration(max(self.seconds, 1.0))
        return [
            f"folds         {folds}",
            f"combinations  {sweeps}",
            f"time          {duration} on {self.train.shown_threads} here",
            f"memory        {format_bytes(self.memory)}",
            f"disk          {format_bytes(self.disk)} with --out",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Values by name of the attribute.
        """
        return dataclasses.asdict(self)


def estimate_forward(walks: Mapping[str, Walk], limits: Limits, threads: int) -> ForwardEstimate:
    """Estimate what the folds of some symbols take.

    Parameters
    ----------
    walks : mapping of str to Walk
        By symbol; one or more.
    limits : Limits
        What the run may use of the machine.
    threads : int
        Most threads.

    Returns
    -------
    ForwardEstimate
        Of this machine.

    Raises
    ------
    OptionError
        If the longest sweep does not fit into the memory limit.
    """
    longest = max(walks.values(), key=lambda walk: max(walk.weights.values()))
    fold = max(longest.folds.folds, key=_count_bars)
    train = _estimate_train(longest, fold, limits, threads)
    bars = sum(sum(walk.weights.values()) for walk in walks.values())
    first = next(iter(walks.values()))
    index, divided = first.prices.index, first.folds
    folds = sum(len(walk.folds.folds) for walk in walks.values())
    tested = sum(walk.folds.test_stop - walk.folds.test_start for walk in walks.values())
    return ForwardEstimate(
        combinations=first.request.grid.size,
        symbols=len(walks),
        folds=folds,
        sweeps=2 * folds,
        first=_format_date(index[divided.test_start]),
        last=_format_date(index[divided.test_stop - 1]),
        left_over=divided.left_over,
        seconds=train.seconds * bars / (fold.train_stop - fold.train_start),
        memory=train.memory,
        disk=FOLD_BYTES * folds + BAR_BYTES * tested,
        train=train,
    )


def _count_bars(fold: Fold) -> int:
    return fold.train_stop - fold.train_start


def _estimate_train(walk: Walk, fold: Fold, limits: Limits, threads: int) -> Estimate:
    """Return what one train takes."""
    request = walk.request
    rules = restrict_rules(walk.prices, request.rules, fold.train_start, fold.train_stop)
    part = dataclasses.replace(request, rules=rules)
    job = Job({walk.prices.name: walk.prices}, part, walk.averages, strict=True)
    return estimate(job, limits, threads)


def _format_date(moment: Any) -> str:
    return str(moment).removesuffix(" 00:00:00")
