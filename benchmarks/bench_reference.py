"""The sampled reference against Kaufman's exact torus: accuracy, time, coverage, and a million spins."""

from __future__ import annotations

import os
import time

import numpy as np
from scipy.stats import binom

import statfe

#: Sixteen temperatures through T_c = 1 / 0.4407.
BETAS = np.linspace(0.3, 0.6, 16)
TORUS = "ising:shape=32x32"
SWEEPS = 6000
SEEDS = 50
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scores(sweeps: int, seed: int) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """(errors in sigmas, sigma a site, statuses) at the sixteen temperatures."""
    exact = statfe.free_energy(TORUS, BETAS, "kaufman")
    found = statfe.free_energy(TORUS, BETAS, "mbar", seed, workers=CORES, sweeps=sweeps)
    sigma = np.array([f.beta_f_error for f in found])
    gap = np.array([f.beta_f - e.beta_f for f, e in zip(found, exact, strict=True)])
    return gap / sigma, sigma / found[0].n_sites, {f.status for f in found}


def test_torus_through_the_critical_point(benchmark, figure):
    scores(200, 1)  # compiles
    z, sigma, statuses = benchmark.pedantic(scores, args=(SWEEPS, 1), rounds=3, iterations=1)
    benchmark.extra_info.update(worst_sigmas=float(np.abs(z).max()), worst_error_per_site=float(sigma.max()))
    seconds = benchmark.stats.stats.median
    figure("32x32 torus, 16 temperatures: |error|", "< 4 sigma", f"{np.abs(z).max():.2f} sigma")
    figure("32x32 torus: sigma a site", "<= 2e-4", f"{sigma.max():.1e}")
    figure(f"32x32 torus: time, {CORES} cores, warm", "< 20 s", f"{seconds:.1f} s (median of 3)")
    assert statuses == {"converged"}
    assert np.abs(z).max() < 4
    assert sigma.max() <= 2e-4
    assert seconds < 20


def test_three_sigma_misses_over_fifty_seeds(figure):
    z = np.array([scores(SWEEPS // 3, seed)[0] for seed in range(1, SEEDS + 1)])
    misses = (np.abs(z) > 3).sum(axis=0)
    chance = 0.0027
    # Temperatures of one run are correlated, seeds are not: each temperature is a binomial of its own.
    p = float(binom.sf(misses.max() - 1, SEEDS, chance)) if misses.max() else 1.0
    by_chance = f"about {chance * z.size:.1f} by chance"
    figure("three-sigma misses, 50 seeds x 16 temperatures", by_chance, str(misses.sum()))
    figure("most misses at one temperature of 50", "p > 0.001", f"{misses.max()} (p = {p:.2f})")
    figure("standard deviation of error / sigma", "1", f"{z.std():.2f} (worst temperature {z.std(axis=0).max():.2f})")
    assert p > 0.001 / len(BETAS)
    assert misses.sum() <= 12


def test_a_million_spins(figure):
    model = statfe.model("ising:shape=1000x1000")
    start = time.perf_counter()
    run = statfe.simulate(model, [0.02], sweeps=40, replicas=8, seed=1, workers=CORES)
    seconds = time.perf_counter() - start
    exact = statfe.free_energy(model, 0.02, "kaufman")
    first = run.reference[0]
    z = (first.beta_f - exact.beta_f) / first.beta_f_error
    figure("10^6 spins, 8 replicas, beta = 0.02: error", "< 4 sigma", f"{z:+.2f} sigma, {first.status}")
    figure("10^6 spins: sigma a site, time", "-", f"{first.beta_f_error / 1e6:.1e}, {seconds:.0f} s")
    assert first.status == "converged", first.message
    assert abs(z) < 4
