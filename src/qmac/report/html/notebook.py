"""What a notebook shows of a result and of a backtest: small tables, no figures and no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from pandas import isna

from qmac.report.sections.settings import settings_line
from qmac.strategy.formatting import format_value
from qmac.strategy.grid import ROLES

if TYPE_CHECKING:
    from qmac.engine.backtest.backtest import Backtest
    from qmac.results.collection import Results
    from qmac.results.result import Result
ROWS, MOST_SYMBOLS = 5, 50
COLUMNS = ("total_return", "max_drawdown", "sharpe_ratio", "total_trades", "win_rate", "exposure")


def html_of_result(result: Result) -> str:
    """The question, the best rows and the distribution."""
    prices, distribution, name = result.prices, result.distribution, result.objective
    head = f"<b>{escape(str(prices['name']))}</b>: {result.evaluated:,} combinations, {result.elapsed:.2f} s<br>{escape(settings_line(result))}"
    if result.best is None:
        return f"<div><p>{head}</p><p>No combination was scored.</p></div>"
    metrics = [name, *(column for column in COLUMNS if column != name)]
    rows = (
        [
            *(str(int(row[role])) for role in ROLES),
            *(format_value(metric, float(row[metric])) for metric in metrics),
        ]
        for row in result.top.head(ROWS).to_dict("records")
    )
    low, middle, high = (format_value(name, distribution.quantile(q)) for q in (0.05, 0.5, 0.95))
    foot = (
        f"Of all {result.scored:,} scored: 5 % below {low}, median {middle}, 95 % below {high}; "
        f"buy &amp; hold {format_value(name, result.hold[name])}."
    )
    more = f" The best {ROWS} of {len(result.top)} kept." if len(result.top) > ROWS else ""
    return f"<div><p>{head}</p>{_table([*ROLES, *metrics], rows)}<p>{foot}{more}</p></div>"


def html_of_results(results: Results) -> str:
    """The winner of each symbol."""
    winners = results.winners
    metrics = [name for name in (*COLUMNS, "buy_and_hold") if name in winners]
    rows = (
        [
            str(symbol),
            *("-" if isna(row[role]) else str(int(row[role])) for role in ROLES if role in winners),
            *(
                format_value("total_return" if name == "buy_and_hold" else name, float(row[name]))
                for name in metrics
            ),
        ]
        for symbol, row in winners.astype(float).head(MOST_SYMBOLS).iterrows()
    )
    more = (
        f"<p>The first {MOST_SYMBOLS} of {len(winners):,} symbols.</p>"
        if len(winners) > MOST_SYMBOLS
        else ""
    )
    left_out = "".join(f"<p>left out: {escape(reason)}</p>" for reason in results.left_out.values())
    heads = ["symbol", *(role for role in ROLES if role in winners), *metrics]
    return f"<div>{_table(heads, rows)}{more}{left_out}</div>"


def html_of_backtest(run: Backtest) -> str:
    """The metrics of a backtest."""
    title = f"<b>{' '.join(map(str, run.combination))}</b>: {len(run.equity):,} bars, {len(run.trades):,} trades"
    rows = (
        [str(name).replace("_", " "), format_value(str(name), float(value))]
        for name, value in run.metrics.items()
    )
    return f"<div><p>{title}</p>{_table(['metric', 'value'], rows)}</div>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head.replace('_', ' '))}</th>" for head in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
