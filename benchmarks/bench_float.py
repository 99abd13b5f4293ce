"""Flips a nanosecond on one core with any couplings, beside peapods and dwave-samplers in the same run.

Processor time, not wall time, so that a busy machine distorts little; rounds of all programs take turns and the
median round counts. Each does complete sweeps; ours and peapods exchange temperatures and make energies every sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import statfe
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block, Load
from statfe.sampling.choice import choose_kernel, get_kernel, kernels
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler

RUNGS, ROUNDS = 32, 5
BETAS = np.linspace(0.1, 2.0, RUNGS)
GAUSSIAN_3D = "ea:shape=10x10x10,couplings=gaussian,seed=1"


def bank_of(model: IsingModel, kernel: str, replicas: int, chains: int = RUNGS) -> Bank:
    sampler = make_sampler(f"metropolis:kernel={kernel},schedule=tempering")
    betas = BETAS if chains == RUNGS else np.linspace(0.1, 2.0, chains)
    plan = plan_run(model, betas, sampler, sweeps=10, replicas=replicas, seed=1, samples_only=True)
    return get_kernel(kernel).make(model, plan)


def ours(model: IsingModel, kernel: str, replicas: int, sweeps: int, chains: int = RUNGS) -> Callable[[], float]:
    """A function that runs the first group and gives nanoseconds a flip attempt."""
    bank = bank_of(model, kernel, replicas, chains)
    energy = np.empty((replicas, sweeps, chains))
    magnetization = np.empty((replicas, sweeps, chains), dtype=np.int32)
    attempts = model.n_sites * len(bank.groups[0]) * chains * sweeps

    def run() -> float:
        start = time.process_time()
        bank.advance(0, Block(None, 0, sweeps, slice(0, sweeps)), energy, magnetization)
        return (time.process_time() - start) * 1e9 / attempts

    run()
    return run


def peapods_run(sweeps: int) -> Callable[[], float]:
    peapods = pytest.importorskip("peapods")
    ising = peapods.Ising((10, 10, 10), couplings="gaussian", temperatures=1.0 / BETAS[::-1], n_replicas=2)

    def run() -> float:
        start = time.process_time()
        ising.sample(sweeps, sweep_mode="metropolis", pt_interval=1, sequential=True)
        return (time.process_time() - start) * 1e9 / (1000 * RUNGS * 2 * sweeps)

    run()
    return run


def dwave_run(model: IsingModel, few: int, more: int) -> Callable[[], float]:
    """Annealing through the same betas; the difference of two lengths leaves the preparation out."""
    samplers, dimod = pytest.importorskip("dwave.samplers"), pytest.importorskip("dimod")
    i, j, J = model.pairs
    problem = dimod.BinaryQuadraticModel.from_ising(
        dict(enumerate(model.fields.tolist())), {(a, b): -v for a, b, v in zip(i.tolist(), j.tolist(), J, strict=True)})
    sampler: Any = samplers.SimulatedAnnealingSampler()

    def once(sweeps: int) -> float:
        start = time.process_time()
        sampler.sample(problem, num_reads=1, beta_schedule=BETAS, beta_schedule_type="custom",
                       num_sweeps_per_beta=sweeps, num_sweeps=sweeps * RUNGS, seed=1)
        return time.process_time() - start

    once(1)
    return lambda: (once(more) - once(few)) * 1e9 / (model.n_sites * RUNGS * (more - few))


def medians(runs: list[Callable[[], float]]) -> list[float]:
    """Median nanoseconds of each over rounds that take turns."""
    return np.median([[run() for run in runs] for _ in range(ROUNDS)], axis=0).tolist()


def test_gaussian_glass_in_three_dimensions(figure):
    model = statfe.model(GAUSSIAN_3D)
    lane, peapods, dwave = medians([ours(model, "float-lane", 2, 200), peapods_run(40), dwave_run(model, 5, 205)])
    what = "3D Gaussian, L=10, 32 betas: flips/ns"
    figure(what, ">= 1", f"{1 / lane:.2f}")
    figure(f"{what}, peapods", ">= 10 times less", f"{1 / peapods:.3f}, {peapods / lane:.1f} times less")
    figure(f"{what}, dwave-samplers (no exchanges)", "", f"{1 / dwave:.3f}, {dwave / lane:.1f} times less")
    assert peapods > 10 * lane


def test_sherrington_kirkpatrick(figure):
    model = statfe.model("sk:n=1024,seed=1")
    dense, lane, dwave = medians(
        [ours(model, "dense", 1, 10), ours(model, "float-lane", 2, 5), dwave_run(model, 1, 21)])
    what = "SK, N=1024, 32 betas: flips/ns"
    figure(f"{what}, dwave-samplers", "", f"{1 / dwave:.5f}")
    figure(f"{what}, dense", ">= 5 times dwave-samplers", f"{1 / dense:.4f}, {dwave / dense:.1f} times")
    figure(f"{what}, float-lane", ">= 5 times dwave-samplers", f"{1 / lane:.4f}, {dwave / lane:.1f} times")
    assert dwave > 5 * min(dense, lane)


def test_bytes_a_lane_and_site(figure):
    model = statfe.model(GAUSSIAN_3D)
    bank = bank_of(model, "float-lane", 8)
    held = sum(array.nbytes for array in bank.own_state().values()) / (8 * RUNGS * model.n_sites)
    figure("float-lane: bytes a lane and site, spins and streams", "", f"{held:.3f}")


@pytest.mark.parametrize("spec", [GAUSSIAN_3D, "sk:n=20", "sk:n=256", "hopfield:n=500", "rbm:visible=64,hidden=32"])
@pytest.mark.parametrize(("replicas", "chains"), [(1, 1), (1, 4), (4, 4), (4, 32)])
def test_the_choice(spec, replicas, chains, figure):
    """The kernel that `auto` takes is the fastest of these, or within 30% of it."""
    model = statfe.model(spec)
    names = [n for n in ("scalar", "float-lane", "dense") if kernels()[n].cost(model, Load(replicas, chains)) < 300]
    chosen = choose_kernel(model, make_sampler("metropolis"), Load(replicas, chains)).name
    found = dict(zip(names, medians([ours(model, n, replicas, max(1, 20_000 // model.n_sites), chains)
                                     for n in names]), strict=True))
    best = min(found, key=lambda name: found[name])
    figure(f"{spec}, {replicas} x {chains}: {chosen}", "within 30% of the fastest",
           f"{found[chosen]:.3g} ns, {best} {found[best]:.3g} ns")
