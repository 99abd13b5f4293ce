"""Population dynamics: a set of cavity fields that stands for their law, followed until it no longer changes.

Two populations or more run apart, each with a random stream of its own, from fields that lean to one side where the
couplings do on average (a ferromagnet keeps the lean, a spin glass forgets it). After `burn` sweeps the free energy is
measured after each sweep, on sites whose neighbours are drawn afresh; the error is that of these series over time, and
the run is called unconverged where its halves or the populations differ by more than chance. A finite population shifts
the result by about 1 / size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from statfe.kernels.cavity import measure_population, update_population
from statfe.limits.limit import Limit
from statfe.random import generator
from statfe.result import Status
from statfe.spec import Option
from statfe.stats import halves_apart, mean_error

#: Key of the random streams (see `statfe.random.generator`).
KEY = 7101
#: Standard deviations by which halves or populations may differ.
MAX_SIGMAS = 5.0
#: A mean whose error is below this share of one site's ln Z is exact to rounding.
ROUNDING = 1e-12


class Graph(Protocol):
    """What the dynamics need of a `statfe.limits.cavity.RegularGraph`."""

    @property
    def degree(self) -> int:
        """Neighbours of a site."""
        ...

    @property
    def coupling(self) -> float:
        """Scale of the couplings."""
        ...

    @property
    def field(self) -> float:
        """h of every site."""
        ...

    @property
    def leans(self) -> bool:
        """Whether fields start on one side."""
        ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Couplings J of `shape`."""
        ...


@dataclass(frozen=True)
class Population:
    """Fields in a population, populations, sweeps before the first measurement, and measured sweeps."""

    size: int = 2000
    count: int = 2
    burn: int = 100
    sweeps: int = 100


#: The options that callers have for one.
POPULATION = (
    Option("population", "int", Population.size, "fields in each of the two populations", minimum=2, maximum=10**7),
    Option("burn", "int", Population.burn, "sweeps before the first measurement", minimum=0),
    Option("sweeps", "int", Population.sweeps, "measured sweeps", minimum=20),
)


@dataclass(frozen=True)
class _Series:
    """What populations gave: means after each sweep, shape (count, sweeps, 4), and growths, shape (count,)."""

    values: np.ndarray
    growth: np.ndarray


def run_population(graph: Graph, beta: float, population: Population, seed: int) -> Limit:
    """The replica-symmetric cavity solution of `graph` at beta > 0, with its statistical error."""
    runs = [_follow(graph, beta, population, generator(seed, (KEY, k))) for k in range(population.count)]
    series = _Series(np.array([values for values, _ in runs]), np.array([growth for _, growth in runs]))
    return _limit(graph, beta, population, series)


def _follow(graph: Graph, beta: float, population: Population, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """One population: what was measured after each sweep, and the growth of squared perturbations a generation."""
    size, c, H = population.size, graph.degree, beta * graph.field
    x = H + beta * abs(graph.coupling) * (rng.random(size) if graph.leans else rng.uniform(-1.0, 1.0, size))
    v, tally, factors = np.ones(size), np.zeros(2), []
    values = np.empty((population.sweeps, 4))
    for sweep in range(-population.burn, population.sweeps):
        tally[:] = 0.0
        update_population(
            x, v, rng.integers(0, size, size=(size, c - 1)), beta * graph.draw(rng, (size, c - 1)), H, tally)
        # Frozen spins pass nothing on: then the perturbation starts anew.
        v = v / v.mean() if v.any() else np.ones(size)
        if sweep >= 0:
            factors.append((c - 1) * tally[1] / tally[0] if tally[0] else 0.0)
            measure_population(
                x, rng.integers(0, size, size=(size, c)), beta * graph.draw(rng, (size, c)), H, values[sweep])
    return values, float(np.mean(factors))


def _limit(graph: Graph, beta: float, population: Population, series: _Series) -> Limit:
    """Means and errors over all populations, and whether these agree."""
    found = mean_error(series.values)
    entropy = mean_error(series.values[:, :, 0] + series.values[:, :, 1])
    beta_f, energy, m, q = -found.mean[0], found.mean[1] / beta, float(found.mean[2]), float(found.mean[3])
    error = float(found.error[0])
    apart = _apart(series.values)
    status: Status = "not_converged" if apart > MAX_SIGMAS else "converged"
    message = "" if status == "converged" else (
        f"halves of the run or populations differ by {apart:.1f} standard deviations; raise burn, sweeps or population")
    order: Mapping[str, Any] = {
        "m": m, "q": q, "m_error": float(found.error[2]), "q_error": float(found.error[3]),
        "growth": float(series.growth.mean()), "growth_error": _spread(series.growth),
        "energy_error": float(found.error[1]) / beta, "entropy_error": float(entropy.error),
        "population": population.size}
    return Limit(
        family="random-regular", solution="cavity", beta=beta, field=graph.field, free_energy=float(beta_f) / beta,
        beta_f=float(beta_f), beta_f_error=error, energy=float(energy), entropy=float(entropy.mean),
        stability=1.0 - float(series.growth.mean()), status=status, message=message, order=order)


def _apart(values: np.ndarray) -> float:
    """Largest difference of -beta f, in standard deviations, between the halves of the run and between populations."""
    free = values[:, :, 0]
    if np.ptp(free) <= ROUNDING * (1.0 + abs(float(free.mean()))):
        return 0.0
    halves = abs(float(halves_apart(free)))
    each = [mean_error(one[None]) for one in free]
    between = [abs(float(a.mean - b.mean)) / math.hypot(float(a.error), float(b.error))
               for k, a in enumerate(each) for b in each[:k]]
    return max([halves, *between])


def _spread(values: np.ndarray) -> float:
    """Standard error of the mean of a few independent values; NaN for one."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
