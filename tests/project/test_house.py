"""The rules of the package: public names, a test for each module, density, kernels as Python."""

import ast
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import source
from helpers.faults import LONG
from helpers.sweeps import sweep_ticks

import qmac

SOURCE = Path(qmac.__file__).parent
TESTS = Path(__file__).parents[1]


def test_public_names():
    assert set(qmac.__all__) == {
        "Backtest", "Cancellation", "Grid", "InputError", "Limits", "Prices", "QmacError", "Result",
        "Results", "Rules", "Session", "Signal", "__version__", "backtest", "compare",
        "compare_many", "evaluate", "explore", "fetch", "load", "luck", "optimize",
        "optimize_many", "read_prices", "resume", "sample_prices", "walk_forward",
        "walk_forward_many",
    }  # fmt: skip
    assert all(hasattr(qmac, name) for name in qmac.__all__)


def test_compiler_options_stand_in_one_file():
    sources = {path.name: path.read_text() for path in SOURCE.rglob("*.py")}
    assert [name for name, text in sources.items() if "njit" in text] == ["jit.py"]
    # the one exception: the larger of two numbers that are not NaN, which loses no bit
    flags = {name: text.replace('fastmath=("nnan",)', "") for name, text in sources.items()}
    assert not [name for name, text in flags.items() if "fastmath=" in text]


PRINTERS = {"cli/streams.py", "cli/exits.py", "runtime/monitoring/display.py"}
"""Files that print: each makes printable what it prints."""


def test_texts_leave_through_few_doors():
    """A text of a file reaches a terminal as ``printable`` has it; see ``qmac.errors``."""
    doors = {"print": set(), "warnings.warn": set(), "Console": set()}
    for file in source.python_files([SOURCE]):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in doors:
                doors[ast.unparse(node.func)].add(file.relative_to(SOURCE).as_posix())
    assert doors == {"print": PRINTERS, "warnings.warn": {"errors.py"}, "Console": set()}


def test_every_module_has_a_test_of_its_name():
    """``tests/runs/test_header.py`` tests ``qmac/runs/header.py``."""
    missing = []
    for module in sorted(SOURCE.rglob("*.py")):
        if module.name in ("__init__.py", "__main__.py", "_version.py"):
            continue
        folder = module.relative_to(SOURCE).parent
        test = folder / f"test_{module.name.removeprefix('_')}"
        if not (TESTS / test).is_file():
            missing.append(str(test))
    assert not missing, "\n".join(missing)


def test_no_test_imports_from_a_test():
    """What several tests need stands in ``tests/helpers``."""
    imports = []
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
            parts = {part for name in names for part in name.split(".")}
            if any(part == "conftest" or part.startswith("test_") for part in parts):
                imports.append(f"{file.relative_to(TESTS)}:{node.lineno} {names}")
    assert not imports, "\n".join(imports)


def test_lines_say_one_thing_each():
    """The median function has at most 8 nodes of the syntax tree a line; numbagg 6.3, httpx 4.5."""
    measured = source.densities(source.python_files([SOURCE]))
    assert len(measured) > 500
    assert statistics.median(measured.values()) <= 8


def test_lines_of_a_dense_function_are_counted_as_dense(tmp_path):
    lines = 'def f(a):\n    """Return it."""\n'
    file = tmp_path / "a.py"
    file.write_text(lines + "    b = a\n    c = b\n    d = c\n    return d\n")
    (sparse,) = source.densities([file]).values()
    file.write_text(lines + "    b = [x + y for x in a for y in x if y]\n" * 3 + "    return b\n")
    (dense,) = source.densities([file]).values()
    assert (sparse, dense) == (20 / 5, 71 / 5)
    file.write_text("def f(a):\n    return a\n")
    assert source.densities([file]) == {}


SMALL_SWEEPS = """
import sys
sys.path.insert(0, {tests!r})
from helpers.sweeps import sweep_ticks
from qmac.jobs import series_sweep
series_sweep.choose_kernel = lambda series, grid, spec, executor: spec
for min_trades in {min_trades}:
    print(sweep_ticks(min_trades).digest)
"""


def digests(*min_trades, **environment):
    """Return those of small sweeps in a process with these variables."""
    done = subprocess.run(
        [sys.executable, "-c", SMALL_SWEEPS.format(tests=str(TESTS), min_trades=min_trades)],
        capture_output=True, text=True, timeout=900, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.usefixtures("own_kernels")
def test_kernels_are_the_same_as_plain_python():
    plain = digests(1, 3, NUMBA_DISABLE_JIT="1")
    assert plain == [sweep_ticks(min_trades).digest for min_trades in (1, 3)]


BOUNDS = {"NUMBA_BOUNDSCHECK": "1"}
NARROW = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}
QUICK = {"NUMBA_OPT": "0"}
"""LLVM optimises nothing: 16 s of CPU time instead of 29, with the same checks and bits."""


@pytest.mark.slow
@pytest.mark.usefixtures("own_kernels")
@pytest.mark.parametrize("settings", [BOUNDS, NARROW] if LONG else [BOUNDS | NARROW | QUICK])
def test_no_index_is_out_of_bounds_and_no_wide_vectors_are_needed(settings, tmp_path):
    """Each compiles everything anew; one after the other only in the long run."""
    found = digests(1, **settings, QMAC_CACHE_DIR=str(tmp_path))
    assert found == [sweep_ticks(1).digest]
