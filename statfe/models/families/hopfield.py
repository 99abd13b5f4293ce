"""The Hopfield network: random patterns stored by Hebb's rule, J_ij = (1/n) sum_mu xi_i^mu xi_j^mu."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.builders import FIELD, SCALE, SEED, SITES, dense_model, n_pairs, refuse_too_large
from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.spec import Option

DISORDER_KEY = 100_003
BLOCK = 512

PATTERNS = Option("patterns", "int", 5, "number of stored patterns", minimum=1, maximum=10**7)


def draw_patterns(patterns: int, n: int, seed: int) -> np.ndarray:
    """The stored patterns xi, +-1 with equal probability; int8, shape (patterns, n)."""
    bits = generator(seed, DISORDER_KEY).random((patterns, n)) < 0.5
    return np.where(bits, 1, -1).astype(np.int8)


def build(options: Mapping[str, Any]) -> IsingModel:
    """Couplings row by row of the upper triangle; sums that cancel stay as bonds of zero."""
    n, patterns = options["n"], options["patterns"]
    refuse_too_large(f"hopfield:n={n},patterns={patterns}", n, n_pairs(n), 18.0 * patterns * n)
    xi = draw_patterns(patterns, n, options["seed"]).astype(np.float64)
    sites, rows = np.arange(n), []
    for start in range(0, n, BLOCK):
        block = sites[start:start + BLOCK]
        # Sums of +-1: exact in float64, so the same bits whatever the matrix product does.
        rows.append((xi[:, block].T @ xi)[block[:, None] < sites])
    couplings = np.concatenate(rows)
    couplings *= options["coupling"] / n
    return dense_model(n, couplings, options["field"])


FAMILY = Family(
    name="hopfield",
    group="dense",
    summary="associative memory: random patterns stored by Hebb's rule",
    options=(SITES, PATTERNS, SEED, SCALE, FIELD),
    build=build,
    reference="Hopfield, Proc. Natl. Acad. Sci. 79, 2554 (1982); Amit, Gutfreund and Sompolinsky (1985)",
    facts=("retrieval at T = 0 up to patterns / n = .138 as n grows",),
)
