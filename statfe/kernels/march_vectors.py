"""Eight trajectories at once: laws of motion compiled for vectors of doubles instead of doubles.

`as_vectors` looks at a float64 array whose last axis holds `LANES` trajectories as an array of vectors. A law or a step
that is written for scalars then compiles for vectors as it stands: each operation is that of scalars on every lane, in
the same order, so a trajectory has the bits that it would have alone. What decides by the state, as a branch does, has
no meaning for a vector: numba refuses it (`NotForVectors`), and such laws run one trajectory at a time.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.typeconv import Conversion
from numba.extending import intrinsic, lower_cast, overload

#: Trajectories of a vector.
LANES = 16

#: What compiling raises for a law that does not go with vectors.
NotForVectors: type[Exception] = numba.core.errors.NumbaError

_VECTOR, _INDEX = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(32)
_NUMBERS = (types.Float, types.Integer)


class Vector(types.Type):
    """numba's name of a vector of doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"vector_of_{LANES}_doubles")

    def can_convert_from(self, _context: Any, other: types.Type) -> Any:
        """Numbers spread over all lanes."""
        return Conversion.safe if isinstance(other, _NUMBERS) else None

    def unify(self, _context: Any, other: types.Type) -> Any:
        """A variable that is a number here and a vector there is a vector."""
        return self if isinstance(other, _NUMBERS) else None


vector = Vector()


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


@lower_cast(types.Float, Vector)
@lower_cast(types.Integer, Vector)
def _spread(context: Any, b: ir.IRBuilder, kind: Any, _to: Any, value: ir.Value) -> ir.Value:
    number = context.cast(b, value, kind, types.float64)
    one = b.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_INDEX, 0))
    zeros = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
    return b.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _arithmetic(emit: str) -> Any:
    """A sum, difference, product or quotient, lane by lane in one instruction."""
    @intrinsic
    def operation(_context: Any, one: Any, other: Any) -> Any:
        def build(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            sides = [context.cast(b, a, kind, vector) for a, kind in zip(args, sig.args, strict=True)]
            return getattr(b, emit)(*sides)
        return vector(one, other), build
    return operation


_add, _sub, _mul, _div = map(_arithmetic, ("fadd", "fsub", "fmul", "fdiv"))


@intrinsic
def _negative(_context: Any, _x: Any) -> Any:
    return vector(vector), lambda _c, b, _s, args: b.fneg(args[0])


@intrinsic
def lane(_context: Any, _x: Any, _k: Any) -> Any:
    """Number `k` of a vector."""
    def build(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return b.extract_element(args[0], context.cast(b, args[1], sig.args[1], types.int32))
    return types.float64(vector, _k), build


@intrinsic
def _with_lane(_context: Any, _x: Any, _k: Any, _value: Any) -> Any:
    def build(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        index = context.cast(b, args[1], sig.args[1], types.int32)
        return b.insert_element(args[0], context.cast(b, args[2], sig.args[2], types.float64), index)
    return vector(vector, _k, _value), build


def _is_pair(one: Any, other: Any) -> bool:
    return vector in (one, other) and all(k == vector or isinstance(k, _NUMBERS) for k in (one, other))


def _two_sided(names: tuple[Callable[..., Any], ...], operation: Any) -> None:
    for name in names:
        @overload(name)
        def pick(a, b):
            return (lambda a, b: operation(a, b)) if _is_pair(a, b) else None


_two_sided((operator.add, operator.iadd), _add)
_two_sided((operator.sub, operator.isub), _sub)
_two_sided((operator.mul, operator.imul), _mul)
_two_sided((operator.truediv, operator.itruediv), _div)


@overload(operator.neg)
def _neg(a):
    return (lambda a: _negative(a)) if a == vector else None


@overload(operator.pos)
def _pos(a):
    return (lambda a: a) if a == vector else None


def _each(function: Callable[..., Any]) -> None:
    """`function` of one number, lane by lane."""
    @overload(function)
    def pick(a):
        if a != vector:
            return None

        def lanes(a):
            found = a
            for k in range(LANES):
                found = _with_lane(found, k, function(lane(a, k)))
            return found
        return lanes


_OF_ONE: tuple[Callable[..., Any], ...] = (
    abs, math.fabs, math.sqrt, math.exp, math.expm1, math.log, math.log1p, math.sin, math.cos, math.tan, math.atan,
    math.sinh, math.cosh, math.tanh, np.abs, np.sqrt, np.exp, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tan,
    np.arctan, np.sinh, np.cosh, np.tanh)
for _function in _OF_ONE:
    _each(_function)


def _each_pair(function: Callable[..., Any]) -> None:
    """`function` of two numbers, lane by lane."""
    @overload(function)
    def pick(a, b):
        if not _is_pair(a, b):
            return None
        left, right = a == vector, b == vector

        def lanes(a, b):
            found = _add(a, b)  # every lane is written below
            for k in range(LANES):
                one = lane(a, k) if left else a
                other = lane(b, k) if right else b
                found = _with_lane(found, k, function(one, other))
            return found
        return lanes


_OF_TWO: tuple[Callable[..., Any], ...] = (operator.mod, math.atan2, math.pow, math.hypot, np.arctan2)
for _function in _OF_TWO:
    _each_pair(_function)


@overload(operator.pow)
def _pow(a, b):
    """As numba raises scalars: by squaring for an integer that stands in the text, else by the library."""
    if not _is_pair(a, b):
        return None
    if a == vector and isinstance(b, types.IntegerLiteral):
        exponent = abs(b.literal_value)
        invert = b.literal_value < 0

        def squared(a, b):
            found, left = _add(0.0, 1.0), exponent
            while left != 0:
                if left & 1:
                    found = _mul(found, a)
                left >>= 1
                a = _mul(a, a)
            return _div(1.0, found) if invert else found
        return squared
    left_vector, right_vector = a == vector, b == vector

    def lanes(a, b):
        found = _add(a, b)
        for k in range(LANES):
            one = lane(a, k) if left_vector else a
            other = lane(b, k) if right_vector else b
            found = _with_lane(found, k, one ** other)
        return found
    return lanes


def _as_vectors(_context: Any, array: Any) -> Any:
    """A C-contiguous float64 array (..., LANES) as an array (...) of vectors of the same memory."""
    if array.dtype != types.float64 or array.layout != "C" or array.ndim < 2:
        return None
    # numba then asks for no alignment beyond that of a byte
    kind = types.Array(vector, array.ndim - 1, "C", aligned=False)

    def build(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        source = context.make_array(sig.args[0])(context, b, args[0])
        found = context.make_array(kind)(context, b)
        shape, strides = cgutils.unpack_tuple(b, source.shape), cgutils.unpack_tuple(b, source.strides)
        size = context.get_constant(types.intp, LANES)
        found.data = b.bitcast(source.data, found.data.type)
        found.shape = cgutils.pack_array(b, shape[:-1])
        found.strides = cgutils.pack_array(b, strides[:-1])
        found.nitems = b.sdiv(source.nitems, size)
        found.itemsize = context.get_constant(types.intp, 8 * LANES)
        found.meminfo, found.parent = source.meminfo, source.parent
        context.nrt.incref(b, kind, found._getvalue())
        return found._getvalue()
    return kind(array), build


#: ``as_vectors(array)`` in kernels.
as_vectors: Any = intrinsic(_as_vectors)
