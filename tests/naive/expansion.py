"""The free energy at fixed means, from the sum over all states: nothing of the expansion in it."""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.approximate_tap_bethe import coupling_matrix
from tests.naive.ising import states


def fixed_mean_beta_f(model: IsingModel, beta: complex, m: np.ndarray, steps: int = 60) -> complex:
    """max over a of [a.m - ln sum_s exp(a.s + beta sum J s s)], by Newton's method, also at complex beta."""
    s = states(model.n_sites).astype(float)
    pairs = 0.5 * np.einsum("ki,ij,kj->k", s, coupling_matrix(model), s)
    a = np.arctanh(m).astype(complex)
    for _ in range(steps):
        weights = np.exp(beta * pairs + s @ a)
        p = weights / weights.sum()
        means = p @ s
        step = np.linalg.solve((s * p[:, None]).T @ s - np.outer(means, means), m - means)
        a += step
        if np.max(np.abs(step)) < 1e-15:
            break
    return complex(a @ m - np.log(np.sum(np.exp(beta * pairs + s @ a))))


def taylor(model: IsingModel, m: np.ndarray, count: int, radius: float = 0.1, points: int = 32) -> np.ndarray:
    """The first `count` Taylor coefficients in beta of `fixed_mean_beta_f`, by Cauchy's integral over a circle."""
    turns = np.exp(2j * np.pi * np.arange(points) / points)
    values = np.array([fixed_mean_beta_f(model, radius * turn, m) for turn in turns])
    return np.array([np.mean(values * turns**-k).real / radius**k for k in range(count)])
