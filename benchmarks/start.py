"""Seconds of a process to its first unit of work, to its answer, and of a first compilation.

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
import sys, time
import qmac
from qmac.runtime.execution.threads import WorkerPool
class Reached(Exception): pass
def reached(pool, number):
    sys.stdout.write(f"{time.time():.6f}\\n")
    raise Reached
WorkerPool._work = reached
try:
    qmac.optimize(qmac.sample_prices().tail(2000), qmac.Grid(windows=range(2, 253)))
except Reached:
    pass
"""
SMALL = """
import qmac
qmac.optimize(qmac.sample_prices().tail(2000), qmac.Grid(windows=[5, 10, 20, 40, 80]))
"""
WITHOUT_SCIPY = "import sys; sys.modules['scipy'] = None"


SAMPLE = "`qmac optimize --sample` (968,734,500 combinations, 5,031 bars)"


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "start",
        "From a cold process",
        "Seconds from the start of the process; where not said otherwise to its end. The first "
        "unit is that of the full grid on 2,000 bars: imports, loading the compiled kernels, "
        "their self-test, crosses, event lists and pilot come before it. Cold is the first run "
        "ever: an empty directory of compiled kernels. Where SciPy is installed (qmac does not "
        "need it) Numba imports it as well.",
        ("what", "seconds"),
    )
    commands = {
        "to the first unit": ["-c", f"{WITHOUT_SCIPY}\n{FIRST_UNIT}"],
        "to the first unit, SciPy installed": ["-c", FIRST_UNIT],
        "a grid of 5 windows, all of it": ["-c", SMALL],
        SAMPLE: ["-m", "qmac", "optimize", "--sample"],
    }
    for name, command in commands.items():
        _run(command)
        first_unit = "first unit" in name
        found = [
            _until_first_unit(command)
            if first_unit
            else seconds(lambda command=command: _run(command))
            for _ in range(rounds)
        ]
        section.rows.append((name, spread(found, 2)))
    cold = []
    for _ in range(min(rounds, 3)):
        with tempfile.TemporaryDirectory() as directory:
            began = time.perf_counter()
            _run(commands["a grid of 5 windows, all of it"], QMAC_CACHE_DIR=directory)
            cold.append(time.perf_counter() - began)
    section.rows.append(("the same with nothing compiled yet", spread(cold, 1)))
    return section


def _until_first_unit(command: list[str]) -> float:
    began = time.time()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0]) - began


def _run(command: list[str], **environment: str) -> None:
    variables = {**os.environ, **environment}
    subprocess.run([sys.executable, *command], capture_output=True, check=True, env=variables)


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
