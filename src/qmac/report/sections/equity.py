"""One combination in full: equity curve, drawdown, prices, averages, trades, calendar returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from qmac.engine.backtest.backtest import Backtest

MOST_BARS = 8_000
"""Bars drawn at most, evenly spaced: a screen has fewer points across."""
MOST_TRADES = 1_000
"""Trades listed and marked, the last ones; statistics are over all."""
TRADE_BINS = 40
LEAST_BIN_WIDTH = 1e-6
MONTHS = 12


@dataclass(frozen=True, eq=False)
class Equity:
    """One combination beside buy & hold, of ``T`` drawn bars and ``N`` listed trades."""

    combination: tuple[int, int, int, int]
    bars: int
    """Bars of the trading period; ``dates`` has fewer where it is long."""
    dates: np.ndarray
    """``(T,)`` datetime64[s]."""
    close: np.ndarray
    """``(T,)``."""
    averages: dict[int, np.ndarray]
    """``(T,)`` each, by window."""
    equity: np.ndarray
    """``(T,)`` in currency."""
    hold: np.ndarray
    """Equity of buy & hold, ``(T,)`` in currency."""
    drawdown: np.ndarray
    """Fraction below the highest equity so far, ``(T,)``, 0 or negative."""
    hold_drawdown: np.ndarray
    """Drawdown of buy & hold, ``(T,)``."""
    total_trades: int
    entry_dates: np.ndarray
    """``(N,)`` datetime64[s]."""
    exit_dates: np.ndarray
    """``(N,)`` datetime64[s]."""
    entry_prices: np.ndarray
    """``(N,)``."""
    exit_prices: np.ndarray
    """``(N,)``."""
    returns: np.ndarray
    """``(N,)``."""
    held: np.ndarray
    """Bars held, ``(N,)``."""
    exits: tuple[str, ...]
    """Exit reasons: signal, a stop, or open."""
    return_edges: np.ndarray
    """Histogram of the returns of all trades, ``(B + 1,)``."""
    return_counts: np.ndarray
    """``(B,)``."""
    years: np.ndarray
    """``(Y,)``."""
    months: np.ndarray
    """Returns of the months, ``(Y, 12)``, NaN where there is no bar."""
    year_returns: np.ndarray
    """``(Y,)``."""


class Calendar(NamedTuple):
    """Returns by calendar month and year."""

    years: np.ndarray
    """``(Y,)``."""
    months: np.ndarray
    """``(Y, 12)``."""
    year_returns: np.ndarray
    """``(Y,)``."""


def build_equity(run: Backtest) -> Equity:
    """Return the figures of a backtest over time.

    Parameters
    ----------
    run : Backtest
        One combination on its prices.

    Returns
    -------
    Equity
        Thinned for drawing, with statistics of all bars and trades.
    """
    equity, hold = run.equity.to_numpy(), run.bars["hold"].to_numpy()
    drawdown, hold_drawdown = compute_drawdown(equity), compute_drawdown(hold)
    index, trades = pd.DatetimeIndex(run.equity.index), run.trades
    entries = index.get_indexer(pd.DatetimeIndex(trades["entry_date"]))
    shown = choose_bars(drawdown, hold_drawdown, entries)
    windows = [name for name in run.bars if name not in ("close", "hold")]
    listed = trades.tail(MOST_TRADES)
    return_edges, return_counts = _count_returns(trades["return"].to_numpy())
    calendar = _build_calendar(run.equity)
    return Equity(
        combination=run.combination,
        bars=len(index),
        dates=to_wall_clock(index)[shown],
        close=run.bars["close"].to_numpy()[shown],
        averages={int(str(window)): run.bars[window].to_numpy()[shown] for window in windows},
        equity=equity[shown],
        hold=hold[shown],
        drawdown=drawdown[shown],
        hold_drawdown=hold_drawdown[shown],
        total_trades=len(trades),
        entry_dates=to_wall_clock(pd.DatetimeIndex(listed["entry_date"])),
        exit_dates=to_wall_clock(pd.DatetimeIndex(listed["exit_date"])),
        entry_prices=listed["entry_price"].to_numpy(),
        exit_prices=listed["exit_price"].to_numpy(),
        returns=listed["return"].to_numpy(),
        held=listed["bars"].to_numpy(),
        exits=tuple(listed["exit"].astype(str)),
        return_edges=return_edges,
        return_counts=return_counts,
        years=calendar.years,
        months=calendar.months,
        year_returns=calendar.year_returns,
    )


def to_wall_clock(index: pd.DatetimeIndex) -> np.ndarray:
    """Return dates as the clocks of their own time zone show them.

    Parameters
    ----------
    index : pandas.DatetimeIndex
        ``(T,)``, with or without a time zone.

    Returns
    -------
    numpy.ndarray
        ``(T,)`` datetime64[s].
    """
    local: np.ndarray = index.tz_localize(None).to_numpy()
    return local.astype("datetime64[s]")


def compute_drawdown(equity: np.ndarray) -> np.ndarray:
    """Return the fraction by which each value is below the highest so far.

    Parameters
    ----------
    equity : numpy.ndarray
        ``(T,)``.

    Returns
    -------
    numpy.ndarray
        ``(T,)``, 0 or negative.
    """
    return np.asarray(equity / np.maximum.accumulate(equity) - 1)


def choose_bars(drawdown: np.ndarray, hold_drawdown: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Return the numbers of the bars to draw.

    Parameters
    ----------
    drawdown, hold_drawdown : numpy.ndarray
        Of the combination and of buy & hold, ``(T,)``.
    entries : numpy.ndarray
        Numbers of bars with an entry.

    Returns
    -------
    numpy.ndarray
        All of them, or evenly spaced ones with both ends, the deepest drawdowns and the last
        entries.
    """
    bars = drawdown.size
    if bars <= MOST_BARS:
        return np.arange(bars)
    even = np.linspace(0, bars - 1, MOST_BARS).round().astype(np.int64)
    deepest = [drawdown.argmin(), hold_drawdown.argmin()]
    return np.unique(np.concatenate((even, deepest, entries[-MOST_TRADES:])))


def _count_returns(returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a histogram of returns with an edge at 0, so that no bar mixes gains and losses.

    Parameters
    ----------
    returns : numpy.ndarray
        ``(N,)``.

    Returns
    -------
    edges : numpy.ndarray
        ``(B + 1,)``, of about ``TRADE_BINS`` bars.
    counts : numpy.ndarray
        ``(B,)``.
    """
    if returns.size == 0:
        return np.zeros(1), np.zeros(0, np.int64)
    low = min(float(returns.min()), 0.0)
    high = max(float(returns.max()), 0.0)
    width = max((high - low) / TRADE_BINS, LEAST_BIN_WIDTH)
    first, last = np.floor(low / width), np.ceil(high / width)
    edges = width * np.arange(first, last + 2)
    counts, _ = np.histogram(returns, edges)
    return edges, counts


def _build_calendar(equity: pd.Series) -> Calendar:
    """Return the returns of months and years; the first month begins with the first bar.

    Parameters
    ----------
    equity : pandas.Series
        Equity curve by date, ``(T,)``.

    Returns
    -------
    Calendar
        All years from the first bar to the last, NaN for months without a bar.
    """
    index = pd.DatetimeIndex(equity.index)
    values = equity.to_numpy()
    year, month = index.year.to_numpy(), index.month.to_numpy()
    is_month_end = (np.diff(year) != 0) | (np.diff(month) != 0)
    ends = np.append(np.flatnonzero(is_month_end), values.size - 1)
    begins = np.concatenate((values[:1], values[ends[:-1]]))
    with np.errstate(invalid="ignore"):  # an account of 0: fees of 0.99 shrink it below float64
        returns = values[ends] / begins - 1
    years = np.arange(year[0], year[-1] + 1)
    months = np.full((years.size, MONTHS), np.nan)
    rows, columns = year[ends] - years[0], month[ends] - 1
    months[rows, columns] = returns
    year_returns = np.nanprod(1 + np.nan_to_num(months), axis=1) - 1
    return Calendar(years, months, year_returns)
