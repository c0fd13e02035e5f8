"""Texts of dates: their form, their zone, and the moments that they are.

Nothing is guessed: a text has a form of a table, all texts of a column have the same, and a part
that is not written, such as the year, is never invented.
"""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from qmac._checks import describe
from qmac.data.days import are_daily, are_days

ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.(\d{1,9}))?)?)?")
"""Texts that Arrow reads, and strictly: ten times as fast as pandas with a form."""
ISO_FORMAT = "ISO8601"
NUMERIC = r"^-?\d+(\.\d*)?([eE]\+?\d+)?$"
ZONE = (
    r"Z|(?:GMT|UTC)?[+-]\d\d:?\d\d|(?:GMT|UTC)[+-]\d{1,2}|[+-]\d\d"
    r"|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_-]+)+|[A-Z]{3,4}(?:\d[A-Z]{3})?"
)
ZONED = re.compile(rf"(?P<wall>.*\d:\d\d.*?|\d{{8}}[ T-]+\d{{6}})\s*(?P<zone>{ZONE})")
OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d\d))?")
DATE_PARTS = (
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"\d{1,2}/[A-Za-z]{3}/\d{4}", "%d/%b/%Y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}", "%d-%b-%y"),
    (r"\d{1,2}-[A-Za-z]{3,9}-\d{4}", "%d-%B-%Y"),
    (r"\d{1,2} [A-Za-z]{3} \d{2}", "%d %b %y"),
    (r"\d{1,2} [A-Za-z]{3,9} \d{4}", "%d %B %Y"),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"[A-Za-z]{3} \d{1,2} \d{4}", "%b %d %Y"),
    (r"[A-Za-z]{3,9} \d{1,2}, \d{4}", "%B %d, %Y"),
)
ORDERED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)")
"""Day and month, in an order that the texts must show, then the year."""
ORDERED_ARROW = r"^(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<third>\d{4}|\d{2})(?:\D|$)"
DayOrder = tuple[str, ...]
"""Three words, in the order in which dates have them."""
ORDERS: tuple[DayOrder, ...] = (
    ("day", "month", "year"),
    ("month", "day", "year"),
    ("year", "month", "day"),
)
"""The last one of years of two digits only; with four they stand in ``DATE_PARTS``."""
TIME_PARTS = (
    (r"", ""),
    (r"\d{1,2}:\d\d", "%H:%M"),
    (r"\d{1,2}:\d\d:\d\d", "%H:%M:%S"),
    (r"\d{1,2}:\d\d:\d\d\.\d+", "%H:%M:%S.%f"),
    (r"\d{1,2}:\d\d ?[AaPp][Mm]", "%I:%M %p"),
    (r"\d{1,2}:\d\d:\d\d ?[AaPp][Mm]", "%I:%M:%S %p"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
)
GAPS = ("T", ", ", "  ", " ", "-", ";")
ABBREVIATIONS = {
    "UTC": "UTC", "GMT": "UTC", "Z": "UTC",
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00",
    "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00",
    "CET": "+01:00", "CEST": "+02:00", "EET": "+02:00", "EEST": "+03:00", "JST": "+09:00",
    "HKT": "+08:00", "AEST": "+10:00", "AEDT": "+11:00",
}  # fmt: skip
"""Names that stand for one offset wherever prices come from; IST and BST do not."""
PAIRS = {
    frozenset(("EST", "EDT")): "America/New_York",
    frozenset(("CST", "CDT")): "America/Chicago",
    frozenset(("MST", "MDT")): "America/Denver",
    frozenset(("PST", "PDT")): "America/Los_Angeles",
    frozenset(("CET", "CEST")): "Europe/Berlin",
    frozenset(("EET", "EEST")): "Europe/Helsinki",
    frozenset(("AEST", "AEDT")): "Australia/Sydney",
}
"""Zones by their names of winter and summer time."""
ADVICE = "Write dates as 2010-01-04 or 2010-01-04 15:30"
MOST_ZONES = 1000
MOST_OFFSETS = 6
"""Those of one place within a century."""
FIRST_OFFSET, LAST_OFFSET = timedelta(hours=-12), timedelta(hours=14)
MOST_LETTERS = 100
"""Of a text of a date with its zone."""
DIGIT_COUNTS = {
    "%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%I": 2, "%M": 2, "%S": 2, "%y": 2, "%j": 3, "%f": 6,
}  # fmt: skip
"""Digits of the parts of a form that are numbers."""
MOST_YEARS_AGO = 50
"""The latest date of a file with years of two digits."""
TRADING_DAYS, LEAST_DAYS = 5, 20
"""Days of a week on which a market is open, and dates that show which."""
MONTH_OF_FOUR = "Sept"
"""No form of ``strptime`` has it."""


class FormError(ValueError):
    """Texts that are no dates, or none that are certain."""


def is_numeric(texts: Any) -> bool:
    """Return whether all texts are numbers, or empty.

    Parameters
    ----------
    texts : array of str
        ``(T,)``.

    Returns
    -------
    bool
        Looked at in full only where the first text is a number.
    """
    if not re.match(NUMERIC, texts[0].as_py()):
        return False
    matches = pc.or_(pc.match_substring_regex(texts, NUMERIC), pc.equal(texts, ""))
    return bool(pc.all(matches).as_py())


def read_texts(
    texts: Any, date_format: str | None, orders: Sequence[DayOrder] = ORDERS
) -> pd.DatetimeIndex:
    """Return texts as dates.

    Parameters
    ----------
    texts : array of str
        Without blanks around them, ``(T,)``.
    date_format : str or None
        Their form as of ``datetime.strptime``, behind which a zone may follow; None for one of
        the table.
    orders : sequence, optional
        Orders of day, month and year that the whole file can have, see ``find_orders``.

    Returns
    -------
    DatetimeIndex
        ``(T,)``.

    Raises
    ------
    FormError
        If a text is empty, of no known form, or of another one than the first.
    """
    empty = pc.equal(texts, "")
    if pc.any(empty).as_py():
        row = pc.index(empty, True).as_py()
        raise FormError(f"row {row + 1} has no date. Fill it in or drop the row.")
    if date_format is not None:
        dates = _parse(texts, date_format)
        if dates is not None:
            return dates
    _check_length(texts)
    zoned = ZONED.fullmatch(texts[0].as_py())
    if zoned is None:
        return _read_walls(texts, date_format, orders)
    walls, zones = _split_zones(texts, zoned["zone"])
    return _join_zones(_read_walls(walls, date_format, orders, texts), zones)


def _check_length(texts: Any) -> None:
    """Refuse texts that are longer than any date: looking for a zone in them takes too long."""
    lengths = pc.utf8_length(texts)
    if pc.max(lengths).as_py() > MOST_LETTERS:
        row = pc.index(pc.greater(lengths, MOST_LETTERS), True).as_py()
        text = describe(texts[row].as_py()[:MOST_LETTERS])
        raise FormError(f"row {row + 1} has the date {text}..., which cannot be read. {ADVICE}.")


def _read_walls(
    walls: Any, date_format: str | None, orders: Sequence[DayOrder], texts: Any = None
) -> pd.DatetimeIndex:
    """Return times of a clock on a wall, whose texts have no zone."""
    shown = walls if texts is None else texts
    if date_format is not None:
        dates = _parse(walls, date_format)
        if dates is None:
            _refuse_row(walls, date_format, f"Its form is not {date_format}", shown)
        assert dates is not None
        return dates
    iso = ISO.fullmatch(walls[0].as_py())
    return _read_iso(walls, iso[1] or "", shown) if iso else _read_forms(walls, orders, shown)


def _read_iso(walls: Any, fraction: str, shown: Any) -> pd.DatetimeIndex:
    """Return texts of the form 2010-01-04 15:30:00.000 as dates."""
    unit = "ns" if len(fraction) > 6 else "us"
    for each in dict.fromkeys((unit, "ns")):
        try:
            moments = pc.cast(walls, pa.timestamp(each))
        except pa.ArrowInvalid:
            continue
        return pd.DatetimeIndex(moments.to_numpy(zero_copy_only=False))
    _refuse_row(walls, ISO_FORMAT, "It cannot be read", shown)
    raise AssertionError


def _read_forms(walls: Any, orders: Sequence[DayOrder], shown: Any) -> pd.DatetimeIndex:
    """Return texts of another form as dates, all of the form of the first."""
    first = walls[0].as_py()
    if pc.any(pc.match_substring(walls, MONTH_OF_FOUR)).as_py():
        walls = pc.replace_substring(walls, MONTH_OF_FOUR, "Sep")
    forms = list(_find_forms(walls, orders))
    if not forms and re.match(NUMERIC, first):
        row = pc.index(pc.match_substring_regex(walls, NUMERIC), False).as_py()
        raise FormError(
            f"row {row + 1} has the date {describe(walls[max(row, 0)].as_py())}, while row 1 has "
            f"the number {first}. Is the header there twice? Drop that row, or write all dates "
            "alike."
        )
    if not forms:
        raise FormError(_describe_unknown(first))
    for form in forms:
        dates = _parse(walls, form)
        if dates is not None:
            if "%y" in form:
                _refuse_other_calendars(dates, form, shown)
            return dates
    _refuse_row(walls, forms[0], "It cannot be read", shown)
    raise AssertionError


def _find_forms(walls: Any, orders: Sequence[DayOrder]) -> Iterator[str]:
    """Yield the forms that the first text has."""
    first = walls[0].as_py()
    ordered = ORDERED.fullmatch(first)
    if ordered:
        mark, year, rest = ordered[2], ordered[4], ordered[5]
        begin = mark.join(_find_order(walls, len(year), orders))
        yield from (begin + time for time in _find_times(rest))
        return
    for pattern, form in DATE_PARTS:
        match = re.match(pattern + r"(?!\d)", first)
        if match:
            yield from (form + time for time in _find_times(first[match.end() :]))


def _find_times(rest: str) -> Iterator[str]:
    """Yield the forms of what follows a date."""
    gap = next((each for each in GAPS if rest.startswith(each)), "")
    for pattern, form in TIME_PARTS:
        text = rest[len(gap) :]
        if re.fullmatch(pattern, text) and bool(gap) == bool(form):
            tight = form.endswith(" %p") and " " not in text
            yield gap + (form.replace(" %p", "%p") if tight else form)


def find_orders(texts: Any, symbols: np.ndarray) -> tuple[DayOrder, ...]:
    """Return the orders of day, month and year that the dates of every symbol can have.

    A file has one order: a symbol whose dates show it shows it for the others.

    Parameters
    ----------
    texts : array of str
        Dates of all symbols, ``(T,)``.
    symbols : ndarray
        Symbol of each, ``(T,)``.

    Returns
    -------
    tuple
        Of ``ORDERS``; none where symbols contradict each other. A symbol that can have no order
        does not count.
    """
    limits = pd.DataFrame(dict(enumerate(_split_parts(texts)))).groupby(symbols).agg(["min", "max"])
    orders = ORDERS
    for row in np.unique(limits.to_numpy(), axis=0):
        possible = [order for order in ORDERS if _is_possible([*row.reshape(3, 2)], order)]
        if possible:
            orders = tuple(order for order in orders if order in possible)
    return orders


def _split_parts(texts: Any) -> list[np.ndarray]:
    """Return the three numbers of each date, 0 for a text of another form."""
    parts = pc.extract_regex(texts, ORDERED_ARROW)
    return [
        np.asarray(pc.fill_null(pc.cast(pc.struct_field(parts, name), pa.int32()), 0))
        for name in ("first", "second", "third")
    ]


def _find_order(walls: Any, year_digits: int, orders: Sequence[DayOrder]) -> DayOrder:
    """Return the order of day, month and year: the only one that all texts can have."""
    parts = _split_parts(walls)
    possible = [order for order in orders if _is_possible(parts, order)]
    if len(possible) == 1:
        year = "%y" if year_digits == 2 else "%Y"
        return tuple(year if part == "year" else f"%{part[0]}" for part in possible[0])
    shown = describe(walls[0].as_py())
    if not possible and any(_is_possible(parts, order) for order in ORDERS):
        raise FormError(
            f"dates such as {shown} have the day first in one symbol of the file, and the month in "
            f"another. {ADVICE}."
        )
    if not possible:
        raise FormError(f"dates such as {shown} are in no order of day, month and year. {ADVICE}.")
    names = " or ".join(", ".join(order) for order in possible)
    raise FormError(
        f"dates such as {shown} may have the day or the month first: {names}. "
        "Write 2010-01-04, or name their form, such as --date-format %d/%m/%Y or %m/%d/%Y."
    )


def _is_possible(parts: list[np.ndarray], order: DayOrder) -> bool:
    """Return whether all texts may have an order: no month 13, no day 32, no year to come."""
    now = pd.Timestamp.now("UTC").year % 100
    limits = {"month": 12, "day": 31, "year": 10_000}
    if order[0] == "year":  # first, it is no year of the century before
        limits["year"] = now
    return all(
        bool((values <= limits[part]).all()) and (part == "year" or bool((values >= 1).all()))
        for values, part in zip(parts, order, strict=True)
    )


def _parse(texts: Any, form: str) -> pd.DatetimeIndex | None:
    """Return dates of one form; None if a text has another one."""
    digits = _build_digits(form)
    if digits and not pc.all(pc.match_substring_regex(texts, digits)).as_py():
        return None
    try:
        parsed: Any = pd.to_datetime(texts.to_pandas(), format=form, utc="%z" in form)
        dates = pd.DatetimeIndex(parsed)
    except (ValueError, TypeError, OverflowError):
        return None
    return _move_future_centuries(dates) if "%y" in form else dates


@functools.cache
def _build_digits(form: str) -> str:
    """Return the regular expression of texts of a form in which digits follow each other.

    Each part has all of its digits then: 93000 may be half past nine or 93 hours, and parsers guess
    where the one that is not there was. Empty for a form whose parts are apart.
    """
    parts = re.findall(r"%.|\s+|[^%\s]+", form)
    counts = [DIGIT_COUNTS.get(part, 0) for part in parts]
    tight = [
        bool(count and (before or after))
        for before, count, after in zip([0, *counts], counts, [*counts[1:], 0], strict=False)
    ]
    if not any(tight):
        return ""
    return f"^{''.join(map(_build_part, parts, counts, tight))}$"


def _build_part(part: str, count: int, is_tight: bool) -> str:
    """Return the regular expression of one part of a form."""
    if part == "%f":
        return r"\d+"
    if count:
        return rf"\d{{{count if is_tight else 1},{count}}}"
    if part.startswith("%"):
        return ".+"
    return r"\s+" if part.isspace() else re.sub(r"(\W)", r"\\\1", part)


def _refuse_other_calendars(dates: pd.DatetimeIndex, form: str, shown: Any) -> None:
    """Refuse years of two digits that may be those of another calendar.

    In Thailand 67 is 2024. The month is not first there.
    """
    if form.startswith("%m"):
        return
    latest = dates.max()
    is_old = latest.year < pd.Timestamp.now("UTC").year - MOST_YEARS_AGO
    if not (is_old or _have_other_weekends(dates)):
        return
    raise FormError(
        f"dates such as {describe(shown[0].as_py())} have a year of two digits, and as "
        f"{dates[0].year} it is not certain: it may be of another calendar, such as the Buddhist "
        f"one. Write years of four digits, or confirm it: --date-format '{form}'."
    )


def _have_other_weekends(dates: pd.DatetimeIndex) -> bool:
    """Return whether days have a weekend that no market has, but the days of another year would."""
    if not are_daily(dates):
        return False
    counts = np.zeros((dates.year.max() - dates.year.min() + 1, 7), np.int64)
    np.add.at(counts, (dates.year - dates.year.min(), dates.day_of_week), 1)
    are_weeks = (counts.sum(1) >= LEAST_DAYS) & (np.count_nonzero(counts, axis=1) == TRADING_DAYS)
    # Thursdays and Fridays are days of weekends, too
    return bool((are_weeks & counts[:, 5:].any(1) & ~counts[:, :3].all(1)).any())


def _move_future_centuries(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return dates whose year has two digits, none of them in the future: 62 is 1962."""
    is_late = dates.year > pd.Timestamp.now("UTC").year
    if not is_late.any():
        return dates
    return pd.DatetimeIndex(dates.where(~is_late, dates - pd.DateOffset(years=100)))


def _refuse_row(texts: Any, form: str, reason: str, shown: Any = None) -> None:
    """Raise for the first text that is not of a form."""
    shown = texts if shown is None else shown
    parsed = pd.to_datetime(texts.to_pandas(), format=form, errors="coerce", utc=True)
    is_bad = parsed.isna().to_numpy()
    digits = _build_digits(form)
    if digits:
        is_bad = is_bad | ~np.asarray(pc.match_substring_regex(texts, digits))
    if form == ISO_FORMAT:  # pandas reads more
        is_bad = is_bad | ~np.asarray(pc.match_substring_regex(texts, f"^{ISO.pattern}$"))
    bad = np.flatnonzero(is_bad)
    if bad.size == 0:
        raise FormError(f"the dates are not of one form. {ADVICE}.")
    row = int(bad[0])
    text = describe(shown[row].as_py())
    if row > 0:
        reason += f", while row 1 is {describe(shown[0].as_py())}"
    raise FormError(f"row {row + 1} has the date {text}, which cannot be read. {reason}. {ADVICE}.")


def _describe_unknown(text: str) -> str:
    """Return why a text is no date."""
    shown = f"row 1 has the date {describe(text)}"
    if re.fullmatch(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?", text):
        return f"{shown}, a time without a day. Add the day: 2010-01-04 {text}."
    if re.fullmatch(r"[A-Za-z]{3,9}[-/. ]\d{2,4}|\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{4}", text):
        return f"{shown}, which has no day or no year. Write the first of the month: 2010-01-01."
    if re.fullmatch(
        r"\d{1,2}[-/. ][A-Za-z]{3,9}|[A-Za-z]{3,9} \d{1,2}|\d{1,2}[-/.]\d{1,2}\.?", text
    ):
        return f"{shown}, which has no year. Write dates as 2010-01-04."
    return f"{shown}, which cannot be read. {ADVICE}, or name their form with --date-format."


def _split_zones(texts: Any, zone: str) -> tuple[Any, Any]:
    """Return the texts of clocks and those of zones, the second as a dictionary."""
    zones = pc.utf8_slice_codeunits(texts, -len(zone)).dictionary_encode()
    walls = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(texts, 0, -len(zone)))
    names = zones.dictionary.to_pylist()
    if len(names) > MOST_ZONES or not all(map(_is_zone, names)):
        parts = pc.extract_regex(texts, f"^(?s:{ZONED.pattern})$")
        if parts.null_count:
            row = pc.index(pc.is_null(parts), True).as_py()
            raise FormError(
                f"row {row + 1} has the date {describe(texts[row].as_py())}, which has no zone as "
                f"row 1 has ({describe(texts[0].as_py())}). Write all with a zone, or none."
            )
        walls = pc.struct_field(parts, "wall")
        zones = pc.struct_field(parts, "zone").dictionary_encode()
    return walls, zones


def _is_zone(text: str) -> bool:
    return re.fullmatch(ZONE, text) is not None


def _join_zones(walls: pd.DatetimeIndex, zones: Any) -> pd.DatetimeIndex:
    """Return moments from times of clocks and the zone of each.

    Bars of one time of the day in a zone with summer and winter time stay days of its clock: as
    moments of UTC, midnights would be the day before. Other times of several offsets are those of
    UTC, or of the zone whose names of winter and summer time they bear.
    """
    names = zones.dictionary.to_pylist()
    if len(set(map(str, map(_find_zone, names)))) > MOST_OFFSETS:
        raise FormError(
            f"the dates have {len(names)} offsets, such as {names[0]!r} and {names[1]!r}, and no "
            "zone has so many. Are they ranges of hours? Write the time at which a bar begins."
        )
    if len(names) == 1:
        return _localize(walls, _find_zone(names[0]))
    if are_daily(walls):
        return walls
    codes = zones.indices.to_numpy(zero_copy_only=False)
    dates = pd.Series(walls)
    moments = np.empty(len(walls), walls.tz_localize("UTC").as_unit(walls.unit).asi8.dtype)
    for code, each in enumerate(names):
        rows = codes == code
        local = pd.DatetimeIndex(dates[rows])
        moments[rows] = (
            _localize(local, _find_zone(each)).tz_convert("UTC").as_unit(walls.unit).asi8
        )
    index = pd.DatetimeIndex(moments.view(f"M8[{walls.unit}]")).tz_localize("UTC")
    return index.tz_convert(PAIRS.get(frozenset(names), "UTC"))


def _localize(walls: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """Return times of a clock as moments; an hour that is there twice is told by its order."""
    descends = len(walls) > 1 and walls[0] > walls[-1]
    rows = walls[::-1] if descends else walls
    is_daily = are_days(walls)
    try:  # a day begins when it begins, were it an hour late
        index = rows.tz_localize(
            zone,
            ambiguous=True if is_daily else "infer",
            nonexistent="shift_forward" if is_daily else "raise",
        )
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise FormError(
            f"the dates cannot be those of a clock in {zone}: {reason}. Write them in UTC."
        ) from None
    return index[::-1] if descends else index


def _find_zone(text: str) -> Any:
    """Return the zone that a text names: an offset, an abbreviation, or a name."""
    name = ABBREVIATIONS.get(text, text)
    offset = OFFSET.fullmatch(name)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        shift = sign * timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if not FIRST_OFFSET <= shift <= LAST_OFFSET:
            raise FormError(
                f"the dates have the offset {text!r}, which no zone has. Is it a range of hours? "
                "Write the time at which a bar begins, such as 2010-01-04 15:30."
            )
        return timezone(shift) if shift else UTC
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise FormError(
            f"the dates have the zone {text!r}, which is not certain. Write a zone such as "
            "America/New_York or +00:00, or leave it out and use --timezone."
        ) from None
