"""Which layout a file or a frame has."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from qmac._checks import describe
from qmac.data.columns import (
    COLUMNS,
    DATE,
    DATE_NAMES,
    ROLE_BY_WORD,
    SYMBOL,
    Column,
    find_columns,
    is_word_of_bars,
    normalize_name,
)
from qmac.data.layouts import downloads, exchanges, levels, platforms, vendors
from qmac.data.layouts.layout import ROW_NUMBERS, Layout, split_line
from qmac.data.numbers import EMPTY
from qmac.data.options import ReadOptions
from qmac.errors import PricesError, suggestion

LAYOUTS: tuple[Layout, ...] = (
    *downloads.LAYOUTS,
    *platforms.LAYOUTS,
    *exchanges.LAYOUTS,
    *vendors.LAYOUTS,
)
"""All that are known by name; the first that matches is taken."""
NAMED = Layout(name="columns by name")
GIVEN = Layout(name="columns as the options say")
SIDE_BY_SIDE = Layout(name="closes side by side")
FEWEST_SYMBOLS = 2
FEWEST_BAR_COLUMNS, MOST_BAR_COLUMNS = 3, 4
"""Columns of prices in a bar without Volume, and rows that show it."""
LEAST_VOLUME = 100_000
FEWEST_PARALLEL = 10
MOST_SPREAD = 0.05
"""Standard deviation of the place of funds between the lowest and the highest, in so many rows and
more: of 1,000,000 sets of bars of random walks, none was below."""
MIDDLE = 0.01
NEAR = 1.25
"""No bar has a high so many times its low."""
SYMBOL_NAME = re.compile(r"[A-Z0-9^.&/=:_$#-]+( [A-Z0-9^.&/=:_$#-]+)*|[\w^.&/=:-]{1,6}", re.ASCII)
"""Without small letters, or short: Temperature is none."""
SYMBOLS_A_WORD = 10
"""Least symbols beside one that is a word for what bars have: Lowe's is LOW."""
SEPARATORS = ",;\t|"
LINES_SHOWN = 2
DATE_WORD = re.compile("(?<!up)date")
"""In the name of a column of dates, such as trade_date."""
NUMBER = re.compile(r"[-+]?[$€£]?\d[\d.,' ]*([eE][-+]?\d+)?%?")
DATE_LIKE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4}.*)?|\d{1,2}[- /][A-Za-z]{3,9}.*|[A-Za-z]{3,9}[- /]\d.*"
    r"|\d+(\.0)?|\d{8}[ T-].*"
)


@dataclass(frozen=True)
class Selection:
    """A layout of a table: which of its columns are read, and how."""

    layout: Layout
    columns: tuple[Column, ...]
    names: tuple[str, ...] | None
    """All columns by name; None without a header."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why others are not read, by their usual name."""

    @property
    def close(self) -> str:
        """Name of the column of closes."""
        place = next((each.place for each in self.columns if each.role == "Close"), None)
        if place is None or self.layout is SIDE_BY_SIDE or self.layout.others:
            return "each column"
        return self.names[place] if self.names else f"number {place + 1}"

    @property
    def names_symbols(self) -> bool:
        """Whether the table says whose bars they are."""
        return any(each.symbol or each.role == SYMBOL for each in self.columns)

    def has(self, role: str) -> bool:
        """Return whether there is a column of a role.

        Parameters
        ----------
        role : str
            One of ``columns.ROLES``.

        Returns
        -------
        bool
            True if there is one.
        """
        return any(column.role == role for column in self.columns)


@dataclass(frozen=True)
class TextSelection:
    """A layout of a text: its columns, and where its rows begin."""

    selection: Selection
    separator: str
    header_lines: int
    """Lines before the first row, blank ones not counted."""


def select_text(lines: Sequence[str], options: ReadOptions, name: str) -> TextSelection:
    """Return the layout of a text with separated columns.

    Parameters
    ----------
    lines : sequence of str
        Its first lines that are not blank.
    options : ReadOptions
        What the user says of it.
    name : str
        Name of the file, for messages.

    Returns
    -------
    TextSelection
        A known layout, or one by the names of the columns.

    Raises
    ------
    PricesError
        If nothing proves where the closes are; the message shows the first lines.
    """
    if not options.names_columns and options.separator is None:
        for layout in LAYOUTS:
            found = layout.find_header(lines, name) if layout.container == "csv" else None
            if found is not None:
                first, separator = found
                names = None
                if layout.refusal:
                    raise PricesError(f"{name} is a file of {layout.name}: {layout.refusal}")
                if layout.headers:
                    names = tuple(split_line(lines[layout.count_above(lines)], separator))
                columns = layout.select(names)
                return TextSelection(Selection(layout, columns, names), separator, first)
        wide = levels.find_text(lines)
        if wide is not None:
            layout, columns, names, first = wide
            return TextSelection(Selection(layout, columns, names), ",", first)
    return _select_by_names(lines, options, name)


def _select_by_names(lines: Sequence[str], options: ReadOptions, name: str) -> TextSelection:
    """Return the layout of a text whose columns are named by its header, or by the options."""
    header = lines[0] if lines else ""
    separator = options.separator or _find_separator(header)
    fields = split_line(header, separator)
    if options.separator is not None and len(fields) == 1:
        raise PricesError(
            f"separator is {describe(separator)}, which does not separate anything in {name}: it "
            f"begins {show_lines(lines)}."
        )
    if options.columns is not None:
        selection = select_given(options.columns.split(","), len(fields), name)
        has_header = not any(map(_is_value, fields))
        if has_header:
            _check_given(options.columns.split(","), fields, name)
        return TextSelection(selection, separator, int(has_header))
    if len(fields) > 1 and _is_row(fields):
        raise PricesError(
            f"{name} has no header, and its columns are none that are known. It begins "
            f"{show_lines(lines)}. Say what its {len(fields)} columns are, such as --columns "
            "date,open,high,low,close,volume, with - for one that is not needed."
        )
    _refuse_titles(fields, lines, options, name)
    rows = [split_line(line, separator) for line in lines[1:]]
    _check_count(fields, lines, separator, name)
    return TextSelection(select_names(fields, rows, options, name), separator, 1)


def _refuse_titles(
    fields: Sequence[str], lines: Sequence[str], options: ReadOptions, name: str
) -> None:
    """Refuse lines above the header, all at once."""
    count = _count_titles(lines, options)
    is_title = len(fields) == 1 or 2 * fields.count("") > len(fields)
    if count == 0 and is_title and len(lines) > 1 and _has_more(lines[1], options):
        count = 1
    if count:
        words = "a line" if count == 1 else f"{count} lines"
        raise PricesError(
            f"{name} has {words} above the header: {show_lines(lines[:count])}. Remove "
            f"{'it' if count == 1 else 'them'}, so that the file begins "
            f"{show_lines(lines[count : count + 1])}."
        )


def _count_titles(lines: Sequence[str], options: ReadOptions) -> int:
    """Return the number of lines above the names of columns that a row of as many values follows.

    0 where the first line names the closes, or no line is such a header.
    """
    for count, (line, row) in enumerate(itertools.pairwise(lines)):
        separator = options.separator or _find_separator(line)
        names, values = split_line(line, separator), split_line(row, separator)
        has_close = any(normalize_name(each) == "Close" for each in names)
        is_header = len(names) > 1 and "" not in names and not any(map(_is_value, names))
        if (count == 0 and has_close) or (
            is_header and len(values) == len(names) and _is_row(values)
        ):
            return count
    return 0


def _check_given(words: Sequence[str], fields: Sequence[str], name: str) -> None:
    """Refuse names of columns that the header has in another place."""
    for word, header in zip(words, fields, strict=False):
        role = ROLE_BY_WORD.get(word.strip().lower())
        usual = normalize_name(header)
        if role in COLUMNS and usual in COLUMNS and role != usual:
            raise PricesError(
                f"columns says {word.strip()!r} where the header of {name} says {header!r}. Leave "
                "--columns out, or write the columns in their order."
            )


def _check_count(fields: Sequence[str], lines: Sequence[str], separator: str, name: str) -> None:
    """Refuse a header that has more or fewer names than the first row has fields."""
    if len(lines) < 2:
        return
    count = len(split_line(lines[1], separator))
    last = lines[1].rstrip().removesuffix('""')
    is_open = last.endswith(separator)  # the last field may be empty
    if count != len(fields) and not (is_open and count == len(fields) - 1):
        raise PricesError(
            f"{name}: row 1 has {count} fields, but the header has {len(fields)}. It begins "
            f"{show_lines(lines)}. Write a name for each column, and no comma within a number."
        )


def _has_more(line: str, options: ReadOptions) -> bool:
    marks = options.separator or SEPARATORS
    return any(len(split_line(line, mark)) > 1 for mark in marks)


def _find_separator(header: str) -> str:
    """Return what separates the names of a header: a comma wherever it may be."""
    if len(split_line(header, ",")) > 1:
        return ","
    return next((mark for mark in SEPARATORS[1:] if mark in header), ",")


def _is_value(text: str) -> bool:
    return bool(NUMBER.fullmatch(text) or DATE_LIKE.fullmatch(text))


def _is_row(fields: Sequence[str]) -> bool:
    """Return whether fields are a row of values, none of them the name of a column."""
    return _is_value(fields[0]) and sum(map(_is_value, fields)) * 2 > len(fields)


def show_lines(lines: Sequence[str]) -> str:
    """Return the first lines of a text, for a message.

    Parameters
    ----------
    lines : sequence of str
        Lines.

    Returns
    -------
    str
        Two at most, each in quotes and cut at 60 characters.
    """
    shown = [line if len(line) <= 60 else f"{line[:57]}..." for line in lines[:LINES_SHOWN]]
    return " and ".join(f"'{line}'" for line in shown)


def select_given(words: Sequence[str], count: int, name: str) -> Selection:
    """Return the columns of a table as the option ``columns`` names them, in order.

    Parameters
    ----------
    words : sequence of str
        One for each column: date, close, ..., or - for one that is not read.
    count : int
        Number of columns of the table.
    name : str
        Name of the table, for messages.

    Returns
    -------
    Selection
        Of the layout ``GIVEN``.

    Raises
    ------
    PricesError
        If a word is not known or there twice, or they are more or fewer than the columns.
    """
    shown, words = words, [word.strip().lower() for word in words]
    for text, word in zip(shown, words, strict=True):
        if word not in ("", "-") and word not in ROLE_BY_WORD:
            raise PricesError(
                f"columns names {describe(text)}, which is no column of prices. "
                f"{suggestion(word, ROLE_BY_WORD)} Use - for a column that is not needed."
            )
        if word not in ("", "-") and words.count(word) > 1:
            raise PricesError(f"columns names {word!r} twice. Use - for all but one of them.")
    if len(words) != count:
        raise PricesError(
            f"columns names {len(words)} columns, but {name} has {count}. Name each, with - for "
            "one that is not needed."
        )
    if "date" not in words or "close" not in words:
        missing = "date" if "date" not in words else "close"
        raise PricesError(f"columns names no {missing}. Use at least date and close.")
    roles = [ROLE_BY_WORD.get(word) for word in words]
    columns = tuple(Column(place, role) for place, role in enumerate(roles) if role)
    return Selection(GIVEN, columns, None)


def select_names(
    names: Sequence[str], rows: Sequence[Sequence[str]], options: ReadOptions, name: str
) -> Selection:
    """Return the layout of a table by the names of its columns.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    rows : sequence of sequences of str
        Its first rows.
    options : ReadOptions
        ``close`` and ``date`` name columns.
    name : str
        Name of the table, for messages.

    Returns
    -------
    Selection
        A known layout, else columns by name, else closes side by side.

    Raises
    ------
    PricesError
        If nothing proves where the closes are.
    """
    known = _find_known(names, rows)
    if known is not None and not options.names_columns:
        return Selection(known, known.select(names), tuple(names))
    columns, left_out = find_columns(names, options, name, rows)
    roles = {column.role: column.place for column in columns}
    layout = _take_units(known) if options.names_columns else NAMED
    if "Close" in roles:
        _check_first_column(names, rows, roles, name)
        return Selection(layout, columns, tuple(names), left_out)
    wide = _find_symbols(names, rows, roles)
    if wide:
        return Selection(SIDE_BY_SIDE, wide, tuple(names), left_out)
    raise PricesError(f"{name} has no Close column. {_suggest_close(names, roles)}")


def _find_known(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Layout | None:
    """Return the layout that has these names of columns and such a first row."""
    for layout in LAYOUTS:
        is_whole = layout.above and layout.is_above_needed
        if not is_whole and not layout.below and layout.matches_names(names):
            is_open = not (layout.first_row and rows)  # all columns are needed to tell
            if is_open or re.fullmatch(layout.first_row, ",".join(rows[0])):
                return layout
    return None


def _take_units(known: Layout | None) -> Layout:
    """Return the layout of columns that the options name, in the units of a known one."""
    if known is None:
        return GIVEN
    return replace(
        GIVEN, scale=known.scale, timezone=known.timezone, date_format=known.date_format,
        decimal=known.decimal,
    )  # fmt: skip


def select_rows(rows: Sequence[Sequence[str]], name: str) -> Selection:
    """Return the layout of a table without names of columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        Its first rows.
    name : str
        Name of the table, for messages.

    Returns
    -------
    Selection
        A known layout.

    Raises
    ------
    PricesError
        If the rows prove none.
    """
    for layout in LAYOUTS:
        mark = layout.separators[0]
        if not layout.needs_place and layout.matches_rows([mark.join(row) for row in rows], mark):
            return Selection(layout, layout.select(None), None)
    shown = show_lines([",".join(row) for row in rows])
    raise PricesError(
        f"{name} has no names of columns, and they are none that are known. It begins {shown}. "
        "Name the columns, such as frame.columns = ['date', 'open', 'high', 'low', 'close', "
        "'volume']."
    )


def _check_first_column(
    names: Sequence[str], rows: Sequence[Sequence[str]], roles: dict[str, int], name: str
) -> None:
    """Refuse a first column that is taken for dates and holds none."""
    place = roles.get(DATE)
    if place is None:
        raise PricesError(f"{name} has no column of dates. Add one called Date before the prices.")
    if normalize_name(names[place]).lower() == "close":
        raise PricesError(f"{name} has no column of dates. Add one called Date before the prices.")
    value = rows[0][place] if rows and place < len(rows[0]) else ""
    is_named = normalize_name(names[place]).lower() in DATE_NAMES
    dates = next((each for each in names[1:] if DATE_WORD.search(each.lower())), None)
    is_other = dates is not None and DATE_WORD.search(names[0].lower()) is None
    if place == 0 and value and not is_named and (is_other or not DATE_LIKE.fullmatch(value)):
        hint = f" Did you mean {dates!r}? Then use --date {dates}." if dates else ""
        raise PricesError(
            f"{name}: the first column, {names[0]!r}, was taken for the dates, but holds {value!r}."
            f"{hint or ' Name the column of dates with --date.'}"
        )


def _find_symbols(
    names: Sequence[str], rows: Sequence[Sequence[str]], roles: dict[str, int]
) -> tuple[Column, ...]:
    """Return the columns of closes side by side, a symbol each; none where it is not proven."""
    dates = roles.get(DATE)
    first = int(dates != 0 and names[:1] != [] and names[0] in ROW_NUMBERS)
    others = [place for place in range(first, len(names)) if place != dates]
    if dates is None or len(others) < FEWEST_SYMBOLS or len(set(names)) < len(names):
        return ()
    if not _are_symbols([names[place] for place in others]):
        return ()
    if not all(_is_value(text) for row in rows for text in row if text not in EMPTY):
        return ()
    if _may_be_bars([names[place] for place in others], rows, others):
        return ()
    return (Column(dates, DATE), *(Column(place, "Close", names[place]) for place in others))


def _may_be_bars(
    names: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[int]
) -> bool:
    """Return whether columns may be those of one series: letters, or near a highest and a lowest.

    Closes of several symbols are seldom near each other with the same one on top in every row.
    """
    if len({"O", "H", "L", "C"} & set(names)) > FEWEST_BAR_COLUMNS - 1:
        return True
    values = [_read_values([row[place] for place in places if place < len(row)]) for row in rows]
    if any(_have_volume(row) for row in values):
        return True
    bars = [row for row in values if len(row) >= FEWEST_BAR_COLUMNS]
    for count in range(FEWEST_BAR_COLUMNS, MOST_BAR_COLUMNS + 1):
        prices = [row[:count] for row in bars if len(row) >= count]
        are_many = len(prices) >= FEWEST_BAR_COLUMNS
        if are_many and _have_same_extremes(prices) and not _are_parallel(prices):
            return True
    return False


def _read_values(fields: Sequence[str]) -> list[float]:
    """Return fields as numbers, none if one is no plain number."""
    try:
        return [float(text.replace(",", "")) for text in fields]
    except ValueError:
        return []


def _have_volume(row: Sequence[float]) -> bool:
    """Return whether one of some numbers is whole and so large that it may be a volume."""
    return any(each % 1 == 0 and each >= max(LEAST_VOLUME, 100 * min(row)) for each in row)


def _have_same_extremes(rows: Sequence[Sequence[float]]) -> bool:
    """Return whether one column is highest and one is lowest in every row, all near each other."""
    columns = range(len(rows[0]))
    is_highest = any(all(row[place] == max(row) for row in rows) for place in columns)
    is_lowest = any(all(row[place] == min(row) for row in rows) for place in columns)
    return is_highest and is_lowest and all(0 < max(row) < NEAR * min(row) for row in rows)


def _are_parallel(rows: Sequence[Sequence[float]]) -> bool:
    """Return whether the prices between the highest and the lowest one keep their place there.

    So do those of similar funds. The open and the close of bars are anywhere between high and low,
    and a mean of both is exactly in the middle.
    """
    if len(rows) < FEWEST_PARALLEL:
        return False
    if any(min(row) == max(row) for row in rows):
        return False
    places = [
        [(price - min(row)) / (max(row) - min(row)) for price in sorted(row)[1:-1]] for row in rows
    ]
    return all(
        statistics.pstdev(column) < MOST_SPREAD
        and max(abs(place - 0.5) for place in column) > MIDDLE
        for column in zip(*places, strict=True)
    )


def _are_symbols(names: Sequence[str]) -> bool:
    """Return whether names are those of symbols, a few of them words, such as LOW and OPEN."""
    words = [each for each in names if is_word_of_bars(each)]
    return (
        all(map(SYMBOL_NAME.fullmatch, names))
        and all(each.isalpha() and each.isupper() for each in words)
        and len(words) * SYMBOLS_A_WORD <= len(names)
    )


def _suggest_close(names: Sequence[str], roles: dict[str, int]) -> str:
    """Return which column may hold the closing prices."""
    taken = (roles.get(DATE), roles.get(SYMBOL))
    others = [each for place, each in enumerate(names) if place not in taken]
    near = [each for each in others if "close" in each.lower() and "prev" not in each.lower()]
    if near:
        return f"Did you mean {near[0]!r}? Name it: --close {near[0]!r}."
    if not others:
        return "Use a file with dates and a column called Close."
    return (
        f"{suggestion('Close', others)} Name the one with the closing prices: --close "
        f"{others[0]!r}. Closes of several symbols can be read from a column for each, where they "
        "cannot be the open, high, low or volume of one, or from a file for each."
    )


def list_names() -> list[str]:
    """Return the names of all layouts.

    Returns
    -------
    list of str
        Those that are known by name, then those of columns.
    """
    known = sorted(
        {layout.name for layout in LAYOUTS} | {levels.YFINANCE.name, levels.ADJUSTED_CLOSES.name},
        key=str.lower,
    )
    return [*known, NAMED.name, SIDE_BY_SIDE.name, GIVEN.name]
