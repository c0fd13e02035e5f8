"""Run directories, made without a run."""

import qmac
from helpers.series import ohlc
from qmac.data.prices import Prices
from qmac.jobs import runner
from qmac.jobs.job import Job
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.strategy.request import check_request

PRICES = Prices.of(ohlc("random", 300, 4), "SPY")
GRID = qmac.Grid(windows=range(2, 12))
REQUEST = check_request(
    GRID,
    rules=qmac.Rules(fees=0.1),
    top=20,
    min_trades=0,
    constraints={"win_rate": (0.1, None)},
)


def new_run(prices=PRICES, averages=None, left_out=(), save_grid=None):
    """Return what is written into a run directory."""
    series = prices if isinstance(prices, dict) else {prices.name: prices}
    return NewRun(REQUEST, series, averages, dict(left_out), save_grid)


def created(path, prices=PRICES, averages=None, left_out=()):
    """Return a run directory that was created at ``path``, which may exist."""
    path.mkdir(exist_ok=True)
    return RunDirectory.create(path, new_run(prices, averages, left_out))


def results_of(prices):
    """Return the results of ``REQUEST`` in memory, by symbol."""
    return runner.run(Job(prices, REQUEST), None, qmac.Limits(), threads=1)
