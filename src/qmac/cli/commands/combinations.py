"""Commands about single combinations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import qmac
from qmac.cli import streams
from qmac.cli.commands.prices import describe, print_head
from qmac.cli.options import groups
from qmac.cli.options.job import takes_rules
from qmac.cli.options.reading import Reading, check_prices_source, read_prices, takes_reading
from qmac.cli.options.tables import AsJson, Sample
from qmac.errors import OptionError

WINDOWS_EACH = 4
"""Windows of a combination."""


@takes_reading
@takes_rules
def backtest(
    *,
    rules: qmac.Rules,
    reading: Reading,
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW",
            help="CSV or Parquet file of the prices, or a name such as yahoo:SPY, and the window "
            "of each average.",
        ),
    ],
    sample: Sample = False,
    as_json: AsJson = False,
) -> None:
    """Backtest one combination in full: metrics and trades.

    Example: qmac backtest --sample 10 50 20 100
    """
    path, windows = _split_arguments(arguments, sample=sample)
    if len(windows) != WINDOWS_EACH:
        raise OptionError(
            f"backtest takes four windows, got {len(windows)}: {' '.join(windows)}. "
            "Example: qmac backtest spy.csv 10 50 20 100"
        )
    combination = parse_windows(windows)
    series = _read_prices(path, reading, sample=sample)
    run = qmac.backtest(series, combination, rules)
    if as_json:
        _print_backtest(run, series, rules)
        return
    from qmac.engine.backtest.batch import buy_and_hold
    from qmac.report.terminal.result import show_backtest

    _print_head(series, rules)
    show_backtest(run, buy_and_hold(series, rules), streams.build_console())


def _print_backtest(run: qmac.Backtest, series: Any, rules: qmac.Rules) -> None:
    """Print a backtest as JSON."""
    trades = [
        {**row, "entry_date": str(row["entry_date"]), "exit_date": str(row["exit_date"])}
        for row in run.trades.to_dict("records")
    ]
    metrics = run.metrics.to_dict()
    metrics["total_trades"] = int(metrics["total_trades"])
    answer = {"combination": run.combination, "metrics": metrics, "trades": trades}
    streams.print_json(answer | {"prices": _describe(series), "rules": rules.to_dict()})


def _print_head(series: Any, rules: qmac.Rules) -> None:
    """Print symbol, dates, what trading costs, and where orders are filled."""
    from qmac.report.terminal.result import show_line
    from qmac.strategy.description import describe_costs
    from qmac.strategy.rules import FILLS

    print_head({series.name: series})
    console, costs = streams.build_console(), describe_costs(rules)
    if rules.start or rules.end:
        costs += f" Traded from {rules.start or 'the first bar'} to {rules.end or 'the last'}."
    for line in (costs, FILLS[rules.fill]):
        show_line(line, console)


@takes_reading
@takes_rules
def evaluate(
    *,
    rules: qmac.Rules,
    reading: Reading,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PRICES] WINDOWS...",
            help="CSV or Parquet file of the prices, or a name such as yahoo:SPY, and four windows "
            "for each combination.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            rich_help_panel=groups.PRICES,
            help="CSV or Parquet file of combinations: buy_fast, buy_slow, ... or an export.",
        ),
    ] = None,
    sample: Sample = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with every digit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate combinations: every metric of each.

    Example: qmac evaluate --sample 10 70 60 90 20 50 30 100
    """
    if as_csv and as_json:
        raise OptionError("--csv and --json exclude each other. Use one of them.")
    path, windows = _split_arguments(arguments or [], sample=sample)
    combinations = _group_windows(windows)
    series = _read_prices(path, reading, sample=sample)
    if source is not None:
        from qmac.results.exports import read_combinations

        combinations += read_combinations(source)
    if not combinations:
        raise OptionError("combinations are missing. Give four windows for each, or --from FILE.")
    frame = qmac.evaluate(series, combinations, rules)
    if as_csv:
        print_head({series.name: series}, is_note=True)
        frame.to_csv(sys.stdout, index=False)
        return
    from qmac.engine.backtest.batch import buy_and_hold

    hold = buy_and_hold(series, rules)
    if as_json:
        answer = {"combinations": frame.to_dict("records"), "buy_and_hold": hold}
        streams.print_json(answer | {"prices": _describe(series), "rules": rules.to_dict()})
        return
    from qmac.report.terminal.tables import show_combinations

    _print_head(series, rules)
    show_combinations(frame, hold, streams.build_console())


def _describe(series: Any) -> dict[str, Any]:
    return {"name": series.name, **describe({series.name: series})[series.name]}


def _split_arguments(arguments: list[str], *, sample: bool) -> tuple[Path | None, list[str]]:
    """Return the file of prices, if there is one, and the windows."""
    if not arguments:
        return None, []
    is_window = arguments[0].isdecimal()
    if is_window and (sample or not Path(arguments[0]).is_file()):
        return None, arguments
    return Path(arguments[0]), arguments[1:]


def _group_windows(windows: Sequence[str]) -> list[Any]:
    """Return combinations of four windows each."""
    if len(windows) % WINDOWS_EACH:
        raise OptionError(
            f"every combination takes four windows, got {len(windows)} in all: "
            f"{' '.join(windows)}. "
            "Give buy fast, buy slow, sell fast and sell slow of each combination."
        )
    numbers = parse_windows(windows)
    starts = range(0, len(numbers), WINDOWS_EACH)
    return [list(numbers[start : start + WINDOWS_EACH]) for start in starts]


def parse_windows(windows: Sequence[str]) -> tuple[int, ...]:
    """Return windows as numbers.

    Parameters
    ----------
    windows : sequence of str
        Words of the command line.

    Returns
    -------
    tuple of int
        As many.

    Raises
    ------
    OptionError
        If one is no whole number.
    """
    try:
        return tuple(int(window) for window in windows)
    except ValueError:
        raise OptionError(f"windows must be whole numbers, got {' '.join(windows)}.") from None


def _read_prices(path: Path | None, reading: Reading, *, sample: bool) -> Any:
    """Return the prices of a file or of the bundled sample."""
    check_prices_source(path, sample=sample)
    return qmac.sample_prices() if path is None else read_prices(path, reading)
