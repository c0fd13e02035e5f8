"""The command line: parses, calls, prints. Standard output is the answer, standard error the rest."""

from __future__ import annotations

import functools
import inspect
import io
import json
import logging
import math
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import qmac
from qmac.__main__ import Interrupted, State
from qmac.errors import InputError, OptionError, QmacError
from qmac.grid import Grid, parse_windows
from qmac.objective import parse_conditions

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A billion backtests in seconds: the Quad Moving Average Crossover, swept over its whole grid.",
)

EXIT_INPUT, EXIT_OUTPUT, EXIT_PIPE = 2, 74, 141

PricesPath = Annotated[Path | None, typer.Argument(metavar="[PRICES]", help="CSV or Parquet file with a Close column.")]
Sample = Annotated[bool, typer.Option("--sample", help="Use the bundled S&P 500 prices, daily, 1999-2018.")]
RULES: dict[str, tuple[Any, Any]] = {
    "fees": (Annotated[float, typer.Option(help="Share of a trade's value paid at each end; 0.001 is 0.1 %.")], 0.0),
    "slippage": (Annotated[float, typer.Option(help="Share by which a fill is worse than its price.")], 0.0025),
    "average": (Annotated[str, typer.Option(help="sma | ema | wma | hma | dema | tema | rma.")], "sma"),
    "fill": (Annotated[str, typer.Option(help="close (of the signal's bar) | next_open.")], "close"),
    "conflict": (Annotated[str, typer.Option(help="Entry and exit on one bar: ignore | opposite.")], "ignore"),
    "start": (
        Annotated[str | None, typer.Option(help="First date whose signals count; earlier bars only warm up.")],
        None,
    ),
    "end": (Annotated[str | None, typer.Option(help="Last date; later bars are not looked at.")], None),
    "stop_loss": (Annotated[float | None, typer.Option(help="Fall that closes a position; 0.05 is 5 %.")], None),
    "take_profit": (Annotated[float | None, typer.Option(help="Rise that closes a position.")], None),
    "trailing_stop": (
        Annotated[float | None, typer.Option(help="Fall from the highest high that closes a position.")],
        None,
    ),
    "max_bars": (Annotated[int | None, typer.Option(help="Bars after which a position is closed.")], None),
    "init_cash": (Annotated[float, typer.Option(help="Cash at the start.")], 100.0),
    "periods_per_year": (
        Annotated[float | None, typer.Option(help="Bars in a year; inferred from the dates by default.")],
        None,
    ),
    "fixed_fees": (Annotated[float, typer.Option(help="Refused, with the reason.", hidden=True)], 0.0),
}
"""Options that make up the ``Rules``, each with its default."""
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


def takes_rules(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``RULES`` in place of its parameter ``rules``."""

    @functools.wraps(command)
    def wrapper(**given: Any) -> None:
        command(rules=qmac.Rules(**{name: given.pop(name) for name in RULES}), **given)

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "rules"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in RULES.items()
    ]
    wrapper.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *options)}
    return wrapper


@app.command()
@takes_rules
def optimize(
    *,
    rules: qmac.Rules,
    prices: PricesPath = None,
    sample: Sample = False,
    windows: Annotated[
        str | None, typer.Option(help="Windows of the averages: 2:252 (if none are given), 2:252:5 or 5,10,20.")
    ] = None,
    buy_fast: Annotated[str | None, typer.Option(help="Windows of one average; overrides --windows.")] = None,
    buy_slow: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    sell_fast: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    sell_slow: Annotated[str | None, typer.Option(help="As --buy-fast.")] = None,
    shared_windows: Annotated[bool, typer.Option("--shared-windows", help="Let buy and sell share a window.")] = False,
    objective: Annotated[str, typer.Option(help="Metric to rank by, such as sharpe_ratio.")] = "total_return",
    minimize: Annotated[bool, typer.Option("--minimize", help="Look for the lowest instead.")] = False,
    where: Annotated[
        list[str] | None, typer.Option(help="Keep only what holds: 'total_trades >= 10'. May be given again.")
    ] = None,
    top: Annotated[int, typer.Option(help="Best combinations to keep.")] = 20,
    min_trades: Annotated[int, typer.Option(help="Filter combinations with fewer trades.")] = 1,
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
    series = _prices(prices, sample)
    with _progress(objective) as listener:
        result = qmac.optimize(
            series, grid, objective, rules, top=top, min_trades=min_trades, threads=threads, progress=listener,
            maximize=not minimize, constraints=parse_conditions(where or []),
        )  # fmt: skip
    if State.interrupted:  # raised where Python could not pass it on
        raise Interrupted
    if out is not None:
        State.written = f"the result is in {result.save(out)}"
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
        console.print(
            f"saved in {out}; show it again: qmac show {shlex.quote(str(out))}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@app.command()
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
        _print_json({"combination": combination, "metrics": run.metrics.to_dict(), "trades": trades})
        return
    from qmac.report.terminal import show_backtest
    from qmac.simulation import buy_and_hold

    show_backtest(run, buy_and_hold(series, rules), Console())


@app.command()
def show(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' wrote.")],
    rows: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
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


def _progress(metric: str) -> Any:
    """A bar on a terminal, lines in a pipe; always on standard error."""
    from qmac.report.terminal import number
    from qmac.run.progress import Bar, Lines

    console, shown = Console(stderr=True), functools.partial(number, metric)
    return Bar(shown, console) if console.is_terminal else Lines(shown)


def _print_json(value: dict[str, Any]) -> None:
    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [plain(inner) for inner in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    print(json.dumps(plain(value), allow_nan=False))


class _CompilerNote(logging.Handler):
    """Says once why nothing happens for some seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).removeHandler(self)
        print("qmac: compiling the kernels for this question; some seconds, once.", file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"qmac: note: {message}", file=sys.stderr)


def run() -> int:
    """Run the command line and return its exit code; errors become one line on standard error."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    compiler = logging.getLogger("qmac.compiler")
    compiler.setLevel(logging.INFO)
    compiler.propagate = False
    compiler.addHandler(_CompilerNote())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name in a terminal that cannot show it
    try:
        app()
    except SystemExit as leaving:  # how typer says that it is done
        return leaving.code if isinstance(leaving.code, int) else 0
    except InputError as error:
        print(f"qmac: {error}", file=sys.stderr)
        return EXIT_INPUT
    except QmacError as error:
        print(f"qmac: internal error: {error} Please report it.", file=sys.stderr)
    except BrokenPipeError:  # the reader of a pipe has left, as in qmac ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except OSError as error:
        print(f"qmac: {error.filename or 'output'}: {error.strerror or error}.", file=sys.stderr)
        return EXIT_OUTPUT
    return 1
