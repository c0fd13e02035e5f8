"""Commands about saved results, and the printing that commands about runs share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from qmac.cli import exits, streams
from qmac.cli.options.job import check_rank
from qmac.cli.options.last_result import LAST, AnswerOrLast, DirectoryOrLast, use_last_result
from qmac.cli.options.tables import AllRows, AsJson, OneSymbol, RankBy, Rows, Verbose
from qmac.errors import OptionError, ResultError, printable, shell_quote

SLOW_SHEET_ROWS = 50_000
"""Rows from which on a sheet of Excel takes a while, about six seconds."""
MOST_CELLS = 5
"""Failed cells that a note names."""
FULL_ROWS = 20
"""Rows of a table that is not cut to a screen."""
SHORT_DIGEST = 12
"""Characters of a digest on a screen; ``--json`` and ``--verbose`` have all."""
TABLES = ("top", "winners", "maps", "distribution")
SCRIPTS = ("pine", "vectorbt", "backtesting", "backtrader")
"""Tools for which a script is written, as the report lists them, which is imported later."""
FORMATS = ("csv", "parquet", "json", "xlsx")


class View(NamedTuple):
    """What is shown of a result on a terminal."""

    rows: int | None = None
    rank_by: str = "objective"
    all_rows: bool = False
    verbose: bool = False


def show(  # noqa: PLR0913, one parameter for each option
    directory: AnswerOrLast = LAST,
    symbol: OneSymbol = None,
    rows: Rows = None,
    all_rows: AllRows = False,
    verbose: Verbose = False,
    as_toml: Annotated[
        bool,
        typer.Option("--toml", help="Print the job file that repeats it: qmac optimize job.toml"),
    ] = False,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Show a saved result again.

    Example: qmac show

    Example: qmac show runs/first

    Example: qmac show runs/first/luck/SPY/luck.json
    """
    from qmac.results.reader import find_answer, read_results

    answer = find_answer(directory)
    if answer is not None:
        _show_answer(answer, as_toml=as_toml, as_json=as_json)
        return
    if as_toml:
        _print_job_file(directory, as_json=as_json)
        return
    view = View(rows, check_rank(rank_by), all_rows, verbose)
    if _show_walk(directory, symbol, as_json=as_json):
        return
    results = read_results(directory, symbol)
    readable = results
    try:
        print_results(readable, view, as_json=as_json, path=directory)
    except (
        ResultError
    ):  # before anything is printed; to check all of them first takes twice as long
        if len(results) == 1:
            raise
        readable = results.readable()
        print_results(readable, view, as_json=as_json, path=directory)
    is_sound = as_json or _print_luck(directory, readable)
    is_sound = is_sound and (as_json or _print_forward(directory, readable))
    if results.missing:
        _note_next(directory, "what is not done yet")
    if print_failed(readable, directory):
        raise typer.Exit(exits.INCOMPLETE)
    if len(readable) < len(results):
        _note_next(directory, "damaged results again")
        raise typer.Exit(exits.LEFT_OUT)
    if not is_sound:
        raise typer.Exit(exits.LEFT_OUT)


def _show_walk(directory: Path, symbol: str | None, *, as_json: bool) -> bool:
    """Show a walk-forward; return whether the directory holds one, and no sweep."""
    from qmac.results.reader import holds_walk

    if not holds_walk(directory):
        return False
    from qmac.cli.commands.walk_forward import print_answer
    from qmac.robustness.forward.many import Forwards, read_walk

    answer = read_walk(directory, symbol)
    print_answer(answer, as_json=as_json)
    if isinstance(answer, Forwards) and answer.left_out:
        raise typer.Exit(exits.LEFT_OUT)
    return True


def _show_answer(path: Path, *, as_toml: bool, as_json: bool) -> None:
    """Show the answer in a file, whichever it is."""
    from qmac.cli.commands import luck, walk_forward
    from qmac.robustness.answers import read_any
    from qmac.robustness.forward.answer import Forward

    if as_toml:
        raise OptionError(
            f"--toml prints the job file of a run or result, and {path} is an answer. Name the "
            "directory of its run."
        )
    answer = read_any(path)
    if isinstance(answer, Forward):
        walk_forward.print_answer(answer, as_json=as_json)
    else:
        luck.print_answer(answer, as_json=as_json)


def _print_luck(directory: Path, results: Any) -> bool:
    """Print what random markets say of the results of a run; return whether all of it is sound."""
    from qmac.runs.directory import LUCK

    def describe(run: Any, task: Any) -> str:
        from qmac.robustness.luck.sentences import describe_shortly
        from qmac.robustness.luck.store import read_answer

        luck = read_answer(run, task)
        return "" if luck is None else describe_shortly(luck.conclusion)

    return _print_answers(directory, results, LUCK, "is it luck?", describe)


def _print_forward(directory: Path, results: Any) -> bool:
    """Print what walk-forwards in a run say; return whether all of it is sound."""
    from qmac.runs.directory import FORWARD

    def describe(run: Any, task: Any) -> str:
        from qmac.robustness.forward.store import read_task_forward

        forward = read_task_forward(run, task)
        return "" if forward is None else forward.outcome

    return _print_answers(directory, results, FORWARD, "walk-forward:", describe)


def _print_answers(
    directory: Path,
    results: Any,
    folder: str,
    heading: str,
    describe: Callable[[Any, Any], str],
) -> bool:
    """Print a line for each answer beside the results of a run; return whether all are sound."""
    from qmac.runs.directory import RunDirectory
    from qmac.storage.files import look_up

    if look_up(directory / folder) is None:
        return True
    run, is_sound = RunDirectory.open(directory), True
    for task in run.tasks:
        if task.name not in results:
            continue
        try:
            text = describe(run, task)
        except ResultError as error:
            streams.print_note(str(error))
            is_sound = False
            continue
        if text:
            name = "" if results.is_single else f"{task.name}: "
            _print_plain(f"{heading} {name}{text}")
    return is_sound


def _note_next(directory: Path, what: str) -> None:
    """Print how the rest of a run is computed, or that it is being computed."""
    from qmac.runs.directory import RunDirectory
    from qmac.storage.lock import LOCK, is_held

    path = shell_quote(directory)
    if not RunDirectory.open(directory).header.is_resumable:
        return  # by that version only, as ``qmac resume`` says
    if is_held(directory / LOCK):
        streams.print_note(f"{what} is being computed; watch it: qmac watch {path}")
    else:
        streams.print_note(f"to compute {what}: qmac resume {path}")


def _print_job_file(directory: Path, *, as_json: bool) -> None:
    """Print the job file of a run or of a single result."""
    text = _read_job_file(directory)
    if as_json:
        streams.print_json({"toml": text})
    else:
        sys.stdout.write(text)


def _read_job_file(path: Path) -> str:
    """Return the job file: of a run with the paths of its prices, of a result without."""
    from qmac.results.reader import load
    from qmac.runs import job_file
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER
    from qmac.storage.files import look_up

    if look_up(path / HEADER) is not None:
        return job_file.format_run(RunDirectory.open(path).header, path)
    return load(path).job


def save(
    context: typer.Context,
    out: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="New directory, as --out would have written it.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Save the last result in a directory: a copy, with its prices and what was said about it.

    Example: qmac save runs/spy
    """
    from qmac.runs.copying import copy_run

    path = copy_run(use_last_result(context), out)
    if as_json:
        streams.print_json({"directory": str(path)})
    else:
        print_place(path)


def export(  # noqa: PLR0913 - options of the command line
    directory: DirectoryOrLast = LAST,
    symbol: OneSymbol = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="Format of the file; by default that of its ending.",
            autocompletion=lambda: list(FORMATS),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File to write; by default CSV or JSON on standard output."
        ),
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            metavar="|".join((*TABLES, *SCRIPTS)),
            help="Table to export, or the tool for which a script is written.",
            autocompletion=lambda: [*TABLES, *SCRIPTS],
        ),
    ] = "top",
    combination: Annotated[
        str | None,
        typer.Option(
            metavar="'W W W W'", help="Four windows in place of the best combination, for a script."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Export a table of a result, or a script that trades its best combination in another tool.

    Example: qmac export --out top.csv

    Example: qmac export runs/first --out top.xlsx

    Example: qmac export runs/first --what pine --out first.pine
    """
    from qmac.results import exports
    from qmac.results.reader import read_results

    out = None if out == Path("-") else out
    if what in SCRIPTS:
        if kind is not None:
            raise OptionError(f"--format is for tables, and {what} is a script. Leave it out.")
        text = _write_script(read_results(directory, symbol), what, directory, combination)
        _print_script(text, what, out, force=force, as_json=as_json)
        return
    if combination is not None:
        raise OptionError(f"--combination is for a script: --what {' or '.join(SCRIPTS)}")
    kind = exports.choose_format(out, kind)
    if out is None and (as_json or kind not in ("csv", "json")):
        raise OptionError(f"{'--json' if as_json else kind} needs a file. Name one: --out FILE")
    results = read_results(directory, symbol)
    frame = exports.build_table(results, what)
    if results.missing:
        streams.print_note(results.describe_missing())
        _note_next(directory, "the rest")
    if kind == "xlsx" and len(frame) > SLOW_SHEET_ROWS:
        streams.print_note(
            f"{len(frame):,} rows take a while in Excel's format; parquet and csv take a second."
        )
    content = exports.encode(frame, kind)
    if out is None:
        sys.stdout.write(content.decode())
        return
    path = exports.write(content, out, force=force)
    if as_json:
        streams.print_json({"file": str(path), "what": what, "format": kind, "rows": len(frame)})
    else:
        size = f"{len(frame):,} x {len(frame.columns)} (rows x columns)"
        streams.print_line(f"{path}: {what} as {kind}, {size}")


def _write_script(results: Any, tool: str, directory: Path, combination: str | None) -> str:
    """Return a script for the only result of a directory."""
    from qmac.cli.commands.combinations import parse_windows
    from qmac.report.scripts.script import write_script
    from qmac.runs.creation import prices_file
    from qmac.storage.files import is_file

    if len(results) != 1:
        raise OptionError(
            f"a script is for one symbol, and {printable(directory)} has {len(results)}. Name one: "
            "--symbol NAME"
        )
    ((name, result),) = results.items()
    windows = None if combination is None else parse_windows(combination.replace(",", " ").split())
    prices = prices_file(directory.absolute(), name)
    return write_script(result, tool, windows, prices if is_file(prices) else None)


def _print_script(text: str, tool: str, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Write a script into a file or to standard output."""
    from qmac.results import exports

    if out is None:
        if as_json:
            streams.print_json({"what": tool, "script": text})
        else:
            sys.stdout.write(text)
        return
    path = exports.write(text.encode(), out, force=force)
    if as_json:
        streams.print_json({"file": str(path), "what": tool})
    else:
        streams.print_line(f"{path}: a script for {tool}")


def print_failed(results: Any, path: Path | None) -> bool:
    """Print which results are incomplete, and how to compute the failed cells.

    Parameters
    ----------
    results : Results
        Results by symbol.
    path : pathlib.Path, optional
        Directory of the run; None where it is in memory.

    Returns
    -------
    bool
        Whether any is incomplete.
    """
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER
    from qmac.storage.files import look_up

    failed_by_name = {name: results.outline(name).failed for name in results}
    incomplete = {name: failed for name, failed in failed_by_name.items() if failed}
    for name, failed in incomplete.items():
        streams.print_note(f"{name} is incomplete: {_describe_failed(failed)}")
    if not incomplete:
        return False
    advice = "to try these cells again, and no others"
    if path is None:
        streams.print_note(f"{advice}, save the run in a directory: add --out DIR.")
    elif look_up(path / HEADER) is not None and RunDirectory.open(path).header.is_resumable:
        command = f"qmac resume {shell_quote(path)} --retry-failed"
        streams.print_note(f"{advice}: {command}")
    return True


def _describe_failed(failed: list[dict[str, Any]]) -> str:
    cells = [str(entry["cell"]) for entry in failed[:MOST_CELLS]]
    if len(failed) > MOST_CELLS:
        cells.append("...")
    return (
        f"{len(failed)} cells ({', '.join(cells)}) failed on every node that tried: "
        f"{failed[0]['reason']}."
    )


def print_results(results: Any, view: View, *, as_json: bool, path: Path | None = None) -> None:
    """Print a single result in full, or the winners of many symbols.

    Parameters
    ----------
    results : Results
        Results by symbol.
    view : View
        What is shown of a result.
    as_json : bool
        Whether to print one JSON object instead.
    path : pathlib.Path, optional
        Directory of the results.
    """
    if results.is_single:
        (result,) = results.values()
        _print_result(result, view, as_json=as_json, path=path)
    elif as_json:
        streams.print_json(results.summary())
    else:
        from qmac.report.terminal.result import show_symbols

        show_symbols(results, streams.build_console())
        if view.rank_by != "objective":
            streams.print_note(
                f"note: --rank-by {view.rank_by} orders the rows of one symbol; "
                "winners are by objective."
            )


def _print_result(result: Any, view: View, *, as_json: bool, path: Path | None) -> None:
    """Print a result on a screen, or in full."""
    if as_json:
        streams.print_json(result.about, top=result.rows(view.rank_by))
        return
    console = streams.build_console()
    rows, digest = view.rows or FULL_ROWS, result.digest
    if view.verbose:
        from qmac.report.terminal.result import show_result
        from qmac.report.terminal.summary import show_cautions

        show_result(result, console, rows=rows, rank_by=view.rank_by)
        show_cautions(result, console)
        if path is not None and len(result.top) > rows:
            command = f"qmac export {shell_quote(path)} --out top.csv"
            _print_plain(f"all {len(result.top):,} rows: {command}")
    else:
        from qmac.report.terminal.summary import show_summary

        show_summary(result, console, view.rows, view.rank_by, all_rows=view.all_rows)
        digest = digest[:SHORT_DIGEST]
    console.print(f"digest {digest}", style="dim", highlight=False, soft_wrap=True)


def print_place(path: Path | None, stored: Any = None) -> None:
    """Print where a result is saved and how to show it, or how to save it.

    Parameters
    ----------
    path : pathlib.Path, optional
        Directory of the run; None where it is in memory.
    stored : Stored, optional
        Whether it is the last result, where there is no directory.
    """
    if path is None:
        text = "not saved: add --out DIR to save the result"
        if stored is not None and stored.is_stored:
            text = (
                "last result: qmac report, qmac show, qmac signal read it; qmac save DIR saves it"
            )
        elif stored is not None and stored.is_too_large:
            text = f"not saved, for {stored.reason}: add --out DIR to save the result"
        elif stored is not None and stored.reason:
            text += f" ({printable(stored.reason)})"
        streams.build_console().print(
            text, style="dim", highlight=False, markup=False, soft_wrap=True
        )
        return
    quoted = shell_quote(path)
    _print_plain(f"saved in {path}; show it: qmac show {quoted}; as a page: qmac report {quoted}")


def print_page(path: Path, *, is_note: bool = False) -> None:
    """Print where a page is.

    Parameters
    ----------
    path : pathlib.Path
        The page.
    is_note : bool
        Whether to print it beside the answer, on standard error.
    """
    megabytes = path.stat().st_size / 1e6
    text = f"{shell_quote(path)}, {megabytes:.1f} MB: open it in a browser"
    streams.print_line(text, sys.stderr if is_note else None)


def print_luck_hint(
    results: Any, objective: str, words: Sequence[str], threads: int | None
) -> None:
    """Print the command that says whether the best is luck, and about how long it takes.

    Parameters
    ----------
    results : Results
        Results by symbol; only their outlines are read.
    objective : str
        That of all of them.
    words : sequence of str
        Arguments of the command.
    threads : int or None
        Threads that it uses; None for as many as each sweep had, as on a cluster.
    """
    from qmac.robustness.luck.estimate import add_durations, estimate_duration
    from qmac.robustness.luck.search import RESAMPLES, Plan

    plan = Plan.check(RESAMPLES)
    durations = []
    for outline in map(results.outline, results):
        if outline.best is None or outline.failed or outline.prices["averages"] == "own":
            continue
        seconds, bars = outline.elapsed * outline.threads, outline.prices["bars"]
        workers = threads or outline.threads
        durations.append(estimate_duration(seconds, bars, objective, plan, workers))
    if durations:
        command = " ".join(map(shell_quote, ["qmac", "luck", *words]))
        _print_plain(f"is it luck? {command} (about {add_durations(durations).text})")


def _print_plain(text: str) -> None:
    """Print a line with paths or commands in one piece, however long it is."""
    streams.build_console().print(printable(text), highlight=False, soft_wrap=True)
