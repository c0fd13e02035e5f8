"""Lists as people read them on a terminal: combinations, runs, differences, findings about the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qmac.jobs.listing import DAMAGED, Entry
from qmac.report.terminal.result import top_table
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import format_value
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS
from qmac.verification.doctor import Finding
from qmac.verification.replay import Difference

FEW = 5  # metrics that a note names
NARROW = 72  # columns of a terminal; below, what matters least is left out
STYLES = {
    "running": "green",
    "interrupted": "yellow",
    "finished": "",
    "incomplete": "yellow",
    DAMAGED: "red",
}


def show_runs(entries: Sequence[Entry], console: Console) -> None:
    """One line a run; what is wrong with a damaged one stands below the table, in full."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("run", overflow="fold", min_width=8)
    table.add_column("state", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    wide = console.width >= NARROW
    if wide:
        table.add_column("when", no_wrap=True, style="dim")
    table.add_column("asked", overflow="fold", min_width=14)
    for entry in entries:
        done = f"{entry.done}/{entry.symbols}" if entry.symbols else ""
        if not math.isnan(entry.share) and entry.done < entry.symbols:
            done = f"{done} {entry.share:.0%}"
        table.add_row(
            Text(str(entry.path)),
            Text(entry.state, STYLES[entry.state]),
            done,
            format_value(entry.objective, entry.best),
            *([entry.date] if wide else []),
            Text(entry.asked),
        )
    console.print(table)
    for entry in entries:
        if entry.state == DAMAGED:
            console.print(Text(f"{entry.path}: {entry.said}"), soft_wrap=True)


def show_combinations(frame: pd.DataFrame, hold: Mapping[str, float], console: Console) -> None:
    """Every metric of a few combinations beside buy & hold; of many, as many metrics as the terminal is wide."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for row in frame[list(ROLES)].to_numpy().tolist():
        table.add_column(" ".join(map(str, row)), justify="right", no_wrap=True)
    table.add_column("buy & hold", justify="right", no_wrap=True)
    for name, value in hold.items():
        table.add_row(
            name, *(format_value(name, found) for found in frame[name]), format_value(name, value)
        )
    if (
        console.measure(table, options=console.options.update(width=10_000)).maximum
        <= console.width
    ):
        console.print(table)
    else:
        console.print(top_table(frame, "total_return", console))


def show_differences(found: Sequence[tuple[str, Difference]], console: Console) -> None:
    """The largest difference of each metric from each witness, over all symbols; notes stand below the table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    witnesses = list(dict.fromkeys(difference.against for _, difference in found))
    for name in witnesses:
        table.add_column(f"from {name}", justify="right", no_wrap=True)
    if console.width >= NARROW:
        table.add_column("largest at", overflow="fold", min_width=12)
    notes: dict[str, list[str]] = {}
    for metric in dict.fromkeys(difference.metric for _, difference in found):
        cells, places = [], []
        for name in witnesses:
            worst = max(
                (pair for pair in found if pair[1].metric == metric and pair[1].against == name),
                key=lambda pair: -1.0 if math.isnan(pair[1].relative) else pair[1].relative,
            )
            cells.append(Text(_apart(worst[1].relative), "" if worst[1].agrees else "red"))
            places.append(worst)
            if worst[1].note:
                notes.setdefault(f"{name}: {worst[1].note}", []).append(metric)
        symbol, worst_of_all = max(
            places, key=lambda pair: 0.0 if math.isnan(pair[1].relative) else pair[1].relative
        )
        where = " ".join(map(str, worst_of_all.combination)) if worst_of_all.relative > 0 else ""
        several = len({name for name, _ in found}) > 1
        place = (
            [Text(f"{shorten(symbol)} {where}" if several and where else where)]
            if console.width >= NARROW
            else []
        )
        table.add_row(metric, *cells, *place)
    console.print(table)
    for note, metrics in notes.items():
        shown = (
            ", ".join(metrics)
            if len(metrics) <= FEW
            else f"{len(metrics)} of {len(METRICS)} metrics"
        )
        console.print(Text(f"{note} ({shown})"), soft_wrap=True, style="dim")
    if any(note.startswith("vectorbt") for note in notes):
        console.print(Text('see docs/metrics.md, "Where vectorbt differs"'), style="dim")


def _apart(relative: float) -> str:
    if math.isnan(relative):
        return "not compared"
    return "equal" if relative == 0 else "not finite" if math.isinf(relative) else f"{relative:.0e}"


def show_finding(finding: Finding, console: Console) -> None:
    """One line: verdict, name, words."""
    style = {"ok": "green", "note": "yellow", "bad": "bold red"}[finding.verdict]
    console.print(
        Text.assemble((f"{finding.verdict:<5}", style), f"{finding.name:<9} ", finding.words),
        soft_wrap=True,
        highlight=False,
    )
