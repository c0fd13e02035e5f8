"""All benchmarks, one after the other, into docs/benchmarks.md and docs/benchmarks.json.

    python -m benchmarks.suite [--full] [--only SECTION]

Without ``--full`` with fewer rounds, and 1e12 combinations not on one thread: under ten minutes on
two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    bound,
    cluster,
    contenders,
    forward,
    long_series,
    luck,
    many_series,
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
    full, sections, earlier = arguments.full, [], {}
    if arguments.only:
        written = json.loads((DOCS / "benchmarks.json").read_text())["sections"]
        earlier = {section["name"]: section for section in written}
    for name, measure in (FULL if full else QUICK).items():
        if name in earlier and name != arguments.only:
            sections.append(Section(**earlier[name]))
            continue
        began = time.perf_counter()
        sections.append(measure())
        print(
            f"{name}: {time.perf_counter() - began:.0f} s\n\n{sections[-1].markdown()}", flush=True
        )
    facts = machine()
    head = (
        "# Benchmarks\n\n"
        f"Written by `make {'bench-full' if full else 'bench'}`, not by hand. "
        f"All figures were measured with qmac {facts['qmac']}: another version may be faster or "
        f"slower. {'; '.join(f'{name} {value}' for name, value in facts.items())}.\n\n"
        "Medians, with the smallest and the largest in brackets; contenders take turns. "
        "The machine is shared and noisy: figures of "
        "one command differ by 15 % within an hour. What they mean is in "
        "[performance.md](performance.md).\n\n"
    )
    (DOCS / "benchmarks.md").write_text(
        head + "\n".join(section.markdown() for section in sections)
    )
    data = {"machine": facts, "full": full, "sections": [section.to_dict() for section in sections]}
    (DOCS / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
