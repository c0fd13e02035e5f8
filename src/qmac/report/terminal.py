"""A result as people read it on a terminal: tables, a text histogram, the winner beside buy & hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qmac.config import Rules
from qmac.errors import ResultError, printable
from qmac.grid import ROLES, shown_windows
from qmac.neighbourhood import RADIUS, neighbours, surroundings
from qmac.objective import LOGARITHMS
from qmac.reductions import Distribution
from qmac.result import Result
from qmac.results import Results
from qmac.run.progress import millions
from qmac.simulation import Backtest

PERCENT = frozenset(
    {
        "total_return", "annualized_return", "max_drawdown", "win_rate", "exposure", "return", "simple_return",
        "annualized_volatility", "best_trade", "worst_trade",
    }
)  # fmt: skip
HEADINGS = {
    "buy_fast": "buy",
    "buy_slow": "",
    "sell_fast": "sell",
    "sell_slow": "",
    "total_return": "total",
    "annualized_return": "a year",
    "max_drawdown": "drawdown",
    "total_trades": "trades",
    "win_rate": "won",
    "exposure": "held",
    "sharpe_ratio": "sharpe",
    "sortino_ratio": "sortino",
    "calmar_ratio": "calmar",
    "omega_ratio": "omega",
    "profit_factor": "profit f.",
    "expectancy": "expect.",
    "simple_return": "simple",
    "annualized_volatility": "volat.",
    "best_trade": "best",
    "worst_trade": "worst",
    "average_bars": "bars",
    "plateau": "plateau",
}
PROFITS = ("total_return", "annualized_return", "simple_return", "expectancy")
LARGE = 1e6
"""From here on, digits say less than an exponent."""
MOST_BARS = 8_000_000
"""Of all neighbours of the winner, which are looked at if there are no more: 0.1 s."""
BARS = 16
SHADES = " ▏▎▍▌▋▊▉█"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def number(name: str, value: float) -> str:
    """A metric with its unit; a dash where it is undefined. Minutes annualised may need an exponent.

    >>> number("annualized_return", 0.0848), number("annualized_return", 2.2e19), number("profit_factor", math.inf)
    ('8.5%', '2.2e+21%', 'inf')
    """
    if math.isnan(value):
        return "-"
    if abs(value) >= LARGE:
        return f"{100 * value:.2g}%" if name in PERCENT and math.isfinite(100 * value) else f"{value:.3g}"
    if name in PERCENT:
        return f"{value:.1%}"
    return f"{value:.0f}" if name == "total_trades" else f"{value:.2f}"


def show_result(result: Result, console: Console, rows: int = 20, rank_by: str = "objective") -> None:
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
    console.print(printable(asked(result)), highlight=False, markup=False, style="dim", soft_wrap=True)
    rate = f"{result.elapsed:.2f} s, {millions(result.combinations_per_second)} on {result.threads} thread{'s' * (result.threads != 1)}"
    console.print(rate, highlight=False, style="dim")
    if result.best is None:
        console.print(
            f"No combination is left: {result.filtered:,} are filtered ({_filtered_by(result) or 'none'}), the "
            f"{result.objective} of {result.unscored:,} is undefined. Loosen --where or --min-trades, or give more bars.",
            soft_wrap=True,
        )
        return
    console.print(top_table(result.ranked(rank_by).head(rows), result.objective, console))
    console.print(_distribution(result, console))
    console.print(_beside_hold(result))
    around = _around(result)
    if around:
        console.print(around, highlight=False)


def show_winners(results: Results, console: Console) -> None:
    """The best combination of each symbol."""
    winners = results.winners.reset_index().to_dict("records")
    objective = next(iter(results.values())).objective
    metrics = [objective, "total_return", "hold", "max_drawdown", "sharpe_ratio", "total_trades"]
    metrics = list(dict.fromkeys(metrics))

    def table_of(count: int) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)  # ten columns in 80
        table.add_column("symbol", no_wrap=True, max_width=max(8, console.width // 6))
        for name in (*ROLES, *metrics[:count]):
            table.add_column(HEADINGS.get(name, name), justify="right", no_wrap=True)
        for row in winners:
            found, hold = not pd.isna(row.get(ROLES[0])), number("total_return", row["buy_and_hold"])
            windows = [str(row[role]) if found else "-" for role in ROLES]
            shown = {name: number(name, float(row[name])) if found else "-" for name in metrics if name != "hold"}
            table.add_row(
                Text(printable(row["symbol"])), *windows, *(({"hold": hold} | shown)[name] for name in metrics[:count])
            )
        return table

    console.print(fitting(table_of, len(metrics), console))
    for reason in results.left_out.values():
        console.print(Text(f"left out: {printable(reason)}"), soft_wrap=True)


def asked(result: Result) -> str:
    """What was asked, in one line: objective, windows, rules that are not the default's."""
    rules, usual = result.rules.to_dict(), Rules().to_dict()
    parts = [f"{'highest' if result.maximize else 'lowest'} {result.objective}"]
    roles = {role: shown_windows(windows) for role, windows in result.grid.roles.items()}
    if len(set(roles.values())) == 1:
        parts.append(f"windows {roles[ROLES[0]]}")
    else:
        parts += [f"{role} {windows}" for role, windows in roles.items()]
    parts += ["shared windows"] * result.grid.shared_windows
    parts += [f"{name} {rules[name]:g}" for name in ("fees", "slippage")]
    parts.append(f"{result.prices['averages']}, fill {rules['fill']}, conflict {rules['conflict']}")
    shown = ("fees", "slippage", "average", "fill", "conflict")
    parts += [f"{name} {value}" for name, value in rules.items() if name not in shown and value != usual[name]]
    return ", ".join(parts)


def top_table(top: pd.DataFrame, objective: str, console: Console) -> RenderableType:
    """As many metrics as the terminal is wide, the objective first, the windows always."""
    first = [objective] + ["plateau"] * ("plateau" in top)
    metrics = [*first, *(name for name in top.columns if name not in (*ROLES, *first))]
    return fitting(lambda count: _rows_table(top, metrics[:count], objective), len(metrics), console)


def fitting(table_of: Callable[[int], Table], most: int, console: Console) -> Table:
    """The table with the most columns, which ``table_of`` counts from 1 to ``most``, that is no wider than the terminal."""
    unbounded = console.options.update(width=10_000)
    tables = (table_of(count) for count in range(most, 1, -1))
    fit = (table for table in tables if console.measure(table, options=unbounded).maximum <= console.width)
    return next(fit, None) or table_of(1)


def _rows_table(top: pd.DataFrame, metrics: list[str], objective: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (*ROLES, *metrics):
        table.add_column(HEADINGS[name], justify="right", no_wrap=True)
    units = dict(zip(metrics, metrics, strict=True)) | {"plateau": objective}
    for row in top.to_dict("records"):
        windows = [str(int(row[role])) for role in ROLES]
        table.add_row(*windows, *(number(units[name], row[name]) for name in metrics))
    return table


def _distribution(result: Result, console: Console) -> RenderableType:
    distribution = result.distribution
    lines: list[RenderableType] = [Text(f"{result.objective} of {result.scored:,} scored combinations", style="bold")]
    lines += _histogram(distribution, console)

    def shown(value: float) -> str:
        return number(result.objective, value)

    quantiles = ", ".join(
        f"{'median' if q == 0.5 else f'{q:.0%}'} {shown(distribution.quantile(q))}" for q in QUANTILES
    )
    lines.append(Text(f"quantiles: {quantiles}"))
    mean = "compounded mean" if result.objective in LOGARITHMS else "mean"
    lines.append(
        Text(f"lowest {shown(distribution.min)}, highest {shown(distribution.max)}, {mean} {shown(distribution.mean)}")
    )
    above = "profitable" if result.objective in PROFITS else "above 0"
    lines.append(Text(f"{above}: {distribution.share_positive:.1%}; undefined: {result.unscored:,}"))
    if result.constraints:
        lines.append(Text(f"filtered: {result.filtered:,} ({_filtered_by(result)})"))
    return Group(*lines)


def _filtered_by(result: Result) -> str:
    """Each constraint and what it removes by itself."""
    parts = []
    for metric, (low, high) in result.constraints.items():
        bounds = [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
        parts.append(f"{metric} {' and '.join(bounds)}: {result.filtered_by[metric]:,}")
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
        value = number(objective.metric, objective.value(edge))
        lines.append(Text(f"{value:>9} {bar} {count / distribution.scored:.1%}"))
    return lines


def _beside_hold(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    table.add_column("")
    table.add_column(f"winner\n{' '.join(map(str, result.best or ()))}", justify="right")
    table.add_column("buy & hold", justify="right")
    winner: Mapping[Any, float] = result.top.iloc[0].to_dict()
    for name in result.hold:
        table.add_row(name, number(name, winner[name]), number(name, result.hold[name]))
    return table


def _around(result: Result) -> str:
    """What surrounds the winner; nothing where its prices are not there, or it takes longer than a blink."""
    assert result.best is not None
    windows, _ = neighbours(result.grid, result.best)
    if len(windows) < 2 or len(windows) * result.prices["bars"] > MOST_BARS:
        return ""
    try:
        series = result.series
    except ResultError:
        return ""
    asked = (result.grid, result.rules, [result.best], result.objective, result.maximize, (RADIUS,))
    near = surroundings(series, *asked)[0][0]
    median, worst = (number(result.objective, value) for value in (near.median, near.worst))
    return f"within {RADIUS} steps of the winner, {near.neighbours:,} window sets: median {median}, worst {worst}"


def show_backtest(run: Backtest, hold: Mapping[str, float], console: Console, rows: int = 20) -> None:
    """Metrics beside buy & hold, and the last trades."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column(" ".join(map(str, run.combination)), justify="right")
    table.add_column("buy & hold", justify="right")
    for name, value in run.metrics.items():
        table.add_row(str(name), number(str(name), value), number(str(name), hold[str(name)]))
    console.print(table)
    columns = {
        "entry": [_moment(date) for date in run.trades["entry_date"]],
        "exit": [
            "open" if how == "open" else _moment(date)
            for how, date in zip(run.trades["exit"], run.trades["exit_date"], strict=True)
        ],
        "return": [f"{value:.1%}" for value in run.trades["return"]],
        "bars": [str(bars) for bars in run.trades["bars"]],
        "bought": [f"{price:.7g}" for price in run.trades["entry_price"]],
        "sold": [f"{price:.7g}" for price in run.trades["exit_price"]],
    }

    def trades_of(count: int) -> Table:
        trades = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        kept = dict(list(columns.items())[:count])
        for name in kept:
            trades.add_column(name, justify="right", no_wrap=True)
        for row in list(zip(*kept.values(), strict=True))[-rows:]:
            trades.add_row(*row)
        return trades

    if len(run.trades) > rows:
        console.print(f"last {rows} of {len(run.trades)} trades:")
    console.print(fitting(trades_of, len(columns), console))


def _moment(date: Any) -> str:
    return str(date)[:16].removesuffix(" 00:00")
