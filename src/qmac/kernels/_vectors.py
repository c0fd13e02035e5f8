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
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin

I32, I64 = ir.IntType(32), ir.IntType(64)


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


def _widen(context: Any, builder: Any, kind: types.Type, value: Any, vector: Vector) -> Any:
    """A vector as it is; a scalar in every lane."""
    if isinstance(kind, Vector):
        return value
    scalar = context.cast(builder, value, kind, vector.dtype)
    undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, vector.n), [0] * vector.n))


def _row(context: Any, builder: Any, sig: Any, args: Any, vector: Any) -> tuple[Any, int]:
    """Pointer to ``array[row, 0:n]`` and its alignment."""
    array_type = sig.args[0]
    array = context.make_array(array_type)(context, builder, args[0])
    row = context.cast(builder, args[1], sig.args[1], types.intp)
    zero = context.get_constant(types.intp, 0)
    item = cgutils.get_item_pointer(context, builder, array_type, array, [row, zero], wraparound=False)
    alignment = context.get_abi_sizeof(context.get_value_type(array_type.dtype))
    return builder.bitcast(item, vector.as_pointer()), alignment


def _folded(builder: Any, value: Any, n: int, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the halves until one lane is left (``n`` is a power of two)."""
    while n > 1:
        undefined = ir.Constant(value.type, ir.Undefined)
        n //= 2
        lower, upper = (
            builder.shuffle_vector(value, undefined, ir.Constant(ir.VectorType(I32, n), list(lanes)))
            for lanes in (range(n), range(n, 2 * n))
        )
        value = combine(lower, upper)
    return builder.extract_element(value, I32(0))


def operations(subhistograms: int) -> dict[str, Callable[..., Any]]:
    """The functions of ``lanes``, as intrinsics."""

    @intrinsic
    def load(typing: Any, array: Any, row: Any, width: Any) -> Any:
        vector = Vector(array.dtype, width.n if isinstance(width, Vector) else len(width))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer, align = _row(context, builder, sig, args, context.get_value_type(vector))
            return builder.load(pointer, align=align)

        return vector(array, row, width), generate

    @intrinsic
    def store(typing: Any, array: Any, row: Any, values: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer, align = _row(context, builder, sig, args, args[2].type)
            builder.store(args[2], pointer, align=align)
            return context.get_dummy_value()

        return types.none(array, row, values), generate

    @intrinsic
    def splat(typing: Any, value: Any, width: Any) -> Any:
        vector = Vector(value, len(width))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _widen(context, builder, value, args[0], vector)

        return vector(value, width), generate

    @intrinsic
    def where(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
        vector = yes if isinstance(yes, Vector) else no

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            chosen = [_widen(context, builder, sig.args[k], args[k], vector) for k in (1, 2)]
            return builder.select(args[0], *chosen)

        return vector(mask, yes, no), generate

    def conversion(name: str, dtype: types.Type) -> Callable[..., Any]:
        def convert(typing: Any, values: Any) -> Any:
            result = Vector(dtype, values.n)

            def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return getattr(builder, name)(args[0], context.get_value_type(result))

            return result(values), generate

        return intrinsic(convert)

    @intrinsic
    def popcount(typing: Any, mask: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            word = builder.ctpop(builder.bitcast(args[0], ir.IntType(mask.n)))
            return builder.zext(word, I64) if mask.n < 64 else word

        return types.int64(mask), generate

    def reduction(combine: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
        def reduce(typing: Any, values: Any) -> Any:
            def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return _folded(builder, args[0], values.n, lambda a, b: combine(builder, a, b))

            return values.dtype(values), generate

        return intrinsic(reduce)

    @intrinsic
    def bump(typing: Any, histogram: Any, bins: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            array = context.make_array(histogram)(context, builder, args[0])
            stride = builder.extract_value(array.strides, 0)
            start = builder.ptrtoint(array.data, I64)
            starts = [builder.add(start, builder.mul(stride, I64(k))) for k in range(subhistograms)]
            for lane in range(bins.n):
                column = builder.zext(builder.extract_element(args[1], I32(lane)), I64)
                address = builder.add(starts[lane % subhistograms], builder.shl(column, I64(2)))
                counter = builder.inttoptr(address, I32.as_pointer())
                builder.store(builder.add(builder.load(counter), I32(1)), counter)
            return context.get_dummy_value()

        return types.none(histogram, bins), generate

    return {
        "load": load,
        "store": store,
        "splat": splat,
        "where": where,
        "bits": conversion("bitcast", types.int64),
        "truncate": conversion("fptosi", types.int32),
        "popcount": popcount,
        "highest": reduction(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b)),
        "total": reduction(lambda builder, a, b: builder.add(a, b)),
        "bump": bump,
    }


def _register(function: Any, emit: Callable[[Any, types.Type, Any, Any], Any], is_mask: bool = False) -> None:
    """``vector op vector`` and ``vector op scalar`` for one Python operator."""

    @infer_global(function)
    class _Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            vectors = [kind for kind in args if isinstance(kind, Vector)]
            if len(args) != 2 or not vectors:
                return None
            result = Vector(types.boolean, vectors[0].n) if is_mask else vectors[0]
            return signature(result, *(kind if isinstance(kind, Vector) else vectors[0].dtype for kind in args))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = next(kind for kind in sig.args if isinstance(kind, Vector))
        a, b = (_widen(context, builder, k, x, vector) for k, x in zip(sig.args, args, strict=True))
        return emit(builder, vector.dtype, a, b)

    for pattern in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *pattern)(lower)


def _arithmetic(name: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    return lambda builder, dtype, a, b: getattr(builder, f"f{name}" if isinstance(dtype, types.Float) else name)(a, b)


def _comparison(sign: str) -> Callable[[Any, types.Type, Any, Any], Any]:
    def emit(builder: Any, dtype: types.Type, a: Any, b: Any) -> Any:
        if isinstance(dtype, types.Float):
            return builder.fcmp_ordered(sign, a, b)
        return (builder.icmp_signed if dtype.signed else builder.icmp_unsigned)(sign, a, b)

    return emit


for _function, _name in ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul")):
    _register(_function, _arithmetic(_name))
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
