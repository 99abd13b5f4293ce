"""Speed of one large lattice, 64 sites a word, beside another program's single-spin sweeps in the same run.

Energies and magnetisations are recorded after every sweep. Times of one thread are its processor time, so that a
busy machine does not count.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from statfe.kernels.tempering import METROPOLIS
from statfe.random import generator
from statfe.sampling.multi_site_lattice import MultiSiteLattice

#: Spin updates of one round, and rounds; the median counts.
UPDATES, ROUNDS = 4e8, 5
SQUARES = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
ASKED = {1024: 6.0, 4096: 6.0}


class Chain:
    """A chain near T_c that sweeps on from wherever it is."""

    def __init__(self, shape: tuple[int, ...], seed: int = 1, signed: bool = False) -> None:
        rng = np.random.default_rng(seed)
        signs = [rng.choice(np.array([-1, 1], dtype=np.int8), shape) for _ in shape] if signed else None
        self.lattice = MultiSiteLattice(shape, signs=signs)
        self.words = np.zeros((1, self.lattice.size), dtype=np.uint64)
        self.lattice.randomize(self.words[0], generator(seed))
        self.states = self.lattice.chain_states(seed, 1, 0)
        self.betas = np.array([0.44 if len(shape) == 2 else 0.22])
        self.tables = self.lattice.tables(self.betas)
        self.done, self.sweeps = 0, max(1, int(UPDATES / self.lattice.n_sites))

    def run(self, sweeps: int | None = None) -> float:
        """Spin updates a nanosecond over so many sweeps."""
        count = self.sweeps if sweeps is None else sweeps
        zero, one = np.zeros(1, dtype=np.int64), np.ones(4, dtype=np.uint64)
        start = time.thread_time()
        energy, _ = self.lattice.run(
            self.words, self.states, self.tables, self.betas, np.array([METROPOLIS]), self.done, count, 1, False,
            (zero, zero, one, zero, zero))
        seconds = time.thread_time() - start
        self.done += count
        assert len(energy) == count
        return self.lattice.n_sites * count / seconds / 1e9


def speed(benchmark, chain: Chain) -> float:
    chain.run(1)
    benchmark.pedantic(chain.run, rounds=ROUNDS, iterations=1, warmup_rounds=1)
    updates = chain.lattice.n_sites * chain.sweeps
    benchmark.extra_info["flips_per_ns"] = updates / benchmark.stats.stats.median / 1e9
    return float(benchmark.extra_info["flips_per_ns"])


@pytest.mark.benchmark(timer=time.thread_time)
@pytest.mark.parametrize("side", SQUARES)
def test_squares(side, benchmark, figure):
    rate = speed(benchmark, Chain((side, side)))
    asked = f">= {ASKED[side]:g}" if side in ASKED else ""
    figure(f"2D, L={side}: flips/ns, one core", asked, f"{rate:.1f} (median of {ROUNDS})")
    assert rate >= ASKED.get(side, 0.0)


@pytest.mark.benchmark(timer=time.thread_time)
@pytest.mark.parametrize(("shape", "signed"), [((1024, 1024), True), ((64, 64, 64), False), ((64, 64, 64), True)],
                         ids=["2D +-J", "3D", "3D +-J"])
def test_signs_and_cubes(shape, signed, benchmark, figure):
    rate = speed(benchmark, Chain(shape, signed=signed))
    name = f"{len(shape)}D, L={shape[0]}, {'+-J' if signed else 'J'}"
    figure(f"{name}: flips/ns, one core", "", f"{rate:.1f} (median of {ROUNDS})")


def test_beside_a_compiled_peer(figure):
    peapods = pytest.importorskip("peapods")
    side, sweeps = 1024, 20
    peer = peapods.Ising((side, side), temperatures=np.array([1.0 / 0.44]))
    chain = Chain((side, side))
    chain.run(1)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(chain.run())
        start = time.process_time()
        peer.sample(sweeps, sweep_mode="metropolis", warmup_ratio=0.0, sequential=True)
        theirs.append(side * side * sweeps / (time.process_time() - start) / 1e9)
    ratio = float(np.median(np.array(ours) / np.array(theirs)))
    figure("2D, L=1024: flips/ns beside peapods, same run", "",
           f"{np.median(ours):.1f} and {np.median(theirs):.3f}, ratio {ratio:.0f}")


def test_two_replicas_on_two_threads(figure):
    chains = [Chain((1024, 1024), seed) for seed in (1, 2)]
    for chain in chains:
        chain.run(1)
    ratios = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            chains[0].run()
            alone = time.perf_counter() - start
            start = time.perf_counter()
            list(pool.map(lambda chain: chain.run(), chains))
            ratios.append(2.0 * alone / (time.perf_counter() - start))
    figure("2D, L=1024: two replicas on two threads over one on one", ">= 1.7", f"{np.median(ratios):.2f}")


def test_share_of_the_observables(figure):
    chain = Chain((4096, 4096))
    chain.run(1)
    energy, sweep = [], []
    for _ in range(ROUNDS):
        sweep.append(math.prod((4096, 4096)) / chain.run(10) / 1e9)
        start = time.thread_time()
        chain.lattice.observe(chain.words[0])
        energy.append(time.thread_time() - start)
    share = float(np.median(np.array(energy) / np.array(sweep)))
    figure("2D, L=4096: energy and magnetisation, share of a sweep", "< 15%", f"{share:.0%}")


def test_memory_of_the_largest(figure):
    lattice = MultiSiteLattice((16384, 16384))
    figure("2D, L=16384: bytes a spin", "about 1/8", f"{lattice.bytes / lattice.n_sites:.4f}")
    assert lattice.bytes < 1.1 * lattice.n_sites / 8
