"""LLVM vectors as Numba values: the compiled meaning of ``lanes``.

LLVM splits a vector of any width into what the CPU has (AVX-512, AVX2, NEON), so nothing here
depends on the machine, and no re-association happens: lanes never mix but in ``highest`` and
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


def widen(context: Any, builder: Any, kind: types.Type, value: Any, vector: Vector) -> Any:
    """A vector as it is; a scalar in every lane."""
    if isinstance(kind, Vector):
        return value
    scalar = context.cast(builder, value, kind, vector.dtype)
    undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(I32, vector.n), [0] * vector.n)
    )


def _register(
    function: Any, emit: Callable[[Any, types.Type, Any, Any], Any], is_mask: bool = False
) -> None:
    """``vector op vector`` and ``vector op scalar`` for one Python operator; with None, the result is None."""

    @infer_global(function)
    class _Template(AbstractTemplate):  # type: ignore[misc]
        metadata = FIRST

        def generic(self, args: Any, kws: Any) -> Any:
            vectors = [kind for kind in args if isinstance(kind, Vector)]
            if len(args) != 2:
                return None
            if types.none in args and (vectors or function not in (operator.eq, operator.ne)):
                return signature(types.none, *args)
            if not vectors:
                return None
            result = Vector(types.boolean, vectors[0].n) if is_mask else vectors[0]
            return signature(
                result, *(kind if isinstance(kind, Vector) else vectors[0].dtype for kind in args)
            )

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = next(kind for kind in sig.args if isinstance(kind, Vector))
        a, b = (widen(context, builder, k, x, vector) for k, x in zip(sig.args, args, strict=True))
        return emit(builder, vector.dtype, a, b)

    def nothing(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_dummy_value()

    for pattern in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *pattern)(lower)
    for kind in (Vector, types.Number, types.none):
        lower_builtin(function, kind, types.none)(nothing)
        if kind is not types.none:
            lower_builtin(function, types.none, kind)(nothing)


def _arithmetic(name: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    return lambda builder, dtype, a, b: getattr(
        builder, f"f{name}" if isinstance(dtype, types.Float) else name
    )(a, b)


def _comparison(sign: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    def emit(builder: Any, dtype: types.Type, a: Any, b: Any) -> Any:
        if isinstance(dtype, types.Float):
            return builder.fcmp_ordered(sign, a, b)
        return (builder.icmp_signed if dtype.signed else builder.icmp_unsigned)(sign, a, b)

    return emit


for _function, _name in ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul")):
    _register(_function, _arithmetic(_name))
_register(operator.truediv, lambda builder, dtype, a, b: builder.fdiv(a, b))
for _function, _name in ((operator.and_, "and_"), (operator.or_, "or_"), (operator.xor, "xor")):
    _register(_function, lambda builder, dtype, a, b, name=_name: getattr(builder, name)(a, b))  # type: ignore[misc]
for _function, _name in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
):
    _register(_function, _comparison(_name), is_mask=True)
