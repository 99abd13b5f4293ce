"""A masked network unit by unit, from who may see whom, with tanh and logistic functions as they are."""

from __future__ import annotations

import math

import numpy as np

from statfe.learned.autoregressive_trial import AutoregressiveTrial


def log_odds(trial: AutoregressiveTrial, s: np.ndarray) -> np.ndarray:
    """ln q_i(+1 | earlier) / q_i(-1 | earlier) of the spins `s` (by site), in the order of the walk."""
    n, model, arrays = trial.n_sites, trial.model, trial.network.layout.views(trial.parameters)
    ordered = [float(s[site]) for site in trial.order]
    layers, degrees = [ordered], [list(range(n))]
    for layer, width in enumerate(trial.network.hidden, 1):
        degrees.append([k * (n - 1) // width for k in range(width)])
        values = []
        for k in range(width):
            total = arrays[f"biases-{layer}"][k]
            for j, below in enumerate(layers[-1]):
                if degrees[-2][j] <= degrees[-1][k]:
                    total += arrays[f"weights-{layer}"][k, j] * below
            values.append(math.tanh(total))
        layers.append(values)
    odds = []
    for i, site in enumerate(trial.order):
        total = arrays["biases-0"][i] + 2.0 * trial.beta * model.fields[site]
        for row, col, J in zip(model.rows, model.cols, model.couplings, strict=True):
            if site in (row, col):
                other = int(np.flatnonzero(trial.order == (col if site == row else row))[0])
                total += 2.0 * trial.beta * J * ordered[other] if other < i else 0.0
        total += sum(arrays["direct"][i, j] * ordered[j] for j in range(i))
        if trial.network.hidden:
            total += sum(
                arrays["weights-0"][i, k] * a for k, a in enumerate(layers[-1]) if degrees[-1][k] < i)
        odds.append(total)
    return np.array(odds)


def log_prob(trial: AutoregressiveTrial, s: np.ndarray) -> float:
    """ln q(s) of one configuration, by site."""
    ordered = np.asarray(s)[trial.order]
    return -sum(math.log1p(math.exp(-x * z)) for x, z in zip(ordered, log_odds(trial, s), strict=True))


def adam(gradients: list[np.ndarray], start: np.ndarray, rate: float) -> np.ndarray:
    """Where algorithm 1 of Kingma and Ba goes from `start`, with their decays and their order of operations."""
    x, m, v = np.array(start), np.zeros_like(start), np.zeros_like(start)
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        x = x - rate * (m / (1.0 - 0.9**t)) / (np.sqrt(v / (1.0 - 0.999**t)) + 1e-8)
    return x
