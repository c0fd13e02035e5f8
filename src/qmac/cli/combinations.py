"""Commands about single combinations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import qmac
from qmac.cli import streams
from qmac.errors import OptionError
from qmac.options import AsJson, Sample, takes_rules


@takes_rules
def backtest(
    *,
    rules: qmac.Rules,
    arguments: Annotated[list[str], typer.Argument(metavar="[PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW")],
    sample: Sample = False,
    as_json: AsJson = False,
) -> None:
    """Backtest one combination in full: metrics and trades.

    Example: qmac backtest --sample 10 50 20 100
    """
    *files, a, b, c, d = arguments if len(arguments) > 3 else ["", "", "", "", ""]
    if len(arguments) < 4 or len(files) > 1:
        raise OptionError(f"backtest takes four windows, and a file before them; got {' '.join(arguments)!r}.")
    try:
        combination = tuple(int(window) for window in (a, b, c, d))
    except ValueError:
        raise OptionError(f"windows are four whole numbers, but got {a} {b} {c} {d}.") from None
    series = _prices(Path(files[0]) if files else None, sample)
    run = qmac.backtest(series, combination, rules)
    if as_json:
        trades = [
            {**row, **{name: str(row[name]) for name in ("entry_date", "exit_date")}}
            for row in run.trades.to_dict("records")
        ]
        streams.print_json({"combination": combination, "metrics": run.metrics.to_dict(), "trades": trades})
        return
    from qmac.report.terminal import show_backtest
    from qmac.simulation import buy_and_hold

    show_backtest(run, buy_and_hold(series, rules), streams.console())


def _prices(path: Path | None, sample: bool) -> qmac.Prices:
    if sample and path is not None:
        raise OptionError(f"both {path} and --sample are given. Give one of them.")
    if sample:
        return qmac.sample_prices()
    if path is None:
        raise OptionError("no prices are given. Name a CSV or Parquet file, or add --sample.")
    return qmac.read_prices(path)
