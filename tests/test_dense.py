"""The dense kernel: its own compiled transition matrix, its law, exact kept fields, energies, resumes."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.kernels.dense import BLOCK, add_rows, all_fields, flips, sweep_chains, update_sites
from statfe.models.ising import IsingModel
from statfe.sampling import driver
from statfe.sampling.bank import Block, Load
from statfe.sampling.banks.dense import KERNEL, MOST_SITES, rounded
from statfe.sampling.choice import choose_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.samplers import make_sampler
from tests.bank_checks import SMALL, last_energies_error, law_p_value, make_bank, make_plan
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.chains import flip_matrix
from tests.naive.ising import probabilities, states
from tests.naive.lanes import chain_sweep
from tests.retry import sequential


class Chains:
    """Spins, streams and kept fields of some chains, as the kernel takes them."""

    def __init__(self, model: IsingModel, spins: np.ndarray) -> None:
        self.J, self.h = rounded(model)
        self.spins, self.fields = spins.astype(np.int8), np.empty(spins.shape)
        self.states = np.zeros((len(spins), 4), dtype=np.uint64)
        self.near, self.deltas = np.empty(BLOCK), np.empty(BLOCK + 3)
        self.sites = np.empty(BLOCK + 3, dtype=np.int64)
        all_fields(self.spins, self.J, self.h, self.fields)

    def update(self, c: int, site: int, heat: bool, beta: float) -> None:
        count = update_sites(c, site, site + 1, heat, beta, self.spins, self.J, self.fields, self.states, self.near,
                             self.sites, self.deltas)
        add_rows(c, count, self.sites, self.deltas, self.J, self.fields)

    def sweep(self, heats: np.ndarray, betas: np.ndarray) -> None:
        sweep_chains(heats, betas, self.spins, self.J, self.fields, self.states, self.near, self.sites, self.deltas)


def flip_probability(chains: Chains, c: int, site: int, heat: bool, beta: float) -> float:
    """Probability that `site` flips in chain c, by bisection over all 2^53 values of its uniform."""

    def flipped(mantissa: int) -> bool:
        word = mantissa << 11
        chains.states[c] = [0, 1, 2, ((word >> 23) | (word << 41)) & (2**64 - 1)]
        before = chains.spins[c, site]
        chains.update(c, site, heat, beta)
        if chains.spins[c, site] == before:
            return False
        # Back again: a uniform of 0 flips any spin whose probability is not 0, else the spins are put back by hand.
        chains.spins[c, site] = before
        all_fields(chains.spins[c:c + 1], chains.J, chains.h, chains.fields[c:c + 1])
        return True

    low, high = 0, 2**53 - 1
    if not flipped(low) or flipped(high):
        return float(flipped(high))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if flipped(middle) else (low, middle)
    return high / 2**53


def sweep_matrix(model: IsingModel, beta: float, rule: str) -> np.ndarray:
    s = states(model.n_sites)
    chains, total = Chains(model, s), np.eye(len(s))
    for site in range(model.n_sites):
        step = np.zeros((len(s), len(s)))
        for k in range(len(s)):
            p = flip_probability(chains, k, site, rule == "gibbs", beta)
            step[k, k ^ (1 << (model.n_sites - 1 - site))], step[k, k] = p, 1.0 - p
        total = total @ step
    return total


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
@pytest.mark.parametrize("model", [peaked(6), disconnected(), frustrated_triangle(), isolated(3)],
                         ids=["peaked", "disconnected", "triangle", "isolated"])
def test_boltzmann_weight_is_invariant(rule, model):
    for beta in (0.4, 1.5):
        p = probabilities(model, beta)
        assert np.max(np.abs(p @ sweep_matrix(model, beta, rule) - p)) < 1e-13


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_largest_model(rule):
    model = peaked(8, seed=5)
    p = probabilities(model, 0.8)
    assert np.max(np.abs(p @ sweep_matrix(model, 0.8, rule) - p)) < 1e-13


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_compiled_matrix_equals_the_formula(rule):
    assert np.max(np.abs(sweep_matrix(peaked(5), 0.9, rule) - flip_matrix(peaked(5), 0.9, rule))) < 1e-14


@pytest.mark.statistical
@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
@pytest.mark.parametrize("family", SMALL)
def test_full_law(family, rule):
    model = SMALL[family]()
    sequential(lambda seed: law_p_value(model, [0.0, 0.2, 0.45, 0.7], "dense", rule, 16, seed, looks=300), alarm=1e-3)


@pytest.mark.parametrize("model", [peaked(7), disconnected(), statfe.model("sk:n=70,seed=2")],
                         ids=["peaked", "disconnected", "sk"])
def test_the_twin_makes_the_same_flips(model):
    rng = np.random.default_rng(5)
    s = rng.choice(np.array([-1, 1], dtype=np.int8), size=(5, model.n_sites))
    chains = Chains(model, s)
    betas, heats = np.linspace(0.0, 1.5, 5), np.array([True, False, True, False, False])
    for _ in range(3):
        chains.states[:] = rng.integers(0, 2**64, (5, 4), dtype=np.uint64)
        chain_sweep(model, s, betas, heats, chains.states.copy())
        chains.sweep(heats, betas)
        assert np.array_equal(chains.spins, s)


@pytest.mark.parametrize("spec", ["sk:n=130,seed=3", "hopfield:n=90,patterns=5", "rbm:visible=20,hidden=12"])
def test_kept_fields_never_drift(spec):
    model = statfe.model(spec)
    rng = np.random.default_rng(1)
    chains = Chains(model, rng.choice([-1, 1], size=(6, model.n_sites)))
    chains.states[:] = rng.integers(0, 2**64, (6, 4), dtype=np.uint64)
    for k in range(200):
        chains.sweep(np.full(6, k % 2 == 1), np.linspace(0.0, 1.0, 6))
    kept = chains.fields.copy()
    all_fields(chains.spins, chains.J, chains.h, chains.fields)
    assert np.array_equal(kept, chains.fields)
    truth = chains.spins.astype(float) @ model.adjacency.toarray() + model.fields
    assert np.max(np.abs(kept - truth)) < 1e-13 * np.max(np.abs(truth))


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e200, 1e-200, 3e-310])
def test_rounding_loses_no_more_than_a_sum_does(scale):
    base = peaked(40)
    model = IsingModel.from_edges(40, base.rows, base.cols, scale * base.couplings, scale * base.fields)
    J, h = rounded(model)
    reach = np.max(np.abs(J).sum(axis=1) + np.abs(h))
    assert np.max(np.abs(J - model.adjacency.toarray())) <= 2.0**-52 * reach
    assert np.max(np.abs(h - model.fields)) <= 2.0**-52 * reach
    assert np.array_equal(J, J.T)
    assert np.array_equal(np.sum(J, axis=0), np.sum(J[::-1], axis=0))


@pytest.mark.parametrize("heat", [False, True])
def test_the_squeeze_changes_no_decision(heat):
    rng = np.random.default_rng(3)
    for x in np.concatenate([rng.normal(scale=3.0, size=4000), [0.0, 1e-300, 50.0, 800.0, -800.0, np.inf, -np.inf]]):
        with np.errstate(over="ignore"):
            p = 1.0 / (1.0 + np.exp(x)) if heat else min(1.0, np.exp(-x))
        for u in (0.0, rng.random(), p * (1 - 1e-9), p * (1 + 1e-9)):
            if u < 1.0:
                assert flips(heat, x, u) == (u < p)


@pytest.mark.parametrize("spec", ["sk:n=150", "hopfield:n=60,patterns=4", "rbm:visible=20,hidden=12",
                                  "ea:shape=4x4x4,couplings=gaussian"])
def test_energies_are_those_of_the_spins(spec):
    assert last_energies_error(statfe.model(spec), "dense", [0.1, 0.5, 1.0], 3, 200) < 1e-12


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_same_bits_for_any_workers_and_blocks(schedule, rule, monkeypatch):
    model = peaked(40)
    plan = make_plan(model, np.linspace(0.1, 0.9, 5), "dense", rule, 3, 5, 60, schedule, thin=2)
    whole = run_plan(model, plan)
    for block in (None, 4e5):
        if block:
            monkeypatch.setattr(driver, "BLOCK_NS", block)
        other = run_plan(model, plan, workers=3)
        assert np.array_equal(whole.energy, other.energy)
        assert np.array_equal(whole.magnetization, other.magnetization)


def test_restore_goes_on_with_the_same_bits():
    model = peaked(40)
    plan = make_plan(model, np.linspace(0.1, 0.9, 4), "dense", "metropolis", 2, 5)
    bank, other = make_bank(model, plan), make_bank(model, plan)
    energy, magnetization = np.empty((2, 2, 20, 4)), np.empty((2, 2, 20, 4), dtype=np.int64)
    for group in range(2):
        bank.advance(group, Block(None, 0, 10, slice(0, 10)), energy[0], magnetization[0])
    other.restore({name: array.copy() for name, array in bank.state().items()})
    for k, which in enumerate((bank, other)):
        for group in range(2):
            which.advance(group, Block(None, 10, 10, slice(10, 20)), energy[k], magnetization[k])
    assert np.array_equal(energy[0, :, 10:], energy[1, :, 10:])


def test_chains_are_independent():
    model = isolated(64)
    plan = make_plan(model, np.linspace(0.0, 0.01, 24), "dense", "gibbs", 24, 2, sweeps=400)
    m = run_plan(model, plan).magnetization.transpose(1, 0, 2).reshape(400, -1).astype(float)
    z = (m - m.mean(axis=0)) / m.std(axis=0)
    correlation = (z.T @ z / len(z))[np.triu_indices(z.shape[1], 1)]
    assert np.max(np.abs(correlation)) * np.sqrt(len(z)) < 6.0
    assert abs(np.mean(correlation**2) * (len(z) - 1) - 1.0) < 0.02


def test_what_it_refuses():
    big = IsingModel.from_edges(MOST_SITES + 1, [0], [1], [1.0])
    assert "entries" in KERNEL.obstacle(big)
    assert "overflow" in KERNEL.obstacle(IsingModel.from_edges(2, [0], [1], [5e307]))
    assert KERNEL.obstacle(peaked(6)) == ""


@pytest.mark.parametrize(("spec", "replicas", "chains", "name"), [
    ("sk:n=1024", 1, 1, "dense"), ("sk:n=1024", 4, 4, "dense"), ("sk:n=1024", 4, 32, "float-lane"),
    ("hopfield:n=500", 4, 4, "dense"), ("hopfield:n=500", 4, 32, "float-lane"),
    ("sk:n=20", 4, 32, "float-lane"), ("rbm:visible=64,hidden=32", 1, 4, "dense"),
    ("rbm:visible=64,hidden=32", 4, 32, "float-lane"), ("ea:shape=10x10x10,couplings=gaussian", 4, 32, "float-lane"),
    ("ea:shape=10x10x10,couplings=gaussian", 1, 4, "float-lane"),
    ("ea:shape=10x10x10,couplings=gaussian", 1, 1, "scalar")])
def test_the_fastest_is_chosen(spec, replicas, chains, name):
    assert choose_kernel(statfe.model(spec), make_sampler("metropolis"), Load(replicas, chains)).name == name
