"""What qmac finds where it runs: versions, CPU, caches, limits, and how fast it is here."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba

from qmac._version import __version__
from qmac.api import optimize
from qmac.data.sample import sample_prices
from qmac.errors import QmacError
from qmac.kernels.compiler import jit
from qmac.kernels.compiler.cache import cache_directory
from qmac.runtime.monitoring.status import format_rate
from qmac.runtime.resources.admission import find_headrooms
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.machine import available_cpus
from qmac.runtime.resources.probes import Probe
from qmac.strategy.grid import Grid

SETTINGS: Any = numba.config
OK, NOTE, BAD = "ok", "note", "bad"
OPTIONAL = {
    "vectorbt": "a second witness for qmac verify",
    "openpyxl": "qmac export --format xlsx",
    "plotly": "qmac report",
    "ray": "runs on many machines",
}
"""Packages that qmac can do without, and what for."""
FEATURES = ("avx512f", "avx512vl", "avx2", "avx", "fma", "sse4.2", "neon", "sve")
LEAST_MEMORY = 300 * 2**20
"""A run of a billion combinations on 2,000 bars takes this much."""
SPEED_SECONDS = 1.0
BARS, WINDOWS = 2000, range(2, 253, 2)
SLOW = 2e7
"""Combinations a second and thread; a tenth of what a core of 2023 does."""


@dataclass(frozen=True)
class Finding:
    """One line."""

    name: str
    verdict: str
    """``"ok"``, ``"note"`` (works, could be better) or ``"bad"``."""
    words: str
    facts: dict[str, Any] = field(default_factory=dict)
    """The same as numbers."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def findings() -> Iterator[Finding]:
    """Line by line, the slowest last: the test of speed takes a second, and compiles the kernels if need be."""
    yield _python()
    yield from _packages()
    yield _cpu()
    yield _vectors()
    yield _cache()
    yield from _limits()
    yield from _optional()
    yield _speed()


def _python() -> Finding:
    bits, build = 64 if sys.maxsize > 2**32 else 32, platform.python_implementation()
    words = f"{platform.python_version()}, {build}, {bits} bits, {platform.system()} {platform.machine()}"
    facts = {
        "version": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }
    return Finding("Python", OK if bits == 64 else BAD, words, facts)


def _packages() -> Iterator[Finding]:
    yield Finding(
        "qmac", OK, f"{__version__}, {_short(Path(__file__).parents[1])}", {"version": __version__}
    )
    for name in ("numba", "llvmlite", "numpy", "pandas", "pyarrow"):
        yield Finding(name, OK, version(name), {"version": version(name)})


def _cpu() -> Finding:
    known = llvm.get_host_cpu_features()
    found = [name for name in FEATURES if known.get(name)]
    facts = {"name": llvm.get_host_cpu_name(), "features": found, "model": _model()}
    words = (
        f"{facts['model']} ({facts['name']}): {' '.join(found) or 'none of ' + ' '.join(FEATURES)}"
    )
    if jit.DISABLED:
        return Finding(
            "CPU", BAD, f"{words}; NUMBA_DISABLE_JIT is set: kernels run as plain Python", facts
        )
    asked = SETTINGS.CPU_NAME
    if asked:
        return Finding(
            "CPU", NOTE, f"{words}; NUMBA_CPU_NAME={asked}: kernels are compiled for that", facts
        )
    return Finding("CPU", OK, words, facts)


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _vectors() -> Finding:
    """How wide the machine code is that LLVM makes of lanes here: it is made, and read."""
    width = vector_bits()
    wide = max(
        (
            bits
            for name, bits in (("avx512f", 512), ("avx", 256))
            if llvm.get_host_cpu_features().get(name)
        ),
        default=128,
    )
    words, verdict = f"{width} bits, {width // 64} combinations at a time", OK
    if width < wide:
        told = bool(SETTINGS.CPU_NAME)
        words += f"; the CPU has {wide}" + ("" if told else ", which LLVM takes for slower here")
        verdict = NOTE if told else OK
    return Finding("vectors", verdict, words, {"bits": width, "widest": wide})


def vector_bits() -> int:
    """Bits of the registers in which LLVM adds vectors of float64 for this CPU, as Numba sets it up.

    >>> vector_bits() in (64, 128, 256, 512)
    True
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = SETTINGS.CPU_FEATURES
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=SETTINGS.CPU_NAME or llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten() if features is None else features,
        opt=3,
    )
    vector = "<32 x double>"
    module = llvm.parse_assembly(
        f"define void @f({vector}* %p) {{ %a = load {vector}, {vector}* %p %b = fadd {vector} %a, %a "
        f"store {vector} %b, {vector}* %p ret void }}"
    )
    assembly = machine.emit_assembly(module)
    for pattern, bits in (
        (r"addpd.*%zmm", 512),
        (r"addpd.*%ymm", 256),
        (r"addpd.*%xmm|fadd\s+v\d+\.2d", 128),
    ):
        if re.search(pattern, assembly):
            return bits
    return 64


def _cache() -> Finding:
    place = cache_directory()
    size = sum(file.stat().st_size for file in place.glob("*") if file.is_file())
    every = sum(file.stat().st_size for file in place.parent.glob("kernels-*/*") if file.is_file())
    writable = jit.DIRECTORY is not None and os.access(place, os.W_OK)
    facts = {
        "directory": str(place),
        "bytes": size,
        "bytes_of_all_versions": every,
        "writable": writable,
    }
    if not writable and not jit.DISABLED:
        return Finding(
            "kernels",
            NOTE,
            f"{_short(place)} cannot be written: compiled anew each time. Set QMAC_CACHE_DIR",
            facts,
        )
    return Finding(
        "kernels",
        OK,
        f"{_short(place)}, {format_bytes(size)} (with others {format_bytes(every)})",
        facts,
    )


def _short(path: Path) -> str:
    """A path as people write it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or a user without a home
        return str(path)


def _limits() -> Iterator[Finding]:
    probe = Probe(None)
    time.sleep(0.2)  # shares are between two readings
    reading, limits = probe.read(), Limits()
    for room in find_headrooms(limits, reading):
        verdict = OK if room.free >= LEAST_MEMORY else NOTE
        words = f"{format_bytes(room.free)} free of {format_bytes(room.limit)}, {room.name}"
        yield Finding(
            "memory", verdict, words, {"free": room.free, "limit": room.limit, "of": room.name}
        )
    busy = "" if reading.other_load is None else f", {reading.other_load:.0%} used by others"
    quota = f" of {reading.affinity}, by a quota" if reading.cpus < reading.affinity else ""
    verdict = NOTE if (reading.other_load or 0) > 0.5 else OK
    facts = {"cpus": reading.cpus, "affinity": reading.affinity, "other_load": reading.other_load}
    yield Finding("CPUs", verdict, f"{reading.cpus:g}{quota}{busy}", facts)
    if probe.missing:
        words = f"this machine does not say {', '.join(probe.missing)}; the governor does without"
        yield Finding("readings", OK, words, {"missing": list(probe.missing)})


def _optional() -> Iterator[Finding]:
    """By their metadata: importing some of them takes seconds."""
    for name, use in OPTIONAL.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(name, OK, f"not installed ({use})", {"version": None})
        else:
            yield Finding(name, OK, f"{found} ({use})", {"version": found})


def _speed() -> Finding:
    """Whole runs for a second, once the kernels are loaded; each asks them for known answers first."""
    prices, grid = sample_prices().tail(BARS), Grid(windows=WINDOWS)
    threads = available_cpus()

    def once() -> None:
        optimize(prices, grid, top=1, threads=threads)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            once()
            runs, seconds = _repeated(once)
    except QmacError as error:
        return Finding("speed", BAD, str(error))
    rate = runs * grid.size / seconds
    facts = {
        "combinations_per_second": rate,
        "combinations": grid.size,
        "bars": BARS,
        "threads": threads,
        "runs": runs,
    }
    slow = rate / threads < SLOW
    words = f"{format_rate(rate)}: {grid.size:,} combinations on {BARS:,} bars, {threads} thread{'s' * (threads != 1)}"
    return Finding(
        "speed",
        NOTE if slow else OK,
        words + (", slower than it could be: is the machine busy?" if slow else ""),
        facts,
    )


def _repeated(call: Callable[[], None]) -> tuple[int, float]:
    """How often it was called within about a second, and the seconds that took."""
    began, runs = time.perf_counter(), 0
    while True:
        call()
        runs += 1
        seconds = time.perf_counter() - began
        if seconds * (runs + 1) / runs > SPEED_SECONDS:
            return runs, seconds
