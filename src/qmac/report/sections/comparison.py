"""Two results beside each other: winners, distributions on one axis, maps of differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import printable
from qmac.report.sections.heatmaps import build_heatmap
from qmac.results.comparison import Comparison, Winner
from qmac.results.comparisons import Comparisons
from qmac.results.result import Result
from qmac.strategy.formatting import format_value, plural
from qmac.strategy.metrics import METRICS
from qmac.strategy.objective import compute_score

MOST_BARS = 120
TAIL_SHARE = 0.001
"""Share of the combinations at each end that the first and the last bar include."""
FULL_COLOUR_SHARE = 0.99
"""Share of the cells whose difference has less than the full colour."""


@dataclass(frozen=True, eq=False)
class SharedHistogram:
    """Two distributions over the same bars."""

    edges: np.ndarray
    """Values of the objective, ``(B + 1,)``; the end bars include what is beyond them."""
    shares: tuple[np.ndarray, np.ndarray]
    """Share of the scored combinations of each in each bar, ``(B,)``."""
    medians: tuple[float, float]


@dataclass(frozen=True, eq=False)
class DifferenceMap:
    """Mean of the objective over two windows, the second result less the first."""

    objective: str
    rows: str
    columns: str
    row_windows: np.ndarray
    """``(R,)``, the mean of the windows that share a cell."""
    column_windows: np.ndarray
    """``(C,)``."""
    values: np.ndarray
    """``(R, C)``, NaN where either has nothing."""
    means: tuple[np.ndarray, np.ndarray]
    """``(R, C)`` of each result."""
    text: str
    """What is shown, in words."""


@dataclass(frozen=True, eq=False)
class ComparisonSummary:
    """All numbers of the page of two results."""

    comparison: Comparison
    maximize: bool
    combinations: int
    metrics: tuple[tuple[str, tuple[float, ...]], ...]
    """Of each metric: best of a in a and in b, best of b in b and in a; NaN where unknown."""
    histogram: SharedHistogram | None
    """None where one has nothing scored."""
    maps: tuple[DifferenceMap, ...]
    """Empty where one has nothing scored."""
    span: float
    """Difference that has the full colour, the same in all maps."""


def summarize_comparison(comparison: Comparison) -> ComparisonSummary:
    """Return the numbers of the page of two results.

    Parameters
    ----------
    comparison : Comparison
        With its results.

    Returns
    -------
    ComparisonSummary
        Everything that is drawn.
    """
    a, b = comparison.results
    is_scored = bool(a.scored and b.scored)
    maps: tuple[DifferenceMap, ...] = ()
    if is_scored:
        maps = tuple(_build_difference(a, b, slow, fast) for fast, slow in PAIRS)
    return ComparisonSummary(
        comparison=comparison,
        maximize=a.maximize,
        combinations=a.grid.size,
        metrics=_list_metrics(comparison),
        histogram=build_shared_histogram(a, b) if is_scored else None,
        maps=maps,
        span=_find_span(maps),
    )


def _list_metrics(comparison: Comparison) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return each metric of both winners, the objective first."""
    names = [comparison.objective, *(name for name in METRICS if name != comparison.objective)]
    cells = {
        name: tuple(value for winner in comparison.winners for value in _read_metric(winner, name))
        for name in names
    }
    return tuple(cells.items())


def _read_metric(winner: Winner | None, name: str) -> tuple[float, float]:
    """Return a metric of a winner in its result, and in the other one."""
    if winner is None:
        return np.nan, np.nan
    return winner.metrics.get(name, np.nan), winner.metrics_elsewhere.get(name, np.nan)


def build_shared_histogram(a: Result, b: Result) -> SharedHistogram:
    """Return two distributions over the same bars, as far as their own bins are fine.

    Parameters
    ----------
    a, b : Result
        Of one objective, with scored combinations.

    Returns
    -------
    SharedHistogram
        Bars even in the scores of the first.
    """
    pair = a.distribution, b.distribution
    low = min(each.quantile(TAIL_SHARE) for each in pair)
    high = max(each.quantile(1 - TAIL_SHARE) for each in pair)
    first, last = (_to_score(a.distribution, value) for value in (low, high))
    edges = a.distribution.objective.values(np.linspace(first, last, MOST_BARS + 1))
    if not edges[0] < edges[-1]:  # one value in both
        edges = np.array([low, high])
    return SharedHistogram(
        edges=edges,
        shares=(_count_shares(pair[0], edges), _count_shares(pair[1], edges)),
        medians=(pair[0].quantile(0.5), pair[1].quantile(0.5)),
    )


def _to_score(distribution: Distribution, value: float) -> float:
    objective = distribution.objective
    return compute_score(objective.metric, value, objective.years)


def _count_shares(distribution: Distribution, edges: np.ndarray) -> np.ndarray:
    """Return the share of the combinations in each bar."""
    inner = [distribution.share_below(_to_score(distribution, float(edge))) for edge in edges[1:-1]]
    return np.diff(np.concatenate(([0.0], inner, [1.0])))


def _build_difference(a: Result, b: Result, rows: str, columns: str) -> DifferenceMap:
    one, other = (build_heatmap(result, rows, columns, "mean") for result in (a, b))
    return DifferenceMap(
        objective=one.objective,
        rows=rows,
        columns=columns,
        row_windows=one.row_windows,
        column_windows=one.column_windows,
        values=other.values - one.values,
        means=(one.values, other.values),
        text=f"{one.text}: b less a",
    )


def _find_span(maps: tuple[DifferenceMap, ...]) -> float:
    """Return the difference that has the full colour, so that a few cells do not take them all."""
    cells = [np.abs(each.values[np.isfinite(each.values)]) for each in maps]
    known = np.concatenate(cells) if cells else np.empty(0)
    span = float(np.quantile(known, FULL_COLOUR_SHARE)) if known.size else 0.0
    return span or 1.0


def describe_elsewhere(winner: Winner, objective: str, other: str) -> str:
    """Return what the best combination of one result makes in the other one.

    Parameters
    ----------
    winner : Winner
        Of the one.
    objective : str
        The metric.
    other : str
        Name of the other, ``"a"`` or ``"b"``.

    Returns
    -------
    str
        Such as ``in b 25.0%, better than 99.9% of all``.
    """
    if math.isnan(winner.elsewhere):
        if not winner.metrics_elsewhere:
            return f"without prices not known in {other}"
        count = int(winner.metrics_elsewhere["total_trades"])
        return f"undefined in {other} with {count:,} {plural(count, 'trade')}"
    text = f"in {other} {format_value(objective, winner.elsewhere)}"
    if winner.filtered:
        return f"{text}, filtered there: {winner.filtered}"
    if math.isnan(winner.share_worse):
        return text
    if winner.share_worse >= 1:
        return f"{text}, the best there"
    percent = math.floor(1000 * winner.share_worse) / 10  # 99.96 % are not all
    return f"{text}, better than {percent:.1f}% of all"


def describe_rest(comparisons: Comparisons) -> list[str]:
    """Return which symbols have no row, and why, a line each.

    Parameters
    ----------
    comparisons : Comparisons
        Of two runs.

    Returns
    -------
    list of str
        Printable.
    """
    lines = [
        f"only in {side}: {', '.join(names)}"
        for side, names in zip("ab", comparisons.only, strict=True)
        if names
    ]
    lines += [
        f"{side}: {text}" for side, text in zip("ab", comparisons.unfinished, strict=True) if text
    ]
    lines += [f"left out: {name}: {why}" for name, why in comparisons.left_out.items()]
    return [printable(line) for line in lines]
