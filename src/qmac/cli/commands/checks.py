"""Commands that check: a result against independent engines, and the machine."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import exits, streams
from qmac.cli.options.last_result import LAST, DirectoryOrLast
from qmac.cli.options.tables import AsJson, OneSymbol
from qmac.errors import ResultError

BAR_BYTES, CELL_BYTES = 380, 270
"""Memory of a replay for each bar, and for each bar of a row. Measured: 358 and, where rows share
windows, 138."""
NOTE_SECONDS = 2.0
"""Time between notes on how far a slow replay is."""


def verify(
    directory: DirectoryOrLast = LAST,
    symbol: OneSymbol = None,
    rows: Annotated[
        int, typer.Option(metavar="NUMBER", help="Best rows of each symbol to replay.", min=1)
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Replay the best rows bar by bar in plain Python, and with vectorbt if it is installed.

    Exits with 1 if a metric differs.

    Example: qmac verify

    Example: qmac verify runs/first --rows 5
    """
    from qmac.verification import vectorbt
    from qmac.verification.replay import compare_rows

    differences, count = [], 0
    for name, top, replay in _build_replays(directory, symbol, rows):
        count += len(top)
        found = compare_rows(top, replay, _note_progress(name))
        differences += [(name, difference) for difference in found]
    engines = ["the reference"]
    if vectorbt.is_installed():
        engines.append("vectorbt")
    if as_json:
        _print_differences(differences, count, engines)
    elif count:
        _show_differences(differences, count, engines)
    else:
        streams.print_line("No combination is left in the result, so there is nothing to replay.")
    wrong = [(name, difference) for name, difference in differences if not difference.agrees]
    if wrong:
        streams.print_note(_describe_worst(wrong))
        raise typer.Exit(exits.DEFECT)


def _print_differences(
    differences: Sequence[tuple[str, Any]], count: int, engines: list[str]
) -> None:
    """Print the differences as JSON."""
    from qmac.verification.replay import TOLERANCE

    entries = [{"symbol": name, **difference.to_dict()} for name, difference in differences]
    answer = {
        "rows": count,
        "tolerance": TOLERANCE,
        "witnesses": engines,
        "agrees": all(difference.agrees for _, difference in differences),
        "differences": entries,
    }
    streams.print_json(answer)


def _show_differences(
    differences: Sequence[tuple[str, Any]], count: int, engines: list[str]
) -> None:
    """Print the differences as a table."""
    from qmac.report.terminal.tables import show_differences
    from qmac.verification.replay import TOLERANCE

    show_differences(differences, streams.build_console())
    if all(difference.agrees for _, difference in differences):
        names = " and ".join(engines)
        streams.print_line(
            f"{count} rows agree with {names} to {TOLERANCE:g} in every metric compared."
        )
    if "vectorbt" not in engines:
        streams.print_line(
            "vectorbt is not installed; to compare with it, too: pip install vectorbt"
        )


def _describe_worst(wrong: Sequence[tuple[str, Any]]) -> str:
    """Return the largest difference in words."""
    from qmac.verification.replay import TOLERANCE

    name, worst = max(wrong, key=lambda entry: entry[1].relative)
    if math.isinf(worst.relative):
        distance = "one of them is not finite"
    else:
        distance = f"they are {worst.relative:.1e} apart, more than {TOLERANCE:g}"
    return (
        f"{worst.metric} of {worst.combination} on {name} is {worst.actual!r}, but "
        f"{worst.expected!r} by {worst.against}: {distance}. "
        "Please report it, with the directory."
    )


def _build_replays(path: Path, symbol: str | None, rows: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, best rows and the replay of each symbol with a result."""
    from qmac.results.reader import read_results
    from qmac.runtime.resources.admission import check_memory
    from qmac.verification.replay import Replay

    for name, result in read_results(path, symbol).items():
        if result.source is None:
            raise ResultError(
                f"{path} has a result without its prices, which cannot be replayed. "
                "Results of this version include them: run it again."
            )
        series, averages = result.series, None
        top = result.top.head(rows)
        needed = BAR_BYTES * len(series.prices) + CELL_BYTES * len(series.prices) * len(top)
        check_memory(f"replaying {len(top):,} rows of {name}", needed, "replay fewer: --rows")
        if series.averages is not None:
            averages = {
                window: _to_optional(row.tolist()) for window, row in series.averages.items()
            }
        yield name, top, Replay(series.prices, result.replay_rules, averages)


def _to_optional(values: list[float]) -> list[float | None]:
    """Return values with None for NaN, as the reference has them."""
    return [None if math.isnan(value) else value for value in values]


def _note_progress(name: str) -> Callable[[int, int], None]:
    """Return a listener that notes how far a slow replay is."""
    from time import monotonic

    due = monotonic() + NOTE_SECONDS

    def listen(row: int, count: int) -> None:
        nonlocal due
        if monotonic() > due:
            due = monotonic() + NOTE_SECONDS
            streams.print_note(f"replaying row {row} of {count} of {name}")

    return listen


def doctor(as_json: AsJson = False) -> None:
    """Check this machine: versions, CPU, limits, and in a second the speed of a sweep.

    Exits with 1 if something is wrong.

    Example: qmac doctor --json
    """
    from qmac.report.terminal.tables import show_finding
    from qmac.verification.doctor import BAD, examine

    console, findings = streams.build_console(), []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            show_finding(finding, console)
            sys.stdout.flush()
    is_healthy = all(finding.verdict != BAD for finding in findings)
    if as_json:
        entries = [finding.to_dict() for finding in findings]
        streams.print_json({"healthy": is_healthy, "findings": entries})
    if not is_healthy:
        raise typer.Exit(exits.DEFECT)
