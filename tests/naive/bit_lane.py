"""Slow twins of the bit lanes: one lane at a time, with Python's integers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from tests.naive.chains import xoshiro_words


def words_of(bits: np.ndarray) -> np.ndarray:
    """Words (uint64, shape (..., W)) of lanes (0 or 1, shape (..., 64 W)); lane j of a word is its bit j."""
    split = np.asarray(bits, dtype=np.uint8).reshape(*np.shape(bits)[:-1], -1, 64)
    packed = np.ascontiguousarray(np.packbits(split, axis=-1, bitorder="little"))
    return packed.view("<u8")[..., 0].astype(np.uint64)


def bits_of(words: np.ndarray) -> np.ndarray:
    """The inverse of `words_of`, uint8."""
    raw = np.ascontiguousarray(words, dtype="<u8")[..., None].view(np.uint8)
    return np.unpackbits(raw, axis=-1, bitorder="little").reshape(*np.shape(words)[:-1], -1)


def stream(state: np.ndarray, count: int = 4000) -> Iterator[int]:
    """Outputs of one xoshiro256++ stream."""
    return iter(xoshiro_words([int(x) for x in state], count))


def binary_fraction(p: Fraction) -> int:
    """floor(p 2^64)."""
    return int(p * 2**64 // 1)


def code_of(thresholds: list[int], gibbs: bool) -> int:
    """First twelve bits of each of four thresholds, the most significant lowest, and the rule at the top."""
    text = "".join(f"{int(t):064b}"[:12] for t in thresholds)
    return int(text[::-1], 2) | (int(gibbs) << 63)


def flips(z: int, satisfied: list[int], gibbs: list[bool], thresholds: list[list[int]], words: Iterator[int]
          ) -> list[bool]:
    """Which of 64 lanes flip one site with z bonds.

    The uniform of a lane has 76 bits: bit k of its first twelve (from the least significant) is the lane's bit of the
    k-th word, and where these equal the first twelve of the threshold, 64 more come from a word of the lane's own,
    lanes in order. A coin, where half of the bonds are satisfied, is the lane's bit of the first word.

    Parameters
    ----------
    satisfied, gibbs, thresholds
        Of each lane: how many bonds are satisfied, whether it takes the heat bath, and P(u < p) 2^64 by class of |m|.
    """
    first = [next(words) for _ in range(12)]
    out: list[bool] = []
    for lane in range(64):
        m = 2 * satisfied[lane] - z
        u = sum(((word >> lane) & 1) << k for k, word in enumerate(first))
        if m == 0:
            out.append(not gibbs[lane] or u % 2 == 0)
        elif m < 0 and not gibbs[lane]:
            out.append(True)
        else:
            p = thresholds[lane][(abs(m) - 1) // 2]
            more = next(words) if u == p >> 52 else 0
            out.append(((u << 64) + more < p << 12) == (m > 0))
    return out


def flip_probability(z: int, satisfied: int, gibbs: bool, thresholds: np.ndarray) -> float:
    """Probability of a flip from the thresholds, P(u < p) 2^64 by class of |m|."""
    m = 2 * satisfied - z
    if m == 0:
        return 0.5 if gibbs else 1.0
    if m < 0 and not gibbs:
        return 1.0
    p = float(thresholds[(abs(m) - 1) // 2]) / 2.0**64
    return p if m > 0 else 1.0 - p
