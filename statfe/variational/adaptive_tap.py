"""The adaptive TAP free energy, whose stationary points are the fixed points of expectation propagation.

With K_ij = beta J_ij, v_i = 1 - m_i^2, D = diag(v) and S the entropy of free spins,

    beta_f(m) = -S(m) - beta h.m - m.K m / 2 + max over L of [ln det B - sum_i (L_i - 1)] / 2,                    (1)
    B = diag(L) - D^(1/2) K D^(1/2) positive definite.                                                            (2)

The maximum over L exists for every m, is unique, and is where

    (B^-1)_ii = 1:                                                                                                (3)

the Gaussian with the couplings K then has the variances of the spins, <s_i^2> - m_i^2 = v_i. L_i = 1 + V_i v_i with
V_i the reaction on site i: by (3), V_i = sum_j K_ij (B^-1)_ji (v_j / v_i)^(1/2), which keeps its digits where v_i is
small. Where couplings are weak V_i = sum_j K_ij^2 v_j, and (1) is TAP. (1) is stationary where

    g_i = lambda_i + V_i m_i - beta h_i - sum_j K_ij m_j = 0,    m_i = tanh lambda_i,                             (4)

and -(1) is then ln Z of expectation propagation with Gaussian and spin marginals that agree in <s_i> and <s_i^2>
(M. Opper and O. Winther, Phys. Rev. E 64, 056131 (2001); T. Minka 2001; J. Mach. Learn. Res. 6, 2177 (2005)).

The scaled Hessian of (1) follows from (3), with C = B^-1 and P = diag(m_i / v_i^(1/2)), * entry by entry:

    H = B + 2 P [(C*C)^-1 - 1] P.                                                                                 (5)

Newton's steps with H, or with B where H is not positive definite, and a search along them descend (1): so the
iteration cannot cycle, where the parallel updates of expectation propagation may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.fixed_point import Map, solve_fixed_point
from statfe.variational.linear_response import positive_inverse
from statfe.variational.mean_field import attainable, coupling_fields, product_beta_f
from statfe.variational.solutions import Solution, Start

#: Newton steps for (3), halvings of one step, and the error of (B^-1)_ii that ends them.
INNER_STEPS, HALVINGS, INNER_TOLERANCE = 60, 25, 1e-13
#: Share of the expected decrease that a step must bring, and of beta_f that is rounding.
ARMIJO, ROUNDING = 1e-4, 1e-13
#: Variances below this are 0 to every sum here, and are kept at it so that nothing is divided by 0.
LEAST_VARIANCE = 1e-280


@dataclass(frozen=True, eq=False)
class Gaussian:
    """The solution of (3) at given means: L, W = D^(1/2) K D^(1/2), B and its inverse C, and the last term of (1)."""

    levels: np.ndarray
    W: np.ndarray
    B: np.ndarray
    C: np.ndarray
    value: float


def dense_couplings(model: IsingModel, beta: float) -> np.ndarray:
    """K, shape (n_sites, n_sites)."""
    return beta * model.adjacency.toarray()


def variances(trial: ProductTrial) -> np.ndarray:
    """v, at least `LEAST_VARIANCE`."""
    return np.maximum(trial.variances, LEAST_VARIANCE)


def match(K: np.ndarray, v: np.ndarray, guess: np.ndarray | None = None) -> Gaussian | None:
    """Solve (3) by Newton's method on the concave maximum of (1); None where rounding or overflow forbids it."""
    root = np.sqrt(v)
    W = root[:, None] * K * root
    if not np.all(np.isfinite(W)):
        return None
    safe = 1.0 + np.sum(np.abs(W), axis=1)
    found = _factorised(W, guess) if guess is not None else None
    found = found or _factorised(W, safe)
    best = np.inf
    for _ in range(INNER_STEPS):
        if found is None:
            return None
        miss = found.C.diagonal() - 1.0
        error = float(np.max(np.abs(miss)))
        if error <= INNER_TOLERANCE or (error < 1e-9 and error >= 0.5 * best):
            return found  # all digits, or no better for rounding
        best = min(best, error)
        step = _positive_solve(found.C**2, miss[:, None])
        found = None if step is None else _ascend(found, step[:, 0], miss)
    return None


def _ascend(at: Gaussian, step: np.ndarray, miss: np.ndarray) -> Gaussian | None:
    """Newton's step, halved until B is positive definite and the maximand of (1) has risen."""
    rise, share = 0.5 * float(step @ miss), 1.0
    for _ in range(HALVINGS):
        found = _factorised(at.W, at.levels + share * step)
        if found is not None and found.value >= at.value + ARMIJO * share * rise - ROUNDING * (1.0 + abs(at.value)):
            return found
        share *= 0.5
    return None


def _factorised(W: np.ndarray, levels: np.ndarray) -> Gaussian | None:
    """B at `levels`, its inverse, and the maximand of (1); None where B is not positive definite."""
    B = np.diag(levels) - W
    factor, failed = scipy.linalg.lapack.dpotrf(B, lower=1)
    if failed:
        return None
    C = positive_inverse(B)
    if C is None:
        return None
    value = float(np.sum(np.log(factor.diagonal()))) - 0.5 * float(np.sum(levels - 1.0))
    return Gaussian(levels, W, B, C, value)


def scaled_hessian(trial: ProductTrial, gaussian: Gaussian) -> np.ndarray:
    """H of (5); NaN where rounding forbids it.

    C*C = 1 + E with E off the diagonal, and (C*C)^-1 - 1 = -(1 + E)^-1 E keeps the digits of small E.
    """
    P = trial.means / np.sqrt(variances(trial))
    squares = gaussian.C**2
    E = squares - np.diag(squares.diagonal())
    solved = _positive_solve(np.eye(len(P)) + E, E * P)
    if solved is None:
        return np.full_like(E, np.nan)
    excess = solved * P[:, None]
    H: np.ndarray = gaussian.B - (excess + excess.T)
    return H


def _positive_solve(A: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """A^-1 b for a positive definite A; None where it is not one."""
    _, x, failed = scipy.linalg.lapack.dposv(A, b, lower=1)
    return None if failed else x


class Descent:
    """Steps down (1) for one model at one beta; remembers L, which changes little from step to step."""

    def __init__(self, model: IsingModel, beta: float) -> None:
        self.model, self.beta = model, beta
        self.K = dense_couplings(model, beta)
        self._guess: np.ndarray | None = None

    def gaussian(self, trial: ProductTrial) -> Gaussian | None:
        """The solution of (3) at the means of `trial`."""
        found = match(self.K, variances(trial), self._guess)
        self._guess = found.levels if found else None
        return found

    def beta_f(self, trial: ProductTrial, gaussian: Gaussian) -> float:
        """(1) at the means of `trial`."""
        return product_beta_f(self.model, self.beta, trial) + gaussian.value

    def slope(self, trial: ProductTrial, gaussian: Gaussian) -> np.ndarray:
        """g of (4)."""
        reaction = trial.means * np.einsum("ij,ij->i", gaussian.W, gaussian.C) / variances(trial)
        fields = coupling_fields(self.model, trial.means) + self.model.fields
        slope: np.ndarray = trial.lambdas + reaction - self.beta * fields
        return slope

    def entropy(self, trial: ProductTrial, gaussian: Gaussian) -> float:
        """beta <E> - beta F, with the pair correlations m_i m_j + (v_i v_j)^(1/2) C_ij of the Gaussian."""
        m, linked = trial.means, 0.5 * float(np.sum(gaussian.W * gaussian.C))
        energy = -self.beta * float(m @ (0.5 * coupling_fields(self.model, m) + self.model.fields)) - linked
        return energy - self.beta_f(trial, gaussian)

    def step(self, lambdas: np.ndarray) -> np.ndarray:
        """The next point; NaN where no step down can be found."""
        trial = ProductTrial(lambdas)
        gaussian = self.gaussian(trial)
        if gaussian is None:
            return np.full_like(lambdas, np.nan)
        g, root = self.slope(trial, gaussian), np.sqrt(variances(trial))
        inverse = positive_inverse(scaled_hessian(trial, gaussian))
        way = -((gaussian.C if inverse is None else inverse) @ (root * g))
        drop = float(way @ (root * g))
        move = way / root
        before, share = self.beta_f(trial, gaussian), 1.0
        for _ in range(HALVINGS):
            new = ProductTrial(lambdas + share * move)
            there = self.gaussian(new)
            slack = ROUNDING * (self.model.n_sites + abs(before))
            if there is not None and self.beta_f(new, there) <= before + ARMIJO * share * drop + slack:
                return new.lambdas
            share *= 0.5
        return np.full_like(lambdas, np.nan)


def descend(
    model: IsingModel, beta: float, start: Start, *, iterations: int, tolerance: float, **driver: Any
) -> Solution:
    """Follow (1) down from `start`; `driver` is handed to `solve_fixed_point`."""
    descent = Descent(model, beta)
    step: Map = descent.step
    point = solve_fixed_point(
        step, start.x, iterations=start.limit(iterations), tolerance=attainable(tolerance, model, beta), **driver)
    trial = ProductTrial(point.x)
    gaussian = descent.gaussian(trial)
    value = np.nan if gaussian is None else descent.beta_f(trial, gaussian)
    return Solution(value, trial.means, point, start.name)
