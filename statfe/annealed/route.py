"""From a model and the requested betas to a path, particles at its start, and how far they must walk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.annealed.lanes import KERNELS, LaneWalkers, cheapest_kernel, random_spins, sweep_cost
from statfe.annealed.layers import Layers, LayerWalkers, flip_part, layers_of, log_z_of_trial, trial_small
from statfe.annealed.path import PILOT_MOVES, PILOT_PARTICLES, Length, measure, place
from statfe.annealed.resampling import lead
from statfe.annealed.walkers import Walkers
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.samplers import make_sampler
from statfe.spec import Option

#: Stream keys: of the pilot, of starts, of the walks, and of the resampled pilots.
PILOT_KEY, START_KEY, WALK_KEY, MEANS_KEY = 201, 202, 203, 204
#: Laws in units of the squared length, which leave the steps a variance of 1 / LAWS; and sweeps in the same units.
LAWS, SWEEPS = 32.0, 16.0
#: More sweeps for two layers: their length does not show what is summed out, but modes still have to mix. And fewer
#: laws where spins are drawn one by one: there sweeps help more.
LAYER_SWEEPS, FLIP_LAWS = 4.0, 0.5
#: Sweeps by default: at least; and the nanoseconds that all particles may take, and the sweeps they may always take.
FEWEST_SWEEPS, BUDGET_NS, ALWAYS_SWEEPS = 200, 1.2e10, 1000
#: Nanoseconds of a move of two layers, an entry of the matrix, and a spin of the large layer; and of spins one by one,
#: an entry, and a spin of the small layer.
ENTRY_NS, SPIN_NS = 0.13, 4.0
FLIP_NS, TURN_NS = 0.35, 80.0
#: The means that a product trial is made from are drawn to 0 by this share, so that no state is out of reach.
SHRINK = 0.3
#: Length of the path from the uniform law above which another start is looked for.
LONG = 5.0
#: Resampled pilots that find these means, each on the path from the trial of the one before: how many, their particles,
#: laws, and moves at each.
PILOTS, MEANS_PARTICLES, MEANS_LAWS, MEANS_MOVES = 3, 512, 64, 4
#: Particles of a pilot, and fewest asked for a trial (half of them where walks are longer), where there are several.
SHARED_PARTICLES, LEAST_WALKS = 256, 32
#: There, walks of so many particles are one that is as much longer: modes that few walks reach on their way make
#: weights that look alike and miss some hundredths of Z. (Unless the user says how long they are.)
LONGER = 2

PATH_OPTIONS = (
    Option("sweeps", "int", doc="sweeps of a particle on its way to the largest beta (default: by a pilot)", minimum=1,
           optional=True),
    Option("kernel", "str", "auto", "how particles move: spins of the smaller of two layers in turn, whole layers, "
           "or lanes (auto: the first that the model allows)", ("auto", "flips", "layers", *KERNELS)),
)
START_OPTION = Option(
    "start", "str", "auto", "law at the start: uniform, or a product with the means that pilots find (for models with "
    "two layers, as RBMs; auto: where kernel=flips, there is one beta, and the path from the uniform law is long)",
    ("auto", "uniform", "product"))


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
    flips
        See `LayerWalkers`.
    tilts
        Fields of the product trial that the path starts from.
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
    flips: int
    tilts: np.ndarray

    @property
    def narrow(self) -> bool:
        """Whether walks may miss modes without a sign of it: from a product trial, with moves that freeze."""
        return not self.flips and bool(np.any(self.tilts))

    def start(self, particles: int, seed: int, key: int = 0) -> Walkers:
        """Particles drawn from the first law."""
        if self.layers is not None:
            small = trial_small(self.layers, self.tilts, particles, seed, START_KEY + 100 * key)
            return LayerWalkers(self.model, self.layers, self.laws, small, self.tilts, _own(seed, key), self.flips)
        spins = random_spins(self.model, particles, seed, START_KEY + 100 * key)
        return LaneWalkers(self.model, self.laws[:, 0], self.moves, spins, self.kernel, _own(seed, key))

    def back(self, spins: np.ndarray, seed: int, key: int) -> Walkers:
        """Particles at `spins`, int8, shape (P, n_sites), that will walk the path backwards."""
        if self.layers is not None:
            small = spins[:, self.layers.small].astype(np.float64)
            return LayerWalkers(self.model, self.layers, self.laws, small, self.tilts, _own(seed, key), self.flips)
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
           start: str = "uniform", trials: int = 1, demand: Callable[[float], tuple[float, float]] = fine_steps,
           workers: int = 1) -> list[Route]:
    """Paths from a law with known Z to the positive `betas`: one for all, or from product trials for each.

    Parameters
    ----------
    trials
        Product trials for each beta, from pilots of their own, where single spins of a layer are drawn and there are
        particles for them.
    demand
        Laws of a path and sweeps along it, from its thermodynamic length.
    workers
        Threads that look for trials; they change no bit.

    Raises
    ------
    UsageError
        A kernel that cannot hold the model, a product trial for a model without two layers, or energies that overflow.
    """
    if not math.isfinite(model.reach):
        raise UsageError(f"the energies of {model.spec} overflow; scale the couplings and fields down")
    targets = np.unique(betas[betas > 0])
    layers = layers_of(model) if kernel in ("auto", "flips", "layers") else None
    if kernel in ("flips", "layers") and layers is None:
        raise UsageError(f"kernel={kernel} needs two layers of spins with dense couplings, which {model.spec} is not; "
                         "take kernel=auto")
    flips = flip_part(layers, float(targets.max(initial=0.0))) if layers is not None and kernel != "layers" else 0
    if kernel == "flips" and not flips:
        raise UsageError(f"kernel=flips needs layers with few and not too strong couplings, unlike those of "
                         f"{model.spec}; take kernel=layers")
    if start == "product" and layers is None:
        raise UsageError(f"start=product needs two layers of spins with dense couplings, as of an RBM, which "
                         f"{model.spec} is not; take start=uniform")
    name = "flips" if flips else "layers" if layers is not None else cheapest_kernel(
        model, make_sampler("metropolis", kernel=kernel), particles)
    each = trials if flips and particles >= trials * LEAST_WALKS else 1
    maker = _Maker(model, particles, sweeps, name, layers, flips, seed, demand, each)
    if not len(targets):
        return []
    if start != "product":
        plain = maker.uniform(targets)
        if not (start == "auto" and flips and len(targets) == 1 and plain.length.total > LONG):
            return [plain]
    return map_tasks(lambda k: maker.product(float(targets[k // each]), k), range(each * len(targets)), workers)


@dataclass(frozen=True)
class _Maker:
    """What the routes of a run have in common."""

    model: IsingModel
    particles: int
    sweeps: int | None
    kernel: str
    layers: Layers | None
    flips: int
    seed: int
    demand: Callable[[float], tuple[float, float]]
    trials: int = 1

    def uniform(self, betas: np.ndarray) -> Route:
        """From beta = 0 through all `betas`."""
        zeros = np.zeros(self.model.n_sites)

        def law_at(x: np.ndarray) -> np.ndarray:
            return np.stack([x, np.zeros(len(x))], axis=1)

        length = measure(self.pilot(zeros, 0), law_at, float(betas[-1]))
        return self.route(law_at, length, betas, betas, zeros)

    def product(self, beta: float, number: int) -> Route:
        """From a product trial with the means that pilots found at `beta`.

        The first pilot comes from the uniform law, each of the others from the trial that the one before has given: at
        such means the law changes far less on its way than from beta = 0, where strong fields freeze what couplings
        make free again (compare R. Grosse, C. Maddison and R. Salakhutdinov, NIPS 2013).
        """
        def law_at(x: np.ndarray) -> np.ndarray:
            return np.stack([beta * x, 1.0 - x if tilted else np.zeros(len(x))], axis=1)

        tilts, tilted = np.zeros(self.model.n_sites), False
        for k in range(PILOTS):
            length = measure(self.pilot(tilts, (PILOTS + 1) * number + k), law_at, 1.0)
            laws = law_at(place(length, np.ones(1), MEANS_LAWS))
            seed = int(generator(self.seed, (MEANS_KEY, number, k)).integers(2**48))
            walkers = self.walkers(laws, tilts, MEANS_PARTICLES if self.trials == 1 else SHARED_PARTICLES, seed)
            lead(walkers, MEANS_MOVES, seed, MEANS_KEY)
            tilts, tilted = np.arctanh((1.0 - SHRINK) * walkers.large_means()), True
        length = measure(self.pilot(tilts, (PILOTS + 1) * number + PILOTS), law_at, 1.0)
        return self.route(law_at, length, np.array([beta]), np.ones(1), tilts)

    def walkers(self, laws: np.ndarray, tilts: np.ndarray, particles: int, seed: int) -> LayerWalkers:
        """Particles of a model with layers, drawn from the first law."""
        assert self.layers is not None
        small = trial_small(self.layers, tilts, particles, seed, START_KEY)
        return LayerWalkers(self.model, self.layers, laws, small, tilts, seed, self.flips)

    def pilot(self, tilts: np.ndarray, number: int) -> Walkers:
        """Particles that only look where the laws should stand."""
        seed = int(generator(self.seed, (PILOT_KEY, number)).integers(2**48))
        if self.layers is not None:
            return self.walkers(np.zeros((1, 2)), tilts, PILOT_PARTICLES, seed)
        spins = random_spins(self.model, PILOT_PARTICLES, seed, START_KEY)
        return LaneWalkers(self.model, np.zeros(1), PILOT_MOVES, spins, self.kernel, seed)

    def route(self, law_at: Callable[[np.ndarray], np.ndarray], length: Length, betas: np.ndarray, nodes: np.ndarray,
              tilts: np.ndarray) -> Route:
        """Place the laws and share the sweeps out among them."""
        laws, sweeps = self.demand(length.total)
        longer = LONGER if self.trials > 1 and np.any(tilts) else 1
        total = self.sweeps or self.affordable(
            longer * sweeps * (1.0 if self.layers is None else LAYER_SWEEPS), self.particles // longer)
        laws *= FLIP_LAWS if self.flips else 1.0
        positions = place(length, nodes, min(total, max(math.ceil(laws), len(nodes))))
        marks, moves = np.searchsorted(positions, nodes), total / (len(positions) - 1)
        return Route(
            model=self.model, laws=law_at(positions), betas=betas, marks=marks,
            moves=max(1, round(moves) if self.flips else int(moves)), base=-log_z_of_trial(tilts), length=length,
            kernel=self.kernel, layers=self.layers, flips=self.flips, tilts=tilts)

    def affordable(self, sweeps: float, particles: int) -> int:
        """That many sweeps, within the budget."""
        if self.layers is not None:
            L, S = self.layers.weights.shape
            cost = (FLIP_NS * L + TURN_NS) * S if self.flips else ENTRY_NS * L * S + SPIN_NS * L
        else:
            cost = sweep_cost(self.model, self.kernel, particles)
        most = max(ALWAYS_SWEEPS, int(BUDGET_NS / (cost * particles)))
        return int(np.clip(sweeps, FEWEST_SWEEPS, most))
