"""Folds of a series: bars to choose on, and later ones on which the choice is judged.

Bars count from 0 over the whole series; each range ends before its second number.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_count, check_flag, check_number, describe, is_number, read_integer
from qmac.data.prices import Prices
from qmac.errors import OptionError

UNITS = {"y": "years", "mo": "months", "w": "weeks", "d": "days"}
"""Units of the calendar, by what follows the number."""
LENGTH = r"\s*(\d{1,9})\s*(y|mo|w|d|)\s*"
LEAST_TEST_BARS = 2
MOST_COUNT = 1_000_000
"""Of bars or of a unit: dates end before."""
ADVICE = "Use holdout=0.3 for one test at the end, or train=1000, test=250 for one after the other."
MIDNIGHT = " 00:00:00"
"""Dates of daily bars are shown without it."""
LENGTHS = "Use bars, 1000, or a length of the calendar: 4y, 6mo, 8w, 90d."


@dataclass(frozen=True)
class Length:
    """How long a part of a fold is."""

    count: int
    unit: str = ""
    """Key of ``UNITS``; empty for bars."""

    @property
    def text(self) -> str:
        """What a user writes: 1000, 4y."""
        return f"{self.count}{self.unit}"

    def after(self, moment: pd.Timestamp, times: int = 1) -> pd.Timestamp:
        """Return the moment that is so many times this length later.

        Parameters
        ----------
        moment : Timestamp
            A date.
        times : int, default 1
            May be negative.

        Returns
        -------
        Timestamp
            At the end of a month that is too short for its day.
        """
        return _shift(moment, (self, times))


def _shift(moment: pd.Timestamp, *steps: tuple[Length, int]) -> pd.Timestamp:
    """Return a date so many times some lengths later, all in one step.

    Months in two steps end on the last day that the shortest month has.
    """
    offset: dict[str, Any] = dict.fromkeys(UNITS.values(), 0)
    for length, times in steps:
        offset[UNITS[length.unit]] += times * length.count
    later: pd.Timestamp = moment + pd.DateOffset(**offset)
    return later


def spell_length(length: int | str) -> str:
    """Return a length in words.

    Parameters
    ----------
    length : int or str
        As ``Length.text`` has it, or a number of bars.

    Returns
    -------
    str
        Bars have separators of thousands.

    Examples
    --------
    >>> spell_length("4y"), spell_length("1mo"), spell_length(1000)
    ('4 years', '1 month', '1,000 bars')
    """
    text = str(length)
    count = text.rstrip("".join(UNITS))
    unit = UNITS.get(text.removeprefix(count), "bars")
    return f"{int(count):,} {unit if int(count) != 1 else unit.removesuffix('s')}"


@dataclass(frozen=True)
class Fold:
    """Bars to choose on and bars to judge on."""

    train_start: int
    train_stop: int
    test_start: int
    test_stop: int


@dataclass(frozen=True)
class Folds:
    """Folds in order; the test of each begins where that of the one before ends."""

    folds: tuple[Fold, ...]
    left_over: int
    """Bars after the last test, too few for another one."""

    @property
    def test_start(self) -> int:
        """First bar of the first test."""
        return self.folds[0].test_start

    @property
    def test_stop(self) -> int:
        """Bar after the last test."""
        return self.folds[-1].test_stop


@dataclass(frozen=True)
class Layout:
    """How bars are divided into folds: by two lengths, or once; checked."""

    train: Length | None = None
    test: Length | None = None
    holdout: float | str | None = None
    """Share of the bars in the test, or the date on which it begins."""
    anchored: bool = False
    """Whether every train begins with the first bar."""
    gap: int = 0
    """Bars between train and test."""

    @classmethod
    def check(
        cls,
        train: int | str | None = None,
        test: int | str | None = None,
        holdout: float | str | date | None = None,
        *,
        anchored: bool = False,
        gap: int = 0,
    ) -> Layout:
        """Return a layout of the arguments of a user.

        Parameters
        ----------
        train, test : int or str, optional
            Bars, or a length of the calendar such as ``"4y"``, ``"6mo"``, ``"8w"``.
        holdout : float, str or date, optional
            Share of the bars in one test, or the date of its first bar; in place of the two
            lengths.
        anchored : bool, default False
            Whether every train begins with the first bar.
        gap : int, default 0
            Bars between train and test.

        Returns
        -------
        Layout
            Checked, but for what depends on the prices.

        Raises
        ------
        OptionError
            If one is invalid, or both ways are used, or neither.

        Examples
        --------
        >>> Layout.check("4y", 250).train
        Length(count=4, unit='y')
        """
        anchored, gap = check_flag("anchored", anchored), check_count("gap", gap, 0)
        lengths = {"train": train, "test": test}
        read: dict[str, Any] = {
            name: _read_length(name, value) for name, value in lengths.items() if value is not None
        }
        if holdout is not None:
            held_out = _check_holdout(holdout)
            if read:
                raise OptionError(
                    f"holdout is {describe(holdout)}, but there is {' and '.join(read)}, too, and "
                    f"folds are made by one or the other. {ADVICE}"
                )
            if anchored:
                raise OptionError(
                    f"anchored is {describe(anchored)}, but it is about several folds, and holdout "
                    "is one. Leave it out."
                )
            return cls(holdout=held_out, gap=gap)
        if not read:
            raise OptionError(f"folds need holdout, or train and test, got None. {ADVICE}")
        for name in lengths:
            if name not in read:
                raise OptionError(f"{name} must be a length, got None. {LENGTHS}")
        return cls(**read, anchored=anchored, gap=gap)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Lengths as a user writes them.
        """
        return {
            "train": None if self.train is None else self.train.text,
            "test": None if self.test is None else self.test.text,
            "holdout": self.holdout,
            "anchored": self.anchored,
            "gap": self.gap,
        }


def _check_holdout(holdout: Any) -> float | str:
    """Return a share, or the text of a date."""
    if isinstance(holdout, date | np.datetime64) and not pd.isna(holdout):
        return pd.Timestamp(holdout).isoformat()
    if isinstance(holdout, str):
        date_text = _read_date(holdout)
        if date_text is not None:
            return date_text
        with suppress(ValueError):
            holdout = float(holdout)
    share = check_number("holdout", holdout) if is_number(holdout) else 0.0
    if not 0 < share < 1:
        raise OptionError(
            f"holdout must be between 0 and 1, or a date, got {describe(holdout)}. Use 0.3 for the "
            "last 30 % of the bars."
        )
    return share


def _read_date(text: str) -> str | None:
    """Return the date of a text: 2015, 20150102 and whatever is neither a number nor a word."""
    is_date = re.search(r"\d", text) is not None
    with suppress(ValueError):
        float(text)
        is_date = re.fullmatch(r"\s*(\d{4}|\d{8})\s*", text) is not None
    if not is_date:
        return None
    try:
        return pd.Timestamp(text.strip()).isoformat()
    except ValueError:
        return None


def _read_length(name: str, value: Any) -> Length:
    match = re.fullmatch(LENGTH, value) if isinstance(value, str) else None
    count = int(match[1]) if match else read_integer(value)
    if count is None:
        raise OptionError(f"{name} must be a length, got {describe(value)}. {LENGTHS}")
    unit = match[2] if match else ""
    least = LEAST_TEST_BARS if name == "test" and not unit else 1
    if not least <= count <= MOST_COUNT:
        raise OptionError(
            f"{name} must have {least} to {MOST_COUNT:,} {UNITS.get(unit, 'bars')}, got "
            f"{describe(value)}. {LENGTHS}"
        )
    return Length(count, unit)


def plan_folds(prices: Prices, layout: Layout, first: int, stop: int, longest: int) -> Folds:
    """Return the folds of a series.

    Parameters
    ----------
    prices : Prices
        Their dates count, nothing else.
    layout : Layout
        How bars are divided.
    first, stop : int
        First bar that may trade with all averages defined, and the one after the last.
    longest : int
        Largest window: a train must have one bar more.

    Returns
    -------
    Folds
        Whole ones only; one at least.

    Raises
    ------
    OptionError
        If there is no whole fold (the message says how many bars are missing), or a train or test
        is too short.
    PricesError
        If a date is not one of the prices.
    """
    if layout.holdout is not None:
        folds: tuple[Fold, ...] = (_hold_out(prices, layout, first, stop),)
    else:
        folds = tuple(_Calendar(prices.index, layout, first, stop).divide())
        if not folds:
            raise OptionError(_describe_missing(prices, layout, first, stop))
    for number, fold in enumerate(folds, start=1):
        _check_fold(fold, longest, _describe_fold(prices, fold, number, len(folds)))
    return Folds(folds, stop - folds[-1].test_stop)


def _hold_out(prices: Prices, layout: Layout, first: int, stop: int) -> Fold:
    """Return the one fold whose test is a share of the bars, or begins on a date."""
    if isinstance(layout.holdout, str):
        moment = prices.moment(layout.holdout)
        start = int(prices.index.searchsorted(moment))
        if not first < start < stop:
            earliest, latest = (str(prices.index[bar]) for bar in (first + 1, stop - 1))
            raise OptionError(
                f"holdout must be a date from {earliest.removesuffix(MIDNIGHT)} to "
                f"{latest.removesuffix(MIDNIGHT)} of {prices.name}, got "
                f"{str(moment).removesuffix(MIDNIGHT)}. Bars before are needed for averages and "
                "the train."
            )
    else:
        assert layout.holdout is not None
        start = stop - round(layout.holdout * (stop - first))
    return Fold(first, start - layout.gap, start, stop)


def _describe_fold(prices: Prices, fold: Fold, number: int, count: int) -> str:
    """Return which fold it is; nothing where it is the only one."""
    if count == 1:
        return ""
    last = min(fold.test_start, len(prices.index) - 1)
    date = str(prices.index[last]).removesuffix(MIDNIGHT)
    return f" in fold {number} of {count}, whose test begins at {date}"


def _check_fold(fold: Fold, longest: int, where: str) -> None:
    train, test = fold.train_stop - fold.train_start, fold.test_stop - fold.test_start
    if train <= longest:
        raise OptionError(
            f"a train must have at least {longest + 1:,} bars, one more than the largest window, "
            f"got {max(train, 0):,}{where}. Use a longer train, or smaller windows."
        )
    if test < LEAST_TEST_BARS:
        raise OptionError(
            f"a test must have at least {LEAST_TEST_BARS} bars, got {max(test, 0)}{where}. Use a "
            "longer one."
        )


class _Calendar:
    """Divides bars by lengths, which may be of the calendar.

    Ends of the calendar are counted from the first one, so that they do not drift where a day has
    no bar.
    """

    def __init__(self, index: pd.DatetimeIndex, layout: Layout, first: int, stop: int) -> None:
        assert layout.train is not None and layout.test is not None
        self.train, self.test = layout.train, layout.test
        self.index, self.layout, self.first, self.stop = index, layout, first, stop

    def divide(self) -> Iterator[Fold]:
        """Yield whole folds in order."""
        gap, number = self.layout.gap, 0
        border, following = self._end_train(0), self._end_train(1)
        while border is not None and following is not None and following + gap <= self.stop:
            yield Fold(self._begin_train(border, number), border, border + gap, following + gap)
            number += 1
            border, following = following, self._end_train(number + 1)

    def _end_train(self, number: int) -> int | None:
        """Return the bar after the train of a fold; None if it is beyond the last bar.

        The test of a fold ends as many bars after the next train as it begins after its own.
        """
        origin, steps = self.index[self.first], [(self.train, 1), (self.test, number)]
        if not self.train.unit:
            end = self.first + self.train.count
            if end >= self.stop or not self.test.unit:
                return self._limit(end + number * self.test.count)
            origin, steps = self.index[end], steps[1:]
        elif not self.test.unit:
            return self._limit(self._find(self.train.after(origin)) + number * self.test.count)
        moment = _shift(origin, *steps)
        end = self._find(moment)
        is_missing = end >= self.stop and moment > self.index[self.stop - 1] + self._distance
        return None if is_missing else min(end, self.stop)

    def _limit(self, bar: int) -> int | None:
        return bar if bar <= self.stop else None

    def _begin_train(self, train_stop: int, number: int) -> int:
        if self.layout.anchored or number == 0:
            return self.first
        if not self.train.unit:
            return train_stop - self.train.count
        if self.test.unit:
            return self._find(self.test.after(self.index[self.first], number))
        return max(self.first, self._find(self.train.after(self.index[train_stop], -1)))

    def _find(self, moment: pd.Timestamp) -> int:
        return int(self.index.searchsorted(moment))

    @functools.cached_property
    def _distance(self) -> pd.Timedelta:
        """The largest time between two bars: so late the next one may be."""
        times = self.index[self.first : self.stop]
        return pd.Timedelta(int(np.diff(times.asi8).max(initial=0)), unit=times.unit)


def _describe_missing(prices: Prices, layout: Layout, first: int, stop: int) -> str:
    """Return the error of a series too short for one fold."""
    assert layout.train is not None and layout.test is not None
    index, parts, needed = prices.index, (layout.train, layout.test), layout.gap
    span = (index[stop - 1] - index[first]) / max(stop - 1 - first, 1)
    for length in parts:
        is_bars = not length.unit or span <= pd.Timedelta(0)
        moment = index[first]
        needed += length.count if is_bars else round((length.after(moment) - moment) / span)
    about = "about " if any(length.unit for length in parts) else ""
    missing = max(needed - (stop - first), 1)
    gap = f", a gap of {spell_length(layout.gap)} and" if layout.gap else " and"
    train, test = (spell_length(length.text) for length in parts)
    return (
        f"there is no whole fold: a train of {train}{gap} a test of {test} need {about}{needed:,} "
        f"bars after the largest window, and {prices.name} has {stop - first:,}: {about}"
        f"{missing:,} are missing. Use shorter ones, or smaller windows."
    )
