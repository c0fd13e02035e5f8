"""The command line: parses, calls, prints. Standard output is the answer, standard error the rest."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import qmac
from qmac.errors import InputError, OptionError, QmacError
from qmac.grid import Grid, parse_windows

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A billion backtests in seconds: the Quad Moving Average Crossover, swept over its whole grid.",
)

EXIT_INPUT, EXIT_INTERRUPTED = 2, 130

PricesPath = Annotated[Path | None, typer.Argument(metavar="[PRICES]", help="CSV or Parquet file with a Close column.")]
Sample = Annotated[bool, typer.Option("--sample", help="Use the bundled S&P 500 prices, daily, 1999-2018.")]
Fees = Annotated[float, typer.Option(help="Share of a trade's value paid at each end; 0.001 is 0.1 %.")]
Slippage = Annotated[float, typer.Option(help="Share by which a fill is worse than the close.")]
Conflict = Annotated[str, typer.Option(help="Entry and exit on one bar: ignore | opposite.")]
Start = Annotated[str | None, typer.Option(help="First date that may trade; earlier bars warm the averages up.")]
Cash = Annotated[float, typer.Option(help="Cash at the start.")]
Periods = Annotated[float | None, typer.Option(help="Bars in a year; inferred from the dates by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


@app.command()
def optimize(
    prices: PricesPath = None,
    sample: Sample = False,
    windows: Annotated[
        str | None, typer.Option(help="Windows of all four averages: 2:252, 2:252:5 or 5,10,20.")
    ] = None,
    buy_fast: Annotated[str | None, typer.Option(help="Windows of one average; overrides --windows.")] = None,
    buy_slow: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    sell_fast: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    sell_slow: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    shared_windows: Annotated[bool, typer.Option("--shared-windows", help="Let buy and sell share a window.")] = False,
    objective: Annotated[str, typer.Option(help="Metric to rank by.")] = "total_return",
    top: Annotated[int, typer.Option(help="Best combinations to keep.")] = 20,
    min_trades: Annotated[int, typer.Option(help="Filter combinations with fewer trades.")] = 1,
    fees: Fees = 0.0,
    slippage: Slippage = 0.0025,
    conflict: Conflict = "ignore",
    start: Start = None,
    init_cash: Cash = 100.0,
    periods_per_year: Periods = None,
    threads: Annotated[int | None, typer.Option(help="Threads; all CPUs by default. The answer is the same.")] = None,
    out: Annotated[Path | None, typer.Option(help="New directory for the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Backtest every combination of windows and show the best.

    Example: qmac optimize --sample --windows 2:252 --top 20 --out runs/first
    """
    from qmac.result import check_writable

    if out is not None:
        check_writable(out)
    roles = {"buy_fast": buy_fast, "buy_slow": buy_slow, "sell_fast": sell_fast, "sell_slow": sell_slow}
    given = {role: parse_windows(text) for role, text in roles.items() if text is not None}
    common = parse_windows(windows) if windows is not None else None if len(given) == len(roles) else range(2, 253)
    grid = Grid(common, **given, shared_windows=shared_windows)
    rules = qmac.Rules(
        fees=fees, slippage=slippage, conflict=conflict, start=start, init_cash=init_cash,
        periods_per_year=periods_per_year,
    )  # fmt: skip
    series = _prices(prices, sample)
    with _progress() as listener:
        result = qmac.optimize(
            series, grid, objective, rules, top=top, min_trades=min_trades, threads=threads, progress=listener
        )
    if out is not None:
        result.save(out)
    if as_json:
        _print_json(result.summary())
        return
    from qmac.report.terminal import show_result

    console = Console()
    show_result(result, console, rows=top)
    console.print(f"digest {result.digest}", style="dim", highlight=False, soft_wrap=True)
    if out is None:
        console.print("not saved: add --out DIR to keep the result", style="dim", highlight=False, soft_wrap=True)
    else:
        console.print(f"saved in {out}; show it again: qmac show {out}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def backtest(
    arguments: Annotated[list[str], typer.Argument(metavar="[PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW")],
    sample: Sample = False,
    fees: Fees = 0.0,
    slippage: Slippage = 0.0025,
    conflict: Conflict = "ignore",
    start: Start = None,
    init_cash: Cash = 100.0,
    periods_per_year: Periods = None,
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
    rules = qmac.Rules(
        fees=fees, slippage=slippage, conflict=conflict, start=start, init_cash=init_cash,
        periods_per_year=periods_per_year,
    )  # fmt: skip
    series = _prices(Path(files[0]) if files else None, sample)
    run = qmac.backtest(series, combination, rules)
    if as_json:
        trades = json.loads(run.trades.to_json(orient="records", date_format="iso", double_precision=15))
        _print_json({"combination": combination, "metrics": run.metrics.to_dict(), "trades": trades})
        return
    from qmac.report.terminal import show_backtest
    from qmac.simulation import buy_and_hold

    show_backtest(run, buy_and_hold(series, rules), Console())


@app.command()
def show(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' wrote.")],
    rows: Annotated[int, typer.Option(help="Rows of the table.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a saved result again.

    Example: qmac show runs/first
    """
    result = qmac.load(directory)
    if as_json:
        _print_json(result.summary())
        return
    from qmac.report.terminal import show_result

    console = Console()
    show_result(result, console, rows=rows)
    console.print(f"digest {result.digest}", style="dim", highlight=False, soft_wrap=True)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    if version:
        typer.echo(f"qmac {qmac.__version__}")
        raise typer.Exit


def _prices(path: Path | None, sample: bool) -> qmac.Prices:
    if sample and path is not None:
        raise OptionError(f"both {path} and --sample are given. Give one of them.")
    if sample:
        return qmac.sample_prices()
    if path is None:
        raise OptionError("no prices are given. Name a CSV or Parquet file, or add --sample.")
    return qmac.read_prices(path)


def _progress() -> Any:
    """A bar on a terminal, lines in a pipe; always on standard error."""
    from qmac.run.progress import Bar, Lines

    console = Console(stderr=True)
    return Bar(_percent, console) if console.is_terminal else Lines(_percent)


def _percent(score: float) -> str:
    return f"{math.expm1(score):.1%}" if score > -math.inf else "-"


def _print_json(value: dict[str, Any]) -> None:
    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [plain(inner) for inner in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    print(json.dumps(plain(value), allow_nan=False))


class _Interrupted(BaseException):
    """Ctrl-C. Not KeyboardInterrupt, which typer would turn into a line of its own."""


def _interrupt(*_: object) -> None:
    raise _Interrupted


def main() -> None:
    """Run the command line; a mistake of the user ends in one clear line, not in a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except InputError as error:
        print(f"qmac: {error}", file=sys.stderr)
        raise SystemExit(EXIT_INPUT) from None
    except QmacError as error:
        print(f"qmac: internal error: {error} Please report it.", file=sys.stderr)
        raise SystemExit(1) from None
    except _Interrupted:
        print("qmac: interrupted; nothing was written.", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:  # the reader of a pipe has left, as in qmac ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
