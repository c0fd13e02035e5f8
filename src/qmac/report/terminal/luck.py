"""Is the best luck? Answers on a terminal."""

from __future__ import annotations

from rich.console import Console

from qmac.errors import printable
from qmac.report.terminal.result import Column, build_fitted_table, show_line
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.many import Lucks
from qmac.robustness.luck.sentences import SHORT_VERDICTS
from qmac.robustness.tries.answer import Tries
from qmac.robustness.tries.search import ManyTries
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import format_value

LEAST_SHORT_BOUND = 0.1
"""From there on, bounds of p have two decimals."""
ROW_NAMES = {"shuffle": "random order", "mirror": "random direction"}
"""Null hypotheses in the table, below the heading ``moves in``."""

QUANTILES = {"best: 5 %": "q05", "50 %": "q50", "95 %": "q95"}
"""Columns of the best values of random markets, by their headings."""


def show_luck(luck: Luck, console: Console) -> None:
    """Print what is asked about, a row for each null hypothesis, and what they say.

    Parameters
    ----------
    luck : Luck
        The answer.
    console : rich.console.Console
        Where it is printed.
    """
    show_line(printable(luck.headline), console)
    rows = luck.table.to_dict("records")
    columns = [
        Column("moves in", [ROW_NAMES.get(row["null"], row["null"]) for row in rows]),
        Column("as good", [f"{row['at_least']:,} of {row['resamples']:,}" for row in rows]),
        Column("p", [f"{row['p']:.3f}" for row in rows]),
        Column("95 % interval", [_format_interval(row["low"], row["high"]) for row in rows]),
    ]
    for heading, name in QUANTILES.items():
        cells = [format_value(luck.objective, row[name]) for row in rows]
        columns.append(Column(heading, cells))
    console.print(build_fitted_table(columns, 3, console, left=1, gap=2))
    for sentence in luck.sentences:
        show_line(printable(sentence), console)


def show_tries(tries: Tries | ManyTries, console: Console) -> None:
    """Print how many independent tries a grid is worth.

    Parameters
    ----------
    tries : Tries or ManyTries
        The answer, of one symbol or of many.
    console : rich.console.Console
        Where it is printed.
    """
    for sentence in tries.sentences:
        show_line(printable(sentence), console)


def show_lucks(lucks: Lucks, console: Console) -> None:
    """Print a line for each symbol, and what they say together.

    Parameters
    ----------
    lucks : Lucks
        The answers.
    console : rich.console.Console
        Where they are printed.
    """
    rows = lucks.table.reset_index().to_dict("records")
    objective = next(iter(lucks.values())).objective
    columns = [
        Column("symbol", [shorten(printable(row["symbol"])) for row in rows]),
        Column("p", [f"{row['p']:.3f}" for row in rows]),
        Column("adjusted", [f"{row['adjusted_p']:.3f}" for row in rows]),
        Column("95 % interval", [_format_interval(row["low"], row["high"]) for row in rows]),
        Column("is it luck?", [SHORT_VERDICTS[row["verdict"]] for row in rows]),
        Column(objective, [format_value(objective, row["best"]) for row in rows]),
        Column("hold", [format_value(objective, row["hold"]) for row in rows]),
    ]
    console.print(build_fitted_table(columns, 3, console, left=1, gap=2))
    for sentence in lucks.sentences:
        show_line(printable(sentence), console)
    for reason in lucks.left_out.values():
        show_line(f"left out: {printable(reason)}", console)


def _format_interval(low: float, high: float) -> str:
    decimals = 2 if low >= LEAST_SHORT_BOUND else 3
    return f"{low:.{decimals}f} ... {high:.{decimals}f}"
