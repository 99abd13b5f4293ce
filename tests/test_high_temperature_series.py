"""The series in tanh(beta J): every coefficient against all spins, known lattices, and what is left out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import statfe
from statfe.errors import NotApplicableError
from statfe.models.ising import IsingModel
from statfe.series.closed_graphs import MAX_ORDER, foreseen_steps, list_cycles, series
from tests.naive import closed_graphs as naive

RNG = np.random.default_rng(5)


def graph(n: int, bonds: list[tuple[int, int]], signs: bool) -> IsingModel:
    i, j = zip(*bonds, strict=True)
    return IsingModel.from_edges(
        n, np.array(i), np.array(j), RNG.choice([-1.0, 1.0], len(bonds)) if signs else np.ones(len(bonds)))


def complete(n: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(n), 2))


GRAPHS = {
    "K4": (4, complete(4)), "K5": (5, complete(5)), "K6": (6, complete(6)), "K7": (7, complete(7)),
    "K2,4": (6, [(a, b) for a in (0, 1) for b in (2, 3, 4, 5)]),
    "K3,5": (8, [(a, b) for a in (0, 1, 2) for b in range(3, 8)]),
    "three triangles in a chain": (7, [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4), (4, 5), (5, 6), (4, 6)]),
    "three triangles at a site": (7, [(0, 1), (1, 2), (0, 2), (0, 3), (3, 4), (0, 4), (0, 5), (5, 6), (0, 6)]),
    "a triangle of triangles": (6, [(0, 1), (1, 2), (0, 2), (0, 3), (3, 4), (0, 4), (1, 4), (4, 5), (1, 5)]),
}


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_coefficient_is_that_of_the_sum_over_spins(name, signs):
    model = graph(*GRAPHS[name], signs)
    expected = naive.series(model, MAX_ORDER)
    np.testing.assert_allclose(
        series(model, np.sign(model.pairs[2]), MAX_ORDER), expected, atol=1e-11 * max(1.0, np.max(np.abs(expected))))


@pytest.mark.parametrize("spec", ["triangular:shape=3x3", "ising:shape=3x3", "ising:shape=3x2x2", "ea:shape=3x4"])
def test_cycles_around_small_tori_are_counted(spec):
    model = statfe.model(spec)
    if np.ptp(np.abs(model.pairs[2])) > 0:
        model = IsingModel.from_edges(model.n_sites, *model.pairs[:2], np.sign(model.pairs[2]))
    expected = naive.series(model, MAX_ORDER)
    np.testing.assert_allclose(
        series(model, np.sign(model.pairs[2]), MAX_ORDER), expected, atol=1e-11 * max(1.0, np.max(np.abs(expected))))


@pytest.mark.parametrize(("spec", "known"), [
    # Domb 1974, tables of lattice constants; the square's are those of Onsager's ln Z.
    ("ising:shape=11x11", {4: 1, 6: 2, 8: 4.5, 10: 12}),
    ("ising:shape=11x11x11", {4: 3, 6: 22, 8: 187.5, 10: 1980}),
    ("triangular:shape=11x11", {3: 2, 4: 3, 5: 6, 6: 11, 7: 24}),
])
def test_wide_lattices_have_the_coefficients_of_the_infinite_one(spec, known):
    order = 8 if "x11x11" in spec else MAX_ORDER
    model = statfe.model(spec)
    found = series(model, np.ones(model.n_pairs), order) / model.n_sites
    for k, value in known.items():
        if k <= order:
            assert found[k] == pytest.approx(value, rel=1e-9)


def test_each_cycle_is_listed_once():
    model = statfe.model("ising:shape=5x5")
    cycles = list_cycles(model, 6)
    rows = {tuple(sorted(cycles.pairs[k, :length])) for k, length in enumerate(cycles.lengths)}
    # per site: one square, two hexagons, and the two cycles of length 5 around the torus over five sites
    assert len(rows) == len(cycles.lengths) == 25 + 50 + 10


@pytest.mark.parametrize("spec", ["ising:shape=6x6", "ea:shape=5x5,seed=2", "ea:shape=5x5,couplings=gaussian,seed=2",
                                  "random-regular:n=20,degree=3,seed=1", "ising:shape=4x4,coupling=-1"])
def test_the_error_is_of_the_first_order_left_out(spec):
    model, errors = statfe.model(spec), []
    for beta in (0.1, 0.2):
        exact = statfe.free_energy(model, beta, "exact").beta_f
        errors.append(abs(statfe.free_energy(model, beta, "high-temperature-series:order=6").beta_f - exact))
    assert errors[1] < 1e-3 * model.n_sites
    assert 2.0**6 < errors[1] / errors[0] < 2.0**9


def test_one_size_of_couplings_takes_the_short_way_to_the_same_sum():
    model = statfe.model("ea:shape=4x4,seed=3")
    nearly = IsingModel.from_edges(16, *model.pairs[:2], model.pairs[2] * (1.0 + 1e-9 * RNG.random(model.n_pairs)))
    for beta in (-0.3, 0.4):
        a = statfe.free_energy(model, beta, "high-temperature-series")
        b = statfe.free_energy(nearly, beta, "high-temperature-series")
        assert a.beta_f == pytest.approx(b.beta_f, abs=1e-6)
        assert "coefficients" in a.stats
        assert "coefficients" not in b.stats


def test_the_infinite_square_lattice():
    # Onsager 1944 at beta = 0.3, where 11 x 11 sites are as good as infinitely many to this order.
    model = statfe.model("ising:shape=16x16")
    r = statfe.free_energy(model, 0.3, "high-temperature-series")
    exact = statfe.free_energy(model, 0.3, "kaufman").beta_f
    assert abs(r.beta_f - exact) / 256 < 100 * math.tanh(0.3) ** 12
    assert r.kind == "uncontrolled"


def test_what_it_cannot_take():
    with pytest.raises(NotApplicableError, match="no fields"):
        statfe.free_energy("ising:shape=4x4,field=0.1", 0.2, "high-temperature-series")
    with pytest.raises(NotApplicableError, match="too many cycles"):
        statfe.free_energy("sk:n=24,seed=1", 0.2, "high-temperature-series")
    assert foreseen_steps(statfe.model("sk:n=24,seed=1")) == math.inf


def test_trees_and_huge_couplings():
    tree = statfe.model("ising:shape=9,boundary=open")
    assert statfe.free_energy(tree, 500.0, "high-temperature-series").kind == "exact"
    cold = statfe.free_energy("ising:shape=3x3", 500.0, "high-temperature-series")
    assert math.isfinite(cold.beta_f)
