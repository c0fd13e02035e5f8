"""What a person waits for who looks at a run of many symbols: `qmac runs`, `show`, `report`.

python -m benchmarks.many_symbols [--rounds 3] [--symbols 500]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import qmac
from benchmarks.many_series import BARS, SMALL, build_series
from benchmarks.measuring import Section, spread

SYMBOLS = 500


def measure(rounds: int = 3, symbols: int = SYMBOLS) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "many_symbols",
        f"A run directory of {symbols} symbols",
        f"Whole commands, the start of Python included, of {symbols} random markets of {BARS:,} "
        f"bars, 2:252:5, in one directory of `--out`. Aim: 2 s each.",
        ("command", "wall, s", "CPU, s"),
    )
    with tempfile.TemporaryDirectory() as folder:
        run, page = Path(folder) / "run", Path(folder) / "page.html"
        qmac.optimize_many(build_series(symbols), SMALL, out=run)
        commands = {
            "qmac runs DIR": ["runs", run],
            "qmac show DIR": ["show", run],
            "qmac report DIR": ["report", run, "--out", page],
        }
        for name, words in commands.items():
            _time_command(words)  # files are in memory from here on
            times = [_time_command(words) for _ in range(rounds)]
            walls, cpus = zip(*times, strict=True)
            section.rows.append((name, spread(list(walls), 2), spread(list(cpus), 2)))
    return section


def _time_command(words: Sequence[str | Path]) -> tuple[float, float]:
    """Return wall and CPU seconds of a command."""
    before, began = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "qmac", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    user = after.children_user - before.children_user
    return wall, user + after.children_system - before.children_system


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    arguments = parser.parse_args()
    print(measure(arguments.rounds, arguments.symbols).markdown())
