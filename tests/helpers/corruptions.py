"""Good files of prices, and faults that programs and people put into them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np
import pandas as pd

KINDS = ("daily", "closes", "minutes", "german")


class Source(NamedTuple):
    """A good file: its bars, its lines, and what separates its fields."""

    bars: pd.DataFrame
    lines: list[str]
    separator: str


def build_source(kind: str, seed: int) -> Source:
    """Return a good file: days of bars or of closes, sessions of minutes, decimal commas."""
    random = np.random.default_rng(seed)
    index, deviation = pd.bdate_range("2023-01-02", periods=250), 0.012
    if kind == "minutes":
        sessions = [pd.date_range(f"{day.date()} 09:30", periods=60, freq="min")
                    for day in index[:5]]  # fmt: skip
        index, deviation = pd.DatetimeIndex(np.concatenate(sessions)), 0.0005
    bars = len(index)
    close = 100 * np.exp(np.cumsum(random.normal(0, deviation, bars)))
    opens = np.append(100, close[:-1]) * np.exp(random.normal(0, deviation / 3, bars))
    high = np.maximum(opens, close) * np.exp(np.abs(random.normal(0, deviation / 2, bars)))
    low = np.minimum(opens, close) * np.exp(-np.abs(random.normal(0, deviation / 2, bars)))
    frame = pd.DataFrame({"Open": opens, "High": high, "Low": low, "Close": close}).round(2)
    frame["Volume"] = random.integers(1_000_000, 9_000_000, bars)
    frame.index = index.rename("Date")
    if kind == "closes":
        frame = frame[["Close"]]
    form = "%Y-%m-%d %H:%M" if kind == "minutes" else None
    german = {"sep": ";", "decimal": ","} if kind == "german" else {}
    lines = frame.to_csv(date_format=form, **german).splitlines()
    return Source(frame, lines, german.get("sep", ","))


Damage = Callable[[list[str], Random], list[str]]
"""Changes the fields of a row."""


def _drop(fields: list[str], random: Random) -> list[str]:
    place = random.randrange(len(fields))
    return fields[:place] + fields[place + 1 :]


def _empty(fields: list[str], random: Random) -> list[str]:
    fields[random.randrange(len(fields))] = ""
    return fields


def _add(fields: list[str], random: Random) -> list[str]:
    fields.insert(random.randrange(len(fields) + 1), random.choice(["", "5", "x"]))
    return fields


def _swap(fields: list[str], random: Random) -> list[str]:
    """Swap two fields, but not Open and Close: within High and Low either may be either."""
    pairs = [(a, b) for b in range(len(fields)) for a in range(b) if (a, b) != (1, 4)]
    first, second = random.choice(pairs)
    fields[first], fields[second] = fields[second], fields[first]
    return fields


def _shift(fields: list[str], random: Random) -> list[str]:
    step = random.choice((1, -1))
    return fields[step:] + fields[:step]


def _lose_point(fields: list[str], random: Random) -> list[str]:
    """Drop the decimal mark of a number that has two decimals."""
    places = [place for place, text in enumerate(fields) if text[-3:-2] in (".", ",")]
    if places:
        place = random.choice(places)
        fields[place] = fields[place].replace(".", "").replace(",", "")
    return fields


def _change_digit(fields: list[str], random: Random) -> list[str]:
    date = fields[0]
    place = random.choice([place for place, mark in enumerate(date) if mark.isdigit()])
    return [date[:place] + random.choice("0123456789") + date[place + 1 :], *fields[1:]]


def _swap_day_and_month(fields: list[str], random: Random) -> list[str]:
    del random
    date = fields[0]
    return [f"{date[:5]}{date[8:10]}-{date[5:7]}{date[10:]}", *fields[1:]]


def _change_year(fields: list[str], random: Random) -> list[str]:
    year = int(fields[0][:4]) + random.choice([-100, -10, -1, 1, 10])
    return [f"{year}{fields[0][4:]}", *fields[1:]]


def _change_form(fields: list[str], random: Random) -> list[str]:
    del random
    date = fields[0]
    return [f"{date[8:10]}/{date[5:7]}/{date[:4]}{date[10:]}", *fields[1:]]


ROW_DAMAGES: tuple[Damage, ...] = (
    _drop, _empty, _add, _swap, _shift, _lose_point, _change_digit, _swap_day_and_month,
    _change_year, _change_form,
)  # fmt: skip


def _damage_row(source: Source, random: Random) -> bytes:
    damage = random.choice(ROW_DAMAGES)
    row = random.randrange(1, len(source.lines))
    lines = list(source.lines)
    fields = damage(lines[row].split(source.separator), random)
    lines[row] = source.separator.join(fields)
    return _join(lines)


def _join(lines: list[str]) -> bytes:
    return "\n".join([*lines, ""]).encode()


def _move_row(source: Source, random: Random) -> bytes:
    lines = list(source.lines)
    first, second = random.sample(range(1, len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return _join(lines)


def _cut_rows(source: Source, random: Random) -> bytes:
    """Cut days of a month, as fewer may be holidays, or minutes within a session."""
    count = 20
    is_whole = source.bars.index.normalize().is_unique
    while True:
        first = random.randrange(2, len(source.lines) - count)
        if is_whole or source.lines[first - 1][:10] == source.lines[first + count][:10]:
            break
    return _join(source.lines[:first] + source.lines[first + count :])


def _cut_line(source: Source, random: Random) -> bytes:
    """Cut a line in its date, where what is left cannot be another price."""
    lines, row = list(source.lines), random.randrange(1, len(source.lines))
    lines[row] = lines[row][: random.randrange(1, 10)]
    return _join(lines)


def _change_encoding(source: Source, random: Random) -> bytes:
    return _join(source.lines).decode().encode(random.choice(["utf-16", "utf-16-le", "utf-8-sig"]))


def _change_separator_of_a_row(source: Source, random: Random) -> bytes:
    lines, row = list(source.lines), random.randrange(1, len(source.lines))
    lines[row] = lines[row].replace(source.separator, random.choice(";|\t, :"))
    return _join(lines)


def _change_separator(source: Source, random: Random) -> bytes:
    mark = random.choice(";|\t")
    return _join([line.replace(source.separator, mark) for line in source.lines])


DAMAGES: tuple[Callable[[Source, Random], bytes], ...] = (
    *[_damage_row] * len(ROW_DAMAGES), _move_row, _cut_rows, _cut_line, _change_encoding,
    _change_separator_of_a_row, _change_separator,
)  # fmt: skip


def corrupt(source: Source, random: Random) -> bytes:
    """Return the content of a file with one fault."""
    return random.choice(DAMAGES)(source, random)
