"""Compiler options: what is sealed, what becomes part of its caller, what is stored."""

import numba
import numpy as np
import pytest

from qmac.kernels.compiler import jit
from qmac.kernels.compiler.cache import KernelCache

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="nothing is compiled")


def ratio(a, b):
    return a / b


def test_division_by_zero_is_that_of_numpy():
    kernel = numba.njit(**jit.KERNEL)(ratio)
    assert kernel(1.0, 0.0) == np.inf and np.isnan(kernel(0.0, 0.0))


def test_no_option_reorders_arithmetic():
    for options in (jit.KERNEL, jit.SEALED, jit.HELPER):
        assert options["nogil"] and not {"fastmath", "parallel"} & set(options)
    kernel = numba.njit(**jit.HELPER)(ratio)

    def third(x):
        return kernel(x, 3.0) + x

    caller = numba.njit(**jit.SEALED)(third)
    caller(1.0)
    (code,) = caller.inspect_llvm().values()
    assert "fdiv double" in code and "fdiv fast" not in code and "fadd fast" not in code


def test_what_several_callers_compile_is_stored_on_disk():
    assert isinstance(jit.jit(ratio)._cache, KernelCache)
    assert isinstance(jit.sealed(ratio)._cache, KernelCache)
    assert isinstance(jit.inner(ratio)._cache, KernelCache) == bool(jit.COMPILER)
    for helper in (jit.inlined, jit.spliced):
        assert not isinstance(helper(ratio)._cache, KernelCache)


def test_a_sealed_kernel_makes_no_array():
    kernel = numba.njit(**jit.SEALED)(lambda n: np.zeros(n).sum())
    with pytest.raises(numba.core.errors.TypingError, match="Only accept returning of array"):
        kernel(3)


def test_only_spliced_helpers_are_not_compiled_by_themselves():
    inner, spliced = jit.inner(ratio), jit.spliced(ratio)

    def both(a, b):
        return inner(a, b) + spliced(a, b)

    assert numba.njit(**jit.SEALED)(both)(1.0, 4.0) == 0.5
    assert len(inner.signatures) == 1
    assert spliced.signatures == []


def test_what_is_compiled_is_known_without_a_call():
    kernel = jit.sealed(lambda a: a + 1)
    signature = jit.find_signature((1.5,))
    kernel._cache = type("Empty", (), {"holds": lambda *_: False})()
    assert not jit.is_compiled(kernel, signature)
    compiled = numba.njit(ratio)
    compiled(1.0, 2.0)
    assert jit.is_compiled(compiled, jit.find_signature((1.0, 2.0)))


def test_a_numba_that_is_not_known_compiles_by_itself():
    assert jit.choose_compiler((0, 69)) == {}
    assert jit.choose_compiler((1, 0)) == {}
    assert jit.choose_compiler((None, None)) == {}
    assert jit.choose_compiler(jit.NEWEST_NUMBA)
    assert jit.choose_compiler((0, 62))


def test_a_directory_without_kernels_is_that_of_a_new_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "DIRECTORY", tmp_path)
    assert jit.is_unused()
    (tmp_path / "sma-1").touch()
    assert not jit.is_unused()
    monkeypatch.setattr(jit, "DIRECTORY", None)
    assert not jit.is_unused()
