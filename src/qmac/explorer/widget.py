"""The explorer in a notebook: the page's own modules, over the connection of a widget."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qmac._checks import check_path
from qmac.data.arguments import take_prices
from qmac.data.prices import AnyPrices
from qmac.errors import OptionError, ResultError
from qmac.explorer.explorer import Explorer, Page
from qmac.explorer.messages import Order
from qmac.explorer.orders import Orders
from qmac.explorer.server import ASSETS, build_first, describe_series, read_assets
from qmac.results.result import Result
from qmac.runtime.resources.limits import Limits
from qmac.storage.json_text import to_json
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import Grid, choose_grid
from qmac.strategy.request import check_request
from qmac.strategy.rules import Rules

LOADER = "widget.js"


def explore(  # noqa: PLR0913 - the arguments of qmac.optimize
    prices: AnyPrices,
    grid: Grid | None = None,
    objective: str = "total_return",
    rules: Rules | None = None,
    min_trades: int | None = None,
    threads: int | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    windows: Iterable[int] | str | None = None,
    limits: Limits | None = None,
    out: str | Path = ".",
) -> Exploration:
    """Open the explorer in a notebook: sliders move costs, dates and stops, and all is swept anew.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, path or name
        Bars with a Close, at least one more than the largest window.
    grid : Grid, optional
        Windows of the four averages; 2 to 252 by default.
    objective : str, default "total_return"
        Metric to rank by at first.
    rules : Rules, optional
        How signals become trades at first; ``Rules()`` by default.
    min_trades : int, optional
        Combinations with fewer trades cannot win at first; 5 by default, as in ``qmac.optimize``.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    maximize : bool, default True
        Whether the highest value is the best at first.
    constraints : mapping, optional
        Bounds of metrics at first, as in ``qmac.optimize``.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``"2:252:5"``, in place of a grid.
    limits : Limits, optional
        Limits of memory, CPUs and time of each question.
    out : str or Path, default "."
        Directory in which runs are saved.

    Returns
    -------
    Exploration
        A notebook shows it; its ``result`` is the last exact answer.

    Raises
    ------
    InputError
        If an argument is invalid, or anywidget is not installed.
    """
    if find_spec("anywidget") is None:
        raise OptionError(
            'the explorer in a notebook needs anywidget, not installed here: pip install "qmac'
            '[explore]". Or run qmac explore on the command line.'
        )
    series = take_prices(prices, stacklevel=2)
    grid = choose_grid(grid, windows)
    request = check_request(
        grid, objective, rules, min_trades=min_trades, maximize=maximize, constraints=constraints
    )
    folder = check_path("out", out)
    first = build_first(request)
    explorer = Explorer(series, grid, threads, limits, first, words=None)
    return Exploration(explorer, folder)


def explore_result(result: Result, **options: Any) -> Exploration:
    """Open the explorer in a notebook with the prices, grid and settings of a result.

    Parameters
    ----------
    result : Result
        With its prices, and no averages of the user's own.
    **options : Any
        ``threads``, ``limits`` and ``out`` of ``explore``.

    Returns
    -------
    Exploration
        A notebook shows it.

    Raises
    ------
    InputError
        If it has no prices or averages of the user's own, or anywidget is not installed.
    """
    if result.prices["averages"] == "own":
        raise ResultError(
            "the explorer computes averages itself, but this result has the user's own. "
            "Optimize with the averages of Rules."
        )
    request = result.request
    return explore(
        result.series.prices,
        request.grid,
        request.objective,
        request.rules,
        min_trades=0,  # the constraints have them
        maximize=request.maximize,
        constraints=request.constraints,
        **options,
    )


class Exploration:
    """An explorer that a notebook shows.

    Parameters
    ----------
    explorer : Explorer
        Answers questions; it is started once it is shown.
    folder : Path
        Where runs are saved.
    """

    def __init__(self, explorer: Explorer, folder: Path) -> None:
        self._explorer = explorer
        self._orders = Orders(explorer, folder)
        self.widget = _build_kind()()
        """The widget, for layouts of others."""
        self.widget.on_msg(self._receive)
        page = explorer.open_page(self._deliver)
        assert page is not None
        self._page: Page = page
        self._is_started = False

    @property
    def result(self) -> Result | None:
        """The last exact answer, as ``qmac.optimize`` returns it; None before the first."""
        answer = self._page.exact
        return None if answer is None else answer.result

    def close(self) -> None:
        """End the explorer and take it out of the notebook."""
        self._orders.close()
        self._explorer.close()
        self.widget.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def _receive(self, _: Any, content: Any, __: Any) -> None:
        """Take a message of the page, which may say anything."""
        if content == {"type": "hello"}:  # it is shown, once more perhaps
            if not self._is_started:
                self._is_started = True
                self._explorer.start()
            self._deliver("hello", describe_series(self._explorer))
            return
        order = self._explorer.receive(self._page, json.dumps(content))
        if isinstance(order, Order):
            self._orders.take(self._page, order)

    def _deliver(self, kind: str, content: dict[str, Any] | bytes) -> None:
        """Send a message to the page, from any thread."""
        if isinstance(content, bytes):
            self.widget.send({"type": kind}, [content])
        else:
            self.widget.send(json.loads(to_json(content)))  # without numbers that JSON lacks


@functools.cache
def _build_kind() -> Any:
    """Return the class of widgets: anywidget is imported where one is shown."""
    import anywidget
    import traitlets

    class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc]
        """The page in a cell of a notebook, and what differs from its first question."""

        _esm = build_module()
        state = traitlets.Unicode("").tag(sync=True)

    return ExplorerWidget


def build_module() -> str:
    """Return the module that a notebook runs: the files of the page, and what loads them.

    Returns
    -------
    str
        JavaScript that asks nothing of a network.
    """
    files = {name: content.decode() for name, content in read_assets().items() if name != LOADER}
    loader = (resources.files(__package__) / ASSETS / LOADER).read_text("utf-8")
    return f"const FILES = {json.dumps(files)};\n{loader}"
