"""Conditional means of spins and pairs given all others, by adding up two or four weights."""

from __future__ import annotations

import math

import numpy as np

from statfe.models.ising import IsingModel


def conditional_means(model: IsingModel, beta: float, spins: np.ndarray) -> tuple[list[float], list[float]]:
    """<s_i | others> by site and <s_i s_j | others> by pair."""
    i, j, _ = model.pairs
    return [_mean(model, beta, spins, (k,)) for k in range(model.n_sites)], [
        _mean(model, beta, spins, (int(a), int(b))) for a, b in zip(i, j, strict=True)]


def _mean(model: IsingModel, beta: float, spins: np.ndarray, free: tuple[int, ...]) -> float:
    states = [[1], [-1]] if len(free) == 1 else [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    logs = []
    for state in states:
        here = spins.copy()
        here[list(free)] = state
        logs.append(-beta * float(model.energy(here)))
    weights = [math.exp(x - max(logs)) for x in logs]
    return sum(w * math.prod(s) for w, s in zip(weights, states, strict=True)) / sum(weights)
