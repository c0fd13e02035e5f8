"""Commands about results that are there."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import exits, streams
from qmac.cli.options import AsJson, Directory, OneSymbol, RankBy, Rows, check_rank
from qmac.errors import OptionError, ResultError, printable

SLOW_ROWS = 50_000
"""Of a sheet of Excel, about six seconds."""


def show(
    directory: Directory,
    symbol: OneSymbol = None,
    rows: Rows = 20,
    as_toml: Annotated[
        bool,
        typer.Option("--toml", help="Print the job file that repeats it: qmac optimize job.toml"),
    ] = False,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Show a saved result again.

    Example: qmac show runs/first
    """
    from qmac.results import reader

    if as_toml:
        text = _job_text(directory)
        if as_json:
            streams.print_json({"toml": text})
        else:
            print(text, end="")
        return
    check_rank(rank_by)
    results = reader.read_results(directory, symbol)
    sound = results
    try:
        print_results(sound, rows, as_json, directory, rank_by=rank_by)
    except (
        ResultError
    ):  # raised before anything is printed; to look at all of them first would take as long again
        if len(results) == 1:
            raise
        sound = results.readable()
        print_results(sound, rows, as_json, directory, rank_by=rank_by)
    if print_failed(sound, directory):
        raise typer.Exit(exits.INCOMPLETE)
    if len(sound) < len(results):
        streams.say(f"what is damaged is done again by: qmac resume {shlex.quote(str(directory))}")
        raise typer.Exit(exits.LEFT_OUT)


def _job_text(path: Path) -> str:
    """The job file of a run, with the paths of its prices; of a result, with those of the run that it lies in."""
    from qmac.results.reader import load
    from qmac.runs import job_file
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER

    if (path / HEADER).exists():
        return job_file.format_run(RunDirectory.open(path).header, path)
    return load(path).job


def export(
    directory: Directory,
    symbol: OneSymbol = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|parquet|json|xlsx",
            help="Without it, what the file's ending says.",
            autocompletion=lambda: ["csv", "parquet", "json", "xlsx"],
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; without it, CSV or JSON on standard output.")
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            metavar="top|winners|maps|distribution",
            help="Which table.",
            autocompletion=lambda: ["top", "winners", "maps", "distribution"],
        ),
    ] = "top",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a table of a result as a file that spreadsheets, DuckDB and pandas read.

    Example: qmac export runs/first --out top.xlsx
    """
    from qmac.results import exports, reader

    out = None if out == Path("-") else out
    kind = exports.choose_format(out, kind)
    if out is None and (as_json or kind not in ("csv", "json")):
        raise OptionError(f"{'--json' if as_json else kind} needs a file. Name one: --out FILE")
    frame = exports.build_table(reader.read_results(directory, symbol), what)
    if kind == "xlsx" and len(frame) > SLOW_ROWS:
        streams.say(
            f"{len(frame):,} rows take Excel's format a while; parquet and csv take a second."
        )
    content = exports.encode(frame, kind)
    if out is None:
        sys.stdout.write(content.decode())
        return
    written = exports.write(content, out, force=force)
    if as_json:
        streams.print_json({"file": str(written), "what": what, "format": kind, "rows": len(frame)})
    else:
        print(
            f"{written}: {what} as {kind}, {len(frame):,} x {len(frame.columns)} (rows x columns)"
        )


def print_failed(results: Any, place: Path | None) -> bool:
    """Say which results are incomplete, and what can be done where they are kept; whether any is."""
    from qmac.runs.header import HEADER

    incomplete = {name: result.failed for name, result in results.items() if result.failed}
    for name, failed in incomplete.items():
        cells = ", ".join(str(cell["cell"]) for cell in failed[:5]) + (
            ", ..." if len(failed) > 5 else ""
        )
        why = (
            f"{len(failed)} cells ({cells}) failed on every node that tried: {failed[0]['reason']}."
        )
        streams.say(printable(f"{name} is incomplete: {why}"))
    if incomplete and place is not None and (place / HEADER).exists():
        streams.say(
            f"to try these cells again, and no others: qmac resume {shlex.quote(str(place))} --retry-failed"
        )
    elif incomplete and place is None:
        streams.say("to try these cells again, and no others, a run must be kept: add --out DIR.")
    return bool(incomplete)


def print_results(
    results: Any,
    rows: int,
    as_json: bool,
    path: Path | None = None,
    *,
    saved: bool = False,
    rank_by: str = "objective",
) -> None:
    """One result in full, many as a table of winners."""
    from qmac.report.terminal.result import show_result, show_symbols

    only = next(iter(results.values())) if len(results) == 1 and not results.left_out else None
    if as_json:
        if only is None:
            streams.print_json(results.summary())
        else:
            streams.print_json(only.about, top=only.rows(rank_by))
        return
    console = streams.console()
    if only is not None:
        show_result(only, console, rows=rows, rank_by=rank_by)
        if path is not None and len(only.top) > rows:
            export = f"qmac export {shlex.quote(str(path))} --out top.csv"
            console.print(
                f"all {len(only.top):,} rows: {export}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        console.print(f"digest {only.digest}", style="dim", highlight=False, soft_wrap=True)
    else:
        show_symbols(results, console)
        if rank_by != "objective":
            streams.say(
                f"note: --rank-by {rank_by} is of the rows of one symbol; winners are by objective."
            )
    if saved and path is None:
        console.print(
            "not saved: add --out DIR to keep the result",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )
    elif saved:
        console.print(
            f"saved in {path}; show it again: qmac show {shlex.quote(str(path))}; as a page: qmac report {shlex.quote(str(path))}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
