"""The answer of a run, and its directory on disk."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qmac import jobfile, neighbourhood
from qmac._version import __version__
from qmac.config import Rules
from qmac.errors import OptionError, ResultError, WriteError, suggestion
from qmac.grid import Combination, Grid
from qmac.prices import Prices
from qmac.reductions import Distribution, Maps
from qmac.run.files import sync
from qmac.run.scores import ScoreGrid
from qmac.series import Series
from qmac.writable import check_writable

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FORMAT = 2
HEADER, TOP, ARRAYS = "result.json", "top.parquet", "arrays.npz"
RANKS = ("objective", "plateau")
ROWS_AT_ONCE = 1024


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

    def with_prices(self, prices: Prices | pd.DataFrame | pd.Series, averages: np.ndarray | None = None) -> Result:
        """The same with its prices, where they were not kept; ``averages`` if it was found on your own.

        Raises
        ------
        ResultError : the result was found on other prices.
        """
        source = functools.partial(Series.of, Prices.of(prices, self.prices["name"]), averages, self.grid.windows)
        source().check(self.prices, self.grid, self.rules, self.top, self.objective)
        return replace(self, source=source)

    def neighbourhood(self, combination: Sequence[int] | None = None, radius: int = 2) -> pd.DataFrame:
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
            raise ResultError("no combination was scored, so there is no best. Name one, such as (10, 50, 20, 100).")
        return neighbourhood.around(self.series, self.grid, self.rules, combination, radius)

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
        if radius != neighbourhood.RADIUS or "plateau" not in top:  # results of earlier versions have no such column
            asked = (self.series, self.grid, self.rules, top, self.objective, self.maximize, radius)
            top = neighbourhood.with_plateau(*asked)
        return top.sort_values("plateau", ascending=not self.maximize, kind="stable", ignore_index=True)

    def report(self, path: str | Path, prices: Prices | pd.DataFrame | pd.Series | None = None) -> Path:
        """Write a page that shows all of it, in one HTML file; ``prices`` where they were not kept (docs/report.md).

        Raises
        ------
        ResultError : the prices are missing or others, or the file cannot be written.
        OptionError : Plotly and Jinja are not installed (``pip install "qmac[report]"``).
        """
        from qmac.report.page import write_report

        return write_report(self if prices is None else self.with_prices(prices), Path(path))

    def plot_map(self, rows: str, columns: str, stat: str = "max") -> Figure:
        """``map`` as a Plotly figure; it says what was aggregated. Errors as in ``map`` and ``report``."""
        from qmac.report.figures import plot_map
        from qmac.report.landscape import map_of

        return plot_map(map_of(self, rows, columns, stat))

    def __repr__(self) -> str:
        name, size = self.prices["name"], f"{self.evaluated:,}"
        return f"Result({name}: {self.objective} of {size} combinations, best {self.best})"

    def _repr_html_(self) -> str:
        from qmac.report.notebook import html_of_result

        return html_of_result(self)

    @property
    def digest(self) -> str:
        """SHA-256 of every count, score and map: equal for any threads, tiles or machine."""
        digest = hashlib.sha256(f"{self.evaluated} {self.scored} {self.unscored} {self.filtered_by}".encode())
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
        for _, part in (ranked := self.ranked(rank_by)).groupby(np.arange(len(ranked)) // ROWS_AT_ONCE):
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
        return jobfile.of_result(asked, max(len(self.top), 1), self.prices)

    def save(self, directory: str | Path) -> Path:
        """Write the result into a new or empty directory, all or nothing: JSON, Parquet, arrays, and its prices.

        Raises
        ------
        ResultError : the directory has something in it, or cannot be written.
        """
        directory = check_writable(directory)
        existed = directory.is_dir()
        inside = directory if existed else directory.parent
        scratch = inside / f".{directory.name[:100]}-{os.getpid()}"
        try:
            inside.mkdir(parents=True, exist_ok=True)
            scratch.mkdir()
            names = self._write(scratch)
            if existed:  # a shell may stand in it, so it is filled, not replaced; without a header it is no result
                for name in names:
                    os.replace(scratch / name, directory / name)
            else:
                os.replace(scratch, directory)
            sync(inside)
        except OSError as error:
            raise WriteError(
                f"{directory} cannot be written: {error.strerror or error}. Make room, or name another directory."
            ) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return directory

    def _write(self, directory: Path) -> list[str]:
        """The names of the files, the header last."""
        names = [TOP, ARRAYS]
        if self.source is not None:
            names += self.series.write(directory)
        self.top.to_parquet(directory / TOP)
        distribution, maps = self.distribution, self.maps
        numbers = (distribution.score_mean, distribution.score_std, distribution.score_min, distribution.score_max)
        np.savez_compressed(
            directory / ARRAYS,
            edges=distribution.score_edges,
            counts=distribution.counts,
            positive=distribution.positive,
            scores=np.array(numbers),
            top_scores=self.top_scores,
            map_best=maps.best,
            map_mean=maps.means,
            map_count=maps.counts,
        )
        header = {
            "format": FORMAT,
            "qmac": __version__,
            **{name: value for name, value in self.about.items() if name not in ("best", "combinations_per_second")},
            "constraints": {
                metric: [None if math.isinf(bound) else bound for bound in bounds]
                for metric, bounds in self.constraints.items()
            },
            "years": distribution.objective.years,
            "limit": distribution.limit,
            "threads": self.threads,
            "hold": {name: value if math.isfinite(value) else str(value) for name, value in self.hold.items()},
            "job": self.job,
            "checksums": {name: checksum(directory / name) for name in names},
        }
        header["checksum"] = header_checksum(header)
        (directory / HEADER).write_text(json.dumps(header, indent=2, allow_nan=False) + "\n")
        names.append(HEADER)
        for name in names:
            sync(directory / name)
        return names


def header_checksum(header: dict[str, Any]) -> str:
    """Checksum of everything in the header but itself."""
    rest = {name: value for name, value in header.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
