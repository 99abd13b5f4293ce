"""Counting bits of 8 words at once in registers, which numba's loops would store and load at every step.

Sums of bits are kept in binary, one vector of words a level: full adders turn three bits of one weight into one of it
and one of the next (carry-save), and the sum of a dozen bits is added to the levels. Written for LLVM as vectors of 8
words; it splits them where the processor's registers are shorter. The twins for NUMBA_DISABLE_JIT say it in numpy.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Words of a row (one call updates at most 64 V chains), words of a vector, and levels that a call fills: it counts to
#: 2^SHORT_LEVELS - 1.
V, WORDS, SHORT_LEVELS = 32, 8, 12
#: Bits that are summed before they are added to the levels.
DOZEN = 12
#: Columns of a row of `sixes`: a site, its six neighbours, and the rows of their signs.
NEIGHBOURS, SIGNS, COLUMNS = 1, 7, 13

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_VW = ir.VectorType(_I64, WORDS)
_ZERO = ir.Constant(_VW, [0] * WORDS)


def _full_adder(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> tuple[ir.Value, ir.Value]:
    xy = b.xor(x, y)
    return b.xor(xy, z), b.or_(b.and_(x, y), b.and_(xy, z))


def _sum(b: ir.IRBuilder, bits: list[ir.Value]) -> list[ir.Value]:
    """The number of ones among `bits`, in binary, lowest first."""
    columns, number = [list(bits)], []
    while columns:
        column, above = columns[0], []
        while len(column) > 1:
            z = column.pop(0) if len(column) > 2 else _ZERO
            total, carry = _full_adder(b, column.pop(0), column.pop(0), z)
            column.append(total)
            above.append(carry)
        number += column
        columns = [columns[1] + above] if len(columns) > 1 else ([above] if above else [])
    return number


def _add(b: ir.IRBuilder, levels: list[ir.Value], number: list[ir.Value]) -> None:
    """Add a number to the levels, which lie in `alloca`s that become registers."""
    carry: ir.Value = _ZERO
    for k, place in enumerate(levels):
        total, carry = _full_adder(b, b.load(place), carry, number[k] if k < len(number) else _ZERO)
        b.store(total, place)


def _words(b: ir.IRBuilder, data: ir.Value, row: ir.Value, column: ir.Value) -> ir.Value:
    """A vector of words of one row."""
    place = b.gep(data, [b.add(b.mul(row, ir.Constant(_I64, V)), column)])
    return b.load(b.bitcast(place, _VW.as_pointer()), align=8)


def _data(context: Any, b: ir.IRBuilder, kind: Any, value: ir.Value) -> ir.Value:
    return context.make_array(kind)(context, b, value=value).data


def _store_levels(b: ir.IRBuilder, levels: list[ir.Value], short: ir.Value, column: ir.Value) -> None:
    for k, place in enumerate(levels):
        target = b.gep(short, [b.add(ir.Constant(_I64, k * V), column)])
        b.store(b.load(place), b.bitcast(target, _VW.as_pointer()), align=8)


def _emit_sum_bonds(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    own = len(signature.args[0]) > 0
    _, spins, signs, sixes, first, last, column, short = (
        _data(context, b, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True))
    levels = [cgutils.alloca_once_value(b, _ZERO) for _ in range(SHORT_LEVELS)]

    def entry(row: ir.Value, k: int) -> ir.Value:
        at = b.add(b.mul(row, ir.Constant(_I64, COLUMNS)), ir.Constant(_I64, k))
        return b.zext(b.load(b.gep(sixes, [at])), _I64)

    def six(row: ir.Value) -> list[ir.Value]:
        site, bits = _words(b, spins, entry(row, 0), column), []
        for k in range(6):
            bond = entry(row, SIGNS + k)
            if own:
                sign = _words(b, signs, bond, column)
            else:
                one = b.insert_element(
                    ir.Constant(_VW, ir.Undefined), b.load(b.gep(signs, [bond])), ir.Constant(_I32, 0))
                sign = b.shuffle_vector(
                    one, ir.Constant(_VW, ir.Undefined), ir.Constant(ir.VectorType(_I32, WORDS), [0] * WORDS))
            bits.append(b.xor(b.xor(site, _words(b, spins, entry(row, NEIGHBOURS + k), column)), sign))
        return bits

    two = ir.Constant(_I64, 2)
    even = b.sub(last, b.and_(b.sub(last, first), ir.Constant(_I64, 1)))
    with cgutils.for_range_slice(b, first, even, two, _I64) as (row, _):
        _add(b, levels, _sum(b, six(row) + six(b.add(row, ir.Constant(_I64, 1)))))
    with cgutils.for_range_slice(b, even, last, ir.Constant(_I64, 1), _I64) as (row, _):
        _add(b, levels, _sum(b, six(row)))
    _store_levels(b, levels, short, column)
    return context.get_dummy_value()


def _emit_sum_rows(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    spins, first, last, column, short = (
        _data(context, b, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True))
    levels = [cgutils.alloca_once_value(b, _ZERO) for _ in range(SHORT_LEVELS)]
    dozen, one = ir.Constant(_I64, DOZEN), ir.Constant(_I64, 1)
    full = b.sub(last, b.urem(b.sub(last, first), dozen))
    with cgutils.for_range_slice(b, first, full, dozen, _I64) as (row, _):
        _add(b, levels, _sum(b, [_words(b, spins, b.add(row, ir.Constant(_I64, k)), column) for k in range(DOZEN)]))
    with cgutils.for_range_slice(b, full, last, one, _I64) as (row, _):
        _add(b, levels, [_words(b, spins, row, column)])
    _store_levels(b, levels, short, column)
    return context.get_dummy_value()


if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    @intrinsic
    def sum_bonds(_context: Any, own: Any, spins: Any, signs: Any, sixes: Any, first: Any, last: Any, column: Any,
                  short: Any) -> Any:
        """Levels of the number of satisfied bonds of sixes[first:last], for 8 words from `column` on.

        Parameters
        ----------
        own
            () where all words have the same signs, `signs` of shape (., 1); (0,) for signs of shape (., V).
        spins
            uint64, shape (., V).
        sixes
            See `statfe.kernels.bit_measure.count_bonds`; uint32, shape (., 13); less than 2^12 bonds.
        short
            Filled: row k, from k V on, holds bit k of the numbers.
        """
        signature = types.void(own, spins, signs, sixes, types.int64, types.int64, types.int64, short)
        return signature, _emit_sum_bonds

    @intrinsic
    def sum_rows(_context: Any, spins: Any, first: Any, last: Any, column: Any, short: Any) -> Any:
        """Levels of the number of ones in rows `first` to `last` - 1, fewer than 2^12, as `sum_bonds` does."""
        return types.void(spins, types.int64, types.int64, types.int64, short), _emit_sum_rows

else:

    def _levels(words: np.ndarray, column: int, short: np.ndarray) -> None:
        """Binary numbers of ones in each bit of `words`, shape (rows, 8)."""
        bits = (words[:, :, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
        count = bits.sum(axis=0, dtype=np.uint64)
        for k in range(SHORT_LEVELS):
            level = (count >> np.uint64(k)) & np.uint64(1)
            short[k * V + column: k * V + column + WORDS] = (level << np.arange(64, dtype=np.uint64)).sum(
                axis=1, dtype=np.uint64)

    def sum_bonds(own, spins, signs, sixes, first, last, column, short):  # type: ignore[misc]
        """As above."""
        table, part = sixes[first:last].astype(np.int64), slice(column, column + WORDS)
        sign = signs[table[:, SIGNS:]][..., part if len(own) else slice(0, 1)]
        rows = spins[table[:, :1]][..., part] ^ spins[table[:, NEIGHBOURS:SIGNS]][..., part] ^ sign
        _levels(rows.reshape(-1, WORDS), column, short)

    def sum_rows(spins, first, last, column, short):  # type: ignore[misc]
        """As above."""
        _levels(spins[first:last, column: column + WORDS], column, short)
