"""Planar and toroidal glasses: seconds a beta, and the error against an independent route.

Where there is a route that shares no code with Pfaffians (transfer matrix, Kaufman) it is taken, on lattices that it
can take; the large glasses are held against themselves under a gauge, in another order and in double-double arithmetic.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import statfe
from statfe.models.ising import IsingModel

BETA = 3.0
BETA_C = 0.5 * math.log1p(math.sqrt(2))


def gauged(model: IsingModel, seed: int = 1) -> IsingModel:
    """Spins flipped at random: another matrix, the same Z."""
    s = np.random.default_rng(seed).choice([-1.0, 1.0], model.n_sites)
    return IsingModel.from_edges(
        model.n_sites, model.rows, model.cols, s[model.rows] * s[model.cols] * model.couplings, lattice=model.lattice)


def timed(model: IsingModel, beta: float, method: str) -> tuple[float, float]:
    """(ln Z, seconds), the drawing among them."""
    start = time.perf_counter()
    (found,) = statfe.free_energy(model, np.array([beta]), method)
    assert found.status == "converged", found.message
    return found.log_z, time.perf_counter() - start


@pytest.mark.parametrize("couplings", ["bimodal", "gaussian"])
@pytest.mark.parametrize("side", [32, 64, 128])
@pytest.mark.parametrize("method", ["planar", "torus"])
def test_glasses(method, side, couplings, figure):
    boundary = "open" if method == "planar" else "periodic"
    timed(statfe.model(f"ea:shape=8x8,boundary={boundary}"), BETA, method)  # compiles
    model = statfe.model(f"ea:shape={side}x{side},boundary={boundary},couplings={couplings},seed=1")
    one, seconds = timed(model, BETA, method)
    two, _ = timed(gauged(model), BETA, method)
    asked = {64: "planar 64 x 64: < 5 s", 128: "torus 128 x 128: tens of seconds"}.get(side, "-")
    figure(f"{method} {side} x {side} {couplings}, beta = {BETA:g}", f"{asked}, 1e-10",
           f"{seconds:.2f} s, gauge error {abs(one / two - 1):.0e} of ln Z")
    assert abs(one / two - 1) <= 1e-12


@pytest.mark.parametrize(("spec", "method", "route", "beta"), [
    ("ea:shape=128x12,boundary=open,seed=1", "planar", "transfer-matrix", 5.0),
    ("ea:shape=128x12,boundary=open,couplings=gaussian,seed=1", "planar", "transfer-matrix", 5.0),
    ("ea:shape=64x8,seed=1", "torus", "transfer-matrix", 5.0),
    ("ea:shape=64x8,couplings=gaussian,seed=1", "torus", "transfer-matrix", 5.0),
    ("ising:shape=128x128", "torus", "kaufman", BETA_C), ("ising:shape=128x128", "torus", "kaufman", 1.0)])
def test_against_an_independent_route(spec, method, route, beta, figure):
    model = statfe.model(spec)
    one, seconds = timed(model, beta, method)
    two, other = timed(model, beta, route)
    figure(f"{method} and {route} of {spec}, beta = {beta:.4g}", "1e-10",
           f"{abs(one / two - 1):.0e} ({seconds:.2f} s and {other:.2f} s)")
    assert abs(one / two - 1) <= 1e-12
