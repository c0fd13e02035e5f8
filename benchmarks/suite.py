"""All benchmarks, one after the other, into docs/benchmarks.md and docs/benchmarks.json.

    python -m benchmarks.suite [--full] [--only SECTION]

Without ``--full`` with fewer rounds, and 1e12 combinations not on one thread: under ten minutes on
two cores. With ``--only`` the other sections stay as they are, and so does what the page says of
them: the one that is measured anew says by itself with what, when and beside what load.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import (
    bound,
    cluster,
    contenders,
    forward,
    long_series,
    luck,
    many_series,
    many_series_nodes,
    many_symbols,
    objectives,
    original_profile,
    overhead,
    reading,
    scaling,
    serial,
    session,
    start,
    threads,
    throughput,
)
from benchmarks.measuring import Section, machine

DOCS = Path(__file__).parents[1] / "docs"
QUICK: dict[str, Callable[[], Section]] = {
    "original_profile": lambda: original_profile.measure(3),
    "throughput": lambda: throughput.measure(3),
    "threads": lambda: threads.measure(3),
    "objectives": lambda: objectives.measure(3),
    "long_series": lambda: long_series.measure(1),
    "bound": lambda: bound.measure(3),
    "contenders": lambda: contenders.measure(2),
    "scaling": lambda: scaling.measure(1),
    "serial": lambda: serial.measure(1, wide=False),
    "luck": lambda: luck.measure(3),
    "forward": lambda: forward.measure(1, 5),
    "many_series": lambda: many_series.measure(1, wide=False),
    "many_symbols": lambda: many_symbols.measure(1),
    "many_series_nodes": lambda: many_series_nodes.measure(1),
    "session": lambda: session.measure(10),
    "start": lambda: start.measure(3),
    "overhead": lambda: overhead.measure(1, wide=False),
    "reading": reading.measure,
}
FULL: dict[str, Callable[[], Section]] = {
    "original_profile": original_profile.measure,
    "throughput": throughput.measure,
    "threads": threads.measure,
    "objectives": objectives.measure,
    "long_series": long_series.measure,
    "bound": bound.measure,
    "contenders": contenders.measure,
    "scaling": scaling.measure,
    "serial": serial.measure,
    "luck": luck.measure,
    "forward": forward.measure,
    "many_series": many_series.measure,
    "many_symbols": many_symbols.measure,
    "many_series_nodes": many_series_nodes.measure,
    "session": session.measure,
    "start": start.measure,
    "overhead": overhead.measure,
    "reading": reading.measure,
    "cluster": cluster.measure,
}


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true")
    parser.add_argument(
        "--only", metavar="SECTION", choices=FULL, help="this one anew; the others stay as they are"
    )
    arguments = parser.parse_args()
    measures = FULL if arguments.full else {**FULL, **QUICK} if arguments.only else QUICK
    if arguments.only:
        written = json.loads((DOCS / "benchmarks.json").read_text())
        data = replace_section(written, _measure(arguments.only, measures[arguments.only]))
    else:
        sections = [_measure(name, measure).to_dict() for name, measure in measures.items()]
        data = {"machine": machine(), "full": arguments.full, "sections": sections}
    (DOCS / "benchmarks.md").write_text(build_page(data))
    (DOCS / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n")


def _measure(name: str, measure: Callable[[], Section]) -> Section:
    """Measure a section, and print it."""
    began = time.perf_counter()
    section = measure()
    print(f"{name}: {time.perf_counter() - began:.0f} s\n\n{section.markdown()}", flush=True)
    return section


def replace_section(
    written: dict[str, Any], section: Section, moment: datetime | None = None
) -> dict[str, Any]:
    """Return what is written, with a section that was measured anew, by itself.

    Parameters
    ----------
    written : dict
        Content of docs/benchmarks.json.
    section : Section
        The new one; it says what the head says of the others.
    moment : datetime, optional
        When it was measured; now by default.

    Returns
    -------
    dict
        The others as they were.
    """
    moment = moment or datetime.now(UTC)
    apart = f"Measured by itself on {moment:%Y-%m-%d}, {_join(machine())}, load {_read_load()}."
    sections = {each["name"]: each for each in written["sections"]}
    sections[section.name] = replace(section, notes=f"{section.notes} {apart}").to_dict()
    order = [name for name in FULL if name in sections]
    return {**written, "sections": [sections[name] for name in order]}


def _read_load() -> str:
    """Return how many processes wanted a CPU in the last minutes, those of the benchmark too."""
    return f"{os.getloadavg()[1]:.1f}"


def build_page(data: dict[str, Any]) -> str:
    """Return docs/benchmarks.md.

    Parameters
    ----------
    data : dict
        Content of docs/benchmarks.json.

    Returns
    -------
    str
        Markdown.
    """
    facts = data["machine"]
    head = (
        "# Benchmarks\n\n"
        f"Written by `make {'bench-full' if data['full'] else 'bench'}`, not by hand. "
        f"All figures were measured with qmac {facts['qmac']}, but for sections that say "
        f"otherwise: another version may be faster or slower. {_join(facts, '; ')}.\n\n"
        "Medians, with the smallest and the largest in brackets; contenders take turns. "
        "The machine is shared and noisy: figures of "
        "one command differ by 15 % within an hour. What they mean is in "
        "[performance.md](performance.md).\n\n"
    )
    sections: Sequence[dict[str, Any]] = data["sections"]
    return head + "\n".join(Section(**section).markdown() for section in sections)


def _join(facts: dict[str, str], between: str = ", ") -> str:
    return between.join(f"{name} {value}" for name, value in facts.items())


if __name__ == "__main__":
    main()
