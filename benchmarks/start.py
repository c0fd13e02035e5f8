"""Seconds from the start of a process to its first unit and to its printed answer, and of a first compilation.

    python -m benchmarks.start [--rounds 5]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.measuring import Section, rounds_from, seconds, spread

FIRST_UNIT = """
import qmac
from qmac.run import executors
class Reached(Exception): pass
def reached(worker, queue): raise Reached
executors._drain = reached
try:
    qmac.optimize(qmac.sample_prices().tail(2000), qmac.Grid(windows=range(2, 253)))
except Reached:
    pass
"""
SMALL = "import qmac; qmac.optimize(qmac.sample_prices().tail(2000), qmac.Grid(windows=[5, 10, 20, 40, 80]))"


def measure(rounds: int = 5) -> Section:
    section = Section(
        "start",
        "From a cold process",
        "Whole processes, seconds. The first unit is that of the full grid on 2,000 bars: imports, loading the compiled kernels, their self-test, "
        "crosses, event lists and pilot come before it. Cold is the first run ever: an empty directory of compiled kernels. "
        "Where SciPy is installed Numba imports it, 0.2 s that qmac alone does not pay.",
        ("what", "seconds"),
    )
    commands = {
        "to the first unit": [sys.executable, "-c", FIRST_UNIT],
        "a grid of 5 windows, all of it": [sys.executable, "-c", SMALL],
        "`qmac optimize --sample` (968,734,500 combinations, 5,031 bars)": [sys.executable, "-m", "qmac", "optimize", "--sample"],
    }  # fmt: skip
    for name, command in commands.items():
        _run(command)
        section.rows.append((name, spread([seconds(lambda command=command: _run(command)) for _ in range(rounds)], 2)))
    cold = []
    for _ in range(min(rounds, 3)):
        with tempfile.TemporaryDirectory() as directory:
            began = time.perf_counter()
            _run(commands["a grid of 5 windows, all of it"], QMAC_CACHE_DIR=directory)
            cold.append(time.perf_counter() - began)
    section.rows.append(("the same with nothing compiled yet", spread(cold, 1)))
    return section


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, **environment})


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
