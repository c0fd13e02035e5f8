"""A billion backtests in seconds: the Quad Moving Average Crossover, swept over its whole grid.

The way of the data, which is also the order in which to read the files::

    prices -> averages -> crosses -> exit tables -> sweep kernel -> reductions -> result
    prices    kernels/    kernels/   kernels/       kernels/        reductions    result
              averages    crosses    tables         sweep

``dataset`` makes a series ready, ``evaluation`` sweeps a unit of it, ``run/executors`` spreads units,
``optimization`` is the public call. ``simulation`` does single combinations, ``reference`` says in
plain Python what all of it means.
"""

from qmac._version import __version__
from qmac.config import Rules
from qmac.errors import InputError, QmacError
from qmac.grid import Grid
from qmac.optimization import optimize
from qmac.prices import Prices, read_prices, sample_prices
from qmac.result import Result, load
from qmac.simulation import Backtest, backtest, evaluate

__all__ = [
    "Backtest",
    "Grid",
    "InputError",
    "Prices",
    "QmacError",
    "Result",
    "Rules",
    "__version__",
    "backtest",
    "evaluate",
    "load",
    "optimize",
    "read_prices",
    "sample_prices",
]
