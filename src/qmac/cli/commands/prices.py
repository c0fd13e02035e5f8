"""The command that shows what is read from price files, and the lines of it that others print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import exits, streams
from qmac.cli.options.reading import Reading, check_prices_source, find_symbols, takes_reading
from qmac.cli.options.tables import AsJson, Sample
from qmac.runtime.resources.limits import Limits


@takes_reading
def prices(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Files of prices, directories of them, or names such as yahoo:SPY.",
        ),
    ] = None,
    sample: Sample = False,
    layouts: Annotated[
        bool, typer.Option("--layouts", help="List the layouts that are known by name.")
    ] = False,
    as_json: AsJson = False,
    *,
    reading: Reading,
) -> None:
    """Show what is read from price files: layout, close, dates, bars a year, and warnings.

    Example: qmac prices spy.csv
    """
    if layouts:
        _print_layouts(as_json=as_json)
        return
    from qmac.data.held_prices import list_warned

    check_prices_source(files, sample=sample)
    symbols = find_symbols(files, Limits(), reading, sample=sample)
    if as_json:
        streams.print_json(_build_answer(symbols))
    else:
        from qmac.report.terminal.prices import show_symbols

        show_symbols(symbols, streams.build_wide_console())
    if not symbols.prices:
        raise typer.Exit(exits.INPUT)
    if reading.is_strict and any(each.warnings for each in list_warned(symbols.prices)):
        streams.print_note("prices have warnings, which are errors with --strict-prices.")
        raise typer.Exit(exits.INPUT)
    if symbols.bad:
        raise typer.Exit(exits.LEFT_OUT)


def _build_answer(symbols: Any) -> dict[str, Any]:
    from qmac.data.description import describe_prices
    from qmac.data.origin import shorten_note

    described = {}
    for name, series in symbols.prices.items():
        reasons = {role: shorten_note(text) for role, text in series.origin.left_out.items()}
        columns = {"columns": list(series.frame.columns), "left_out": reasons}
        described[name] = describe_prices(series) | columns
    return {
        "prices": described,
        "left_out": {name: str(error) for name, error in symbols.bad.items()},
    }


def _print_layouts(*, as_json: bool) -> None:
    from qmac.data.layouts.find import list_names

    names = list_names()
    if as_json:
        streams.print_json({"layouts": names})
        return
    for name in names:
        streams.print_line(name)


def describe(series: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what was read of some series, as plain values for JSON.

    Parameters
    ----------
    series : mapping of str to Prices
        By symbol.

    Returns
    -------
    dict
        By symbol.
    """
    from qmac.data.description import describe_prices

    return {name: describe_prices(each) for name, each in series.items()}


def print_head(series: Mapping[str, Any], *, is_note: bool = False) -> None:
    """Print in a line or two what was read.

    Parameters
    ----------
    series : mapping of str to Prices
        By symbol; at least one.
    is_note : bool
        Whether to print it beside the answer, on standard error.
    """
    from qmac.data.description import format_bars, format_many, format_origin

    described = describe(series)
    if len(described) > 1:
        lines = format_many(list(described.values()))
    else:
        ((name, facts),) = described.items()
        lines = [format_bars(name, facts), format_origin(facts)]
    if is_note:
        for line in lines:
            streams.print_note(line)
        return
    from qmac.report.terminal.result import show_line

    console = streams.build_console()
    for line in lines:
        show_line(line, console)
