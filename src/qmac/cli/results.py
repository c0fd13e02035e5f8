"""Commands about results that are there."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import streams
from qmac.options import AsJson


def show(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' wrote.")],
    rows: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a saved result again.

    Example: qmac show runs/first
    """
    from qmac import jobs

    print_results(jobs.read(directory), rows, as_json)


def print_results(results: Any, rows: int, as_json: bool, path: Path | None = None, *, saved: bool = False) -> None:
    """One result in full, many as a table of winners."""
    from qmac.report.terminal import show_result, show_winners

    only = next(iter(results.values())) if len(results) == 1 and not results.left_out else None
    if as_json:
        streams.print_json(only.summary() if only is not None else results.summary())
        return
    console = streams.console()
    if only is not None:
        show_result(only, console, rows=rows)
        console.print(f"digest {only.digest}", style="dim", highlight=False, soft_wrap=True)
    else:
        show_winners(results, console)
    if saved and path is None:
        console.print("not saved: add --out DIR to keep the result", style="dim", highlight=False, soft_wrap=True)
    elif saved:
        console.print(
            f"saved in {path}; show it again: qmac show {shlex.quote(str(path))}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
