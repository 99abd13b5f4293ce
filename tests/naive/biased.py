"""Slow twins of biased sampling: weights of all states, sweeps from the same random words, the equations of WHAM."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel
from tests.naive.chains import xoshiro_words
from tests.naive.ising import energies, states


def table_value(x: float, table: np.ndarray) -> float:
    """Linear between the nodes 0, 1, ... of `table`, constant beyond; 0 for an empty one."""
    return float(np.interp(x, np.arange(len(table)), table)) if len(table) else 0.0


def log_weight(model: IsingModel, s: np.ndarray, beta: float, low: float, width: float, by_energy: np.ndarray,
               by_magnetization: np.ndarray) -> float:
    """-beta E + w_E(E) + w_M[M] of one state, from the definition of E."""
    energy = float(model.energy(s)) - model.offset
    m = round(float(s.sum()))
    bias = table_value((energy - low) / width, by_energy)
    return -beta * energy + bias + (by_magnetization[(m + model.n_sites) // 2] if len(by_magnetization) else 0.0)


def probabilities(model: IsingModel, *weight) -> np.ndarray:
    """Of all states, in the order of `states`."""
    log_w = np.array([log_weight(model, s, *weight) for s in states(model.n_sites)])
    return np.exp(log_w - logsumexp(log_w))


def sweep(model: IsingModel, spins: np.ndarray, heat_bath: bool, stream: list[int], *weight) -> None:
    """One sweep with one uniform a site from the start of `stream`; `spins` are changed."""
    words = xoshiro_words(stream, model.n_sites)
    for i, word in enumerate(words):
        u = (word >> 11) / 2.0**53
        other = spins.copy()
        other[i] *= -1
        a = log_weight(model, other, *weight) - log_weight(model, spins, *weight)
        p = 1.0 / (1.0 + math.exp(-a)) if heat_bath else min(1.0, math.exp(a))
        if u < p:
            spins[i] *= -1


def learn(model: IsingModel, spins: np.ndarray, heat_bath: bool, stream: list[int], log_f: float, table: np.ndarray,
          low: float, width: float) -> None:
    """One Wang-Landau sweep along the energy, all nodes known; `spins` and `table` are changed."""
    for i, word in enumerate(xoshiro_words(stream, model.n_sites)):
        u = (word >> 11) / 2.0**53
        other = spins.copy()
        other[i] *= -1
        x, new = ((float(model.energy(s)) - model.offset - low) / width for s in (spins, other))
        a = table_value(new, table) - table_value(x, table)
        if u < (1.0 / (1.0 + math.exp(-a)) if heat_bath else min(1.0, math.exp(a))):
            spins[i] *= -1
            x = new
        x = min(max(x, 0.0), len(table) - 1.0)
        k = int(x)
        table[k] -= log_f * (1.0 - (x - k))
        if x > k:
            table[k + 1] -= log_f * (x - k)


def wham(histogram: np.ndarray, log_bias: np.ndarray, iterations: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """(f, p) by plain iteration (Ferrenberg and Swendsen 1989): histogram (W, V) of each window, p sums to 1."""
    drawn = histogram.sum(axis=1)
    f = np.zeros(len(log_bias))
    for _ in range(iterations):
        p = histogram.sum(axis=0) / (drawn[:, None] * np.exp(f[:, None] + log_bias)).sum(axis=0)
        new = -np.log(np.exp(log_bias) @ p)
        if np.max(np.abs((new - new[0]) - (f - f[0]))) < 1e-14:
            break
        f = new
    return f - f[0], p / p.sum()


def profile(model: IsingModel, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """(M, beta F(M)) by enumeration."""
    m = np.rint(states(model.n_sites).sum(axis=1)).astype(int)
    e = energies(model)
    values = np.unique(m)
    return values, np.array([-logsumexp(-beta * e[m == v]) for v in values])
