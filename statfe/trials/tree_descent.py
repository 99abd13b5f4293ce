"""The Gibbs-Bogoliubov bound of a trial on a given forest, and descents on it.

With the moments m_i and c_ij (bonds of the forest), g = beta sum J_kl <s_k s_l> over the pairs that it leaves out,

    beta_f[q] = -beta sum_(in forest) J_ij c_ij - beta sum_i h_i m_i - g(m, c) - S(q),                          (1)

whose slopes in the moments vanish where

    K_ij = beta J_ij + dg/dc_ij,      lambda_i = beta h_i + dg/dm_i                                             (2)

(structured mean field: Saul and Jordan, NIPS 8, 486 (1996); Wiegerinck, UAI 2000). From any trial the way to the right
sides of (2) is the natural gradient of (1), so it leads down; how far to go is found by halving.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from statfe.kernels.tree_trial import path_pull
from statfe.models.ising import IsingModel
from statfe.trials.forest import Forest, TreeTrial
from statfe.variational.fixed_point import scaled_residual, solve_fixed_point
from statfe.variational.mean_field import MEMORY, ROUNDING
from statfe.variational.solutions import Solution, Start

#: Shortest share of a natural step that is tried.
LEAST_STEP = 2.0**-20
#: Rounding of the bound, relative to it: rises below it are none.
NOISE = 1e-13


class TreeBound:
    """The bound (1) on one forest at one beta; a state is x = (lambda, K), shape (2 n_sites,)."""

    def __init__(self, forest: Forest, beta: float) -> None:
        self.forest, self.model, self.beta = forest, forest.model, beta
        self.fields = beta * forest.model.fields
        self.couplings = forest.couplings_of(beta * forest.model.pairs[2])
        self.rows, self.cols, J = forest.outside
        self.strengths = beta * J
        with np.errstate(over="ignore"):
            self.rounding = ROUNDING * np.finfo(float).eps * float(
                np.abs(self.strengths).sum() + np.abs(self.fields).max() + np.abs(self.couplings).max())
        self.step = 1.0

    def trial(self, x: np.ndarray) -> TreeTrial:
        """The trial of a state."""
        n = self.model.n_sites
        return TreeTrial(self.forest, x[:n], x[n:])

    def value(self, x: np.ndarray) -> float:
        """The bound (1)."""
        q = self.trial(x)
        return self._bound(q, float(np.dot(self.strengths, q.pair_correlations(self.rows, self.cols))))

    def pulled(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The bound (1), and the right sides of (2)."""
        q, n, f = self.trial(x), self.model.n_sites, self.forest
        new = np.concatenate([self.fields, self.couplings])
        pull = path_pull(
            self.rows, self.cols, self.strengths, f.parents, f.depths, q.means, *q.regressions, new[:n], new[n:])
        return self._bound(q, float(pull)), new

    def descended(self, x: np.ndarray) -> np.ndarray:
        """The next state: as far along the natural gradient as the bound falls, the last share of it first."""
        before, new = self.pulled(x)
        noise = NOISE * max(1.0, abs(before))
        step = self.step
        while step > LEAST_STEP:
            there = x + step * (new - x)
            after = self.value(there)
            if after <= before + noise:
                break
            step *= 0.5
        # below the rounding a fall says nothing, and steps must not grow
        self.step = min(1.0, 2.0 * step) if before - after > 10.0 * noise else step
        return there

    def _bound(self, q: TreeTrial, pull: float) -> float:
        return float(
            -np.dot(self.couplings, q.bond_correlations) - np.dot(self.fields, q.means) - pull - q.entropy)


def descend_tree(
    forest: Forest, beta: float, start: Start, *, iterations: int = 5000, tolerance: float = 1e-12, **driver: Any
) -> Solution:
    """Follow the bound down from `start`, a state of `TreeBound`; `driver` is handed to `solve_fixed_point`."""
    bound = TreeBound(forest, beta)
    point = solve_fixed_point(
        bound.descended, start.x, memory=MEMORY, iterations=start.limit(iterations),
        tolerance=max(tolerance, bound.rounding), merit=bound.value, **driver)
    value, new = bound.pulled(point.x)
    # steps may have been short; what counts is how far (2) is
    residual = scaled_residual(point.x, new - point.x)
    point = replace(point, residual=residual, converged=bool(residual <= 1e3 * max(tolerance, bound.rounding)))
    return Solution(value, bound.trial(point.x).means, point, start.name)


def from_product(model: IsingModel, lambdas: np.ndarray) -> np.ndarray:
    """The state of independent spins."""
    return np.concatenate([lambdas, np.zeros(model.n_sites)])


def bare(forest: Forest, beta: float) -> np.ndarray:
    """The state of the model itself without the pairs that the forest leaves out."""
    model = forest.model
    return np.concatenate([beta * model.fields, forest.couplings_of(beta * model.pairs[2])])


def carried(trial: TreeTrial, forest: Forest, beta: float) -> np.ndarray:
    """A state on another forest: a bond that goes, and one that comes with beta J, leave the means as fields."""
    old, model = trial.forest, trial.forest.model
    i, j, J = model.pairs
    K = np.zeros(model.n_pairs)
    K[old.bonds[old.bonds >= 0]] = trial.couplings[old.bonds >= 0]
    stays = old.inside & forest.inside
    new = np.where(stays, K, np.where(forest.inside, beta * J, 0.0))
    change = np.where(stays, 0.0, K - np.where(forest.inside, beta * J, 0.0))
    n = model.n_sites
    lambdas = trial.lambdas + np.bincount(i, change * trial.means[j], n) + np.bincount(j, change * trial.means[i], n)
    return np.concatenate([lambdas, forest.couplings_of(new)])
