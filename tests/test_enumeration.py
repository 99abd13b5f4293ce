"""Enumeration and its kernels against plain sums, and the limits it sets itself."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from statfe._jit import njit
from statfe.errors import NotApplicableError
from statfe.kernels.enumeration import enumerate_chunk, inner_energies
from statfe.kernels.exponential import exp_block, product_block, sum_block
from statfe.kernels.product_vectors import LANES, ROWS, multiply_tile
from statfe.methods.exact import enumeration
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from tests.models_for_tests import disconnected, peaked
from tests.naive.ising import energies


@njit
def multiply(start, count, matrix, lanes, out):
    multiply_tile(start, count, matrix, lanes, out)


def test_exp_block_is_exp() -> None:
    x = np.concatenate([-np.logspace(-300, np.log10(700.0), 3000), np.linspace(-700.0, 700.0, 9001), [0.0, -0.0]])
    out, scale = np.empty(len(x)), np.empty(len(x))
    exp_block(x, len(x), scale, out)
    wanted = np.array([math.exp(value) for value in x])
    assert np.abs(out / wanted - 1.0).max() < 4.5e-16
    assert out[-2] == out[-1] == 1.0


def test_exp_block_flushes_what_no_sum_would_see() -> None:
    x = np.array([-709.0, -1e4, -1e300, -np.inf])
    out, scale = np.empty(4), np.empty(4)
    exp_block(x, 4, scale, out)
    assert np.all(out < 4e-308)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 511, 512])
def test_blocks_add_and_multiply(count: int) -> None:
    values = np.random.default_rng(count).random(count) + 0.5
    assert sum_block(values.copy(), count) == pytest.approx(math.fsum(values), rel=1e-15)
    assert product_block(values.copy(), count) == pytest.approx(math.prod(values), rel=1e-13)


def test_inner_energies_are_the_bonds_of_the_first_sites() -> None:
    model = peaked(7)
    table = inner_energies(4, model.indptr, model.indices, model.weights)
    J = model.adjacency.toarray()[:4, :4]
    for code, energy in enumerate(table):
        s = np.array([1.0 if (code >> i) & 1 else -1.0 for i in range(4)])
        assert energy == pytest.approx(-0.5 * s @ J @ s, abs=1e-14)


@pytest.mark.parametrize(("n", "low", "chunk_bits"), [
    (1, 0, 0), (1, 1, 1), (5, 0, 5), (5, 2, 3), (5, 5, 5), (9, 1, 9), (9, 3, 4), (12, 2, 12)])
def test_chunks_cover_all_states(n: int, low: int, chunk_bits: int) -> None:
    # low = 2 of 12 sites makes 1024 blocks: the energies are made afresh 16 times.
    model, betas = peaked(n), np.array([0.0, 0.3, 2.0, -1.5])
    inner = inner_energies(low, model.indptr, model.indices, model.weights)
    log_scale, total = np.empty(4), np.empty(4)
    z = np.zeros(4)
    for chunk in range(1 << (n - chunk_bits)):
        enumerate_chunk(
            chunk, chunk_bits, low, model.indptr, model.indices, model.weights, model.fields, inner, betas,
            log_scale, total)
        z += total * np.exp(log_scale)
    assert z == pytest.approx([math.fsum(np.exp(-beta * energies(model))) for beta in betas], rel=1e-13)


def singly(model: IsingModel, betas: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """beta F from the logarithm of every weight, whatever the betas."""
    monkeypatch.setattr(enumeration, "MAX_RANGE", -1.0)
    return [r.beta_f for r in run_method(model, betas, "enumeration", workers=2)]


@pytest.mark.parametrize("bits", [(2, 3), (0, 0), (10, 21), (4, 4)])
@pytest.mark.parametrize("fields", [True, False])
def test_block_and_chunk_sizes_do_not_matter(
    bits: tuple[int, int], fields: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = "ea:shape=3x4,couplings=gaussian" + (",field=0.3" if fields else "")
    model, betas = build_model(spec), np.linspace(-1.0, 3.0, 66)
    wanted = [-np.logaddexp.reduce(-b * energies(model)) for b in betas]
    monkeypatch.setattr(enumeration, "BLOCK_BITS", bits[0])
    monkeypatch.setattr(enumeration, "CHUNK_BITS", bits[1])
    assert singly(model, betas, monkeypatch) == pytest.approx(wanted, rel=1e-13)
    results = run_method(model, betas, "enumeration")
    assert results[0].stats == {"states": 2 ** (12 - (not fields)), "flip_symmetry": not fields}


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_a_tile_is_a_matrix_product(count: int) -> None:
    rng = np.random.default_rng(count)
    matrix, lanes = rng.random((3, count, ROWS)), rng.random((count, LANES))
    out = np.empty(ROWS * LANES)
    multiply(4 * count, count, matrix.ravel(), lanes.ravel(), out)
    assert out.reshape(ROWS, LANES) == pytest.approx(matrix[1].T @ lanes, rel=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 9, 12, 13])
@pytest.mark.parametrize("low", [16, 2, 0])
@pytest.mark.parametrize("task_bits", [27, 7])
def test_products_are_sums_over_all_states(
    n: int, low: int, task_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few low sites leave up to 9 outside: over 64 flips between sums made afresh, over several tasks.
    monkeypatch.setattr(enumeration, "LOW_BITS", (low,))
    monkeypatch.setattr(enumeration, "TASK_BITS", task_bits)
    model, betas = peaked(n), np.array([-1.5, 0.0, 0.3, 2.0])
    found = [r.beta_f for r in run_method(model, betas, "enumeration", workers=2)]
    assert found == pytest.approx([-np.logaddexp.reduce(-b * energies(model)) for b in betas], rel=1e-13)


@pytest.mark.parametrize("spec", ["sk:n=22,seed=1", "sk:n=21,seed=1,field=0.2", "ea:shape=4x5,couplings=gaussian"])
def test_both_ways_of_adding_up_agree(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, betas = build_model(spec), np.array([-2.0, 0.05, 1.0, 10.0])
    found = [r.beta_f for r in run_method(model, betas, "enumeration")]
    assert found == pytest.approx(singly(model, betas, monkeypatch), rel=2e-15)


def test_every_size_of_the_groups_up_to_huge_beta() -> None:
    # beta J up to 500: A and B shrink, then every weight is added up by its logarithm.
    model = build_model("ea:shape=3x6,seed=3")
    sites, betas = enumeration.layout(model), np.geomspace(1.0, 500.0, 12)
    assert {enumeration._low_bits(sites, float(b)) for b in betas} == {9, 8, -1}
    levels, counts = np.unique(np.rint(energies(model)), return_counts=True)
    for beta, found in zip(betas, run_method(model, betas, "enumeration"), strict=True):
        terms = np.log(counts) - beta * levels
        assert found.beta_f == pytest.approx(-np.logaddexp.reduce(terms), rel=1e-15)


def test_infinite_temperature_is_exact() -> None:
    for spec in ("sk:n=19", "sk:n=13,field=0.1"):
        model = build_model(spec)
        assert run_method(model, np.array([0.0]), "enumeration")[0].beta_f == -model.n_sites * math.log(2.0)


def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "TASK_BITS", 17)
    model, betas = build_model("sk:n=24,seed=1"), np.array([0.3, 1.0])
    one, two, five = ([r.beta_f for r in run_method(model, betas, "enumeration", workers=w)] for w in (1, 2, 5))
    assert one == two == five


def test_an_interrupt_is_heard_soon() -> None:
    class StopError(Exception):
        pass

    def progress(_what: str, share: float) -> None:
        if share > 0.0:
            raise StopError

    model = build_model("sk:n=38,seed=1")
    run_method(build_model("sk:n=20"), np.array([1.0]), "enumeration")  # compiles
    start = time.perf_counter()
    with pytest.raises(StopError):
        run_method(model, np.array([1.0]), "enumeration", workers=2, progress=progress)
    assert time.perf_counter() - start < 2.0


def test_progress_ends_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "TASK_BITS", 10)
    heard: list[float] = []
    run_method(build_model("sk:n=14"), np.array([0.5, 1.0, 5e3]), "enumeration",
               progress=lambda _what, share: heard.append(share))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_ground_states_alone_at_large_beta() -> None:
    e = energies(disconnected())
    for beta in (1e3, 1e5):
        found = run_method(disconnected(), np.array([beta]), "enumeration")[0].beta_f
        degeneracy = np.count_nonzero(e < e.min() + 1e-9)
        assert found == pytest.approx(beta * e.min() - math.log(degeneracy), rel=1e-14)


def test_energies_do_not_drift_over_many_flips() -> None:
    # 2^19 flips between blocks; couplings of very different size would show rounding that adds up.
    rng, n = np.random.default_rng(2), 20
    i, j = np.triu_indices(n, 1)
    model = IsingModel.from_edges(n, i, j, rng.normal(size=len(i)) * 10.0 ** rng.uniform(-6, 2, len(i)))
    beta = 1e-2
    found = run_method(model, np.array([beta]), "enumeration")[0].beta_f
    codes, total = np.arange(2 ** (n - 1)), []
    for part in np.array_split(codes, 16):
        s = np.where((part[:, None] >> np.arange(n)) & 1, 1.0, -1.0)
        total.append(np.logaddexp.reduce(0.5 * beta * np.einsum("ki,ki->k", s @ model.adjacency.toarray(), s)))
    assert found == pytest.approx(-np.logaddexp.reduce(total) - math.log(2.0), rel=1e-13)


def test_refuses_43_sites_and_names_the_alternative() -> None:
    assert enumeration.obstacle(build_model("sk:n=42")) == ""
    with pytest.raises(NotApplicableError, match=r"limit is N = 42; use transfer-matrix"):
        run_method(build_model("ising:shape=43"), np.array([0.5]), "enumeration")
    with pytest.raises(NotApplicableError, match=r"2\^43 states.*use mbar"):
        run_method(build_model("sk:n=43"), np.array([0.5]), "enumeration")


def test_cost_follows_states_and_betas() -> None:
    small, large, flipped = (build_model(s) for s in ("sk:n=34,field=1", "sk:n=38,field=1", "sk:n=38"))
    assert enumeration.cost(large, 1) == pytest.approx(16 * enumeration.cost(small, 1), rel=0.02)
    assert enumeration.cost(flipped, 1) == pytest.approx(enumeration.cost(large, 1) / 2, rel=0.02)
    assert enumeration.cost(large, 64) == pytest.approx(64 * enumeration.cost(large, 1), rel=0.02)
