"""Products of matrices inside kernels: gemm of the BLAS that scipy brings, on slices, without copies.

numba's own ``np.dot`` copies what is not contiguous and has no sum onto what is there. All matrices here have rows of
neighbouring entries, and any distance between the rows. The BLAS is column by column, so it sees their transposes.
`address` finds the function outside the kernels, which take it as a number: code that holds it could not be kept on
disk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  loads what `address` looks up
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic

from statfe._jit import njit

#: Columns of a transpose that are turned round together.
TILE = 16
_INT, _CHAR = ir.IntType(32), ir.IntType(8)


def address(dtype: type) -> int:
    """Where gemm of float32 or float64 is in this process."""
    return int(get_cython_function_address(
        "scipy.linalg.cython_blas", "sgemm" if np.dtype(dtype) == np.float32 else "dgemm"))


@intrinsic
def _gemm(_context: Any, place: Any, turned_a: Any, turned_b: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any,
          row_a: Any, b: Any, row_b: Any, beta: Any, c: Any, row_c: Any) -> Any:
    """C = alpha op(A) op(B) + beta C of column-major C (m, n); arguments as of BLAS, arrays as arrays."""
    def code(context: Any, build: ir.IRBuilder, signature: Any, values: Any) -> Any:
        real = context.get_value_type(signature.args[7].dtype)

        def of(position: int) -> ir.Value:
            kind, value = signature.args[position], values[position]
            if isinstance(kind, types.Array):
                return context.make_array(kind)(context, build, value).data
            if position in (6, 11):
                return cgutils.alloca_once_value(build, value)
            if position in (1, 2):  # 'T' or 'N'
                return cgutils.alloca_once_value(build, build.select(
                    value, ir.Constant(_CHAR, ord("T")), ir.Constant(_CHAR, ord("N"))))
            return cgutils.alloca_once_value(build, build.trunc(value, _INT))

        pointers = [_CHAR, _CHAR, _INT, _INT, _INT, real, real, _INT, real, _INT, real, real, _INT]
        kind = ir.FunctionType(ir.VoidType(), [t.as_pointer() for t in pointers])
        build.call(build.inttoptr(values[0], kind.as_pointer()), [of(i) for i in range(1, 14)])
        return context.get_dummy_value()

    real = a.dtype
    whole, flag = types.int64, types.boolean
    return types.void(whole, flag, flag, whole, whole, whole, real, a, whole, b, whole, real, c, whole), code


@njit
def _row(matrix):
    """Entries from one row to the next."""
    return matrix.strides[0] // matrix.itemsize


@njit
def product(gemm, a, b, out):
    """out = a b; shapes (m, k), (k, n) and (m, n)."""
    one, zero = a.dtype.type(1.0), a.dtype.type(0.0)
    _gemm(gemm, False, False, b.shape[1], a.shape[0], a.shape[1], one, b, _row(b), a, _row(a), zero, out, _row(out))


@njit
def product_with_rows(gemm, a, b, out):
    """out = a b^T; shapes (m, k), (n, k) and (m, n)."""
    one, zero = a.dtype.type(1.0), a.dtype.type(0.0)
    _gemm(gemm, True, False, b.shape[0], a.shape[0], a.shape[1], one, b, _row(b), a, _row(a), zero, out, _row(out))


@njit
def product_of_columns(gemm, factor, a, b, share, out):
    """out = factor a^T b + share out; shapes (k, m), (k, n) and (m, n)."""
    _gemm(gemm, False, True, b.shape[1], a.shape[1], a.shape[0], factor, b, _row(b), a, _row(a), share, out, _row(out))


@njit
def turn(columns, rows):
    """rows = columns^T."""
    for start in range(0, columns.shape[0], TILE):
        end = min(start + TILE, columns.shape[0])
        for r in range(rows.shape[0]):
            for i in range(start, end):
                rows[r, i] = columns[i, r]
