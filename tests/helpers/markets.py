"""Honest price series of many kinds, for false alarms, and faults that are put into them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Random = np.random.Generator


def draw_length(rng: Random) -> int:
    """Return 5 to 10,000, small ones as often as large ones."""
    return int(np.exp(rng.uniform(np.log(5), np.log(10_000))))


def business_days(rng: Random, bars: int) -> pd.DatetimeIndex:
    """Days with holidays: single ones, and in some years closed weeks, as in Asia."""
    days = pd.bdate_range("1984-01-02", periods=int(bars * 1.1) + 30)
    is_open = rng.random(days.size) > 0.03
    if rng.random() < 0.5:
        for start in range(int(rng.integers(250)), days.size, 250):
            is_open[max(0, start - 5) : start + 12] = True  # no other holiday beside it
            is_open[start : start + int(rng.integers(5, 8))] = False
    return days[is_open][:bars]


def sessions(rng: Random, bars: int, minutes: int = 1) -> pd.DatetimeIndex:
    """Bars from 9:30 to 16:00."""
    day = 390 // minutes
    count = bars // day + 2
    starts = business_days(rng, count)
    first = int(rng.integers(day))
    times = starts.to_numpy()[:, None] + np.timedelta64(570, "m")
    times = times + (np.arange(day) * minutes).astype("timedelta64[m]")
    return pd.DatetimeIndex(times.ravel()[first : first + bars])


def _around_the_clock(step: str) -> Callable[[Random, int], pd.DatetimeIndex]:
    return lambda rng, bars: pd.date_range("2018-03-05 07:00", periods=bars, freq=step)


def currency_hours(rng: Random, bars: int) -> pd.DatetimeIndex:
    """Hours from Sunday 22:00 to Friday 22:00."""
    index = pd.date_range("2018-03-04 22:00", periods=int(bars * 1.5) + 60, freq="h")
    hours = index.day_of_week * 24 + index.hour
    return index[(hours < 118) | (hours >= 166)][:bars]


def compound(changes: np.ndarray, start: float = 100.0) -> np.ndarray:
    """Return the prices after changes of the logarithm, within what float64 and eyes hold."""
    return start * np.exp(np.clip(np.cumsum(changes), -40, 40))


def cluster(rng: Random, bars: int, spread: float, tails: float = 6.0) -> np.ndarray:
    """Return changes as GARCH(1, 1) has them, of Student's t."""
    shocks = rng.standard_t(tails, bars) / np.sqrt(tails / (tails - 2))
    variance, changes = spread**2, np.empty(bars)
    for bar, shock in enumerate(shocks):
        changes[bar] = np.sqrt(variance) * shock
        variance = 0.02 * spread**2 + 0.09 * changes[bar] ** 2 + 0.89 * variance
    return changes


def _daily(change: Callable[[Random, int, float], np.ndarray]) -> Callable[[Random, int], object]:
    def make(rng: Random, bars: int) -> pd.DataFrame:
        spread = rng.uniform(0.01, 0.04)
        return pd.DataFrame(
            {"Close": compound(change(rng, bars, spread))}, business_days(rng, bars)
        )

    return make


def cents(rng: Random, bars: int) -> pd.DataFrame:
    """Shares of a few cents."""
    close = compound(rng.normal(0, 0.03, bars), rng.choice([0.03, 0.1, 0.5, 2.0]))
    return pd.DataFrame({"Close": np.maximum(np.round(close, 2), 0.01)}, business_days(rng, bars))


def crash(rng: Random, bars: int) -> pd.DataFrame:
    """A share that loses a fifth in a day."""
    changes = rng.normal(0, rng.uniform(0.008, 0.02), bars)
    changes[rng.integers(bars)] += np.log(0.8)
    return pd.DataFrame({"Close": compound(changes)}, business_days(rng, bars))


def candles(rng: Random, bars: int) -> pd.DataFrame:
    """Bars in cents, with all columns."""
    close = np.round(compound(cluster(rng, bars, rng.uniform(0.01, 0.025))), 2) + 0.01
    opens = np.round(np.append(close[0], close[:-1]) * np.exp(rng.normal(0, 0.004, bars)), 2) + 0.01
    above, below = np.exp(np.abs(rng.normal(0, 0.008, (2, bars))))
    return pd.DataFrame(
        {
            "Open": opens,
            "High": np.round(np.maximum(opens, close) * above, 2) + 0.01,
            "Low": np.maximum(np.round(np.minimum(opens, close) / below, 2), 0.01),
            "Close": close,
            "Volume": np.round(1e6 * np.exp(rng.normal(0, 0.5, bars))),
        },
        business_days(rng, bars),
    )


def minutes(rng: Random, bars: int) -> pd.DataFrame:
    """Minutes of a share in cents, that moves most overnight."""
    index = sessions(rng, bars)
    changes = rng.standard_t(4, bars) * 0.0006
    is_first = np.diff(index.to_numpy(), prepend=index[:1].to_numpy()) > np.timedelta64(1, "h")
    changes[is_first] = rng.standard_t(3, int(is_first.sum())) * 0.012
    return pd.DataFrame({"Close": np.round(compound(changes), 2)}, index)


def crypto_hours(rng: Random, bars: int) -> pd.DataFrame:
    """Hours of a coin, around the clock."""
    close = compound(rng.standard_t(4, bars) * rng.uniform(0.005, 0.035))
    return pd.DataFrame({"Close": close}, _around_the_clock("h")(rng, bars))


def crypto_days(rng: Random, bars: int) -> pd.DataFrame:
    """Days of a coin."""
    index = pd.date_range("1990-01-01", periods=bars)
    return pd.DataFrame({"Close": compound(cluster(rng, bars, 0.045, 5.0), 3000)}, index)


def crypto_minutes(rng: Random, bars: int) -> pd.DataFrame:
    """Minutes of a coin of little trade: some are missing, some without a change."""
    index = _around_the_clock("min")(rng, bars)
    changes = np.where(rng.random(bars) < 0.3, 0, rng.standard_t(4, bars) * 0.001)
    frame = pd.DataFrame({"Close": np.round(compound(changes, 0.5), 4)}, index)
    return frame[rng.random(bars) < rng.choice([1.0, 0.99, 0.7])].iloc[:bars]


def currencies(rng: Random, bars: int) -> pd.DataFrame:
    """Hours of a pair of currencies."""
    close = np.round(compound(cluster(rng, bars, 0.001), 1.1), 5)
    return pd.DataFrame({"Close": close}, currency_hours(rng, bars))


def currency_days(rng: Random, bars: int) -> pd.DataFrame:
    """Days of a pair of currencies."""
    close = np.round(compound(cluster(rng, bars, 0.005), 1.1), 4)
    return pd.DataFrame({"Close": close}, business_days(rng, bars))


def months(rng: Random, bars: int) -> pd.DataFrame:
    """Weeks or months."""
    bars = min(bars, 1500)
    index = pd.date_range("1900-01-05", periods=bars, freq=str(rng.choice(["W-FRI", "MS", "ME"])))
    return pd.DataFrame({"Close": compound(rng.standard_t(4, bars) * 0.04)}, index)


HONEST: dict[str, Callable[[Random, int], pd.DataFrame]] = {
    "normal": _daily(lambda rng, bars, spread: rng.normal(0, spread, bars)),
    "t3 of this scale": _daily(lambda rng, bars, scale: rng.standard_t(3, bars) * scale),
    "t3 of this deviation": _daily(
        lambda rng, bars, spread: rng.standard_t(3, bars) * spread / np.sqrt(3)
    ),
    "clustered": _daily(cluster),
    "cents": cents,
    "crash": crash,
    "candles": candles,
    "minutes": minutes,
    "crypto hours": crypto_hours,
    "crypto days": crypto_days,
    "crypto minutes": crypto_minutes,
    "currencies": currencies,
    "currency days": currency_days,
    "months": months,
}
