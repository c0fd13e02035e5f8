"""The command that opens the explorer: a page that sweeps while a slider moves."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

import qmac
from qmac.cli import streams
from qmac.cli.commands.common import (
    find_directory,
    read_results,
    refuse_job_options,
    select_symbol,
)
from qmac.cli.commands.prices import print_head
from qmac.cli.options import groups
from qmac.cli.options.job import JobOptions, takes_fold_options, takes_limits
from qmac.cli.options.job_file import takes_file
from qmac.cli.options.tables import READING, AsJson, OneSymbol
from qmac.errors import OptionError

LOOPBACK = "127.0.0.1"
MOST_PORT = 65535


@takes_file
@takes_limits
@takes_fold_options
def explore(  # noqa: PLR0913, one parameter for each option
    *,
    context: typer.Context,
    options: JobOptions,
    limits: qmac.Limits,
    symbol: OneSymbol = None,
    prices_file: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            metavar="FILE",
            rich_help_panel=groups.PRICES,
            help="File of the prices of a result that lacks them.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Directory in which runs are saved; the current one by default."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on. Any other than 127.0.0.1 lets others try.",
        ),
    ] = LOOPBACK,
    port: Annotated[
        int, typer.Option(metavar="NUMBER", help="Port; one that is free by default.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address of the page.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Open a page in the browser where sliders move costs, dates and stops, and all is swept anew.

    PRICES may also be the directory of a run or result, whose settings the page begins with; the
    last result by default.

    Example: qmac explore prices.csv

    Example: qmac explore --sample --windows 2:252:5 --objective sharpe_ratio
    """
    from qmac.explorer import security, server
    from qmac.explorer.explorer import Explorer
    from qmac.explorer.orders import Orders

    _check_port(port)
    server.check_installed()
    directory = find_directory(context, options)
    if directory is None and prices_file is not None:
        raise OptionError("--prices goes with the directory of a result. Name the file alone.")
    if directory is not None:
        refuse_job_options(context, directory)
        prices, request = _read_run(directory, options, symbol, prices_file)
    else:
        job = select_symbol(options.build(), symbol)
        prices, request = _take_one(job.prices, "Name one file."), job.request
    folder = Path() if out is None else out
    listener = security.bind(host, port)
    gate = security.Gate(host, listener.getsockname()[1])
    words = _list_words(options, directory, prices.name, prices_file, request.grid)
    question = server.build_first(request)
    explorer = Explorer(prices, request.grid, limits=limits, first=question, words=words)
    if not as_json:
        print_head({prices.name: prices})
    if not security.is_loopback(host):
        streams.print_note("others on the network can reach the page, and nothing is encrypted.")

    def announce() -> None:
        if as_json:
            streams.print_json({"address": gate.address})
        else:
            streams.print_line(f"open {gate.address}")
            streams.print_line("Ctrl-C ends it.")
        sys.stdout.flush()
        if not no_browser and _has_display():
            address = gate.build_address_once()
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    server.serve(explorer, gate, listener, Orders(explorer, folder), announce)


def _check_port(port: int) -> None:
    if not 0 <= port <= MOST_PORT:
        raise OptionError(f"--port must be in [0, {MOST_PORT}], got {port}. Leave it out.")


def _has_display() -> bool:
    """Return whether a browser opens in a window, and not in this terminal."""
    is_desktop = sys.platform in ("darwin", "win32")
    return is_desktop or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _read_run(
    directory: Path, options: JobOptions, symbol: str | None, prices_file: Path | None
) -> tuple[Any, Any]:
    """Return the prices of a run or result, and its request."""
    results = read_results(directory, options, symbol, prices_file)
    result = _take_one(results, "Add --symbol NAME.")
    return result.series.prices, result.request


def _take_one(values: Any, advice: str) -> Any:
    """Return the only one of several values by symbol."""
    if len(values) != 1:
        names = ", ".join(list(values)[:3])
        raise OptionError(
            f"the explorer shows one series, and there are {len(values)}: {names}, ... {advice}"
        )
    (name,) = values
    return values[name]


def _list_words(
    options: JobOptions, directory: Path | None, symbol: str, prices_file: Path | None, grid: Any
) -> list[str]:
    """Return the words by which ``qmac optimize`` reads the same prices and windows.

    Returns
    -------
    list of str
        Nothing where the prices have no file by themselves.
    """
    words = _list_price_words(options, directory, symbol, prices_file)
    return [*words, *_list_grid_words(grid)] if words else []


def _list_price_words(
    options: JobOptions, directory: Path | None, symbol: str, prices_file: Path | None
) -> list[str]:
    from qmac.runs.creation import prices_file as find_stored
    from qmac.storage.files import is_file

    if options.sample:
        return ["--sample"]
    if prices_file is None and directory is not None:
        stored = find_stored(directory, symbol)
        return [str(stored)] if is_file(stored) else []
    prices = options.prices
    if prices_file is not None:
        prices = [prices_file]
    files = list(prices.values()) if isinstance(prices, dict) else prices
    reading = []
    for name, option in READING.items():
        value = options.values[name]
        if value != option.default:
            flag = f"--{name.replace('_', '-')}"
            reading += [flag] if value is True else [flag, str(value)]
    return [*map(_to_word, files), *reading]


def _to_word(file: object) -> str:
    """Return a file as a word that is no option."""
    text = str(file)
    return f"./{text}" if text.startswith("-") else text


def _list_grid_words(grid: Any) -> list[str]:
    from qmac.runs.job_file import list_grid_options
    from qmac.strategy.defaults import DEFAULT_WINDOWS

    words = []
    for name, value in list_grid_options(grid).items():
        if value == DEFAULT_WINDOWS and name == "windows":
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, value]
    return words
