"""Tools of every benchmark: the machine in words, contenders in turn, medians with their spread."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np

import qmac
from qmac.runtime.resources.machine import available_cpus

GRID = qmac.Grid(windows=range(2, 253))
THREADS = available_cpus()


@dataclass(frozen=True)
class Section:
    """One table of the report."""

    name: str
    title: str
    notes: str  # how it was measured, and what it does not show
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the section of docs/benchmarks.md."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n`python -m benchmarks.{self.name}`. {self.notes}\n\n{table}\n"

    def to_dict(self) -> dict[str, object]:
        """Return the entry of docs/benchmarks.json."""
        return asdict(self)


def machine() -> dict[str, str]:
    """Return where and with what it was measured."""
    cpu = numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
    return {
        "CPUs": f"{THREADS} ({cpu}, {cpu_model()})",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "qmac": qmac.__version__,
    }


def cpu_model() -> str:
    """Return the name of the CPU."""
    with suppress(OSError), Path("/proc/cpuinfo").open() as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or "unknown"


def in_turn(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call contenders A B C A B C ..., after one call each that does not count."""
    for contender in contenders.values():
        contender()
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            values[name].append(contender())
    return values


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def spread(values: list[float], digits: int = 0) -> str:
    """Return the median, and the smallest and largest in brackets."""
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} - {max(values):,.{digits}f})"


def ratios(a: list[float], b: list[float]) -> list[float]:
    """Return the ratios of values that were measured in the same round."""
    return [x / y for x, y in zip(a, b, strict=True)]


def entries_per_pair(
    prices: qmac.Prices, grid: qmac.Grid = GRID, rules: qmac.Rules | None = None
) -> float:
    """Return the mean number of crosses of a buy pair."""
    from qmac.engine.dataset.series import PreparedSeries
    from qmac.engine.dataset.signals import find_all_crosses

    series = PreparedSeries.build(prices, grid.windows, rules or qmac.Rules())
    averages = series.compute_averages(grid.windows)
    pairs = grid.buys.positions(grid.windows)
    above, _ = find_all_crosses(averages, pairs, series.period)
    return float(above.starts[-1] / grid.buys.size)


def rounds_from(description: str | None, rounds: int) -> int:
    """Return the rounds that the command line names."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    return int(parser.parse_args().rounds)
