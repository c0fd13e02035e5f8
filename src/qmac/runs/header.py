"""The header of a run, ``run.json``: what was asked, and the checksums of what it was asked of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qmac._version import __version__
from qmac.data.prices import Prices
from qmac.errors import ResultError, printable
from qmac.runs.score_store import DTYPES
from qmac.strategy.grid import ROLES
from qmac.strategy.windows import format_windows

HEADER = "run.json"
FORMAT = 1


def made(
    asked: dict[str, Any],
    prices: dict[str, Any],
    left_out: Mapping[str, str],
    save_grid: str | None,
) -> dict[str, Any]:
    """The header of a new run; ``prices`` has the checksums of each symbol."""
    header = {
        "format": FORMAT,
        "qmac": __version__,
        "asked": asked,
        "prices": prices,
        "left_out": dict(left_out),
        "save_grid": save_grid,
    }
    return header | {"checksum": checksum(header)}


def read(path: Path) -> dict[str, Any]:
    """The header of the run in a directory.

    Raises
    ------
    ResultError : there is none, or it is damaged, or of a newer qmac.
    """
    file = path / HEADER
    try:
        header = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ResultError(
            f"{path} holds no run: there is no {HEADER}. Name a directory that 'qmac optimize --out' began."
        ) from None
    except OSError as error:
        raise ResultError(
            f"{path} cannot be read: {error.strerror or error}. Name another directory."
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise ResultError(f"{file} is damaged. Begin the run anew in another directory.") from None
    if not isinstance(header, dict) or header.get("checksum") != checksum(header):
        raise ResultError(
            f"{file} was changed: its checksum differs. Begin the run anew elsewhere."
        )
    if isinstance(header.get("format"), int) and header["format"] > FORMAT:
        raise ResultError(
            f"{path} was written by qmac {printable(header.get('qmac'))}. Update qmac to go on with it."
        )
    if wrong := _wrong(header):
        raise ResultError(
            f"{file} is no header of a run: {wrong}. Begin the run anew in another directory."
        )
    return header


def _wrong(header: dict[str, Any]) -> str:
    """The first entry that cannot be, by its name; an empty text if all can. A checksum can be made to fit anything.

    What windows, rules and metrics mean is asked by those who go on with the run.
    """
    entries = {"format": int, "qmac": str, "asked": dict, "prices": dict, "left_out": dict}
    inner = {
        "grid": dict, "rules": dict, "objective": str, "maximize": bool, "constraints": dict, "top": int, "averages": str,
    }  # fmt: skip
    if wrong := _of_other_types(header, entries) or _of_other_types(header["asked"], inner):
        return wrong
    asked, grid = header["asked"], header["asked"]["grid"]
    tests = {
        "grid": all(_all(grid.get(role), int) for role in ROLES) and isinstance(grid.get("shared_windows"), bool),
        "constraints": all(
            isinstance(bounds, list) and len(bounds) == 2 and _all(bounds, int, float, type(None))
            for bounds in asked["constraints"].values()
        ),
        "prices": bool(header["prices"]) and not any(
            not isinstance(entry, dict) or _of_other_types(entry, {"bars": int, "sha256": str})
            for entry in header["prices"].values()
        ),
        "left_out": _all(list(header["left_out"].values()), str),
        "save_grid": header.get("save_grid") in (None, *DTYPES),
    }  # fmt: skip
    return next((name for name, holds in tests.items() if not holds), "")


def _of_other_types(entries: Mapping[str, Any], kinds: Mapping[str, type]) -> str:
    return next(
        (name for name, kind in kinds.items() if not isinstance(entries.get(name), kind)), ""
    )


def _all(values: Any, *kinds: type) -> bool:
    return isinstance(values, list) and all(isinstance(value, kinds) for value in values)


def prices_checksum(series: Prices) -> str:
    """Of every date and price."""
    digest = hashlib.sha256(f"{series.index.tz} {list(series.frame.columns)}".encode())
    digest.update(
        series.index.as_unit("us").asi8.astype("<i8").tobytes()
    )  # Parquet knows no whole seconds
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
    words = _short(kept), _short(asked)
    if words[0] == words[1] and isinstance(kept, list):  # they begin and end alike
        one, other = next(
            (one, other) for one, other in zip(kept, asked, strict=True) if one != other
        )
        return [f"{name} holds {one} where asked is {other}"]
    return [f"{name} is {words[0]}, asked is {words[1]}"]


def _short(value: Any) -> str:
    if value and _all(value, int):
        return format_windows(tuple(value))
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:40]} ... ({len(text)} characters)"


def checksum(header: Mapping[str, Any]) -> str:
    """Of all of a header but itself."""
    rest = {key: value for key, value in header.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
