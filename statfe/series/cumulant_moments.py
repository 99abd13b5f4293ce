"""Means and correlations to the order of a cumulant expansion around a trial q.

    <O> = <O exp(-V)>_q / <exp(-V)>_q = sum_{k >= 0} (-1)^k / k! kappa(O, V, ..., V)        with k times V,         (1)

cut after k = n - 1: the derivative of the sum of the first n terms of beta F by the field that couples to O, at fixed
q. With nu_k = <O (V - c)^k>_q and mu_k = <(V - c)^k>_q the joint cumulants are

    kappa(O, V^k) = nu_k - sum_{j < k} C(k, j) kappa(O, V^j) mu_{k-j}.                                            (2)

Under a product trial, with a and K as in `statfe.series.cumulants`,

    kappa(s_i, V) = a_i v_i,    kappa(s_i s_j, V) = a_i v_i m_j + a_j v_j m_i + K_ij v_i v_j.                      (3)
"""

from __future__ import annotations

import math

import numpy as np

from statfe.models.ising import IsingModel
from statfe.result import Moments
from statfe.series.cumulant_terms import CHUNK, MAX_SITES, all_states, states
from statfe.trial import ProductTrial, Trial
from statfe.variational.mean_field import coupling_fields


def has_moments(model: IsingModel, trial: Trial, order: int) -> bool:
    """Whether `moments_to_order` has a way: all states, or a closed form."""
    return order >= 1 and (model.n_sites <= MAX_SITES or (isinstance(trial, ProductTrial) and order <= 2))


def moments_to_order(model: IsingModel, beta: float, trial: Trial, order: int) -> Moments:
    """<s_i>, and <s_i s_j> of the coupled pairs, by (1) with the first `order` terms; see `has_moments`."""
    if isinstance(trial, ProductTrial) and order <= 2:
        return _of_product(model, beta, trial, order)
    return _of_states(model, beta, trial, order)


def _of_product(model: IsingModel, beta: float, trial: ProductTrial, order: int) -> Moments:
    """Equations (1) and (3)."""
    m, v = trial.means, trial.variances
    i, j, J = model.pairs
    if order == 1:
        return Moments(magnetizations=m.copy(), correlations=m[i] * m[j])
    slope = (trial.lambdas - beta * (coupling_fields(model, m) + model.fields)) * v
    joint = slope[i] * m[j] + slope[j] * m[i] - beta * J * v[i] * v[j]
    return Moments(magnetizations=m - slope, correlations=m[i] * m[j] - joint)


def _of_states(model: IsingModel, beta: float, trial: Trial, order: int) -> Moments:
    """Equations (1) and (2) by sums over all states."""
    V, q = all_states(model, beta, trial)
    q = q / q.sum()
    seen = q > 0.0
    apart = np.where(seen, V - float(np.sum(q[seen] * V[seen])), 0.0)
    powers = q[:, None] * apart[:, None] ** np.arange(order)
    i, j, _ = model.pairs
    sites, pairs = np.zeros((model.n_sites, order)), np.zeros((model.n_pairs, order))
    for first in range(0, len(V), CHUNK):
        here = powers[first:first + CHUNK]
        spins = states(first, len(here), model.n_sites).T.astype(np.float64)
        sites += spins @ here
        pairs += (spins[i] * spins[j]) @ here
    mu = powers.sum(axis=0)
    return Moments(magnetizations=_expanded(sites, mu), correlations=_expanded(pairs, mu))


def _expanded(nu: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Equations (2) and (1) for rows of observables."""
    kappas = np.empty_like(nu)
    for k in range(nu.shape[1]):
        kappas[:, k] = nu[:, k] - sum(math.comb(k, j) * kappas[:, j] * mu[k - j] for j in range(k))
    factors = [(-1.0) ** k / math.factorial(k) for k in range(nu.shape[1])]
    return np.asarray(kappas @ np.array(factors))
