"""Tree-EP: exact rings, its fixed point by brute force, stationarity, moments, the tree, failures."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pytest

from statfe.kernels.tree_ep import chain_log_z, chain_of_pairs, ring_pairs
from statfe.methods.approximate.tree_ep import TreeEP, layout_of, obstacle, pair_means
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.propagation.spanning_tree import mutual_information, rings, strongest_forest
from statfe.registry import run_method
from statfe.result import FreeEnergy
from statfe.variational.solutions import Start
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive import tree_ep as naive
from tests.naive.ising import beta_f, probabilities, states


def solve(model: IsingModel, *betas: float, **options: object) -> list[FreeEnergy]:
    return run_method(model, np.array(betas), "tree-ep", seed=1, **options)


def with_fields(spec: str, size: float = 0.4) -> IsingModel:
    plain, rng = build_model(spec), np.random.default_rng(5)
    return IsingModel.from_edges(
        plain.n_sites, plain.rows, plain.cols, plain.couplings * rng.uniform(0.5, 1.5, plain.n_bonds),
        size * rng.standard_normal(plain.n_sites))


def ring(n: int, sign: float = 1.0) -> IsingModel:
    rng = np.random.default_rng(n)
    return IsingModel.from_edges(
        n, np.arange(n), (np.arange(n) + 1) % n, sign * rng.uniform(0.3, 1.5, n), rng.normal(size=n))


def cactus() -> IsingModel:
    """Three cycles that share single sites, and a tail."""
    edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 2), (4, 6), (6, 7), (7, 4), (7, 8)]
    rng = np.random.default_rng(3)
    i, j = np.array(edges).T
    return IsingModel.from_edges(9, i, j, 1.5 * rng.normal(size=len(i)), rng.normal(size=9))


@pytest.mark.parametrize("model", [
    ring(3), ring(8), ring(7, -1.0), cactus(), frustrated_triangle(), disconnected(), isolated(1), isolated(5),
    build_model("ising:shape=6"), build_model("ising:shape=2x2"), with_fields("ising:shape=9,boundary=open")])
def test_exact_where_rings_share_no_edge(model: IsingModel) -> None:
    """Trees, single cycles and cacti, to 1e-11, from beta = 0 to frozen; the moments too."""
    for result in solve(model, 0.0, 0.2, 1.0, 3.0, 500.0):
        assert result.kind == "exact"
        exact = beta_f(model, result.beta)
        assert abs(result.beta_f - exact) <= 1e-11 * max(1.0, abs(exact))
        assert result.moments is not None
        p, s = probabilities(model, result.beta), states(model.n_sites)
        i, j, _ = model.pairs
        np.testing.assert_allclose(result.moments().correlations, p @ (s[:, i] * s[:, j]), atol=1e-8)
        np.testing.assert_allclose(result.moments().magnetizations, p @ s, atol=1e-8)


@pytest.mark.parametrize("beta", [0.3, 0.8])
@pytest.mark.parametrize("spec", [
    "ea:shape=3x3,boundary=open,couplings=gaussian,seed=1", "ea:shape=3x3,couplings=gaussian,seed=1",
    "random-regular:n=8,degree=3,couplings=gaussian,seed=2", "sk:n=8,seed=1",
    "ea:shape=2x2x2,boundary=open,couplings=gaussian,seed=1", "rbm:visible=5,hidden=4,seed=2"])
def test_fixed_point_by_brute_force(spec: str, beta: float) -> None:
    """Tables over all states, with the tree of another library: ln Z to 1e-8, and the moments."""
    model = with_fields(spec)
    (result,) = solve(model, beta)
    expected, means, products = naive.tree_ep(model, beta)
    assert result.status == "converged"
    assert result.kind == "uncontrolled"
    assert result.beta_f == pytest.approx(expected, abs=1e-8)
    assert result.moments is not None
    found = result.moments()
    np.testing.assert_allclose(found.magnetizations, means, atol=1e-6)
    i, j, _ = model.pairs
    taken = layout_of(model, beta, "mutual-information", None).taken
    np.testing.assert_allclose(found.correlations[taken], products[i, j][taken], atol=1e-6)


def test_rings_are_summed_right() -> None:
    rng = np.random.default_rng(2)
    for steps in (1, 2, 5):
        a, g, closing = 2 * rng.normal(size=steps), rng.normal(size=steps + 1), 0.7
        s = states(steps + 1)
        chain = s @ g + (s[:, 1:] * s[:, :-1]) @ a
        weights = chain + closing * s[:, 0] * s[:, -1]
        pairs, ends = np.empty((steps, 2, 2)), np.empty((2, 2))
        log_z = ring_pairs(a, g, closing, pairs, ends)
        assert log_z == pytest.approx(np.logaddexp.reduce(weights), rel=1e-13)
        assert chain_log_z(a, g) == pytest.approx(np.logaddexp.reduce(chain), rel=1e-13)
        for k, (u, v) in itertools.product(range(steps), itertools.product((0, 1), repeat=2)):
            here = (s[:, k] == 1 - 2 * u) & (s[:, k + 1] == 1 - 2 * v)
            assert pairs[k, u, v] == pytest.approx(np.logaddexp.reduce(weights[here]), rel=1e-12)
        for u, v in itertools.product((0, 1), repeat=2):
            here = (s[:, 0] == 1 - 2 * u) & (s[:, -1] == 1 - 2 * v)
            assert ends[u, v] == pytest.approx(np.logaddexp.reduce(weights[here]), rel=1e-12)
        # the chain that these pairs make is the chain itself once nothing closes it
        ring_pairs(a, g, 0.0, pairs, ends)
        couplings, fields = np.empty(steps), np.empty(steps + 1)
        chain_of_pairs(pairs, couplings, fields)
        np.testing.assert_allclose(couplings, a, atol=1e-12)
        np.testing.assert_allclose(fields, g, atol=1e-12)


def test_the_free_energy_is_stationary_in_the_stand_ins() -> None:
    model, rng = with_fields("ea:shape=3x3,couplings=gaussian,seed=1"), np.random.default_rng(1)
    ep = TreeEP(model, layout_of(model, 0.9, "coupling", None), 0.9)
    size = len(ep.rings.edges) + len(ep.rings.path)
    point = ep.solve(Start("test", np.zeros(size)), iterations=500, tolerance=1e-13).point
    assert point.converged
    for _ in range(4):
        d = rng.normal(size=size)
        up, down = (ep.measured(point.x + h * d)[0] for h in (1e-5, -1e-5))
        assert abs(up - down) / 2e-5 < 1e-6
        away = point.x + 0.2 * d
        assert abs(ep.measured(away + 1e-4 * d)[0] - ep.measured(away - 1e-4 * d)[0]) / 2e-4 > 1e-4


def test_moments_are_derivatives_of_the_free_energy() -> None:
    model, beta, step = with_fields("ea:shape=3x3,couplings=gaussian,seed=1"), 0.8, 1e-5
    i, j, J = model.pairs
    layout = layout_of(model, beta, "coupling", None)
    (result,) = solve(model, beta, tree="coupling", tolerance=1e-12)
    assert result.moments is not None
    found = result.moments()

    def value(site: int, pair: int, size: float) -> float:
        changed = IsingModel.from_edges(
            9, i, j, J + size * (np.arange(len(J)) == pair), model.fields + size * (np.arange(9) == site))
        return solve(changed, beta, tree="coupling", tolerance=1e-12)[0].beta_f

    for pair in (int(np.flatnonzero(layout.taken)[2]), int(layout.left_out[1])):
        slope = (value(-1, pair, step) - value(-1, pair, -step)) / (2 * step * beta)
        assert -slope == pytest.approx(found.correlations[pair], abs=1e-6)
    assert -(value(4, -1, step) - value(4, -1, -step)) / (2 * step * beta) == pytest.approx(
        found.magnetizations[4], abs=1e-6)


@pytest.mark.parametrize("model", [peaked(7), disconnected(), with_fields("sk:n=12,seed=1")])
def test_the_tree_is_the_heaviest(model: IsingModel) -> None:
    beta = 0.7
    weights = mutual_information(model, beta)
    i, j, J = model.pairs
    for k in range(len(J)):
        assert weights[k] == pytest.approx(naive.pair_information(
            beta * J[k], beta * model.fields[i[k]], beta * model.fields[j[k]]), abs=1e-12)
    for weight, option in ((weights, "mutual-information"), (np.abs(J), "coupling")):
        graph = nx.Graph()
        graph.add_weighted_edges_from(zip(i.tolist(), j.tolist(), weight.tolist(), strict=True))
        best = sum(d["weight"] for _, _, d in nx.maximum_spanning_edges(graph))
        assert weight[layout_of(model, beta, option, None).taken].sum() == pytest.approx(best, rel=1e-9)


def test_rings_are_paths_in_the_tree() -> None:
    model = with_fields("sk:n=12,seed=1")
    i, j, J = model.pairs
    found = rings(model, strongest_forest(model, np.abs(J)))
    tree = nx.Graph([(int(a), int(b)) for a, b in zip(i[found.taken], j[found.taken], strict=True)])
    for k, number in enumerate(found.left_out):
        sites = found.path[found.node_ptr[k]:found.node_ptr[k + 1]].tolist()
        assert sites == nx.shortest_path(tree, int(i[number]), int(j[number]))
        links = found.edges[found.edge_ptr[k]:found.edge_ptr[k + 1]].tolist()
        for a, b, child in zip(sites[:-1], sites[1:], links, strict=True):
            assert {a, b} == {child, int(found.parent[child])}


def test_pair_means_at_any_size() -> None:
    K, a, b = np.array([0.3, -0.2, 500.0, -500.0]), np.array([0.1, 2.0, 3.0, 3.0]), np.array([-0.4, 1.0, -1.0, -1.0])
    plain = [sum(s * t * math.exp(k * s * t + x * s + y * t) for s in (-1, 1) for t in (-1, 1))
             / sum(math.exp(k * s * t + x * s + y * t) for s in (-1, 1) for t in (-1, 1))
             for k, x, y in zip(K[:2], a, b, strict=False)]
    np.testing.assert_allclose(pair_means(K, a, b), [*plain, 1.0, -1.0], rtol=1e-12)


@pytest.mark.parametrize("spec", ["ising:shape=5x5", "ising:shape=4x4,boundary=open", "triangular:shape=4x4"])
def test_rings_beat_pairs_on_lattices(spec: str) -> None:
    """Not so everywhere: a random tree takes in long rings of a random graph and leaves out as many."""
    model = build_model(spec)
    (tree_ep,) = solve(model, 0.15)
    (bethe,) = run_method(model, np.array([0.15]), "bethe", seed=1)
    (exact,) = run_method(model, np.array([0.15]), "exact")
    assert abs(tree_ep.beta_f - exact.beta_f) < 0.8 * abs(bethe.beta_f - exact.beta_f)


def test_a_gauge_transformation_changes_nothing() -> None:
    model, s = with_fields("sk:n=10,seed=2"), np.random.default_rng(2).choice([-1.0, 1.0], 10)
    turned = IsingModel.from_edges(
        10, model.rows, model.cols, s[model.rows] * s[model.cols] * model.couplings, s * model.fields)
    (one,), (two,) = solve(model, 1.0), solve(turned, 1.0)
    assert one.beta_f == pytest.approx(two.beta_f, abs=1e-8)


@pytest.mark.parametrize("spec", ["ising:shape=4x4", "ising:shape=4x4,coupling=-1,boundary=open",
                                  "ising:shape=3x3,field=0.2"])
def test_huge_beta_is_the_ground_state(spec: str) -> None:
    model = build_model(spec)
    (result,), (exact,) = solve(model, 500.0), run_method(model, np.array([500.0]), "enumeration")
    assert result.status == "converged"
    assert result.beta_f == pytest.approx(exact.beta_f, rel=1e-3)


def test_both_phases_are_looked_at() -> None:
    """Below the transition of a ferromagnet the ordered and the symmetric solution are both found."""
    (result,) = solve(build_model("random-regular:n=30,degree=4,couplings=ferro,seed=1"), 0.6)
    assert len(result.stats["other_solutions"]) >= 1
    assert result.stats["overlap"] > 0.1 or result.stats["start"] == "none"


def test_forced_failure_says_what_to_change() -> None:
    (result,) = solve(with_fields("ea:shape=3x3,seed=1"), 1.0, iterations=1)
    assert result.status == "not_converged"
    assert math.isnan(result.beta_f)
    assert "raise iterations" in result.message


def test_large_models_are_refused() -> None:
    assert "bethe" in obstacle(build_model("sk:n=400,seed=1"))
    assert obstacle(build_model("sk:n=100,seed=1")) == ""
    assert obstacle(build_model("ising:shape=32x32")) == ""
