"""How sealed functions become instructions: bundles are read in place, and nothing is counted."""

from collections import namedtuple

import numba
import numpy as np
import pytest
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import Compiler

from qmac.kernels.compiler import cache, jit

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="nothing is compiled")
replaced = pytest.mark.skipif(not jit.COMPILER, reason="Numba's own lowering is used")
Inner = namedtuple("Inner", "numbers factor")
Outer = namedtuple("Outer", "inner first second")


def add_up(outer, swaps, times):
    """Read members of an argument under names that are, and are not, assigned once."""
    whole = outer
    inner = whole.inner
    changing = inner
    total = 0.0
    for k in range(times):
        if swaps and k % 2:
            changing = Inner(inner.numbers, inner.factor + k)
        else:
            changing = inner
        member = whole.inner
        for number in member.numbers:
            total += number * changing.factor
    return total + whole.first[0] - whole.second


def build_outer():
    return Outer(Inner(np.array([1.0, 2.0, 3.5]), 2.0), (7, 8), 0.25)


@pytest.mark.parametrize("swaps", [False, True])
def test_members_of_arguments_are_what_they_are_in_python(swaps):
    kernel, outer = numba.njit(**jit.SEALED)(add_up), build_outer()
    assert kernel(outer, swaps, 4) == add_up(outer, swaps, 4)
    assert kernel(outer, swaps, 0) == add_up(outer, swaps, 0)


def test_an_argument_that_is_assigned_anew_is_not_read_in_place():
    def choose(inner, other, times):
        total = 0.0
        for _ in range(times):
            total += inner.factor
            if total > 3.0:
                inner = other
        return total

    first, second = Inner(np.zeros(1), 2.0), Inner(np.zeros(1), 100.0)
    kernel = numba.njit(**jit.SEALED)(choose)
    assert kernel(first, second, 4) == choose(first, second, 4) == 204.0


@replaced
def test_bundles_of_arguments_are_not_copied(monkeypatch):
    spliced = jit.spliced(lambda outer: outer.inner.numbers[1] * outer.inner.factor)
    texts = []
    add = CPUCodeLibrary.add_ir_module

    def note(library, module):
        texts.append(str(module))
        add(library, module)

    def call(outer, times):
        total = 0.0
        for _ in range(times):
            total += spliced(outer)
        return total

    monkeypatch.setattr(CPUCodeLibrary, "add_ir_module", note)
    copies = []
    for options in (jit.SEALED | {"pipeline_class": Compiler}, jit.SEALED):
        texts.clear()
        assert numba.njit(**options)(call)(build_outer(), 2) == 8.0
        copies.append(texts[0].count("= load {{"))  # of a bundle that begins with another
    assert copies[0] > copies[1] == 0


@replaced
def test_the_way_in_from_python_is_not_optimised():
    kernel = numba.njit(**jit.SEALED)(lambda outer: outer.second)
    assert kernel(build_outer()) == 0.25
    (code,) = kernel.inspect_llvm().values()
    assert "optnone" in code


def test_errors_within_reach_python():
    def fail(outer):
        if outer.second > 0:
            raise ValueError("above")
        return outer.second

    kernel = numba.njit(**jit.SEALED)(fail)
    with pytest.raises(ValueError, match="above"):
        kernel(build_outer())


@replaced
def test_a_helper_lies_on_disk_for_the_next_caller(tmp_path):
    def half(x):
        return x / 2

    for hits in (0, 1):
        helper = numba.njit(**jit.HELPER)(half)
        cache.KernelCache(half, tmp_path, cache.NoLocks(), jit.HelperFormat()).serve(helper)
        assert numba.njit(**jit.SEALED)(lambda x: helper(x) + 1)(3.0)  # noqa: B023 - called at once == 2.5
        assert sum(helper.stats.cache_hits.values()) == hits
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("half-")


@replaced
def test_what_is_known_of_types_is_looked_for_again_by_the_next_kernel():
    kernel = numba.njit(**jit.SEALED)(lambda numbers: numbers[0])
    assert kernel(np.ones(1)) == 1.0
    assert "load_additional_registries" not in vars(kernel.targetctx)
