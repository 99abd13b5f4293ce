"""How mean field becomes exact for the Curie-Weiss model (J = 1/n on all pairs) as n grows.

The error of beta_f, mean field less exact, is what fluctuations of the magnetisation about the minimum add. From
Z = e^(-beta/2) times the integral over y of cosh^n(y sqrt(beta/n)) 2^n e^(-y^2/2) / sqrt(2 pi):

    beta < 1:  -ln(1 - beta)/2 - beta/2 + O(1/n)
    beta = 1:  ln(12 n)/4 + ln(2 Gamma(5/4) / sqrt(2 pi)) - 1/2 + O(n^-1/2)
    beta > 1:  ln 2 - ln(1 - beta (1 - m^2))/2 - beta (1 - m^2)/2 + O(1/n),     m = tanh(beta m) > 0

where ln 2 stands for the phase that mean field leaves out. So the total error stays finite, but for ln(n)/4 at the
transition, and the error a site falls as 1/n, times ln n there.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.models.catalogue import build_model
from statfe.registry import run_method


def errors(sizes: list[int], betas: np.ndarray) -> np.ndarray:
    """beta_f of mean field less the exact one, shape (n_sizes, n_betas)."""
    out = []
    for n in sizes:
        model = build_model(f"curie-weiss:n={n}")
        found = [run_method(model, betas, method, seed=1) for method in ("mean-field", "curie-weiss")]
        out.append([one.beta_f - exact.beta_f for one, exact in zip(*found, strict=True)])
    return np.array(out)


def expected(n: int, beta: float) -> float:
    """The leading terms above."""
    if beta == 1.0:
        return 0.25 * math.log(12.0 * n) + math.log(2.0 * math.gamma(1.25) / math.sqrt(2.0 * math.pi)) - 0.5
    m = 0.0 if beta < 1.0 else 1.0
    for _ in range(10_000):
        m = math.tanh(beta * m)
    v = beta * (1.0 - m * m)
    return (math.log(2.0) if beta > 1.0 else 0.0) - 0.5 * math.log(1.0 - v) - 0.5 * v


def exponent(sizes: list[int], values: np.ndarray) -> float:
    """Slope of ln(values) against ln(sizes)."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
