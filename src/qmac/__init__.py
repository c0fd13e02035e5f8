"""A billion backtests in seconds: the Quad Moving Average Crossover, swept over its whole grid.

The way of the data, which is also the order in which to read the files::

    prices -> averages -> crosses -> exit tables -> sweep kernel -> reductions -> result
    prices    kernels/    kernels/   kernels/       kernels/        reductions    result
              averages    crosses    tables         sweep

``values`` says what trades are worth, ``dataset`` makes a series ready, ``objective`` is a metric to rank by,
``question`` all that is asked of it, ``evaluation`` sweeps a cell of it, ``run/executors`` spreads cells and ``run/ledger`` keeps the books of them,
``selftest`` asks the kernels for known answers, ``optimization`` sweeps one series, ``plateau`` what lies around the
best. ``job`` says what is asked of many, ``jobs`` runs it, in a ``run/directory`` in which it survives, ``calls`` are the public ones. ``simulation`` does single combinations, ``neighbourhood`` those around one,
``reference`` says in plain Python what all of it means, ``verification`` holds a result against it and against vectorbt
(``witness``). ``jobfile`` says in TOML what was asked, ``inventory`` lists runs, ``exports`` writes tables, ``diagnosis`` looks
at the machine, ``report/`` shows what was found; ``cli/`` prints. ``run/leases`` gives cells to ``run/node``s of a
``run/cluster``, such as that of ``run/ray_executor``.
"""

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qmac._version import __version__

if TYPE_CHECKING:
    from qmac.calls import optimize, optimize_many, resume
    from qmac.config import Rules
    from qmac.errors import InputError, QmacError
    from qmac.grid import Grid
    from qmac.prices import Prices, read_prices, sample_prices
    from qmac.result import Result
    from qmac.results import Results
    from qmac.run.limits import Limits
    from qmac.run.ray_executor import RayExecutor as RayExecutor
    from qmac.simulation import Backtest, backtest, evaluate
    from qmac.stored import load

__all__ = [
    "Backtest",
    "Grid",
    "InputError",
    "Limits",
    "Prices",
    "QmacError",
    "Result",
    "Results",
    "Rules",
    "__version__",
    "backtest",
    "evaluate",
    "load",
    "optimize",
    "optimize_many",
    "read_prices",
    "resume",
    "sample_prices",
]

_PLACES = {  # RayExecutor needs an extra, so "import *" leaves it out
    "Backtest": "simulation",
    "Grid": "grid",
    "InputError": "errors",
    "Limits": "run.limits",
    "Prices": "prices",
    "QmacError": "errors",
    "RayExecutor": "run.ray_executor",
    "Result": "result",
    "Results": "results",
    "Rules": "config",
    "backtest": "simulation",
    "evaluate": "simulation",
    "load": "stored",
    "optimize": "calls",
    "optimize_many": "calls",
    "read_prices": "prices",
    "resume": "calls",
    "sample_prices": "prices",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line can answer Ctrl-C before half a second of imports."""
    if name not in _PLACES:
        raise AttributeError(f"module 'qmac' has no attribute {name!r}")
    collecting = gc.isenabled()
    gc.disable()  # nothing of an import is garbage, and looking for it takes a tenth of a second
    try:
        value = getattr(import_module(f"qmac.{_PLACES[name]}"), name)
    finally:
        if collecting:
            gc.enable()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
