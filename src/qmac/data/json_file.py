"""JSON: bars as arrays or objects, as servers answer and libraries write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qmac.data.columns import DATE, DATE_NAMES, normalize_name
from qmac.data.containers import Content, MemoryCheck, PriceFile
from qmac.data.encodings import Text
from qmac.data.foreign import clean
from qmac.data.table import Table
from qmac.data.text_rows import read_rows, write_rows
from qmac.errors import PricesError

BYTES_PER_BYTE = 30
"""Memory for each byte of JSON; measured are 8 for bars, and 25 for empty objects."""
READ_BYTES = 2**22
MOST_DEPTH = 5
"""Levels of objects above the bars."""
BEGINNING = re.compile(rb'\s*(\[\s*[\[{\]"\-\d]|\{\s*["}])')
ORDERED = re.compile(r"\d+[a-z]?\. ")
"""Numbers that Alpha Vantage writes before the names of columns."""
LETTERS = {
    "t": "Timestamp",
    "d": "Date",
    "o": "Open",
    "h": "High",
    "l": "Low",
    "c": "Close",
    "v": "Volume",
}
"""Names of columns that are one letter, as several vendors have them."""
PLACE = re.compile(r"\d[\d:.TZ +/-]*")
"""A date, an epoch or a number of a row, as the name of an entry."""
MESSAGES = ("error message", "error", "errors", "message", "msg", "note", "information", "detail",
            "description", "reason", "statusmessage", "title")  # fmt: skip
PAGES = ("next_url", "next_page_token", "nextpagetoken", "next")
DAYS = re.compile(r"[1-9]\d*(d|wk|mo)")


def is_json(head: bytes) -> bool:
    """Return whether a text is JSON and no table, from its first bytes.

    Parameters
    ----------
    head : bytes
        In UTF-8.

    Returns
    -------
    bool
        True for an array or an object.

    Examples
    --------
    >>> is_json(b'[{"date": 1'), is_json(b"[Date],[Close]")
    (True, False)
    """
    return BEGINNING.match(head) is not None


def read_json(file: PriceFile) -> Table:
    """Return the columns of bars in JSON that prices are made of.

    Parameters
    ----------
    file : PriceFile
        The open file.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If it is damaged, an answer without prices, or nothing proves where the closes are.
    """
    name = file.name
    encoded = Text(file.content.stream, file.content.head, name)
    text = _load(file.content, encoded, file.check_memory)
    bars = _take_header(_find_table(_parse(text, name), name))
    cells = len(bars.rows) * len(bars.names or ())
    if cells > len(text):
        raise PricesError(
            f"{name}: its {len(bars.rows):,} bars have {len(bars.names or ()):,} names together. "
            "Is it a table of prices? Use the same names for each bar."
        )
    lines = write_rows(_fill(bars, name))
    notes = (*encoded.notes, *bars.notes)
    del text, bars
    return replace(read_rows(lines, file), notes=notes)


@dataclass(frozen=True)
class _Bars:
    """A table in JSON."""

    names: list[str] | None
    """Columns; None for arrays without names."""
    rows: list[Any]
    """Arrays of cells, or objects by name."""
    notes: tuple[str, ...] = ()
    symbols: list[str] = field(default_factory=list)
    """Symbol of each row; empty if the table names none."""


def _load(content: Content, encoded: Text, check_memory: MemoryCheck) -> str:
    blocks: list[bytes] = []
    held = 0
    while block := encoded.read(READ_BYTES):
        held += len(block)
        total = int(held / content.progress)
        check_memory(f"{content.name}: reading {total:,} bytes of JSON", total * BYTES_PER_BYTE)
        blocks.append(block)
    return encoded.convert(b"".join(blocks)).decode()


def _parse(text: str, name: str) -> Any:
    """Return values, their numbers as texts; lines of values as one array."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_build_object, parse_float=str, parse_int=str, parse_constant=_read_word
    )
    try:
        text = text.strip()
        value, end = decoder.raw_decode(text)
        if text[end:].strip():
            value = [decoder.decode(line) for line in text.split("\n") if line.strip()]
    except RecursionError:
        raise PricesError(f"{name} is JSON of too many levels. Is it a table of prices?") from None
    except json.JSONDecodeError as error:
        raise PricesError(
            f"{name} is damaged JSON: {error.msg} in line {error.lineno}, column {error.colno}. "
            "Is the file complete? Copy it again from its source."
        ) from None
    except _DuplicateError as error:
        raise PricesError(
            f"{name} is JSON in which an object has the name {clean(str(error))!r} twice. Remove "
            "one of the two values."
        ) from None
    return value


class _DuplicateError(ValueError):
    pass


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        names = [key for key, _ in pairs]
        raise _DuplicateError(max(names, key=names.count))
    return built


def _read_word(word: str) -> str | None:
    return None if word == "NaN" else word


def _find_table(value: Any, name: str) -> _Bars:
    """Return the table in a value: the only one, or one of each symbol."""
    chart = _read_yahoo(value, name)
    if chart is not None:
        return chart
    level: dict[str, Any] = {"": value}
    others: dict[str, _Bars] = {}
    for _ in range(MOST_DEPTH):
        tables = {key: table for key, each in level.items() if (table := _read_table(each, name))}
        priced = {key: table for key, table in tables.items() if _has_close(table)}
        if priced:
            return _choose(priced, value, name)
        others = others or tables
        level = {key: each for parent in level.values() for key, each in _list_entries(parent)}
    if others:
        return _choose(others, value, name)
    raise PricesError(_describe_answer(value, name))


def _list_entries(value: Any) -> list[tuple[str, Any]]:
    """Return the entries of an object, which may stand alone in an array."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    return list(value.items()) if isinstance(value, dict) else []


def _choose(tables: dict[str, _Bars], value: Any, name: str) -> _Bars:
    notes: tuple[str, ...] = ()
    if isinstance(value, dict) and any(
        entry and key.lower() in PAGES for key, entry in value.items()
    ):
        notes = (f"{name} is one page of an answer: more bars follow on the next page.",)
    if len(tables) == 1:
        return replace(next(iter(tables.values())), notes=notes)
    first = next(iter(tables.values()))
    if first.names is None or any(
        set(table.names or ()) != set(first.names) for table in tables.values()
    ):
        raise PricesError(
            f"{name} holds {len(tables)} tables: {', '.join(map(clean, list(tables)[:5]))}. Save "
            "the one with the prices as a file of its own."
        )
    rows = [
        row if isinstance(row, dict) else dict(zip(table.names or (), row, strict=True))
        for table in tables.values()
        for row in table.rows
    ]
    symbols = [key for key, table in tables.items() for _ in table.rows]
    return _Bars(first.names, rows, notes, symbols)


def _has_close(table: _Bars) -> bool:
    if table.names is None:
        return True
    return any(normalize_name(_rename(each, table.names)) == "Close" for each in table.names)


def _read_table(value: Any, name: str) -> _Bars | None:
    """Return the table that a value is, in one of the usual shapes; None if it is none."""
    if isinstance(value, list):
        return _read_list(value, name)
    if not isinstance(value, dict) or not value:
        return None
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return _read_split(value)
    lists = {key: each for key, each in value.items() if _is_column(each)}
    if len(lists) > 1 and len(set(map(len, lists.values()))) == 1:
        return _Bars(list(lists), [list(row) for row in zip(*lists.values(), strict=True)])
    if all(isinstance(each, dict) and each for each in value.values()):
        return _read_objects(value)
    return None


def _is_column(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not isinstance(value[0], dict | list)


def _read_list(value: list[Any], name: str) -> _Bars | None:
    """Return the table that an array is: of arrays, or of objects."""
    if not value or not isinstance(value[0], dict | list):
        return None
    kind = type(value[0])
    if not all(isinstance(each, kind) and each for each in value):
        raise PricesError(
            f"{name} is JSON whose bars are not all of one kind. Use the same kind of array or "
            "object for each bar."
        )
    if isinstance(value[0], dict):
        if len(value) == 1 and (inner := _read_table(value[0], name)):
            return inner
        return _Bars(list(dict.fromkeys(key for row in value for key in row)), value)
    if any(isinstance(cell, dict | list) for cell in value[0]):
        return None
    return _Bars(None, value)


def _read_split(value: dict[str, Any]) -> _Bars:
    """Return the table that pandas writes with the orient ``split``."""
    names = [str(each) for each in value["columns"]]
    rows, index = value["data"], value.get("index")
    are_lists = all(isinstance(row, list) for row in rows)
    has_dates = any(each.lower() in DATE_NAMES for each in names)
    if are_lists and isinstance(index, list) and len(index) == len(rows) and not has_dates:
        return _Bars(
            [DATE, *names], [[place, *row] for place, row in zip(index, rows, strict=True)]
        )
    return _Bars(names, rows)


def _read_objects(value: dict[str, dict[str, Any]]) -> _Bars | None:
    """Return the table that an object of objects is, by row or by column."""
    inner = list(dict.fromkeys(key for each in value.values() for key in each))
    if all(map(PLACE.fullmatch, value)):
        by_row, names = value, inner
    elif all(map(PLACE.fullmatch, inner)):
        names = list(value)
        by_row = {place: {key: value[key].get(place) for key in names} for place in inner}
    else:
        return None
    if any(each.lower() in DATE_NAMES for each in names):
        return _Bars(names, list(by_row.values()))
    return _Bars([DATE, *names], [{DATE: place, **row} for place, row in by_row.items()])


def _read_yahoo(value: Any, name: str) -> _Bars | None:
    """Return the table in an answer of Yahoo's charts, its days in the zone of the exchange."""
    chart = value.get("chart") if isinstance(value, dict) else None
    results = chart.get("result") if isinstance(chart, dict) else None
    if not isinstance(results, list) or not results:
        return None
    if len(results) > 1:
        raise PricesError(f"{name} holds {len(results)} charts. Save one of them as a file.")
    try:
        (result,) = results
        meta, times = result["meta"], result["timestamp"]
        columns = dict(result["indicators"]["quote"][0])
        adjusted = result["indicators"].get("adjclose") or [{}]
        if "adjclose" in adjusted[0]:
            columns["Adj Close"] = adjusted[0]["adjclose"]
        columns = {key: each for key, each in columns.items() if len(each) == len(times)}
        if DAYS.fullmatch(str(meta.get("dataGranularity"))):
            times = _to_days(times, str(meta["exchangeTimezoneName"]))
        rows = [list(row) for row in zip(times, *columns.values(), strict=True)]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OSError, OverflowError):
        raise PricesError(
            f"{name} is an answer of Yahoo Finance without prices. Download it again."
        ) from None
    whole = [row for row in rows if any(cell is not None for cell in row[1:])]
    missing = len(rows) - len(whole)
    notes = (f"{name}: {missing} rows without any price are left out",) * bool(missing)
    return _Bars([DATE, *columns], whole, notes)


def _to_days(times: Sequence[str], zone: str) -> list[str]:
    """Return the days of epochs in seconds in the zone of an exchange."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    there = ZoneInfo(zone)
    return [datetime.fromtimestamp(int(each), there).date().isoformat() for each in times]


def _rename(name: str, names: Sequence[str]) -> str:
    """Return the name of a column without what vendors put around it."""
    plain = ORDERED.sub("", clean(name), count=1)
    if plain in LETTERS and "c" in names and not {"t", "d", "o"}.isdisjoint(names):
        return LETTERS[plain]
    return normalize_name(plain) if ORDERED.match(name) else plain


def _take_header(bars: _Bars) -> _Bars:
    """Return arrays with the names of their columns, if the first one has names."""
    first = bars.rows[0]
    if bars.names is None and not any(PLACE.fullmatch(str(cell)) for cell in first):
        return replace(bars, names=[str(cell) for cell in first], rows=bars.rows[1:])
    return bars


def _fill(bars: _Bars, name: str) -> Iterator[list[str]]:
    """Yield the header and the rows of a table as texts."""
    names = bars.names
    symbol = ["Symbol"] * bool(bars.symbols)
    if names is not None:
        yield [*symbol, *(_rename(each, names) for each in names)]
    for place, row in enumerate(bars.rows):
        if isinstance(row, dict) and names is not None:
            row = [row.get(each) for each in names]
        elif not isinstance(row, list) or not row:
            raise PricesError(f"{name}: row {place + 1} is no array of values. Remove it.")
        yield [*bars.symbols[place : place + bool(symbol)], *map(_to_cell, row)]


def _to_cell(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _describe_answer(value: Any, name: str) -> str:
    """Return why JSON holds no prices: it is empty, or a server says what went wrong."""
    messages = [text for key, text in _list_texts(value, 0) if key.lower() in MESSAGES and text]
    if messages:
        message = clean(max(messages, key=len)).rstrip(".")
        return f"{name} holds no prices, but a server's answer: '{message}'. Download it again."
    if isinstance(value, dict) and value and [] not in value.values():
        keys = ", ".join(map(clean, list(value)[:5]))
        return (
            f"{name} is JSON without bars that are known; its names are {keys}. Use an array of "
            "bars, each an object with date and close."
        )
    return f"{name} is JSON and has no rows. Download it again, with dates that have prices."


def _list_texts(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of an object and of those in it."""
    if not isinstance(value, dict) or depth > MOST_DEPTH:
        return
    for key, each in value.items():
        if isinstance(each, str):
            yield key, each
        elif isinstance(each, list):
            yield from ((key, text) for text in each[:3] if isinstance(text, str))
        else:
            yield from _list_texts(each, depth + 1)
