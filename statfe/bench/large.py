"""A lattice too large for a list of its bonds: its words of sites alone, at a bit a spin."""

from __future__ import annotations

import time

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.tempering import COUNTERS, METROPOLIS
from statfe.random import generator, streams
from statfe.sampling.bank import CHAIN_KEY, SWAP_KEY
from statfe.sampling.banks.multi_site import KERNEL
from statfe.sampling.memory import SHARE, available_bytes
from statfe.sampling.multi_site_lattice import MultiSiteLattice, why_not
from statfe.sampling.samplers import DEFAULT_SAMPLER
from statfe.sampling.starts import START_KEY

#: Name of the kernel that can do it.
NAME = KERNEL.name
#: Most bytes a site: twice a bit, for the padding of rows, in the words and in what fills them.
BYTES = 0.5


class LargeRunner:
    """One chain on a periodic square lattice with J = 1, without a model.

    Raises
    ------
    UsageError
        The lattice cannot be held in words, or not in memory.
    """

    def __init__(self, side: int, beta: float, seed: int) -> None:
        shape = (side, side)
        need, free = BYTES * side**2, available_bytes()
        reason = why_not(shape, True)
        if not reason and need > SHARE * free:
            reason = f"takes {need / 1e9:.3g} GB and {free / 1e9:.3g} GB are free"
        if reason:
            raise UsageError(f"{NAME} {reason}")
        start = time.perf_counter()
        self.lattice = MultiSiteLattice(shape)
        self.betas, self.rules, self.done = np.array([beta]), np.array([METROPOLIS]), 0
        self.tables = self.lattice.tables(self.betas)
        self.words = np.zeros((1, self.lattice.size), dtype=np.uint64)
        self.lattice.randomize(self.words[0], generator(seed, (START_KEY, 0)))
        self.states = self.lattice.chain_states(seed, 1, (CHAIN_KEY, 0))
        rung = np.zeros(1, dtype=np.int64)
        self.ladder = (rung, rung.copy(), streams(seed, 1, (SWAP_KEY, 0))[0], np.zeros((COUNTERS, 1), dtype=np.int64))
        self.set_up = time.perf_counter() - start
        self.label, self.program, self.version, self.kernel = f"statfe {NAME}", "statfe", "", NAME
        self.sampler, self.threads, self.replicas = DEFAULT_SAMPLER, 1, 1
        self.settings = "energies every sweep; without a list of bonds"

    def advance(self, sweeps: int) -> None:
        """So many sweeps, with the energy after each."""
        self.energy, _ = self.lattice.run(
            self.words, self.states, self.tables, self.betas, self.rules, self.done, sweeps, 1, False, self.ladder)
        self.done += sweeps

    @property
    def updates(self) -> float:
        """Spin updates of a sweep."""
        return float(self.lattice.n_sites)

    @property
    def bytes_per_spin(self) -> float | None:
        """Memory of the words and the random states a site."""
        return self.lattice.bytes / self.lattice.n_sites
