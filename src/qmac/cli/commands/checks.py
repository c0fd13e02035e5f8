"""Commands that check: a result against its witnesses, and the machine."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import exits, streams
from qmac.cli.options import AsJson, Directory, OneSymbol
from qmac.errors import ResultError

SAID_AFTER = 2.0
"""Seconds after which a replay says how far it is."""


def verify(
    directory: Directory,
    symbol: OneSymbol = None,
    rows: Annotated[int, typer.Option(help="Best rows of each symbol to replay.", min=1)] = 10,
    as_json: AsJson = False,
) -> None:
    """Replay the best rows bar by bar in plain Python, and by vectorbt if it is installed; 1 if anything differs.

    Example: qmac verify runs/first --rows 5
    """
    from qmac.verification import vectorbt
    from qmac.verification.replay import TOLERANCE, compare_rows

    found, replayed = [], 0
    for name, top, replay in _replays(directory, symbol, rows):
        replayed += len(top)
        found += [(name, difference) for difference in compare_rows(top, replay, _told(name))]
    wrong = [(name, difference) for name, difference in found if not difference.agrees]
    witnesses = ["the reference", *(["vectorbt"] if vectorbt.is_installed() else [])]
    if as_json:
        listed = [{"symbol": name, **difference.to_dict()} for name, difference in found]
        streams.print_json(
            {
                "rows": replayed,
                "tolerance": TOLERANCE,
                "witnesses": witnesses,
                "agrees": not wrong,
                "differences": listed,
            }
        )
    else:
        from qmac.report.terminal.tables import show_differences

        if not replayed:
            print("No combination is left in the result, so there is nothing to replay.")
            return
        show_differences(found, streams.console())
        if not wrong:
            print(
                f"{replayed} rows agree with {' and '.join(witnesses)} to {TOLERANCE:g} in every metric compared."
            )
        if not vectorbt.is_installed():
            print(
                "vectorbt is not installed; with it there is a second witness: pip install vectorbt"
            )
    if wrong:
        name, worst = max(wrong, key=lambda pair: pair[1].relative)
        apart = (
            "one of them is not finite"
            if math.isinf(worst.relative)
            else f"they are {worst.relative:.1e} apart"
        )
        streams.say(
            f"{worst.metric} of {worst.combination} on {name} is {worst.actual!r}, but {worst.expected!r} by "
            f"{worst.against}: {apart}, more than {TOLERANCE:g}. Please report it, with the directory."
        )
        raise typer.Exit(exits.DEFECT)


def _replays(path: Path, symbol: str | None, rows: int) -> Iterator[tuple[str, Any, Any]]:
    """Name, best rows and what replays them, of each symbol that is done."""
    from qmac.results.reader import read_results
    from qmac.verification.replay import Replay

    for name, result in read_results(path, symbol).items():
        if result.source is None:
            raise ResultError(
                f"{path} holds a result without its prices, so it cannot be replayed. Results of this version keep them: "
                "run it again."
            )
        series, own = result.series, None
        if series.averages is not None:
            averages = {window: row.tolist() for window, row in series.averages.items()}
            own = {
                window: [None if math.isnan(value) else value for value in row]
                for window, row in averages.items()
            }
        yield name, result.top.head(rows), Replay(series.prices, result.rules, own)


def _told(name: str) -> Any:
    """Says how far a slow replay is."""
    from time import monotonic

    due = monotonic() + SAID_AFTER

    def tell(row: int, of: int) -> None:
        nonlocal due
        if monotonic() > due:
            due = monotonic() + SAID_AFTER
            streams.say(f"replaying row {row} of {of} of {name}")

    return tell


def doctor(as_json: AsJson = False) -> None:
    """Say what qmac finds here: versions, CPU, limits, and in a second how fast it is; 1 if something is wrong.

    Example: qmac doctor --json
    """
    from qmac.report.terminal.tables import show_finding
    from qmac.verification.doctor import BAD, examine

    console, bad, listed = streams.console(), False, []
    for finding in examine():
        bad |= finding.verdict == BAD
        listed.append(finding.to_dict())
        if not as_json:
            show_finding(finding, console)
            sys.stdout.flush()
    if as_json:
        streams.print_json({"healthy": not bad, "findings": listed})
    if bad:
        raise typer.Exit(exits.DEFECT)
