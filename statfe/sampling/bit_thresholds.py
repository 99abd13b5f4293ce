"""Probabilities of bit lanes as binary fractions of 64 bits, and their first bits packed for the planes."""

from __future__ import annotations

import numpy as np

from statfe.kernels.bit_lanes import GIBBS_ROW, ROUNDS
from statfe.kernels.tempering import GIBBS
from statfe.models.ising import IsingModel
from statfe.sampling.bit_graph import BitGraph
from statfe.sampling.samplers import rules_at

#: Classes of |m| > 0: m = 2, 4, 6, 8 for an even number of bonds, 1, 3, 5, 7 for an odd one.
FIELDS = (np.array([2, 4, 6, 8]), np.array([1, 3, 5, 7]))


def fixed_point(p: np.ndarray) -> np.ndarray:
    """floor(p 2^64) as uint64, for 0 <= p < 1; u < p exactly where the 64 bits of u are below it."""
    top = float(np.nextafter(1.0, 0.0))
    return np.array([int(min(x, top) * 2.0**64) for x in np.ravel(p)], dtype=np.uint64).reshape(np.shape(p))


def gibbs_rungs(model: IsingModel, rule: int, betas: np.ndarray) -> np.ndarray:
    """Which rungs take the heat bath, by alternation (own rule, every second sweep), bool, shape (2, K)."""
    own = rules_at(rule, model, betas) == GIBBS
    return np.stack([own, np.ones_like(own)])


def thresholds_of(model: IsingModel, graph: BitGraph, rule: int, betas: np.ndarray) -> np.ndarray:
    """P(u < p) of each rung and |m|: uint64, shape (2, 2, K, 4), by alternation, kind of site, rung and class."""
    out = np.empty((2, 2, len(betas), 4), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for kind, m in enumerate(FIELDS):
            x = np.exp(-2.0 * betas[:, None] * graph.J * m)
            for turn, gibbs in enumerate(gibbs_rungs(model, rule, betas)):
                out[turn, kind] = fixed_point(np.where(gibbs[:, None], x / (1.0 + x), x))
    return out


def codes_of(thresholds: np.ndarray, model: IsingModel, rule: int, betas: np.ndarray) -> np.ndarray:
    """The first `ROUNDS` bits of each threshold: bit c ROUNDS + b of the code is the b-th of class c; (2, 2, K)."""
    codes = np.zeros(thresholds.shape[:3], dtype=np.uint64)
    for c in range(4):
        for b in range(ROUNDS):
            bit = (thresholds[..., c] >> np.uint64(63 - b)) & np.uint64(1)
            codes |= bit << np.uint64(c * ROUNDS + b)
    codes |= gibbs_rungs(model, rule, betas)[:, None, :].astype(np.uint64) << np.uint64(GIBBS_ROW)
    return codes
