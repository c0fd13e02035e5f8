"""The answer of a run, and its directory on disk."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac import _views
from qmac._version import __version__
from qmac.data.prices import Prices
from qmac.engine.backtest.batch import evaluate
from qmac.engine.dataset.period import build_period
from qmac.engine.dataset.series import Series
from qmac.engine.neighbourhood import neighbours
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.window_maps import Maps
from qmac.errors import InputError, OptionError, ResultError, suggestion
from qmac.results.writer import FORMAT, write_result
from qmac.runs import job_file
from qmac.runs.score_store import ScoreGrid
from qmac.strategy.grid import ROLES, Combination, Grid
from qmac.strategy.rules import Rules

RANKS = ("objective", "plateau")
ROWS_AT_ONCE = 1024
SAME = 1e-6
"""How far the best row and its replay may differ on prices that are said to be the same."""


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a sweep found. Every figure but ``elapsed`` is the same for any number of threads."""

    top: pd.DataFrame
    """The best combinations: four windows, then every metric; by objective, then index."""
    distribution: Distribution
    evaluated: int
    scored: int
    unscored: int
    """Combinations whose objective is undefined: counted, never ranked."""
    filtered: int
    """Combinations that some constraint removed."""
    filtered_by: dict[str, int]
    """How many each constraint removes by itself; one combination may stand under several."""
    elapsed: float
    """Seconds of the sweep, from checked prices to merged result."""
    grid: Grid
    rules: Rules
    objective: str
    maximize: bool
    constraints: dict[str, tuple[float, float]]
    """Bounds by metric; infinite where there is none."""
    threads: int
    prices: dict[str, Any]
    """Name, bars, first and last date of the trading period, and the averages' kind or "own"."""
    periods_per_year: float
    hold: dict[str, float]
    """Metrics of buy & hold on the same bars."""
    maps: Maps
    top_scores: np.ndarray
    """Scores of the top rows ``(K,)``, bit for bit as the sweep summed them."""
    degradations: list[dict[str, Any]] = field(default_factory=list)
    """What the governor did: when, what level, how many threads, why. None of it changes the answer."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Cells that no node of a cluster could sweep: number, combinations, why. What they hold is in no count and no map."""
    scores: ScoreGrid | None = None
    """Every score, where the run kept them (``save_grid``)."""
    machine: str = ""
    """What it was computed with."""
    source: Callable[[], Series] | None = None
    """Gives the prices it was found on; None where they were not kept. Neighbourhoods and reports are made with them."""

    @property
    def best(self) -> Combination | None:
        """The winner's windows; None if nothing was scored."""
        if self.top.empty:
            return None
        a, b, c, d = (int(window) for window in self.top.iloc[0, :4])
        return a, b, c, d

    @property
    def combinations_per_second(self) -> float:
        return self.evaluated / self.elapsed

    def map(self, rows: str, columns: str, stat: str = "max") -> pd.DataFrame:
        """Objective over two of the four windows: ``stat`` is ``"max"`` (``"min"`` of a lowest), ``"mean"`` or ``"count"``.

        Returns a frame with the windows of ``rows`` as index and those of ``columns`` as columns, NaN
        where no combination was scored. The mean of returns and drawdowns is the compounded one. A maximum
        over thousands of combinations hides luck; look at the mean beside it.

        Raises
        ------
        OptionError : a window or stat that is not known.
        """
        return self.maps.frame(self.grid, rows, columns, stat)

    @property
    def series(self) -> Series:
        """The prices that were swept, and the user's own averages.

        Raises
        ------
        ResultError : they were not kept with the result.
        """
        if self.source is None:
            raise ResultError(
                f"the prices of {self.prices['name']} are not with this result. Give them: result.with_prices(prices), "
                "report(path, prices=...), or qmac report DIR --prices FILE."
            )
        return self.source()

    def with_prices(
        self, prices: Prices | pd.DataFrame | pd.Series, averages: np.ndarray | None = None
    ) -> Result:
        """The same with its prices, where they were not kept; ``averages`` if it was found on your own.

        Raises
        ------
        ResultError : the result was found on other prices.
        """
        source = functools.partial(
            Series.of, Prices.of(prices, self.prices["name"]), averages, self.grid.windows
        )
        _check_series(source(), self)
        return replace(self, source=source)

    def neighbourhood(
        self, combination: Sequence[int] | None = None, radius: int = 2
    ) -> pd.DataFrame:
        """Every window set within ``radius`` steps of a combination (the best, if None), exactly.

        Returns a frame like ``top`` with the column ``steps``, 0 for the combination itself, which comes first. A step is
        from a window to the next one in the grid.

        Raises
        ------
        GridError : the combination is not in the grid.
        ResultError : nothing was scored, or the prices were not kept with the result.

        Examples
        --------
        >>> import qmac
        >>> result = qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10)))
        >>> near = result.neighbourhood(radius=1)
        >>> len(near), bool((near["total_return"] > 0).all())
        (36, True)
        """
        combination = self.best if combination is None else combination
        if combination is None:
            raise ResultError(
                "no combination was scored, so there is no best. Name one, such as (10, 50, 20, 100)."
            )
        return neighbours.evaluate_around(self.series, self.grid, self.rules, combination, radius)

    def ranked(self, by: str = "plateau", radius: int = 2) -> pd.DataFrame:
        """``top`` in the order of its column ``plateau``: the median of the objective over the neighbourhood.

        Neighbours without a finite objective count as the worst. The column is that of two steps; another ``radius`` is
        worked out anew. ``by="objective"`` is ``top`` itself.

        Raises
        ------
        OptionError : another ``by``.
        ResultError : another ``radius``, and the prices were not kept with the result.
        """
        if by not in RANKS:
            raise OptionError(f"rank by {by!r} is not known. {suggestion(str(by), RANKS)}")
        if by == "objective" or self.top.empty:
            return self.top
        top = self.top
        if (
            radius != neighbours.RADIUS or "plateau" not in top
        ):  # results of earlier versions have no such column
            asked = (self.series, self.grid, self.rules, top, self.objective, self.maximize, radius)
            top = neighbours.add_plateau(*asked)
        return top.sort_values(
            "plateau", ascending=not self.maximize, kind="stable", ignore_index=True
        )

    def report(
        self, path: str | Path, prices: Prices | pd.DataFrame | pd.Series | None = None
    ) -> Path:
        """Write a page that shows all of it, in one HTML file; ``prices`` where they were not kept (docs/report.md).

        Raises
        ------
        ResultError : the prices are missing or others, or the file cannot be written.
        OptionError : Plotly and Jinja are not installed (``pip install "qmac[report]"``).
        """
        written: Path = _views.draw(
            "report", self if prices is None else self.with_prices(prices), Path(path)
        )
        return written

    def plot_map(self, rows: str, columns: str, stat: str = "max") -> Any:
        """``map`` as a Plotly figure; it says what was aggregated. Errors as in ``map`` and ``report``."""
        return _views.draw("map", self, rows, columns, stat)

    def __repr__(self) -> str:
        name, size = self.prices["name"], f"{self.evaluated:,}"
        return f"Result({name}: {self.objective} of {size} combinations, best {self.best})"

    def _repr_html_(self) -> str:
        html: str = _views.draw("result", self)
        return html

    @property
    def digest(self) -> str:
        """SHA-256 of every count, score and map: equal for any threads, tiles or machine."""
        digest = hashlib.sha256(
            f"{self.evaluated} {self.scored} {self.unscored} {self.filtered_by}".encode()
        )
        distribution, maps = self.distribution, self.maps
        arrays = [
            self.top.iloc[:, :4].to_numpy(np.int64),
            self.top_scores,
            distribution.score_edges, distribution.counts, distribution.positive, distribution.score_mean,
            distribution.score_std, distribution.score_min, distribution.score_max,
            maps.best, maps.means, maps.counts,
        ]  # fmt: skip
        for array in arrays:
            array = np.ascontiguousarray(array)
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def summary(self, rank_by: str = "objective") -> dict[str, Any]:
        """Plain values for JSON: counts, digest, speed, best and top; ``rank_by`` as in ``ranked``."""
        return self.about | {"top": list(self.rows(rank_by))}

    def rows(self, rank_by: str = "objective") -> Iterator[dict[Any, Any]]:
        """The rows of ``ranked`` as plain values, one at a time: a million of them at once are 3 GiB."""
        for _, part in (ranked := self.ranked(rank_by)).groupby(
            np.arange(len(ranked)) // ROWS_AT_ONCE
        ):
            yield from part.astype(object).where(part.notna(), None).to_dict("records")

    @property
    def about(self) -> dict[str, Any]:
        """``summary`` without the rows."""
        return {
            "evaluated": self.evaluated,
            "scored": self.scored,
            "unscored": self.unscored,
            "filtered": self.filtered,
            "filtered_by": self.filtered_by,
            "digest": self.digest,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
            "machine": self.machine,
            "failed": self.failed,
            "combinations_per_second": self.combinations_per_second,
            "objective": self.objective,
            "maximize": self.maximize,
            "constraints": self.constraints,
            "rules": self.rules.to_dict(),
            "grid": self.grid.to_dict(),
            "prices": self.prices,
            "periods_per_year": self.periods_per_year,
            "best": list(self.best) if self.best else None,
        }

    @property
    def job(self) -> str:
        """The job file that would repeat it on the same prices, as text: ``qmac optimize job.toml PRICES``."""
        asked: dict[str, Any] = {"grid": self.grid.to_dict(), "rules": self.rules.to_dict()}
        asked |= {name: getattr(self, name) for name in ("objective", "maximize", "constraints")}
        return job_file.of_result(asked, max(len(self.top), 1), self.prices)

    def save(self, directory: str | Path) -> Path:
        """Write the result into a new or empty directory, all or nothing: JSON, Parquet, arrays, and its prices.

        Raises
        ------
        ResultError : the directory has something in it, or cannot be written.
        """
        series = None if self.source is None else self.series
        return write_result(directory, self._header, self.top, self._arrays, series)

    @property
    def _arrays(self) -> dict[str, Any]:
        """What lies in ``arrays.npz``."""
        distribution, maps = self.distribution, self.maps
        numbers = (
            distribution.score_mean,
            distribution.score_std,
            distribution.score_min,
            distribution.score_max,
        )
        return {
            "edges": distribution.score_edges,
            "counts": distribution.counts,
            "positive": distribution.positive,
            "scores": np.array(numbers),
            "top_scores": self.top_scores,
            "map_best": maps.best,
            "map_mean": maps.means,
            "map_count": maps.counts,
        }

    @property
    def _header(self) -> dict[str, Any]:
        """What lies in ``result.json``, but for the checksums."""
        return {
            "format": FORMAT,
            "qmac": __version__,
            **{
                name: value
                for name, value in self.about.items()
                if name not in ("best", "combinations_per_second")
            },
            "constraints": {
                metric: [None if math.isinf(bound) else bound for bound in bounds]
                for metric, bounds in self.constraints.items()
            },
            "years": self.distribution.objective.years,
            "limit": self.distribution.limit,
            "threads": self.threads,
            "hold": {
                name: value if math.isfinite(value) else str(value)
                for name, value in self.hold.items()
            },
            "job": self.job,
        }


def _check_series(series: Series, result: Result) -> None:
    """Raise ResultError unless a result with these dates and best rows can have been found on a series."""
    known, name, top, objective = result.prices, result.prices["name"], result.top, result.objective
    if known["averages"] == "own" and series.averages is None:
        raise ResultError(
            f"{name} was swept on averages of your own. Give them too: with_prices(prices, averages)."
        )
    try:
        period = build_period(series.prices, result.rules, result.grid.windows)
    except InputError as error:
        raise ResultError(f"these are not the prices of this result: {error}") from None
    dates = series.prices.index[period.first + period.start :][: period.bars]
    here = {"bars": dates.size, "first": str(dates[0]), "last": str(dates[-1])}
    for what, value in here.items():
        if known[what] != value:
            raise ResultError(
                f"these are not the prices of this result: {what} is {value}, not {known[what]}. "
                f"Give the file that {name} was swept on."
            )
    if top.empty:
        return
    row = top[list(ROLES)].iloc[:1].to_numpy(np.int64).tolist()
    replayed = float(evaluate(series.prices, row, result.rules, series.averages)[objective].iloc[0])
    found = top[objective].iloc[0]
    if not abs(replayed - found) <= SAME * max(1.0, abs(found)):
        raise ResultError(
            f"these are not the prices of this result: the best combination makes {objective} {replayed:g} of them, "
            f"not {found:g}. Give the file that {name} was swept on."
        )
