"""Cumulants of V = beta E + ln q by brute force over all states, in extended precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.ising import energies, states


def trial_cumulants(model: IsingModel, beta: float, lambdas: np.ndarray) -> np.ndarray:
    """kappa_1 to kappa_4 of V under q(s) = prod_i exp(lambda_i s_i) / (2 cosh lambda_i)."""
    lam = np.asarray(lambdas, dtype=np.longdouble)
    log_q = (states(model.n_sites) * lam - np.log(2 * np.cosh(lam))).sum(axis=1)
    q = np.exp(log_q)
    V = beta * (energies(model) - model.offset) + log_q
    mean = np.sum(q * V)
    second, third, fourth = (np.sum(q * (V - mean) ** k) for k in (2, 3, 4))
    return np.array([mean, second, third, fourth - 3 * second**2], dtype=np.float64)


def rational_cumulants(values: Sequence[float], weights: Sequence[float], order: int) -> list[Fraction]:
    """Cumulants of `values` with `weights` as they are, without any rounding: k! times the coefficients of ln <e^{xV}>.

    ln M = sum_k c_k x^k follows from M (ln M)' = M'.
    """
    total = sum(Fraction(w) for w in weights)
    moments = [sum(Fraction(w) * Fraction(v) ** k for v, w in zip(values, weights, strict=True)) / total
               for k in range(order + 1)]
    series = [m / math.factorial(k) for k, m in enumerate(moments)]
    logs = [Fraction(0)]
    for k in range(1, order + 1):
        logs.append(series[k] - sum(j * logs[j] * series[k - j] for j in range(1, k)) / k)
    return [math.factorial(k) * c for k, c in enumerate(logs)][1:]
