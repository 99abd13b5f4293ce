"""From a model and the requested betas to a path, particles at its start, and how far they must walk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.annealed.lanes import KERNELS, LaneWalkers, cheapest_kernel, random_spins, sweep_cost
from statfe.annealed.layers import Layers, LayerWalkers, layers_of, log_z_of_trial, trial_small
from statfe.annealed.path import PILOT_MOVES, PILOT_PARTICLES, Length, measure, place
from statfe.annealed.walkers import Walkers
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.samplers import make_sampler
from statfe.spec import Option

#: Stream keys: of the pilot, of starts, and of the walks.
PILOT_KEY, START_KEY, WALK_KEY = 201, 202, 203
#: Laws in units of the squared length, which leave the steps a variance of 1 / LAWS; and sweeps in the same units.
LAWS, SWEEPS = 32.0, 16.0
#: More sweeps for two layers: their length does not show what is summed out, but modes still have to mix.
LAYER_SWEEPS = 4.0
#: Sweeps by default: at least; and the nanoseconds that all particles may take, and the sweeps they may always take.
FEWEST_SWEEPS, BUDGET_NS, ALWAYS_SWEEPS = 200, 1.2e10, 1000
#: Nanoseconds of a move of two layers, an entry of the matrix, and a spin of the large layer.
ENTRY_NS, SPIN_NS = 0.13, 4.0
#: The means that a product trial is made from are drawn to 0 by this share, so that no state is out of reach.
SHRINK = 0.05

PATH_OPTIONS = (
    Option("sweeps", "int", doc="sweeps of a particle on its way to the largest beta (default: by a pilot)", minimum=1,
           optional=True),
    Option("kernel", "str", "auto", "how particles are moved (auto: whole layers where there are two, else lanes)",
           ("auto", "layers", *KERNELS)),
)


@dataclass(frozen=True)
class Route:
    """A path and what walks on it.

    Attributes
    ----------
    laws
        Shape (K, 2); see `Walkers`.
    betas, marks
        Requested betas on it, ascending and positive, and the number of the law of each.
    moves
        Moves at each law.
    base
        -ln Z of the first law.
    length
        What the pilot measured.
    """

    model: IsingModel
    laws: np.ndarray
    betas: np.ndarray
    marks: np.ndarray
    moves: int
    base: float
    length: Length
    kernel: str
    layers: Layers | None
    tilts: np.ndarray

    def start(self, particles: int, seed: int, key: int = 0) -> Walkers:
        """Particles drawn from the first law."""
        if self.layers is not None:
            small = trial_small(self.layers, self.tilts, particles, seed, START_KEY + 100 * key)
            return LayerWalkers(self.model, self.layers, self.laws, small, self.tilts, _own(seed, key))
        spins = random_spins(self.model, particles, seed, START_KEY + 100 * key)
        return LaneWalkers(self.model, self.laws[:, 0], self.moves, spins, self.kernel, _own(seed, key))

    def back(self, spins: np.ndarray, seed: int, key: int) -> Walkers:
        """Particles at `spins`, int8, shape (P, n_sites), that will walk the path backwards."""
        if self.layers is not None:
            small = spins[:, self.layers.small].astype(np.float64)
            return LayerWalkers(self.model, self.layers, self.laws, small, self.tilts, _own(seed, key))
        return LaneWalkers(self.model, self.laws[:, 0], self.moves, spins, self.kernel, _own(seed, key), backward=True)

    def facts(self) -> dict[str, Any]:
        """For `stats`."""
        return {"kernel": self.kernel, "laws": len(self.laws), "sweeps": self.moves * (len(self.laws) - 1),
                "thermodynamic_length": self.length.total}


def _own(seed: int, key: int) -> int:
    return int(generator(seed, (WALK_KEY, key)).integers(2**48))


def fine_steps(length: float) -> tuple[float, float]:
    """Laws and sweeps for independent particles: the variance of ln w goes as the squared length over either."""
    return LAWS * length**2, SWEEPS * length**2


def routes(model: IsingModel, betas: np.ndarray, *, particles: int, sweeps: int | None, kernel: str, seed: int,
           start: str = "uniform", demand: Callable[[float], tuple[float, float]] = fine_steps) -> list[Route]:
    """Paths from a law with known Z to the positive `betas`: one for all, or one each from a product trial.

    Parameters
    ----------
    demand
        Laws of a path and sweeps along it, from its thermodynamic length.

    Raises
    ------
    UsageError
        A kernel that cannot hold the model, a product trial for a model without two layers, or energies that overflow.
    """
    if not math.isfinite(model.reach):
        raise UsageError(f"the energies of {model.spec} overflow; scale the couplings and fields down")
    targets = np.unique(betas[betas > 0])
    layers = layers_of(model) if kernel in ("auto", "layers") else None
    if kernel == "layers" and layers is None:
        raise UsageError(f"kernel=layers needs two layers of spins with dense couplings, which {model.spec} is not; "
                         "take kernel=auto")
    if start == "product" and layers is None:
        raise UsageError(f"start=product needs two layers of spins with dense couplings, as of an RBM, which "
                         f"{model.spec} is not; take start=uniform")
    name = "layers" if layers is not None else cheapest_kernel(
        model, make_sampler("metropolis", kernel=kernel), particles)
    maker = _Maker(model, particles, sweeps, name, layers, seed, demand)
    if start == "uniform":
        return [maker.uniform(targets)] if len(targets) else []
    return [maker.product(float(beta), k) for k, beta in enumerate(targets)]


@dataclass(frozen=True)
class _Maker:
    """What the routes of a run have in common."""

    model: IsingModel
    particles: int
    sweeps: int | None
    kernel: str
    layers: Layers | None
    seed: int
    demand: Callable[[float], tuple[float, float]]

    def uniform(self, betas: np.ndarray) -> Route:
        """From beta = 0 through all `betas`."""
        zeros = np.zeros(self.model.n_sites)

        def law_at(x: np.ndarray) -> np.ndarray:
            return np.stack([x, np.zeros(len(x))], axis=1)

        length = measure(self.pilot(zeros, 0), law_at, float(betas[-1]))
        return self.route(law_at, length, betas, betas, zeros)

    def product(self, beta: float, number: int) -> Route:
        """From a product trial with the means that a pilot found at `beta`."""
        zeros = np.zeros(self.model.n_sites)
        pilot = self.pilot(zeros, 2 * number)
        measure(pilot, lambda x: np.stack([x, np.zeros(len(x))], axis=1), beta)
        tilts = np.arctanh((1.0 - SHRINK) * pilot.large_means())

        def law_at(x: np.ndarray) -> np.ndarray:
            return np.stack([beta * x, 1.0 - x], axis=1)

        length = measure(self.pilot(tilts, 2 * number + 1), law_at, 1.0)
        return self.route(law_at, length, np.array([beta]), np.ones(1), tilts)

    def pilot(self, tilts: np.ndarray, number: int) -> Walkers:
        """Particles that only look where the laws should stand."""
        seed = int(generator(self.seed, (PILOT_KEY, number)).integers(2**48))
        if self.layers is not None:
            small = trial_small(self.layers, tilts, PILOT_PARTICLES, seed, START_KEY)
            return LayerWalkers(self.model, self.layers, np.zeros((1, 2)), small, tilts, seed)
        spins = random_spins(self.model, PILOT_PARTICLES, seed, START_KEY)
        return LaneWalkers(self.model, np.zeros(1), PILOT_MOVES, spins, self.kernel, seed)

    def route(self, law_at: Callable[[np.ndarray], np.ndarray], length: Length, betas: np.ndarray, nodes: np.ndarray,
              tilts: np.ndarray) -> Route:
        """Place the laws and share the sweeps out among them."""
        laws, sweeps = self.demand(length.total)
        total = self.sweeps or self.affordable(sweeps * (1.0 if self.layers is None else LAYER_SWEEPS))
        positions = place(length, nodes, min(total, max(math.ceil(laws), len(nodes))))
        marks = np.searchsorted(positions, nodes)
        return Route(
            model=self.model, laws=law_at(positions), betas=betas, marks=marks,
            moves=max(1, total // (len(positions) - 1)), base=-log_z_of_trial(tilts), length=length,
            kernel=self.kernel, layers=self.layers, tilts=tilts)

    def affordable(self, sweeps: float) -> int:
        """That many sweeps, within the budget."""
        if self.layers is not None:
            L, S = self.layers.weights.shape
            cost = ENTRY_NS * L * S + SPIN_NS * L
        else:
            cost = sweep_cost(self.model, self.kernel, self.particles)
        most = max(ALWAYS_SWEEPS, int(BUDGET_NS / (cost * self.particles)))
        return int(np.clip(sweeps, FEWEST_SWEEPS, most))
