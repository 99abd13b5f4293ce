"""MBAR beside pymbar: the same f_k, the same errors for independent draws, and the time of both in one run.

24 states x 10^5 samples of Gaussian energies, as they come (all different) and rounded to levels as of an Ising model.
pymbar takes minutes and some GB for it; `STATFE_BENCH_SAMPLES` makes it smaller.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from statfe.chains import Chains
from statfe.estimators.mbar import mbar

pymbar = pytest.importorskip("pymbar", reason="pip install statfe[peers]")

STATES, SIGMA = 24, 23.0
SAMPLES = int(os.environ.get("STATFE_BENCH_SAMPLES", "100000"))
#: Distance of neighbouring energies of the Ising model.
LEVEL = 4.0


def chains_of(energy: np.ndarray, betas: np.ndarray) -> Chains:
    """Chains of energies of shape (R, T, K)."""
    return Chains(
        betas=betas, requested=np.ones(len(betas), dtype=bool), energy=energy,
        magnetization=np.zeros(energy.shape, dtype=np.int32), sweeps=np.arange(1, energy.shape[1] + 1),
        swap_acceptance=np.full(len(betas) - 1, np.nan), schedule="tempering", sampler="exact", seed=1, burn_in=0)


def peer(energy: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """f_k, errors and seconds of pymbar."""
    flat = np.moveaxis(energy, 2, 0).reshape(-1)
    begun = time.perf_counter()
    solver = pymbar.MBAR(
        betas[:, None] * flat, np.full(len(betas), energy.shape[0] * energy.shape[1]),
        solver_protocol=({"method": "adaptive", "tol": 1e-13, "options": {"maxiter": 100, "min_sc_iter": 0}},))
    found = solver.compute_free_energy_differences()
    return found["Delta_f"][0], found["dDelta_f"][0], time.perf_counter() - begun


@pytest.mark.parametrize("kind", ["float", "levels"])
def test_mbar_beside_pymbar(benchmark, kind, capsys):
    betas = np.linspace(0.0, 1.0, STATES)
    energy = np.random.default_rng(1).normal(-betas * SIGMA**2, SIGMA, (1, SAMPLES, STATES))
    if kind == "levels":
        energy = LEVEL * np.rint(energy / LEVEL)
    chains, start = chains_of(energy, betas), -0.5 * betas**2 * SIGMA**2
    ours = benchmark.pedantic(mbar, args=(chains, 0.0, start), rounds=5, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    f, error, other = peer(energy, betas)
    apart = float(np.max(np.abs(ours.beta_f - f)))
    ratio = ours.independent_error[1:] / error[1:]
    benchmark.extra_info.update(pymbar_seconds=other, max_difference=apart, faster=other / seconds)
    with capsys.disabled():
        print(f"\n{kind:7s} {STATES} x {SAMPLES}: statfe {seconds:.3f} s ({1e6 * seconds / energy.size:.3f} us a draw)"
              f", pymbar {other:.2f} s, {other / seconds:.0f} times; largest difference of f_k {apart:.1e}, "
              f"of errors {np.max(np.abs(ratio - 1.0)):.1e}")
    assert apart < 1e-8
    assert np.max(np.abs(ratio - 1.0)) < 0.02
    assert other > 10.0 * seconds
