"""Folds of a series: bars to choose on, and later ones on which the choice is judged.

Bars count from 0 over the whole series; each range ends before its second number.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
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
        offset: dict[str, Any] = {UNITS[self.unit]: times * self.count}
        later: pd.Timestamp = moment + pd.DateOffset(**offset)
        return later


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
    if isinstance(holdout, date):
        return holdout.isoformat()
    if isinstance(holdout, str):
        try:
            holdout = float(holdout)
        except ValueError:
            try:
                return pd.Timestamp(holdout).isoformat()
            except ValueError:
                pass
    share = check_number("holdout", holdout) if is_number(holdout) else 0.0
    if not 0 < share < 1:
        raise OptionError(
            f"holdout must be between 0 and 1, or a date, got {describe(holdout)}. Use 0.3 for the "
            "last 30 % of the bars."
        )
    return share


def _read_length(name: str, value: Any) -> Length:
    match = (
        re.fullmatch(r"\s*(\d{1,9})\s*(y|mo|w|d|)\s*", value) if isinstance(value, str) else None
    )
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
    for fold in folds:
        _check_fold(fold, longest)
    return Folds(folds, stop - folds[-1].test_stop)


def _hold_out(prices: Prices, layout: Layout, first: int, stop: int) -> Fold:
    """Return the one fold whose test is a share of the bars, or begins on a date."""
    if isinstance(layout.holdout, str):
        start = int(prices.index.searchsorted(prices.moment(layout.holdout)))
    else:
        assert layout.holdout is not None
        start = stop - round(layout.holdout * (stop - first))
    return Fold(first, start - layout.gap, start, stop)


def _check_fold(fold: Fold, longest: int) -> None:
    train, test = fold.train_stop - fold.train_start, fold.test_stop - fold.test_start
    if train <= longest:
        raise OptionError(
            f"a train must have at least {longest + 1:,} bars, one more than the largest window, "
            f"got {max(train, 0):,}. Use a longer train, or smaller windows."
        )
    if test < LEAST_TEST_BARS:
        raise OptionError(
            f"a test must have at least {LEAST_TEST_BARS} bars, got {max(test, 0)}. Use a longer "
            "one."
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
        origin = self.index[self.first]
        if not self.train.unit:
            end = self.first + self.train.count
            if end >= self.stop or not self.test.unit:
                return self._limit(end + number * self.test.count)
            origin = self.index[end]
        elif not self.test.unit:
            return self._limit(self._find(self.train.after(origin)) + number * self.test.count)
        else:
            origin = self.train.after(origin)
        moment = self.test.after(origin, number)
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
    gap = f", a gap of {layout.gap} and" if layout.gap else " and"
    return (
        f"there is no whole fold: a train of {layout.train.text}{gap} a test of {layout.test.text} "
        f"need {about}{needed:,} bars after the largest window, and {prices.name} has "
        f"{stop - first:,}: {about}{missing:,} are missing. Use shorter ones, or smaller windows."
    )
