"""The answer of a run, and its directory on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac import jobfile
from qmac._version import __version__
from qmac.config import Rules
from qmac.errors import ResultError, WriteError
from qmac.grid import Combination, Grid
from qmac.objective import Objective, check_constraints
from qmac.reductions import Distribution, Maps
from qmac.run.files import sync
from qmac.run.scores import SCORES, ScoreGrid

FORMAT = 2
HEADER, TOP, ARRAYS = "result.json", "top.parquet", "arrays.npz"


@dataclass(frozen=True, eq=False)
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
        """Objective over two of the four windows: ``stat`` is ``"max"``, ``"mean"`` or ``"count"``.

        (``"min"`` in place of ``"max"`` where the lowest was looked for.)

        Returns a frame with the windows of ``rows`` as index and those of ``columns`` as columns, NaN
        where no combination was scored. The mean of returns and drawdowns is the compounded one. A maximum
        over thousands of combinations hides luck; look at the mean beside it.

        Raises
        ------
        OptionError : a window or stat that is not known.
        """
        return self.maps.frame(self.grid, rows, columns, stat)

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

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON: counts, digest, speed, best and top."""
        top = self.top.astype(object).where(self.top.notna(), None)
        return {
            "evaluated": self.evaluated,
            "scored": self.scored,
            "unscored": self.unscored,
            "filtered": self.filtered,
            "filtered_by": self.filtered_by,
            "digest": self.digest,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
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
            "top": top.to_dict("records"),
        }

    @property
    def job(self) -> str:
        """The job file that would repeat it on the same prices, as text: ``qmac optimize job.toml PRICES``."""
        asked = {
            "grid": self.grid.to_dict(),
            "rules": self.rules.to_dict(),
            "objective": self.objective,
            "maximize": self.maximize,
            "constraints": self.constraints,
        }
        return jobfile.of_result(asked, max(len(self.top), 1), self.prices)

    def save(self, directory: str | Path) -> Path:
        """Write the result into a new or empty directory, all or nothing: JSON, Parquet and arrays.

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
            self._write(scratch)
            if existed:  # a shell may stand in it, so it is filled, not replaced; without a header it is no result
                for name in (TOP, ARRAYS, HEADER):
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

    def _write(self, directory: Path) -> None:
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
            "objective": self.objective,
            "maximize": self.maximize,
            "constraints": {
                metric: [None if math.isinf(bound) else bound for bound in bounds]
                for metric, bounds in self.constraints.items()
            },
            "years": distribution.objective.years,
            "limit": distribution.limit,
            "rules": self.rules.to_dict(),
            "grid": self.grid.to_dict(),
            "threads": self.threads,
            "prices": self.prices,
            "periods_per_year": self.periods_per_year,
            "hold": {name: value if math.isfinite(value) else str(value) for name, value in self.hold.items()},
            "evaluated": self.evaluated,
            "scored": self.scored,
            "unscored": self.unscored,
            "filtered": self.filtered,
            "filtered_by": self.filtered_by,
            "elapsed": self.elapsed,
            "degradations": self.degradations,
            "failed": self.failed,
            "digest": self.digest,
            "job": self.job,
            "checksums": {name: _checksum(directory / name) for name in (TOP, ARRAYS)},
        }
        header["checksum"] = _header_checksum(header)
        (directory / HEADER).write_text(json.dumps(header, indent=2, allow_nan=False) + "\n")
        for name in (TOP, ARRAYS, HEADER):
            sync(directory / name)


def load(directory: str | Path) -> Result:
    """A result that ``Result.save`` or ``qmac optimize --out`` wrote.

    Raises
    ------
    ResultError : the directory holds no result, a damaged one, or one of a newer qmac.
    """
    directory = Path(directory)
    directory = directory.expanduser()
    try:
        known = (directory / HEADER).is_file()
    except OSError as error:
        raise ResultError(f"{directory} cannot be read: {error.strerror}. Name another directory.") from None
    parts = [] if known else sorted(directory.glob(f"results/*/{HEADER}"))
    if len(parts) == 1:  # a run of one symbol
        return load(parts[0].parent)
    if parts:
        raise ResultError(f"{directory} holds {len(parts)} results. Name one, such as {parts[0].parent}.")
    if not known:
        raise ResultError(
            f"{directory} holds no result: there is no {HEADER}. Name a directory that 'qmac optimize --out' wrote."
        )
    try:
        header = json.loads((directory / HEADER).read_text())
        if header["format"] > FORMAT:
            raise ResultError(f"{directory} was written by qmac {header['qmac']}. Update qmac to read it.")
        if _header_checksum(header) != header.get("checksum"):
            raise ResultError(f"{directory / HEADER} was changed: its checksum differs. Run it again.")
        for name in (TOP, ARRAYS):
            if _checksum(directory / name) != header["checksums"][name]:
                raise ResultError(f"{directory / name} is damaged: its checksum differs. Run it again.")
        top = pd.read_parquet(directory / TOP)
        with np.load(directory / ARRAYS, allow_pickle=False) as arrays:
            result = _from_parts(header, top, dict(arrays))
    except ResultError:
        raise
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(f"{directory} is damaged ({type(error).__name__}: {error}). Run it again.") from None
    if result.digest != header["digest"]:
        raise ResultError(
            f"{directory} is damaged: its digest is {result.digest}, not {header['digest']}. Run it again."
        )
    if (directory / SCORES).is_dir():
        scores = ScoreGrid(directory / SCORES, result.grid, result.distribution.objective)
        return replace(result, scores=scores)
    return result


def _from_parts(header: dict[str, Any], top: pd.DataFrame, arrays: dict[str, np.ndarray]) -> Result:
    grid = Grid(**header["grid"])
    mean, std, low, high = (float(number) for number in arrays["scores"])
    positive = int(arrays["positive"])
    objective = Objective(header["objective"], header["maximize"], header["years"])
    counts = (arrays["counts"], header["scored"], positive)
    return Result(
        top=top,
        distribution=Distribution(objective, arrays["edges"], *counts, mean, std, low, high, header["limit"]),
        grid=grid,
        rules=Rules(**header["rules"]),
        hold={name: float(value) for name, value in header["hold"].items()},
        constraints=check_constraints(header["constraints"], 0),
        top_scores=arrays["top_scores"],
        maps=Maps(objective, grid.windows, arrays["map_best"], arrays["map_mean"], arrays["map_count"]),
        degradations=list(header.get("degradations", [])),
        failed=list(header.get("failed", [])),
        **{
            name: header[name]
            for name in (
                "evaluated", "scored", "unscored", "filtered", "filtered_by", "elapsed",
                "objective", "maximize", "threads", "prices", "periods_per_year",
            )
        },
    )  # fmt: skip


def _header_checksum(header: dict[str, Any]) -> str:
    """Checksum of everything in the header but itself."""
    rest = {name: value for name, value in header.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_writable(directory: str | Path) -> Path:
    """The directory, absolute, if a result may be written there; found out by writing."""
    directory = Path(directory).expanduser()
    try:
        directory = directory.resolve()
        if directory.exists() and not directory.is_dir():
            raise ResultError(f"{directory} is a file. Name a new directory.")
        if directory.is_dir() and any(directory.iterdir()):
            raise ResultError(f"{directory} exists and is not empty. Name a new directory, or empty it first.")
        above = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
        probe = above / f".{directory.name}-{os.getpid()}"  # as long as the name to come, at least
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ResultError(
            f"{directory} cannot be written: {error.strerror or error}. Name another directory."
        ) from None
    return directory
