"""What one combination did: equity, drawdowns, price and averages, trades, months."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.engine.backtest.backtest import Backtest

MOST_BARS = 8_000
"""More bars than this are thinned out for drawing; a screen has fewer points across."""
MOST_TRADES = 1_000
"""Trades that are listed and marked, the last ones; statistics are over all."""
TRADE_BINS = 40
MONTHS = 12


@dataclass(frozen=True, eq=False)
class Equity:
    """One combination beside buy & hold. ``T`` are the bars that are drawn, ``N`` the trades that are listed."""

    combination: tuple[int, int, int, int]
    bars: int
    """Of the trading period; ``dates`` has fewer where it is long."""
    dates: np.ndarray  # (T,) datetime64[s]
    close: np.ndarray  # (T,)
    averages: dict[int, np.ndarray]
    """By window, ``(T,)`` each."""
    equity: np.ndarray  # (T,) currency
    hold: np.ndarray  # (T,) currency
    drawdown: np.ndarray  # (T,) below the highest so far, 0 or negative
    hold_drawdown: np.ndarray  # (T,)
    total_trades: int
    entry_dates: np.ndarray  # (N,) datetime64[s]
    exit_dates: np.ndarray  # (N,)
    entry_prices: np.ndarray  # (N,)
    exit_prices: np.ndarray  # (N,)
    returns: np.ndarray  # (N,)
    held: np.ndarray  # (N,) bars
    exits: tuple[str, ...]
    """How each ended: signal, stop, open."""
    return_edges: np.ndarray  # (B + 1,) histogram of the returns of all trades
    return_counts: np.ndarray  # (B,)
    years: np.ndarray  # (Y,)
    months: np.ndarray  # (Y, 12) returns of months, NaN where there is no bar
    year_returns: np.ndarray  # (Y,)


def equity_of(run: Backtest) -> Equity:
    """The course of a backtest."""
    equity, hold, trades = run.equity.to_numpy(), run.bars["hold"].to_numpy(), run.trades
    fall, hold_fall = (values / np.maximum.accumulate(values) - 1 for values in (equity, hold))
    index = pd.DatetimeIndex(run.equity.index)
    drawn = _drawn(
        len(index), fall, hold_fall, index.get_indexer(pd.DatetimeIndex(trades["entry_date"]))
    )
    listed = trades.tail(MOST_TRADES)
    edges, counts = _histogram(trades["return"].to_numpy())
    years, months, year_returns = _months(run.equity, float(run.equity.iloc[0]))
    dates = wall_clock(index)
    averages = {
        int(str(window)): run.bars[window].to_numpy()[drawn]
        for window in run.bars
        if window not in ("close", "hold")
    }
    return Equity(
        combination=run.combination,
        bars=len(index),
        dates=dates[drawn],
        close=run.bars["close"].to_numpy()[drawn],
        averages=averages,
        equity=equity[drawn],
        hold=hold[drawn],
        drawdown=fall[drawn],
        hold_drawdown=hold_fall[drawn],
        total_trades=len(trades),
        entry_dates=wall_clock(pd.DatetimeIndex(listed["entry_date"])),
        exit_dates=wall_clock(pd.DatetimeIndex(listed["exit_date"])),
        entry_prices=listed["entry_price"].to_numpy(),
        exit_prices=listed["exit_price"].to_numpy(),
        returns=listed["return"].to_numpy(),
        held=listed["bars"].to_numpy(),
        exits=tuple(listed["exit"].astype(str)),
        return_edges=edges,
        return_counts=counts,
        years=years,
        months=months,
        year_returns=year_returns,
    )


def wall_clock(index: pd.DatetimeIndex) -> np.ndarray:
    """Dates as the clocks of their own zone show them, ``(T,)`` datetime64[s]."""
    found: np.ndarray = index.tz_localize(None).to_numpy().astype("datetime64[s]")
    return found


def _drawn(bars: int, fall: np.ndarray, hold_fall: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Numbers of the bars to draw: all, or evenly spaced ones, with the ends, the deepest falls and the last entries."""
    if bars <= MOST_BARS:
        return np.arange(bars)
    even = np.linspace(0, bars - 1, MOST_BARS).round().astype(np.int64)
    return np.unique(
        np.concatenate((even, [fall.argmin(), hold_fall.argmin()], entries[-MOST_TRADES:]))
    )


def _histogram(returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins with an edge at 0, so that no bar mixes gains and losses."""
    if returns.size == 0:
        return np.zeros(1), np.zeros(0, np.int64)
    low, high = min(float(returns.min()), 0.0), max(float(returns.max()), 0.0)
    width = max((high - low) / TRADE_BINS, 1e-6)
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 2)
    counts, _ = np.histogram(returns, edges)
    return edges, counts


def _months(equity: pd.Series, begin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Years, returns of their months, and their own returns; the first month begins with the first bar."""
    index = pd.DatetimeIndex(equity.index)
    year, month = index.year.to_numpy(), index.month.to_numpy()
    values = equity.to_numpy()
    last = np.flatnonzero(np.append((np.diff(year) != 0) | (np.diff(month) != 0), True))
    with np.errstate(invalid="ignore"):  # an account of 0: fees of 0.99 shrink it below float64
        returns = values[last] / np.concatenate(([begin], values[last[:-1]])) - 1
    years = np.arange(year[0], year[-1] + 1)
    months = np.full((years.size, MONTHS), np.nan)
    months[year[last] - years[0], month[last] - 1] = returns
    return years, months, np.nanprod(1 + np.nan_to_num(months), axis=1) - 1
