"""Free energies of beliefs in the local polytope, minimised by scipy; spanning forests by enumeration.

A site has the belief (1 + m s) / 2, a pair (1 + m_i s + m_j t + c s t) / 4. With weights rho of the pairs,
F = sum_i <-beta h s + ln b_i> + sum_ij [<-beta J s t> + rho_ij <ln b_ij - ln b_i - ln b_j>]: Bethe's at rho = 1.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.optimize

from statfe.models.ising import IsingModel

SPINS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def pairs_of(model: IsingModel) -> dict[tuple[int, int], float]:
    """J of each pair, parallel bonds added."""
    out: dict[tuple[int, int], float] = {}
    for i, j, J in zip(model.rows.tolist(), model.cols.tolist(), model.couplings.tolist(), strict=True):
        out[i, j] = out.get((i, j), 0.0) + J
    return {pair: J for pair, J in sorted(out.items()) if J != 0.0}


def functional(model, beta, rho, x):
    """Value, gradient and Hessian in x = (means, correlations of the pairs); infinity outside the polytope."""
    n, pairs = model.n_sites, list(pairs_of(model).items())
    value, slope, bend = 0.0, np.zeros(len(x)), np.zeros((len(x), len(x)))
    sites = np.ones(n)
    for e, ((i, j), J) in enumerate(pairs):
        m, k, c = x[i], x[j], x[n + e]
        sites[i] -= rho[e]
        sites[j] -= rho[e]
        value -= beta * J * c
        slope[n + e] -= beta * J
        where = np.array([i, j, n + e])
        for s, t in SPINS:
            b = (1 + m * s + k * t + c * s * t) / 4
            if not b > 0:
                return np.inf, slope, bend
            direction = np.array([s, t, s * t]) / 4
            value += rho[e] * b * np.log(b)
            slope[where] += rho[e] * direction * (np.log(b) + 1)
            bend[np.ix_(where, where)] += rho[e] * np.outer(direction, direction) / b
    for i in range(n):
        value -= beta * model.fields[i] * x[i]
        slope[i] -= beta * model.fields[i]
        for s in (1, -1):
            b = (1 + x[i] * s) / 2
            if not b > 0:
                return np.inf, slope, bend
            value += sites[i] * b * np.log(b)
            slope[i] += sites[i] * s / 2 * (np.log(b) + 1)
            bend[i, i] += sites[i] / (4 * b)
    return value, slope, bend


def local_minimum(model: IsingModel, beta: float, rho=None, start=None):
    """(F, means, correlations) at the minimum that a trust-region search from `start` (silence if None) reaches."""
    size = len(pairs_of(model))
    rho = np.ones(size) if rho is None else rho
    x = np.zeros(model.n_sites + size) if start is None else start
    found = scipy.optimize.minimize(
        lambda x: functional(model, beta, rho, x)[0], x, jac=lambda x: functional(model, beta, rho, x)[1],
        hess=lambda x: functional(model, beta, rho, x)[2], method="trust-exact",
        options={"gtol": 1e-9, "initial_trust_radius": 0.1, "maxiter": 500})
    return found.fun, found.x[:model.n_sites], found.x[model.n_sites:]


def spanning_trees(model: IsingModel) -> np.ndarray:
    """All spanning trees of a connected model as rows of 0 and 1 over its pairs."""
    pairs, found = list(pairs_of(model)), []
    for chosen in itertools.combinations(range(len(pairs)), model.n_sites - 1):
        label = list(range(model.n_sites))
        for e in chosen:
            i, j = pairs[e]
            a, b = label[i], label[j]
            if a == b:
                break
            label = [a if x == b else x for x in label]
        else:
            row = np.zeros(len(pairs))
            row[list(chosen)] = 1.0
            found.append(row)
    return np.array(found)


def mutual_informations(model: IsingModel, means, correlations) -> np.ndarray:
    """sum b_ij ln [b_ij / (b_i b_j)] of each pair."""
    out = []
    for (i, j), c in zip(pairs_of(model), correlations, strict=True):
        total = 0.0
        for s, t in SPINS:
            b = (1 + means[i] * s + means[j] * t + c * s * t) / 4
            total += b * np.log(b / ((1 + means[i] * s) / 2 * (1 + means[j] * t) / 2))
        out.append(total)
    return np.array(out)
