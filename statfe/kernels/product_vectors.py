"""A tile of a matrix product in registers, which numba's loops cannot express: 4 rows of one matrix times 16 lanes.

Written for LLVM as vectors of 8 doubles; it splits them where the processor's registers are shorter. Products and sums
are rounded once where the processor can, else twice. The twin for NUMBA_DISABLE_JIT says the same in numpy.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Rows and lanes of a tile, and lanes of one vector.
ROWS, LANES, DOUBLES = 4, 16, 8

_I32, _I64, _F64 = ir.IntType(32), ir.IntType(64), ir.DoubleType()
_VD = ir.VectorType(_F64, DOUBLES)


def _splat(b: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    one = b.insert_element(ir.Constant(_VD, ir.Undefined), scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(
        one, ir.Constant(_VD, ir.Undefined), ir.Constant(ir.VectorType(_I32, DOUBLES), [0] * DOUBLES))


def _part(b: ir.IRBuilder, pointer: ir.Value, index: int) -> ir.Value:
    return b.bitcast(b.gep(pointer, [ir.Constant(_I64, index)]), _VD.as_pointer())


def _emit_multiply_tile(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    start, count, *rest = arguments
    matrix, lanes, out = (
        context.make_array(kind)(context, b, value=value).data
        for kind, value in zip(signature.args[2:], rest, strict=True))
    matrix = b.gep(matrix, [start])
    sums = [[cgutils.alloca_once_value(b, ir.Constant(_VD, [0.0] * DOUBLES)) for _ in range(LANES // DOUBLES)]
            for _ in range(ROWS)]
    fused = cgutils.get_or_insert_function(
        b.module, ir.FunctionType(_VD, [_VD] * 3), f"llvm.fmuladd.v{DOUBLES}f64")
    for room in (place for row in sums for place in row):  # also where a loop outside comes back
        b.store(ir.Constant(_VD, [0.0] * DOUBLES), room)
    with cgutils.for_range(b, count, intp=_I64) as loop:
        row = b.gep(lanes, [b.mul(loop.index, ir.Constant(_I64, LANES))])
        values = [b.load(_part(b, row, k * DOUBLES), align=8) for k in range(LANES // DOUBLES)]
        column = b.gep(matrix, [b.mul(loop.index, ir.Constant(_I64, ROWS))])
        for r in range(ROWS):
            factor = _splat(b, b.load(b.gep(column, [ir.Constant(_I64, r)])))
            for value, room in zip(values, sums[r], strict=True):
                b.store(b.call(fused, [factor, value, b.load(room)]), room)
    for r in range(ROWS):
        for k, room in enumerate(sums[r]):
            b.store(b.load(room), _part(b, out, r * LANES + k * DOUBLES), align=8)
    return context.get_dummy_value()


if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    @intrinsic
    def multiply_tile(_context: Any, start: Any, count: Any, matrix: Any, lanes: Any, out: Any) -> Any:
        """out[r, t] = sum over k < count of matrix[start + 4 k + r] lanes[k, t], for 4 rows r and 16 lanes t.

        All three are float64 and flat: shape (.), (16 count,) and (64,).
        """
        return types.void(types.int64, types.int64, matrix, lanes, out), _emit_multiply_tile

else:

    def multiply_tile(start, count, matrix, lanes, out):  # type: ignore[misc]
        """As above."""
        part = matrix[start:start + ROWS * count].reshape(count, ROWS)
        out[:] = np.ravel(part.T @ lanes[:LANES * count].reshape(count, LANES))
