"""Kikuchi's free energy as a function of moments, minimised by scipy: no messages, no multipliers, no logarithms.

With moments m_A = <prod_{i in A} s_i> for every set A inside a region, beliefs b_R(s) = 2^-|R| sum_A m_A prod s_A agree
with each other whatever the moments are, so the minimum is one without constraints.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.optimize

from statfe.models.ising import IsingModel


def counting_numbers(clusters: list[tuple[int, ...]]) -> dict[frozenset[int], int]:
    """All intersections of intersections, and c_R = 1 - sum over regions that contain R."""
    regions = {frozenset(c) for c in clusters}
    while True:
        more = {a & b for a in regions for b in regions} - regions - {frozenset()}
        if not more:
            break
        regions |= more
    counts: dict[frozenset[int], int] = {}
    for region in sorted(regions, key=len, reverse=True):
        counts[region] = 1 - sum(c for other, c in counts.items() if other > region)
    return counts


class KikuchiTwin:
    """F = sum_R c_R sum_s b_R (ln b_R - ln psi_R), psi_R the Boltzmann factor of all spins in R."""

    def __init__(self, model: IsingModel, beta: float, clusters: list[tuple[int, ...]]) -> None:
        self.counts = counting_numbers(clusters)
        sets = {frozenset(part) for region in self.counts for k in range(1, len(region) + 1)
                for part in itertools.combinations(sorted(region), k)}
        self.sets = sorted(sets, key=lambda a: (len(a), sorted(a)))
        self.place = {a: k for k, a in enumerate(self.sets)}
        self.tables = []
        for region, count in self.counts.items():
            sites = sorted(region)
            states = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sites))))
            parts = [p for k in range(1, len(sites) + 1) for p in itertools.combinations(range(len(sites)), k)]
            signs = np.array([states[:, p].prod(axis=1) for p in parts]).T / 2 ** len(sites)
            energy = np.zeros(len(states))
            for i, j, J in zip(model.rows, model.cols, model.couplings, strict=True):
                if i in region and j in region:
                    energy -= J * states[:, sites.index(i)] * states[:, sites.index(j)]
            energy -= states @ model.fields[sites]
            columns = [self.place[frozenset(sites[p] for p in part)] for part in parts]
            self.tables.append((count, np.array(columns), signs, beta * energy))

    def value(self, m: np.ndarray) -> float:
        """F, infinite where a belief is not positive."""
        total = 0.0
        for count, columns, signs, energy in self.tables:
            b = 1.0 / len(energy) + signs @ m[columns]
            if np.any(b <= 0):
                return np.inf
            total += count * float(np.sum(b * (np.log(b) + energy)))
        return total

    def slope(self, m: np.ndarray) -> np.ndarray:
        out = np.zeros(len(m))
        for count, columns, signs, energy in self.tables:
            b = 1.0 / len(energy) + signs @ m[columns]
            out[columns] += count * signs.T @ (np.log(b) + 1.0 + energy)
        return out

    def curvature(self, m: np.ndarray) -> np.ndarray:
        out = np.zeros((len(m), len(m)))
        for count, columns, signs, energy in self.tables:
            b = 1.0 / len(energy) + signs @ m[columns]
            out[np.ix_(columns, columns)] += count * signs.T @ (signs / b[:, None])
        return out

    def minimum(self, means: np.ndarray) -> tuple[float, np.ndarray]:
        """(F, all moments) of the minimum found from independent spins with these means."""
        start = np.array([np.prod(means[sorted(a)]) for a in self.sets])
        found = scipy.optimize.minimize(
            self.value, start, jac=self.slope, hess=self.curvature, method="trust-exact",
            options={"gtol": 1e-10, "initial_trust_radius": 0.05, "maxiter": 2000})
        assert np.max(np.abs(self.slope(found.x))) < 1e-7, found.message
        return float(found.fun), found.x
