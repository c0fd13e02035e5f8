"""Templates that Numba tries first: they say what Numba's would have said."""

import operator

import pytest
from numba.core import types
from numba.core.registry import cpu_target

from qmac.kernels.compiler import jit, templates

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="nothing is compiled")
ARRAY = types.Array(types.float64, 2, "C")
INDEX = types.UniTuple(types.intp, 2)


def resolve(function, *arguments):
    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_function_type(context.resolve_value_type(function), arguments, {})


def test_an_item_of_an_array():
    assert resolve(operator.getitem, ARRAY, INDEX).return_type == types.float64
    assert resolve(operator.getitem, ARRAY, types.intp).return_type.ndim == 1
    assert resolve(operator.setitem, ARRAY, INDEX, types.float64).return_type == types.none


def test_what_is_no_array_is_left_to_numba():
    pair = types.UniTuple(types.int64, 2)
    assert resolve(operator.getitem, pair, types.intp).return_type == types.int64


@pytest.mark.parametrize("kind", [types.boolean, types.int64, types.float64])
def test_truth_values(kind):
    assert resolve(bool, kind).return_type == types.boolean


def test_the_templates_are_for_a_more_specific_target():
    assert templates.FIRST["target"] == "cpu"
    assert templates._Truth(None).generic((types.int64,), {}) is None
    assert templates._Truth(None).generic((types.boolean,), {}).return_type == types.boolean
