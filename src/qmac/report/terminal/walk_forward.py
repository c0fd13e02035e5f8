"""Does the choice hold? Walk-forwards on a terminal."""

from __future__ import annotations

from rich.console import Console

from qmac.errors import printable
from qmac.report.sections.walk_forward import ForwardSummary, summarize_forward
from qmac.report.terminal.result import Column, show_fitted_table, show_line
from qmac.robustness.forward.answer import Forward
from qmac.robustness.forward.many import Forwards
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import HEADINGS, format_value
from qmac.strategy.grid import Combination

ACCOUNT_METRICS = ("total_return", "annualized_return", "sharpe_ratio", "max_drawdown", "exposure")
"""Columns of the table of accounts, the most important first."""
DATE_CHARACTERS = 16
"""Of a date with a time, up to the minute."""


def show_forward(forward: Forward, console: Console) -> None:
    """Print a row for each fold, the accounts, and what they say.

    Parameters
    ----------
    forward : Forward
        The answer.
    console : rich.console.Console
        Where it is printed.
    """
    summary = summarize_forward(forward)
    show_line(printable(summary.headline), console)
    show_fitted_table(_list_folds(summary), 2, console, left=2, gap=2)
    rows = summary.shown_accounts
    columns = [Column(f"{summary.bars:,} bars of tests", [row.name for row in rows])]
    for metric in ACCOUNT_METRICS:
        cells = [format_value(metric, row.metrics[metric]) for row in rows]
        columns.append(Column(HEADINGS[metric], cells))
    show_fitted_table(columns, 2, console, left=1, gap=2)
    for sentence in summary.sentences:
        show_line(printable(sentence), console)


def _list_folds(summary: ForwardSummary) -> list[Column]:
    """Return the columns of the table of folds, the most important first."""
    folds, metric = summary.folds, summary.ranked_by
    name = "" if metric == "total_return" else f" {HEADINGS[metric]}"
    return [
        Column("test from", [fold.test_start[:DATE_CHARACTERS] for fold in folds]),
        Column("winner (buy; sell)", [format_winner(fold.winner) for fold in folds]),
        Column(f"test{name}", [format_value(metric, fold.test_score) for fold in folds]),
        Column("hold", [format_value(metric, fold.hold) for fold in folds]),
        Column("better than", [format_value("exposure", fold.better_than) for fold in folds]),
        Column(
            "train a year",
            [format_value("annualized_return", fold.train_annualized) for fold in folds],
        ),
        Column("rank", ["-" if fold.rank is None else f"{fold.rank:,}" for fold in folds]),
    ]


def format_winner(winner: Combination | None) -> str:
    """Return the windows of a winner: those of buying, and those of selling.

    Parameters
    ----------
    winner : tuple of int or None
        The four windows.

    Returns
    -------
    str
        A dash where there is none.

    Examples
    --------
    >>> format_winner((122, 142, 92, 112))
    '122,142; 92,112'
    """
    if winner is None:
        return "-"
    return f"{winner[0]},{winner[1]}; {winner[2]},{winner[3]}"


def show_forwards(forwards: Forwards, console: Console) -> None:
    """Print a line for each symbol, and what they say together.

    Parameters
    ----------
    forwards : Forwards
        The answers.
    console : rich.console.Console
        Where they are printed.
    """
    rows = forwards.table.reset_index().to_dict("records")
    columns = [
        Column("symbol", [shorten(printable(row["symbol"])) for row in rows]),
        Column("followed", [format_value("total_return", row["followed"]) for row in rows]),
        Column("hold", [format_value("total_return", row["hold"]) for row in rows]),
        Column("above median", [f"{row['above_median']} of {row['ranked']}" for row in rows]),
        Column("kept share", [format_value("kept_share", row["kept_share"]) for row in rows]),
        Column("sharpe", [format_value("sharpe_ratio", row["sharpe_ratio"]) for row in rows]),
        Column("max dd", [format_value("max_drawdown", row["max_drawdown"]) for row in rows]),
        Column("first kept", [format_value("total_return", row["first"]) for row in rows]),
    ]
    show_fitted_table(columns, 3, console, left=1, gap=2)
    for sentence in forwards.sentences:
        show_line(printable(sentence), console)
    for reason in forwards.left_out.values():
        show_line(f"left out: {printable(reason)}", console)
