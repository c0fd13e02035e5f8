"""Digests of a dozen runs from before the package was rebuilt: the answers are equal to the bit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import qmac

COARSE = qmac.Grid(windows=range(5, 106, 10))
SIDES = qmac.Grid(
    buy_fast=(3, 5, 8), buy_slow=(13, 21, 34, 55), sell_fast=(4, 6, 9), sell_slow=(14, 22, 35)
)
SHARED = qmac.Grid(windows=range(10, 101, 10), shared_windows=True)


class Run(NamedTuple):
    """A question about the last bars of the sample, and the digest of its answer."""

    bars: int
    grid: qmac.Grid
    asked: dict[str, Any]
    digest: str


STOPS = qmac.Rules(stop_loss=0.08, take_profit=0.3, max_bars=120)
RUNS = {
    "growth": Run(
        800, COARSE, {}, "5c9a7faf14f1962e735b67e2c870c8a37253f920eef062cf55ccd08690d07de6"
    ),
    "growth of all bars": Run(
        5031, COARSE, {}, "7a297577074e3d1653ce8adf4cf7da7f55a456c6e063e5ae19e13c71f8e5843e"
    ),
    "sharpe": Run(
        2000,
        COARSE,
        {"objective": "sharpe_ratio"},
        "1226a817c23c454e49a48c6eb85f64c8b0bdf6810f96e3d25649c01932b8a589",
    ),
    "sortino of sides": Run(
        2000,
        SIDES,
        {"objective": "sortino_ratio"},
        "ffd8f4049dafc24176a64b3c60a4362f155b812da87d12b385d933381d79b902",
    ),
    "lowest drawdown": Run(
        800,
        COARSE,
        {"objective": "max_drawdown", "maximize": False, "min_trades": 3},
        "8377794a852093fa950fe218465e0c3883e945e5a12f3cd9fead6f07909eec3d",
    ),
    "profit factor, constrained": Run(
        2000,
        SHARED,
        {
            "objective": "profit_factor",
            "constraints": {"win_rate": (0.3, None), "exposure": (0.1, 0.9)},
        },
        "7e735668f53f69f2481a096404f781aa0d3fad46a37e1d414e5612e958ade4bd",
    ),
    "stops": Run(
        2000,
        COARSE,
        {"rules": STOPS},
        "2be5603811b3e2d22efe1623b35f6b4bedac455fa0689e2892aa262685706757",
    ),
    "stops, opposite, sharpe": Run(
        2000,
        SIDES,
        {"rules": qmac.Rules(trailing_stop=0.1, conflict="opposite"), "objective": "sharpe_ratio"},
        "e0ab6f03b0c44ebea821c02033f107b500c247a2d89fd58e097f432269ab625e",
    ),
    "next open": Run(
        800,
        COARSE,
        {"rules": qmac.Rules(fill="next_open", fees=0.001, average="ema")},
        "f23a24a033d89168a0804e4f3c4ee2887e8beca43494c7daa91c33721f8edb40",
    ),
    "weighted": Run(
        800,
        COARSE,
        {"rules": qmac.Rules(average="wma"), "objective": "calmar_ratio"},
        "26df2d144e35ab8e030d0e3a7f65321145d2cfc125a1150c89574a4087eaf4af",
    ),
    "dates": Run(
        5031,
        SHARED,
        {"rules": qmac.Rules(start="2004-01-02", end="2012-06-29", average="hma"), "top": 7},
        "97eee0cdb58736a3dcc14d0c5aec93a34e358afa5d01d72bf6311f7d69904750",
    ),
    "own averages": Run(
        800,
        COARSE,
        {"averages": True, "objective": "expectancy"},
        "203b779dc2cb61ea913777e3fb3a5db878b60cf0ad89a1653bae6121dd105c0c",
    ),
}


def own_averages(close: np.ndarray, windows: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Averages of the user's own: medians of closes, exact in every library."""
    return {
        window: np.concatenate(
            (
                np.full(window - 1, np.nan),
                np.median(np.lib.stride_tricks.sliding_window_view(close, window), axis=1),
            )
        )
        for window in windows
    }


@pytest.mark.usefixtures("own_kernels")
@pytest.mark.parametrize("name", RUNS)
def test_digests_are_as_before(name: str, sample: qmac.Prices) -> None:
    run = RUNS[name]
    prices, asked = sample.tail(run.bars), {"min_trades": 1} | run.asked
    if asked.pop("averages", False):
        asked["averages"] = own_averages(prices.close, run.grid.windows)
    assert qmac.optimize(prices, run.grid, threads=2, **asked).digest == run.digest
