"""The walk on real machines: its instructions."""

import re

import llvmlite.binding
import numba
import numpy as np
import pytest
from helpers.series import frame, series
from helpers.sweeps import dataset_of

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import LANES, SweepSpec
from qmac.engine.sweep.worker import Worker
from qmac.kernels.compiler.lanes import item, load, store
from qmac.kernels.trades.exit_tables import Tile
from qmac.kernels.trades.walk import enter
from qmac.strategy.objective import Objective


def walk(width, tile, entries, values, tables, states, out):
    state = load(states, 0, width)
    for k in range(entries.bars.size):
        state = enter(tile, item(entries.bars, k), values, None, tables, 0, state)
    store(out, 0, state.sums.gain)


def machine_width():
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f") and llvmlite.binding.get_host_cpu_name().startswith("znver"):
        return "zmm"
    return (
        "[yz]mm" if features.get("avx") else None
    )  # Intel's LLVM keeps to 256 bits unless told otherwise


@pytest.fixture
def evaluator():
    grid, prices = qmac.Grid(windows=range(2, 25)), Prices.of(frame(series("random", 150, 9)))
    spec = SweepSpec(
        qmac.Rules(),
        Objective("total_return", True, 1.0),
        False,
        40,
        {"total_trades": (1.0, np.inf)},
    )
    return Evaluator(dataset_of(prices, grid, spec.rules, spec.statistics), spec)


@pytest.mark.skipif(
    numba.config.DISABLE_JIT or machine_width() is None, reason="needs an x86 CPU with AVX"
)
def test_the_walk_is_as_wide_as_the_machine(evaluator):
    worker: Worker = evaluator.worker()
    data, workspace = worker._data, worker._workspace
    kernel = numba.njit(nogil=True, error_model="numpy", _nrt=False)(walk)
    tile, out = Tile(0, data.bars, data.bars, 0), np.zeros((1, LANES))
    kernel(
        (0,) * LANES,
        tile,
        data.entries.crosses,
        data.values,
        workspace.tables,
        workspace.states,
        out,
    )
    assembly = kernel.inspect_asm(kernel.signatures[0])
    additions = re.findall(r"\tv?addpd\t(.*)", assembly)
    assert len(additions) >= 4
    assert all(re.search(machine_width(), operands) for operands in additions)
    assert not re.findall(r"\tv?addsd\t", assembly)
