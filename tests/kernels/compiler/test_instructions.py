"""Instructions: one for each function of lanes, on whole vectors, and none that loses a bit."""

import re

import numba
import numpy as np
import pytest

from qmac.kernels.compiler import jit, lanes

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="there are no vectors without the compiler")
WIDTH = (0,) * 16


def llvm(function, *arguments):
    """Return the code of a kernel before it is optimised for a machine."""
    kernel = numba.njit(**jit.SEALED)(function)
    kernel(*arguments)
    (code,) = kernel.inspect_llvm().values()
    return code


def test_every_function_of_lanes_has_its_instructions():
    from qmac.kernels.compiler.instructions import INSTRUCTIONS

    assert {*INSTRUCTIONS, "bump"} == set(lanes.PLAIN)
    assert set(lanes.VECTORS) == set(lanes.PLAIN)


def test_rows_are_whole_vectors():
    def kernel(x, out):
        a, b = lanes.load(x, 0, WIDTH), lanes.load(x, 1, WIDTH)
        lanes.store(out, 0, lanes.where(a > b, a + b, a))

    code = llvm(kernel, np.ones((2, 16)), np.ones((1, 16)))
    assert re.search(r"load <16 x double>", code)
    assert re.search(r"fadd <16 x double>", code) and not re.search(r"fadd \w+ <16 x", code)


def test_only_the_larger_of_two_takes_it_that_neither_is_nan():
    def kernel(x, out):
        a, b = lanes.load(x, 0, WIDTH), lanes.load(x, 1, WIDTH)
        lanes.store(out, 0, lanes.higher(a, b) * lanes.sqrt(b))

    code = llvm(kernel, np.ones((2, 16)), np.ones((1, 16)))
    flagged = re.findall(r"(?:fast|nnan|ninf|nsz|reassoc|contract) .*", code)
    assert flagged and all("maxnum" in line for line in flagged)


@pytest.mark.parametrize("count", [1, 2, 8, 32])
def test_counts_of_any_number_of_lanes(count):
    width = (0,) * count

    def kernel(width, bins, weights, histogram):
        lanes.bump(histogram, lanes.load(bins, 0, width), weights, 3)

    bins = np.random.default_rng(count).integers(0, 5, (1, count)).astype(np.int32)
    weights = np.arange(1, count + 1, dtype=np.int32).reshape(1, -1)
    histogram = np.zeros((lanes.SUBHISTOGRAMS, 5), np.uint32)
    numba.njit(**jit.SEALED)(kernel)(width, bins, weights, histogram)
    expected = np.bincount(bins[0], 3 * weights[0], 5)
    assert np.array_equal(histogram.sum(axis=0), expected)


@pytest.mark.parametrize("count", [1, 4, 64])
def test_reductions_of_any_number_of_lanes(count):
    def kernel(width, x, y):
        return lanes.highest(lanes.load(x, 0, width)), lanes.total(lanes.load(y, 0, width))

    y = np.random.default_rng(count).integers(-9, 9, (1, count))
    highest, total = numba.njit(**jit.SEALED)(kernel)((0,) * count, y.astype(np.float64), y)
    assert (highest, total) == (y.max(), y.sum())
