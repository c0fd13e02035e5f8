"""Results on a terminal: tables, a text histogram, the winner beside buy & hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qmac.data.description import MOST_SHOWN, format_many, format_origin, shorten_list
from qmac.data.origin import shorten_note
from qmac.engine.backtest.backtest import Backtest
from qmac.engine.neighbourhood.neighbours import RADIUS, build_neighbourhoods, find_neighbours
from qmac.engine.sweep.distribution import Distribution
from qmac.errors import OutOfMemoryError, ResultError, printable
from qmac.report.sections.activity import find_most_trades
from qmac.report.sections.settings import settings_line
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.runtime.monitoring.status import format_rate
from qmac.runtime.resources.admission import check_memory
from qmac.strategy.constraints import format_bounds
from qmac.strategy.description import describe_costs
from qmac.strategy.formatting import HEADINGS, format_value, is_percent, plural
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import LOGARITHMS, PROFITS

MOST_BARS = 60_000_000
"""Bars of all neighbours of the winner together, up to which they are evaluated: 0.1 s."""
HISTOGRAM_BARS = 16
TAIL_SHARE = 0.001
"""Share of the combinations at each end that the first and the last bar include."""
HISTOGRAM_MARGIN = 24
"""Columns beside a bar: its value and its share."""
SHADES = " ▏▎▍▌▋▊▉█"
"""Eighths of a full block."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SYMBOL_COLUMNS = (
    "total_return",
    "buy_and_hold",
    "max_drawdown",
    "sharpe_ratio",
    "total_trades",
)
"""Columns of the table of symbols after the objective."""
LEAST_SYMBOL_WIDTH = 8
ROW_BYTES = 9500
"""Memory of a row while a table is printed. Measured: 9,000."""


class Column(NamedTuple):
    """A column of a table: its heading and its cells."""

    heading: str
    cells: Sequence[str]


def show_result(
    result: Result, console: Console, rows: int = 20, rank_by: str = "objective"
) -> None:
    """Print a result: settings, top rows, distribution, the winner beside buy & hold.

    Parameters
    ----------
    result : Result
        Any result.
    console : rich.console.Console
        Where it is printed.
    rows : int
        Rows of the table at most.
    rank_by : str
        Their order, ``"objective"`` or ``"plateau"``.
    """
    check_table_memory(min(rows, len(result.top)))  # before a line is printed
    _show_settings(result, console)
    odd = result.prices.get("warnings", ())
    if result.best is None:
        show_line(describe_no_rows(result), console)
        show_warnings(odd, console)
        return
    console.print(build_top_table(result.ranked(rank_by).head(rows), result.objective, console))
    if len(result.top) > rows:
        note = f"{rows:,} of {len(result.top):,} rows; --rows shows more"
        console.print(note, highlight=False, style="dim")
    console.print(_build_distribution(result, console))
    console.print(_build_comparison(result))
    neighbourhood = _describe_neighbourhood(result)
    if neighbourhood:
        console.print(neighbourhood, highlight=False)
    show_warnings(odd, console)  # last, where they are seen


def check_table_memory(rows: int) -> None:
    """Refuse a table that does not fit into memory.

    Parameters
    ----------
    rows : int
        Rows that it will have at most.

    Raises
    ------
    OutOfMemoryError
        With the memory that it needs.
    """
    check_memory(f"a table of {rows:,} rows", ROW_BYTES * rows, "show fewer: --rows")


def _show_settings(result: Result, console: Console) -> None:
    """Print prices, settings and speed; names and dates of the prices are untrusted text."""
    prices = result.prices
    basis = "" if result.rules.periods_per_year else prices.get("basis")
    data = (
        f"{result.evaluated:,} combinations on {prices['name']}, {prices['bars']:,} bars "
        f"{prices['first'][:10]} to {prices['last'][:10]}, {result.periods_per_year:g} bars a year"
        f"{f' ({basis})' if basis else ''}"
    )
    rate = format_rate(result.combinations_per_second)
    threads = f"{result.threads} {plural(result.threads, 'thread')}"
    show_line(printable(data), console)
    show_line(format_origin(prices), console, "dim")
    show_line(printable(settings_line(result)), console, "dim")
    console.print(f"{result.elapsed:.2f} s, {rate} on {threads}", highlight=False, style="dim")


def show_line(text: str, console: Console, style: str = "") -> None:
    """Print a line, which is broken between words on a terminal, and in one piece in a pipe.

    Parameters
    ----------
    text : str
        Printable; nothing is printed where it is empty.
    console : rich.console.Console
        Where it is printed.
    style : str
        Style of rich.
    """
    if text:
        console.print(Text(text, style), highlight=False, soft_wrap=not console.is_terminal)


def show_warnings(warnings: Iterable[str], console: Console, most: int = MOST_SHOWN) -> None:
    """Print warnings about prices, a line each.

    Parameters
    ----------
    warnings : iterable of str
        Sentences.
    console : rich.console.Console
        Where they are printed.
    most : int
        So many; of more it says how many.
    """
    for text in shorten_list(warnings, most):
        show_line(f"warning: {shorten_note(text)}", console, "yellow")


def describe_no_rows(result: Result) -> str:
    """Return why no combination is left, and what to change.

    Parameters
    ----------
    result : Result
        Without a best row.

    Returns
    -------
    str
        A sentence or two.
    """
    advice = "Give more bars."
    if result.filtered:
        advice = "Loosen --where or --min-trades, or give more bars."
        for metric, (low, _) in result.constraints.items():
            if is_percent(metric) and low > 1 and result.filtered_by[metric] == result.filtered:
                advice = f"{metric} is a fraction: {low:.4g} is {low:,.0%}. {advice}"
    most = find_most_trades(result)
    if most is not None:
        trades = f"{most:,} {plural(most, 'trade')}"
        advice = f"The most active combination has {trades}: use --min-trades {most}, or more bars."
    reasons = [f"{result.filtered:,} are filtered ({_describe_filters(result) or 'none'})"]
    if result.unscored:
        count = f"{result.unscored:,}"
        reasons.append(f"the {result.objective} of {count} is undefined or infinite")
    return f"No combination is left: {', '.join(reasons)}. {advice}"


def show_symbols(results: Results, console: Console) -> None:
    """Print the settings, which are of all symbols, and the winner of each.

    Parameters
    ----------
    results : Results
        Results by symbol.
    console : rich.console.Console
        Where it is printed.
    """
    first = next(iter(results.values()))
    winners = _list_winners(results, first.objective)
    facts = results.prices
    for line in format_many(list(facts.values())):
        show_line(line, console)
    show_line(printable(settings_line(first)), console, "dim")
    show_line(describe_costs(first.rules), console, "dim")
    console.print(_build_winners_table(winners, console))
    for symbol, window in zip(winners["symbol"], winners[ROLES[0]], strict=True):
        if pd.isna(window):
            reason = f"{symbol}: {describe_no_rows(results[symbol])}"
            show_line(printable(reason), console)
    show_warnings((text for each in facts.values() for text in each.get("warnings", ())), console)
    for reason in results.left_out.values():
        show_line(f"left out: {printable(reason)}", console)
    if results.missing:
        show_line(printable(results.describe_missing()), console)


def show_best_symbols(results: Results, console: Console, rows: int) -> None:
    """Print how many symbols of a job that ended early are done, and the winners of the best.

    Parameters
    ----------
    results : Results
        Results by symbol, one at least.
    console : rich.console.Console
        Where it is printed.
    rows : int
        Symbols at most.
    """
    first = next(iter(results.values()))
    winners = _list_winners(results, first.objective)
    ordered = winners.sort_values(first.objective, ascending=not first.maximize, kind="stable")
    count = len(results) + len(results.missing)
    text = f"{len(results):,} of {count:,} symbols are done"
    show_line(f"{text}; the best of them:" if len(winners) > rows else f"{text}:", console)
    console.print(_build_winners_table(ordered.head(rows), console))


def _list_winners(results: Results, objective: str) -> pd.DataFrame:
    """Return the columns of a table of many symbols, the objective first."""
    columns = list(dict.fromkeys(("symbol", *ROLES, objective, *SYMBOL_COLUMNS)))
    return results.winners.reset_index().reindex(columns=columns)


def _build_winners_table(winners: pd.DataFrame, console: Console) -> Table:
    width = max(LEAST_SYMBOL_WIDTH, console.width // 6)
    columns = [Column("symbol", [_truncate(printable(name), width) for name in winners["symbol"]])]
    for role in ROLES:
        cells = ["-" if pd.isna(window) else str(window) for window in winners[role]]
        columns.append(Column(HEADINGS[role], cells))
    for name in winners.columns[len(columns) :]:
        columns.append(_build_metric_column(name, winners[name].astype(float)))
    return build_fitted_table(columns, len(ROLES) + 2, console, left=1, gap=2)


def _build_metric_column(name: str, values: pd.Series) -> Column:
    """Return a column of a metric, or of buy & hold."""
    is_hold = name == "buy_and_hold"
    metric = "total_return" if is_hold else name
    cells = [format_value(metric, value) for value in values]
    return Column("hold" if is_hold else HEADINGS[name], cells)


def build_top_table(
    top: pd.DataFrame, objective: str, console: Console, alike: Sequence[int] = ()
) -> RenderableType:
    """Return a table with the windows and as many metrics as the terminal is wide.

    Parameters
    ----------
    top : pandas.DataFrame
        Rows of a result, or of ``evaluate``.
    objective : str
        Metric that stands first.
    console : rich.console.Console
        Its width counts.
    alike : sequence of int
        How many rows each stands for; empty where they stand for themselves.

    Returns
    -------
    rich renderable
        The table.
    """
    first = [objective, "plateau"] if "plateau" in top else [objective]
    others = [name for name in top.columns if name not in (*ROLES, *first)]
    columns = [Column(HEADINGS[role], [str(int(window)) for window in top[role]]) for role in ROLES]
    if alike:
        columns.append(Column("alike", [f"{count:,}" for count in alike]))
    for name in [*first, *others]:
        metric = objective if name == "plateau" else name
        cells = [format_value(metric, value) for value in top[name]]
        columns.append(Column(HEADINGS[name], cells))
    return build_fitted_table(columns, len(ROLES) + 1, console)


def build_fitted_table(
    columns: Sequence[Column], least: int, console: Console, *, left: int = 0, gap: int = 3
) -> Table:
    """Return a table of as many columns as fit into the terminal.

    Parameters
    ----------
    columns : sequence of Column
        The most important first.
    least : int
        Columns that the table has however narrow the terminal is.
    console : rich.console.Console
        Its width counts.
    left : int
        Columns that are aligned to the left, the first ones.
    gap : int
        Spaces between columns, 2 or 3.

    Returns
    -------
    rich.table.Table
        Cells are measured here: rich would take a minute for 10,000 rows.
    """
    shown = columns[: _count_fitting(columns, least, console.width, gap)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=gap == 2)
    for place, column in enumerate(shown):
        justify: Any = "left" if place < left else "right"
        table.add_column(column.heading, justify=justify, no_wrap=True)
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def show_fitted_table(
    columns: Sequence[Column], least: int, console: Console, *, left: int = 0, gap: int = 3
) -> None:
    """Print a table of as many columns as fit into the terminal, and the names of the others.

    Parameters
    ----------
    columns, least, console, left, gap : object
        See ``build_fitted_table``.
    """
    console.print(build_fitted_table(columns, least, console, left=left, gap=gap))
    hidden = [
        column.heading for column in columns[_count_fitting(columns, least, console.width, gap) :]
    ]
    if hidden:
        show_line(f"too narrow for: {', '.join(hidden)}", console, "dim")


def _count_fitting(columns: Sequence[Column], least: int, width: int, gap: int) -> int:
    """Return how many of the first columns are together no wider than ``width``."""
    needed = 2 - gap
    for count, column in enumerate(columns):
        needed += gap + max(map(cell_len, (column.heading, *column.cells)))
        if count >= least and needed > width:
            return count
    return len(columns)


def _truncate(name: str, width: int) -> str:
    return name if cell_len(name) <= width else set_cell_size(name, width - 1) + "…"


def _build_distribution(result: Result, console: Console) -> RenderableType:
    """Return the histogram of the objective and what it is summed up to."""
    distribution, name = result.distribution, result.objective
    heading = Text(f"{name} of {result.scored:,} scored combinations", style="bold")
    low, high = format_value(name, distribution.min), format_value(name, distribution.max)
    mean = format_value(name, distribution.mean)
    mean_name = "compounded mean" if name in LOGARITHMS else "mean"
    positive = "profitable" if name in PROFITS else "above 0"
    share = f"{distribution.share_positive:.1%}"
    lines = [
        f"quantiles: {_describe_quantiles(result)}",
        f"lowest {low}, highest {high}, {mean_name} {mean}",
        f"{positive}: {share}; unscored: {result.unscored:,}",
    ]
    if result.constraints:
        lines.append(f"filtered: {result.filtered:,} ({_describe_filters(result)})")
    return Group(heading, *_build_histogram(distribution, console), *map(Text, lines))


def _describe_quantiles(result: Result) -> str:
    parts = []
    for share in QUANTILES:
        name = "median" if share == 0.5 else f"{share:.0%}"
        value = format_value(result.objective, result.distribution.quantile(share))
        parts.append(f"{name} {value}")
    return ", ".join(parts)


def _describe_filters(result: Result) -> str:
    """Return each constraint and how many combinations it removes by itself."""
    parts = []
    for metric, bounds in result.constraints.items():
        limits = " and ".join(" ".join(limit) for limit in format_bounds(metric, bounds))
        parts.append(f"{metric} {limits}: {result.filtered_by[metric]:,}")
    return ", ".join(parts)


def _build_histogram(distribution: Distribution, console: Console) -> Iterator[Text]:
    """Yield the lines of a histogram between the 0.1 % and the 99.9 % quantile.

    Parameters
    ----------
    distribution : Distribution
        Histogram of a run, of many bins.
    console : rich.console.Console
        Its width and its encoding count.

    Yields
    ------
    rich.text.Text
        Lower edge, bar, share of the combinations.
    """
    objective = distribution.objective
    low = distribution.score_quantile(TAIL_SHARE)
    high = distribution.score_quantile(1 - TAIL_SHARE)
    edges = np.linspace(low, high, HISTOGRAM_BARS + 1)
    middles = (distribution.score_edges[1:] + distribution.score_edges[:-1]) / 2
    bars = np.clip(np.searchsorted(edges, middles) - 1, 0, HISTOGRAM_BARS - 1)
    counts = np.bincount(bars, distribution.counts, HISTOGRAM_BARS)
    width = max(10, min(50, console.width - HISTOGRAM_MARGIN))
    has_blocks = console.encoding.startswith("utf")
    for edge, count in zip(edges, counts, strict=False):
        bar = _draw_bar(width * count / counts.max(), has_blocks=has_blocks)
        value = format_value(objective.metric, objective.value(edge))
        yield Text(f"{value:>9} {bar} {count / distribution.scored:.1%}")


def _draw_bar(length: float, *, has_blocks: bool) -> str:
    """Return a bar as long as so many characters, to an eighth where there are blocks."""
    eighths = round(8 * length)
    if not has_blocks:
        return "#" * (eighths // 8)
    return "█" * (eighths // 8) + SHADES[eighths % 8].strip()


def _build_comparison(result: Result) -> Table:
    """Return the metrics of the winner beside buy & hold."""
    winner: Mapping[Any, float] = result.top.iloc[0].to_dict()
    windows = " ".join(map(str, result.best or ()))
    return _build_metrics_table(f"winner\n{windows}", winner, result.hold)


def _build_metrics_table(
    heading: str, metrics: Mapping[Any, float], hold: Mapping[str, float]
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column(heading, justify="right")
    table.add_column("buy & hold", justify="right")
    for name, value in hold.items():
        table.add_row(name, format_value(name, metrics[name]), format_value(name, value))
    return table


def _describe_neighbourhood(result: Result) -> str:
    """Return median and worst of the winner's neighbours.

    Nothing where the prices are missing, there is no memory for them, or it takes longer than a
    moment.
    """
    assert result.best is not None
    windows, _ = find_neighbours(result.grid, result.best)
    if len(windows) < 2 or len(windows) * result.prices["bars"] > MOST_BARS:
        return ""
    try:
        series = result.series.prepare(result.grid.windows, result.replay_rules)
    except (ResultError, OutOfMemoryError):
        return ""
    winner, name = [result.best], result.objective
    ((near,),) = build_neighbourhoods(series, result.grid, winner, name, result.maximize, (RADIUS,))
    median, worst = format_value(name, near.median), format_value(name, near.worst)
    sets = f"{near.neighbours:,} {plural(near.neighbours, 'window set')}"
    return f"within {RADIUS} steps of the winner, {sets}: median {median}, worst {worst}"


def show_backtest(
    run: Backtest, hold: Mapping[str, float], console: Console, rows: int = 20
) -> None:
    """Print the metrics of a backtest beside buy & hold, and its last trades.

    Parameters
    ----------
    run : Backtest
        One combination on its prices.
    hold : mapping of str to float
        Metrics of buy & hold.
    console : rich.console.Console
        Where it is printed.
    rows : int
        Trades at most.
    """
    check_table_memory(min(rows, len(run.trades)))
    windows = " ".join(map(str, run.combination))
    console.print(_build_metrics_table(windows, run.metrics.to_dict(), hold))
    if len(run.trades) > rows:
        console.print(f"last {rows} of {len(run.trades)} trades:")
    columns = _build_trade_columns(run.trades.tail(rows))
    console.print(build_fitted_table(columns, 3, console))


def _build_trade_columns(trades: pd.DataFrame) -> list[Column]:
    exits = [
        "open" if reason == "open" else _format_moment(date)
        for reason, date in zip(trades["exit"], trades["exit_date"], strict=True)
    ]
    return [
        Column("entry", [_format_moment(date) for date in trades["entry_date"]]),
        Column("exit", exits),
        Column("return", [f"{value:.1%}" for value in trades["return"]]),
        Column("bars held", [str(bars) for bars in trades["bars"]]),
        Column("entry price", [f"{price:.7g}" for price in trades["entry_price"]]),
        Column("exit price", [f"{price:.7g}" for price in trades["exit_price"]]),
    ]


def _format_moment(date: Any) -> str:
    """Return a date to the minute, and without a time at midnight."""
    return str(date)[:16].removesuffix(" 00:00")
