"""A run on disk: what was asked, the prices, snapshots of the dataset at hand, results of those that are done.

::

    DIR/run.json             what was asked, and the checksums of the prices; never changed
        prices/SPY.parquet   the very prices, so that a run can go on wherever its directory is
        snapshots/00000012   the newest three
        snapshots/of-SPY     set aside: its result lacks cells that failed on every node of a cluster, or it was left out
        results/SPY/         a result, written once
        scores/SPY/          with --save-grid, until they move into the result
        progress.jsonl       a line every few seconds
        lock                 held by the process that runs it
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.errors import ResultError
from qmac.runs import creation, header, snapshot
from qmac.runs.score_store import SCORES, is_complete
from qmac.runtime.execution.ledger import Ledger
from qmac.storage.atomic import sync, write_whole
from qmac.storage.directories import safe_name
from qmac.storage.lock import LOCK, hold_lock, write_holder

PROGRESS = "progress.jsonl"
GENERATIONS = 3
ASIDE = "of-"


class RunDirectory:
    """See above. Every file is whole or not there, and checked when it is read."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self.path, self.header = path, head

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
        """A new run in a new or empty directory, or nothing: see ``run.start``."""
        return cls(*creation.begin(path, asked, prices, averages, left_out, save_grid))

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """A run that is there; raises ResultError as ``run.header`` says."""
        return cls(path, header.read(path))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory; the lock ends with the process, however that ends.

        Raises
        ------
        ResultError : another process holds it.
        """
        with hold_lock(self.path / LOCK, self.path) as descriptor:
            write_holder(descriptor)
            yield

    @property
    def names(self) -> list[str]:
        return list(self.header["prices"])

    def prices(self, name: str) -> Prices:
        """The prices of a symbol, as they were given."""
        path, entry = (
            self.path / "prices" / f"{safe_name(name)}.parquet",
            self.header["prices"].get(name, {}),
        )
        changed = ResultError(
            f"{path} was changed: its checksum differs. Begin the run anew in another directory."
        )
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if entry.get("file", found) != found:  # so no reader of Parquet meets a stranger's file
                raise changed
            series = Prices(pd.read_parquet(path), name)
            if header.prices_checksum(series) != entry["sha256"]:
                raise changed
        except ResultError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(
                f"{path} is damaged ({type(error).__name__}). Begin the run anew elsewhere."
            ) from None
        return series

    def averages(self) -> np.ndarray | None:
        """The user's own averages, if there were any."""
        path = self.path / creation.AVERAGES
        if not self.header["asked"]["averages"].startswith("own"):
            return None
        try:
            found: np.ndarray = np.load(path, allow_pickle=False)
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(
                f"{path} is damaged ({type(error).__name__}). Begin the run anew elsewhere."
            ) from None
        if header.own_averages(found) != self.header["asked"]["averages"]:
            raise ResultError(
                f"{path} was changed: its checksum differs. Begin the run anew in another directory."
            )
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
            warnings.warn(
                f"the scores of {name} are not whole and were removed; see degradations.",
                stacklevel=2,
            )
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

    def load_snapshot(
        self, ledger: Ledger, fits: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Restore the newest sound snapshot of what ``fits`` says; what it is about (None if there is none), and what
        was wrong with newer ones."""
        damaged = []
        aside = self._aside(fits["name"])
        for path in [*self._snapshots(), *([aside] if aside.exists() else [])]:
            try:
                about, arrays = snapshot.decoded(path, snapshot.most_bytes(ledger))
                if any(about.get(key) != value for key, value in fits.items()):
                    continue
                snapshot.restore(ledger, arrays)
            except ResultError as error:
                damaged.append(str(error))
                continue
            return about, damaged
        return None, damaged

    def set_aside(self, name: str) -> None:
        """Keep the newest snapshot of a symbol that is not done: cells of it failed, or it had to be left out."""
        for path in self._snapshots():
            try:
                about = snapshot.about(path)
            except ResultError:
                continue
            if about.get("name") == name:
                os.replace(path, self._aside(name))
                sync(path.parent)
                return

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
        for path in [
            place,
            *(path for path in place.parent.glob(".*") if left.fullmatch(path.name)),
        ]:
            shutil.rmtree(path, ignore_errors=True)

    def _aside(self, name: str) -> Path:
        return self.path / "snapshots" / f"{ASIDE}{safe_name(name)}"

    def _snapshots(self) -> list[Path]:
        """The newest first."""
        folder = self.path / "snapshots"
        try:
            return sorted(
                (path for path in folder.iterdir() if path.name.isdecimal()),
                key=lambda p: -int(p.name),
            )
        except FileNotFoundError:
            return []
