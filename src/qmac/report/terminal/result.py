"""A result as people read it on a terminal: tables, a text histogram, the winner beside buy & hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qmac.engine.backtest.backtest import Backtest
from qmac.engine.neighbourhood.neighbours import RADIUS, build_neighbourhoods, find_neighbours
from qmac.engine.sweep.distribution import Distribution
from qmac.errors import ResultError, printable
from qmac.report.sections.settings import settings_line
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.runtime.monitoring.status import format_rate
from qmac.strategy.constraints import format_bounds
from qmac.strategy.formatting import HEADINGS, format_value
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import LOGARITHMS, PROFITS

MOST_BARS = 60_000_000
"""Of all neighbours of the winner, which are looked at if there are no more: 0.1 s."""
BARS = 16
SHADES = " ▏▎▍▌▋▊▉█"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def show_result(
    result: Result, console: Console, rows: int = 20, rank_by: str = "objective"
) -> None:
    """The whole answer: top rows, in the order of ``rank_by``, distribution, winner beside buy & hold."""
    prices = result.prices
    what = (
        f"{result.evaluated:,} combinations on {prices['name']}, {prices['bars']:,} bars "
        f"{prices['first'][:10]} to {prices['last'][:10]}, {result.periods_per_year:g} bars a year"
    )
    console.print(
        printable(what),  # names and dates may be a stranger's
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print(
        printable(settings_line(result)), highlight=False, markup=False, style="dim", soft_wrap=True
    )
    rate = f"{result.elapsed:.2f} s, {format_rate(result.combinations_per_second)} on {result.threads} thread{'s' * (result.threads != 1)}"
    console.print(rate, highlight=False, style="dim")
    if result.best is None:
        console.print(
            f"No combination is left: {result.filtered:,} are filtered ({_filtered_by(result) or 'none'}), the "
            f"{result.objective} of {result.unscored:,} is undefined or infinite. "
            f"{'Loosen --where or --min-trades, or give' * (result.filtered > 0) or 'Give'} more bars.",
            soft_wrap=True,
        )
        return
    console.print(top_table(result.ranked(rank_by).head(rows), result.objective, console))
    if len(result.top) > rows:
        console.print(
            f"{rows:,} of {len(result.top):,} rows; --rows shows more", highlight=False, style="dim"
        )
    console.print(_distribution(result, console))
    console.print(_beside_hold(result))
    around = _around(result)
    if around:
        console.print(around, highlight=False)


def show_winners(results: Results, console: Console) -> None:
    """The best combination of each symbol."""
    winners = results.winners.reset_index().to_dict("records")
    objective = next(iter(results.values())).objective
    found = [not pd.isna(row.get(ROLES[0])) for row in winners]
    columns = [
        (
            "symbol",
            [_short(printable(row["symbol"]), max(8, console.width // 6)) for row in winners],
        )
    ]
    for role in ROLES:
        columns.append(
            (
                HEADINGS[role],
                [
                    str(row[role]) if there else "-"
                    for row, there in zip(winners, found, strict=True)
                ],
            )
        )
    for name in dict.fromkeys(
        (objective, "total_return", "buy_and_hold", "max_drawdown", "sharpe_ratio", "total_trades")
    ):
        metric, heading = (
            ("total_return", "hold") if name == "buy_and_hold" else (name, HEADINGS[name])
        )
        columns.append(
            (
                heading,
                [
                    format_value(metric, math.nan if pd.isna(row[name]) else float(row[name]))
                    for row in winners
                ],
            )
        )
    console.print(fitted(columns, len(ROLES) + 2, console, left=1, gap=2))
    for reason in results.left_out.values():
        console.print(Text(f"left out: {printable(reason)}"), soft_wrap=True)


def top_table(top: pd.DataFrame, objective: str, console: Console) -> RenderableType:
    """As many metrics as the terminal is wide, the objective first, the windows always."""
    first = [objective] + ["plateau"] * ("plateau" in top)
    metrics = [*first, *(name for name in top.columns if name not in (*ROLES, *first))]
    columns = [(HEADINGS[role], [str(int(window)) for window in top[role]]) for role in ROLES]
    for name in metrics:
        metric = objective if name == "plateau" else name
        columns.append((HEADINGS[name], [format_value(metric, value) for value in top[name]]))
    return fitted(columns, len(ROLES) + 1, console)


def fitted(
    columns: Sequence[tuple[str, Sequence[str]]],
    least: int,
    console: Console,
    *,
    left: int = 0,
    gap: int = 3,
) -> Table:
    """A table of headings and cells: of the first columns, ``least`` or more, that are together no wider than the terminal.

    The first ``left`` begin at the left. Cells are measured here: rich would take a minute for 10,000 rows.
    """
    widths = [max(map(cell_len, (heading, *cells))) for heading, cells in columns]
    count = len(columns)
    while count > least and sum(widths[:count]) + gap * (count - 1) + 2 > console.width:
        count -= 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=gap == 2)
    for place, (heading, _) in enumerate(columns[:count]):
        table.add_column(heading, justify="left" if place < left else "right", no_wrap=True)
    for row in zip(*(cells for _, cells in columns[:count]), strict=True):
        table.add_row(*map(Text, row))
    return table


def _short(name: str, width: int) -> str:
    return name if cell_len(name) <= width else set_cell_size(name, width - 1) + "…"


def _distribution(result: Result, console: Console) -> RenderableType:
    distribution = result.distribution
    lines: list[RenderableType] = [
        Text(f"{result.objective} of {result.scored:,} scored combinations", style="bold")
    ]
    lines += _histogram(distribution, console)

    def shown(value: float) -> str:
        return format_value(result.objective, value)

    quantiles = ", ".join(
        f"{'median' if q == 0.5 else f'{q:.0%}'} {shown(distribution.quantile(q))}"
        for q in QUANTILES
    )
    lines.append(Text(f"quantiles: {quantiles}"))
    mean = "compounded mean" if result.objective in LOGARITHMS else "mean"
    lines.append(
        Text(
            f"lowest {shown(distribution.min)}, highest {shown(distribution.max)}, {mean} {shown(distribution.mean)}"
        )
    )
    above = "profitable" if result.objective in PROFITS else "above 0"
    lines.append(Text(f"{above}: {distribution.share_positive:.1%}; unscored: {result.unscored:,}"))
    if result.constraints:
        lines.append(Text(f"filtered: {result.filtered:,} ({_filtered_by(result)})"))
    return Group(*lines)


def _filtered_by(result: Result) -> str:
    """Each constraint and what it removes by itself."""
    parts = []
    for metric, bounds in result.constraints.items():
        limits = " and ".join(map(" ".join, format_bounds(metric, bounds)))
        parts.append(f"{metric} {limits}: {result.filtered_by[metric]:,}")
    return ", ".join(parts)


def _histogram(distribution: Distribution, console: Console) -> list[RenderableType]:
    """Bins folded into a few bars between the 0.1 % and the 99.9 % quantile; the ends hold the rest."""
    objective = distribution.objective
    low, high = (distribution.score_quantile(q) for q in (0.001, 0.999))
    edges = np.linspace(low, high, BARS + 1)
    middles = (distribution.score_edges[1:] + distribution.score_edges[:-1]) / 2
    places = np.clip(np.searchsorted(edges, middles) - 1, 0, BARS - 1)
    counts = np.bincount(places, distribution.counts, BARS)
    room = max(10, min(50, console.width - 24))
    lines: list[RenderableType] = []
    for edge, count in zip(edges, counts, strict=False):
        eighths = round(8 * room * count / counts.max())
        bar = "█" * (eighths // 8) + SHADES[eighths % 8].strip()
        if not console.encoding.startswith("utf"):
            bar = "#" * (eighths // 8)
        value = format_value(objective.metric, objective.value(edge))
        lines.append(Text(f"{value:>9} {bar} {count / distribution.scored:.1%}"))
    return lines


def _beside_hold(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    table.add_column("")
    table.add_column(f"winner\n{' '.join(map(str, result.best or ()))}", justify="right")
    table.add_column("buy & hold", justify="right")
    winner: Mapping[Any, float] = result.top.iloc[0].to_dict()
    for name in result.hold:
        table.add_row(name, format_value(name, winner[name]), format_value(name, result.hold[name]))
    return table


def _around(result: Result) -> str:
    """What surrounds the winner; nothing where its prices are not there, or it takes longer than a blink."""
    assert result.best is not None
    windows, _ = find_neighbours(result.grid, result.best)
    if len(windows) < 2 or len(windows) * result.prices["bars"] > MOST_BARS:
        return ""
    try:
        series = result.series.prepare(result.grid.windows, result.rules)
    except ResultError:
        return ""
    asked = (result.grid, [result.best], result.objective, result.maximize, (RADIUS,))
    near = build_neighbourhoods(series, *asked)[0][0]
    median, worst = (format_value(result.objective, value) for value in (near.median, near.worst))
    return f"within {RADIUS} steps of the winner, {near.neighbours:,} window set{'s' * (near.neighbours != 1)}: median {median}, worst {worst}"


def show_backtest(
    run: Backtest, hold: Mapping[str, float], console: Console, rows: int = 20
) -> None:
    """Metrics beside buy & hold, and the last trades."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column(" ".join(map(str, run.combination)), justify="right")
    table.add_column("buy & hold", justify="right")
    for name, value in run.metrics.items():
        table.add_row(
            str(name), format_value(str(name), value), format_value(str(name), hold[str(name)])
        )
    console.print(table)
    trades = run.trades.tail(rows)
    exits = zip(trades["exit"], trades["exit_date"], strict=True)
    columns = [
        ("entry", [_moment(date) for date in trades["entry_date"]]),
        ("exit", ["open" if how == "open" else _moment(date) for how, date in exits]),
        ("return", [f"{value:.1%}" for value in trades["return"]]),
        ("bars", [str(bars) for bars in trades["bars"]]),
        ("bought", [f"{price:.7g}" for price in trades["entry_price"]]),
        ("sold", [f"{price:.7g}" for price in trades["exit_price"]]),
    ]
    if len(run.trades) > rows:
        console.print(f"last {rows} of {len(run.trades)} trades:")
    console.print(fitted(columns, 3, console))


def _moment(date: Any) -> str:
    return str(date)[:16].removesuffix(" 00:00")
