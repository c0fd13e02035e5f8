"""Commands about single combinations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import qmac
from qmac.cli import streams
from qmac.cli.options import AsJson, Sample, check_prices_source, takes_rules
from qmac.errors import OptionError


@takes_rules
def backtest(
    *,
    rules: qmac.Rules,
    arguments: Annotated[
        list[str], typer.Argument(metavar="[PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW")
    ],
    sample: Sample = False,
    as_json: AsJson = False,
) -> None:
    """Backtest one combination in full: metrics and trades.

    Example: qmac backtest --sample 10 50 20 100
    """
    path, windows = _told_apart(arguments, sample)
    if len(windows) != 4:
        raise OptionError(
            f"backtest takes four windows, and a file before them; got {' '.join(arguments)!r}."
        )
    combination, series = _whole(windows), _read_prices(path, sample=sample)
    run = qmac.backtest(series, combination, rules)
    if as_json:
        trades = [
            {**row, **{name: str(row[name]) for name in ("entry_date", "exit_date")}}
            for row in run.trades.to_dict("records")
        ]
        metrics = run.metrics.to_dict() | {"total_trades": int(run.metrics["total_trades"])}
        streams.print_json({"combination": combination, "metrics": metrics, "trades": trades})
        return
    from qmac.engine.backtest.batch import buy_and_hold
    from qmac.report.terminal.result import show_backtest

    show_backtest(run, buy_and_hold(series, rules), streams.console())


@takes_rules
def evaluate(
    *,
    rules: qmac.Rules,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PRICES] WINDOWS...", help="Four windows a combination."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="CSV or Parquet of combinations: buy_fast, buy_slow, ... or an export."
        ),
    ] = None,
    sample: Sample = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, every digit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate combinations: every metric of each.

    Example: qmac evaluate --sample 10 70 60 90 20 50 30 100
    """
    path, windows = _told_apart(arguments or [], sample)
    if as_csv and as_json:
        raise OptionError("both --csv and --json are given. Give one of them.")
    if len(windows) % 4:
        raise OptionError(
            f"{len(windows)} windows are given, but every combination takes four: {' '.join(windows)}. "
            "Give buy fast, buy slow, sell fast, sell slow, again and again."
        )
    numbers = _whole(windows)
    combinations = [list(numbers[at : at + 4]) for at in range(0, len(numbers), 4)]
    series = _read_prices(path, sample=sample)
    if source is not None:
        from qmac.results.exports import read_combinations

        combinations += read_combinations(source)
    if not combinations:
        raise OptionError("no combinations are given. Give four windows for each, or --from FILE.")
    frame = qmac.evaluate(series, combinations, rules)
    from qmac.engine.backtest.batch import buy_and_hold

    hold = buy_and_hold(series, rules)
    if as_json:
        streams.print_json({"combinations": frame.to_dict("records"), "buy_and_hold": hold})
    elif as_csv:
        frame.to_csv(sys.stdout, index=False)
    else:
        from qmac.report.terminal.tables import show_combinations

        show_combinations(frame, hold, streams.console())


def _told_apart(arguments: list[str], sample: bool) -> tuple[Path | None, list[str]]:
    """The file of prices, if there is one, and the windows."""
    if not arguments or (sample and arguments[0].isdecimal()):
        return None, arguments
    if arguments[0].isdecimal() and not Path(arguments[0]).is_file():
        return None, arguments
    return Path(arguments[0]), arguments[1:]


def _whole(windows: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(window) for window in windows)
    except ValueError:
        raise OptionError(f"windows are whole numbers, but got {' '.join(windows)}.") from None


def _read_prices(path: Path | None, *, sample: bool) -> Any:
    """Return the prices of a file or of the bundled sample."""
    check_prices_source(path, sample=sample)
    return qmac.sample_prices() if path is None else qmac.read_prices(path)
