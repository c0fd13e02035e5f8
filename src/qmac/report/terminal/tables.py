"""Lists on a terminal: combinations, runs, differences, findings about the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qmac.errors import printable
from qmac.jobs.listing import DAMAGED, Entry
from qmac.report.terminal.result import build_top_table
from qmac.runtime.monitoring.status import shorten
from qmac.strategy.formatting import format_value
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS
from qmac.verification.doctor import Finding
from qmac.verification.replay import Difference

MOST_NAMED = 5
"""Metrics that a note names; of more it says how many."""
NARROW_WIDTH = 72
"""Columns of a terminal below which the least important column is left out."""
FACTS_WIDTH = 66
"""Columns that a table of runs takes beside their paths."""
STATE_STYLES = {
    "running": "green",
    "interrupted": "yellow",
    "finished": "",
    "incomplete": "yellow",
    DAMAGED: "red",
}
VERDICT_STYLES = {"ok": "green", "note": "yellow", "bad": "bold red"}
SymbolDifference = tuple[str, Difference]
"""A difference and the symbol that it is of."""


def show_runs(entries: Sequence[Entry], console: Console) -> None:
    """Print a table of runs, and below it what is wrong with damaged ones.

    Where most paths are long, as those of last results, each has a line of its own, to be copied.

    Parameters
    ----------
    entries : sequence of Entry
        Runs and results.
    console : rich.console.Console
        Where they are printed.
    """
    widths = sorted(len(str(entry.path)) for entry in entries)
    room = max(console.width // 3, console.width - FACTS_WIDTH)
    if widths[len(widths) // 2] <= room or widths[-1] > console.width:
        _show_runs_table(entries, console)
    else:
        for entry in entries:
            _show_run(entry, console)
    for entry in entries:
        if entry.state == DAMAGED:
            console.print(Text(printable(f"{entry.path}: {entry.message}")), soft_wrap=True)


def _show_run(entry: Entry, console: Console) -> None:
    """Print the path of a run, and below it what a row of the table has."""
    best = "" if math.isnan(entry.best) else f"best {format_value(entry.objective, entry.best)}"
    date = entry.date if console.width >= NARROW_WIDTH else ""
    facts = [_describe_progress(entry), best, date, printable(entry.request)]
    console.print(Text(printable(entry.path)), soft_wrap=True)
    text = Text.assemble("  ", (entry.state, STATE_STYLES[entry.state]))
    text.append("".join(f"  {fact}" for fact in facts if fact))
    console.print(text)


def _show_runs_table(entries: Sequence[Entry], console: Console) -> None:
    """Print one line for each run."""
    is_wide = console.width >= NARROW_WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("run", overflow="fold", min_width=8)
    table.add_column("state", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("when", no_wrap=True, style="dim")
    table.add_column("settings", overflow="fold", min_width=14)
    for entry in entries:
        date = [entry.date] if is_wide else []
        table.add_row(
            Text(printable(entry.path)),
            Text(entry.state, STATE_STYLES[entry.state]),
            _describe_progress(entry),
            format_value(entry.objective, entry.best),
            *date,
            Text(printable(entry.request)),
        )
    console.print(table)


def _describe_progress(entry: Entry) -> str:
    """Return finished symbols of all, and the share of the one that is computed."""
    if not entry.symbols:
        return ""
    done = f"{entry.done}/{entry.symbols}"
    if math.isnan(entry.share) or entry.done == entry.symbols:
        return done
    return f"{done} {entry.share:.0%}"


def show_combinations(frame: pd.DataFrame, hold: Mapping[str, float], console: Console) -> None:
    """Print combinations beside buy & hold.

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``evaluate`` returned.
    hold : mapping of str to float
        Metrics of buy & hold.
    console : rich.console.Console
        Where they are printed. Every metric of a few combinations fits; of many, as many metrics
        as the terminal is wide.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for row in frame[list(ROLES)].to_numpy().tolist():
        table.add_column(" ".join(map(str, row)), justify="right", no_wrap=True)
    table.add_column("buy & hold", justify="right", no_wrap=True)
    for name, hold_value in hold.items():
        cells = [format_value(name, value) for value in (*frame[name], hold_value)]
        table.add_row(name, *cells)
    unlimited = console.options.update(width=10_000)
    if console.measure(table, options=unlimited).maximum <= console.width:
        console.print(table)
    else:
        console.print(build_top_table(frame, "total_return", console))


def show_differences(differences: Sequence[SymbolDifference], console: Console) -> None:
    """Print the largest difference of each metric, over all symbols.

    Parameters
    ----------
    differences : sequence of (str, Difference)
        Symbol and difference.
    console : rich.console.Console
        Where they are printed, notes below the table.
    """
    references = list(dict.fromkeys(difference.against for _, difference in differences))
    metrics = list(dict.fromkeys(difference.metric for _, difference in differences))
    has_many_symbols = len({symbol for symbol, _ in differences}) > 1
    is_wide = console.width >= NARROW_WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for name in references:
        table.add_column(f"from {name}", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("largest at", overflow="fold", min_width=12)
    largest = []
    for metric in metrics:
        row = [_find_largest(differences, metric, name) for name in references]
        cells = [_build_difference_cell(difference) for _, difference in row]
        if is_wide:
            cells.append(Text(printable(_describe_place(row, with_symbol=has_many_symbols))))
        table.add_row(metric, *cells)
        largest += [difference for _, difference in row]
    console.print(table)
    _show_notes(largest, console)


def _find_largest(
    differences: Sequence[SymbolDifference], metric: str, reference: str
) -> SymbolDifference:
    """Return the largest difference of a metric from a reference."""
    candidates = [
        (symbol, difference)
        for symbol, difference in differences
        if difference.metric == metric and difference.against == reference
    ]
    return max(candidates, key=_rank)


def _rank(entry: SymbolDifference) -> float:
    """Return the size of a difference; what was not compared is below all."""
    relative = entry[1].relative
    return -1.0 if math.isnan(relative) else relative


def _build_difference_cell(difference: Difference) -> Text:
    return Text(_format_difference(difference.relative), "" if difference.agrees else "red")


def _format_difference(relative: float) -> str:
    if math.isnan(relative):
        return "not compared"
    if math.isinf(relative):
        return "not finite"
    return "equal" if relative == 0 else f"{relative:.0e}"


def _describe_place(row: Sequence[SymbolDifference], *, with_symbol: bool) -> str:
    """Return the combination of the largest difference in a row; nothing if all are equal."""
    symbol, difference = max(row, key=_rank)
    if not difference.relative > 0:
        return ""
    windows = " ".join(map(str, difference.combination))
    return f"{shorten(symbol)} {windows}" if with_symbol else windows


def _show_notes(differences: Sequence[Difference], console: Console) -> None:
    """Print each note once, with the metrics that it is about."""
    notes: dict[str, list[str]] = {}
    for difference in differences:
        if difference.note:
            note = f"{difference.against}: {difference.note}"
            notes.setdefault(note, []).append(difference.metric)
    for note, metrics in notes.items():
        named = ", ".join(metrics)
        if len(metrics) > MOST_NAMED:
            named = f"{len(metrics)} of {len(METRICS)} metrics"
        console.print(Text(printable(f"{note} ({named})")), soft_wrap=True, style="dim")
    if any(note.startswith("vectorbt") for note in notes):
        console.print(Text('see docs/metrics.md, "Where vectorbt differs"'), style="dim")


def show_finding(finding: Finding, console: Console) -> None:
    """Print a finding about the machine in one line.

    Parameters
    ----------
    finding : Finding
        Verdict, name and words.
    console : rich.console.Console
        Where it is printed.
    """
    verdict = (f"{finding.verdict:<5}", VERDICT_STYLES[finding.verdict])
    line = Text.assemble(verdict, f"{finding.name:<9} ", printable(finding.words))
    console.print(line, soft_wrap=True, highlight=False)
