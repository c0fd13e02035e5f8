"""Run directories, made without a run."""

import qmac
from helpers.series import ohlc
from qmac.data.prices import Prices
from qmac.runs.directory import RunDirectory

PRICES = Prices.of(ohlc("random", 300, 4), "SPY")
GRID = qmac.Grid(windows=range(2, 12))
ASKED = {
    "averages": "sma", "grid": GRID.to_dict(), "rules": {"fees": 0.1}, "objective": "total_return", "maximize": True,
    "constraints": {"win_rate": [0.1, None]}, "top": 20,
}  # fmt: skip


def created(path, prices=PRICES, averages=None, left_out=(), asked=ASKED):
    path.mkdir(exist_ok=True)
    series = prices if isinstance(prices, dict) else {prices.name: prices}
    return RunDirectory.create(path, asked, series, averages, dict(left_out))
