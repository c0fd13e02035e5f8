"""Tables that a notebook shows of results and backtests: no figures and no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pandas import isna

from qmac.data.description import format_origin, shorten_list
from qmac.data.origin import shorten_note
from qmac.report.html.text import escape
from qmac.report.sections.luck import summarize_luck
from qmac.report.sections.settings import describe_bounds, settings_line
from qmac.report.sections.walk_forward import METRICS as ACCOUNT_METRICS
from qmac.report.sections.walk_forward import summarize_forward
from qmac.strategy.formatting import format_value, to_words
from qmac.strategy.grid import ROLES, Combination

if TYPE_CHECKING:
    from qmac.engine.backtest.backtest import Backtest
    from qmac.results.collection import Results
    from qmac.results.result import Result
    from qmac.robustness.forward.answer import Forward
    from qmac.robustness.forward.many import Forwards
    from qmac.robustness.luck.answer import Luck

MOST_ROWS = 5
MOST_SYMBOLS = 50
COLUMNS = ("total_return", "max_drawdown", "sharpe_ratio", "total_trades", "win_rate", "exposure")


def render_result(result: Result) -> str:
    """Return settings, best rows and distribution of a result.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    str
        HTML of a small table between two paragraphs.
    """
    head = (
        f"<b>{escape(str(result.prices['name']))}</b>: {result.evaluated:,} combinations, "
        f"{result.elapsed:.2f} s<br>{escape(settings_line(result))}"
        f"{_describe_prices(result.prices)}"
    )
    if result.best is None:
        return (
            f"<div><p>{head}</p><p>No combination was scored.{_describe_filters(result)}</p></div>"
        )
    metrics = [result.objective, *(name for name in COLUMNS if name != result.objective)]
    top = result.top.head(MOST_ROWS).to_dict("records")
    table = _build_table([*ROLES, *metrics], (_format_row(row, ROLES, metrics) for row in top))
    foot = _describe_distribution(result)
    if len(result.top) > MOST_ROWS:
        foot += f" The best {MOST_ROWS} of {len(result.top)} rows."
    return f"<div><p>{head}</p>{table}<p>{foot}</p></div>"


def _describe_prices(prices: Mapping[str, Any]) -> str:
    """Return what was read, and what is odd in it, on lines that follow others."""
    warnings = [f"warning: {text}" for text in shorten_list(prices.get("warnings", ()))]
    lines = [format_origin(prices), *map(shorten_note, warnings)]
    return "".join(f"<br>{escape(line)}" for line in lines if line)


def _describe_filters(result: Result) -> str:
    """Return how many combinations each constraint removes by itself."""
    parts = [
        f"{escape(describe_bounds(metric, bounds))} removes {result.filtered_by[metric]:,}"
        for metric, bounds in result.constraints.items()
    ]
    return f" Of {result.evaluated:,}, {'; '.join(parts)}." if parts else ""


def _describe_distribution(result: Result) -> str:
    name, distribution = result.objective, result.distribution
    low = format_value(name, distribution.quantile(0.05))
    middle = format_value(name, distribution.quantile(0.5))
    high = format_value(name, distribution.quantile(0.95))
    hold = format_value(name, result.hold[name])
    return (
        f"Of all {result.scored:,} scored: 5 % below {low}, median {middle}, 95 % below {high}; "
        f"buy &amp; hold {hold}."
    )


def render_results(results: Results) -> str:
    """Return the winner of each symbol.

    Parameters
    ----------
    results : Results
        Results by symbol.

    Returns
    -------
    str
        HTML of a table.
    """
    winners = results.winners
    roles = [role for role in ROLES if role in winners]
    metrics = [name for name in (*COLUMNS, "buy_and_hold") if name in winners]
    first = winners.astype(float).head(MOST_SYMBOLS)
    rows = [
        [str(symbol), *_format_row(row, roles, metrics)]
        for symbol, row in zip(first.index, first.to_dict("records"), strict=True)
    ]
    parts = [_build_table(["symbol", *roles, *metrics], rows)]
    warnings = [text for prices in results.prices.values() for text in prices.get("warnings", ())]
    parts += [f"<p>warning: {escape(text)}</p>" for text in shorten_list(warnings)]
    if len(winners) > MOST_SYMBOLS:
        parts.append(f"<p>The first {MOST_SYMBOLS} of {len(winners):,} symbols.</p>")
    parts += [f"<p>left out: {escape(reason)}</p>" for reason in results.left_out.values()]
    if results.missing:
        parts.append(f"<p>{escape(results.describe_missing())}</p>")
    return f"<div>{''.join(parts)}</div>"


def render_backtest(run: Backtest) -> str:
    """Return the metrics of a backtest.

    Parameters
    ----------
    run : Backtest
        One combination on its prices.

    Returns
    -------
    str
        HTML of a table.
    """
    windows = " ".join(map(str, run.combination))
    title = f"<b>{windows}</b>: {len(run.equity):,} bars, {len(run.trades):,} trades"
    metrics = {str(name): float(value) for name, value in run.metrics.items()}
    rows = [[to_words(name), format_value(name, metrics[name])] for name in metrics]
    return f"<div><p>{title}</p>{_build_table(['metric', 'value'], rows)}</div>"


def render_luck(luck: Luck) -> str:
    """Return what random markets say about a winner.

    Parameters
    ----------
    luck : Luck
        Any answer.

    Returns
    -------
    str
        HTML of a small table between two paragraphs.
    """
    summary = summarize_luck(luck)
    heads = ["", "resamples", "at least as good", "p", "95 % interval"]
    heads += [f"their best: {share:.0%}" for share, _ in summary.nulls[0].quantiles]
    rows = [
        [
            null.name,
            f"{null.resamples:,}",
            f"{null.at_least:,}",
            f"{null.p:.3f}",
            f"{null.low:.3f} to {null.high:.3f}",
            *(format_value(luck.objective, value) for _, value in null.quantiles),
        ]
        for null in summary.nulls
    ]
    sentences = "<br>".join(map(escape, summary.sentences))
    head = f"<p>{escape(summary.headline)}</p>"
    return f"<div>{head}{_build_table(heads, rows)}<p>{sentences}</p></div>"


def render_forward(forward: Forward) -> str:
    """Return the folds and accounts of a walk-forward.

    Parameters
    ----------
    forward : Forward
        Any answer.

    Returns
    -------
    str
        HTML of two small tables and sentences.
    """
    summary, ranked_by = summarize_forward(forward), forward.ranked_by
    heads = ["test from", "buy", "sell", "train a year", "test", "hold", "rank", "better than"]
    rows = [
        [
            fold.test_start,
            *_format_windows(fold.winner),
            format_value("annualized_return", fold.train_annualized),
            format_value(ranked_by, fold.test_score),
            format_value(ranked_by, fold.hold),
            "-" if fold.rank is None else f"{fold.rank:,}",
            format_value("exposure", fold.better_than),
        ]
        for fold in summary.folds
    ]
    accounts = [
        [row.name, *(format_value(name, row.metrics[name]) for name in ACCOUNT_METRICS)]
        for row in summary.accounts
    ]
    tables = _build_table(heads, rows) + _build_table(["all tests", *ACCOUNT_METRICS], accounts)
    sentences = "<br>".join(map(escape, summary.sentences))
    return f"<div><p>{escape(summary.headline)}</p>{tables}<p>{sentences}</p></div>"


def _format_windows(winner: Combination | None) -> list[str]:
    if winner is None:
        return ["-", "-"]
    return [f"{winner[0]} / {winner[1]}", f"{winner[2]} / {winner[3]}"]


def render_forwards(forwards: Forwards) -> str:
    """Return a row for each symbol.

    Parameters
    ----------
    forwards : Forwards
        Any answers.

    Returns
    -------
    str
        HTML of a table and sentences.
    """
    table = forwards.table.reset_index().head(MOST_SYMBOLS)
    heads = ["symbol", "folds", "followed", "buy & hold", "first kept", "above median"]
    rows = [
        [
            str(row["symbol"]),
            str(row["folds"]),
            *(format_value("total_return", row[name]) for name in ("followed", "hold", "first")),
            f"{row['above_median']} of {row['ranked']}",
        ]
        for row in table.to_dict("records")
    ]
    notes = list(forwards.sentences)
    if len(forwards) > MOST_SYMBOLS:
        notes.append(f"The first {MOST_SYMBOLS} of {len(forwards):,} symbols.")
    notes += [f"left out: {reason}" for reason in forwards.left_out.values()]
    sentences = "<br>".join(map(escape, notes))
    return f"<div>{_build_table(heads, rows)}<p>{sentences}</p></div>"


def _format_row(row: Mapping[Any, Any], roles: Iterable[str], metrics: Iterable[str]) -> list[str]:
    """Return windows and metrics as texts, a dash for windows where nothing was scored."""
    windows = ["-" if isna(row[role]) else str(int(row[role])) for role in roles]
    return windows + [_format_metric(name, float(row[name])) for name in metrics]


def _format_metric(name: str, value: float) -> str:
    return format_value("total_return" if name == "buy_and_hold" else name, value)


def _build_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in heads)
    body = "".join(f"<tr>{_build_cells(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _build_cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)
