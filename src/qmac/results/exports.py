"""Results as tables that other programs read, and tables of combinations that are read back."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.layouts import PARQUET
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import GridError, OptionError, ResultError, WriteError, suggestion
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.storage.atomic import write_whole
from qmac.strategy.grid import ROLES

FORMATS = ("csv", "parquet", "json", "xlsx")
SHEET_ROWS = (1 << 20) - 1
"""Rows of a sheet of Excel below its head."""


def _top(result: Result) -> pd.DataFrame:
    """The best combinations of a symbol, the first is rank 1."""
    ranks = np.arange(1, len(result.top) + 1)
    return result.top.reset_index(drop=True).assign(rank=ranks)[["rank", *result.top.columns]]


def _maps(result: Result) -> pd.DataFrame:
    """The six maps, a row a cell in which anything is scored: two roles, their windows, best, mean, count."""
    maps, parts = result.maps, []
    windows = np.array(maps.windows)
    for which, (rows, columns) in enumerate(PAIRS):
        i, j = np.nonzero(maps.counts[which])
        parts.append(
            pd.DataFrame(
                {
                    "rows": rows,
                    "columns": columns,
                    "row_window": windows[i],
                    "column_window": windows[j],
                    "best": maps.objective.values(maps.best[which, i, j]),
                    "mean": maps.objective.values(maps.means[which, i, j]),
                    "count": maps.counts[which, i, j],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _distribution(result: Result) -> pd.DataFrame:
    """The bins of the histogram: from, to, combinations. The first and the last hold everything beyond them."""
    edges = result.distribution.edges
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "count": result.distribution.counts})


TABLES: dict[str, Callable[[Result], pd.DataFrame]] = {
    "top": _top,
    "maps": _maps,
    "distribution": _distribution,
}
WHAT = ("top", "winners", "maps", "distribution")


def frame_of(results: Results, what: str = "top") -> pd.DataFrame:
    """A table of all symbols of a job, ``symbol`` first: ``"top"``, ``"winners"``, ``"maps"`` or ``"distribution"``.

    Raises
    ------
    OptionError : another name.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> results = qmac.optimize_many({"SPX": sample}, qmac.Grid(windows=range(10, 101, 10)), top=2)
    >>> frame_of(results).iloc[:, :6].to_numpy().tolist()
    [['SPX', 1, 10, 70, 60, 90], ['SPX', 2, 10, 70, 50, 80]]
    """
    if what not in WHAT:
        raise OptionError(f"what {what!r} is not known. {suggestion(what, WHAT)}")
    if what == "winners":
        return results.winners.reset_index()
    parts = []
    for name, result in results.items():
        part = TABLES[what](result)
        part.insert(0, "symbol", name)
        parts.append(part)
    full = [part for part in parts if not part.empty] or parts[:1]
    return pd.concat(full, ignore_index=True)


def format_of(path: Path | None, given: str | None) -> str:
    """The format that is asked for, or that a file's ending says.

    Raises
    ------
    OptionError : neither says a format that is known.
    """
    if given is not None:
        if given not in FORMATS:
            raise OptionError(f"format {given!r} is not known. {suggestion(given, FORMATS)}")
        return given
    if path is None:
        return "csv"
    ending = path.suffix.lower().lstrip(".")
    found = {"pq": "parquet"}.get(ending, ending)
    if found not in FORMATS:
        raise OptionError(
            f"{path} does not say by its ending what to write. Add --format {', '.join(FORMATS)}."
        )
    return found


def encoded(frame: pd.DataFrame, kind: str) -> bytes:
    """The table as the content of a file.

    CSV has every digit, and nothing where a number is undefined; JSON is a list of objects with null there.

    Raises
    ------
    OptionError : xlsx without openpyxl, or with more rows than a sheet has.
    """
    if kind == "csv":
        return frame.to_csv(index=False).encode()
    if kind == "json":
        rows = [
            {name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")
        ]
        return (json.dumps(rows, allow_nan=False) + "\n").encode()
    content = io.BytesIO()
    if kind == "parquet":
        frame.to_parquet(content, index=False)
        return content.getvalue()
    if find_spec("openpyxl") is None:
        raise OptionError(
            "xlsx needs openpyxl, which is not installed. Install it: pip install 'qmac[xlsx]'"
        )
    if len(frame) > SHEET_ROWS:
        raise OptionError(
            f"{len(frame):,} rows are more than a sheet has ({SHEET_ROWS:,}). Write parquet or csv."
        )
    with pd.ExcelWriter(content, engine="openpyxl") as book:
        frame.to_excel(book, index=False, inf_rep="inf")
        for row in book.book.active.iter_rows():
            for cell in row:
                if cell.data_type == "f":  # a name that begins with "=" is no formula
                    cell.data_type = "s"
    return content.getvalue()


def _plain(value: Any) -> Any:
    """What JSON has: None where a number is undefined or infinite."""
    if isinstance(value, np.generic):
        value = value.item()
    return (
        None if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)) else value
    )


def write(content: bytes, path: Path, *, force: bool = False) -> Path:
    """Write a file, all or nothing; one that is there only with ``force``.

    Raises
    ------
    ResultError : it is there, or is a directory, or its directory is not there.
    WriteError : the system would not write it.
    """
    path = path.expanduser()
    try:
        if path.is_dir():
            raise ResultError(f"{path} is a directory. Name a file in it.")
        if path.exists() and not force:
            raise ResultError(
                f"{path} is there already. Name another file, or replace it with --force."
            )
        if not path.parent.is_dir():
            raise ResultError(
                f"{path.parent} is no directory. Make it first, or name another place."
            )
        write_whole(path, [content])
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. Make room, or name another file."
        ) from None
    return path


def read_combinations(path: Path) -> list[list[int]]:
    """Combinations from a CSV or Parquet file: columns buy_fast, buy_slow, sell_fast, sell_slow, or four without a head.

    Raises
    ------
    GridError : the file cannot be read, or holds no such columns; a row that is no combination, by its number.
    """
    path = path.expanduser()
    try:
        content = path.read_bytes()  # once: a pipe cannot be read again
        if path.suffix.lower() in PARQUET:
            frame = pd.read_parquet(io.BytesIO(content))
        else:
            frame = pd.read_csv(io.BytesIO(content), skipinitialspace=True)
            if not set(ROLES) <= set(frame.columns) and _is_row(list(frame.columns)):
                frame = pd.read_csv(
                    io.BytesIO(content), header=None, names=list(ROLES), skipinitialspace=True
                )
    except FileNotFoundError:
        raise GridError(
            f"{path}: there is no such file. Name a CSV or Parquet file of combinations."
        ) from None
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GridError(
            f"{path} cannot be read: {reason}. Give a CSV or Parquet file of combinations."
        ) from None
    missing = [role for role in ROLES if role not in frame.columns]
    if missing:
        raise GridError(
            f"{path} has no column {', '.join(missing)}. Name the four windows {', '.join(ROLES)}."
        )
    return list(_rows(path, frame))


def _is_row(names: list[object]) -> bool:
    return len(names) == len(ROLES) and all(str(name).strip().isdecimal() for name in names)


def _rows(path: Path, frame: pd.DataFrame) -> Iterator[list[int]]:
    for place, row in enumerate(frame[list(ROLES)].to_numpy(object).tolist(), 1):
        try:
            whole = [int(window) for window in row]
            if any(float(window) != number for window, number in zip(row, whole, strict=True)):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            shown = ", ".join(map(str, row))
            raise GridError(
                f"{path}: row {place} is {shown}, but windows are four whole numbers."
            ) from None
        yield whole
