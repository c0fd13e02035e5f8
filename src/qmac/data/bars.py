"""Rows of a table become checked bars: dates ascend, every price is a positive number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from qmac.data.bars_per_year import SATURDAY
from qmac.data.columns import ADJUSTED, COLUMNS, INSTRUMENT, PRICES, SPLIT, normalize_name
from qmac.data.date_texts import ORDERS, DayOrder
from qmac.data.dates import find_order, read_dates, to_zone
from qmac.data.layouts.find import Selection
from qmac.data.options import ReadOptions
from qmac.data.origin import Origin
from qmac.data.quality import (
    check_values,
    describe_adjustment,
    describe_instruments,
    describe_splits,
)
from qmac.data.table import convert_texts
from qmac.errors import PricesError


def build_bars(
    rows: pd.DataFrame,
    selection: Selection,
    options: ReadOptions,
    name: str,
    orders: Sequence[DayOrder] = ORDERS,
) -> tuple[pd.DataFrame, Origin]:
    """Return the bars of a symbol, and what was read.

    Parameters
    ----------
    rows : DataFrame
        Columns by role; the index has the dates, of any type.
    selection : Selection
        Layout of the table they are from.
    options : ReadOptions
        What the user says of it.
    name : str
        Name of the prices, for messages.
    orders : sequence, optional
        Orders of day, month and year that the whole file can have.

    Returns
    -------
    tuple of DataFrame and Origin
        Float columns Close, and of Open, High, Low and Volume those that are valid, by
        DatetimeIndex.

    Raises
    ------
    PricesError
        If dates or closes are invalid; the message names row and date.
    """
    layout = selection.layout
    options = replace(options, decimal=options.decimal or layout.decimal)
    rows, notes = _drop_empty(rows, name) if layout.has_empty_rows else (rows, ())
    date_format = options.date_format or layout.date_format
    dates = read_dates(rows.index, name, date_format, layout.timezone, orders)
    dates = to_zone(dates, options.timezone, name)
    if not isinstance(dates.name, str):  # the place of a column, which Parquet has no name for
        dates = dates.set_names(None)
    frame = pd.DataFrame(
        {each: rows[each].array for each in (*COLUMNS, ADJUSTED) if each in rows.columns},
        index=dates,
        copy=False,
    )
    convert_texts(frame, {str(each): str(each) for each in frame.columns}, options, name)
    left_out = {**selection.left_out, **check_values(frame, name)}
    notes += tuple(f"{role} is not read: {reason}" for role, reason in left_out.items())
    order = find_order(dates, name, sort=options.sort)
    if order.rows is not None:
        frame = frame.iloc[order.rows]
    if INSTRUMENT in rows:
        names = rows[INSTRUMENT].to_numpy()
        names = names if order.rows is None else names[order.rows]
        notes += describe_instruments(pd.Series(names, frame.index), name)
    has_both = ADJUSTED in frame
    frame, is_adjusted, adjustment = _adjust(frame, left_out, options, name)
    if SPLIT in rows and not (has_both or layout.adjusted):
        factors = rows[SPLIT] if order.rows is None else rows[SPLIT].iloc[order.rows]
        adjustment += describe_splits(factors.set_axis(frame.index), name)
    if layout.scale != 1:
        _check_scale(pd.DatetimeIndex(frame.index), name)
        for each in set(PRICES) & set(frame.columns):
            frame[each] = frame[each] / layout.scale  # not in place: a frame stays as it is
    origin = Origin(
        layout.name,
        ADJUSTED if is_adjusted else selection.close,
        is_adjusted if has_both else _is_named_adjusted(selection),
        (*notes, *order.notes, *adjustment),
        left_out,
    )
    return frame.astype(np.float64), origin


def _check_scale(dates: pd.DatetimeIndex, name: str) -> None:
    """Refuse to divide prices of markets that are open on weekends: none of them is scaled."""
    weekends = np.flatnonzero(dates.day_of_week >= SATURDAY)
    if weekends.size:
        row = int(weekends[0])
        raise PricesError(
            f"{name}: row {row + 1} ({dates[row]}) is on a weekend, on which no equity is traded, "
            "and only prices of equities are divided by 10,000. Read the numbers as they are: "
            "--columns date,open,high,low,close,volume."
        )


def _is_named_adjusted(selection: Selection) -> bool | None:
    """Return whether the column of closes is called so, None where its name does not say."""
    if normalize_name(selection.close) == ADJUSTED:
        return True
    return selection.layout.adjusted


def _drop_empty(rows: pd.DataFrame, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows that have a price, and what is to be said of the others."""
    is_empty = rows[[each for each in PRICES if each in rows]].isna().all(axis=1).to_numpy()
    count = int(is_empty.sum())
    if count in (0, len(rows)):
        return rows, ()
    note = f"{name}: {count:,} rows without any price are left out, as bars without a trade"
    return rows[~is_empty], (f"{note}.",)


def _adjust(
    frame: pd.DataFrame, left_out: Mapping[str, str], options: ReadOptions, name: str
) -> tuple[pd.DataFrame, bool, tuple[str, ...]]:
    """Return prices with the adjusted closes taken or dropped, and what is to be said of them."""
    if ADJUSTED not in frame:
        if options.adjusted and ADJUSTED in left_out:
            raise PricesError(left_out[ADJUSTED])
        if options.adjusted:
            raise PricesError(
                f"{name} has no adjusted closes beside its closes. Leave --adjusted out, or use a "
                f"file with a column called {ADJUSTED}."
            )
        return frame, False, ()
    note = describe_adjustment(frame, name)
    if options.adjusted:
        ratios = frame[ADJUSTED] / frame["Close"]
        scaled = {each: frame[each] * ratios for each in ("Open", "High", "Low") if each in frame}
        frame = frame.assign(**scaled, Close=frame[ADJUSTED])
    return (
        frame.drop(columns=ADJUSTED),
        options.adjusted,
        (note,) if note and not options.adjusted else (),
    )
