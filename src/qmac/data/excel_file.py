"""Workbooks of Excel (.xlsx): the sheet that has the prices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from qmac.data.containers import Content, MemoryCheck, PriceFile
from qmac.data.csv_file import HEAD_LINES
from qmac.data.foreign import clean
from qmac.data.layouts.find import select_text
from qmac.data.options import ReadOptions
from qmac.data.table import Table
from qmac.data.text_rows import read_rows, write_rows
from qmac.errors import PricesError

MOST_COLUMNS = 1000
"""A cell far to the right would fill every row up to it."""
MOST_BLANK_ROWS = 100_000
TREE_BYTES = 12
"""Memory for each byte of a part that is held: styles, and texts that cells share."""
ROW_BYTES = 8
"""Memory for each byte of a sheet, which may be one text."""
SHEETS = "xl/worksheets/"


def read_xlsx(file: PriceFile) -> Table:
    """Return the columns of a sheet that prices are made of.

    Parameters
    ----------
    file : PriceFile
        The open file; the option ``sheet`` names the sheet.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If openpyxl is not installed, several sheets may hold the prices, or nothing proves where
        the closes are.
    """
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise PricesError(
            f"{file.name}: reading .xlsx needs openpyxl. Install it: pip install 'qmac[xlsx]'."
        ) from None
    _check_size(file.content, file.check_memory)
    file.content.stream.seek(0)
    # not calamine, although it takes a sixth of the time: it holds all cells of a sheet up to the
    # last, so that one cell far away, in a file of 5 KB, ends the process
    workbook = openpyxl.load_workbook(file.content.stream, read_only=True, data_only=True)
    sheets = {sheet.title: sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"}
    sheet = _choose_sheet(sheets, file.options, file.name)
    lines = write_rows(_read_rows(sheet, file.options, file.name))
    return read_rows(lines, file)


def _check_size(content: Content, check_memory: MemoryCheck) -> None:
    """Refuse a workbook that does not fit into memory when it is unpacked."""
    sizes = content.members or {}
    sheet = max((size for name, size in sizes.items() if name.startswith(SHEETS)), default=0)
    others = sum(
        size
        for name, size in sizes.items()
        if name.endswith((".xml", ".rels")) and not name.startswith(SHEETS)
    )
    needed = sheet * ROW_BYTES + others * TREE_BYTES
    check_memory(f"{content.name}: unpacking {sheet + others:,} bytes", needed)


def _choose_sheet(sheets: dict[str, Any], options: ReadOptions, name: str) -> Any:
    """Return the sheet that an option names, or the only one that holds a table of prices."""
    shown = ", ".join(map(clean, sheets))
    if options.sheet is not None:
        for title, sheet in sheets.items():
            if title.strip().lower() == options.sheet.strip().lower():
                return sheet
        raise PricesError(f"{name} has no sheet {options.sheet!r}. Its sheets are: {shown}.")
    if len(sheets) == 1:
        return next(iter(sheets.values()))
    priced = [sheet for sheet in sheets.values() if _has_prices(sheet, options)]
    if len(priced) == 1:
        return priced[0]
    raise PricesError(
        f"{name} has {len(sheets)} sheets: {shown}. Name the one with the prices: --sheet "
        f"{next(iter(sheets), 'NAME')!r}."
    )


def _has_prices(sheet: Any, options: ReadOptions) -> bool:
    head = itertools.islice(_read_rows(sheet, options, ""), HEAD_LINES)
    try:
        lines = write_rows(head).decode().splitlines()
        return bool(lines) and bool(select_text(lines, options, "").selection.columns)
    except PricesError:
        return False


def _read_rows(sheet: Any, options: ReadOptions, name: str) -> Iterator[list[str]]:
    """Yield rows as texts, all as wide as the first rows are; blank ones are left out."""
    sheet.reset_dimensions()  # which a file may claim
    rows = sheet.iter_rows(values_only=True)
    texts = ([_to_text(cell, options) for cell in row[:MOST_COLUMNS]] for row in rows)
    head = list(itertools.islice(_drop_blank(texts, name), HEAD_LINES))
    width = max((len(row) for row in head), default=0)
    for row in itertools.chain(head, _drop_blank(texts, name)):
        yield row + [""] * (width - len(row))


def _drop_blank(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """Yield rows up to their last cell that is not empty."""
    blank = 0
    for row in rows:
        while row and not row[-1]:
            row.pop()
        if row:
            yield row
        blank += not row
        if blank > MOST_BLANK_ROWS:
            raise PricesError(f"{name} has more than {MOST_BLANK_ROWS:,} blank rows. Remove them.")


def _to_text(cell: Any, options: ReadOptions) -> str:
    """Return a cell as a text; dates in ISO 8601, numbers with all digits."""
    if cell is None:
        return ""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return repr(cell).replace(".", options.decimal or ".")
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell)  # of a date and a time in ISO 8601, too
