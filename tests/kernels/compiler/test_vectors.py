"""Vectors as types, and operators on vectors, numbers and None."""

import operator

import numba
import numpy as np
import pytest
from numba.core import types

from qmac.kernels.compiler import jit
from qmac.kernels.compiler.lanes import load, or_nan, splat, store, where
from qmac.kernels.compiler.vectors import ARITHMETIC, BITWISE, COMPARISONS, Vector

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="there are no vectors without the compiler")
WIDTH = (0,) * 4
X = np.array([[1.5, -2.0, np.nan, 0.0], [1.5, 3.0, 1.0, np.nan]])


def test_vectors_are_told_apart_by_number_and_lanes():
    assert Vector(types.float64, 4) == Vector(types.float64, 4)
    assert Vector(types.float64, 4) != Vector(types.float64, 8)
    assert Vector(types.float64, 4) != Vector(types.int64, 4)


@pytest.mark.parametrize("function", [*ARITHMETIC, (operator.truediv, "div")])
def test_arithmetic_on_floats(function):
    operation = function[0]

    @numba.njit
    def kernel(x, out):
        a, b = load(x, 0, WIDTH), load(x, 1, WIDTH)
        store(out, 0, operation(a, b))
        store(out, 1, operation(b, 2.0))
        store(out, 2, operation(2.0, b))

    out = np.zeros((3, 4))
    kernel(X, out)
    expected = [operation(X[0], X[1]), operation(X[1], 2.0), operation(2.0, X[1])]
    assert np.array_equal(out, expected, equal_nan=True)


@pytest.mark.parametrize("function", BITWISE)
def test_bits_of_whole_numbers(function):
    operation = function[0]

    @numba.njit
    def kernel(x, out):
        store(out, 0, operation(load(x, 0, WIDTH), load(x, 1, WIDTH)))

    x = np.array([[1, 2, 3, 2**16 - 1], [1, 3, 8, 255]], np.uint16)
    out = np.zeros((1, 4), np.uint16)
    kernel(x, out)
    assert np.array_equal(out[0], operation(x[0], x[1]))


@pytest.mark.parametrize("function", COMPARISONS)
@pytest.mark.parametrize("dtype", [np.float64, np.uint16, np.int64])
def test_comparisons_follow_the_sign_of_the_type(function, dtype):
    operation = function[0]

    @numba.njit
    def kernel(x, out):
        is_true = operation(load(x, 0, WIDTH), load(x, 1, WIDTH))
        store(out, 0, where(is_true, splat(1.0, WIDTH), 0.0))

    x = np.array([[1, 2, 2**16 - 1, 7], [1, 3, 5, 2]]).astype(dtype)
    out = np.zeros((1, 4))
    kernel(x, out)
    assert np.array_equal(out[0], operation(x[0], x[1]))


def test_only_unequal_is_true_of_nan_where_neither_is():
    @numba.njit
    def kernel(x, out):
        a, b = load(x, 0, WIDTH), load(x, 1, WIDTH)
        store(out, 0, where(a < b, splat(1.0, WIDTH), 0.0))
        store(out, 1, where(a >= b, splat(1.0, WIDTH), 0.0))

    out = np.zeros((2, 4))
    kernel(X, out)
    assert out.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]


def test_what_is_computed_with_none_is_none():
    @numba.njit
    def kernel(x, nothing, out):
        a, none = load(x, 0, WIDTH), load(nothing, 0, WIDTH)
        store(out, 0, or_nan((a + none) * 2.0, a))
        store(out, 1, or_nan(where(none > a, a, a), a))

    out = np.zeros((2, 4))
    kernel(X, None, out)
    assert np.isnan(out).all()
