"""What a signal says of a bar to come, from its fields alone, and bars that try it out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from qmac.engine.backtest.next_bar import Closes
from qmac.engine.backtest.signal import Signal


def next_floats(price: float) -> list[float]:
    return [math.nextafter(price, 0), price, math.nextafter(price, math.inf)]


def interesting_closes(signal: Signal, rng: np.random.Generator) -> list[float]:
    """The floats at every level and beside it, and others by luck; none where rounding decides."""
    ends = [end for held in (signal.entry, signal.exit) for end in (held.low, held.high)]
    levels = [end for end in ends if 1e-30 < end < 1e30]
    closes = [close for level in levels for close in next_floats(level)]
    closes += [level * (1 + move) for level in levels for move in rng.normal(0, 1e-6, 2)]
    closes += (signal.close * np.exp(rng.normal(0, 0.03, 10))).tolist()
    return [
        close
        for close in closes
        if 1e-30 < close < 1e30
        and all(is_decided(held, close) for held in (signal.entry, signal.exit))
    ]


def is_decided(closes: Closes, close: float) -> bool:
    """Whether closes say for sure whether a close is one of them: as near an end as rounding."""
    if closes.is_empty or closes.is_any:
        return True
    low, high = closes.low, closes.high
    sure = [low, math.nextafter(low, 0), high, math.nextafter(high, math.inf)]
    return close in sure or all(abs(close - end) > closes.rounding for end in (low, high))


def random_bar(signal: Signal, close: float, rng: np.random.Generator) -> dict[str, float]:
    """A bar with that close, whose other prices are at times at a stop or a float beside it."""
    stops = [level for level in (signal.levels.stop, signal.levels.target) if level]
    levels = [price for level in stops for price in next_floats(level)]
    usual = (signal.close * np.exp(rng.normal(0, 0.02, 6))).tolist()
    opened, one, other = rng.choice([*usual, *levels], 3).tolist()
    if rng.random() < 0.5:
        one, other = opened, close
    high, low = max(opened, close, one, other), min(opened, close, one, other)
    return {"Close": close, "Open": opened, "High": high, "Low": low}


def append_bar(table: pd.DataFrame, bar: dict[str, float]) -> pd.DataFrame:
    date = table.index[-1] + pd.offsets.BDay()
    added = pd.DataFrame(bar, pd.DatetimeIndex([date], name=table.index.name))
    return pd.concat([table, added[table.columns]])


def predict(signal: Signal, bar: dict[str, float]) -> tuple[str, str | None, float | None]:
    """Position after a bar, what it signals, and the price of an exit before costs, if any."""
    is_long, price, reason = signal.position == "long", None, None
    stop_price = _hit(signal, bar) if is_long else None
    at_open = signal.rules.fill == "next_open"
    if stop_price is not None:
        is_long, price, reason = False, stop_price, "stop"
    elif is_long and signal.levels.bars_left == 1:
        is_long, price, reason = False, bar["Open" if at_open else "Close"], "stop"
    if at_open:
        if reason is None and signal.order == "sell":
            is_long, price = False, bar["Open"]
        is_long = is_long or signal.order == "buy"
        order = _order(signal, bar["Close"], is_long=is_long)
        return ("long" if is_long else "flat"), order or reason, price
    if reason is None:
        if is_long and bar["Close"] in signal.sells:
            return "flat", "sell", bar["Close"]
        if not is_long and bar["Close"] in signal.buys:
            return "long", "buy", None
    return ("long" if is_long else "flat"), reason, price


def _hit(signal: Signal, bar: dict[str, float]) -> float | None:
    stop, target = signal.levels.stop, signal.levels.target
    if stop is not None and bar["Low"] <= stop:
        return min(stop, bar["Open"])
    if target is not None and bar["High"] >= target:
        return max(target, bar["Open"])
    return None


def _order(signal: Signal, close: float, *, is_long: bool) -> str | None:
    enters, leaves = close in signal.entry, close in signal.exit
    if enters and leaves and signal.rules.conflict == "ignore":
        return None
    if is_long:
        return "sell" if leaves else None
    return "buy" if enters else None
