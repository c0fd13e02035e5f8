"""Lines that hold the house: public names, compiler options in one file, kernels as plain Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qmac

SOURCE = Path(qmac.__file__).parent


def test_public_names():
    assert set(qmac.__all__) == {
        "Backtest", "Grid", "InputError", "Limits", "Prices", "QmacError", "Result", "Results", "Rules", "__version__",
        "backtest", "evaluate", "load", "optimize", "optimize_many", "read_prices", "resume", "sample_prices",
    }  # fmt: skip
    assert all(hasattr(qmac, name) for name in qmac.__all__)


def test_compiler_options_stand_in_one_file():
    sources = {path.name: path.read_text() for path in SOURCE.rglob("*.py")}
    assert [name for name, text in sources.items() if "njit" in text] == ["jit.py"]
    # the one exception: the larger of two numbers that are not NaN, which loses no bit
    flags = {name: text.replace('fastmath=("nnan",)', "") for name, text in sources.items()}
    assert not [name for name, text in flags.items() if "fastmath=" in text]


def test_files_stay_short():
    assert {
        path.name: n
        for path in SOURCE.rglob("*.py")
        if (n := len(path.read_text().splitlines())) > 350
    } == {}


SMALL = """
import qmac, sys
sys.path.insert(0, {tests!r})
from helpers.series import frame, series
result = qmac.optimize(frame(series("ticks", 80, 3)), qmac.Grid(windows=range(2, 8)), top=9, threads=1, min_trades={min_trades})
print(result.digest)
"""


def digest(min_trades=1, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SMALL.format(tests=str(Path(__file__).parents[1]), min_trades=min_trades)],
        capture_output=True, text=True, timeout=900, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("min_trades", [1, 3])
def test_kernels_are_the_same_as_plain_python(min_trades):
    assert digest(min_trades, NUMBA_DISABLE_JIT="1") == digest(min_trades)


def test_no_index_is_out_of_bounds(tmp_path):
    assert digest(NUMBA_BOUNDSCHECK="1", QMAC_CACHE_DIR=str(tmp_path)) == digest()


def test_the_same_on_a_cpu_without_wide_vectors(tmp_path):
    assert (
        digest(NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES="", QMAC_CACHE_DIR=str(tmp_path))
        == digest()
    )
