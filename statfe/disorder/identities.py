"""Identities that hold exactly on average over the disorder, for any size, as distances in standard deviations.

Each is a number a realisation whose mean over realisations is zero in equilibrium; its scatter gives the error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from statfe.disorder.ensemble import Ensemble
from statfe.disorder.moments import mean_and_error


def sigmas_from_zero(values: np.ndarray) -> float:
    """Mean over its standard error; NaN where there is none, 0 where all values vanish."""
    mean, error = mean_and_error(values)
    if not math.isfinite(mean):
        return math.nan
    if error <= 1e-12 * float(np.max(np.abs(values), initial=1e-300)):
        return 0.0 if abs(mean) < 1e-9 else math.copysign(math.inf, mean)
    return mean / error


def nishimori(ensemble: Ensemble, beta: float, energy: np.ndarray, bonds: np.ndarray) -> float:
    """[E] against -c tanh(beta c) a bond, where `beta` lies on the Nishimori line; else NaN."""
    line = ensemble.nishimori_energy(beta)
    return math.nan if line is None else sigmas_from_zero(energy - bonds * line)


def gaussian_links(ensemble: Ensemble, beta: float, numbers: Mapping[str, np.ndarray], bonds: np.ndarray) -> float:
    """[E] of the bonds against -beta sigma^2 N_b (1 - [q_l]), for Gaussian couplings of variance sigma^2; else NaN.

    Integration by parts over each coupling: [J <s_i s_j>] = beta sigma^2 (1 - [<s_i s_j>^2]) (Katzgraber, Palassini
    and Young, Phys. Rev. B 63, 184422, 2001, eq. 7). Chains that come from high temperature have too high an energy
    and too low an overlap, so that both sides close in on the truth from opposite sides.
    """
    sigma = ensemble.coupling_deviation
    if sigma is None or beta <= 0.0:
        return math.nan
    energy = numbers["energy"]
    field = float(ensemble.options["field"])
    if field:
        energy = energy + field * numbers["magnetization"]
    return sigmas_from_zero(energy + beta * sigma**2 * bonds * (1.0 - numbers["link_overlap"]))


def annealed_sigmas(value: float, error: float, effective: float, exact: float | None, least: float) -> float:
    """-ln [Z] against its exact value, where enough realisations carry the estimate; else NaN."""
    if exact is None or not effective >= least or not error > 0.0:
        return math.nan
    return (value - exact) / error
