"""What the estimators need of a run, in one form for stored draws and for counts of every sweep.

A sum of a smooth function over millions of energies that all differ needs far fewer evaluations. Within a bin of the
energy the function is replaced by its interpolating polynomial at Chebyshev points, and each energy only adds to the
weights of these (`_nodes`). All sums of MBAR are of functions without a singularity nearer to the real axis than pi
divided by the span of beta: the terms of sum_k N_k exp(f_k - beta_k E) then lie in one half plane. Bins are narrow
enough for that to bound the error by rounding (Trefethen, Approximation Theory and Approximation Practice, thm. 8.2).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.kernels.mbar import chebyshev_moments, distinct, gather_bins, membership_table, power_bins, score_bins
from statfe.stats import MAX_BINS
from statfe.tally import Tally

#: Energies of at most so many values are counted by value.
MAX_LEVELS = 4096
#: Points in a bin of energies, and the bin's width times the span of beta: the error is rho^-16 with rho = 6.4.
POINTS, WIDTH = 16, 2.0
#: Levels whose memberships are tabulated at once.
CHUNK = 8192


@dataclass(frozen=True)
class Samples(ABC):
    """Energies of a ladder of chains.

    Attributes
    ----------
    betas
        Rungs, ascending, shape (K,).
    units
        Unit of each replica where those of one unit depend on each other, else None.
    centre
        Energy that `nodes` are measured from.
    nodes, weights
        Energies and weights, shape (J,): the sum of a function over all energies of all rungs is `weights` times its
        values at the `nodes`.
    draws
        Energies seen at each rung, shape (K,).
    """

    betas: np.ndarray
    units: np.ndarray | None
    centre: float
    nodes: np.ndarray
    weights: np.ndarray
    draws: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(replicas, stretches, rungs) of the time series."""
        raise NotImplementedError

    @abstractmethod
    def scores(self, log_n_f: np.ndarray, concave: bool) -> np.ndarray:
        """Sum over the rungs of the membership in each state, mean over each stretch, shape (R, B, K)."""

    @abstractmethod
    def rung(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Energies of rung k, from the centre, and how often each was seen."""

    @abstractmethod
    def powers(self, k: int) -> tuple[float, float, np.ndarray]:
        """Mean and deviation of the energy at rung k, and means of ((E - mean) / deviation)^n, n = 1 to 4, (4, R, B).

        The powers are 0 where the deviation is.
        """


def samples_of(source: Chains | Tally | Samples) -> Samples:
    """The samples of a run, from its draws or its counts."""
    if isinstance(source, Samples):
        return source
    return _of_tally(source) if isinstance(source, Tally) else _of_chains(source)


@dataclass(frozen=True)
class _Counted(Samples):
    """Counts of every sweep."""

    tally: Tally

    @property
    def shape(self) -> tuple[int, int, int]:
        R, B, _ = self.tally.pooled.shape
        return R, B, len(self.betas)

    def scores(self, log_n_f: np.ndarray, concave: bool) -> np.ndarray:
        R, B, K = self.shape
        out = np.zeros((R * B, K))
        pooled = self.tally.pooled.reshape(R * B, -1)
        for first in range(0, pooled.shape[1], CHUNK):
            part = slice(first, first + CHUNK)
            levels = self.tally.levels[part] - self.centre
            table = np.empty((len(levels), K))
            membership_table(levels, self.betas, log_n_f, concave, table)
            out += pooled[:, part].astype(np.float64) @ table
        return out.reshape(R, B, K) / self.tally.per_stretch

    def rung(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        return _seen(self.tally.levels - self.centre, self.tally.counts[k])

    def powers(self, k: int) -> tuple[float, float, np.ndarray]:
        # About the mean from about a centre: (x - d)^n by the binomial law.
        a1, a2, a3, a4 = self.tally.moments[..., k]
        d, scale = float(a1.mean()), self.tally.scale
        two = a2 - 2.0 * d * a1 + d * d
        sigma = float(np.sqrt(max(two.mean(), 0.0)))
        mean = float(self.tally.centres[k]) + scale * d
        if sigma == 0.0:
            return mean, 0.0, np.zeros((4, *self.shape[:2]))
        three = a3 - 3.0 * d * a2 + 3.0 * d**2 * a1 - d**3
        four = a4 - 4.0 * d * a3 + 6.0 * d**2 * a2 - 4.0 * d**3 * a1 + d**4
        return mean, scale * sigma, np.stack([(a1 - d) / sigma, two / sigma**2, three / sigma**3, four / sigma**4])


@dataclass(frozen=True)
class _Drawn(Samples):
    """Draws of chains, `energy` of shape (R, T, K); a stretch has `per_bin` of them, and the first that fit in none go.

    Where the energies take few values these are the `nodes`, and `index` has the place of each draw among them.
    """

    energy: np.ndarray
    per_bin: int
    index: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        R, T, K = self.energy.shape
        return R, T // self.per_bin, K

    def scores(self, log_n_f: np.ndarray, concave: bool) -> np.ndarray:
        out = np.zeros(self.shape)
        first = self.energy.shape[1] - out.shape[1] * self.per_bin
        if self.index is not None:
            table = np.empty((len(self.nodes), len(self.betas)))
            membership_table(self.nodes, self.betas, log_n_f, concave, table)
        for r in range(len(out)):
            if self.index is not None:
                gather_bins(self.index[r, first:], table, self.per_bin, out[r])
            else:
                score_bins(self.energy[r, first:], self.centre, self.betas, log_n_f, concave, self.per_bin, out[r])
        return out / self.per_bin

    def rung(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self.index is not None:
            return _seen(self.nodes, np.bincount(self.index[:, :, k].reshape(-1), minlength=len(self.nodes)))
        own = self.energy[:, :, k].reshape(-1) - self.centre
        return own, np.ones(len(own))

    def powers(self, k: int) -> tuple[float, float, np.ndarray]:
        R, B, _ = self.shape
        out = np.zeros((4, R, B))
        x = np.ascontiguousarray(self.energy[:, :, k])
        mean = float(x.mean())
        size = max(float(x.max()) - mean, mean - float(x.min()))
        if not size > 0.0:
            return mean, 0.0, out
        # Squares of very large or small energies would leave the range of doubles.
        sigma = size * float(np.sqrt(np.mean(((x - mean) / size) ** 2)))
        if not (sigma > 0.0 and np.isfinite(1.0 / sigma)):
            return mean, 0.0, out
        first = x.shape[1] - B * self.per_bin
        for r in range(R):
            power_bins(x[r, first:], mean, 1.0 / sigma, self.per_bin, out[:, r])
        return mean, sigma, out


def _of_tally(tally: Tally) -> Samples:
    centre = 0.5 * float(tally.levels[0]) + 0.5 * float(tally.levels[-1])
    nodes, weights = _seen(tally.levels - centre, tally.counts.sum(axis=0))
    return _Counted(betas=tally.betas, units=tally.units, centre=centre, nodes=nodes, weights=weights,
                    draws=tally.counts.sum(axis=1).astype(np.float64), tally=tally)


def _of_chains(chains: Chains) -> Samples:
    # Adding 0 makes -0 the same value as 0.
    energy = np.ascontiguousarray(chains.energy) + 0.0
    R, T, K = energy.shape
    low, high = float(energy.min()), float(energy.max())
    centre = 0.5 * low + 0.5 * high
    flat, index, levels = energy.reshape(-1), np.empty(energy.size, dtype=np.int32), np.empty(MAX_LEVELS)
    found = distinct(flat, levels, index)
    if found > 0:
        order = np.argsort(levels[:found])
        place = np.empty(found, dtype=np.int32)
        place[order] = np.arange(found, dtype=np.int32)
        index = place[index]
        nodes, weights = levels[order] - centre, np.bincount(index).astype(np.float64)
    else:
        nodes, weights = _nodes(flat, low, high, float(chains.betas[-1] - chains.betas[0]), centre)
    return _Drawn(
        betas=chains.betas, units=chains.units, centre=centre, nodes=nodes, weights=weights,
        draws=np.full(K, float(R * T)), energy=energy, per_bin=-(-T // MAX_BINS),
        index=index.reshape(energy.shape) if found > 0 else None)


def _nodes(energy: np.ndarray, low: float, high: float, span: float, centre: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights that stand for `energy` in sums of functions that are smooth over 1 / span; or all of it."""
    with np.errstate(over="ignore"):
        bins = (high - low) * span / WIDTH
    if not 2.0 * POINTS * bins < len(energy):
        return np.sort(energy) - centre, np.ones(len(energy))
    count = int(bins) + 1
    width = (high - low) / count
    moments = np.zeros((count, POINTS))
    chebyshev_moments(energy, low, 1.0 / width, moments)
    used = np.flatnonzero(moments[:, 0])
    # The basis polynomial of point j is (1 + 2 sum_n T_n(t_j) T_n(t)) / m, with t_j = cos((2 j + 1) pi / 2 m).
    angles = np.pi * (2.0 * np.arange(POINTS) + 1.0) / (2.0 * POINTS)
    basis = np.cos(np.arange(POINTS)[:, None] * angles) * 2.0 / POINTS
    basis[0] = 1.0 / POINTS
    points = (low - centre) + width * (used[:, None] + 0.5 * (1.0 + np.cos(angles)[::-1]))
    return points.reshape(-1), (moments[used] @ basis[:, ::-1]).reshape(-1)


def _seen(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values that were seen, and how often."""
    place = np.flatnonzero(counts)
    return values[place], counts[place].astype(np.float64)
