"""Kernels that only kernels call, for tests."""

import numba

from qmac.kernels.compiler import jit


def compiled(function):
    """Compile a function of a test that calls kernels, without arrays of its own."""
    return function if jit.DISABLED else numba.njit(**jit.SEALED)(function)
