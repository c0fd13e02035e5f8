"""Price series that find mistakes: random, tick-rounded, constant, trending, short."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import qmac

settings.register_profile(
    "push", max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("push")

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
            return 100 + 5 * ((np.arange(bars) // int(rng.integers(1, 5))) % 2) + 0.01 * np.arange(bars)


def frame(close: np.ndarray, start: str = "2001-01-01") -> pd.DataFrame:
    return pd.DataFrame({"Close": close}, index=pd.bdate_range(start, periods=len(close), name="Date"))


closes = st.builds(series, st.sampled_from(KINDS), st.integers(12, 90), st.integers(0, 10_000))


@pytest.fixture(scope="session")
def sample() -> qmac.Prices:
    return qmac.sample_prices()
