"""The best rows of a result are compared with the reference and with vectorbt."""

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
"""Largest relative difference; of numbers below ``LEAST`` it is that share of ``LEAST``."""
LEAST = 1e-3
RowListener = Callable[[int, int], None]
"""Hears of each row that is replayed: its number, from 1, and how many there are."""


@dataclass(frozen=True)
class Difference:
    """The largest difference of a metric, over all rows that were compared."""

    metric: str
    against: str
    """``"reference"`` or ``"vectorbt"``."""
    relative: float
    """0 where equal, NaN where nothing was compared."""
    combination: tuple[int, ...]
    """The row with the largest difference."""
    actual: float
    """The result's value there."""
    expected: float
    """The other's value there."""
    note: str = ""
    """Why it was not compared, or not in all rows."""

    @property
    def agrees(self) -> bool:
        """Whether the difference is within ``TOLERANCE``, or nothing was compared."""
        return math.isnan(self.relative) or self.relative <= TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Returns
        -------
        dict
            What ``qmac verify --json`` prints.
        """
        return {
            "metric": self.metric,
            "against": self.against,
            "relative": self.relative,
            "combination": list(self.combination),
            "found": self.actual,
            "expected": self.expected,
            "note": self.note,
            "agrees": self.agrees,
        }


class Replay:
    """A series as the reference trades it, and its averages, each computed once.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    rules : Rules
        Fills, costs, stops and trading period.
    averages : dict, optional
        The user's own averages by window, if the sweep used them.
    """

    def __init__(
        self, prices: Prices, rules: Rules, averages: reference.Averages | None = None
    ) -> None:
        self.rules = rules
        self.first = 0
        """The first bar that may trade."""
        if rules.start is not None:
            self.first = first_bar(prices, str(rules.start))
        self.stop = len(prices)
        """The bar after the last one."""
        if rules.end is not None:
            self.stop = bar_after(prices, str(rules.end))
        self.frame = prices.frame.iloc[: self.stop]
        """Bars up to the end of the trading period."""
        self.bars = _build_bars(self.frame)
        self.periods_per_year = periods_per_year(prices, rules)
        self._averages: reference.Averages = dict(averages or {})

    def averages(self, combination: Iterable[int]) -> reference.Averages:
        """Return the averages of a combination's windows.

        Parameters
        ----------
        combination : iterable of int
            Window lengths in bars.

        Returns
        -------
        dict
            The averages by window; None where there are too few bars.
        """
        kind, close = self.rules.average, self.bars.close
        for window in combination:
            if window not in self._averages:
                self._averages[window] = reference.compute_average(kind, close, window)
        return {window: self._averages[window] for window in combination}

    def metrics(self, combination: Sequence[int]) -> dict[str, float]:
        """Return every metric of a combination, traded bar by bar.

        Parameters
        ----------
        combination : sequence of int
            Four windows.

        Returns
        -------
        dict
            Values by metric.

        Raises
        ------
        OptionError
            If the account grows or shrinks beyond float64 on the way.
        """
        averages = self.averages(combination)
        simulation = reference.simulate(self.bars, combination, self.rules, self.first, averages)
        lowest, highest = min(simulation.equity), max(simulation.equity)
        if not (lowest > 0 and highest < math.inf):
            raise OptionError(
                f"combination {tuple(combination)}: its account goes from {lowest:g} to "
                f"{highest:g}, beyond what float64 holds, so no replay bar by bar is possible. "
                "Lower the fees, or take fewer bars."
            )
        return reference.compute_metrics(simulation, self.rules, self.periods_per_year)

    def signals(self, combination: Sequence[int]) -> np.ndarray:
        """Return whether the buy pair crosses above and the sell pair below.

        Parameters
        ----------
        combination : sequence of int
            Four windows.

        Returns
        -------
        np.ndarray
            Booleans ``(T, 2)``, from the first bar that may trade.
        """
        averages = self.averages(combination)
        bars = range(self.first, self.stop)
        signals = [reference.find_signals(averages, combination, bar) for bar in bars]
        return np.array(signals, np.bool_).reshape(-1, 2)


def _build_bars(frame: pd.DataFrame) -> reference.Bars:
    """Return prices as the reference takes them: lists, of the columns that are there."""
    names = [name for name in ("Close", "Open", "High", "Low") if name in frame]
    columns = {name.lower(): frame[name].tolist() for name in names}
    return reference.Bars(**columns)


def compare_rows(
    top: pd.DataFrame, replay: Replay, listener: RowListener | None = None
) -> list[Difference]:
    """Compare the metrics of some rows with the reference, and with vectorbt if it is installed.

    Parameters
    ----------
    top : pd.DataFrame
        Rows of ``Result.top``.
    replay : Replay
        The series that they were computed on.
    listener : callable, optional
        Called with the number of each row, from 1, and the number of rows.

    Returns
    -------
    list of Difference
        The largest difference of each metric.
    """
    combinations = _read_combinations(top)
    metrics, signals = [], []
    for number, combination in enumerate(combinations, 1):
        if listener is not None:
            listener(number, len(combinations))
        metrics.append(replay.metrics(combination))
        signals.append(replay.signals(combination))
    expected = pd.DataFrame(metrics, columns=list(METRICS))
    differences = [_compare(metric, "reference", top, expected[metric]) for metric in METRICS]
    if vectorbt.is_installed() and combinations:
        differences += _compare_with_vectorbt(top, np.stack(signals, axis=2), replay)
    return differences


def _compare_with_vectorbt(
    top: pd.DataFrame, signals: np.ndarray, replay: Replay
) -> list[Difference]:
    """Compare the metrics that vectorbt defines as we do; the others say why they are left out.

    ``signals`` are ``(T, 2, N)``.
    """
    rules = replay.rules
    if rules.max_bars is not None:
        return [_left_out(metric, "vectorbt knows no max_bars") for metric in METRICS]
    entries, exits = signals[:, 0], signals[:, 1]
    note, is_same = "", np.ones(len(top), np.bool_)
    if rules.conflict == "opposite":
        is_same = ~(entries & exits).any(axis=0)
    if not is_same.all():
        count = np.count_nonzero(~is_same)
        note = f"{count} of {len(top)} rows left out: entry and exit on one bar"
    if not is_same.any():
        return [_left_out(metric, note) for metric in METRICS]
    theirs = vectorbt.compute_metrics(
        replay.frame.iloc[replay.first :],
        entries[:, is_same],
        exits[:, is_same],
        dataclasses.replace(rules, conflict="ignore"),
        replay.periods_per_year,
    )
    rows = top[is_same]
    return [_compare_metric_with_vectorbt(metric, rows, theirs, note) for metric in METRICS]


def _compare_metric_with_vectorbt(
    metric: str, rows: pd.DataFrame, theirs: pd.DataFrame, note: str
) -> Difference:
    """Compare one metric, if vectorbt has it, but not where it is undefined in the result."""
    if metric not in theirs:
        if METRICS[metric].vectorbt is None:
            return _left_out(metric, "vectorbt does not have it")
        return _left_out(metric, "with fees, vectorbt's is over the price, ours over what was paid")
    expected = theirs[metric].copy()
    if metric in vectorbt.WITHOUT_VARIANCE:
        magnitude = vectorbt.WITHOUT_VARIANCE[metric]
        is_undefined = rows[metric].isna().to_numpy() & (expected.abs() == magnitude).to_numpy()
        expected[is_undefined] = np.nan
        if is_undefined.any():
            note = "no variance: infinite or 0 in vectorbt, undefined here"
    difference = _compare(metric, "vectorbt", rows, expected)
    return dataclasses.replace(difference, note=note)


def _compare(metric: str, against: str, rows: pd.DataFrame, expected: pd.Series) -> Difference:
    """Return the largest difference of a metric between rows and what they should be."""
    if rows.empty:
        return _left_out(metric, "there are no rows", against)
    actual = rows[metric].to_numpy(np.float64).tolist()
    other = expected.to_numpy(np.float64).tolist()
    pairs = list(zip(actual, other, strict=True))
    relative = [_relative_difference(*pair) for pair in pairs]
    worst = int(np.argmax(relative))
    return Difference(
        metric=metric,
        against=against,
        relative=relative[worst],
        combination=_read_combinations(rows)[worst],
        actual=actual[worst],
        expected=other[worst],
    )


def _read_combinations(rows: pd.DataFrame) -> list[tuple[int, ...]]:
    """Return the windows of some rows."""
    windows = rows[list(ROLES)].to_numpy(np.int64)
    return [tuple(row) for row in windows.tolist()]


def _left_out(metric: str, note: str, against: str = "vectorbt") -> Difference:
    """Return a metric that is not compared, and why."""
    return Difference(metric, against, math.nan, (), math.nan, math.nan, note)


def _relative_difference(one: float, other: float) -> float:
    """Return how far two numbers are apart; infinite where only one is finite."""
    both_undefined = math.isnan(one) and math.isnan(other)
    if one == other or both_undefined:
        return 0.0
    if not math.isfinite(one - other):
        return math.inf
    scale = max(abs(one), abs(other), LEAST)
    return abs(one - other) / scale
