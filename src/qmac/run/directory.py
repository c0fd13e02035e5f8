"""A run on disk: what was asked, the prices, snapshots of the dataset at hand, results of those that are done.

::

    DIR/run.json             what was asked, and the checksums of the prices; never changed
        prices/SPY.parquet   the very prices, so that a run can go on wherever its directory is
        snapshots/00000012   the newest three
        snapshots/of-SPY     set aside: its result lacks cells that failed on every node of a cluster
        results/SPY/         a result, written once
        scores/SPY/          with --save-grid, until they move into the result
        progress.jsonl       a line every few seconds
        lock                 held by the process that runs it
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac import kernels
from qmac._version import __version__
from qmac.errors import ResultError
from qmac.grid import shown_windows
from qmac.prices import Prices
from qmac.run import snapshot
from qmac.run.files import sync, write_whole
from qmac.run.ledger import Ledger
from qmac.run.lock import LOCK, held
from qmac.run.scores import SCORES, is_complete
from qmac.symbols import safe_name

FORMAT = 1
HEADER, PROGRESS, AVERAGES = "run.json", "progress.jsonl", "averages.npy"
STARTING = "starting"
"""Held while a directory is begun; one that nobody holds is of a start that was killed."""
FOLDERS = ("prices", "snapshots", "results")
ENTRIES = {"format": int, "qmac": str, "asked": dict, "prices": dict, "left_out": dict}
"""Of a header, and their types."""
GENERATIONS = 3
ASIDE = "of-"


class RunDirectory:
    """See above. Every file is whole or not there, and checked when it is read."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path, self.header = path, header

    @classmethod
    def create(
        cls,
        path: Path,
        asked: dict[str, Any],
        prices: Mapping[str, Prices],
        averages: np.ndarray | None,
        left_out: Mapping[str, str],
        save_grid: str | None = None,
    ) -> RunDirectory:
        """A new run in a new or empty directory, or nothing; the header comes last, so a directory with one is complete."""
        existed = path.is_dir()
        path.mkdir(parents=True, exist_ok=True)
        try:
            with held(path / STARTING, path):
                made = cls(path, _written(path, asked, prices, averages, left_out, save_grid))
            (path / STARTING).unlink()
            return made
        except BaseException:  # Ctrl-C too: what is left would be in the way of another try
            _clear(path)
            if not existed:
                with suppress(OSError):
                    path.rmdir()
            raise

    @staticmethod
    def clear_start(path: Path) -> None:
        """Remove what a start left that was killed, if there is such.

        Raises
        ------
        ResultError : another process begins a run there.
        """
        if (path / STARTING).exists() and not (path / HEADER).exists():
            with held(path / STARTING, path):
                _clear(path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """A run that is there.

        Raises
        ------
        ResultError : there is none, or it is damaged, or of a newer qmac.
        """
        try:
            header = json.loads((path / HEADER).read_bytes())
        except FileNotFoundError:
            raise ResultError(
                f"{path} holds no run: there is no {HEADER}. Name a directory that 'qmac optimize --out' began."
            ) from None
        except OSError as error:
            raise ResultError(f"{path} cannot be read: {error.strerror or error}. Name another directory.") from None
        except (ValueError, RecursionError):
            raise ResultError(f"{path / HEADER} is damaged. Begin the run anew in another directory.") from None
        if not isinstance(header, dict) or header.get("checksum") != _checksum(header):
            raise ResultError(f"{path / HEADER} was changed: its checksum differs. Begin the run anew elsewhere.")
        if isinstance(header.get("format"), int) and header["format"] > FORMAT:
            raise ResultError(f"{path} was written by qmac {header.get('qmac')}. Update qmac to go on with it.")
        if not all(isinstance(header.get(name), kind) for name, kind in ENTRIES.items()):
            raise ResultError(f"{path / HEADER} is no header of a run. Begin the run anew in another directory.")
        return cls(path, header)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory; the lock ends with the process, however that ends.

        Raises
        ------
        ResultError : another process holds it.
        """
        with held(self.path / LOCK, self.path):
            yield

    @property
    def names(self) -> list[str]:
        return list(self.header["prices"])

    def prices(self, name: str) -> Prices:
        """The prices of a symbol, as they were given."""
        path = self.path / "prices" / f"{safe_name(name)}.parquet"
        try:
            series = Prices(pd.read_parquet(path), name)
            same = prices_checksum(series) == self.header["prices"][name]["sha256"]
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(f"{path} is damaged ({type(error).__name__}). Begin the run anew elsewhere.") from None
        if not same:
            raise ResultError(f"{path} was changed: its checksum differs. Begin the run anew in another directory.")
        return series

    def averages(self) -> np.ndarray | None:
        """The user's own averages, if there were any."""
        path = self.path / AVERAGES
        if not self.header["asked"]["averages"].startswith("own"):
            return None
        try:
            found: np.ndarray = np.load(path, allow_pickle=False)
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(f"{path} is damaged ({type(error).__name__}). Begin the run anew elsewhere.") from None
        if own_averages(found) != self.header["asked"]["averages"]:
            raise ResultError(f"{path} was changed: its checksum differs. Begin the run anew in another directory.")
        return found

    def result(self, name: str) -> Path:
        """Where the result of a symbol is, or is to be."""
        return self.path / "results" / safe_name(name)

    @property
    def save_grid(self) -> str | None:
        """The type of the scores that are kept, if they are."""
        return None if self.header.get("save_grid") is None else str(self.header["save_grid"])

    def scores(self, name: str) -> Path:
        """Where the scores of a symbol are written; they move into its result."""
        return self.path / "scores" / safe_name(name)

    def keep_scores(self, name: str) -> None:
        """Put the scores of a symbol that is done beside its result; those that are not whole are removed."""
        if not self.save_grid:
            return
        if is_complete(self.scores(name)):
            os.replace(self.scores(name), self.result(name) / SCORES)
        else:
            warnings.warn(f"the scores of {name} are not whole and were removed; see degradations.", stacklevel=2)
            shutil.rmtree(self.scores(name), ignore_errors=True)

    def save_snapshot(self, about: dict[str, Any], ledger: Ledger) -> None:
        """Write the next generation and remove what is older than the newest three."""
        paths = self._snapshots()
        number = int(paths[0].name) + 1 if paths else 1
        # closed, for an error holds on to what it came through: to the lock, for which workers would wait for ever
        with closing(snapshot.encoded(about, snapshot.arrays_of(ledger), ledger.lock)) as parts:
            write_whole(self.path / "snapshots" / f"{number:08}", parts)
        for old in paths[GENERATIONS - 1 :]:
            old.unlink(missing_ok=True)

    def load_snapshot(self, ledger: Ledger, fits: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
        """Restore the newest sound snapshot of what ``fits`` says; what it is about (None if there is none), and what
        was wrong with newer ones."""
        damaged = []
        aside = self._aside(fits["name"])
        for path in [*self._snapshots(), *([aside] if aside.exists() else [])]:
            try:
                about, arrays = snapshot.decoded(path)
                if any(about.get(key) != value for key, value in fits.items()):
                    continue
                snapshot.restore(ledger, arrays)
            except ResultError as error:
                damaged.append(str(error))
                continue
            return about, damaged
        return None, damaged

    def set_aside(self, name: str) -> None:
        """Keep the newest snapshot for a symbol of which cells failed, so that these alone can be tried again."""
        for newest in self._snapshots()[:1]:
            os.replace(newest, self._aside(name))
            sync(newest.parent)

    def drop_set_aside(self, but: Collection[str]) -> None:
        """Of all symbols but some."""
        kept = {self._aside(name) for name in but}
        for path in (self.path / "snapshots").glob(f"{ASIDE}*"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def drop_snapshots(self) -> None:
        """Of a dataset that is done; not what is set aside."""
        for path in [*self._snapshots(), *(self.path / "snapshots").glob(".*.part")]:
            path.unlink(missing_ok=True)

    def drop_result(self, name: str) -> None:
        """What there is of it, and what a killed process left beside it."""
        place = self.result(name)
        left = re.compile(rf"\.{re.escape(place.name[:100])}-[0-9]+")
        for path in [place, *(path for path in place.parent.glob(".*") if left.fullmatch(path.name))]:
            shutil.rmtree(path, ignore_errors=True)

    def _aside(self, name: str) -> Path:
        return self.path / "snapshots" / f"{ASIDE}{safe_name(name)}"

    def _snapshots(self) -> list[Path]:
        """The newest first."""
        folder = self.path / "snapshots"
        try:
            return sorted((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda p: -int(p.name))
        except FileNotFoundError:
            return []


def _clear(path: Path) -> None:
    """Remove what ``_written`` writes."""
    for name in FOLDERS:
        shutil.rmtree(path / name, ignore_errors=True)
    for file in (path / HEADER, path / AVERAGES, *path.glob(".*.part"), path / STARTING):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _written(
    path: Path,
    asked: dict[str, Any],
    prices: Mapping[str, Prices],
    averages: np.ndarray | None,
    left_out: Mapping[str, str],
    save_grid: str | None,
) -> dict[str, Any]:
    """Write the files of a new run; its header."""
    files = {}
    for folder in FOLDERS:
        (path / folder).mkdir(parents=True, exist_ok=True)
    for name, series in prices.items():
        text = io.BytesIO()
        series.frame.to_parquet(text)
        write_whole(path / "prices" / f"{safe_name(name)}.parquet", [text.getvalue()])
        files[name] = {"bars": len(series), "sha256": prices_checksum(series)}
    if averages is not None:
        text = io.BytesIO()
        np.save(text, averages, allow_pickle=False)
        write_whole(path / AVERAGES, [text.getvalue()])
    header = {
        "format": FORMAT,
        "qmac": __version__,
        "asked": asked,
        "prices": files,
        "left_out": dict(left_out),
        "save_grid": save_grid,
    }
    header["checksum"] = _checksum(header)
    write_whole(path / HEADER, [json.dumps(header, indent=2).encode()])
    sync(path.parent)
    return header


def prices_checksum(series: Prices) -> str:
    """Of every date and price."""
    digest = hashlib.sha256(f"{series.index.tz} {list(series.frame.columns)}".encode())
    digest.update(series.index.as_unit("us").asi8.astype("<i8").tobytes())  # Parquet knows no whole seconds
    for column in series.frame:
        values = series.frame[column].to_numpy("<f8")
        digest.update(np.where(np.isnan(values), np.nan, values).tobytes())  # Parquet knows one NaN
    return digest.hexdigest()


def own_averages(averages: np.ndarray) -> str:
    """How a header names the user's own averages."""
    return f"own {hashlib.sha256(np.ascontiguousarray(averages, '<f8').tobytes()).hexdigest()}"


def changes(kept: Any, asked: Any, name: str = "") -> list[str]:
    """What differs between two headers: ``["rules.fees is 0.001, asked is 0.0"]``."""
    if isinstance(kept, dict) and isinstance(asked, dict):
        found: list[str] = []
        for key in [*kept, *(key for key in asked if key not in kept)]:
            inner = f"{name}.{key}" if name else str(key)
            found += changes(kept.get(key), asked.get(key), inner)
        return found
    if kept == asked:
        return []
    return [f"{name} is {_short(kept)}, asked is {_short(asked)}"]


def _short(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(inner, int) for inner in value):
        return shown_windows(tuple(value))
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:40]} ... ({len(text)} characters)"


def _checksum(header: dict[str, Any]) -> str:
    rest = {key: value for key, value in header.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def kernel_sources() -> str:
    """Checksum of the kernels' sources: what they keep in a snapshot, others may not go on with."""
    digest = hashlib.sha256()
    for source in sorted(Path(kernels.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
