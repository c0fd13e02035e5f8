"""The header of a run, ``run.json``: its request, and the checksums of its prices and kernels."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from qmac._version import __version__
from qmac.data.prices import Prices
from qmac.engine.sweep.spec import LANES
from qmac.errors import ResultError, printable, shell_quote
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.runs.score_store import DTYPES
from qmac.runs.tasks import Task
from qmac.storage.files import is_file, read_bytes
from qmac.storage.json_text import compute_checksum
from qmac.storage.refusals import describe_damage
from qmac.strategy.request import Request, check_type
from qmac.strategy.windows import format_windows

HEADER, RESULT = "run.json", "result.json"
FORMAT = 2
"""Version of everything in a run directory but its results, which have a version of their own."""
AGAIN = "Start the run again in another directory."
FINGERPRINT_KEYS = {1: "asked", 2: "fingerprint"}
"""Where each format that is read has the fingerprint. Only runs of ``FORMAT`` are resumed."""
OWN_AVERAGES = "own"
"""How the name of the user's own averages begins; a checksum follows."""
FOLD_TYPES = {
    "train": (str, NoneType),
    "test": (str, NoneType),
    "holdout": (float, str, NoneType),
    "anchored": (bool,),
    "gap": (int,),
}
"""How bars are divided for a walk-forward; ``robustness.forward.folds.Layout`` reads it."""
WORDS_WIDTH, WORDS_BEGIN = 60, 40
"""Characters up to which a value is shown in full, and those of a longer one that are shown."""


@functools.cache
def _hash_loaded_arithmetic() -> str:
    """Return the hash of the arithmetic of this process: all sources take a millisecond."""
    return hash_arithmetic()


@dataclass(frozen=True)
class Fingerprint:
    """Everything but the prices that the result of a run follows from, bit by bit."""

    request: Request
    averages: str
    """Kind of the moving averages, or "own" and the checksum of the user's own."""
    lanes: int = LANES
    kernels: str = ""
    """Hash of the sources of the kernels' arithmetic."""

    @classmethod
    def of(cls, request: Request, averages: np.ndarray | None) -> Fingerprint:
        """Return the fingerprint of a run of this version.

        Parameters
        ----------
        request : Request
            What is computed.
        averages : ndarray or None
            The user's own averages ``(W, T)``, checked; None for those of the rules.

        Returns
        -------
        Fingerprint
            With the lanes and kernels of this version.
        """
        kind = request.rules.average if averages is None else name_own_averages(averages)
        return cls(request, kind, LANES, _hash_loaded_arithmetic())

    @property
    def has_own_averages(self) -> bool:
        """Whether the averages are the user's own."""
        return self.averages.startswith(OWN_AVERAGES)

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of all of it, in hexadecimal digits."""
        return compute_checksum(self.to_dict())

    @property
    def is_of_this_version(self) -> bool:
        """Whether this version computes the same bits."""
        return (self.lanes, self.kernels) == (LANES, _hash_loaded_arithmetic())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            The entries of the request, and beside them averages, lanes and kernels.
        """
        more = {"averages": self.averages, "lanes": self.lanes, "kernels": self.kernels}
        return self.request.to_dict() | more

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fingerprint:
        """Build a fingerprint from plain values of an untrusted file.

        Parameters
        ----------
        values : mapping
            What ``to_dict`` returned.

        Returns
        -------
        Fingerprint
            It may be that of another version.

        Raises
        ------
        InputError
            If an entry is missing, has another type, or a value outside its bounds.
        """
        for name, kind in (("averages", str), ("lanes", int), ("kernels", str)):
            check_type(name, values.get(name), kind)
        request = Request.from_dict(values)
        return cls(request, values["averages"], values["lanes"], values["kernels"])


@dataclass(frozen=True)
class Identity:
    """What a result, a snapshot or a store of scores belongs to: a request and one series."""

    fingerprint: Fingerprint
    task: str
    """Name of the task: the symbol, if that is all."""
    prices: str
    """Checksum of dates and prices, see ``prices_checksum``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            The entries of the fingerprint, and beside them task and prices.
        """
        return self.fingerprint.to_dict() | {"task": self.task, "prices": self.prices}

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of all of it, in hexadecimal digits."""
        return compute_checksum(self.to_dict())


@dataclass(frozen=True)
class PricesEntry:
    """What a header says of the prices of one symbol."""

    bars: int
    sha256: str
    """Checksum of dates and prices, see ``prices_checksum``."""
    file: str | None = None
    """Checksum of the Parquet file, so that no reader of Parquet meets an untrusted one."""


@dataclass(frozen=True)
class RunHeader:
    """The content of ``run.json``, which never changes."""

    fingerprint: Fingerprint
    prices: Mapping[str, PricesEntry]
    """By symbol, in the order of the run."""
    left_out: Mapping[str, str]
    """Symbols that are not part of the run, and why."""
    save_grid: str | None = None
    """Type of the scores on disk; None where only the best are in the result."""
    qmac: str = __version__
    """Version that wrote the header."""
    format: int = FORMAT
    """Format of the run directory; that of an earlier version can be read, not resumed."""
    folds: Mapping[str, Any] | None = None
    """How bars are divided into folds, for a walk-forward; None for a sweep of all bars."""

    @property
    def is_resumable(self) -> bool:
        """Whether this version can resume the run: its format and its kernels are the same."""
        return self.format == FORMAT and self.fingerprint.is_of_this_version

    @property
    def request(self) -> Request:
        """What is computed for every symbol."""
        return self.fingerprint.request

    def identify(self, task: Task) -> Identity:
        """Return what the files of a task belong to.

        Parameters
        ----------
        task : Task
            One of the run.

        Returns
        -------
        Identity
            With the checksum of the prices.
        """
        return Identity(self.fingerprint, task.name, self.prices[task.symbol].sha256)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, their checksum among them.

        Returns
        -------
        dict
            The content of ``run.json``.
        """
        values = {
            "format": self.format,
            "qmac": self.qmac,
            FINGERPRINT_KEYS[self.format]: self.fingerprint.to_dict(),
            "prices": {symbol: vars(entry) for symbol, entry in self.prices.items()},
            "left_out": dict(self.left_out),
            "save_grid": self.save_grid,
        }
        if self.folds is not None:
            values["folds"] = dict(self.folds)
        return values | {"checksum": compute_checksum(values)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunHeader:
        """Build a header from plain values, whose checksum fits though they may be untrusted.

        Parameters
        ----------
        values : mapping
            What ``to_dict`` returned.

        Returns
        -------
        RunHeader
            Every entry has its type, and the request is valid.

        Raises
        ------
        InputError
            If an entry is missing, has another type, or a value outside its bounds.
        """
        key = FINGERPRINT_KEYS[values["format"]]
        for name, kind in (("qmac", str), (key, dict), ("left_out", dict)):
            check_type(name, values.get(name), kind)
        for symbol, reason in values["left_out"].items():
            check_type(f"left_out.{symbol}", reason, str)
        save_grid = values.get("save_grid")
        if save_grid not in (None, *DTYPES):
            raise ResultError(f"save_grid must be one of {', '.join(DTYPES)}, got {save_grid!r}")
        folds = values.get("folds")
        if folds is not None:
            _check_folds(folds)
        return cls(
            fingerprint=Fingerprint.from_dict(values[key]),
            prices=_read_prices_entries(values.get("prices")),
            left_out=values["left_out"],
            save_grid=save_grid,
            qmac=values["qmac"],
            format=values["format"],
            folds=folds,
        )


def _check_folds(folds: Any) -> None:
    """Refuse what is no description of folds; whether its lengths make sense is checked later."""
    check_type("folds", folds, dict)
    if set(folds) != set(FOLD_TYPES):
        raise ResultError(f"folds must have {', '.join(FOLD_TYPES)}")
    for name, kinds in FOLD_TYPES.items():
        if type(folds[name]) not in kinds:
            raise ResultError(f"folds.{name} has another type")


def _read_prices_entries(values: Any) -> dict[str, PricesEntry]:
    check_type("prices", values, dict)
    if not values:
        raise ResultError("prices must name one symbol at least")
    entries = {}
    for symbol, value in values.items():
        check_type(f"prices.{symbol}", value, dict)
        check_type(f"prices.{symbol}.bars", value.get("bars"), int)
        check_type(f"prices.{symbol}.sha256", value.get("sha256"), str)
        entries[symbol] = PricesEntry(value["bars"], value["sha256"], value.get("file"))
    return entries


def read_header(path: Path) -> RunHeader:
    """Read the header of the run in a directory.

    Parameters
    ----------
    path : Path
        The run directory.

    Returns
    -------
    RunHeader
        Its content, every entry checked.

    Raises
    ------
    ResultError
        If there is none, or it is damaged, or of a format that is not known.
    """
    file = path / HEADER
    values = _read_json(file)
    if not isinstance(values, dict) or values.get("checksum") != compute_checksum(values):
        raise ResultError(f"{file} was changed: its checksum differs.", AGAIN)
    _check_format(path, values)
    try:
        return RunHeader.from_dict(values)
    except Exception as error:  # an untrusted file, with a checksum that fits, can fail in any way
        raise ResultError(
            f"{file} is not the header of a run: {describe_damage(error)}.", AGAIN
        ) from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(read_bytes(file))
    except FileNotFoundError:
        if is_file(file.parent / RESULT):
            raise ResultError(
                f"{file.parent} holds a result, which is finished, and no run. Show it: qmac show "
                f"{shell_quote(file.parent)}"
            ) from None
        raise ResultError(
            f"{file.parent} holds no run: there is no {HEADER}.",
            "Name a directory that 'qmac optimize --out' wrote.",
        ) from None
    except OSError as error:
        raise ResultError(
            f"{file.parent} cannot be read: {error.strerror or error}.", "Name another directory."
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise ResultError(f"{file} is damaged.", AGAIN) from None


def _check_format(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse a directory of a format that this version does not know."""
    number = values.get("format")
    if isinstance(number, bool) or not isinstance(number, int):
        raise ResultError(
            f"{path / HEADER} is not the header of a run: format must be a number.", AGAIN
        )
    if number not in FINGERPRINT_KEYS:
        version = printable(values.get("qmac"))
        raise ResultError(
            f"{path} was written by qmac {version} in run format {number}, but qmac {__version__} "
            f"reads up to format {FORMAT}: use qmac {version}."
        )


def prices_checksum(series: Prices) -> str:
    """Return the checksum of every date and price of a series.

    Parameters
    ----------
    series : Prices
        Its name does not count.

    Returns
    -------
    str
        SHA-256, see ``Prices.checksum``.
    """
    return series.checksum


def name_own_averages(averages: np.ndarray) -> str:
    """Return how a header names the user's own averages.

    Parameters
    ----------
    averages : ndarray
        ``(W, T)``.

    Returns
    -------
    str
        "own" and the checksum of their values.
    """
    values = np.ascontiguousarray(averages, "<f8")
    return f"{OWN_AVERAGES} {hashlib.sha256(values.tobytes()).hexdigest()}"


def describe_changes(before: Any, after: Any, name: str = "") -> list[str]:
    """Return what differs between two fingerprints, or two entries of them.

    Parameters
    ----------
    before, after : object
        Plain values of a run that is there, and of the one that is wanted.
    name : str
        Name of the entry.

    Returns
    -------
    list of str
        A text for each difference.

    Examples
    --------
    >>> describe_changes({"rules": {"fees": 0.001}}, {"rules": {"fees": 0.0}})
    ['rules.fees is 0.001, not 0.0']
    """
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in before | after:
            inner = f"{name}.{key}" if name else str(key)
            found += describe_changes(before.get(key), after.get(key), inner)
        return found
    if before == after:
        return []
    old, new = _shorten(before), _shorten(after)
    if old == new and isinstance(before, list):  # they begin and end alike
        pairs = zip(before, after, strict=True)
        old, new = next(pair for pair in pairs if pair[0] != pair[1])
        return [f"{name} holds {old}, not {new}"]
    return [f"{name} is {old}, not {new}"]


def _shorten(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return format_windows(tuple(value))
    text = "none" if value is None else json.dumps(value)
    if len(text) <= WORDS_WIDTH:
        return text
    return f"{text[:WORDS_BEGIN]} ... ({len(text)} characters)"
