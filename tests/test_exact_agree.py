"""Every exact method against the sum over all states, against each other, and against what physics asks of them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.special import logsumexp

from statfe.methods.exact import bipartite, transfer_matrix
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from tests.exact_zoo import ZOO, betas_for, exact_methods, random_forest, random_strip, torus, zoo_model
from tests.naive import exact as naive
from tests.naive.ising import energies

METHODS = tuple(exact_methods())
#: Methods that take any couplings and fields on their graphs, so that a gauge or a permutation stays in reach.
GENERAL = ("bipartite", "enumeration", "exact", "transfer-matrix", "tree")


@functools.cache
def zoo(name: str) -> IsingModel:
    return zoo_model(name)


@functools.cache
def zoo_energies(name: str) -> np.ndarray:
    return energies(zoo(name))


def values(model: IsingModel, betas: np.ndarray, method: str) -> np.ndarray:
    results = run_method(model, betas, method, seed=1)
    assert all(r.kind == "exact" and r.status == "converged" and r.beta_f_error == 0.0 for r in results)
    return np.array([r.beta_f for r in results])


def assert_close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-12) -> None:
    """Relative to |beta F|, or to 1 where that is small."""
    assert np.abs(np.asarray(found) - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max()), (found, wanted)


def applicable(model: IsingModel) -> list[str]:
    return [name for name, method in exact_methods().items() if not method.obstacle(model)]


@pytest.mark.parametrize("name", ZOO)
def test_methods_equal_the_sum_over_states(name: str) -> None:
    model = zoo(name)
    assert {"enumeration", "exact", "transfer-matrix"} <= set(applicable(model))
    for method in applicable(model):
        betas = betas_for(method, model)
        for beta, value in zip(betas, values(model, betas, method), strict=True):
            wanted = -float(logsumexp(-beta * zoo_energies(name)))
            assert abs(value - wanted) <= 1e-12 * max(1.0, abs(wanted)), (method, beta, value, wanted)


def test_zoo_reaches_every_method_often() -> None:
    for method in METHODS:
        assert sum(method in applicable(zoo(name)) for name in ZOO) >= 4, method


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(("layers", "width"), [(12, 6), (6, 12), (40, 3), (2, 5), (30, 2)])
def test_transfer_matrix_equals_dense_layers(layers: int, width: int, periodic: bool) -> None:
    model = random_strip(layers, width, periodic, seed=layers)
    slim = model if width <= 6 else transposed(model)  # the twin needs a narrow second side
    for beta in (0.1, 0.7, 3.0, -0.4):
        found = values(model, np.array([beta]), "transfer-matrix")
        assert_close(found, np.array([-naive.strip_log_z(slim, beta)]))


def transposed(model: IsingModel) -> IsingModel:
    """The same strip with its axes exchanged."""
    assert model.lattice is not None
    m, n = model.lattice.shape
    new = np.arange(m * n).reshape(n, m).T.ravel()  # new index of each old site
    lattice = type(model.lattice)((n, m), model.lattice.periodic)
    total = {}
    for i, j, J in zip(*model.pairs, strict=True):
        total[frozenset((int(new[i]), int(new[j])))] = J
    source, target, _ = lattice.bonds()
    low, high = np.minimum(source, target), np.maximum(source, target)
    pairs = [frozenset((int(i), int(j))) for i, j in zip(low, high, strict=True)]
    copies = {pair: pairs.count(pair) for pair in pairs}
    fields = np.empty(m * n)
    fields[new] = model.fields
    return IsingModel.from_edges(m * n, low, high, [total[p] / copies[p] for p in pairs], fields, lattice=lattice)


@pytest.mark.parametrize("fields", [True, False])
def test_tree_equals_recursion(fields: bool) -> None:
    model = random_forest(300, 5, fields, joined=0.9)
    for beta in (0.0, 0.4, 2.0, 200.0, -1.0):
        assert_close(values(model, np.array([beta]), "tree"), np.array([-naive.tree_log_z(model, beta)]))


@pytest.mark.parametrize(("n", "J", "h"), [(200, 1.0, 0.0), (201, 1.0, 0.01), (150, -3.0, 0.2), (64, 0.5, -1.0)])
def test_curie_weiss_equals_sixty_digits(n: int, J: float, h: float) -> None:
    model = build_model(f"curie-weiss:n={n},coupling={J},field={h}")
    for beta in (0.0, 0.9, 1.0, 1.3, 80.0, -2.0):
        wanted = -naive.curie_weiss_log_z(n, model.couplings[0], h, beta)
        assert_close(values(model, np.array([beta]), "curie-weiss"), np.array([wanted]), 1e-13)


@pytest.mark.parametrize("spec", [
    "ising:shape=6x4,field=0.2", "ea:shape=6x4,couplings=gaussian", "ising:shape=24", "ising:shape=4x6",
    "ea:shape=4x3x2,boundary=open,couplings=gaussian,seed=5", "rbm:visible=14,hidden=10,visible_bias=-0.4",
    "ea:shape=22,couplings=gaussian,boundary=open,field=0.1", "erdos-renyi:n=22,mean_degree=2,couplings=gaussian",
    "triangular:shape=11x2", "random-regular:n=22,degree=3,field=-0.3", "curie-weiss:n=20", "ising:shape=2x12",
])
def test_pairs_of_methods_agree_beyond_brute_force(spec: str) -> None:
    model, betas = build_model(spec), np.array([0.02, 0.44, 2.5, 40.0])
    found = {method: values(model, betas, method) for method in applicable(model)}
    assert len(found) >= 3, sorted(found)
    for value in found.values():
        assert_close(value, found["enumeration"])


@pytest.mark.parametrize(("shape", "J"), [((20, 10), (1.0, 1.0)), ((8, 11), (0.4, 1.1)), ((30, 6), (-0.8, 0.6))])
def test_kaufman_equals_transfer_matrix_on_large_tori(shape: tuple[int, int], J: tuple[float, float]) -> None:
    model, betas = torus(*shape, *J), np.array([0.01, 0.3, 0.44, 0.8, 6.0, 60.0])
    assert_close(values(model, betas, "kaufman"), values(model, betas, "transfer-matrix"))


def test_long_strip_keeps_its_digits() -> None:
    # 20 000 sites pass a hundred rescalings; the infinite ladder is known: ln of the largest eigenvalue a layer.
    layers, K = 10_000, 0.6
    model = build_model(f"ising:shape={layers}x2,boundary=open")
    s = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    own = np.exp(0.5 * K * s.prod(axis=1))
    matrix = own[:, None] * np.exp(K * s @ s.T) * own
    size, vectors = np.linalg.eigh(matrix)
    wanted = (layers - 1) * np.log(size[-1]) + 2 * np.log(abs(own @ vectors[:, -1]))
    assert_close(values(model, np.array([K]), "transfer-matrix"), np.array([-wanted]), 1e-13)


@pytest.mark.parametrize("name", ["random strip, periodic", "islands", "ising:shape=4x4", "peaked", "sk:n=11"])
def test_tables_of_logarithms_and_of_weights_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    betas = np.array([0.0, 0.2, 1.0, -0.7])
    weights = values(zoo(name), betas, "transfer-matrix")
    monkeypatch.setattr(transfer_matrix, "MAX_SPREAD", -1.0)
    assert_close(values(zoo(name), betas, "transfer-matrix"), weights, 1e-13)


def slope(model: IsingModel, beta: float, method: str, step: float = 1e-3) -> float:
    """d beta_f / d beta by the five-point rule, error O(step^4)."""
    f = values(model, beta + step * np.array([-2.0, -1.0, 1.0, 2.0]), method)
    return float(f @ [1.0, -8.0, 8.0, -1.0]) / (12 * step)


@pytest.mark.parametrize("name", ["ising:shape=4x4", "tree in fields", "curie-weiss:n=13,field=0.1", "star",
                                  "rbm:visible=7,hidden=4,scale=1.5,visible_bias=0.3,hidden_bias=-0.7", "peaked"])
@pytest.mark.parametrize("beta", [0.3, 1.1])
def test_slope_is_the_mean_energy(name: str, beta: float) -> None:
    model, e = zoo(name), zoo_energies(name)
    weight = np.exp(-beta * (e - e.min()))
    mean = float(weight @ e / weight.sum())
    for method in applicable(model):
        assert slope(model, beta, method) == pytest.approx(mean, abs=1e-8 * max(1.0, np.abs(e).max())), method


def moved(model: IsingModel, signs: np.ndarray, new: np.ndarray) -> IsingModel:
    """Flip spins by `signs` and give site i the label new[i]."""
    fields = np.empty(model.n_sites)
    fields[new] = signs * model.fields
    return IsingModel.from_edges(
        model.n_sites, new[model.rows], new[model.cols],
        signs[model.rows] * signs[model.cols] * model.couplings, fields, offset=model.offset)


@pytest.mark.filterwarnings("ignore:.*both orders")
@pytest.mark.parametrize("name", ["random strip, open", "forest", "islands", "peaked", "random-regular:n=12",
                                  "rbm:visible=7,hidden=4,scale=1.5,visible_bias=0.3,hidden_bias=-0.7"])
def test_gauge_and_relabelling_change_nothing(name: str) -> None:
    model, rng, betas = zoo(name), np.random.default_rng(7), np.array([0.2, 1.3, 20.0])
    for _ in range(3):
        other = moved(model, rng.choice([-1.0, 1.0], model.n_sites), rng.permutation(model.n_sites))
        for method in set(GENERAL) & set(applicable(model)):
            assert_close(values(other, betas, method), values(model, betas, method))


def test_symmetries_of_the_uniform_models() -> None:
    betas = np.array([0.1, 0.44, 1.0, 30.0])
    # Kaufman: exchange of the axes, and the flip of every second layer of an even side.
    wanted = values(torus(6, 9, 0.5, 1.1), betas, "kaufman")
    assert_close(values(torus(9, 6, 1.1, 0.5), betas, "kaufman"), wanted)
    assert_close(values(torus(6, 9, -0.5, 1.1), betas, "kaufman"), wanted)
    # Curie-Weiss: the global flip.
    for a, b in (("0.3", "-0.3"), ("2", "-2")):
        plus, minus = (build_model(f"curie-weiss:n=50,field={h}") for h in (a, b))
        assert_close(values(plus, betas, "curie-weiss"), values(minus, betas, "curie-weiss"))


@pytest.mark.parametrize("method", METHODS)
def test_negative_beta_is_negated_energies(method: str) -> None:
    specs = {"kaufman": "ising:shape=4x6", "curie-weiss": "curie-weiss:n=9,field=0.2", "tree": "ising:shape=8,"
             "boundary=open,field=0.4", "planar": "ising:shape=4x3,boundary=open", "torus": "ising:shape=4x3"}
    model = build_model(specs.get(method, "ising:shape=4x3,boundary=open,field=0.4"))
    negated = IsingModel.from_edges(
        model.n_sites, model.rows, model.cols, -model.couplings, -model.fields, lattice=model.lattice)
    assert_close(values(model, np.array([-0.7, -3.0]), method), values(negated, np.array([0.7, 3.0]), method))


@pytest.mark.parametrize("method", METHODS)
def test_workers_long_grids_and_order_change_no_bit(method: str) -> None:
    specs = {"kaufman": "ising:shape=4x6", "curie-weiss": "curie-weiss:n=9", "tree": "ising:shape=30,boundary=open",
             "torus": "ea:shape=4x3"}
    model = build_model(specs.get(method, "ea:shape=4x3,couplings=gaussian,boundary=open"))
    betas = np.random.default_rng(1).permutation(np.linspace(0.0, 2.0, 150))
    one = [r.beta_f for r in run_method(model, betas, method, workers=1)]
    assert one == [r.beta_f for r in run_method(model, betas, method, workers=2)]
    alone = [run_method(model, betas[k:k + 1], method)[0].beta_f for k in (0, 70, 149)]
    assert alone == pytest.approx([one[k] for k in (0, 70, 149)], rel=1e-14)


@pytest.mark.parametrize("method", ["bipartite", "enumeration", "transfer-matrix"])
def test_progress_rises_to_one(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bipartite, "CHUNK_TIME", 1e4)
    model, seen = zoo("forest") if method == "bipartite" else zoo("ising:shape=4x4"), [0.0]
    run_method(model, np.linspace(0, 1, 70), method, progress=lambda label, share: seen.append(share))
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert seen[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
def test_overflow_is_a_failure_that_says_what_to_change(method: str) -> None:
    specs = {"kaufman": "ising:shape=4x6", "curie-weiss": "curie-weiss:n=9", "tree": "ising:shape=30,boundary=open",
             "torus": "ea:shape=4x3"}
    model = build_model(specs.get(method, "ising:shape=4x3,boundary=open"))
    results = run_method(model, np.array([1.0, 1.7e308]), method)
    assert results[0].status == "converged"
    assert results[1].status == "diverged"
    assert np.isnan(results[1].beta_f)
    assert "smaller beta" in results[1].message
