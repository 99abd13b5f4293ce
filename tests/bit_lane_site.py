"""One site of the bit lanes, its bonds satisfied as a test asks, and its draws, call by call."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from statfe.kernels.bit_lanes import LEFT, SCRATCH_ROWS, V, partial_sums, total
from statfe.kernels.bit_measure import set_planes
from statfe.kernels.bit_sweep import decide, finish
from statfe.random import streams
from tests.naive.bit_lane import binary_fraction, bits_of, code_of, words_of

ZERO = np.uint64(0)


class Site:
    """Site 0 with z neighbours in 64 W lanes.

    Parameters
    ----------
    satisfied
        How many bonds are satisfied, by lane.
    thresholds, gibbs
        P(u < p) 2^64 by rung and class, uint64, shape (K, 4), and whether a rung takes the heat bath.
    rung
        Rung of each lane.
    own
        Whether every lane has signs of its own.
    """

    def __init__(self, z: int, satisfied: np.ndarray, thresholds: np.ndarray, gibbs: np.ndarray, rung: np.ndarray,
                 seed: int = 1, own: bool = False) -> None:
        rng = np.random.default_rng(seed)
        lanes = len(satisfied)
        self.z, self.width, self.own = (0,) * z, lanes // 64, (0,) * own
        self.thresholds, self.rung = thresholds, rung
        good = rng.permuted(np.arange(z)[:, None] < satisfied, axis=0)
        here, up = rng.integers(0, 2, (1, lanes)), rng.integers(0, 2, (z, lanes if own else 1))
        # satisfied = s_i ^ s_j ^ sign
        self.spins = np.zeros((z + 3, V), dtype=np.uint64)
        self.spins[:z + 1, : self.width] = words_of(np.concatenate([here, good ^ here ^ up]))
        self.signs = np.zeros((z + 1, V if own else 1), dtype=np.uint64)
        self.signs[:z, : self.width] = words_of(up) if own else np.where(up == 1, ~ZERO, ZERO)
        self.before = self.spins[0].copy()
        self.states = np.ascontiguousarray(streams(seed, V).T).reshape(4 * V)
        codes = np.array([code_of(list(t), g) for t, g in zip(thresholds, gibbs, strict=True)], dtype=np.uint64)
        self.planes = np.zeros(64 * V, dtype=np.uint64)
        set_planes(self.width, codes, rung, self.planes)
        self.out = np.zeros(SCRATCH_ROWS * V, dtype=np.uint64)
        partial_sums(self.z, self.own, self.width, self.spins, self.signs, ZERO, ZERO,
                     np.arange(1, z + 1).astype(np.uint32), self.out)

    def counted(self) -> np.ndarray:
        """Satisfied bonds of each lane as the kernel adds them."""
        rows = [[int(b) for b in total(self.z, self.out, w)] for w in range(self.width)]
        return sum(bits_of(np.array([r[k] for r in rows], dtype=np.uint64)).astype(int) << k for k in range(4))

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Words of the lanes that flip, and of those that needed more than twelve bits; the spin is put back."""
        self.spins[0] = self.before
        if decide(self.z, self.width, self.spins, ZERO, self.out, self.states, self.planes) != 0:
            finish(self.z, self.width, self.spins, ZERO, self.out, self.states, self.thresholds, self.rung)
        return self.spins[0] ^ self.before, self.out[LEFT * V : LEFT * V + V]

    def flip_counts(self, calls: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By lane, over many draws: flips, how often more bits were needed, and flips among these."""
        flips, left, both = (np.zeros(64 * self.width, dtype=np.int64) for _ in range(3))
        flip_rows, left_rows = np.empty((2000, self.width), np.uint64), np.empty((2000, self.width), np.uint64)
        for first in range(0, calls, 2000):
            count = min(2000, calls - first)
            for k in range(count):
                flip, more = self.draw()
                flip_rows[k], left_rows[k] = flip[: self.width], more[: self.width]
            for sums, rows in ((flips, flip_rows), (left, left_rows), (both, flip_rows & left_rows)):
                sums += bits_of(rows[:count]).sum(axis=0, dtype=np.int64)
        return flips, left, both


def real_thresholds(z: int, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metropolis and heat bath, rung after rung: thresholds by class and rules, from the formulas with J = 1."""
    table, gibbs = [], []
    for beta in betas:
        for heat_bath in (False, True):
            x = [math.exp(-2.0 * beta * m) for m in ((2, 4, 6, 8) if z % 2 == 0 else (1, 3, 5, 7))]
            table.append([binary_fraction(Fraction(v / (1.0 + v) if heat_bath else v)) for v in x])
            gibbs.append(heat_bath)
    return np.array(table, dtype=np.uint64), np.array(gibbs)
