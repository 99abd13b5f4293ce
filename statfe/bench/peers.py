"""Other programs as contestants, where they are installed: the same model, the same temperatures, one thread."""

from __future__ import annotations

import importlib
import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.bench.pairing import lap
from statfe.models.ising import IsingModel

#: Seconds to try each way of running a peer, before the fastest is taken.
TRIAL = 0.05


class PeerRunner:
    """A peer with a model: `step(sweeps)` does the work and gives its own seconds, or None."""

    def __init__(self, peer: Peer, step: Callable[[int], float | None], updates: float, replicas: int,
                 settings: str) -> None:
        self.label = self.program = peer.name
        self.version, self.advance = peer.version, step
        self.updates, self.replicas, self.settings = updates, replicas, settings
        self.kernel = self.sampler = ""
        self.threads, self.set_up = 1, 0.0
        self.bytes_per_spin: float | None = None


@dataclass(frozen=True)
class Peer:
    """Another program.

    Attributes
    ----------
    obstacle
        Why it cannot hold a model, or "".
    ways
        The runners to choose the fastest from.
    """

    name: str
    version: str
    module: Any
    obstacle: Callable[[IsingModel], str]
    ways: Callable[[Peer, IsingModel, np.ndarray, int], list[PeerRunner]]

    def runner(self, model: IsingModel, betas: np.ndarray, seed: int) -> PeerRunner:
        """The fastest way to run it on the model."""
        start = time.perf_counter()
        found = self.ways(self, model, betas, seed)
        spent = time.perf_counter() - start
        chosen = found[0] if len(found) == 1 else min(found, key=_cost)
        chosen.set_up = spent / len(found)
        return chosen


def _cost(runner: PeerRunner) -> float:
    """Nanoseconds an update in a short trial; the first sweep is not counted."""
    first = lap(runner, 1, time.perf_counter)
    sweeps = max(1, int(TRIAL / max(first, 1e-6)))
    return min(lap(runner, sweeps, time.perf_counter) for _ in range(2)) / (sweeps * runner.updates)


def _lattice_only(model: IsingModel) -> str:
    lattice = model.lattice
    if lattice is None or lattice.kind != "hypercubic" or not lattice.periodic or model.has_fields:
        return "it takes periodic lattices without fields only"
    return "" if min(lattice.shape) > 2 else "its bonds on an axis of length 2 are others"


def _peapods(peer: Peer, model: IsingModel, betas: np.ndarray, seed: int) -> list[PeerRunner]:
    """Its parallel tempering with exchanges every sweep; Metropolis or heat bath, one replica or eight.

    Its generators cannot be seeded.
    """
    assert model.lattice is not None
    shape = model.lattice.shape
    # Both have the bonds of a site to its neighbours further along each axis; ours go axis by axis.
    couplings = np.ascontiguousarray(model.couplings.reshape(len(shape), model.n_sites).T).reshape(*shape, -1)
    interval = 1 if len(betas) > 1 else None
    found = []
    for replicas in (1, 8) if model.n_sites * len(betas) < 1e6 else (1,):
        ising = peer.module.Ising(shape, couplings=couplings, temperatures=1.0 / betas, n_replicas=replicas)
        for rule in ("metropolis", "gibbs"):
            def step(sweeps: int, ising: Any = ising, rule: str = rule) -> None:
                ising.sample(sweeps, sweep_mode=rule, pt_interval=interval, warmup_ratio=0.0, sequential=True)

            exchanges = ", pt_interval=1" if interval else ""
            found.append(PeerRunner(
                peer, step, float(model.n_sites) * len(betas) * replicas, replicas,
                f"sweep_mode={rule}{exchanges}, sequential; the fastest of its ways"))
    return found


def _no_fields(model: IsingModel) -> str:
    return "fields are not passed on" if model.has_fields else ""


def _dwave(peer: Peer, model: IsingModel, betas: np.ndarray, seed: int) -> list[PeerRunner]:
    """Simulated annealing through the same temperatures; timed by its own clock, without conversions."""
    dimod = importlib.import_module("dimod")
    i, j, weights = model.pairs
    bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(np.zeros(model.n_sites), (i, j, -weights), 0.0, "SPIN")
    sampler, reads, calls = peer.module.SimulatedAnnealingSampler(), 8, iter(range(2**31))

    def step(sweeps: int) -> float:
        done = sampler.sample(
            bqm, num_reads=reads, beta_schedule_type="custom", beta_schedule=betas, num_sweeps_per_beta=sweeps,
            num_sweeps=sweeps * len(betas), seed=(seed + next(calls)) % 2**31)
        return 1e-9 * float(done.info["timing"]["sampling_ns"])

    return [PeerRunner(peer, step, float(model.n_sites) * len(betas) * reads, reads,
                       f"simulated annealing, num_reads={reads}; its own timing of sampling")]


#: Name of the package, module to import, what it cannot hold, how it is run.
_KNOWN = (
    ("peapods", "peapods", _lattice_only, _peapods),
    ("dwave-samplers", "dwave.samplers", _no_fields, _dwave),
)


def installed() -> dict[str, Peer | None]:
    """The peers by name; None where one is not installed."""
    found: dict[str, Peer | None] = {}
    for name, module, obstacle, ways in _KNOWN:
        try:
            loaded = importlib.import_module(module)
        except ImportError:
            found[name] = None
            continue
        found[name] = Peer(name, _version(name), loaded, obstacle, ways)
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
