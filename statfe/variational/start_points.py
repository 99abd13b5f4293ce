"""Where mean-field-like iterations start: dimensionless fields lambda_i, shape (n_sites,).

All starts carry the model's gauge signs (see `statfe.models.balance`), with each component turned so that its
fields favour +: a gauge transformation or a global flip of the model then flips the starts with it, and every
result is gauge invariant.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse.linalg

from statfe.models.balance import balance, is_balanced
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.variational.solutions import Start

#: Key of the random stream of all starts (see `statfe.random.generator`).
STARTS_KEY = 7001
#: lambda of a start that is nearly frozen: m = 0.995.
FROZEN = 3.0
#: Size of the random bias around the paramagnet.
BIAS = 1e-3
#: Site and bond visits that a start which may well lead nowhere is given, and the fewest iterations.
BUDGET = 5_000_000
LEAST_BUDGET = 50


def gauge_signs(model: IsingModel) -> np.ndarray:
    """Signs that satisfy a spanning tree of each component and agree with its fields on the whole; float64."""
    gauge = balance(model).gauge.astype(np.float64)
    if not model.has_fields:
        return gauge
    favoured = np.bincount(model.components, weights=gauge * model.fields)
    return gauge * np.where(favoured < 0.0, -1.0, 1.0)[model.components]


def is_settled(model: IsingModel) -> bool:
    """Whether the aligned start alone leads to the lowest solution of mean field and of Bethe.

    So it is in a ferromagnet, up to a gauge, whose fields all favour one side: the iteration from full alignment
    descends to the only solution with all means along the gauge, which is the lowest of all (Koehler, NeurIPS 2019).
    """
    return is_balanced(model) and bool(np.all(gauge_signs(model) * model.fields >= 0.0))


def budget(model: IsingModel) -> int:
    """Iterations for starts that may lead nowhere: all they need in small systems, fewer in large ones."""
    return max(LEAST_BUDGET, BUDGET // (model.n_sites + len(model.indices)))


def paramagnetic(model: IsingModel, beta: float, signs: np.ndarray, rng: np.random.Generator) -> Start:
    """Free spins in their own fields, with a small random bias that lets order grow."""
    return Start(
        "paramagnetic", beta * model.fields + BIAS * signs * rng.standard_normal(model.n_sites), budget(model))


def aligned(model: IsingModel, signs: np.ndarray) -> list[Start]:
    """All spins along the gauge signs (all up in a ferromagnet); both ways where fields tell them apart."""
    up = Start("aligned", FROZEN * signs)
    return [up, Start("anti-aligned", -FROZEN * signs)] if model.has_fields else [up]


def random_states(
    count: int, signs: np.ndarray, rng: np.random.Generator, budget: int | None = None
) -> list[Start]:
    """`count` random configurations, half frozen and half soft."""
    return [Start("random", FROZEN * signs * rng.standard_normal(len(signs)), budget) for _ in range(count)]


def standard_starts(model: IsingModel, beta: float, seed: int, restarts: int) -> list[Start]:
    """Paramagnetic, aligned, and `restarts` random ones; aligned alone where `is_settled`. Same seed, same starts."""
    signs, rng = gauge_signs(model), generator(seed, STARTS_KEY)
    if is_settled(model):
        return aligned(model, signs)[:1]
    limit = budget(model)
    return [
        paramagnetic(model, beta, signs, rng), *(s._replace(budget=limit) for s in aligned(model, signs)),
        *random_states(restarts, signs, rng, limit)]


def spectral(model: IsingModel, signs: np.ndarray, rng: np.random.Generator) -> list[Start]:
    """Along the leading eigenvector of J, the first mode to order; nothing where it cannot be found cheaply."""
    n = model.n_sites
    if n < 3 or model.n_pairs == 0:
        return []
    try:
        vector = scipy.sparse.linalg.eigsh(
            model.adjacency, k=1, which="LA", v0=signs * rng.standard_normal(n), tol=1e-3, maxiter=30,
            ncv=min(n, 20))[1][:, 0]
    except scipy.sparse.linalg.ArpackError:
        return []
    turn = -1.0 if np.dot(signs, vector) < 0.0 else 1.0
    return [Start("spectral", turn * np.sqrt(n) * vector)]
