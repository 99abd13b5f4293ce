"""Dense enumeration: states a second of one core beside a plain Gray-code loop, in one run.

Times are processor time of one thread, so that other work on the machine counts less.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np
import pytest

import statfe
from statfe.models.ising import IsingModel

SIZES = (24, 28, 32)
#: Sites of the plain loop: more would only take longer.
PEER_SITES = 24
BETA = 0.9
ROUNDS = 3


@numba.njit(error_model="numpy")
def gray_code_log_z(J: np.ndarray, beta: float, scale: float) -> float:
    """ln of the sum of e^{-beta E} over all states, one flip and one exponential a state; the last spin is up."""
    n = len(J)
    spins, local = -np.ones(n), np.zeros(n)
    spins[n - 1] = 1.0
    energy = 0.0
    for i in range(n):
        for j in range(n):
            local[i] += J[i, j] * spins[j]
        energy -= 0.5 * spins[i] * local[i]
    total = np.exp(-beta * energy - scale)
    for step in range(1, 1 << (n - 1)):
        i = 0
        while not (step >> i) & 1:
            i += 1
        energy += 2.0 * spins[i] * local[i]
        spins[i] = -spins[i]
        for j in range(n):
            local[j] += 2.0 * J[i, j] * spins[i]
        total += np.exp(-beta * energy - scale)
    return np.log(2.0 * total) + scale


def rate(work: Callable[[], object], states: float) -> float:
    """States a nanosecond of processor time; the median of a few rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return states / float(np.median(seconds)) / 1e9


def enumerate_states(model: IsingModel) -> float:
    found = statfe.free_energy(model, BETA, "enumeration", workers=1)
    assert isinstance(found, statfe.FreeEnergy)
    return found.beta_f


@pytest.fixture(scope="module")
def plain() -> float:
    """Gstates/s of the plain loop, after a check that both agree."""
    model = statfe.model(f"sk:n={PEER_SITES},seed=1")
    J = model.adjacency.toarray()
    expected = gray_code_log_z(J, BETA, 20.0)
    assert -enumerate_states(model) == pytest.approx(expected, rel=1e-12)
    return rate(lambda: gray_code_log_z(J, BETA, 20.0), 2.0**(PEER_SITES - 1))


@pytest.mark.parametrize("n", SIZES)
def test_dense_enumeration(n, plain, figure):
    model = statfe.model(f"sk:n={n},seed=1")
    found = rate(lambda: enumerate_states(model), 2.0**(n - 1))
    figure(f"enumeration of SK, N = {n}, one core (plain Gray code {plain:.2f} Gstates/s)", ">= 1 Gstate/s",
           f"{found:.1f} Gstates/s, {found / plain:.0f} times as fast")
    assert found >= 1.0


@pytest.mark.parametrize(("spec", "bins"), [("ea:shape=5x6,seed=1", None), ("sk:n=28,seed=1", 1000)])
def test_counting_levels(spec, bins, figure):
    model = statfe.model(spec)
    statfe.density_of_states("ea:shape=3x3,seed=1", method="enumeration", bins=bins)  # compiles
    found = rate(lambda: statfe.density_of_states(model, method="enumeration", bins=bins), 2.0**(model.n_sites - 1))
    figure(f"density of states of {spec} by enumeration, one core", "-", f"{found:.2f} Gstates/s")


def test_counting_by_transfer_matrix(figure):
    statfe.density_of_states("ising:shape=4x4", method="transfer-matrix")  # compiles
    start = time.process_time()
    found = statfe.density_of_states("ising:shape=8x8", method="transfer-matrix")
    seconds = time.process_time() - start
    assert sum(found.counts) == 2**64
    figure("density of states of the 8x8 torus, 64 spins, whole numbers", "-", f"{seconds:.2f} s")
