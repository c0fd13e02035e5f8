"""Every operation on lanes: the vector instructions equal their NumPy meaning."""

import numpy as np
import pytest

from qmac.kernels.compiler import jit, lanes

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="there are no vectors without the compiler")
WIDTH = (0,) * 16


def both(function, *arrays, width=WIDTH):
    """Results of a kernel under Numba, and of the same source on the plain operations."""
    plain = dict(function.__globals__, **{name: lanes.PLAIN[name] for name in lanes.PLAIN})
    copies = [array.copy() for array in arrays]
    fast = jit.numba.njit(function)(width, *arrays)
    slow = type(function)(function.__code__, plain)(width, *copies)
    return (fast, arrays), (slow, copies)


def agree(function, *arrays, width=WIDTH):
    (fast, changed), (slow, copies) = both(function, *arrays, width=width)
    assert np.array_equal(fast, slow, equal_nan=True)
    for a, b in zip(changed, copies, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


load, store, where, splat = lanes.load, lanes.store, lanes.where, lanes.splat
bits, truncate, wide = lanes.bits, lanes.truncate, lanes.wide
highest, total, bump = lanes.highest, lanes.total, lanes.bump
higher, lower, rarely, item = lanes.higher, lanes.lower, lanes.rarely, lanes.item
sqrt, or_nan, added, from_bits = lanes.sqrt, lanes.or_nan, lanes.added, lanes.from_bits
pack_mask, lowest_bit, pick, only = lanes.pack_mask, lanes.lowest_bit, lanes.pick, lanes.only


def floats(seed):
    return np.random.default_rng(seed).normal(0, 3, (3, 16))


def test_arithmetic():
    def kernel(width, a, out):
        x, y = load(a, 0, width), load(a, 1, width)
        store(out, 0, x + y * 2.0 - x * y)
        store(out, 1, where((x > y) ^ (x < 0.0), x, -1.0))
        store(out, 2, where((x >= 0.5) | (y != x) & (y <= 1), splat(3.0, width), y))
        return highest(x)

    agree(kernel, floats(1), np.zeros((3, 16)))


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_unsigned(dtype):
    def kernel(width, a, out):
        x, y = load(a, 0, width), load(a, 1, width)
        bar = 30_000
        store(out, 0, where(x < 2 * bar, x | y, x & y))
        store(out, 1, where((x & 1) != 0, x + 1, y ^ x))
        return 0

    numbers = np.random.default_rng(2).integers(0, 2**16 - 2, (2, 16)).astype(dtype)
    agree(kernel, numbers, np.zeros_like(numbers))


def test_conversions():
    def kernel(width, a, long, narrow):
        x, y = load(a, 0, width), load(a, 1, width)
        store(long, 0, bits(x) - 7)
        store(long, 1, wide(truncate(x)) * 2**40)
        store(narrow, 0, truncate(x))
        store(narrow, 1, where(x > 0.0, truncate(y), 7))
        return total(load(long, 0, width))

    agree(kernel, floats(3), np.zeros((2, 16), np.int64), np.zeros((2, 16), np.int32))


def test_extremes_and_roots():
    def kernel(width, a, out):
        x, y = load(a, 0, width), load(a, 1, width)
        store(out, 0, higher(x, y) + lower(x, 0.5))
        store(out, 1, sqrt(x * x) + from_bits(bits(y)))
        store(out, 2, added(x > y, x, y) + item(a[2], 3))
        return (1 if rarely(x > 100.0) else 0) + (2 if rarely(x > 0.0) else 0)

    agree(kernel, floats(5), np.zeros((3, 16)))


@pytest.mark.parametrize("count", [16, 64])
def test_lanes_one_by_one(count):
    def kernel(width, a, out):
        x = load(a, 0, width)
        word, found = pack_mask(x > 1.0), 0.0
        while word != 0:
            lane = lowest_bit(word)
            word &= word - 1
            found = found * 1.25 + pick(x, lane)
            x = where(only(lane, load(a, 1, width)), -1.0, x)
        store(out, 0, x)
        return found

    numbers = np.random.default_rng(7).normal(0, 2, (2, count))
    numbers[0, -1] = 3.0  # the sign of the word
    agree(kernel, numbers, np.zeros((1, count)), width=(0,) * count)


def test_what_nobody_asked_for_is_nothing():
    def kernel(width, a, nothing, out):
        x, none = load(a, 0, width), load(nothing, 0, width)
        store(nothing, 0, where(x > 0.0, none + x, sqrt(none)))
        store(out, 0, or_nan(higher(none * 2.0, x), x))
        store(out, 1, or_nan(x, x))
        return item(nothing, 3) is None or True

    fast, slow = np.zeros((2, 16)), np.zeros((2, 16))
    plain = dict(kernel.__globals__, **lanes.PLAIN)
    jit.numba.njit(kernel)(WIDTH, floats(6), None, fast)
    type(kernel)(kernel.__code__, plain)(WIDTH, floats(6), None, slow)
    assert np.array_equal(fast, slow, equal_nan=True) and np.isnan(fast[0]).all()


def test_bump():
    def kernel(width, bins, weights, histogram):
        for row in range(bins.shape[0]):
            bump(histogram, load(bins, row, width), weights, row + 1)
        return 0

    bins = np.random.default_rng(4).integers(0, 5, (6, 16)).astype(np.int32)
    weights = np.arange(16, dtype=np.int32).reshape(1, 16)
    agree(kernel, bins, weights, np.zeros((lanes.SUBHISTOGRAMS, 5), np.uint32))
