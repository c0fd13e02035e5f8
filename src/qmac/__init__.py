"""A billion backtests in seconds: all windows of the Quad Moving Average Crossover.

The packages, from the command line down to the kernels. Each imports only packages below it::

    cli           the command line
    explorer      a page in the browser that sweeps while a slider moves
    report        what was found, for people: pages, figures, terminal
    verification  is the engine right, here and now?
    robustness    is the best combination luck?
    api           read_prices, optimize, optimize_many, resume
    jobs          from a request to results, series after series
    results       the answer, in memory and on disk
    runs          a run on disk: header, snapshots, scores
    runtime       where cells are computed, and within what limits
    engine        one series on one machine: dataset, backtest, sweep, neighbourhood
    strategy      what a combination means: rules, grid, metrics, reference
    data          market data in: files, frames and sources become checked prices
    storage       files that are whole or absent
    kernels       compiled arithmetic

The way of the data: prices (``data``) -> averages, crosses, exit tables (``engine.dataset``) ->
sweep kernel (``kernels.sweep``) -> reductions (``engine.sweep``) -> result (``results``).
"""

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qmac import _views
from qmac._version import __version__

if TYPE_CHECKING:
    from qmac.api import optimize, optimize_many, read_prices, resume
    from qmac.data.prices import Prices
    from qmac.data.sample import sample_prices
    from qmac.data.sources.fetching import fetch
    from qmac.engine.backtest.backtest import Backtest, backtest
    from qmac.engine.backtest.batch import evaluate
    from qmac.engine.backtest.signal import Signal
    from qmac.errors import InputError, QmacError
    from qmac.explorer.widget import explore
    from qmac.jobs.cancellation import Cancellation
    from qmac.jobs.session import Session
    from qmac.results.collection import Results
    from qmac.results.comparison import compare
    from qmac.results.comparisons import compare_many
    from qmac.results.reader import load
    from qmac.results.result import Result
    from qmac.robustness.forward.many import walk_forward_many
    from qmac.robustness.forward.walk_forward import walk_forward
    from qmac.robustness.luck.search import luck
    from qmac.runtime.cluster.ray_executor import RayExecutor as RayExecutor
    from qmac.runtime.resources.limits import Limits
    from qmac.strategy.grid import Grid
    from qmac.strategy.rules import Rules

__all__ = [
    "Backtest",
    "Cancellation",
    "Grid",
    "InputError",
    "Limits",
    "Prices",
    "QmacError",
    "Result",
    "Results",
    "Rules",
    "Session",
    "Signal",
    "__version__",
    "backtest",
    "compare",
    "compare_many",
    "evaluate",
    "explore",
    "fetch",
    "load",
    "luck",
    "optimize",
    "optimize_many",
    "read_prices",
    "resume",
    "sample_prices",
    "walk_forward",
    "walk_forward_many",
]

_PLACES = {  # RayExecutor needs an extra, so "import *" leaves it out
    "Backtest": "engine.backtest.backtest",
    "Cancellation": "jobs.cancellation",
    "Grid": "strategy.grid",
    "InputError": "errors",
    "Limits": "runtime.resources.limits",
    "Prices": "data.prices",
    "QmacError": "errors",
    "RayExecutor": "runtime.cluster.ray_executor",
    "Result": "results.result",
    "Results": "results.collection",
    "Rules": "strategy.rules",
    "Session": "jobs.session",
    "Signal": "engine.backtest.signal",
    "backtest": "engine.backtest.backtest",
    "compare": "results.comparison",
    "compare_many": "results.comparisons",
    "evaluate": "engine.backtest.batch",
    "explore": "explorer.widget",
    "fetch": "data.sources.fetching",
    "load": "results.reader",
    "luck": "robustness.luck.search",
    "optimize": "api",
    "optimize_many": "api",
    "read_prices": "api",
    "resume": "api",
    "sample_prices": "data.sample",
    "walk_forward": "robustness.forward.walk_forward",
    "walk_forward_many": "robustness.forward.many",
}
_views.register(
    {
        "prices": "qmac.jobs.prices:read_file_or_name",
        "symbols": "qmac.jobs.prices:read_series",
        "luck": "qmac.robustness.luck.search:luck",
        "luck figure": "qmac.report.html.figures:plot_answer",
        "luck table": "qmac.report.html.notebook:render_luck",
        "luck of each": "qmac.robustness.luck.many:luck_of_each",
        "answer file": "qmac.robustness.answers:read_any",
        "walk": "qmac.robustness.forward.many:read_walk",
        "forward figure": "qmac.report.html.figures:plot_forward_answer",
        "forward table": "qmac.report.html.notebook:render_forward",
        "forwards table": "qmac.report.html.notebook:render_forwards",
        "forward page": "qmac.report.html.walk_forward_page:render_forward",
        "forwards pages": "qmac.report.html.walk_forward_page:write_forwards",
        "tries": "qmac.robustness.tries.search:tries",
        "explore": "qmac.explorer.widget:explore_result",
        "page": "qmac.report.html.page:write_page",
        "result page": "qmac.report.html.page:render_result",
        "images": "qmac.report.html.images:write_images",
        "script": "qmac.report.scripts.script:write_script",
        "map": "qmac.report.html.figures:plot_result_map",
        "result": "qmac.report.html.notebook:render_result",
        "comparison page": "qmac.report.html.comparison_page:render_comparison",
        "comparisons page": "qmac.report.html.comparison_page:render_comparisons",
        "symbols pages": "qmac.report.html.symbols_page:write_symbols",
        "results": "qmac.report.html.notebook:render_results",
        "backtest figure": "qmac.report.html.figures:plot_run",
        "backtest": "qmac.report.html.notebook:render_backtest",
    }
)


def __getattr__(name: str) -> Any:
    """Import on first use: the command line must answer Ctrl-C within half a second of imports."""
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
