"""The compiled meaning of ``lanes``: each of its functions as LLVM instructions on whole vectors.

An intrinsic takes the types of its arguments and returns its signature with the function that
writes its instructions. Families: memory, none in place of values, choice, masks and single lanes,
arithmetic, the histogram.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from qmac.kernels.compiler.vectors import Vector, widen

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
LOWER_HALF = I64(2**32 - 1)


def _lane_count(width: types.Type) -> int:
    """Lanes of a width, or of values that are as wide."""
    return width.n if isinstance(width, Vector) else len(width)


def _point_to_row(context, builder, kind, array, row, vector) -> tuple[Any, int]:
    """Pointer to ``array[row]``, as wide as ``vector``, and its alignment; ``row`` is an intp.

    The width is known when compiling, so that no stride is loaded and multiplied by.
    """
    data = context.make_array(kind)(context, builder, array).data
    rows = builder.bitcast(data, ir.ArrayType(vector.element, vector.count).as_pointer())
    alignment = context.get_abi_sizeof(context.get_value_type(kind.dtype))
    return builder.bitcast(builder.gep(rows, [row]), vector.as_pointer()), alignment


def _map_types(kind: types.Type, convert: Callable[[Any], types.Type]) -> types.Type:
    """Type of a bundle with every array or vector in it converted; what is None stays so."""
    if isinstance(kind, types.NoneType):
        return kind
    if not isinstance(kind, types.BaseNamedTuple):
        return convert(kind)
    members = [_map_types(member, convert) for member in kind.types]
    return types.BaseTuple.from_types(members, kind.instance_class)


def _apply_to_members(
    context,
    builder,
    result: types.Type,
    apply: Callable[..., Any],
    kinds: tuple[Any, ...],
    items,
):
    """Apply ``apply(kind, item, kind, item, ...)`` to the members of bundles of one shape."""
    if isinstance(kinds[0], types.NoneType):
        return context.get_dummy_value()
    if not isinstance(kinds[0], types.BaseNamedTuple):
        arguments = []
        for kind, item in zip(kinds, items, strict=True):
            arguments += [kind, item]
        return apply(*arguments)
    members = []
    for k, member in enumerate(result.types):
        member_kinds = tuple(kind.types[k] for kind in kinds)
        member_items = [builder.extract_value(item, k) for item in items]
        members.append(
            _apply_to_members(context, builder, member, apply, member_kinds, member_items)
        )
    return context.make_tuple(builder, result, members)


def _fold(builder, value, n: int, combine: Callable[[Any, Any], Any]):
    """Combine the halves until one lane is left (``n`` is a power of two)."""
    while n > 1:
        undefined = ir.Constant(value.type, ir.Undefined)
        n //= 2
        half = ir.VectorType(I32, n)
        lower_lanes = ir.Constant(half, list(range(n)))
        upper_lanes = ir.Constant(half, list(range(n, 2 * n)))
        lower = builder.shuffle_vector(value, undefined, lower_lanes)
        upper = builder.shuffle_vector(value, undefined, upper_lanes)
        value = combine(lower, upper)
    return builder.extract_element(value, I32(0))


# memory


@intrinsic
def _load(typing, array, row, width):
    """Row of an array, or of each array of a bundle."""
    n = _lane_count(width)
    loaded = _map_types(array, lambda kind: Vector(kind.dtype, n))

    def generate(context, builder, sig, args):
        place = context.cast(builder, args[1], row, types.intp)

        def load(kind, item):
            vector = context.get_value_type(Vector(kind.dtype, n))
            pointer, align = _point_to_row(context, builder, kind, item, place, vector)
            return builder.load(pointer, align=align)

        return _apply_to_members(context, builder, loaded, load, (array,), (args[0],))

    return loaded(array, row, width), generate


@intrinsic
def _load_at(typing, array, place, width):
    """Values from a place of an array on, seen as one row."""
    loaded = Vector(array.dtype, len(width))

    def generate(context, builder, sig, args):
        view = context.make_array(array)(context, builder, args[0])
        first = context.cast(builder, args[1], place, types.intp)
        row = context.get_value_type(loaded).as_pointer()
        pointer = builder.bitcast(builder.gep(view.data, [first]), row)
        align = context.get_abi_sizeof(context.get_value_type(array.dtype))
        return builder.load(pointer, align=align)

    return loaded(array, place, width), generate


@intrinsic
def _store(typing, array, row, values):
    """Values into a row of an array, or of each array of a bundle."""

    def generate(context, builder, sig, args):
        place = context.cast(builder, args[1], row, types.intp)

        def store(kind, item, _, vector):
            pointer, align = _point_to_row(context, builder, kind, item, place, vector.type)
            builder.store(vector, pointer, align=align)
            return vector

        bundles = (args[0], args[2])
        _apply_to_members(context, builder, values, store, (array, values), bundles)
        return context.get_dummy_value()

    return types.none(array, row, values), generate


@intrinsic
def _item(typing, array, row):
    """Number of an array ``(N,)``."""
    result = types.none if array is types.none else array.dtype

    def generate(context, builder, sig, args):
        if array is types.none:
            return context.get_dummy_value()
        view = context.make_array(array)(context, builder, args[0])
        places = [context.cast(builder, args[1], row, types.intp)]
        pointer = cgutils.get_item_pointer(context, builder, array, view, places, wraparound=False)
        return builder.load(pointer)

    return result(array, row), generate


# values from numbers, or from none


@intrinsic
def _splat(typing, value, width):
    """A number in every lane."""
    vector = Vector(value, _lane_count(width))

    def generate(context, builder, sig, args):
        return widen(context, builder, value, args[0], vector)

    return vector(value, width), generate


@intrinsic
def _or_nan(typing, values, width):
    """Values, NaN in every lane in place of none."""
    vector = Vector(types.float64, width.n)

    def generate(context, builder, sig, args):
        if values is not types.none:
            return args[0]
        nan = context.get_constant(types.float64, float("nan"))
        return widen(context, builder, types.float64, nan, vector)

    return vector(values, width), generate


# choice


@intrinsic
def _where(typing, mask, yes, no):
    """One of two values by lane; none where one of the three is."""
    vector = yes if isinstance(yes, Vector) else no
    if types.none in (mask, yes, no):
        vector = types.none

    def generate(context, builder, sig, args):
        if vector is types.none:
            return context.get_dummy_value()
        chosen = widen(context, builder, sig.args[1], args[1], vector)
        other = widen(context, builder, sig.args[2], args[2], vector)
        return builder.select(args[0], chosen, other)

    return vector(mask, yes, no), generate


@intrinsic
def _added(typing, mask, a, b):
    """Sum where the mask is true, else the first, of each member of two bundles."""

    def generate(context, builder, sig, args):
        def add(_, x, __, y):
            return builder.select(args[0], builder.fadd(x, y), x)

        return _apply_to_members(context, builder, a, add, (a, b), args[1:])

    return a(mask, a, b), generate


def _extreme(name: str) -> Callable[..., Any]:
    """Larger or smaller of two values by lane.

    Not ``where(a > b, a, b)``: stored where ``b`` was loaded from, LLVM makes a masked store of it,
    which the next load of that row cannot be forwarded from.
    """

    def choose(typing, a, b):
        vector = a if isinstance(a, Vector) else b
        if types.none in (a, b):
            vector = types.none

        def generate(context, builder, sig, args):
            if vector is types.none:
                return context.get_dummy_value()
            first = widen(context, builder, a, args[0], vector)
            second = widen(context, builder, b, args[1], vector)
            kind = ir.FunctionType(first.type, [first.type] * 2)
            function = cgutils.get_or_insert_function(
                builder.module, kind, f"llvm.{name}.v{vector.n}f64"
            )
            return builder.call(function, [first, second], fastmath=("nnan",))

        return vector(a, b), generate

    return intrinsic(choose)


# masks and single lanes


@intrinsic
def _rarely(typing, mask):
    """Whether any lane of a mask is true; the compiler takes it that none is."""

    def generate(context, builder, sig, args):
        word = builder.bitcast(args[0], ir.IntType(mask.n))
        some = builder.icmp_unsigned("!=", word, ir.Constant(word.type, 0))
        expect = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(I1, [I1, I1]), "llvm.expect.i1"
        )
        return builder.call(expect, [some, I1(0)])

    return types.boolean(mask), generate


@intrinsic
def _pack_mask(typing, mask):
    """Mask as a whole number, a bit a lane."""

    def generate(context, builder, sig, args):
        word = builder.bitcast(args[0], ir.IntType(mask.n))
        return builder.zext(word, I64) if mask.n < I64.width else word

    return types.int64(mask), generate


@intrinsic
def _lowest_bit(typing, word):
    """Place of the lowest 1 of a number that has one."""

    def generate(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(I1, 1))

    return types.int64(types.int64), generate


@intrinsic
def _pick(typing, values, lane):
    """Value of one lane."""

    def generate(context, builder, sig, args):
        return builder.extract_element(args[0], args[1])

    return values.dtype(values, types.int64), generate


@intrinsic
def _only(typing, lane, values):
    """Mask of one lane."""
    mask = Vector(types.boolean, values.n)
    numbers = Vector(types.uint8, values.n)

    def generate(context, builder, sig, args):
        lanes = ir.Constant(context.get_value_type(numbers), list(range(values.n)))
        wanted = widen(context, builder, types.int64, args[0], numbers)
        return builder.icmp_unsigned("==", lanes, wanted)

    return mask(types.int64, values), generate


def _reduction(combine: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """One number from all lanes."""

    def reduce(typing, values):
        def generate(context, builder, sig, args):
            return _fold(builder, args[0], values.n, lambda a, b: combine(builder, a, b))

        return values.dtype(values), generate

    return intrinsic(reduce)


# arithmetic


def _conversion(name: str, dtype: types.Type) -> Callable[..., Any]:
    """Values in another type, by the instruction of that name."""

    def convert(typing, values):
        result = _map_types(values, lambda kind: Vector(dtype, kind.n))

        def generate(context, builder, sig, args):
            if result is types.none:
                return context.get_dummy_value()
            return getattr(builder, name)(args[0], context.get_value_type(result))

        return result(values), generate

    return intrinsic(convert)


@intrinsic
def _sqrt(typing, values):
    """Square roots."""

    def generate(context, builder, sig, args):
        if values is types.none:
            return context.get_dummy_value()
        kind = ir.FunctionType(args[0].type, [args[0].type])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{values.n}f64")
        return builder.call(function, [args[0]])

    return values(values), generate


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _sum(builder, a, b):
    return builder.add(a, b)


# the histogram


def _split_bins(builder, bins, n: int) -> list[Any]:
    """Bin of each lane as an I64.

    Two bins leave the vector at a time: one by one took twice the time of the whole sweep on Zen 4.
    """
    if n == 1:
        return [builder.zext(builder.extract_element(bins, I32(0)), I64)]
    pairs = builder.bitcast(bins, ir.VectorType(I64, n // 2))
    columns = []
    for k in range(n // 2):
        pair = builder.extract_element(pairs, I32(k))
        columns += [builder.and_(pair, LOWER_HALF), builder.lshr(pair, I64(32))]
    return columns


def build_bump(subhistograms: int) -> Callable[..., Any]:
    """Build the intrinsic that counts into a histogram.

    Parameters
    ----------
    subhistograms : int
        Rows of the histogram, which lanes take in turn.

    Returns
    -------
    callable
        ``bump`` of ``lanes``.
    """

    @intrinsic
    def bump(typing, histogram, bins, weights, factor):
        """Add a weight in each lane to its bin."""

        def generate(context, builder, sig, args):
            factor32 = builder.trunc(args[3], I32)
            weight = context.make_array(weights)(context, builder, args[2]).data
            array = context.make_array(histogram)(context, builder, args[0])
            stride = builder.extract_value(array.strides, 0)
            start = builder.ptrtoint(array.data, I64)
            starts = []
            for k in range(subhistograms):
                offset = builder.mul(stride, I64(k))
                starts.append(builder.add(start, offset))
            for lane, column in enumerate(_split_bins(builder, args[1], bins.n)):
                offset = builder.shl(column, I64(2))
                address = builder.add(starts[lane % subhistograms], offset)
                counter = builder.inttoptr(address, I32.as_pointer())
                lane_weight = builder.load(builder.gep(weight, [I64(lane)]))
                more = builder.mul(lane_weight, factor32)
                count = builder.add(builder.load(counter), more)
                builder.store(count, counter)
            return context.get_dummy_value()

        return types.none(histogram, bins, weights, types.int64), generate

    return bump


INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "load": _load,
    "load_at": _load_at,
    "store": _store,
    "item": _item,
    "splat": _splat,
    "or_nan": _or_nan,
    "where": _where,
    "added": _added,
    "higher": _extreme("maxnum"),
    "lower": _extreme("minnum"),
    "rarely": _rarely,
    "pack_mask": _pack_mask,
    "lowest_bit": _lowest_bit,
    "pick": _pick,
    "only": _only,
    "highest": _reduction(_larger),
    "total": _reduction(_sum),
    "bits": _conversion("bitcast", types.int64),
    "truncate": _conversion("fptosi", types.int32),
    "floats": _conversion("uitofp", types.float64),
    "wide": _conversion("sext", types.int64),
    "from_bits": _conversion("bitcast", types.float64),
    "sqrt": _sqrt,
}
"""Functions of ``lanes`` but for ``bump``, as intrinsics."""
