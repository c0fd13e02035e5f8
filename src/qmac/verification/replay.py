"""The best rows of a result, held against the reference and against vectorbt."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.dataset.period import bar_after, first_bar, periods_per_year
from qmac.errors import OptionError
from qmac.strategy import reference
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS
from qmac.strategy.rules import Rules
from qmac.verification import vectorbt

TOLERANCE = 1e-9
"""Relative; of numbers below ``LEAST`` it is that share of ``LEAST``."""
LEAST = 1e-3
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Difference:
    """The largest one of a metric, over all rows that were compared."""

    metric: str
    against: str
    """``"reference"`` or ``"vectorbt"``."""
    relative: float
    """0 where equal, NaN where nothing was compared."""
    combination: tuple[int, ...]
    found: float
    """The result's value there."""
    expected: float
    note: str = ""
    """Why it was not compared, or not in all rows."""

    @property
    def agrees(self) -> bool:
        return math.isnan(self.relative) or self.relative <= TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {
            "combination": list(self.combination),
            "agrees": self.agrees,
        }


class Replay:
    """A series as the reference walks it, and its averages, each computed once.

    ``averages`` are the user's own by window, if they were used.
    """

    def __init__(
        self, prices: Prices, rules: Rules, averages: reference.Averages | None = None
    ) -> None:
        self.first = 0 if rules.start is None else first_bar(prices, str(rules.start))
        self.stop = len(prices) if rules.end is None else bar_after(prices, str(rules.end))
        self.frame = prices.frame.iloc[: self.stop]
        columns = {
            name.lower(): self.frame[name].tolist()
            for name in ("Close", "Open", "High", "Low")
            if name in self.frame
        }
        self.bars, self.rules = reference.Bars(**columns), rules
        self.year = periods_per_year(prices, rules)
        self._averages: reference.Averages = dict(averages or {})

    def averages(self, combination: Iterable[int]) -> reference.Averages:
        """The averages that a combination looks at."""
        for window in combination:
            if window not in self._averages:
                self._averages[window] = reference.average(
                    self.rules.average, self.bars.close, window
                )
        return {window: self._averages[window] for window in combination}

    def metrics(self, combination: Sequence[int]) -> dict[str, float]:
        """Every metric, bar by bar.

        Raises
        ------
        OptionError : the account grows or shrinks beyond float64 on the way.
        """
        course = reference.simulate(
            self.bars, combination, self.rules, self.first, self.averages(combination)
        )
        if not (min(course.equity) > 0 and max(course.equity) < math.inf):
            raise OptionError(
                f"combination {tuple(combination)}: its account goes from {min(course.equity):g} to {max(course.equity):g}, further "
                "than a float64 can follow, so it cannot be replayed bar by bar. Lower the fees, or take fewer bars."
            )
        return reference.metrics(course, self.rules, self.year)

    def signals(self, combination: Sequence[int]) -> np.ndarray:
        """Whether the buy pair crosses above and the sell pair below, ``(T, 2)`` from the first bar that may trade."""
        averages = self.averages(combination)
        found = [
            reference.signals(averages, combination, bar) for bar in range(self.first, self.stop)
        ]
        return np.array(found, np.bool_).reshape(-1, 2)


def differences(top: pd.DataFrame, replay: Replay, told: Told | None = None) -> list[Difference]:
    """The largest difference of each metric of some rows, against each witness; ``told`` hears of each row (k, of n)."""
    combinations = [tuple(int(window) for window in row) for row in top[list(ROLES)].to_numpy()]
    rows, signals = [], []
    for k, combination in enumerate(combinations, 1):
        if told is not None:
            told(k, len(combinations))
        rows.append(replay.metrics(combination))
        signals.append(replay.signals(combination))
    expected = pd.DataFrame(rows, columns=list(METRICS))
    found = [
        _largest(metric, "reference", top, expected[metric], combinations) for metric in METRICS
    ]
    if vectorbt.is_installed() and combinations:
        found += _beside_vectorbt(top, combinations, np.stack(signals, axis=2), replay)
    return found


def _beside_vectorbt(
    top: pd.DataFrame, combinations: list[tuple[int, ...]], signals: np.ndarray, replay: Replay
) -> list[Difference]:
    """Those that vectorbt defines as we do; the others say why they are not compared."""
    rules = replay.rules
    if rules.max_bars is not None:
        return [_not_compared(metric, "vectorbt knows no max_bars") for metric in METRICS]
    conflict = (signals[:, 0] & signals[:, 1]).any(axis=0) & (rules.conflict == "opposite")
    kept = np.flatnonzero(~conflict)
    note = (
        f"{conflict.sum()} of {len(top)} rows left out: entry and exit on one bar"
        if conflict.any()
        else ""
    )
    if not kept.size:
        return [_not_compared(metric, note) for metric in METRICS]
    plain = dataclasses.replace(rules, conflict="ignore")
    bars = replay.frame.iloc[replay.first :]
    expected = vectorbt.metrics_of(
        bars, signals[:, 0, kept], signals[:, 1, kept], plain, replay.year
    )
    rows, of = top.iloc[kept], [combinations[place] for place in kept]
    found = []
    for metric in METRICS:
        if metric not in expected:
            found.append(
                _not_compared(
                    metric, "with fees, vectorbt's is over the price, ours over what was paid"
                )
            )
            continue
        theirs = expected[metric].copy()
        said = note
        if metric in vectorbt.WITHOUT_VARIANCE:
            nothing = (
                rows[metric].isna().to_numpy()
                & (theirs.abs() == vectorbt.WITHOUT_VARIANCE[metric]).to_numpy()
            )
            theirs[nothing] = np.nan
            said = (
                "no variance: infinite or 0 in vectorbt, undefined here" if nothing.any() else note
            )
        found.append(dataclasses.replace(_largest(metric, "vectorbt", rows, theirs, of), note=said))
    return found


def _largest(
    metric: str,
    against: str,
    rows: pd.DataFrame,
    expected: pd.Series,
    combinations: list[tuple[int, ...]],
) -> Difference:
    if not combinations:
        return _not_compared(metric, "there are no rows", against)
    found, other = rows[metric].to_numpy(np.float64), expected.to_numpy(np.float64)
    relative = np.array(
        [_relative(a, b) for a, b in zip(found.tolist(), other.tolist(), strict=True)]
    )
    worst = int(relative.argmax())
    return Difference(
        metric,
        against,
        float(relative[worst]),
        combinations[worst],
        float(found[worst]),
        float(other[worst]),
    )


def _not_compared(metric: str, note: str, against: str = "vectorbt") -> Difference:
    return Difference(metric, against, math.nan, (), math.nan, math.nan, note)


def _relative(a: float, b: float) -> float:
    """How far two numbers are apart; infinite where only one is finite."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), LEAST)
