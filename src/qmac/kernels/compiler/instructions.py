"""The compiled meaning of ``lanes``: each of its functions as LLVM instructions on whole vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from qmac.kernels.compiler.vectors import Vector, widen

I32, I64 = ir.IntType(32), ir.IntType(64)


def _row(
    context: Any, builder: Any, kind: Any, array: Any, row: Any, vector: Any
) -> tuple[Any, int]:
    """Pointer to ``array[row]``, as wide as ``vector``, and its alignment; ``row`` is an intp.

    The width is known when compiling, so that no stride is loaded and multiplied by.
    """
    data = context.make_array(kind)(context, builder, array).data
    rows = builder.bitcast(data, ir.ArrayType(vector.element, vector.count).as_pointer())
    alignment = context.get_abi_sizeof(context.get_value_type(kind.dtype))
    return builder.bitcast(builder.gep(rows, [row]), vector.as_pointer()), alignment


def _mapped(kind: types.Type, convert: Callable[[Any], types.Type]) -> types.Type:
    """The type of a bundle with every array or vector in it converted; what is None stays so."""
    if isinstance(kind, types.BaseNamedTuple):
        return types.BaseTuple.from_types(
            [_mapped(inner, convert) for inner in kind.types], kind.instance_class
        )
    return kind if isinstance(kind, types.NoneType) else convert(kind)


def _each(
    context: Any,
    builder: Any,
    result: types.Type,
    one: Callable[..., Any],
    kinds: tuple[Any, ...],
    items: Any,
) -> Any:
    """``one(kind, item, kind, item, ...)`` on the members of one or more bundles of one shape."""
    if isinstance(kinds[0], types.NoneType):
        return context.get_dummy_value()
    if not isinstance(kinds[0], types.BaseNamedTuple):
        return one(*(part for pair in zip(kinds, items, strict=True) for part in pair))
    members = [
        _each(
            context, builder, inner, one,
            tuple(kind.types[k] for kind in kinds), [builder.extract_value(item, k) for item in items],
        )
        for k, inner in enumerate(result.types)
    ]  # fmt: skip
    return context.make_tuple(builder, result, members)


def _folded(builder: Any, value: Any, n: int, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the halves until one lane is left (``n`` is a power of two)."""
    while n > 1:
        undefined = ir.Constant(value.type, ir.Undefined)
        n //= 2
        lower, upper = (
            builder.shuffle_vector(
                value, undefined, ir.Constant(ir.VectorType(I32, n), list(lanes))
            )
            for lanes in (range(n), range(n, 2 * n))
        )
        value = combine(lower, upper)
    return builder.extract_element(value, I32(0))


def operations(subhistograms: int) -> dict[str, Callable[..., Any]]:
    """The functions of ``lanes``, as intrinsics."""

    @intrinsic
    def load(typing: Any, array: Any, row: Any, width: Any) -> Any:
        n = width.n if isinstance(width, Vector) else len(width)
        loaded = _mapped(array, lambda kind: Vector(kind.dtype, n))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            at = context.cast(builder, args[1], row, types.intp)

            def one(kind: Any, item: Any) -> Any:
                vector = context.get_value_type(Vector(kind.dtype, n))
                pointer, align = _row(context, builder, kind, item, at, vector)
                return builder.load(pointer, align=align)

            return _each(context, builder, loaded, one, (array,), (args[0],))

        return loaded(array, row, width), generate

    @intrinsic
    def load_at(typing: Any, array: Any, place: Any, width: Any) -> Any:
        loaded = Vector(array.dtype, len(width))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            data = context.make_array(array)(context, builder, args[0]).data
            at = builder.gep(data, [context.cast(builder, args[1], place, types.intp)])
            pointer = builder.bitcast(at, context.get_value_type(loaded).as_pointer())
            return builder.load(
                pointer, align=context.get_abi_sizeof(context.get_value_type(array.dtype))
            )

        return loaded(array, place, width), generate

    @intrinsic
    def store(typing: Any, array: Any, row: Any, values: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            at = context.cast(builder, args[1], row, types.intp)

            def one(kind: Any, item: Any, _: Any, vector: Any) -> Any:
                pointer, align = _row(context, builder, kind, item, at, vector.type)
                builder.store(vector, pointer, align=align)
                return vector

            _each(context, builder, values, one, (array, values), (args[0], args[2]))
            return context.get_dummy_value()

        return types.none(array, row, values), generate

    @intrinsic
    def added(typing: Any, mask: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def one(_: Any, x: Any, __: Any, y: Any) -> Any:
                return builder.select(args[0], builder.fadd(x, y), x)

            return _each(context, builder, a, one, (a, b), args[1:])

        return a(mask, a, b), generate

    @intrinsic
    def splat(typing: Any, value: Any, width: Any) -> Any:
        vector = Vector(value, width.n if isinstance(width, Vector) else len(width))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return widen(context, builder, value, args[0], vector)

        return vector(value, width), generate

    @intrinsic
    def where(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
        vector = yes if isinstance(yes, Vector) else no
        if types.none in (mask, yes, no):
            vector = types.none

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if vector is types.none:
                return context.get_dummy_value()
            chosen = [widen(context, builder, sig.args[k], args[k], vector) for k in (1, 2)]
            return builder.select(args[0], *chosen)

        return vector(mask, yes, no), generate

    def conversion(name: str, dtype: types.Type) -> Callable[..., Any]:
        def convert(typing: Any, values: Any) -> Any:
            result = _mapped(values, lambda kind: Vector(dtype, kind.n))

            def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                if result is types.none:
                    return context.get_dummy_value()
                return getattr(builder, name)(args[0], context.get_value_type(result))

            return result(values), generate

        return intrinsic(convert)

    @intrinsic
    def sqrt(typing: Any, values: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if values is types.none:
                return context.get_dummy_value()
            kind = ir.FunctionType(args[0].type, [args[0].type])
            function = cgutils.get_or_insert_function(
                builder.module, kind, f"llvm.sqrt.v{values.n}f64"
            )
            return builder.call(function, [args[0]])

        return values(values), generate

    @intrinsic
    def item(typing: Any, array: Any, row: Any) -> Any:
        """A number of a vector-less array ``(N,)``."""
        result = types.none if array is types.none else array.dtype

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if array is types.none:
                return context.get_dummy_value()
            made = context.make_array(array)(context, builder, args[0])
            at = context.cast(builder, args[1], row, types.intp)
            return builder.load(
                cgutils.get_item_pointer(context, builder, array, made, [at], wraparound=False)
            )

        return result(array, row), generate

    @intrinsic
    def or_nan(typing: Any, values: Any, width: Any) -> Any:
        vector = Vector(types.float64, width.n)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if values is types.none:
                return widen(
                    context,
                    builder,
                    types.float64,
                    context.get_constant(types.float64, float("nan")),
                    vector,
                )
            return args[0]

        return vector(values, width), generate

    @intrinsic
    def rarely(typing: Any, mask: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            word = builder.bitcast(args[0], ir.IntType(mask.n))
            some = builder.icmp_unsigned("!=", word, ir.Constant(word.type, 0))
            bit = ir.IntType(1)
            expect = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(bit, [bit, bit]), "llvm.expect.i1"
            )
            return builder.call(expect, [some, bit(0)])

        return types.boolean(mask), generate

    @intrinsic
    def pack_mask(typing: Any, mask: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            word = builder.bitcast(args[0], ir.IntType(mask.n))
            return builder.zext(word, I64) if mask.n < I64.width else word

        return types.int64(mask), generate

    @intrinsic
    def lowest_bit(typing: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.int64), generate

    @intrinsic
    def pick(typing: Any, values: Any, lane: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.extract_element(args[0], args[1])

        return values.dtype(values, types.int64), generate

    @intrinsic
    def only(typing: Any, lane: Any, values: Any) -> Any:
        mask = Vector(types.boolean, values.n)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = Vector(types.uint8, values.n)
            lanes = ir.Constant(context.get_value_type(kind), list(range(values.n)))
            return builder.icmp_unsigned(
                "==", lanes, widen(context, builder, types.int64, args[0], kind)
            )

        return mask(types.int64, values), generate

    def extreme(name: str) -> Callable[..., Any]:
        """Not ``where(a > b, a, b)``: stored where ``b`` was loaded from, LLVM makes a masked store of it, which the
        next load of that row cannot be forwarded from."""

        def choose(typing: Any, a: Any, b: Any) -> Any:
            vector = types.none if types.none in (a, b) else a if isinstance(a, Vector) else b

            def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                if vector is types.none:
                    return context.get_dummy_value()
                both = [
                    widen(context, builder, kind, value, vector)
                    for kind, value in zip((a, b), args, strict=True)
                ]
                kind = ir.FunctionType(both[0].type, [both[0].type] * 2)
                function = cgutils.get_or_insert_function(
                    builder.module, kind, f"llvm.{name}.v{vector.n}f64"
                )
                return builder.call(function, both, fastmath=("nnan",))

            return vector(a, b), generate

        return intrinsic(choose)

    def reduction(combine: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
        def reduce(typing: Any, values: Any) -> Any:
            def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return _folded(builder, args[0], values.n, lambda a, b: combine(builder, a, b))

            return values.dtype(values), generate

        return intrinsic(reduce)

    @intrinsic
    def bump(typing: Any, histogram: Any, bins: Any, weights: Any, factor: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            factor32 = builder.trunc(args[3], I32)
            weight = context.make_array(weights)(context, builder, args[2]).data
            array = context.make_array(histogram)(context, builder, args[0])
            stride = builder.extract_value(array.strides, 0)
            start = builder.ptrtoint(array.data, I64)
            starts = [builder.add(start, builder.mul(stride, I64(k))) for k in range(subhistograms)]
            # Two bins leave the vector at a time: one by one took twice the time of the whole sweep on Zen 4.
            pairs = (
                builder.bitcast(args[1], ir.VectorType(I64, bins.n // 2)) if bins.n > 1 else None
            )
            for lane in range(bins.n):
                if pairs is None:
                    column = builder.zext(builder.extract_element(args[1], I32(lane)), I64)
                elif lane % 2 == 0:
                    pair = builder.extract_element(pairs, I32(lane // 2))
                    column = builder.and_(pair, I64(2**32 - 1))
                else:
                    column = builder.lshr(pair, I64(32))
                address = builder.add(starts[lane % subhistograms], builder.shl(column, I64(2)))
                counter = builder.inttoptr(address, I32.as_pointer())
                more = builder.mul(builder.load(builder.gep(weight, [I64(lane)])), factor32)
                builder.store(builder.add(builder.load(counter), more), counter)
            return context.get_dummy_value()

        return types.none(histogram, bins, weights, types.int64), generate

    return {
        "load": load,
        "load_at": load_at,
        "store": store,
        "added": added,
        "item": item,
        "or_nan": or_nan,
        "splat": splat,
        "where": where,
        "bits": conversion("bitcast", types.int64),
        "truncate": conversion("fptosi", types.int32),
        "floats": conversion("uitofp", types.float64),
        "wide": conversion("sext", types.int64),
        "from_bits": conversion("bitcast", types.float64),
        "sqrt": sqrt,
        "higher": extreme("maxnum"),
        "lower": extreme("minnum"),
        "rarely": rarely,
        "pick": pick,
        "only": only,
        "pack_mask": pack_mask,
        "lowest_bit": lowest_bit,
        "highest": reduction(
            lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b)
        ),
        "total": reduction(lambda builder, a, b: builder.add(a, b)),
        "bump": bump,
    }
