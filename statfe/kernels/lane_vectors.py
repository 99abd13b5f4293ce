"""Vector code for 64 chains at once that numba's loops cannot express: spins as bits that mask float additions.

Lane l of a tile is bit l of one uint64 a site. A neighbour's part of the local field is then one masked addition for
16 lanes, without loading a float a spin. Written for LLVM as vectors of 16 floats (8 doubles); it splits them where
the processor's registers are shorter. The twins for NUMBA_DISABLE_JIT say the same in numpy.
"""

from __future__ import annotations

import sys
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Chains of a tile, and lanes of one vector of floats and of doubles.
LANES, FLOATS, DOUBLES = 64, 16, 8

#: Neighbours added up at a time.
CHUNK = 64
#: 2^r = sum_k C_k r^k on [-1/2, 1/2] within 3e-6, float32 rounding included.
POWER_OF_TWO = (0.9999992251396179, 0.6931219100952148, 0.24024811387062073, 0.05591749772429466, 0.009567738510668278)
#: Adding 1.5 * 2^23 rounds a float32 to an integer and leaves it in the low bits of the sum.
SHIFT = 12582912.0
#: Exponents beyond this decide nothing that `ABSOLUTE` does not cover.
LIMIT = 60.0
#: The same times 2^32: uniforms are compared as the integers of their first 32 bits.
SCALED_POWER = tuple(c * 2.0**32 for c in POWER_OF_TWO)
#: Uniforms are known to 2^-32, and 2^-LIMIT counts as 0: a bound of 2^-29, times 2^32.
ABSOLUTE = 8.0
#: What the row of heat-bath lanes holds.
HEAT = 2.0**-32

_I1, _I16, _I32, _I64, _F32, _F64 = (
    ir.IntType(1), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType())
_VF, _VI, _VD = ir.VectorType(_F32, FLOATS), ir.VectorType(_I32, FLOATS), ir.VectorType(_F64, DOUBLES)


def _constant(kind: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _splat(b: ir.IRBuilder, scalar: ir.Value, kind: ir.VectorType) -> ir.Value:
    one = b.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(
        one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_I32, kind.count), [0] * kind.count))


def _mask(b: ir.IRBuilder, word: ir.Value, part: int, width: int) -> ir.Value:
    """Bits part * width ... of a word as a vector of i1."""
    piece = b.trunc(b.lshr(word, ir.Constant(_I64, part * width)), ir.IntType(width))
    return b.bitcast(piece, ir.VectorType(_I1, width))


def _piece(b: ir.IRBuilder, word: ir.Value, part: int, width: int) -> ir.Value:
    """`_mask` of a word in memory: a load is faster than shifting mask registers."""
    kind = ir.IntType(width)
    place = part if sys.byteorder == "little" else LANES // width - 1 - part
    piece = b.load(b.gep(b.bitcast(word, kind.as_pointer()), [ir.Constant(_I64, place)]))
    return b.bitcast(piece, ir.VectorType(_I1, width))


def _word(b: ir.IRBuilder, masks: list[ir.Value]) -> ir.Value:
    """The 64 bits of four vectors of 16 i1."""
    word = ir.Constant(_I64, 0)
    for part, mask in enumerate(masks):
        piece = b.zext(b.bitcast(mask, _I16), _I64)
        word = b.or_(word, b.shl(piece, ir.Constant(_I64, part * FLOATS)))
    return word


def _at(b: ir.IRBuilder, pointer: ir.Value, index: Any) -> ir.Value:
    index = ir.Constant(_I64, index) if isinstance(index, int) else index
    return b.load(b.gep(pointer, [index]))


def _vector_pointer(b: ir.IRBuilder, pointer: ir.Value, index: int, kind: ir.VectorType) -> ir.Value:
    return b.bitcast(b.gep(pointer, [ir.Constant(_I64, index)]), kind.as_pointer())


def _data(context: Any, b: ir.IRBuilder, kind: Any, value: ir.Value) -> ir.Value:
    return context.make_array(kind)(context, b, value=value).data


def _fields(b: ir.IRBuilder, base: ir.Value, first: ir.Value, last: ir.Value, spins: ir.Value, indices: ir.Value,
            doubled: ir.Value) -> list[ir.Value]:
    """base + sum over neighbours that are up of 2 J, for all lanes; four vectors.

    Beyond `CHUNK` neighbours sums of so many are added up: no term then goes through many roundings.
    """
    zero, step = _constant(_VF, 0.0), ir.Constant(_I64, CHUNK)
    total = [cgutils.alloca_once_value(b, _splat(b, base, _VF)) for _ in range(LANES // FLOATS)]
    some = [cgutils.alloca_once_value(b, zero) for _ in range(LANES // FLOATS)]

    def add(start: ir.Value, room: list[ir.Value]) -> None:
        end = b.add(start, step)
        stop = b.select(b.icmp_signed("<", end, last), end, last)
        with cgutils.for_range_slice(b, start, stop, ir.Constant(_I64, 1), _I64) as (k, _):
            word = b.gep(spins, [b.zext(_at(b, indices, k), _I64)])
            weight = _splat(b, _at(b, doubled, k), _VF)
            for part, place in enumerate(room):
                old = b.load(place)
                b.store(b.select(_piece(b, word, part, FLOATS), b.fadd(old, weight), old), place)

    add(first, total)
    with cgutils.for_range_slice(b, b.add(first, step), last, step, _I64) as (start, _):
        for place in some:
            b.store(zero, place)
        add(start, some)
        for place, other in zip(total, some, strict=True):
            b.store(b.fadd(b.load(place), b.load(other)), place)
    return [b.load(place) for place in total]


def _muladd(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x y + z, in one rounding or two, whichever is faster: the bound of the filter covers both."""
    kind = ir.FunctionType(_VF, [_VF] * 3)
    return b.call(cgutils.get_or_insert_function(b.module, kind, f"llvm.fmuladd.v{FLOATS}f32"), [x, y, z])


def _decide(b: ir.IRBuilder, field: ir.Value, down: ir.Value, scale: ir.Value, heat: ir.Value, slack: ir.Value,
            bits: ir.Value) -> tuple[ir.Value, ir.Value]:
    """(flip, sure) of 16 lanes: whether u (1 + heat e) < e, e = 2^y, y = scale s h, and whether that is beyond doubt.

    u, e and the absolute bound are 2^32 times what they stand for, `heat` is 2^-32 times.
    """
    y = b.fmul(field, scale)
    y = b.select(down, b.fneg(y), y)
    # Comparisons in this order let a NaN through, and a NaN is never sure.
    y = b.select(b.fcmp_ordered(">", y, _constant(_VF, LIMIT)), _constant(_VF, LIMIT), y)
    y = b.select(b.fcmp_ordered("<", y, _constant(_VF, -LIMIT)), _constant(_VF, -LIMIT), y)
    shifted = b.fadd(y, _constant(_VF, SHIFT))
    r = b.fsub(y, b.fsub(shifted, _constant(_VF, SHIFT)))
    p = _constant(_VF, SCALED_POWER[-1])
    for c in SCALED_POWER[-2::-1]:
        p = _muladd(b, p, r, _constant(_VF, c))
    power = b.shl(b.bitcast(shifted, _VI), _constant(_VI, 23))
    e = b.bitcast(b.add(b.bitcast(p, _VI), power), _VF)
    d = _muladd(b, b.uitofp(bits, _VF), _muladd(b, heat, e, _constant(_VF, 1.0)), b.fneg(e))
    doubt = _muladd(b, slack, e, _constant(_VF, ABSOLUTE))
    flip = b.fcmp_ordered("<", d, b.fneg(doubt))
    keep = b.fcmp_ordered(">", d, doubt)
    return flip, b.or_(flip, keep)


def _emit_decide_site(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    site, base, first, last, place, *rest = arguments
    spins, indices, doubled, lanes, bits = (
        _data(context, b, kind, value) for kind, value in zip(signature.args[5:], rest, strict=True))
    bits = b.gep(bits, [place])
    fields = _fields(b, base, first, last, spins, indices, doubled)
    down = b.not_(_at(b, spins, site))
    flips, sures = [], []
    for part, field in enumerate(fields):
        scale, heat, slack = (
            b.load(_vector_pointer(b, lanes, row * LANES + part * FLOATS, _VF), align=4) for row in range(3))
        word = b.load(_vector_pointer(b, bits, part * FLOATS, _VI), align=4)
        flip, sure = _decide(b, field, _mask(b, down, part, FLOATS), scale, heat, slack, word)
        flips.append(flip)
        sures.append(sure)
    return context.make_tuple(b, signature.return_type, [_word(b, flips), b.not_(_word(b, sures))])


def _emit_add_masked(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    count, start, *rest = arguments
    masks, values, out = (_data(context, b, kind, value) for kind, value in zip(signature.args[2:], rest, strict=True))
    values = b.gep(values, [start])
    room = [cgutils.alloca_once_value(b, b.load(_vector_pointer(b, out, part * DOUBLES, _VD), align=8))
            for part in range(LANES // DOUBLES)]
    with cgutils.for_range(b, count, intp=_I64) as loop:
        word, value = b.gep(masks, [loop.index]), _splat(b, _at(b, values, loop.index), _VD)
        for part, place in enumerate(room):
            old = b.load(place)
            b.store(b.select(_piece(b, word, part, DOUBLES), b.fadd(old, value), old), place)
    for part, place in enumerate(room):
        b.store(b.load(place), _vector_pointer(b, out, part * DOUBLES, _VD), align=8)
    return context.get_dummy_value()


if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    @intrinsic
    def decide_site(_context: Any, site: Any, base: Any, first: Any, last: Any, place: Any, spins: Any, indices: Any,
                    doubled: Any, lanes: Any, bits: Any) -> Any:
        """(flip, doubtful): bits of the lanes whose spin at `site` flips, and of those float32 cannot decide.

        Parameters
        ----------
        base, doubled
            h_i - sum_j J_ij, and 2 J of each neighbour; float32.
        first, last
            The neighbours of the site are indices[first:last].
        spins
            One word a site, uint64; bit l is 1 where lane l is up.
        lanes
            -2 beta log2(e), `HEAT` for heat bath or 0 for Metropolis, and the relative doubt of e, by lane; float32,
            shape (3 * 64,).
        place, bits
            The first 32 bits of the lanes' uniforms are bits[place:place + 64], uint32.
        """
        signature = types.UniTuple(types.uint64, 2)(
            types.int64, types.float32, types.int64, types.int64, types.int64, spins, indices, doubled, lanes, bits)
        return signature, _emit_decide_site

    @intrinsic
    def add_masked(_context: Any, count: Any, start: Any, masks: Any, values: Any, out: Any) -> Any:
        """out[l] += the sum of values[start + k] over k < count where bit l of masks[k] is 1; float64, shape (64,)."""
        return types.void(types.int64, types.int64, masks, values, out), _emit_add_masked

else:

    def _bits_of(word: Any) -> np.ndarray:
        return np.unpackbits(np.array([word], dtype="<u8").view(np.uint8), bitorder="little").astype(bool)

    def _word_of(bits: np.ndarray) -> np.uint64:
        return np.packbits(bits, bitorder="little").view("<u8")[0].astype(np.uint64)

    def decide_site(  # type: ignore[misc]
            site, base, first, last, place, spins, indices, doubled, lanes, bits):
        """(flip, doubtful) as above."""
        one = np.float32
        field = np.full(LANES, base, dtype=one)
        for start in range(first, last, CHUNK):
            some = field if start == first else np.zeros(LANES, dtype=one)
            for k in range(start, min(start + CHUNK, last)):
                some = np.where(_bits_of(spins[indices[k]]), some + doubled[k], some)
            field = some if start == first else field + some
        with np.errstate(all="ignore"):
            y = field * lanes[:LANES]
            y = np.where(_bits_of(spins[site]), y, -y)
            y = np.where(y > LIMIT, one(LIMIT), y)
            y = np.where(y < -LIMIT, one(-LIMIT), y)
            shifted = y + one(SHIFT)
            r = y - (shifted - one(SHIFT))
            p = np.full(LANES, SCALED_POWER[-1], dtype=one)
            for c in SCALED_POWER[-2::-1]:
                p = p * r + one(c)
            e = (p.view(np.int32) + (shifted.view(np.int32) << np.int32(23))).view(one)
            u = bits[place:place + LANES].astype(one)
            d = u * (lanes[LANES:2 * LANES] * e + one(1.0)) - e
            doubt = lanes[2 * LANES:] * e + one(ABSOLUTE)
            flip, keep = d < -doubt, d > doubt
        return _word_of(flip), ~_word_of(flip | keep)

    def add_masked(count, start, masks, values, out):  # type: ignore[misc]
        """As above."""
        for k in range(count):
            out[:] = np.where(_bits_of(masks[k]), out + values[start + k], out)
