"""A result as people read it on a terminal: tables, a text histogram, the winner beside buy & hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qmac.grid import ROLES
from qmac.reductions import Distribution
from qmac.result import Result
from qmac.run.progress import millions
from qmac.simulation import Backtest

PERCENT = frozenset({"total_return", "annualized_return", "max_drawdown", "win_rate", "exposure", "return"})
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
}
BARS = 16
SHADES = " ▏▎▍▌▋▊▉█"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def number(name: str, value: float) -> str:
    """A metric with its unit; a dash where it is undefined."""
    if math.isnan(value):
        return "-"
    if name in PERCENT:
        return f"{value:.1%}"
    return f"{value:.0f}" if name == "total_trades" else f"{value:.2f}"


def show_result(result: Result, console: Console, rows: int = 20) -> None:
    """The whole answer: top rows, distribution, winner beside buy & hold."""
    prices = result.prices
    console.print(
        f"{result.evaluated:,} combinations on {prices['name']}, {prices['bars']:,} bars "
        f"{prices['first'][:10]} to {prices['last'][:10]}, {result.periods_per_year:g} bars a year",
        highlight=False,
        soft_wrap=True,
    )
    rate = f"{result.elapsed:.2f} s, {millions(result.combinations_per_second)} on {result.threads} threads"
    console.print(rate, highlight=False, style="dim")
    if result.best is None:
        console.print(
            f"No combination is left: {result.filtered:,} have fewer than {result.min_trades} trades. "
            "Lower --min-trades, or give more bars.",
            soft_wrap=True,
        )
        return
    console.print(_top_table(result.top.head(rows), console))
    console.print(_distribution(result, console))
    console.print(_beside_hold(result))


def _top_table(top: pd.DataFrame, console: Console) -> RenderableType:
    """As many metrics as the terminal is wide, the windows always."""
    metrics = [name for name in top.columns if name not in ROLES]
    while len(metrics) > 1 and 20 + 10 * len(metrics) > console.width:
        metrics.pop()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (*ROLES, *metrics):
        table.add_column(HEADINGS[name], justify="right", no_wrap=True)
    for row in top.to_dict("records"):
        windows = [str(int(row[role])) for role in ROLES]
        table.add_row(*windows, *(number(str(name), row[name]) for name in metrics))
    return table


def _distribution(result: Result, console: Console) -> RenderableType:
    distribution = result.distribution
    lines: list[RenderableType] = [Text(f"{result.objective} of {result.scored:,} scored combinations", style="bold")]
    lines += _histogram(distribution, console)
    quantiles = ", ".join(f"{'median' if q == 0.5 else f'{q:.0%}'} {distribution.quantile(q):.1%}" for q in QUANTILES)
    lines.append(Text(f"quantiles: {quantiles}"))
    lines.append(
        Text(f"lowest {distribution.min:.1%}, highest {distribution.max:.1%}, compounded mean {distribution.mean:.1%}")
    )
    few = "without a trade" if result.min_trades == 1 else f"with fewer than {result.min_trades} trades"
    lines.append(Text(f"profitable: {distribution.share_positive:.1%}; filtered, {few}: {result.filtered:,}"))
    return Group(*lines)


def _histogram(distribution: Distribution, console: Console) -> list[RenderableType]:
    """Bins folded into a few bars between the 0.1 % and the 99.9 % quantile; the ends hold the rest."""
    low, high = (np.log1p(distribution.quantile(q)) for q in (0.001, 0.999))
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
        lines.append(Text(f"{np.expm1(edge):>9.1%} {bar} {count / distribution.scored:.1%}"))
    return lines


def _beside_hold(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    table.add_column("")
    table.add_column(f"winner {' '.join(map(str, result.best or ()))}", justify="right")
    table.add_column("buy & hold", justify="right")
    winner: Mapping[Any, float] = result.top.iloc[0].to_dict()
    for name in result.hold:
        table.add_row(name, number(name, winner[name]), number(name, result.hold[name]))
    return table


def show_backtest(run: Backtest, hold: Mapping[str, float], console: Console, rows: int = 20) -> None:
    """Metrics beside buy & hold, and the last trades."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column(" ".join(map(str, run.combination)), justify="right")
    table.add_column("buy & hold", justify="right")
    for name, value in run.metrics.items():
        table.add_row(str(name), number(str(name), value), number(str(name), hold[str(name)]))
    console.print(table)
    trades = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("entry", "exit", "bought", "sold", "return", "bars"):
        trades.add_column(name, justify="right", no_wrap=True)
    for trade in run.trades.tail(rows).to_dict("records"):
        trades.add_row(
            str(trade["entry_date"])[:16].removesuffix(" 00:00"),
            "open" if trade["open"] else str(trade["exit_date"])[:16].removesuffix(" 00:00"),
            f"{trade['entry_price']:.2f}",
            f"{trade['exit_price']:.2f}",
            f"{trade['return']:.1%}",
            str(trade["bars"]),
        )
    if len(run.trades) > rows:
        console.print(f"last {rows} of {len(run.trades)} trades:")
    console.print(trades)
