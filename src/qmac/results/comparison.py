"""Two results of one grid beside each other: what differs, whose winner does what in the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from qmac._checks import describe
from qmac.engine.backtest.batch import evaluate
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import OptionError, ResultError
from qmac.results.pages import Reported
from qmac.results.reader import load
from qmac.results.result import Result
from qmac.strategy.constraints import format_bounds
from qmac.strategy.grid import ROLES, Combination
from qmac.strategy.metrics import METRICS
from qmac.strategy.objective import compute_score
from qmac.strategy.windows import format_windows

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
OVER_TIME = frozenset(
    ("total_return", "simple_return", "total_trades", "max_drawdown", "best_trade", "worst_trade")
)
"""Metrics that grow with the number of bars: of two periods they say little beside each other."""


@dataclass(frozen=True)
class Winner:
    """The best combination of one result, and what it makes in both."""

    combination: Combination
    value: float
    """The objective in its result."""
    elsewhere: float
    """The objective in the other one; NaN where that has no prices."""
    share_worse: float
    """Share of the combinations of the other result that are worse than it there; NaN as above."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """All metrics in its result."""
    metrics_elsewhere: Mapping[str, float] = field(default_factory=dict)
    """All metrics in the other one; empty where that has no prices."""
    filtered: str = ""
    """The constraint of the other result that it breaks there, such as ``total_trades >= 5``."""


@dataclass(frozen=True)
class MapDifference:
    """How a map of two windows differs: the second less the first."""

    rows: str
    columns: str
    mean: pd.DataFrame
    """Mean of the objective, second less first; NaN where either has none."""
    average: float
    """Average over the cells."""
    largest: float
    """Largest difference, with its sign."""
    at: tuple[int, int] | None
    """Windows of the largest."""
    correlation: float
    """Of the ranks of the cells in both: 1 where the same windows are good."""


@dataclass(frozen=True)
class Comparison(Reported):
    """Two results beside each other."""

    names: tuple[str, str]
    objective: str
    differences: dict[str, tuple[str, str]]
    """What differs in prices, dates, rules, constraints, by name: first and second."""
    winners: tuple[Winner | None, Winner | None]
    distribution: pd.DataFrame
    """Quantiles, mean, scored combinations and share above 0, a column each."""
    maps: tuple[MapDifference, ...]
    places: tuple[str, str] = ("", "")
    """Their directories; empty for results in memory."""
    results: tuple[Result, ...] = field(default=(), repr=False, compare=False)
    """Both results, for the page."""

    _page: ClassVar[str] = "comparison page"

    @property
    def is_same(self) -> bool:
        """Whether both are one and the same result, to the last bit."""
        digests = {result.digest for result in self.results}
        return not self.differences and len(digests) == 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Returns
        -------
        dict
            Maps as their figures; the cells are in ``maps`` of Python only.
        """
        return {
            "names": list(self.names),
            "places": list(self.places),
            "is_same": self.is_same,
            "objective": self.objective,
            "differences": {name: list(pair) for name, pair in self.differences.items()},
            "winners": [each and vars(each) for each in self.winners],
            "distribution": {str(name): row.tolist() for name, row in self.distribution.T.items()},
            "maps": [
                {name: value for name, value in vars(each).items() if name != "mean"}
                for each in self.maps
            ],
        }


def compare(a: Result | str | Path, b: Result | str | Path) -> Comparison:
    """Compare two results of the same grid and objective.

    Parameters
    ----------
    a, b : Result, str or Path
        Results, or directories of them.

    Returns
    -------
    Comparison
        What differs first; then winners, distributions and maps.

    Raises
    ------
    ResultError
        If they cannot be compared: other windows, another objective, or periods of different
        lengths with an objective that grows with time; or a directory holds no result.

    Examples
    --------
    >>> import qmac
    >>> prices, grid = qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10))
    >>> free = qmac.optimize(prices, grid, rules=qmac.Rules(slippage=0))
    >>> qmac.compare(free, qmac.optimize(prices, grid)).differences
    {'slippage': ('0', '0.0025')}
    """
    first, second = _read("a", a), _read("b", b)
    check_comparable(first, second)
    return Comparison(
        names=(str(first.prices["name"]), str(second.prices["name"])),
        objective=first.objective,
        differences=find_differences(first, second),
        winners=(build_winner(first, second), build_winner(second, first)),
        distribution=pd.concat([_summarize(first), _summarize(second)], axis=1, keys=["a", "b"]),
        maps=tuple(_compare_maps(first, second, *pair) for pair in PAIRS),
        places=(describe_place(a), describe_place(b)),
        results=(first, second),
    )


def describe_place(compared: Any) -> str:
    """Return the directory of what is compared; empty where it is in memory.

    Parameters
    ----------
    compared : object
        A result, results, or their directory.

    Returns
    -------
    str
        As it was named.
    """
    return str(compared) if isinstance(compared, str | Path) else ""


def _read(name: str, result: Any) -> Result:
    if isinstance(result, str | Path):
        result = load(result)
    if isinstance(result, Result):
        return result
    raise OptionError(
        f"{name} must be a result or its directory, got {describe(result)}. Use what "
        "qmac.optimize returns, or what it wrote."
    )


def check_comparable(a: Result, b: Result) -> None:
    """Refuse two results whose figures would mislead beside each other.

    Parameters
    ----------
    a, b : Result
        Any results.

    Raises
    ------
    ResultError
        If grid or objective differ, or the dates with an objective that grows with time.
    """
    if a.grid != b.grid:
        role = next((role for role in ROLES if a.grid.roles[role] != b.grid.roles[role]), None)
        what = "shared windows are allowed in one of them only"
        if role is not None:
            windows = " and ".join(format_windows(each.grid.roles[role]) for each in (a, b))
            what = f"{role} is {windows}"
        raise ResultError(f"these results have other grids: {what}. Sweep one grid in both.")
    if (a.objective, a.maximize) != (b.objective, b.maximize):
        shown = " and ".join(_describe_objective(each) for each in (a, b))
        raise ResultError(f"these results rank by {shown}. Use one objective in both.")
    periods = [(each.prices["first"], each.prices["last"]) for each in (a, b)]
    if periods[0] != periods[1] and a.objective in OVER_TIME:
        shown = " and ".join(f"{first[:10]} to {last[:10]}" for first, last in periods)
        raise ResultError(
            f"{a.objective} grows with time, and these results are of {shown}. Use the same "
            "--start and --end in both, or an objective per year, such as annualized_return."
        )


def _describe_objective(result: Result) -> str:
    return f"{'the highest' if result.maximize else 'the lowest'} {result.objective}"


def find_differences(a: Result, b: Result) -> dict[str, tuple[str, str]]:
    """Return what differs between two results, the prices first.

    Parameters
    ----------
    a, b : Result
        Results that can be compared.

    Returns
    -------
    dict of str to (str, str)
        By name: first and second.
    """
    pairs = {
        **{each: (a.prices.get(each), b.prices.get(each)) for each in ("name", "first", "last")},
        "bars": (a.prices["bars"], b.prices["bars"]),
        "average": (a.prices["averages"], b.prices["averages"]),
    }
    rules = zip(a.rules.to_dict().items(), b.rules.to_dict().values(), strict=True)
    pairs |= {name: (one, other) for (name, one), other in rules if name != "average"}
    pairs["bars a year"] = (a.periods_per_year, b.periods_per_year)
    pairs["constraints"] = (_describe_constraints(a), _describe_constraints(b))
    checksums = (a.prices.get("sha256"), b.prices.get("sha256"))
    found = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    for date, rule in (("first", "start"), ("last", "end")):
        if date in found:  # says it already
            found.pop(rule, None)
    if checksums[0] != checksums[1] and not {"name", "first", "last", "bars"} & set(found):
        found["prices"] = ("as they were", "changed since (adjusted?)")
    return {name: (_format(one), _format(other)) for name, (one, other) in found.items()}


def _describe_constraints(result: Result) -> str | None:
    limits = [
        f"{metric} {' '.join(limit)}"
        for metric, bounds in result.constraints.items()
        for limit in format_bounds(metric, bounds)
    ]
    return ", ".join(limits) or None


def _format(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).removesuffix(" 00:00:00")


def build_winner(result: Result, other: Result) -> Winner | None:
    """Return the best of a result, and what it makes in the other one, where that has prices.

    Parameters
    ----------
    result, other : Result
        Results that can be compared.

    Returns
    -------
    Winner or None
        None where nothing was scored.
    """
    if result.best is None:
        return None
    first = result.top.iloc[0]
    metrics = {name: float(first[name]) for name in METRICS}
    value, there, share = metrics[result.objective], float("nan"), float("nan")
    try:
        series = other.series
    except ResultError:
        return Winner(result.best, value, there, share, metrics)
    frame = evaluate(series.prices, [result.best], other.replay_rules, series.averages)
    elsewhere = {name: float(frame[name].iloc[0]) for name in METRICS}
    there = elsewhere[result.objective]
    if np.isfinite(there) and other.scored:
        objective = other.distribution.objective
        score = compute_score(objective.metric, there, objective.years)
        share = float(other.distribution.share_below(score))
        share = share if other.maximize else 1 - share
    filtered = _find_broken(elsewhere, other)
    return Winner(result.best, value, there, share, metrics, elsewhere, filtered)


def _find_broken(metrics: Mapping[str, float], result: Result) -> str:
    """Return the first constraint of a result that metrics break; empty if there is none."""
    for metric, bounds in result.constraints.items():
        if metric in metrics and not bounds[0] <= metrics[metric] <= bounds[1]:
            limits = [" ".join(limit) for limit in format_bounds(metric, bounds)]
            return f"{metric} {' and '.join(limits)}"
    return ""


def _summarize(result: Result) -> pd.Series:
    distribution = result.distribution
    if not result.scored:
        return pd.Series({"scored": 0.0}, name=result.objective)
    values = {f"{share:.0%}": distribution.quantile(share) for share in QUANTILES}
    values |= {
        "lowest": distribution.min,
        "highest": distribution.max,
        "mean": distribution.mean,
        "above 0": distribution.share_positive,
        "scored": float(result.scored),
    }
    return pd.Series(values)


def _compare_maps(a: Result, b: Result, rows: str, columns: str) -> MapDifference:
    one, other = (result.map(rows, columns, "mean") for result in (a, b))
    difference = other - one
    cells = difference.to_numpy(np.float64)
    average = largest = correlation = float("nan")
    at = None
    is_known = np.isfinite(cells)
    if is_known.any():
        average = float(cells[is_known].mean())
        place = int(np.argmax(np.where(is_known, np.abs(cells), -1.0)))
        row, column = divmod(place, cells.shape[1])
        largest = float(cells[row, column])
        at = (int(difference.index[row]), int(difference.columns[column]))
        ranks = [pd.Series(each.to_numpy()[is_known]).rank() for each in (one, other)]
        if all(np.ptp(each.to_numpy()) > 0 for each in ranks):
            correlation = float(ranks[0].corr(ranks[1]))
    return MapDifference(rows, columns, difference, average, largest, at, correlation)
