"""Results as tables that other programs read, and tables of combinations that are read back."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from qmac._checks import check_path
from qmac.data.readers import PARQUET
from qmac.engine.sweep.reductions import PAIRS
from qmac.errors import GridError, OptionError, ResultError, suggestion
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.runtime.resources.admission import check_memory
from qmac.storage.atomic import write_whole
from qmac.storage.files import resolve_typed
from qmac.storage.json_text import to_json
from qmac.storage.refusals import describe_refusal
from qmac.strategy.grid import ROLES

FORMATS = ("csv", "parquet", "json", "xlsx")
ENDINGS = {name: name for name in FORMATS} | {"pq": "parquet"}
"""Formats by the ending of a file's name."""
FORMULA = re.compile(" *[=+@\uff1d\uff0b\uff0d\uff20-]")
"""What a spreadsheet takes for the begin of a formula, the wide forms of East Asia among them."""
SEPARATED_FORMULA = re.compile("; *(?=[=+@-])")
"""The same behind a semicolon, which separates cells where the comma is that of decimals."""
ESCAPE_LOOKALIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
TEXT_OPTIONS = ("strings_to_formulas", "strings_to_urls", "strings_to_numbers")
COLOUR_SCALE = {
    "type": "3_color_scale",
    "min_color": "#440154",
    "mid_color": "#21918c",
    "max_color": "#fde725",
}
"""Of the cells of maps, as the report has them."""
SHEET_ROWS = (1 << 20) - 1
"""Rows of a sheet of Excel below its head."""


def _build_top(result: Result) -> pd.DataFrame:
    """Return the best combinations of a symbol; the first has rank 1."""
    top = result.top.reset_index(drop=True)
    top.insert(0, "rank", np.arange(1, len(top) + 1))
    return top


def _build_maps(result: Result) -> pd.DataFrame:
    """Return the six maps, a row for each cell in which anything is scored."""
    maps, parts = result.maps, []
    windows = np.array(maps.windows)
    for which, (rows, columns) in enumerate(PAIRS):
        i, j = np.nonzero(maps.counts[which])
        cells = {
            "rows": rows,
            "columns": columns,
            "row_window": windows[i],
            "column_window": windows[j],
            "best": maps.objective.values(maps.best[which, i, j]),
            "mean": maps.objective.values(maps.means[which, i, j]),
            "count": maps.counts[which, i, j],
        }
        parts.append(pd.DataFrame(cells))
    return pd.concat(parts, ignore_index=True)


def _build_distribution(result: Result) -> pd.DataFrame:
    """Return the bins of the histogram; the first and the last hold everything beyond them."""
    edges = result.distribution.edges
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "count": result.distribution.counts})


TABLES: dict[str, Callable[[Result], pd.DataFrame]] = {
    "top": _build_top,
    "maps": _build_maps,
    "distribution": _build_distribution,
}
WHAT = ("top", "winners", "maps", "distribution")
VALUE_BYTES = {"csv": 70, "json": 200, "parquet": 40, "xlsx": 350}
"""Memory of a value while a table is written. Measured: 52, 159, 28 and 254."""
CELL_BYTES = 8


def build_table(results: Results, what: str = "top") -> pd.DataFrame:
    """Return a table of all symbols of a job.

    Parameters
    ----------
    results : Results
        One result or many.
    what : str, default "top"
        ``"top"``, ``"winners"``, ``"maps"`` or ``"distribution"``.

    Returns
    -------
    pd.DataFrame
        The column ``symbol`` comes first.

    Raises
    ------
    OptionError
        If ``what`` is not known, or there is no memory for the table.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> results = qmac.optimize_many({"SPX": sample}, qmac.Grid(windows=range(10, 101, 10)), top=2)
    >>> build_table(results).iloc[:, :6].to_numpy().tolist()
    [['SPX', 1, 10, 70, 60, 90], ['SPX', 2, 10, 70, 50, 80]]
    """
    if what not in WHAT:
        raise OptionError(f"what {what!r} is not known. {suggestion(what, WHAT)}")
    if what == "winners":
        return results.winners.reset_index()
    build, parts = TABLES[what], []
    for name, result in results.items():
        part = build(result)
        part.insert(0, "symbol", name)
        parts.append(part)
    full = [part for part in parts if not part.empty] or parts[:1]
    rows, values = sum(map(len, full)), sum(part.size for part in full)
    check_memory(f"a table of {rows:,} rows", CELL_BYTES * values, "take one symbol: --symbol NAME")
    return pd.concat(full, ignore_index=True)


def escape_text(text: str) -> str:
    r"""Return a text without unprintable characters, as ``_xHHHH_``.

    This is the escape of Office Open XML (ECMA-376, 22.9.2.19), which Excel reads in its files.

    Parameters
    ----------
    text : str
        Text of untrusted origin, such as a symbol.

    Returns
    -------
    str
        Other texts have other cells.

    Examples
    --------
    >>> escape_text("SPY\x1b[2J")
    'SPY_x001B_[2J'
    """
    text = ESCAPE_LOOKALIKE.sub("_x005F_", text)
    if text.startswith("'"):  # which marks text in a spreadsheet
        text = f"_x0027_{text[1:]}"
    if text.isprintable():
        return text
    return "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"_x{units[start : start + 4]}_" for start in range(0, len(units), 4))


def escape_csv(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet takes for a formula.

    Parameters
    ----------
    text : str
        Text of untrusted origin, such as a symbol.

    Returns
    -------
    str
        Escaped as by ``escape_text``, with an apostrophe before what would begin a formula.

    Examples
    --------
    >>> escape_csv("=cmd()"), escape_csv("SPY")
    ("'=cmd()", 'SPY')
    """
    text = SEPARATED_FORMULA.sub(lambda match: f"_x003B_{match[0][1:]}", escape_text(text))
    return f"'{text}" if FORMULA.match(text) else text


def _escape_columns(frame: pd.DataFrame, escape: Callable[[str], str]) -> pd.DataFrame:
    """Return a table with its columns of text escaped."""
    names = frame.columns[[not is_numeric_dtype(kind) for kind in frame.dtypes]]
    columns = {}
    for name in names:
        escapes = {text: escape(text) for text in frame[name].unique() if isinstance(text, str)}
        if any(text != escaped for text, escaped in escapes.items()):
            columns[name] = [escapes.get(value, value) for value in frame[name]]
    return frame.assign(**columns)


def _escape_invalid(text: str) -> str:
    """Return a text that UTF-8 has, escaped only if it has not."""
    is_invalid = any("\ud800" <= character <= "\udfff" for character in text)
    return escape_text(text) if is_invalid else text


def choose_format(path: Path | None, name: str | None) -> str:
    """Return the format of a table.

    Parameters
    ----------
    path : Path, optional
        The file to write; its ending says the format.
    name : str, optional
        The format by its name, which comes before the ending.

    Returns
    -------
    str
        One of ``FORMATS``; CSV where neither is there.

    Raises
    ------
    OptionError
        If the name or the ending is not known.
    """
    if name is not None:
        if name not in FORMATS:
            raise OptionError(f"format {name!r} is not known. {suggestion(name, FORMATS)}")
        return name
    if path is None:
        return "csv"
    ending = path.suffix.lower().lstrip(".")
    if ending not in ENDINGS:
        raise OptionError(
            f"{path} does not say by its ending what to write. Add --format {', '.join(FORMATS)}."
        )
    return ENDINGS[ending]


def encode(frame: pd.DataFrame, kind: str) -> bytes:
    """Return a table as the content of a file.

    CSV has every digit, and nothing where a number is undefined; JSON is a list of objects with
    null there. Texts are escaped in CSV and Excel's format.

    Parameters
    ----------
    frame : pd.DataFrame
        The table; its index is left out.
    kind : str
        One of ``FORMATS``.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    OptionError
        If xlsx is written without XlsxWriter, or with more rows than a sheet has.
        Or if there is no memory for it.
    """
    check_memory(f"writing {len(frame):,} rows as {kind}", VALUE_BYTES[kind] * frame.size)
    if kind == "csv":
        return _escape_columns(frame, escape_csv).to_csv(index=False).encode()
    if kind == "json":
        values = frame.astype(object)
        rows = values.where(frame.notna(), None).to_dict("records")
        return f"{to_json(rows)}\n".encode()
    if kind == "parquet":
        content = io.BytesIO()
        _escape_columns(frame, _escape_invalid).to_parquet(content, index=False)
        return content.getvalue()
    return _encode_sheet(frame)


def _encode_sheet(frame: pd.DataFrame) -> bytes:
    """Return a table as a file of Excel."""
    if find_spec("xlsxwriter") is None:
        raise OptionError(
            "xlsx needs XlsxWriter, which is not installed. Install it: pip install 'qmac[xlsx]'"
        )
    if len(frame) > SHEET_ROWS:
        raise OptionError(
            f"{len(frame):,} rows are more than a sheet has ({SHEET_ROWS:,}). Write parquet or csv."
        )
    import xlsxwriter

    content = io.BytesIO()
    options = {"in_memory": True, **dict.fromkeys(TEXT_OPTIONS, False)}
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        plain, quoted = book.add_format(), book.add_format({"quote_prefix": True})
        for number, (name, column) in enumerate(_escape_columns(frame, escape_text).items()):
            sheet.write_string(0, number, str(name), book.add_format({"bold": True}))
            for row, value in enumerate(column.tolist(), 1):
                if isinstance(value, str):  # a name such as "=cmd()" is text, after editing, too
                    sheet.write_string(
                        row, number, value, quoted if FORMULA.match(value) else plain
                    )
                elif math.isfinite(value):
                    sheet.write_number(row, number, value)
                elif not math.isnan(value):
                    sheet.write_string(row, number, str(value))
            if "row_window" in frame and name in ("best", "mean", "count"):
                sheet.conditional_format(1, number, len(frame), number, COLOUR_SCALE)
    return content.getvalue()


def write(content: bytes, path: Path, *, force: bool = False) -> Path:
    """Write a file, all or nothing.

    Parameters
    ----------
    content : bytes
        The whole file.
    path : Path
        Its place.
    force : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file, without ``~``.

    Raises
    ------
    ResultError
        If the file is there, or is a directory, or its directory is not there.
    WriteError
        If the system does not write it.
    """
    try:
        path = resolve_typed(path)
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
        raise describe_refusal(path, error, "file") from None
    return path


def read_combinations(path: Path) -> list[list[int]]:
    """Read combinations from a CSV or Parquet file.

    Parameters
    ----------
    path : Path
        A table with the columns buy_fast, buy_slow, sell_fast and sell_slow, or a CSV of four
        columns without a head.

    Returns
    -------
    list of list of int
        Four windows a row.

    Raises
    ------
    GridError
        If the file cannot be read, has no such columns, or has a row that is no combination.
    """
    path = check_path("path", path)
    try:
        content = path.read_bytes()  # once: a pipe cannot be read again
        frame = _read_table(content, is_parquet=path.suffix.lower() in PARQUET)
    except FileNotFoundError:
        raise GridError(
            f"{path}: there is no such file. Name a CSV or Parquet file of combinations."
        ) from None
    except Exception as error:  # pandas and pyarrow raise anything at damage
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


def _read_table(content: bytes, *, is_parquet: bool) -> pd.DataFrame:
    """Return a table of combinations, with names for the columns of a CSV without a head."""
    if is_parquet:
        return pd.read_parquet(io.BytesIO(content))
    frame = pd.read_csv(io.BytesIO(content), skipinitialspace=True)
    if set(ROLES) <= set(frame.columns) or not _is_row(list(frame.columns)):
        return frame
    names = list(ROLES)
    return pd.read_csv(io.BytesIO(content), header=None, names=names, skipinitialspace=True)


def _is_row(names: list[object]) -> bool:
    """Whether the first line of a file is four windows and no names."""
    return len(names) == len(ROLES) and all(str(name).strip().isdecimal() for name in names)


def _rows(path: Path, frame: pd.DataFrame) -> Iterator[list[int]]:
    """Yield the windows of each row."""
    for number, row in enumerate(frame[list(ROLES)].to_numpy(object).tolist(), 1):
        try:
            windows = [int(value) for value in row]
            is_whole = [float(value) for value in row] == windows
        except (TypeError, ValueError, OverflowError):
            is_whole = False
        if not is_whole:
            shown = ", ".join(map(str, row))
            raise GridError(f"{path}: row {number} is {shown}, but windows are four whole numbers.")
        yield windows
