"""Exact methods against each other and against published numbers, and how fast the enumerations are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import statfe
from tests.exact_zoo import ZOO, betas_for, exact_methods, zoo_model
from tests.test_kaufman import KNOWN, per_site

BETA_GRID = np.array([0.0, 0.03, 0.44, 1.7, 50.0])


def test_exact_methods_agree(figure):
    worst, pairs = 0.0, 0
    for name in ZOO:
        model = zoo_model(name)
        found = {
            m: statfe.free_energy(model, betas_for(m, model, BETA_GRID), m)
            for m, method in exact_methods().items() if not method.obstacle(model)}
        for one, two in itertools.combinations(found.values(), 2):
            pairs += 1
            worst = max(worst, *(abs(a.beta_f / b.beta_f - 1) for a, b in zip(one, two, strict=True) if b.beta_f))
    figure(f"{pairs} pairs of exact methods on {len(ZOO)} models: relative difference", "<= 1e-10", f"{worst:.1e}")
    assert worst <= 1e-10


def test_kaufman_tables(figure):
    worst = max(abs(per_site(side, beta) / value - 1) for side, row in KNOWN.items() for beta, value in row.items())
    figure("Kaufman's tables, L = 8, 16, 32 (10 decimals): relative difference", "<= 1e-10", f"{worst:.1e}")
    assert worst <= 1e-10


@pytest.mark.parametrize(("spec", "method", "states"), [
    ("ising:shape=13x2,field=0.1", "enumeration", 2.0**26), ("ising:shape=12x12,field=0.1", "transfer-matrix", 0.0)])
def test_speed(benchmark, figure, spec, method, states):
    model = statfe.model(spec)
    statfe.free_energy("ising:shape=3x3,field=0.1", 0.7, method)  # compiles
    benchmark.pedantic(lambda: statfe.free_energy(model, 0.7, method), rounds=5, iterations=1)
    seconds = benchmark.stats.stats.median
    rate = f", {states / seconds / 1e9:.2f} Gstates/s" if states else ""
    figure(f"{method} of {model.spec}, one thread", "-", f"{seconds:.2f} s{rate} (median of 5)")
