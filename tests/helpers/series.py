"""Price series that find mistakes (random, ticks, constant, trending), and their reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import qmac
from qmac.verification.replay import Replay

KINDS = ("random", "ticks", "constant", "up", "down", "steps", "zigzag")


def series(kind: str, bars: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 0.02, bars)
    match kind:
        case "random":
            return 100 * np.exp(np.cumsum(moves))
        case "ticks":
            return np.maximum(np.round(10 * np.exp(np.cumsum(moves)), 1), 0.1)
        case "constant":
            return np.full(bars, float(rng.choice([0.1, 7.3, 100.0])))
        case "up":
            return 100 * np.exp(np.cumsum(np.abs(moves)))
        case "down":
            return 100 * np.exp(-np.cumsum(np.abs(moves)))
        case "steps":
            return np.repeat(100 * np.exp(np.cumsum(rng.normal(0, 0.05, bars // 5 + 1))), 5)[:bars]
        case _:
            return (
                100
                + 5 * ((np.arange(bars) // int(rng.integers(1, 5))) % 2)
                + 0.01 * np.arange(bars)
            )


def frame(close: np.ndarray, start: str = "2001-01-01") -> pd.DataFrame:
    return pd.DataFrame(
        {"Close": close}, index=pd.bdate_range(start, periods=len(close), name="Date")
    )


MINUTES_PER_YEAR = 525_960
"""All of them, as if there were no nights; as ``Rules.periods_per_year`` for ``minutes``."""


def minutes(seed: int, drift: float = 0.003, spread: float = 0.01) -> pd.DataFrame:
    """Two hours: carried on over a year, what they gain is more than float64 holds."""
    moves = np.random.default_rng(seed).normal(drift, spread, 120)
    index = pd.date_range("2024-03-01 10:00", periods=120, freq="min")
    return pd.DataFrame({"Close": 100 * np.exp(np.cumsum(moves))}, index)


def ohlc(kind: str, bars: int, seed: int) -> pd.DataFrame:
    """Bars with gaps between a close and the next open, and shadows, some of length 0."""
    close, rng = series(kind, bars, seed), np.random.default_rng(seed + 1)
    gaps = rng.choice([0.0, 0.0, 0.01, -0.01, 0.04, -0.04], bars)
    opens = np.concatenate((close[:1], close[:-1])) * (1 + gaps)
    above, below = rng.choice([0.0, 0.005, 0.03], (2, bars))
    table = frame(close)
    table["Open"], table["High"] = opens, np.maximum(opens, close) * (1 + above)
    table["Low"] = np.minimum(opens, close) * (1 - below)
    return table


def reference_metrics(
    prices: qmac.Prices, combinations, rules: qmac.Rules
) -> list[dict[str, float]]:
    """Every metric of each combination, by the reference."""
    replay = Replay(prices, rules)
    return [replay.metrics(tuple(map(int, combination))) for combination in combinations]


closes = st.builds(series, st.sampled_from(KINDS), st.integers(12, 90), st.integers(0, 10_000))
frames = st.builds(ohlc, st.sampled_from(KINDS), st.integers(14, 90), st.integers(0, 10_000))
