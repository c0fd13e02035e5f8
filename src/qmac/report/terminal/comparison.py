"""Two results beside each other on a terminal: what differs first."""

from __future__ import annotations

import math

from rich.console import Console

from qmac.errors import printable
from qmac.report.terminal.result import Column, build_fitted_table, show_line
from qmac.results.comparison import Comparison, Winner
from qmac.strategy.formatting import format_value


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
    if not comparison.differences:
        show_line("Prices, dates, rules and constraints are the same.", console)
    for what, (one, other) in comparison.differences.items():
        show_line(printable(f"{what.replace('_', ' ')}: {one} in a, {other} in b"), console)
    for side, winner in zip("ab", comparison.winners, strict=True):
        show_line(describe_winner(side, winner, objective), console)
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
        Column("same order", [_format_correlation(each.correlation) for each in maps]),
    ]
    console.print(build_fitted_table(columns, 3, console, left=1, gap=2))


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
    if math.isnan(winner.elsewhere):
        return f"{text}; not known in {other}"
    share = ""
    if not math.isnan(winner.share_worse):
        percent = math.floor(1000 * winner.share_worse) / 10  # 99.96 % are not all
        share = f", better than {percent:.1f}% of all"
    return f"{text}; in {other} {format_value(objective, winner.elsewhere)}{share}"


def _format_correlation(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"
