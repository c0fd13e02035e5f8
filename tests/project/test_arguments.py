"""Every argument of the public functions, classes and methods takes its own type and no other.

What is public is found by inspection, so a new function or argument fails here until its row says
what it takes. Every other value is refused by an error of qmac that names the argument and the
value: never by an error from inside, and never taken for something else.
"""

from __future__ import annotations

import datetime as dt
import inspect
import itertools
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.wrong_values import values

import qmac
from qmac._checks import check_number, describe, is_number
from qmac.data.options import ReadOptions
from qmac.data.sources.base import Bars, BarsRequest, utc_now
from qmac.data.sources.cache import write_copy
from qmac.data.sources.names import SourceName
from qmac.errors import printable
from qmac.report.html import images

FLAG = {"True", "np.True_", "array bool"}
COUNT = {"1", "np.int64", "np.uint8", "array 0-d"}
COUNT_OR_NONE = {"None", *COUNT}
COUNT_OR_ZERO = {"0", *COUNT}
FRACTION = {"0.5", "np.float32", "Decimal", "Fraction", "text number"}
NUMBER = {*FRACTION, *COUNT, "2**31", "2.5", "2.0", "text digits"}
DATE = {"None", "Timestamp", "date", "datetime", "datetime zoned"}
WINDOWS = {"list ints", "tuple ints", "set", "set of four", "frozenset", "generator", "range"}
WINDOWS |= {"array ints", "Series ints", "Index", "None", *COUNT, "text digits"}
TEXT = {name for name in values() if name.startswith(("text ", "np.str_"))} | {"text"}
TEXT -= {"text empty"}
PATH = {"text", "text False", "text digits", "text number", "text escape"}
PATH |= {"np.str_", "Path"}
OPTIONAL = {"None"}
RULES, LIMITS = {"None", "Rules"}, {"None", "Limits"}
PROGRESS = {"None", "lambda"}
NOTHING: set[str] = set()
ALIASES = {
    "b": ["does not exist", "holds no result", "home directory", "File name too long"],
    "averages": ["window 2"],
    "combinations": ["combination"],
    "constraints": ["constraint"],
    "data": ["prices", "dates", "File name too long", "is a directory"],
    "grid": ["window 252"],
    "nulls": ["null "],
    "out": ["File name too long"],
    "path": ["File name too long", "is a directory"],
    "prices": ["dates", "symbol", "File name too long", "is a directory", "no file that ends"],
    "rank_by": ["rank by"],
    "separator": ["row 1 has 1 fields"],
    "text": ["time zone"],
}
"""How else messages name an argument."""
BUILT_BY_FUNCTIONS = {"Result", "Backtest", "Signal"}
"""Their constructors are no interface: no page describes them."""
OF_EXECUTORS = {
    f"RayExecutor.{name}" for name in ("nodes", "close", "connect", "map", "run", "run_parts")
}
"""Called by qmac only."""


class Row(NamedTuple):
    """A public callable: valid arguments, and what else each of them takes."""

    call: Callable[..., Any]
    valid: Callable[[], dict[str, Any]]
    takes: dict[str, set[str]]


class Context:
    """Small objects of each class, and directories of results."""

    def __init__(self, folder):
        self.folder, self._numbers = folder, itertools.count()
        self.prices = qmac.Prices.of(frame(series("random", 60, 1)), "SPY")
        self.grid = qmac.Grid(windows=(2, 3, 4, 5))
        self.result = qmac.optimize(self.prices, self.grid, top=5, min_trades=1)
        self.result.save(folder / "saved")
        self.many = qmac.optimize_many({"SPY": self.prices}, self.grid, out=folder / "run")
        request = BarsRequest(SourceName("yahoo", "SPY"))
        for each in (request, replace(request, is_raw=True)):
            write_copy(each, Bars(self.prices.frame), "none", utc_now(), is_complete=True)

    def new(self, ending=""):
        return str(self.folder / f"{next(self._numbers)}{ending}")

    def request(self):
        """Return the arguments that ``optimize`` and ``optimize_many`` share."""
        return {
            "grid": self.grid,
            "objective": "total_return",
            "rules": None,
            "top": 5,
            "min_trades": 1,
            "threads": 1,
            "progress": None,
            "maximize": True,
            "constraints": None,
            "windows": None,
            "out": None,
            "save_grid": None,
            "limits": None,
            "executor": None,
        }


REQUEST = {
    "grid": {"Grid"},
    "objective": NOTHING,
    "rules": RULES,
    "top": COUNT,
    "min_trades": {"None", *COUNT_OR_ZERO},
    "threads": COUNT_OR_NONE,
    "progress": PROGRESS,
    "maximize": FLAG,
    "constraints": {"None", "dict empty"},
    "windows": OPTIONAL,  # beside a grid
    "out": {"None", *PATH},
    "save_grid": OPTIONAL,
    "limits": LIMITS,
    "executor": OPTIONAL,
}
SAVED = PATH | {"text name long", "Path empty"}
"""Where a page may save runs; it is looked at when one is saved."""
EXPLORED = (
    "grid", "objective", "rules", "min_trades", "threads", "maximize", "constraints", "windows",
    "limits",
)  # fmt: skip
LUCK = {
    "stop_after": {"None", "array 0-d"},
    "seed": {"2**31", *COUNT_OR_ZERO},
    "tried": COUNT,
    "threads": COUNT_OR_NONE,
    "progress": PROGRESS,
    "out": {"None", *PATH},
    "limits": LIMITS,
    "executor": OPTIONAL,
}
TRIES = ("resamples", "seed", "threads", "progress", "out", "limits", "executor")
"""Arguments that ``Result.tries`` shares with ``Result.luck``."""
FORWARD = sorted(REQUEST.keys() - {"top", "save_grid"})
"""Arguments that ``walk_forward`` shares with ``optimize``."""
OF_SESSIONS = {"grid", "windows", "threads", "out", "save_grid", "limits", "executor"}
QUESTION = sorted(REQUEST.keys() - OF_SESSIONS)
"""Arguments that ``Session.optimize`` shares with ``optimize``."""
COMBINATION = (2, 4, 3, 5)
READ_OPTIONS = ["close", "date", "columns", "separator", "decimal", "timezone", "date_format"]
READ_OPTIONS += ["sheet"]
"""Of ``read_prices``; none of the values is right for the file."""


def rows(context):
    """Return a row for each public callable, by its name."""
    prices, grid, result = context.prices, context.grid, context.result
    return {
        "Grid": Row(
            qmac.Grid,
            lambda: {"windows": (2, 3, 4, 5), **grid.to_dict()},
            {
                "windows": WINDOWS,
                "buy_fast": WINDOWS - {"text digits", "array 0-d"},
                "buy_slow": WINDOWS - {"1"},
                "sell_fast": WINDOWS - {"text digits", "array 0-d"},
                "sell_slow": WINDOWS - {"1"},
                "shared_windows": FLAG,
            },
        ),
        "Grid.index": Row(grid.index, lambda: {"combination": COMBINATION}, {}),
        "Grid.combination": Row(grid.combination, lambda: {"index": 0}, {"index": COUNT_OR_ZERO}),
        "Grid.pair_index": Row(grid.pair_index, lambda: {"combination": COMBINATION}, {}),
        "Grid.combinations_at": Row(
            grid.combinations_at,
            lambda: {"pair_indices": np.array([0, 1])},
            {"pair_indices": {"array ints"}},
        ),
        "Grid.to_dict": Row(grid.to_dict, dict, {}),
        "Rules": Row(
            qmac.Rules,
            lambda: qmac.Rules().to_dict(),
            {
                "fees": {"0", *FRACTION},
                "slippage": {"0", *FRACTION},
                "start": DATE,
                "end": DATE,
                "stop_loss": {"None", *FRACTION},
                "take_profit": {"None", *NUMBER},
                "trailing_stop": {"None", *FRACTION},
                "max_bars": COUNT_OR_NONE,
                "init_cash": NUMBER,
                "periods_per_year": {"None", *NUMBER},
                "fixed_fees": {"0"},
            },
        ),
        "Rules.of": Row(qmac.Rules.of, lambda: {"rules": None}, {"rules": RULES}),
        "Rules.to_dict": Row(qmac.Rules().to_dict, dict, {}),
        "Limits": Row(
            qmac.Limits,
            lambda: qmac.Limits().to_dict(),
            {
                "memory": {"None", "2**31", *FRACTION} - {"text number"},
                "threads": COUNT_OR_NONE,
                "cpu_share": {"None", "1", *FRACTION},
                "disk_free": {"2**31", "text digits", *COUNT_OR_NONE},
                "polite": FLAG,
                "max_time": {"None", *NUMBER},
            },
        ),
        "Limits.of": Row(qmac.Limits.of, lambda: {"limits": None}, {"limits": LIMITS}),
        "Limits.memory_bytes": Row(
            qmac.Limits(memory="80%").memory_bytes,
            lambda: {"total": 100},
            {"total": {"None", "2**31", *COUNT_OR_ZERO}},
        ),
        "Limits.to_dict": Row(qmac.Limits().to_dict, dict, {}),
        "Prices": Row(
            qmac.Prices,
            lambda: {"frame": prices.frame, "name": "SPY", "origin": prices.origin},
            {"name": TEXT},
        ),
        "Prices.of": Row(
            qmac.Prices.of,
            lambda: {"data": prices.frame, "name": "SPY"},
            {"name": TEXT},
        ),
        "Prices.column": Row(prices.column, lambda: {"name": "Close"}, {"name": TEXT}),
        "Prices.tail": Row(prices.tail, lambda: {"bars": 5}, {"bars": COUNT}),
        "Prices.moment": Row(
            prices.moment,
            lambda: {"text": "2001-01-05"},
            {"text": {"Timestamp", "date", "datetime"}},
        ),
        "sample_prices": Row(qmac.sample_prices, dict, {}),
        "read_prices": Row(
            qmac.read_prices,
            lambda: {"path": prices_file(context), "strict": False, **vars(ReadOptions())},
            {
                **dict.fromkeys(("adjusted", "sort", "strict"), FLAG),
                **dict.fromkeys(READ_OPTIONS, OPTIONAL),
            },
        ),
        "fetch": Row(
            qmac.fetch,
            lambda: {
                "names": "yahoo:SPY",
                "since": None,
                "raw": False,
                "max_age": None,
                "refresh": False,
                "offline": True,
                "progress": None,
            },
            {
                "since": DATE,
                "raw": FLAG,
                "max_age": {"None", "0", "inf", "10**400", "10**5000", *NUMBER}
                - {"text digits", "text number"},
                "offline": FLAG,
                "progress": PROGRESS,
            },
        ),
        "evaluate": Row(
            qmac.evaluate,
            lambda: {
                "prices": prices, "combinations": [COMBINATION], "rules": None, "averages": None
            },
            {
                "combinations": {"list empty", "range empty", "array empty", "Series empty"},
                "rules": RULES,
                "averages": OPTIONAL,
            },
        ),
        "luck": Row(qmac.luck, lambda: {"result": context.result, **luck_arguments()}, LUCK),
        "compare": Row(qmac.compare, lambda: {"a": context.result, "b": context.result}, {}),
        "compare_many": Row(
            qmac.compare_many,
            lambda: {name: qmac.Results({"X": lambda: context.result}, {}) for name in "ab"},
            {},
        ),
        "Result.luck": Row(context.result.luck, luck_arguments, LUCK),
        "Result.tries": Row(
            context.result.tries,
            lambda: {name: luck_arguments()[name] for name in TRIES},
            {name: LUCK[name] for name in TRIES[1:]}
            | {"resamples": {"array 0-d"}, "out": OPTIONAL},
        ),
        "backtest": Row(
            qmac.backtest,
            lambda: {
                "prices": prices, "combination": COMBINATION, "rules": None, "averages": None
            },
            {"rules": RULES, "averages": OPTIONAL},
        ),
        "Signal.to_dict": Row(qmac.backtest(prices, COMBINATION).signal.to_dict, dict, {}),
        "Backtest.plot": Row(qmac.backtest(prices, COMBINATION).plot, dict, {}),
        "optimize": Row(
            qmac.optimize,
            lambda: {"prices": prices, "averages": None, **context.request()},
            {"averages": OPTIONAL, **REQUEST},
        ),
        "optimize_many": Row(
            qmac.optimize_many,
            lambda: {"prices": {"SPY": prices}, "strict": False, **context.request()},
            {"strict": FLAG, **REQUEST},
        ),
        "explore": Row(
            qmac.explore,
            lambda: {
                "prices": prices, "out": ".", **{name: context.request()[name] for name in EXPLORED}
            },
            {**{name: REQUEST[name] for name in EXPLORED}, "grid": {"None", "Grid"}, "out": SAVED},
        ),
        "Result.explore": Row(
            result.explore,
            lambda: {"threads": 1, "limits": None, "out": "."},
            {"threads": COUNT_OR_NONE, "limits": LIMITS, "out": SAVED},
        ),
        "Session": Row(
            qmac.Session,
            lambda: {
                "prices": prices, "grid": grid, "threads": 1, "windows": None, "limits": None
            },
            {
                "grid": {"Grid", "None"}, "threads": COUNT_OR_NONE, "windows": OPTIONAL,
                "limits": LIMITS,
            },
        ),
        "Session.optimize": Row(
            qmac.Session(prices, grid).optimize,
            lambda: {
                "cancellation": None, **{name: context.request()[name] for name in QUESTION}
            },
            {"cancellation": {"None"}, **{name: REQUEST[name] for name in QUESTION}},
        ),
        "Session.close": Row(qmac.Session(prices, grid).close, dict, {}),
        "Cancellation": Row(qmac.Cancellation, dict, {}),
        "Cancellation.cancel": Row(qmac.Cancellation().cancel, dict, {}),
        "Cancellation.check": Row(qmac.Cancellation().check, dict, {}),
        "Cancellation.attach": Row(
            qmac.Cancellation().attach, lambda: {"action": None}, {"action": PROGRESS}
        ),
        "walk_forward": Row(
            qmac.walk_forward,
            lambda: {
                "prices": prices,
                "averages": None,
                "train": 30,
                "test": 10,
                "holdout": None,
                "anchored": False,
                "gap": 0,
                **{name: context.request()[name] for name in FORWARD},
            },
            {
                "test": {"text digits", *COUNT} - {"1"},
                "holdout": {"None"},
                "anchored": FLAG,
                "gap": COUNT_OR_ZERO,
                "averages": OPTIONAL,
                **{name: REQUEST[name] for name in FORWARD},
            },
        ),
        "walk_forward_many": Row(
            qmac.walk_forward_many,
            lambda: {
                "prices": {"SPY": prices},
                "train": 30,
                "test": 10,
                "holdout": None,
                "anchored": False,
                "gap": 0,
                **{name: context.request()[name] for name in FORWARD},
            },
            {
                "test": {"text digits", *COUNT} - {"1"},
                "holdout": {"None"},
                "anchored": FLAG,
                "gap": COUNT_OR_ZERO,
                **{name: REQUEST[name] for name in FORWARD},
            },
        ),
        "resume": Row(
            qmac.resume,
            lambda: {
                "directory": context.folder / "run",
                "threads": None,
                "progress": None,
                "limits": None,
                "executor": None,
                "retry_failed": False,
            },
            {
                "threads": COUNT_OR_NONE,
                "progress": PROGRESS,
                "limits": LIMITS,
                "executor": OPTIONAL,
                "retry_failed": FLAG,
            },
        ),
        "load": Row(qmac.load, lambda: {"directory": context.folder / "saved"}, {}),
        "Result.map": Row(result.map, map_arguments, {}),
        "Result.plot_map": Row(result.plot_map, map_arguments, {}),
        "Result.script": Row(
            result.script,
            lambda: {"tool": "pine", "combination": None, "path": None},
            {"combination": OPTIONAL, "path": {"None", "text name long", "Path empty", *PATH}},
        ),
        "Result.with_prices": Row(
            result.with_prices,
            lambda: {"prices": prices, "averages": None},
            {"averages": OPTIONAL},
        ),
        "Result.neighbourhood": Row(
            result.neighbourhood,
            lambda: {"combination": None, "radius": 1},
            {"combination": OPTIONAL, "radius": COUNT_OR_ZERO},
        ),
        "Result.signal": Row(
            result.signal,
            lambda: {"combination": None, "prices": None},
            {"combination": OPTIONAL, "prices": OPTIONAL},
        ),
        "Result.ranked": Row(
            result.ranked, lambda: {"by": "objective", "radius": 2}, {"radius": COUNT_OR_ZERO}
        ),
        "Result.summary": Row(result.summary, lambda: {"rank_by": "objective"}, {}),
        "Result.rows": Row(result.rows, lambda: {"rank_by": "objective"}, {}),
        "Result.report": Row(
            result.report,
            lambda: {
                "path": context.new(".html"),
                **dict.fromkeys(("prices", "luck", "tries", "forward")),
            },
            {"path": PATH, **dict.fromkeys(("prices", "luck", "tries", "forward"), OPTIONAL)},
        ),
        "Result.figures": Row(
            result.figures,
            lambda: {"directory": context.new(), "prices": None},
            {"directory": {*PATH, "Path empty"}, "prices": OPTIONAL},
        ),
        "Result.save": Row(
            result.save, lambda: {"directory": context.new()}, {"directory": PATH}
        ),
        "Results": Row(
            qmac.Results,
            lambda: {"readers": {}, "left_out": {}, "missing": (), "find_outline": None},
            {
                "readers": {"dict empty"},
                "left_out": {"dict empty"},
                "missing": {"list empty", "list texts", "range empty"},
                "find_outline": PROGRESS,
            },
        ),
        "Results.__getitem__": Row(context.many.__getitem__, lambda: {"name": "SPY"}, {}),
        "Results.luck": Row(context.many.luck, luck_arguments, LUCK),
        "Results.outline": Row(context.many.outline, lambda: {"name": "SPY"}, {}),
        "Results.readable": Row(context.many.readable, dict, {}),
        "Results.report": Row(
            context.many.report,
            lambda: {"path": context.new(".html"), "each": False, "luck": None},
            {"path": PATH, "each": FLAG, "luck": {"None", "dict empty"}},
        ),
        "Results.describe_missing": Row(context.many.describe_missing, dict, {}),
        "Results.summary": Row(context.many.summary, dict, {}),
        **rows_of_ray(),
    }  # fmt: skip


def rows_of_ray():
    """Return the rows of what needs the extra."""
    if find_spec("ray") is None:
        return {}
    return {
        "RayExecutor": Row(
            qmac.RayExecutor,
            lambda: {"address": None, "threads": None, "limits": None, "dashboard": False},
            {"address": OPTIONAL, "threads": COUNT_OR_NONE, "limits": LIMITS, "dashboard": FLAG},
        )
    }


def luck_arguments():
    return {
        "resamples": 19,
        "nulls": ("mirror",),
        "stop_after": 20,
        "seed": 1,
        "tried": 1,
        "threads": 1,
        "progress": None,
        "out": None,
        "limits": None,
        "executor": None,
    }


def map_arguments():
    return {"rows": "buy_fast", "columns": "buy_slow", "stat": "max"}


def prices_file(context):
    path = context.folder / "spy.csv"
    if not path.exists():
        frame = context.prices.frame
        frame.assign(**{"Adj Close": frame["Close"]}).to_csv(path)
    return path


def find_public():
    """Return the public callables, by name: functions, constructors and methods."""
    public = {}
    optional = ["RayExecutor"] if find_spec("ray") else []
    for name in [*qmac.__all__, *optional]:
        value = getattr(qmac, name)
        if isinstance(value, type) and not issubclass(value, BaseException):
            public[name] = value
            public |= find_methods(name, value)
        elif callable(value) and not isinstance(value, type):
            public[name] = value
    known = BUILT_BY_FUNCTIONS | OF_EXECUTORS
    return {name: value for name, value in public.items() if name not in known}


def find_methods(name, kind):
    """Return the methods that a class has from qmac, and how its values are looked up."""
    methods = {}
    for ancestor in kind.__mro__:
        if not ancestor.__module__.startswith("qmac"):
            continue
        for member, value in vars(ancestor).items():
            is_method = inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
            if is_method and (not member.startswith("_") or member == "__getitem__"):
                methods[f"{name}.{member}"] = getattr(kind, member)
            assert getattr(value, "fset", None) is None, f"{name}.{member} can be set: test it"
    return methods


PUBLIC = find_public()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arguments")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QMAC_DATA_DIR", str(folder / "copies"))
        patch.setattr(images, "_check_matplotlib", lambda: None)
        patch.setattr(images, "draw_images", lambda result: {"equity.png": b""})
        yield rows(Context(folder))


def test_every_public_argument_has_a_row(table):
    assert set(table) == set(PUBLIC)
    for name, row in table.items():
        parameters = inspect.signature(row.call).parameters
        assert set(row.valid()) == set(parameters), name
        assert set(row.takes) <= set(parameters), name


SLOW = {"optimize", "optimize_many", "Result.report", "Results.report"}
"""They compute or write for each value that is taken: some seconds on a busy machine."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in PUBLIC],
)
def test_arguments_are_taken_or_refused_by_name(table, tmp_path, monkeypatch, name):
    row = table[name]
    row.call(**row.valid())
    faults = []
    for argument in row.valid():
        place = tmp_path / argument
        place.mkdir()
        for label, value in values().items():
            (place / label.replace("*", "")).mkdir()
            monkeypatch.chdir(place / label.replace("*", ""))
            outcome = judge(row.call, {**row.valid(), argument: value}, argument, value)
            expected = "taken" if label in row.takes.get(argument, NOTHING) else "refused"
            if outcome != expected:
                faults.append(f"{argument}={label}: {outcome}, not {expected}")
    assert not faults, "\n".join(faults)


PAIR = {"list ints", "list floats", "tuple ints", "tuple Nones", "array ints", "array objects"}
BOUND = {"None", "0", "-1", "-inf", "-10**400", *NUMBER} - {"text digits", "text number"}
ITEMS = [
    ("Grid", "windows", lambda value: [2, 3, 4, value], COUNT | {"1"}),
    ("Grid.index", "combination", lambda value: (2, value, 3, 5), NOTHING),
    ("backtest", "combination", lambda value: [2, value, 3, 5], COUNT - {"1"}),
    ("evaluate", "combinations", lambda value: [COMBINATION, value], NOTHING),
    ("evaluate", "combinations", lambda value: [(2, value, 3, 5)], COUNT - {"1"}),
    ("optimize", "constraints", lambda value: {"win_rate": value}, PAIR),
    ("optimize", "constraints", lambda value: {"win_rate": (value, None)}, BOUND),
    ("optimize", "constraints", lambda value: {value: (0, 1)}, NOTHING),
    ("optimize", "averages", lambda value: dict.fromkeys((2, 3, 4, 5), value), NOTHING),
    ("optimize_many", "prices", lambda value: {"SPY": value}, NOTHING),
    ("Results", "left_out", lambda value: {"BAD": value}, TEXT | {"text empty"}),
]
"""Values within an argument, and which of them are taken."""


@pytest.mark.filterwarnings("ignore:win_rate")
@pytest.mark.parametrize(("name", "argument", "wrap", "takes"), ITEMS)
def test_items_are_taken_or_refused_by_name(table, name, argument, wrap, takes):
    row, faults = table[name], []
    for label, value in values().items():
        try:
            wrapped = wrap(value)
        except Exception:  # noqa: BLE001 - no key of a mapping
            continue
        outcome = judge(row.call, {**row.valid(), argument: wrapped}, argument, wrapped)
        expected = "taken" if label in takes else "refused"
        if outcome != expected:
            faults.append(f"{argument}={label}: {outcome}, not {expected}")
    assert not faults, "\n".join(faults)


def judge(call, arguments, argument, value):
    """Return whether a call is taken or refused, or what is wrong with its error."""
    try:
        call(**arguments)
    except qmac.QmacError as error:
        return judge_message(str(error), argument, value)
    except Exception as error:  # noqa: BLE001 - which one is the fault
        return f"{type(error).__name__}: {error}"
    return "taken"


def judge_message(message, argument, value):
    if not any(name in message for name in (argument, *ALIASES.get(argument, ()))):
        return f"no name in {message!r}"
    if isinstance(value, np.ndarray) or (np.iterable(value) and not isinstance(value, str)):
        return "refused"  # an item may be what is wrong
    if argument == "grid" and value is None:
        return "refused"  # the windows of the grid that stands for None are named
    shown = {describe(value), type(value).__name__}
    if isinstance(value, str | Path | dt.date):
        shown.add(printable(value))
    if is_number(value):
        shown.add(f"{check_number(argument, value):g}")
    if not any(text in message for text in shown):
        return f"no value in {message!r}"
    return "refused"
