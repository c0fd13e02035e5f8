"""Two results beside each other on a terminal: what differs first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.console import Console

from qmac.errors import printable
from qmac.report.sections.comparison import describe_elsewhere, describe_rest
from qmac.report.terminal.result import Column, build_fitted_table, show_line
from qmac.results.comparison import Comparison, Winner
from qmac.results.comparisons import Comparisons
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import format_value, plural

AGREEMENT = (
    "agreement: 1 where the same windows are good in both, 0 where they have nothing in common."
)


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print what differs, both winners in both results, distributions and maps.

    Parameters
    ----------
    comparison : Comparison
        Of two results.
    console : rich.console.Console
        Where it is printed.
    """
    objective = comparison.objective
    names = " and ".join(dict.fromkeys(comparison.names))
    show_line(printable(f"{objective} on {names}, a beside b"), console, "bold")
    _show_places(comparison.places, console)
    if comparison.is_same:
        show_line("a and b are the same result, to the last bit.", console)
    elif not comparison.differences:
        show_line("Prices, dates, rules and constraints are the same.", console)
    for line in describe_differences(comparison.differences):
        show_line(line, console)
    for line in describe_winners(comparison):
        show_line(line, console)
    if comparison.is_same:
        return
    table = comparison.distribution
    rows = [str(row) for row in table.index if row != "scored"]
    columns = [Column(objective, ["median" if row == "50%" else row for row in rows])]
    for key in table:
        metrics = ["total_return" if row == "above 0" else objective for row in rows]
        cells = [
            format_value(metric, float(value))
            for metric, value in zip(metrics, table[key][rows], strict=True)
        ]
        columns.append(Column(str(key), cells))
    console.print(build_fitted_table(columns, 3, console, left=1, gap=2))
    maps = comparison.maps
    roles = [f"{each.rows}, {each.columns}".replace("_", " ") for each in maps]
    places = ["-" if each.at is None else f"{each.at[0]}, {each.at[1]}" for each in maps]
    columns = [
        Column("means, b less a", roles),
        Column("average", [format_value(objective, each.average) for each in maps]),
        Column("largest", [format_value(objective, each.largest) for each in maps]),
        Column("at", places),
        Column("agreement", [_format_correlation(each.correlation) for each in maps]),
    ]
    console.print(build_fitted_table(columns, 3, console, left=1, gap=2))
    show_line(AGREEMENT, console, "dim")


def show_comparisons(comparisons: Comparisons, console: Console) -> None:
    """Print a row for each symbol that two runs have in common, and name the others.

    Parameters
    ----------
    comparisons : Comparisons
        Of two runs.
    console : rich.console.Console
        Where they are printed.
    """
    objective, table = comparisons.objective, comparisons.table
    count = f"{len(table):,} {plural(len(table), 'symbol')}"
    show_line(f"{objective} of {count}, a beside b", console, "bold")
    _show_places(comparisons.places, console)
    if not comparisons.differences:
        show_line("Rules and constraints are the same.", console)
    for line in describe_differences(comparisons.differences):
        show_line(line, console)
    headings = {
        "median_a": "median a",
        "median_b": "median b",
        "difference": "b less a",
        "best_a_in_a": "best of a",
        "best_a_in_b": "in b",
        "best_b_in_b": "best of b",
        "best_b_in_a": "in a",
    }
    columns = [Column("symbol", [shorten(printable(str(symbol))) for symbol in table.index])]
    columns += [
        Column(heading, [format_value(objective, value) for value in table[name]])
        for name, heading in headings.items()
    ]
    console.print(build_fitted_table(columns, 4, console, left=1, gap=2))
    for line in describe_rest(comparisons):
        show_line(line, console)


def describe_differences(differences: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return what differs, a line each.

    Parameters
    ----------
    differences : mapping of str to (str, str)
        First and second, by name.

    Returns
    -------
    list of str
        Printable.
    """
    return [
        printable(f"{what.replace('_', ' ')}: {one} in a, {other} in b")
        for what, (one, other) in differences.items()
    ]


def _show_places(places: tuple[str, str], console: Console) -> None:
    if all(places):
        show_line(printable(f"a is {places[0]}, b is {places[1]}"), console)


def describe_winners(comparison: Comparison) -> list[str]:
    """Return what the best combinations make in both results, in one line if they are the same.

    Parameters
    ----------
    comparison : Comparison
        Of two results.

    Returns
    -------
    list of str
        One line or two.
    """
    one, other = comparison.winners
    objective = comparison.objective
    if one is not None and other is not None and one.combination == other.combination:
        windows = " ".join(map(str, one.combination))
        values = [format_value(objective, each.value) for each in (one, other)]
        return [f"best of a: {windows}, {values[0]}; the best of b, too: {values[1]}"]
    pairs = zip("ab", comparison.winners, strict=True)
    return [describe_winner(side, winner, objective) for side, winner in pairs]


def describe_winner(side: str, winner: Winner | None, objective: str) -> str:
    """Return what the best combination of one result makes in both.

    Parameters
    ----------
    side : str
        ``"a"`` or ``"b"``.
    winner : Winner or None
        None where nothing was scored.
    objective : str
        The metric.

    Returns
    -------
    str
        A line.
    """
    if winner is None:
        return f"best of {side}: none is left"
    windows = " ".join(map(str, winner.combination))
    other = "b" if side == "a" else "a"
    text = f"best of {side}: {windows}, {format_value(objective, winner.value)}"
    return f"{text}; {describe_elsewhere(winner, objective, other)}"


def _format_correlation(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"
