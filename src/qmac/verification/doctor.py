"""Checks of the machine: versions, CPU, caches, limits, and how fast qmac is on it."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from qmac.runs.last_results import VARIABLE, find_place, list_last_results, read_count
from qmac.runtime.monitoring.status import format_rate
from qmac.runtime.resources.admission import find_headrooms
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.machine import available_cpus
from qmac.runtime.resources.probes import Probe, Reading
from qmac.storage.files import is_directory, resolve_typed
from qmac.strategy.grid import Grid

SETTINGS: Any = numba.config
OK, NOTE, BAD = "ok", "note", "bad"
REQUIRED = ("numba", "llvmlite", "numpy", "pandas", "pyarrow")
OPTIONAL = {
    "vectorbt": "a second check in qmac verify",
    "openpyxl": "prices in .xlsx",
    "xlsxwriter": "qmac export --format xlsx",
    "plotly": "qmac report",
    "matplotlib": "qmac report --png",
    "ray": "runs on many machines",
    "yfinance": "prices by name, such as yahoo:SPY",
    "ccxt": "prices by name, such as binance:BTC/USDT",
}
"""Packages that qmac works without, and their use."""
FEATURES = ("avx512f", "avx512vl", "avx2", "avx", "fma", "sse4.2", "neon", "sve")
"""Instruction sets that matter for speed."""
REGISTERS = {"avx512f": 512, "avx": 256}
"""Bits of the widest registers, by instruction set; 128 on other CPUs."""
ADDITIONS = {
    512: r"addpd.*%zmm",
    256: r"addpd.*%ymm",
    128: r"addpd.*%xmm|fadd\s+v\d+\.2d",
}
"""How machine code adds vectors of float64, by the bits of their registers."""
LEAST_MEMORY_BYTES = 300 * 2**20
"""Memory of a run of a billion combinations on 2,000 bars."""
LOAD_SECONDS = 0.2
"""Between two readings of the CPUs' load."""
BUSY = 0.5
"""Share of the CPUs that others use on a busy machine."""
SPEED_SECONDS = 1.0
BARS, WINDOWS = 2000, range(2, 253, 2)
SLOW = 2e7
"""Combinations a second and thread: a tenth of the speed of a core of 2023."""


@dataclass(frozen=True)
class Finding:
    """One line of ``qmac doctor``."""

    name: str
    verdict: str
    """``"ok"``, ``"note"`` (works, could be better) or ``"bad"``."""
    words: str
    """A sentence for people."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The numbers of the sentence, for programs."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Returns
        -------
        dict
            The fields by name.
        """
        return dataclasses.asdict(self)


def examine() -> Iterator[Finding]:
    """Yield the findings, the slowest last.

    The test of speed takes a second, and compiles the kernels if need be.

    Yields
    ------
    Finding
        One for each line.
    """
    yield _check_python()
    yield from _check_packages()
    yield _check_cpu()
    yield _check_vectors()
    yield _check_kernel_cache()
    yield _check_last_results()
    yield from _check_limits()
    yield from _check_optional_packages()
    yield _check_speed()


def _check_python() -> Finding:
    bits = 64 if sys.maxsize > 2**32 else 32
    release, build = platform.python_version(), platform.python_implementation()
    words = f"{release}, {build}, {bits} bits, {platform.system()} {platform.machine()}"
    facts = {
        "version": release,
        "executable": sys.executable,
        "platform": platform.platform(),
    }
    return Finding("Python", OK if bits == 64 else BAD, words, facts)


def _check_packages() -> Iterator[Finding]:
    place = _shorten_path(Path(__file__).parents[1])
    yield Finding("qmac", OK, f"{__version__}, {place}", {"version": __version__})
    for name in REQUIRED:
        yield Finding(name, OK, version(name), {"version": version(name)})


def _check_cpu() -> Finding:
    supported = llvm.get_host_cpu_features()
    features = [name for name in FEATURES if supported.get(name)]
    name, model = llvm.get_host_cpu_name(), _read_cpu_model()
    shown = " ".join(features) or f"none of {' '.join(FEATURES)}"
    words, verdict = f"{model} ({name}): {shown}", OK
    if jit.DISABLED:
        words += "; NUMBA_DISABLE_JIT is set: kernels run as plain Python"
        verdict = BAD
    elif SETTINGS.CPU_NAME:
        words += f"; NUMBA_CPU_NAME={SETTINGS.CPU_NAME}: kernels are compiled for that"
        verdict = NOTE
    return Finding("CPU", verdict, words, {"name": name, "features": features, "model": model})


def _read_cpu_model() -> str:
    """Return the CPU's name for people, or the machine's architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _check_vectors() -> Finding:
    """Compare the registers that compiled kernels use with those of the CPU."""
    width, widest = measure_vector_bits(), 128
    supported = llvm.get_host_cpu_features()
    for name, bits in REGISTERS.items():
        if supported.get(name):
            widest = max(widest, bits)
    words, verdict = f"{width} bits, {width // 64} combinations at a time", OK
    if width < widest:
        words += f"; the CPU has {widest}"
        if SETTINGS.CPU_NAME:  # NUMBA_CPU_NAME hides them
            verdict = NOTE
        else:
            words += ", which LLVM takes for slower on it"
    return Finding("vectors", verdict, words, {"bits": width, "widest": widest})


def measure_vector_bits() -> int:
    """Return the width of the registers in which LLVM adds vectors of float64 on this CPU.

    Machine code is made as Numba makes it, and read.

    Returns
    -------
    int
        Bits.

    Examples
    --------
    >>> measure_vector_bits() in (64, 128, 256, 512)
    True
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = SETTINGS.CPU_FEATURES
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=SETTINGS.CPU_NAME or llvm.get_host_cpu_name(), features=features, opt=3
    )
    vector = "<32 x double>"
    module = llvm.parse_assembly(
        f"define void @f({vector}* %p) {{ "
        f"%a = load {vector}, {vector}* %p "
        f"%b = fadd {vector} %a, %a "
        f"store {vector} %b, {vector}* %p "
        "ret void }"
    )
    assembly = machine.emit_assembly(module)
    for bits, addition in ADDITIONS.items():
        if re.search(addition, assembly):
            return bits
    return 64


def _check_kernel_cache() -> Finding:
    try:
        directory = resolve_typed(cache_directory())
    except OSError as error:  # a variable names a home directory that there is not
        words = f"{error.filename}: {error.strerror}. Set QMAC_CACHE_DIR"
        return Finding("kernels", NOTE, words, {"directory": error.filename, "writable": False})
    size = _sum_sizes(directory, "*")
    size_of_all = _sum_sizes(directory.parent, "kernels-*/*")
    is_writable = directory == jit.DIRECTORY and os.access(directory, os.W_OK)
    facts = {
        "directory": str(directory),
        "bytes": size,
        "bytes_of_all_versions": size_of_all,
        "writable": is_writable,
    }
    place = _shorten_path(directory)
    if not is_writable and not jit.DISABLED:
        words = f"{place} is not used: compiled anew each time. Set QMAC_CACHE_DIR"
        return Finding("kernels", NOTE, words, facts)
    words = f"{place}, {format_bytes(size)} (with others {format_bytes(size_of_all)})"
    return Finding("kernels", OK, words, facts)


def _sum_sizes(directory: Path, pattern: str) -> int:
    """Return the bytes of all files that a pattern matches."""
    size = 0
    for file in directory.glob(pattern):
        with suppress(OSError):  # another process has removed it
            size += file.stat().st_size if file.is_file() else 0
    return size


def _check_last_results() -> Finding:
    """Say where results without ``--out`` are stored, and whether they can be."""
    try:
        count, stored = read_count(), len(list_last_results())
        directory = find_place()
    except (QmacError, OSError) as error:
        return Finding("results", NOTE, str(error), {"directory": None, "writable": False})
    is_writable = os.access(_find_existing(directory), os.W_OK)
    facts = {
        "directory": str(directory),
        "stored": stored,
        "most": count,
        "writable": is_writable,
    }
    place = _shorten_path(directory)
    if count and not is_writable:
        words = f"{place} cannot be written: only --out saves results. Set {VARIABLE}"
        return Finding("results", NOTE, words, facts)
    words = f"{place}, the last {count} stay, {stored} are there" if count else "none is stored"
    return Finding("results", OK, words, facts)


def _find_existing(path: Path) -> Path:
    """Return a directory, or the nearest above it that exists."""
    return next(place for place in (path, *path.parents) if is_directory(place))


def _shorten_path(path: Path) -> str:
    """Return a path as people write it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or a user without a home
        return str(path)


def _check_limits() -> Iterator[Finding]:
    """Yield the memory and CPUs that a run may use, and readings that the machine does not have."""
    probe = Probe(None)
    time.sleep(LOAD_SECONDS)
    reading = probe.read()
    yield from _check_memory(reading)
    yield _check_cpus(reading)
    if probe.missing:
        words = f"this machine does not say {', '.join(probe.missing)}; the governor does without"
        yield Finding("readings", OK, words, {"missing": list(probe.missing)})


def _check_memory(reading: Reading) -> Iterator[Finding]:
    for room in find_headrooms(Limits(), reading):
        verdict = OK if room.free >= LEAST_MEMORY_BYTES else NOTE
        words = f"{format_bytes(room.free)} free of {format_bytes(room.limit)}, {room.name}"
        facts = {"free": room.free, "limit": room.limit, "of": room.name}
        yield Finding("memory", verdict, words, facts)


def _check_cpus(reading: Reading) -> Finding:
    words, verdict = f"{reading.cpus:g}", OK
    if reading.cpus < reading.affinity:
        words += f" of {reading.affinity}, by a quota"
    if reading.other_load is not None:
        words += f", {reading.other_load:.0%} used by others"
        verdict = NOTE if reading.other_load > BUSY else OK
    facts = {
        "cpus": reading.cpus,
        "affinity": reading.affinity,
        "other_load": reading.other_load,
    }
    return Finding("CPUs", verdict, words, facts)


def _check_optional_packages() -> Iterator[Finding]:
    """Yield their versions from their metadata: importing some of them takes seconds."""
    for name, use in OPTIONAL.items():
        release: str | None = None
        with suppress(PackageNotFoundError):
            release = version(name)
        words = f"{release or 'not installed'} ({use})"
        yield Finding(name, OK, words, {"version": release})


def _check_speed() -> Finding:
    """Run whole sweeps for a second, once the kernels are loaded and pass their self-test."""
    prices, grid = sample_prices().tail(BARS), Grid(windows=WINDOWS)
    threads = available_cpus()

    def sweep() -> None:
        optimize(prices, grid, top=1, threads=threads)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sweep()
            runs, seconds = _repeat(sweep)
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
    work = f"{grid.size:,} combinations on {BARS:,} bars"
    plural = "" if threads == 1 else "s"
    words = f"{format_rate(rate)}: {work}, {threads} thread{plural}"
    if rate / threads < SLOW:
        words += ", slower than it could be: is the machine busy?"
        return Finding("speed", NOTE, words, facts)
    return Finding("speed", OK, words, facts)


def _repeat(call: Callable[[], None]) -> tuple[int, float]:
    """Return how often a function was called in about a second, and the seconds that took."""
    began, runs = time.perf_counter(), 0
    while True:
        call()
        runs += 1
        seconds = time.perf_counter() - began
        seconds_with_next = seconds * (runs + 1) / runs
        if seconds_with_next > SPEED_SECONDS:
            return runs, seconds
