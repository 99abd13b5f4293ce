"""Cluster approximations against exact values: error a site and seconds of bethe, tree-ep and kikuchi.

Errors are beta F - exact, a site; below the critical point of the 2D Ising model the exact torus holds two phases, so
ln 2 / N of the error of a solution with one phase is no fault of it.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

import statfe

METHODS = ("bethe", "tree-ep", "kikuchi")
BETA_C = 0.5 * float(np.log1p(np.sqrt(2.0)))
#: (model, betas, the exact method).
CASES = [
    ("ising:shape=16x16", (0.3, 0.4, BETA_C, 0.5, 0.7), "kaufman"),
    ("ea:shape=12x12,seed=1", (0.5, 1.0, 2.0), "torus"),
    ("ea:shape=12x12,couplings=gaussian,seed=1,field=0.3,boundary=open", (0.5, 1.0, 2.0), "transfer-matrix"),
    ("random-regular:n=40,degree=3,seed=1", (0.5, 0.8, 1.2), "tree-decomposition"),
    ("sk:n=20,seed=1", (0.5, 1.0, 2.0), "enumeration"),
    ("ea:shape=4x4x4,couplings=gaussian,seed=1,boundary=open", (0.3, 0.6, 1.0), "exact"),
]


@pytest.mark.parametrize(("spec", "betas", "exact"), CASES)
def test_error_a_site(spec, betas, exact, figure):
    model = statfe.model(spec)
    truth = statfe.free_energy(model, np.array(betas), exact)
    for method in METHODS:
        statfe.free_energy(model, np.array(betas[:1]), method, seed=1)  # compiles
    for k, beta in enumerate(betas):
        cells = []
        for method in METHODS:
            start = time.perf_counter()
            (found,) = statfe.free_energy(model, np.array([beta]), method, seed=1)
            seconds = time.perf_counter() - start
            error = (found.beta_f - truth[k].beta_f) / model.n_sites
            said = f"{error:+.1e}" if found.status == "converged" else found.status
            cells.append(f"{method} {said} ({seconds:.2f} s)")
        figure(f"{spec}, beta = {beta:.4g}", "-", ", ".join(cells))


def test_a_torus_of_16_by_16(figure):
    model = statfe.model("ising:shape=16x16")
    statfe.free_energy(model, np.array([0.1]), "kikuchi")
    worst = 0.0
    for beta in np.linspace(0.2, 0.8, 13):
        start = time.perf_counter()
        (found,) = statfe.free_energy(model, np.array([beta]), "kikuchi")
        worst = max(worst, time.perf_counter() - start)
        assert found.status == "converged"
    figure("kikuchi, 16 x 16 torus, 13 betas from 0.2 to 0.8, slowest", "< 2 s", f"{worst:.2f} s")


def test_a_hard_grid(figure):
    rng = np.random.default_rng(5)
    plain = statfe.model("ising:shape=4x4,boundary=open")
    solved, most = 0, 0
    for _ in range(20):
        model = statfe.IsingModel.from_edges(
            16, plain.rows, plain.cols, rng.uniform(-1.5, 1.5, plain.n_bonds), 0.3 * rng.standard_normal(16),
            lattice=plain.lattice)
        (found,) = statfe.free_energy(model, np.array([1.0]), "kikuchi", loop="double")
        solved += found.status == "converged"
        most = max(most, found.stats["iterations"])
    figure("4 x 4 grids, couplings uniform in +-1.5, beta = 1: double loops that converge", "20 of 20",
           f"{solved} of 20, at most {most} outer iterations")
    assert solved == 20
