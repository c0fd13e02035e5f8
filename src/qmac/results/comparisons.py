"""Two runs of many symbols beside each other: a row for each symbol that is in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from qmac._checks import describe
from qmac.errors import OptionError, ResultError
from qmac.results.collection import Results
from qmac.results.comparison import (
    Winner,
    build_winner,
    check_comparable,
    describe_place,
    find_differences,
)
from qmac.results.pages import Reported
from qmac.results.reader import read_results
from qmac.results.result import Result

OF_PRICES = ("name", "first", "last", "bars", "bars a year", "prices")
"""Differences that each symbol may have its own way."""
SHOWN_SYMBOLS = 5
"""Symbols that an error names."""


@dataclass(frozen=True)
class Comparisons(Reported):
    """Two runs of many symbols beside each other."""

    objective: str
    differences: dict[str, tuple[str, str]]
    """What differs in rules and constraints, by name: first and second."""
    table: pd.DataFrame
    """A row for each symbol, the one whose median falls most from a to b first: the medians of
    all combinations; the best windows of each, what they make in both, and the share of the other
    result's combinations that are worse."""
    only: tuple[tuple[str, ...], tuple[str, ...]]
    """Symbols that only the first has, and only the second."""
    left_out: dict[str, str]
    """Symbols in both that cannot be compared, and why."""
    unfinished: tuple[str, str]
    """Which symbols of each are not done yet, in words; empty for finished runs."""
    places: tuple[str, str] = ("", "")
    """Their directories; empty for results in memory."""

    _page: ClassVar[str] = "comparisons page"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Returns
        -------
        dict
            Rows as dicts with their ``symbol``.
        """
        return {
            "objective": self.objective,
            "places": list(self.places),
            "differences": {name: list(pair) for name, pair in self.differences.items()},
            "rows": self.table.reset_index().to_dict("records"),
            "only": [list(names) for names in self.only],
            "left_out": self.left_out,
            "unfinished": list(self.unfinished),
        }


def compare_many(a: Results | str | Path, b: Results | str | Path) -> Comparisons:
    """Compare two runs of many symbols, symbol by symbol.

    Parameters
    ----------
    a, b : Results, str or Path
        Results by symbol, or directories of them; of the same grid and objective.

    Returns
    -------
    Comparisons
        A row for each symbol that is in both.

    Raises
    ------
    ResultError
        If no symbol is in both, or none of them can be compared.
    OptionError
        If one is no results.

    Examples
    --------
    >>> import qmac
    >>> prices, grid = {"SPX": qmac.sample_prices()}, qmac.Grid(windows=range(10, 101, 10))
    >>> free = qmac.optimize_many(prices, grid, rules=qmac.Rules(slippage=0))
    >>> qmac.compare_many(free, qmac.optimize_many(prices, grid)).table.index.tolist()
    ['SPX']
    """
    first, second = _read("a", a), _read("b", b)
    both = [symbol for symbol in first if symbol in second]
    if not both:
        raise ResultError(
            f"no symbol is in both: a has {_list(first)}, b has {_list(second)}. Name one of each: "
            "qmac compare A B --symbol NAME --with OTHER."
        )
    rows: dict[str, dict[str, Any]] = {}
    differences: dict[str, tuple[str, str]] = {}
    errors: dict[str, ResultError] = {}
    objective = ""
    for symbol in both:
        try:
            pair = first[symbol], second[symbol]
            check_comparable(*pair)
            rows[symbol] = _build_row(*pair)
        except ResultError as error:
            errors[symbol] = error
            continue
        objective = pair[0].objective
        differences |= {
            name: values
            for name, values in find_differences(*pair).items()
            if name not in OF_PRICES
        }
    if not rows:
        raise next(iter(errors.values()))
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("symbol")
    return Comparisons(
        objective=objective,
        differences=differences,
        table=table.sort_values("difference", kind="stable"),
        only=(_find_others(first, second), _find_others(second, first)),
        left_out={symbol: str(error) for symbol, error in errors.items()},
        unfinished=(first.describe_missing(), second.describe_missing()),
        places=(describe_place(a), describe_place(b)),
    )


def _read(name: str, results: Any) -> Results:
    if isinstance(results, str | Path):
        try:
            return read_results(results)
        except OSError as error:  # such as a name that is too long
            reason = error.strerror or error
            raise ResultError(
                f"{name} cannot be read, got {describe(results)}: {reason}. Name another directory."
            ) from None
    if isinstance(results, Results):
        return results
    raise OptionError(
        f"{name} must be results by symbol or their directory, got {describe(results)}. Use what "
        "qmac.optimize_many returns, or what it wrote."
    )


def _list(results: Results) -> str:
    names, more = list(results)[:SHOWN_SYMBOLS], len(results) - SHOWN_SYMBOLS
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def _find_others(results: Results, other: Results) -> tuple[str, ...]:
    """Return the symbols that only one has; those still to be done count as there."""
    return tuple(name for name in results if name not in other and name not in other.missing)


def _build_row(a: Result, b: Result) -> dict[str, Any]:
    """Return the row of one symbol."""
    medians = [each.distribution.quantile(0.5) if each.scored else float("nan") for each in (a, b)]
    return {
        "median_a": medians[0],
        "median_b": medians[1],
        "difference": medians[1] - medians[0],
        **_describe_winner(build_winner(a, b), "a", "b"),
        **_describe_winner(build_winner(b, a), "b", "a"),
    }


def _describe_winner(winner: Winner | None, side: str, other: str) -> Mapping[str, Any]:
    """Return the cells of the best combination of one side."""
    undefined = float("nan")
    return {
        f"best_{side}": None if winner is None else winner.combination,
        f"best_{side}_in_{side}": undefined if winner is None else winner.value,
        f"best_{side}_in_{other}": undefined if winner is None else winner.elsewhere,
        f"best_{side}_better_than": undefined if winner is None else winner.share_worse,
    }
