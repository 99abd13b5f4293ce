"""The Gibbs-Bogoliubov bound of a product trial, and its minima: what naive mean field is made of.

For q(s) = prod_i exp(lambda_i s_i) / 2 cosh lambda_i with means m_i = tanh lambda_i,

    beta_f[q] = -beta sum_{i<j} J_ij m_i m_j - beta sum_i h_i m_i - S(q) >= -ln Z                       (1)

for any lambda (Feynman 1955; Bogoliubov 1958), and its stationary points solve

    lambda_i = beta (sum_j J_ij m_j + h_i).                                                            (2)

Solving (2) for one site at a time minimises (1) over that site, so sweeps descend whatever the signs of J, where
parallel updates of an antiferromagnet would oscillate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from statfe.kernels.mean_field import local_fields, mean_field_sweep
from statfe.models.ising import IsingModel
from statfe.trial import ProductTrial
from statfe.variational.fixed_point import Map, solve_fixed_point
from statfe.variational.relabelled import on_relabelled, worth_relabelling
from statfe.variational.solutions import Solution, Start

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Rounding errors, in units of the largest field, that no iteration can go below.
ROUNDING = 8.0


def coupling_fields(model: IsingModel, means: np.ndarray) -> np.ndarray:
    """sum_j J_ij m_j, shape (n_sites,)."""
    out = np.empty(model.n_sites)
    local_fields(model.indptr, model.indices, model.weights, means, out)
    return out


def product_beta_f(model: IsingModel, beta: float, trial: ProductTrial) -> float:
    """The bound (1) of any product trial, without the model's offset."""
    m = trial.means
    return float(-beta * np.dot(m, 0.5 * coupling_fields(model, m) + model.fields) - trial.entropy)


def mean_field_map(model: IsingModel, beta: float) -> Map:
    """The map lambda -> lambda of one sweep of (2) over the sites in turn."""

    def sweep(lambdas: np.ndarray) -> np.ndarray:
        new, means = lambdas.copy(), np.tanh(lambdas)
        mean_field_sweep(model.indptr, model.indices, model.weights, model.fields, beta, new, means)
        return new

    return sweep


def attainable(tolerance: float, model: IsingModel, beta: float) -> float:
    """`tolerance`, or what rounding leaves of it: a field is a sum of terms of size beta |J| that may cancel."""
    return max(tolerance, ROUNDING * np.finfo(float).eps * abs(beta) * float(model.strengths.max()))


def descend(
    model: IsingModel, beta: float, start: Start, *, iterations: int = 5000, tolerance: float = 1e-12, **driver: Any
) -> Solution:
    """Follow the bound down from `start` to a minimum; `driver` is handed to `solve_fixed_point`."""
    if worth_relabelling(model):
        return on_relabelled(
            model, start, lambda other, there: _descend(other, beta, there, iterations, tolerance, **driver))
    return _descend(model, beta, start, iterations, tolerance, **driver)


def _descend(
    model: IsingModel, beta: float, start: Start, iterations: int, tolerance: float, **driver: Any
) -> Solution:
    point = solve_fixed_point(
        mean_field_map(model, beta), start.x, memory=MEMORY, iterations=start.limit(iterations),
        tolerance=attainable(tolerance, model, beta),
        merit=lambda lambdas: product_beta_f(model, beta, ProductTrial(lambdas)), **driver)
    trial = ProductTrial(point.x)
    return Solution(product_beta_f(model, beta, trial), trial.means, point, start.name)


def is_exact_product(model: IsingModel, beta: float) -> bool:
    """Whether the Boltzmann distribution itself is a product: no couplings, or beta = 0."""
    return model.n_pairs == 0 or beta == 0.0
