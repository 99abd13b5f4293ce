"""Model families, lattices, random graphs and the model itself: counts, formulas, seeds, immutability, size."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from statfe.errors import ModelError, SpecError, UsageError
from statfe.models.catalogue import build_model, families
from statfe.models.families.hopfield import draw_patterns
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.rbm import ising_form
from tests.models_for_tests import frustrated_triangle, peaked
from tests.naive.ising import energies, states

#: One small model of every family that needs no file.
SMALL = {
    "ising": "ising:shape=4x3,field=0.5", "triangular": "triangular:shape=3x4", "ea": "ea:shape=3x3x2,seed=4",
    "sk": "sk:n=9", "curie-weiss": "curie-weiss:n=7", "hopfield": "hopfield:n=8,patterns=3",
    "random-regular": "random-regular:n=10,degree=3", "erdos-renyi": "erdos-renyi:n=12,mean_degree=2.5",
    "rbm": "rbm:visible=4,hidden=3",
}
SEEDED = ("ea", "sk", "hopfield", "random-regular", "erdos-renyi", "rbm")


def test_parallel_bonds_of_a_periodic_axis_of_two_both_count() -> None:
    model = build_model("ising:shape=2x2")
    assert model.n_bonds == 8
    assert model.n_pairs == 4
    assert model.weights.tolist() == [2.0] * 8
    # Each of the two bonds of a pair has its own coupling.
    glass = build_model("ea:shape=2x2,couplings=gaussian")
    assert len(set(glass.couplings.tolist())) == 8
    for i, j, J in zip(*glass.pairs, strict=True):
        both = glass.couplings[(glass.rows == i) & (glass.cols == j)]
        assert len(both) == 2
        assert pytest.approx(both.sum(), rel=1e-15) == J
    signs = {float(J) for seed in range(1, 9) for J in build_model(f"ea:shape=2x2,seed={seed}").pairs[2]}
    assert signs <= {-2.0, 2.0}  # pairs that cancel are no pairs
    assert any(build_model(f"ea:shape=2x2,seed={seed}").n_pairs < 4 for seed in range(1, 9))


@pytest.mark.parametrize(("spec", "degree"), [
    ("ising:shape=5x5", 4), ("ising:shape=4x4x4", 6), ("ising:shape=6", 2), ("triangular:shape=5x6", 6),
    ("ising:shape=2x5", 3), ("ising:shape=1x5", 2), ("sk:n=9", 8), ("curie-weiss:n=9", 8),
    ("random-regular:n=12,degree=5", 5), ("random-regular:n=7,degree=6", 6), ("random-regular:n=6,degree=0", 0),
])
def test_degrees(spec: str, degree: int) -> None:
    assert build_model(spec).degrees.tolist() == [degree] * build_model(spec).n_sites


def test_every_family_builds_and_its_spec_builds_the_same() -> None:
    assert set(families()) == {*SMALL, "file"}
    for name, spec in SMALL.items():
        model = build_model(spec)
        again = build_model(model.spec)
        assert model.spec.startswith(name)
        assert again.spec == model.spec
        assert np.array_equal(again.couplings, model.couplings)
        assert np.array_equal(again.fields, model.fields)
        assert again.offset == model.offset


@pytest.mark.parametrize("name", SEEDED)
def test_seeds_repeat_and_differ(name: str) -> None:
    spec = SMALL[name].partition(",seed")[0]
    one, two, same = (build_model(f"{spec},seed={s}") for s in (1, 2, 1))
    assert np.array_equal(one.couplings, same.couplings)
    assert np.array_equal(one.rows, same.rows)
    assert not (np.array_equal(one.couplings, two.couplings) and np.array_equal(one.rows, two.rows))


def test_disorder_of_a_seed_never_changes() -> None:
    # Stored numbers: a file that names a seed must mean the same couplings for ever.
    assert build_model("ea:shape=2x3").couplings.tolist() == [-1, -1, 1, -1, -1, 1, -1, 1, 1, -1, -1, -1]
    assert build_model("ea:shape=4,couplings=gaussian,seed=7").couplings == pytest.approx(
        [0.008866927842010238, 0.47833385997944616, 0.02489316099578438, 0.4134057708866214], rel=1e-14)
    assert build_model("sk:n=3,seed=7").couplings == pytest.approx(
        [-0.9332249120528924, 0.44875532661026074, 0.4191768821769309], rel=1e-14)


def test_bimodal_share_and_gaussian_moments() -> None:
    J = build_model("ea:shape=100x100,p=0.8").couplings
    assert set(np.unique(J)) == {-1.0, 1.0}
    assert abs((J > 0).mean() - 0.8) < 5 * np.sqrt(0.16 / len(J))
    J = build_model("ea:shape=100x100,couplings=gaussian,coupling=2").couplings
    assert abs(J.mean()) < 5 * 2 / np.sqrt(len(J))
    assert abs(J.var() / 4 - 1) < 5 * np.sqrt(2 / len(J))
    J = build_model("sk:n=200").couplings
    assert abs(200 * J.var() - 1) < 5 * np.sqrt(2 / len(J))


def test_curie_weiss_formula() -> None:
    model = build_model("curie-weiss:n=7,field=0.2,coupling=3")
    s = states(7)
    M = s.sum(axis=1)
    assert model.energy(s) == pytest.approx(-3.0 / 14 * (M**2 - 7) - 0.2 * M)


def test_hopfield_formula() -> None:
    model, xi = build_model("hopfield:n=9,patterns=4,seed=6"), draw_patterns(4, 9, 6)
    J = model.adjacency.toarray()
    wanted = xi.T.astype(float) @ xi / 9
    np.fill_diagonal(wanted, 0.0)
    assert pytest.approx(wanted, abs=1e-15) == J
    assert set(np.unique(xi)) == {-1, 1}
    # A stored pattern has the energy that Hebb's rule gives it.
    overlap = xi @ xi[0]
    assert model.energy(xi[0]) == pytest.approx(-(overlap @ overlap - 4 * 9) / 18)


def test_hopfield_is_the_same_across_blocks() -> None:
    model, xi = build_model("hopfield:n=600,patterns=3"), draw_patterns(3, 600, 1).astype(float)
    assert model.couplings == pytest.approx((xi.T @ xi / 600)[np.triu_indices(600, 1)], abs=1e-15)


def test_rbm_keeps_every_energy() -> None:
    rng = np.random.default_rng(3)
    W, a, b = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    model = ising_form(W, a, b)
    for s in states(7):
        v, h = (1 + s[:4]) / 2, (1 + s[4:]) / 2
        assert model.energy(s) == pytest.approx(-(a @ v) - b @ h - v @ W @ h, abs=1e-12)


def test_rbm_family_scales_and_biases() -> None:
    one = build_model("rbm:visible=30,hidden=20,scale=1,visible_bias=0.5,hidden_bias=-1")
    W = 4 * one.couplings.reshape(30, 20)
    assert abs(W.std() - 1) < 0.15
    assert one.fields[:30] == pytest.approx(0.25 + W.sum(axis=1) / 4)
    assert one.fields[30:] == pytest.approx(-0.5 + W.sum(axis=0) / 4)
    half = build_model("rbm:visible=30,hidden=20")
    assert half.couplings == pytest.approx(one.couplings / 2)


@pytest.mark.parametrize(("W", "a", "b"), [
    (np.zeros((2, 3)), np.zeros(3), np.zeros(3)), (np.zeros(3), np.zeros(3), np.zeros(3)),
    (np.full((2, 3), np.nan), np.zeros(2), np.zeros(3)), (np.zeros((2, 3)), np.zeros(2), np.array([0, 0, np.inf]))])
def test_rbm_refuses_what_does_not_fit(W: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ModelError):
        ising_form(W, a, b)


def test_energy_is_the_sum_over_bonds() -> None:
    for spec in (*SMALL.values(), "ising:shape=2x3", "ea:shape=2x2x3,couplings=gaussian"):
        model = build_model(spec)
        s = np.random.default_rng(1).choice([-1, 1], size=(5, 2, model.n_sites))
        bonds = (model.couplings * s[..., model.rows] * s[..., model.cols]).sum(axis=-1)
        assert model.energy(s) == pytest.approx(model.offset - bonds - s @ model.fields)
        assert model.energy(s[0, 0]).shape == ()
    assert build_model("sk:n=9").energy(np.empty((0, 9))).shape == (0,)


def test_energy_variance_is_that_of_free_spins() -> None:
    model = peaked(7)
    assert model.energy_variance == pytest.approx(energies(model).var())
    doubled = build_model("ising:shape=2x2")
    assert doubled.energy_variance == pytest.approx(energies(doubled).var())


def test_arrays_cannot_change() -> None:
    i, j, J, h = np.array([0, 1]), np.array([1, 2]), np.array([1.0, -2.0]), np.array([0.1, 0.2, 0.3])
    model = IsingModel.from_edges(3, i, j, J, h)
    i[0], j[0], J[0], h[0] = 2, 0, 9.0, 9.0
    assert model.rows.tolist() == [0, 1]
    assert model.couplings.tolist() == [1.0, -2.0]
    assert model.fields.tolist() == [0.1, 0.2, 0.3]
    for name in ("rows", "cols", "couplings", "fields", "indptr", "indices", "weights", "degrees"):
        array = getattr(model, name)
        if name != "degrees":
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    for array in (*model.pairs, model.components):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.n_sites = 4  # type: ignore[misc]


def test_memory_lent_by_other_objects_is_copied() -> None:
    store = np.array([1.0, 2.0])
    model = IsingModel.from_edges(3, [0, 1], [1, 2], memoryview(store))
    store[0] = 7.0
    assert model.couplings.tolist() == [1.0, 2.0]
    assert store.flags.writeable


@pytest.mark.parametrize(("arguments", "words"), [
    ((0, [], [], []), "at least one spin"), ((2.5, [], [], []), "at least one spin"),
    ((-3, [], [], []), "at least one spin"), ((3_000_000_000, [], [], []), "too large"),
    ((2, [0], [0], [1.0]), "couples site 0 to itself"), ((2, [0], [2], [1.0]), "outside 0..1"),
    ((2, [-1], [1], [1.0]), "outside 0..1"), ((2, [0], [1], [np.nan]), "coupling 0 is nan"),
    ((2, [0], [1], [np.inf]), "coupling 0 is inf"), ((2, [0], [1], [1.0], [0.0, np.nan]), "field 1 is nan"),
    ((2, [0], [1], [1.0], [0.0]), "fields must have shape"), ((2, [0, 1], [1], [1.0]), "one length"),
    ((2, [0], [1], [1j]), "real numbers"), ((2, [0], [1], ["a"]), "real numbers"), ((2, [0.5], [1], [1.0]), "integers"),
    ((2, [np.nan], [1], [1.0]), "integers"), ((2, [1e300], [1], [1.0]), "integers"),
    ((2, [[0]], [[1]], [[1.0]]), "one length"), ((2, [0], [1], [True]), "real numbers"),
    ((3, [0, 1], [1, 0], [1.0, 2.0]), "asymmetric"), ((2, [[0], [1, 1]], [1], [1.0]), "flat list"),
    ((2, [0, 0], [1, 1], [1.7e308, 1.7e308]), "infinite coupling"), ((2, [2**63], [1], [1.0]), "outside"),
])
def test_bad_edges(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words) as error:
        IsingModel.from_edges(*arguments)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_bad_offset_lattice_and_spins() -> None:
    with pytest.raises(ModelError, match="offset must be finite"):
        IsingModel.from_edges(1, [], [], [], offset=np.nan)
    with pytest.raises(ModelError, match="do not make"):
        IsingModel.from_edges(4, [0], [1], [1.0], lattice=Lattice((2, 2), True))
    with pytest.raises(ModelError, match="spins have 3 sites"):
        build_model("sk:n=4").energy(np.ones(3))


def test_pairs_in_both_orders_add_up_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="both orders"):
        model = IsingModel.from_edges(3, [0, 1, 1], [1, 0, 2], [0.5, 0.5, 1.0])
    assert model.weights.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_repeated_pairs_add_and_cancel() -> None:
    model = IsingModel.from_edges(3, [0, 0, 1, 1], [1, 1, 2, 2], [0.5, 0.25, 1.0, -1.0])
    assert model.pairs[2].tolist() == [0.75]
    assert model.degrees.tolist() == [1, 1, 0]
    assert model.n_bonds == 4
    assert model.is_forest


def test_components_and_forests() -> None:
    model = IsingModel.from_edges(6, [0, 1, 3], [1, 2, 4], [1.0, 1.0, -1.0])
    assert model.components.tolist() == [0, 0, 0, 1, 1, 2]
    assert model.is_forest
    assert not frustrated_triangle().is_forest
    assert build_model("ising:shape=2").is_forest  # the two parallel bonds are one coupled pair


@pytest.mark.parametrize("spec", [
    "ising:shape=100000x100000", "sk:n=1000000", "curie-weiss:n=100000", "hopfield:n=50000",
    "ising:shape=99999x99999x99999", "rbm:visible=1000000,hidden=1000000", "erdos-renyi:n=1000000,mean_degree=10000",
    "random-regular:n=1000000,degree=1000", "ising:shape=2147483648", "ea:shape=2000x2000x2000"])
def test_too_large_models_are_refused_at_once(spec: str) -> None:
    with pytest.raises(UsageError, match=r"too large|at most") as error:
        build_model(spec)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("spec", "words"), [
    ("isign:shape=4x4", "did you mean 'ising'"), ("ising:shap=4x4", "did you mean 'shape'"), ("", "empty"),
    ("ising", "shape is required"), ("ising:shape=4x4,boundary=opne", "did you mean 'open'"),
    ("ea:shape=4x4,couplings=gaussian,p=0.7", "drop it"), ("ea:shape=4x4,p=1.5", "at most 1"),
    ("sk:n=0", "at least 1"), ("sk:n=4.5", "not an integer"), ("ising:shape=0x4", "at least 1"),
    ("ising:shape=axb", "not a shape"), ("ising:shape=4x4,coupling=nan", "must be finite"),
    ("triangular:shape=4", "two axes"), ("triangular:shape=4x4x4", "two axes"), ("ising:shape=4x4,4", "key=value"),
    ("random-regular:n=5,degree=3", "even"), ("sk:n=4,seed=-1", "at least 0"), ("file", "path is required"),
    (":shape=4x4", "empty model"), ("ising:" + "shape=" + "x".join("1" * 40), "1 to 32 axes"),
])
def test_bad_model_specs(spec: str, words: str) -> None:
    with pytest.raises((SpecError, ModelError), match=words) as error:
        build_model(spec)
    assert "\n" not in str(error.value)


@pytest.mark.memory
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_million_spins_take_little_time_and_memory() -> None:
    # The high-water mark of `resource` would be inherited from this process; that of /proc is the child's own.
    script = (
        "import time; from statfe.models.catalogue import build_model; start = time.perf_counter(); "
        "model = build_model('ising:shape=1000x1000'); print(time.perf_counter() - start, model.n_bonds); "
        "print(open('/proc/self/status').read())")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, bonds, *status = done.stdout.split()
    assert int(bonds) == 2_000_000
    assert float(seconds) < 3.0
    assert int(status[status.index("VmHWM:") + 1]) * 1024 < 400e6
