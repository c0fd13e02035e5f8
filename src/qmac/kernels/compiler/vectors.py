"""LLVM vectors as Numba values: the compiled meaning of ``lanes``.

LLVM splits a vector of any width into what the CPU has (AVX-512, AVX2, NEON), so nothing in this
file depends on the machine, and no re-association happens: lanes never mix but in ``highest`` and
``total``, where the order cannot matter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models, register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from qmac.kernels.compiler.templates import FIRST

I32 = ir.IntType(32)


class Vector(types.Type):  # type: ignore[misc]
    """``n`` lanes of one scalar type; a mask is a vector of booleans."""

    def __init__(self, dtype: types.Type, n: int) -> None:
        self.dtype, self.n = dtype, n
        super().__init__(name=f"Vector({dtype} x {n})")


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        if vector.dtype == types.boolean:
            element = ir.IntType(1)
        else:
            element = manager.lookup(vector.dtype).get_data_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.n))


def widen(context, builder, kind: types.Type, value, vector: Vector):
    """Return a vector as it is, a scalar in every lane.

    Parameters
    ----------
    context, builder : Any
        Numba's target context and LLVM's builder.
    kind : numba.types.Type
        Type of the value.
    value : Any
        LLVM value.
    vector : Vector
        Type of the result.

    Returns
    -------
    Any
        LLVM value.
    """
    if isinstance(kind, Vector):
        return value
    scalar = context.cast(builder, value, kind, vector.dtype)
    undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    every_lane = ir.Constant(ir.VectorType(I32, vector.n), [0] * vector.n)
    return builder.shuffle_vector(first, undefined, every_lane)


def _register(
    function: Any, emit: Callable[[Any, types.Type, Any, Any], Any], is_mask: bool = False
) -> None:
    """Register ``vector op vector`` and ``vector op scalar`` for one Python operator.

    With None, the result is None.
    """

    @infer_global(function)
    class _Template(AbstractTemplate):  # type: ignore[misc]
        metadata = FIRST

        def generic(self, args, kws):
            vectors = [kind for kind in args if isinstance(kind, Vector)]
            is_equality = function in (operator.eq, operator.ne)
            if len(args) != 2:
                return None
            if types.none in args and (vectors or not is_equality):
                return signature(types.none, *args)
            if not vectors:
                return None
            first = vectors[0]
            result = Vector(types.boolean, first.n) if is_mask else first
            casts = [kind if isinstance(kind, Vector) else first.dtype for kind in args]
            return signature(result, *casts)

    def lower(context, builder, sig, args):
        vector = next(kind for kind in sig.args if isinstance(kind, Vector))
        a, b = [
            widen(context, builder, kind, value, vector)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return emit(builder, vector.dtype, a, b)

    def lower_none(context, builder, sig, args):
        return context.get_dummy_value()

    for pattern in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *pattern)(lower)
    for kind in (Vector, types.Number, types.none):
        lower_builtin(function, kind, types.none)(lower_none)
        if kind is not types.none:
            lower_builtin(function, types.none, kind)(lower_none)


def _arithmetic(name: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    """Instructions of an operation: that of its name, or of floats."""

    def emit(builder, dtype: types.Type, a, b):
        instruction = f"f{name}" if isinstance(dtype, types.Float) else name
        return getattr(builder, instruction)(a, b)

    return emit


def _bitwise(name: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    """Instructions of an operation on bits."""
    return lambda builder, dtype, a, b: getattr(builder, name)(a, b)


def _comparison(sign: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    """Instructions of a comparison, which is false where a float is NaN."""

    def emit(builder, dtype: types.Type, a, b):
        if isinstance(dtype, types.Float):
            return builder.fcmp_ordered(sign, a, b)
        compare = builder.icmp_signed if dtype.signed else builder.icmp_unsigned
        return compare(sign, a, b)

    return emit


ARITHMETIC = ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul"))
BITWISE = ((operator.and_, "and_"), (operator.or_, "or_"), (operator.xor, "xor"))
COMPARISONS = (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
)
for _function, _name in ARITHMETIC:
    _register(_function, _arithmetic(_name))
_register(operator.truediv, lambda builder, dtype, a, b: builder.fdiv(a, b))
for _function, _name in BITWISE:
    _register(_function, _bitwise(_name))
for _function, _name in COMPARISONS:
    _register(_function, _comparison(_name), is_mask=True)
