"""A result on one screen: the distinct rows, the winner, reasons to doubt it."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.text import Text

from qmac.data.description import format_bars, format_origin
from qmac.engine.backtest.backtest import backtest
from qmac.errors import OutOfMemoryError, ResultError, printable
from qmac.report.sections.cautions import Caution, find_cautions
from qmac.report.sections.distinct import STEPS, find_distinct
from qmac.report.sections.distribution import summarize_distribution
from qmac.report.sections.settings import settings_line
from qmac.report.sections.strategies import build_strategies
from qmac.report.terminal.result import (
    build_top_table,
    check_table_memory,
    describe_no_rows,
    show_line,
    show_warnings,
)
from qmac.results.result import Result
from qmac.runtime.monitoring.status import format_rate
from qmac.strategy.description import describe_costs
from qmac.strategy.formatting import HEADINGS, format_value, plural
from qmac.strategy.metrics import PROFITS

FEW_ROWS = 4
"""Distinct rows of a screen of 24 lines."""
WINNER_METRICS = ("total_return", "max_drawdown", "sharpe_ratio")
MOST_CAUTION_BARS = 200_000
"""Bars up to which the winner's cautions are looked for: a second."""


def show_summary(
    result: Result,
    console: Console,
    rows: int | None = None,
    rank_by: str = "objective",
    *,
    all_rows: bool = False,
) -> None:
    """Print a result on one screen.

    Parameters
    ----------
    result : Result
        Any result.
    console : rich.console.Console
        Where it is printed.
    rows : int, optional
        Rows of the table at most: ``FEW_ROWS`` by default, or 20 of all rows.
    rank_by : str
        Their order, ``"objective"`` or ``"plateau"``.
    all_rows : bool
        Whether rows that are alike are shown one by one.
    """
    count = rows or (20 if all_rows else FEW_ROWS)
    check_table_memory(min(count, len(result.top)))  # before a line is printed
    _show_head(result, console)
    odd = result.prices.get("warnings", ())
    if result.best is None:
        show_line(describe_no_rows(result), console)
        show_warnings(odd, console)
        return
    _show_rows(result, console, count, rank_by, all_rows=all_rows)
    _show_winner(result, console)
    cautions = _find_cautions(result)
    if cautions:
        names = ", ".join(each.heading[0].lower() + each.heading[1:] for each in cautions)
        show_line(f"doubts: {printable(names)}", console, "yellow")
    show_warnings(odd, console)  # last, where they are seen


def show_cautions(result: Result, console: Console) -> None:
    """Print each reason to doubt the winner in full.

    Parameters
    ----------
    result : Result
        Any result.
    console : rich.console.Console
        Where they are printed.
    """
    for each in () if result.best is None else _find_cautions(result):
        show_line(printable(f"{each.heading}: {each.text}"), console, "yellow")


def _show_head(result: Result, console: Console) -> None:
    """Print prices, settings, costs and speed; names and dates of prices are untrusted text."""
    prices = result.prices
    show_line(printable(format_bars(prices["name"], prices)), console)
    show_line(printable(format_origin(prices)), console, "dim")
    show_line(printable(settings_line(result)), console, "dim")
    speed = (
        f"{result.evaluated:,} combinations in {result.elapsed:.2f} s, "
        f"{format_rate(result.combinations_per_second)}"
    )
    show_line(f"{describe_costs(result.rules)} {speed}", console, "dim")


def _show_rows(
    result: Result, console: Console, count: int, rank_by: str, *, all_rows: bool
) -> None:
    ranked = result.ranked(rank_by)
    if all_rows:
        console.print(build_top_table(ranked.head(count), result.objective, console))
        if len(ranked) > count:
            note = f"{count:,} of {len(ranked):,} rows; --rows shows more"
            console.print(note, highlight=False, style="dim")
        return
    found = find_distinct(ranked, result.grid)
    shown, counts = found.rows.head(count), found.counts[:count]
    console.print(build_top_table(shown, result.objective, console, counts))
    note = f"alike: of the best {len(ranked):,}, within {STEPS} steps of it (--all-rows)"
    if len(found.counts) > count:
        note += f"; {len(found.counts) - count:,} more rows: --rows"
    show_line(note, console, "dim")


def _show_winner(result: Result, console: Console) -> None:
    """Print the winner beside buy & hold, and beside all combinations."""
    first = result.top.iloc[0]
    names = list(dict.fromkeys((result.objective, *WINNER_METRICS)))
    won = [f"{HEADINGS[name]} {format_value(name, first[name])}" for name in names]
    held = [format_value(name, result.hold[name]) for name in names]
    trades = int(first["total_trades"])
    text = Text.assemble(
        ("winner ", "bold"),
        (" ".join(map(str, result.best or ())), "bold"),
        f": {trades:,} {plural(trades, 'trade')}, {', '.join(won)}; buy & hold {', '.join(held)}",
    )
    console.print(text, highlight=False, soft_wrap=not console.is_terminal)
    distribution, name = result.distribution, result.objective
    quantiles = [format_value(name, distribution.quantile(share)) for share in (0.05, 0.5, 0.95)]
    positive = "profitable" if name in PROFITS else "above 0"
    show_line(
        f"all {result.scored:,} scored: median {quantiles[1]}, 5 % to 95 %: {quantiles[0]} to "
        f"{quantiles[2]}, {positive} {distribution.share_positive:.1%}",
        console,
    )


def _find_cautions(result: Result) -> tuple[Caution, ...]:
    """Return the report's cautions but for odd prices, none where the prices are missing."""
    if result.prices["bars"] > MOST_CAUTION_BARS:
        return ()
    try:
        series = result.series
        best = replace(result, top=result.top.head(1))
        assert result.best is not None
        run = backtest(series.prices, result.best, result.replay_rules, series.averages)
        strategies = build_strategies(best, series)
        found = find_cautions(result, run, strategies, summarize_distribution(result))
    except (ResultError, OutOfMemoryError):
        return ()
    return tuple(each for each in found if each.name != "prices")
