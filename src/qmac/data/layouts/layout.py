"""What a layout is: names of columns, or a first row, that prove it, and how it is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePath

from qmac.data.columns import (
    INSTRUMENT,
    PRICES,
    ROLE_BY_WORD,
    ROLES,
    SYMBOL,
    Column,
    normalize_name,
)

MORE = "..."
"""Last in a header: more columns may follow."""
FEWEST_PAIRS = 3
"""Bars in a row that show whether they open where the last one closed."""
ROW_NUMBERS = ("", "Unnamed: 0")
"""Names of a first column that counts rows, as pandas writes and reads it."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout of files and frames, with an example of it that a test reads."""

    name: str
    """Who writes such files, and which of theirs."""
    headers: tuple[str, ...] = ()
    """Headers that prove it, each a line of names as they are written; ``...`` at the end stands
    for any more columns. Empty for files without a header."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """What columns hold whose names do not say it as usual, by their names in the headers; ``""``
    for one that is not read."""
    first_row: str = ""
    """Regular expression of the whole first row. It proves a layout without a header, and may be
    needed for one whose names alone prove nothing."""
    needs_bars: bool = False
    """Whether all of the first rows must match, and be bars whose High is highest and whose Low is
    lowest, not all of them flat: others write such numbers in another order."""
    file_name: str = ""
    """Regular expression of how the name of the file begins, where others write the same text."""
    folder: str = ""
    """Regular expression of the last folders of its path, where others write the same text."""
    columns: str = ""
    """What the columns of a file without a header hold, in order: ``"date,time,open,-"``, where
    ``-`` is not read."""
    separators: str = ","
    """Characters, each of which may separate the columns."""
    others: str = ""
    """What every column holds that has no role, such as ``Close``: it is that of a symbol, by the
    name of the column."""
    above: tuple[str, ...] = ()
    """Regular expressions of whole lines above the header."""
    is_above_needed: bool = True
    """Whether these lines prove it. Else they may be missing, as in a frame."""
    below: tuple[str, ...] = ()
    """The same between the header and the rows."""
    footer: str = ""
    """The same of the end of the file, where it may be no row."""
    date_format: str | None = None
    """Form of the dates, as the option ``date_format``; None where the dates show it."""
    timezone: str | None = None
    """Zone of the days: dates without one are in it, others are converted to it."""
    decimal: str | None = None
    """Decimal mark, ``.`` or ``,``; None where the numbers show it."""
    scale: float = 1.0
    """What prices are divided by."""
    has_empty_rows: bool = False
    """Whether there are rows without any price, for bars in which nothing was traded."""
    adjusted: bool | None = None
    """Whether closes are adjusted for splits and dividends; None where it is not known."""
    refusal: str = ""
    """Why such a file cannot be read, and what to do; empty for one that is read."""
    container: str = "csv"
    """Ending of the file of the example."""
    example: str = ""
    """Content of a small file with this layout, the values invented."""
    closes: tuple[float, ...] = ()
    """Closes of the example."""
    dates: tuple[str, ...] = ()
    """Dates of the example, first and last, as pandas writes them."""
    symbol: str = ""
    """Symbol of the example, where the file names it."""
    example_file: str = ""
    """Name of the file of the example, where it proves the layout."""
    bars_per_year: float | None = None
    """Bars a year of the example, where they are telling."""

    @cached_property
    def _names(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(header.split(",")) for header in self.headers)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(pattern) for pattern in (*self.above, *self.below))

    @cached_property
    def _row(self) -> re.Pattern[str]:
        return re.compile(self.first_row)

    @cached_property
    def bar_places(self) -> dict[str, int]:
        """Places of the prices in a row without a header."""
        words = self.columns.split(",")
        return {word: words.index(word) for word in map(str.lower, PRICES) if word in words}

    @cached_property
    def _footer(self) -> re.Pattern[bytes]:
        return re.compile(rb"(?m)^(?:" + self.footer.encode() + rb")\s*\Z")

    def matches_names(self, names: Sequence[str]) -> bool:
        """Return whether columns have the names of one of the headers.

        Parameters
        ----------
        names : sequence of str
            As they are written. A first one that is empty, over the numbers of rows that pandas
            writes, is not looked at.

        Returns
        -------
        bool
            False for a layout without a header.
        """
        begin = int(len(names) > 1 and names[0].strip() in ROW_NUMBERS)
        first = names[begin].strip() if names else ""
        for header in self._names:
            known = header[:-1] if header[-1] == MORE else header
            is_long = len(names) - begin >= len(known)
            if first != known[0] or not is_long:
                continue  # as most layouts, for every file
            given = names[begin : begin + len(known)] if known is not header else names[begin:]
            if known == tuple(each.strip() for each in given):
                return True
        return False

    def find_header(self, lines: Sequence[str], name: str = "") -> tuple[int, str] | None:
        """Return where the rows of a text begin, and what separates its columns.

        Parameters
        ----------
        lines : sequence of str
            First lines of a file that are not blank.
        name : str, optional
            Name of the file.

        Returns
        -------
        tuple of int and str, or None
            Number of lines before the first row, and the separator; None for another layout.
        """
        if not self._has_place(PurePath(name)):
            return None
        if not self.headers:
            separator = max(self.separators, key=lines[0].count) if lines else ""
            return (0, separator) if self.matches_rows(lines, separator) else None
        above = self.count_above(lines)
        first = above + 1 + len(self.below)
        if len(lines) < first:
            return None
        for separator in self.separators:
            if not self.matches_names(split_line(lines[above], separator)):
                continue
            others = (*lines[:above], *lines[above + 1 : first])
            patterns = self._patterns[len(self.above) - above :]
            if not all(map(re.Pattern.fullmatch, patterns, others)):
                continue
            if self.first_row and not (len(lines) > first and self._row.fullmatch(lines[first])):
                continue
            return first, separator
        return None

    @property
    def needs_place(self) -> bool:
        """Whether name or folder of the file are needed to prove it."""
        return bool(self.file_name or self.folder)

    def _has_place(self, path: PurePath) -> bool:
        """Return whether name and folder of a file are those of the layout."""
        if self.file_name and not re.match(self.file_name, path.name):
            return False
        if not self.folder:
            return True
        folder = Path(path).absolute().parent.as_posix()
        return re.search(f"/(?:{self.folder})$", folder) is not None

    def count_above(self, lines: Sequence[str]) -> int:
        """Return the number of lines above the header.

        Parameters
        ----------
        lines : sequence of str
            First lines of a file that are not blank.

        Returns
        -------
        int
            0 where they are not needed, and not there.
        """
        is_there = lines and self.above and re.fullmatch(self.above[0], lines[0])
        return len(self.above) if self.is_above_needed or is_there else 0

    def matches_rows(self, rows: Sequence[str], separator: str) -> bool:
        """Return whether rows prove a layout without a header.

        Parameters
        ----------
        rows : sequence of str
            First rows.
        separator : str
            What separates their fields.

        Returns
        -------
        bool
            False for a layout with a header.
        """
        if self.headers or not self.first_row or not rows:
            return False
        if not self.needs_bars:
            return self._row.fullmatch(rows[0]) is not None
        if not all(map(self._row.fullmatch, rows)):
            return False
        fields = [row.split(separator) for row in rows]
        bars = [
            {word: float(row[place]) for word, place in self.bar_places.items()} for row in fields
        ]
        are_bars = all(
            bar["low"] <= min(bar.values()) and bar["high"] >= max(bar.values()) for bar in bars
        )
        # no other order of exchanges is possible then: each has another column in one of the places
        is_proven = are_bars and any(bar["low"] < bar["open"] for bar in bars)
        date = self.columns.split(",").index("date")
        descends = len(fields) > 1 and fields[0][date] > fields[1][date]
        return is_proven and _open_where_the_last_closed(bars[::-1] if descends else bars)

    def select(self, names: Sequence[str] | None) -> tuple[Column, ...]:
        """Return the columns that prices are made of.

        Parameters
        ----------
        names : sequence of str or None
            Names of all columns; None without a header.

        Returns
        -------
        tuple of Column
            By place.
        """
        roles: list[str]
        if names is None:
            roles = [ROLE_BY_WORD.get(word, "") for word in self.columns.split(",")]
        else:
            roles = [self.roles.get(each.strip(), normalize_name(each)) for each in names]
        columns = [
            Column(place, role)
            for place, role in enumerate(roles)
            if role in ROLES and roles.index(role) == place  # an indicator may be called Close too
            if role != INSTRUMENT or SYMBOL not in roles
        ]
        if self.others and names is not None:
            columns += [
                Column(place, self.others, each.strip())
                for place, each in enumerate(names)
                if roles[place] not in ROLES and each.strip() not in ROW_NUMBERS
            ]
        return tuple(sorted(columns))

    def cut_footer(self, block: bytes) -> bytes:
        """Return lines without the last ones, where these are no rows.

        Parameters
        ----------
        block : bytes
            Whole lines.

        Returns
        -------
        bytes
            The same for a layout without a footer.
        """
        return self._footer.sub(b"", block) if self.footer else block


def split_line(line: str, separator: str) -> list[str]:
    """Return the fields of a line, without quotes and blanks around them.

    Parameters
    ----------
    line : str
        A line of a file.
    separator : str
        One character.

    Returns
    -------
    list of str
        A trailing separator ends no field.

    Examples
    --------
    >>> split_line('"Date", "Close/Last"', ",")
    ['Date', 'Close/Last']
    """
    return list(_split(line, separator))


@lru_cache(maxsize=16)
def _split(line: str, separator: str) -> tuple[str, ...]:
    """Return the fields of a line, which each layout compares with its own."""
    import csv

    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    fields = tuple(each.strip() for each in row)
    return fields[:-1] if len(fields) > 1 and not fields[-1] else fields


def _open_where_the_last_closed(bars: Sequence[Mapping[str, float]]) -> bool:
    """Return whether bars open nearer to the close before than they close to the open before.

    Else open and close have changed places, as in rows of close, high, low, open.
    """
    pairs = list(itertools.pairwise(bars))
    if len(pairs) < FEWEST_PAIRS:
        return True
    straight = sum(abs(later["open"] - bar["close"]) for bar, later in pairs)
    crossed = sum(abs(later["close"] - bar["open"]) for bar, later in pairs)
    return straight <= crossed
