"""`planar`: against sums over states, transfer matrices and what physics asks, in every precision."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from scipy.spatial import Delaunay
from scipy.special import logsumexp

from statfe.errors import NotApplicableError, UsageError
from statfe.kernels.fronts import dense_pfaffian, parity
from statfe.kernels.pfaffian import divide, two_product, two_sum
from statfe.methods.exact.planar import cost, obstacle
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.planar import embedding, partition
from statfe.planar.embedding import planar_drawing
from statfe.registry import run_method
from tests.naive.ising import energies
from tests.naive.pfaffian import pfaffian, random_skew

BETAS = np.array([0.0, 0.3, 1.0, 3.0, 8.0, 50.0, -0.7, -2.0])


def log_z(model: IsingModel, betas: np.ndarray | list[float], method: str = "planar") -> np.ndarray:
    results = run_method(model, np.array(betas, dtype=float), method)
    assert all(r.status == "converged" and r.kind == "exact" for r in results), [r.message for r in results]
    return np.array([r.log_z for r in results])


def assert_close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-13) -> None:
    assert np.all(np.abs(found - wanted) <= tolerance * np.maximum(1.0, np.abs(wanted))), found / wanted - 1


def delaunay(n: int, seed: int) -> IsingModel:
    """Normal couplings on a Delaunay triangulation of random points."""
    rng = np.random.default_rng(seed)
    triangles = Delaunay(rng.random((n, 2))).simplices
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    bonds = np.unique(np.sort(sides), axis=0)
    return IsingModel.from_edges(n, bonds[:, 0], bonds[:, 1], rng.normal(size=len(bonds)))


def edges(n: int, bonds: list[tuple[int, int]], seed: int, fields: list[float] | None = None) -> IsingModel:
    J = np.random.default_rng(seed).normal(size=len(bonds))
    h = None if fields is None else np.array(fields)
    return IsingModel.from_edges(n, [b[0] for b in bonds], [b[1] for b in bonds], J, h)


SMALL = {
    "one spin": edges(1, [], 0),
    "no bonds": edges(4, [], 0),
    "no bonds, fields": edges(3, [], 0, [0.3, 0.0, -0.9]),
    "a pair": edges(2, [(0, 1)], 1),
    "a pair in a field": edges(2, [(0, 1)], 1, [0.4, 0.0]),
    "a tree": edges(7, [(0, 1), (1, 2), (1, 3), (0, 4), (4, 5), (4, 6)], 2),
    "a ring": build_model("ising:shape=9,coupling=-1"),
    "K4": edges(4, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], 3),
    "two rings on a bridge": edges(7, [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (3, 6)], 4),
    "pieces": edges(10, [(0, 1), (1, 2), (0, 2), (4, 5), (6, 7), (7, 8), (8, 9), (6, 9), (6, 8)], 5),
    "parallel bonds, some that cancel": IsingModel.from_edges(
        4, [0, 0, 1, 2, 0, 0], [1, 1, 2, 3, 3, 3], [0.5, 0.7, -1.0, 0.4, 0.8, -0.8]),
    "a field on one site": edges(
        9, [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)], 6, [0, 0, 0, 0, 0.7] + [0] * 4),
    "fields round a face": edges(5, [(0, 1), (1, 2), (2, 3), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3)], 7,
                                 [0.3, -0.5, 0.8, 0.2, 0.0]),
    "square glass": build_model("ea:shape=4x4,boundary=open,seed=3"),
    "square, gaussian": build_model("ea:shape=3x5,boundary=open,couplings=gaussian,seed=1"),
    "triangular antiferromagnet": build_model("triangular:shape=3x4,boundary=open,coupling=-1"),
    "periodic, but planar": build_model("ea:shape=2x6,seed=2"),
    "a plank": build_model("ising:shape=1x8,boundary=open"),
    "Delaunay": delaunay(14, 5),
}


@pytest.mark.parametrize("name", SMALL)
def test_equals_the_sum_over_states(name: str) -> None:
    model = SMALL[name]
    wanted = np.array([logsumexp(-beta * energies(model)) for beta in BETAS])
    assert_close(log_z(model, BETAS), wanted)


@pytest.mark.parametrize("way", [(0, False), (1, False), (0, True), (1, True)])
@pytest.mark.parametrize("name", ["square glass", "Delaunay", "two rings on a bridge"])
def test_every_way_is_right_by_itself(name: str, way: tuple[int, bool]) -> None:
    drawing = planar_drawing(SMALL[name])
    made = partition.plan(drawing)
    for beta in (0.2, 1.0, -0.6):
        found = partition.binary_log_z(made, way[0], beta, wide=way[1]) + drawing.log_factor
        assert found == pytest.approx(logsumexp(-beta * energies(SMALL[name])), rel=1e-12)


@pytest.mark.parametrize(("spec", "betas"), [
    ("ea:shape=40x9,boundary=open,seed=1", [0.44, 2.0, 5.0, 9.0]),
    ("ea:shape=40x9,boundary=open,couplings=gaussian,seed=2", [0.44, 2.0, 5.0, 9.0]),
    ("triangular:shape=25x8,boundary=open,coupling=-1", [0.3, 2.0, 6.0]),
    ("ising:shape=60x10,boundary=open", [0.44068679350977147, 3.0])])
def test_equals_the_transfer_matrix(spec: str, betas: list[float]) -> None:
    model = build_model(spec)
    assert_close(log_z(model, betas), log_z(model, betas, "transfer-matrix"))


def test_a_large_glass_keeps_its_digits_under_gauge_and_relabelling() -> None:
    model, rng = build_model("ea:shape=40x40,boundary=open,seed=4"), np.random.default_rng(1)
    s, new = rng.choice([-1.0, 1.0], 1600), rng.permutation(1600)
    other = IsingModel.from_edges(  # without its lattice, so that networkx must draw it
        1600, np.minimum(new[model.rows], new[model.cols]), np.maximum(new[model.rows], new[model.cols]),
        s[model.rows] * s[model.cols] * model.couplings)
    assert_close(log_z(other, [0.5, 3.0]), log_z(model, [0.5, 3.0]))


def test_low_temperature_is_the_ground_state() -> None:
    """beta F = beta E_0 - ln(number of ground states) + ..., and the number is even."""
    model = build_model("ea:shape=12x12,boundary=open,seed=8")
    low, high = log_z(model, [12.0, 14.0])
    ground = -(high - low) / 2.0
    assert ground == pytest.approx(round(ground), abs=1e-6)
    count = math.exp(high + 14.0 * round(ground))
    assert count == pytest.approx(2 * round(count / 2), rel=1e-6)


def test_log_z_rises_and_is_convex() -> None:
    model = build_model("ea:shape=20x20,boundary=open,couplings=gaussian,seed=3")
    f = log_z(model, np.linspace(0.5, 2.5, 21))
    slope = np.diff(f)  # the mean of -E over a step of beta
    assert np.all(slope > 0)
    assert np.all(np.diff(slope) > 0)  # ln Z is convex in beta
    assert slope[-1] / 0.1 < model.reach


def test_duality_of_the_wheel() -> None:
    """Planar duality: Z(K) of a graph and of its dual at sinh 2K sinh 2K* = 1; the wheel is its own dual."""
    n, K = 9, 0.37
    rim = [(k, k % (n - 1) + 1) for k in range(1, n)]
    wheel = IsingModel.from_edges(
        n, [0] * (n - 1) + [min(b) for b in rim], list(range(1, n)) + [max(b) for b in rim], np.ones(2 * (n - 1)))
    dual = -0.5 * math.log(math.tanh(K))
    one, two = log_z(wheel, [K, dual])
    bonds, faces = 2 * (n - 1), n
    wanted = two + 0.5 * bonds * math.log(math.sinh(2 * K)) + 0.5 * (n - faces) * math.log(2)
    assert one == pytest.approx(wanted, rel=1e-14)


def test_lost_digits_are_found_and_more_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("ea:shape=12x12,boundary=open,p=0.8,seed=4")
    (free,) = run_method(model, np.array([60.0]), "planar")
    assert free.status == "converged"
    assert free.stats["digits"] > 31
    monkeypatch.setattr(partition, "MAX_DECIMAL_WORK", 0.0)
    (found,) = run_method(model, np.array([60.0]), "planar")
    assert found.status == "not_converged"
    assert math.isnan(found.beta_f)
    assert "smaller beta" in found.message


@pytest.mark.parametrize(("spec", "method"), [
    ("ea:shape=12x12,boundary=open,p=0.8,seed=4", "planar"), ("ea:shape=7x7,seed=1", "torus"),
    ("ea:shape=30x6,boundary=open,seed=2", "planar")])
def test_no_wrong_number_where_both_ways_lose_the_same_digits(
        spec: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One abs(J) and low temperatures: without `blurs` numbers cancel to zero exactly, in every way alike."""
    monkeypatch.setattr(partition, "DIGITS", ())
    model, betas = build_model(spec), np.array([12.0, 20.0, 40.0, 60.0, 100.0])
    wanted = log_z(model, betas, "transfer-matrix")
    for result, exact in zip(run_method(model, betas, method), wanted, strict=True):
        if result.status == "converged":
            assert result.log_z == pytest.approx(exact, rel=2e-13)
        else:
            assert math.isnan(result.beta_f)


def test_decimals_agree_with_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    model, betas = build_model("ea:shape=6x6,boundary=open,couplings=gaussian,seed=2"), [0.4, 2.0]
    wanted = log_z(model, betas)
    monkeypatch.setattr(partition, "binary_log_z", lambda *args, **options: math.nan)
    results = run_method(model, np.array(betas), "planar")
    assert [r.stats["digits"] for r in results] == [100, 100]
    assert_close(np.array([r.log_z for r in results]), wanted)


@pytest.mark.parametrize("n", [2, 4, 6, 8])
@pytest.mark.parametrize("wide", [False, True])
def test_dense_pfaffian_equals_its_expansion(n: int, wide: bool) -> None:
    for seed in range(5):
        matrix = random_skew(n, seed)
        matrix[0, 1] = matrix[1, 0] = 0.0
        x, y, exponent = dense_pfaffian(matrix.copy(), np.zeros((n, n)), wide)
        assert math.ldexp(x + y, exponent) == pytest.approx(pfaffian(matrix), rel=1e-12, abs=1e-14)
    assert dense_pfaffian(np.zeros((2, 2)), np.zeros((2, 2)), wide)[0] == 0.0


def test_parity_and_double_double() -> None:
    assert [parity(np.array(p)) for p in ([0, 1, 2], [1, 0, 2], [1, 2, 0], [3, 2, 1, 0])] == [1, -1, 1, 1]
    assert two_sum(1.0, 2.0**-60) == (1.0, 2.0**-60)
    assert two_product(1.0 + 2.0**-30, 1.0 + 2.0**-30) == (1.0 + 2.0**-29, 2.0**-60)
    high, low = divide(1.0, 0.0, 3.0, 0.0)
    p, e = two_product(high, 3.0)
    assert (p - 1.0) + e + 3.0 * low == pytest.approx(0.0, abs=1e-31)


@pytest.mark.parametrize("spec", [
    "ising:shape=5x5", "ea:shape=3x3x3", "ea:shape=6x6,boundary=open,field=0.2", "sk:n=9", "random-regular:n=30"])
def test_refusals(spec: str) -> None:
    assert "not planar" in obstacle(build_model(spec))
    with pytest.raises(NotApplicableError, match="planar"):
        run_method(build_model(spec), np.array([0.4]), "planar")


def test_known_lattices_are_refused_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(embedding, "_draw", never)
    for spec in ("ising:shape=30x30", "ising:shape=9x9,boundary=open,field=0.1", "triangular:shape=8x9"):
        assert "not planar" in obstacle(build_model(spec))


def test_without_networkx_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(embedding, "import_module", missing)
    assert importlib.import_module("networkx")
    assert obstacle(build_model("ea:shape=5x5,boundary=open")) == ""
    with pytest.raises(UsageError, match="pip install networkx"):
        run_method(delaunay(12, 77), np.array([0.4]), "planar")


def test_threads_and_progress_change_no_bit() -> None:
    model, betas = build_model("ea:shape=12x12,boundary=open,seed=3"), np.linspace(0, 2, 9)
    seen: list[float] = []
    one = run_method(model, betas, "planar", progress=lambda label, share: seen.append(share))
    two = run_method(model, betas, "planar", workers=3)
    assert [r.beta_f for r in one] == [r.beta_f for r in two]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert one[0].beta_f == -144 * math.log(2)


def test_huge_beta_is_a_failure_with_a_message() -> None:
    one, two = run_method(build_model("ea:shape=4x3,boundary=open"), np.array([1.0, 1.7e308]), "planar")
    assert one.status == "converged"
    assert two.status == "diverged"
    assert "smaller beta" in two.message


def test_cost_grows_with_size_and_betas() -> None:
    small, large = build_model("ea:shape=8x8,boundary=open"), build_model("ea:shape=32x32,boundary=open")
    assert cost(small, 1) < cost(small, 10) < cost(large, 10)
