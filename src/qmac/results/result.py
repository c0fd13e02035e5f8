"""The answer of a sweep: its figures, and small questions about them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac import _views
from qmac._checks import check_choice, check_count, check_path
from qmac._fields import Deferred, protected
from qmac.data.prices import Prices
from qmac.engine.backtest.batch import evaluate
from qmac.engine.backtest.signal import Signal
from qmac.engine.dataset.period import build_period
from qmac.engine.dataset.series import Series
from qmac.engine.dataset.signals import check_averages
from qmac.engine.neighbourhood import neighbours
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.window_maps import Maps
from qmac.errors import InputError, ResultError, printable
from qmac.results.pages import write_page
from qmac.results.signals import find_later_signal
from qmac.results.writer import Contents, build_arrays, build_header, write_result
from qmac.runs import job_file
from qmac.runs.header import Fingerprint
from qmac.runs.score_store import ScoreGrid
from qmac.runtime.execution.executor import Executor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits
from qmac.strategy.grid import ROLES, Combination, Grid, check_combination
from qmac.strategy.request import Request
from qmac.strategy.rules import Rules

RANKS = ("objective", "plateau")
"""What ``Result.ranked`` sorts by."""
ROWS_AT_ONCE = 1024
"""Rows that ``Result.rows`` converts together: a million of them as dicts are 3 GiB."""
STORED_TOLERANCE, REPLAY_TOLERANCE = 1e-9, 1e-6
"""How far two figures of a result may be apart: both stored, one by way of a logarithm; or one
computed again from the prices, as by another version, whose sums may have another order."""


class Columns(Deferred):
    """A table as its columns, which becomes a frame when it is first looked at.

    Parameters
    ----------
    columns : dict of str to ndarray, or callable
        Values by name, ``(K,)`` each; or what computes them when they are first needed.
    windows : ndarray, optional
        The combinations ``(K, 4)``, where they are known before the columns.
    """

    def __init__(
        self,
        columns: dict[str, np.ndarray] | Callable[[], dict[str, np.ndarray]],
        windows: np.ndarray | None = None,
    ) -> None:
        super().__init__(self._build_frame)
        self._columns = columns
        self._windows = windows

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns,)

    def _build_frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.columns)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Values by name; what they are computed from is freed."""
        if not isinstance(self._columns, dict):
            self._columns = self._columns()
        return self._columns

    @property
    def windows(self) -> np.ndarray:
        """The combinations, ``(K, 4)`` int64."""
        if self._windows is None:
            columns = [self.columns[role] for role in ROLES]
            self._windows = np.column_stack(columns).astype(np.int64)
        return self._windows


@protected(
    "top",
    "filtered_by",
    "constraints",
    "prices",
    "hold",
    "top_scores",
    "degradations",
    "failed",
)
@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The answer of a sweep. Every figure but ``elapsed`` is the same for any number of threads.

    Nothing of it can be changed: frames, dicts and lists are copies, arrays are read-only.
    """

    top: pd.DataFrame
    """The best combinations: four windows, then every metric; by objective, then index."""
    distribution: Distribution
    """The objective over all scored combinations."""
    evaluated: int
    """Combinations of the grid that were evaluated."""
    scored: int
    """Combinations that keep every constraint and whose objective is defined."""
    unscored: int
    """Combinations whose objective is undefined: counted, never ranked."""
    filtered: int
    """Combinations that some constraint removed."""
    filtered_by: dict[str, int]
    """How many each constraint removes by itself; one combination may stand under several."""
    elapsed: float
    """Seconds of the sweep, from checked prices to merged result."""
    grid: Grid
    """The windows that were swept."""
    rules: Rules
    """Fills, costs, stops and trading period."""
    objective: str
    """The metric that ranks combinations."""
    maximize: bool
    """Whether the highest objective is the best."""
    constraints: dict[str, tuple[float, float]]
    """Bounds by metric; infinite where there is none."""
    threads: int
    """Threads at the start of the sweep."""
    prices: dict[str, Any]
    """Name, bars, first and last date of the trading period, the averages' kind or "own", the
    checksum of all dates and prices, and what was read (not in results of earlier versions)."""
    periods_per_year: float
    """Bars a year, by which metrics are annualised."""
    hold: dict[str, float]
    """Metrics of buy & hold on the same bars."""
    maps: Maps
    """Best, mean and count of the objective for each value of two windows."""
    top_scores: np.ndarray
    """Scores of the top rows ``(K,)``, bit for bit as the sweep summed them."""
    degradations: list[dict[str, Any]] = field(default_factory=list)
    """Steps of the governor: when, level, threads, reason. None of them changes the answer."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Cells that no node of a cluster could sweep: number, combinations, reason.

    Their combinations are in no count and no map."""
    scores: ScoreGrid | None = None
    """Every score, where the run stored them (``save_grid``)."""
    machine: str = ""
    """The machine that computed it."""
    source: Callable[[], Series] | None = None
    """Reads the prices of the sweep; None if they were not saved."""
    fingerprint: Fingerprint | None = None
    """Request, averages and kernels of its run; None in results of earlier versions."""

    @property
    def best(self) -> Combination | None:
        """The winner's windows; None if nothing was scored."""
        windows = self._top_windows
        if not len(windows):
            return None
        buy_fast, buy_slow, sell_fast, sell_slow = windows[0].tolist()
        return buy_fast, buy_slow, sell_fast, sell_slow

    @property
    def request(self) -> Request:
        """What was computed, as one value; ``top`` is the number of rows, at least 1."""
        return Request(
            grid=self.grid,
            rules=self.rules,
            objective=self.objective,
            maximize=self.maximize,
            constraints=self.constraints,
            top=max(len(self._top_windows), 1),
        )

    @property
    def _top_columns(self) -> dict[str, np.ndarray]:
        """The columns of ``top``; no frame is built for them."""
        top = vars(self)["top"]
        if isinstance(top, Columns):
            return top.columns
        return {str(name): column.to_numpy() for name, column in top.items()}

    @property
    def _top_windows(self) -> np.ndarray:
        """The combinations of ``top``, ``(K, 4)`` int64."""
        top = vars(self)["top"]
        columns = top if isinstance(top, Columns) else Columns(self._top_columns)
        return columns.windows

    @property
    def combinations_per_second(self) -> float:
        """Combinations evaluated a second."""
        return self.evaluated / self.elapsed

    def map(self, rows: str, columns: str, stat: str = "max") -> pd.DataFrame:
        """Return the objective over two of the four windows.

        The mean of returns and drawdowns is the compounded one. A maximum over thousands of
        combinations hides luck; look at the mean beside it.

        Parameters
        ----------
        rows, columns : str
            Two of ``"buy_fast"``, ``"buy_slow"``, ``"sell_fast"`` and ``"sell_slow"``.
        stat : str, default "max"
            ``"best"``, which is ``"max"`` (``"min"`` of an objective that is minimised),
            ``"mean"`` or ``"count"``.

        Returns
        -------
        pd.DataFrame
            The windows of ``rows`` as index and those of ``columns`` as columns; NaN where no
            combination was scored.

        Raises
        ------
        OptionError
            If a window or ``stat`` is not known.
        """
        return self.maps.frame(self.grid, rows, columns, stat)

    @functools.cached_property
    def series(self) -> Series:
        """The prices that were swept, and the user's own averages; read once.

        Raises
        ------
        ResultError
            If they were not saved with the result.
        """
        if self.source is None:
            raise ResultError(
                f"the prices of {self.prices['name']} are not with this result. "
                "Give them: result.with_prices(prices), report(path, prices=...), "
                "or qmac report DIR --prices FILE."
            )
        return self.source()

    def with_prices(
        self, prices: Prices | pd.DataFrame | pd.Series, averages: np.ndarray | None = None
    ) -> Result:
        """Return the result with its prices, for one that was saved without them.

        Parameters
        ----------
        prices : Prices, pd.DataFrame or pd.Series
            The prices that were swept.
        averages : np.ndarray, optional
            The averages ``(W, T)`` of the sweep, if they were your own.

        Returns
        -------
        Result
            With the same figures.

        Raises
        ------
        ResultError
            If the result was computed on other prices.
        """
        checked = Prices.of(prices, self.prices["name"])
        if averages is not None:
            averages = check_averages(averages, self.grid.windows, checked)
        source = functools.partial(Series.from_rows, checked, averages, self.grid.windows)
        _check_series(source(), self)
        return replace(self, source=source)

    def neighbourhood(
        self, combination: Sequence[int] | None = None, radius: int = 2
    ) -> pd.DataFrame:
        """Evaluate every combination within some steps of one.

        Parameters
        ----------
        combination : sequence of int, optional
            Four windows of the grid; the best combination by default.
        radius : int, default 2
            Largest number of steps. A step is from a window to the next one in the grid.

        Returns
        -------
        pd.DataFrame
            Columns as in ``top``, and ``steps``: 0 for the combination itself, which comes first.

        Raises
        ------
        GridError
            If the combination is not in the grid.
        ResultError
            If nothing was scored, or the prices were not saved with the result.

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
                "no combination was scored, so there is no best. "
                "Name one, such as (10, 50, 20, 100)."
            )
        series = self.series.prepare(self.grid.windows, self.replay_rules)
        return neighbours.evaluate_around(series, self.grid, combination, radius)

    def signal(
        self,
        combination: Sequence[int] | None = None,
        prices: Prices | pd.DataFrame | pd.Series | None = None,
    ) -> Signal:
        """Return what a combination says at the last bar, and what the next one would change.

        ``rules.end`` is left out: a signal is of the last bar there is.

        Parameters
        ----------
        combination : sequence of int, optional
            Four windows; the best combination by default.
        prices : Prices, pd.DataFrame or pd.Series, optional
            The same prices with the bars since; those that were swept by default.

        Returns
        -------
        Signal
            Long or flat, and the closes of the next bar that buy or sell (docs/signal.md).

        Raises
        ------
        GridError
            If the combination is invalid.
        PricesError
            If the prices are invalid or too few.
        ResultError
            If nothing was scored, or there are no prices, or averages of your own end before
            other prices do.

        Examples
        --------
        >>> import qmac
        >>> result = qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10)))
        >>> signal = result.signal()
        >>> signal.position, str(signal.since)[:10], signal.bars
        ('flat', '2018-11-15', 30)
        """
        combination = self.best if combination is None else check_combination(combination)
        if combination is None:
            raise ResultError(
                "no combination was scored, so there is no best. "
                "Name one: combination=(10, 50, 20, 100), or --combination 10,50,20,100."
            )
        before = None if prices is None or self.source is None else self.series.prices
        if prices is None:
            series = self.series
        elif self.prices["averages"] == "own":
            raise ResultError(
                f"{self.prices['name']} was swept on averages of your own, which other prices lack."
                " Use qmac.backtest(prices, combination, rules, averages).signal."
            )
        else:
            series = Series(Prices.of(prices, self.prices["name"]))
        return find_later_signal(series, combination, self.replay_rules, self.prices, before)

    def ranked(self, by: str = "plateau", radius: int = 2) -> pd.DataFrame:
        """Return ``top`` in the order of the median objective over each row's neighbourhood.

        Neighbours without a finite objective count as the worst.

        Parameters
        ----------
        by : str, default "plateau"
            ``"objective"`` returns ``top`` as it is.
        radius : int, default 2
            Steps of the neighbourhood; any other than 2 is computed anew.

        Returns
        -------
        pd.DataFrame
            ``top``, sorted by its column ``plateau``.

        Raises
        ------
        OptionError
            If ``by`` is not known.
        ResultError
            If ``radius`` is not 2, and the prices were not saved with the result.
        """
        check_choice("rank by", by, RANKS)
        radius = check_count("radius", radius, 0, neighbours.MOST_STEPS)
        top = self.top
        if by == "objective" or top.empty:
            return top
        # results of earlier versions have no such column
        if radius != neighbours.RADIUS or "plateau" not in top:
            series = self.series.prepare(self.grid.windows, self.replay_rules)
            ranking = (top, self.objective, self.maximize, radius)
            top = neighbours.add_plateau(series, self.grid, *ranking)
        worst_first = not self.maximize
        return top.sort_values("plateau", ascending=worst_first, kind="stable", ignore_index=True)

    def report(
        self,
        path: str | Path,
        prices: Prices | pd.DataFrame | pd.Series | None = None,
        *,
        luck: Any = None,
        tries: Any = None,
        forward: Any = None,
    ) -> Path:
        """Write a page that shows all of the result, in one HTML file (docs/report.md).

        Parameters
        ----------
        path : str or Path
            The file to write.
        prices : Prices, pd.DataFrame or pd.Series, optional
            The prices that were swept, if they were not saved with the result.
        luck : Luck, optional
            What ``luck`` answered for this result; the page has a section about it.
        tries : Tries, optional
            What ``tries`` answered; the section then has a Sharpe ratio that is deflated by it,
            where that is the objective.
        forward : Forward, optional
            What ``qmac.walk_forward`` answered for the same prices, grid, objective, rules and
            constraints; the page has a section about it.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ResultError
            If the prices are missing or others, or the file cannot be written.
        OptionError
            If Plotly and Jinja are not installed, or ``luck``,
            ``tries`` or ``forward`` is about another result.
        """
        shown = self if prices is None else self.with_prices(prices)
        return write_page(path, "result page", shown, luck, tries, forward)

    def figures(
        self, directory: str | Path, prices: Prices | pd.DataFrame | pd.Series | None = None
    ) -> tuple[Path, ...]:
        """Write the main figures of the report as PNG files, without a browser.

        Parameters
        ----------
        directory : str or Path
            Where to write; created if it is missing. Pictures of the same names are replaced.
        prices : Prices, pd.DataFrame or pd.Series, optional
            The prices that were swept, if they were not saved with the result.

        Returns
        -------
        tuple of Path
            equity.png, price.png, outcomes.png and maps.png.

        Raises
        ------
        ResultError
            If the prices are missing or others, no combination was scored, or a file cannot be
            written.
        OptionError
            If matplotlib is not installed (``pip install "qmac[png]"``).
        """
        shown = self if prices is None else self.with_prices(prices)
        place = check_path("directory", directory)
        written: tuple[Path, ...] = _views.draw("images", shown, place)
        return written

    def explore(
        self,
        *,
        threads: int | None = None,
        limits: Limits | None = None,
        out: str | Path = ".",
    ) -> Any:
        """Open the explorer in a notebook, which begins with the settings of this result.

        Parameters
        ----------
        threads : int, optional
            Number of threads; all CPUs that the process may use by default.
        limits : Limits, optional
            Limits of memory, CPUs and time of each question.
        out : str or Path, default "."
            Directory in which runs are saved.

        Returns
        -------
        Exploration
            A notebook shows it; its ``result`` is the last exact answer.

        Raises
        ------
        InputError
            If the result has no prices or averages of the user's own, or anywidget is missing.
        """
        return _views.draw("explore", self, threads=threads, limits=limits, out=out)

    def luck(  # noqa: PLR0913 - the arguments of qmac.luck
        self,
        resamples: int = 199,
        *,
        nulls: Sequence[str] = ("shuffle", "mirror"),
        stop_after: int | None = 20,
        seed: int = 1,
        tried: int = 1,
        threads: int | None = None,
        progress: Listener | None = None,
        out: str | Path | None = None,
        limits: Limits | None = None,
        executor: Executor | None = None,
    ) -> Any:
        """Return how often luck alone does as well as the best combination, see ``qmac.luck``.

        Parameters
        ----------
        resamples : int, default 199
            Random markets of each null hypothesis, at most.
        nulls : sequence of str, default ("shuffle", "mirror")
            How random markets are drawn.
        stop_after : int, optional
            Random markets at least as good after which no more are swept; 20 by default.
        seed : int, default 1
            Of the random words.
        tried : int, default 1
            Searches of which this is the best.
        threads : int, optional
            Number of threads; all CPUs that the process may use by default.
        progress : callable, optional
            Called about ten times a second with a ``Status``.
        out : str or Path, optional
            Directory of the run that has the result, or another one.
        limits : Limits, optional
            Limits of memory, CPUs, disk and time; ``Limits()`` by default.
        executor : Executor, optional
            Where random markets are swept; threads of this process by default.

        Returns
        -------
        Luck
            The p-value, its bounds, and what they say.

        Raises
        ------
        InputError
            If random markets cannot be swept as the result was, or an argument is invalid.
        Stopped
            If a limit ended the run.
        """
        return _views.draw(
            "luck",
            self,
            resamples,
            nulls=nulls,
            stop_after=stop_after,
            seed=seed,
            tried=tried,
            threads=threads,
            progress=progress,
            out=out,
            limits=limits,
            executor=executor,
        )

    def tries(
        self,
        resamples: int = 25,
        seed: int = 1,
        *,
        threads: int | None = None,
        progress: Listener | None = None,
        out: str | Path | None = None,
        limits: Limits | None = None,
        executor: Executor | None = None,
    ) -> Any:
        """Return how many independent tries the search is worth.

        Neighbouring window sets trade nearly alike, so a grid of a billion is fewer tries than
        that. The whole grid is swept, by the same rules, on random markets without drift, where no
        window set has any skill. As many tries are counted as have, on average, a best that good.

        Parameters
        ----------
        resamples : int, default 25
            Random markets.
        seed : int, default 1
            Of the random words.
        threads : int, optional
            Number of threads; all CPUs that the process may use by default.
        progress : callable, optional
            Called about ten times a second with a ``Status``.
        out : str or Path, optional
            Directory of the run that has the result: the answer is written there, where reports
            find it, and read from there the next time. The same call goes on after an
            interruption, or with more random markets.
        limits : Limits, optional
            Limits of memory, CPUs, disk and time; ``Limits()`` by default.
        executor : Executor, optional
            Where random markets are swept, such as ``RayExecutor``; threads of this process by
            default.

        Returns
        -------
        Tries
            The number, its bounds, and what they say; ``float(tries)`` is the number.

        Raises
        ------
        InputError
            If random markets cannot be swept as the result was, or an argument is invalid.
        Stopped
            If a limit ended the run.
        """
        return _views.draw(
            "tries",
            self,
            resamples,
            seed,
            threads=threads,
            progress=progress,
            out=out,
            limits=limits,
            executor=executor,
        )

    def script(
        self,
        tool: str,
        combination: Sequence[int] | None = None,
        path: str | Path | None = None,
    ) -> str:
        """Return a script that trades the winner in another tool (docs/scripts.md).

        Parameters
        ----------
        tool : str
            ``"pine"`` (TradingView), ``"vectorbt"``, ``"backtesting"`` or ``"backtrader"``.
        combination : sequence of int, optional
            Four windows; the best by default.
        path : str or Path, optional
            File of the prices, which the script reads; ``prices.csv`` by default.

        Returns
        -------
        str
            The script, with what qmac expects of it in its first lines.

        Raises
        ------
        OptionError
            If the tool cannot do what the rules say, or there is no best combination.
        GridError
            If the combination is invalid.
        ResultError
            If the prices are not with the result.

        Examples
        --------
        >>> import qmac
        >>> grid = qmac.Grid(windows=range(10, 101, 10))
        >>> result = qmac.optimize(qmac.sample_prices(), grid)
        >>> print(result.script("pine").splitlines()[1])
        // QMAC 10/70 > 60/90 on sp500, 1999-01-04 to 2018-12-31.
        """
        text: str = _views.draw("script", self, tool, combination, path)
        return text

    def plot_map(self, rows: str, columns: str, stat: str = "max") -> Any:
        """Draw ``map`` as a heat map.

        Parameters
        ----------
        rows, columns, stat : str
            See ``map``.

        Returns
        -------
        plotly.graph_objects.Figure
            Its title says what was aggregated.
        """
        self.map(rows, columns, stat)  # checks them
        return _views.draw("map", self, rows, columns, stat)

    def __repr__(self) -> str:
        name, size = printable(self.prices["name"]), f"{self.evaluated:,}"
        return f"Result({name}: {self.objective} of {size} combinations, best {self.best})"

    def _repr_html_(self) -> str:
        html: str = _views.draw("result", self)
        return html

    @property
    def replay_rules(self) -> Rules:
        """Rules with the bars a year of this result; versions infer others from the same dates."""
        return replace(self.rules, periods_per_year=self.periods_per_year)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every count, score and map: equal for any threads, tiles or machine."""
        counts = f"{self.evaluated} {self.scored} {self.unscored} {self.filtered_by}"
        digest = hashlib.sha256(counts.encode())
        for array in self._digested_arrays():
            array = np.ascontiguousarray(array)
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def _digested_arrays(self) -> Iterator[Any]:
        """Yield what ``digest`` hashes after the counts; the order is part of its meaning."""
        distribution, maps = self.distribution, self.maps
        yield self._top_windows
        yield self.top_scores
        yield distribution.score_edges
        yield distribution.counts
        yield distribution.positive
        yield distribution.score_mean
        yield distribution.score_std
        yield distribution.score_min
        yield distribution.score_max
        yield maps.best
        yield maps.means
        yield maps.counts

    def summary(self, rank_by: str = "objective") -> dict[str, Any]:
        """Return counts, digest, speed, the best combination and the top rows.

        Parameters
        ----------
        rank_by : str, default "objective"
            Order of the rows, see ``ranked``.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        return self.about | {"top": list(self.rows(rank_by))}

    def rows(self, rank_by: str = "objective") -> Iterator[dict[Any, Any]]:
        """Return the rows of ``ranked``, one at a time.

        Parameters
        ----------
        rank_by : str, default "objective"
            See ``ranked``.

        Returns
        -------
        iterator of dict
            Plain values by column; None where a number is undefined.
        """
        return _convert_rows(self.ranked(rank_by))

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

    @functools.cached_property
    def job(self) -> str:
        """The job file that repeats it on the same prices: ``qmac optimize job.toml PRICES``."""
        return job_file.format_result(self.request, self.prices)

    def save(self, directory: str | Path) -> Path:
        """Write the result into a new or empty directory, all or nothing.

        Parameters
        ----------
        directory : str or Path
            For JSON, Parquet, arrays, and the prices if the result has them.

        Returns
        -------
        Path
            The directory, absolute.

        Raises
        ------
        ResultError
            If there is something in the directory, or it cannot be written.
        """
        directory = check_path("directory", directory, is_new=True)
        series = None if self.source is None else self.series
        return write_result(directory, build_contents(self, series))


def build_contents(result: Result, series: Series | None = None) -> Contents:
    """Return the parts of a result's directory.

    Parameters
    ----------
    result : Result
        What is written.
    series : Series, optional
        Prices that are written beside it.

    Returns
    -------
    Contents
        For ``qmac.results.writer``.
    """
    distribution = result.distribution
    details = {
        "years": distribution.objective.years,
        "limit": distribution.limit,
        "threads": result.threads,
        "hold": result.hold,
        "job": result.job,
    }
    if result.fingerprint is not None:
        details |= result.fingerprint.to_dict()
    return Contents(
        header=build_header(result.about, details),
        top=result._top_columns,
        arrays=build_arrays(distribution, result.maps, result.top_scores),
        series=series,
    )


def find_best_row(result: Result) -> dict[str, float] | None:
    """Return the windows and metrics of the winner; no frame is built for them.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    dict of str to float, or None
        None if nothing was scored.
    """
    columns = result._top_columns
    row = {name: float(column[0]) for name, column in columns.items() if column.size}
    return row or None


def are_close(one: Any, other: Any, tolerance: float) -> bool:
    """Return whether figures are equal but for rounding.

    Parameters
    ----------
    one, other : array-like
        Numbers of one shape.
    tolerance : float
        Largest difference, relative to the other number or to 1, whichever is larger.

    Returns
    -------
    bool
        False where only one is finite, or any is undefined.
    """
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    with np.errstate(invalid="ignore"):  # of two infinite ones
        is_near = np.abs(one - other) <= tolerance * np.maximum(1, np.abs(other))
    return bool(((is_near & np.isfinite(other)) | (one == other)).all())


def _convert_rows(frame: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    for first in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[first : first + ROWS_AT_ONCE]
        plain = part.astype(object).where(part.notna(), None)
        yield from plain.to_dict("records")


def _check_series(series: Series, result: Result) -> None:
    """Raise ResultError unless the dates and the best row of a result fit a series."""
    name = result.prices["name"]
    if result.prices["averages"] == "own" and series.averages is None:
        raise ResultError(
            f"{name} was swept on averages of your own. "
            "Give them too: with_prices(prices, averages)."
        )
    check_dates(series, result)
    if not result.top.empty:
        _check_best_row(series, result)


def check_dates(series: Series, result: Result) -> None:
    """Check that the trading period has the same bars, by number and dates.

    Parameters
    ----------
    series : Series
        Prices.
    result : Result
        What was computed, maybe on other ones.

    Raises
    ------
    ResultError
        If it has others.
    """
    try:
        period = build_period(series.prices, result.rules, result.grid.windows)
    except InputError as error:
        raise ResultError(f"these are not the prices of this result: {error}") from None
    first = period.first + period.start
    dates = series.prices.index[first : first + period.bars]
    actual = {"bars": dates.size, "first": str(dates[0]), "last": str(dates[-1])}
    for what, value in actual.items():
        expected = result.prices[what]
        if value != expected:
            raise ResultError(
                f"these are not the prices of this result: {what} is {value}, not {expected}. "
                f"Give the file that {result.prices['name']} was swept on."
            )


def _check_best_row(series: Series, result: Result) -> None:
    """Raise ResultError unless a backtest of the best combination has the saved objective."""
    objective = result.objective
    best = [int(result.top[role].iloc[0]) for role in ROLES]
    replay = evaluate(series.prices, [best], result.replay_rules, series.averages)
    actual = float(replay[objective].iloc[0])
    expected = float(result.top[objective].iloc[0])
    if not are_close(actual, expected, REPLAY_TOLERANCE):
        raise ResultError(
            f"these are not the prices of this result: the best combination makes {objective} "
            f"{actual:g} of them, not {expected:g}. "
            f"Give the file that {result.prices['name']} was swept on."
        )
