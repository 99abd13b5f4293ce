"""Bit lanes as a bank: lanes do not know of each other, threads and stops change nothing, lanes may be samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import statfe
from statfe.errors import UsageError
from statfe.kernels.tempering import GIBBS, METROPOLIS
from statfe.models.ising import IsingModel
from statfe.sampling import driver
from statfe.sampling.bank import Block, Load
from statfe.sampling.banks.bit_lane import BitLaneBank
from statfe.sampling.choice import choose_kernel, kernels
from statfe.sampling.driver import run_plan
from statfe.sampling.samplers import make_sampler, rules_at
from tests.bank_checks import make_plan
from tests.bit_lane_bank import count_states, states, sweep, wrong_numbers
from tests.models_for_tests import peaked
from tests.naive.ising import beta_f, probabilities
from tests.retry import sequential
from tests.test_bit_lane import pooled_p


def correlations_p(draws: np.ndarray) -> float:
    """p-value of the correlations between all columns of `draws`, shape (T, lanes): the largest, and all squared.

    Under independence r^2 has mean 1 / (T - 1) and r is nearly normal.
    """
    T, lanes = draws.shape
    x = (draws - draws.mean(axis=0)).astype(np.float32)
    x /= np.linalg.norm(x, axis=0)
    r = x.T @ x
    np.fill_diagonal(r, 0.0)
    pairs = lanes * (lanes - 1) / 2
    total = float(np.sum(r * r, dtype=np.float64)) / 2
    score = (total * (T - 1) - pairs) / np.sqrt(2.0 * pairs)
    largest = 2.0 * pairs * norm.sf(float(np.abs(r).max()) * np.sqrt(T - 1))
    return min(1.0, 2.0 * min(2.0 * norm.sf(abs(score)), largest))


@pytest.mark.statistical
@pytest.mark.parametrize(("spec", "beta"), [("ising:shape=6x6", 0.0), ("ea:shape=6x6,seed=1", 0.35)])
def test_lanes_are_independent(spec, beta):
    model, thin = statfe.model(spec), 12 if beta else 1

    def worst(seed: int) -> float:
        # Metropolis every second sweep; draws so far apart that they do not depend on each other.
        plan = make_plan(model, [beta], "bit-lane", "metropolis", 4096, seed, sweeps=500 * thin, thin=thin)
        chains = run_plan(model, plan)
        return min(1.0, 2 * min(correlations_p(x[:, :, 0].T) for x in (chains.energy, chains.magnetization)))

    assert np.all(rules_at(METROPOLIS, model, np.array([beta])) == (METROPOLIS if beta else GIBBS))
    sequential(worst, alarm=1e-2)


def test_dependent_lanes_are_seen():
    draws = np.random.default_rng(1).normal(size=(600, 4096))
    assert correlations_p(draws) > 1e-3
    one = draws.copy()
    one[:, 7] = 0.7 * one[:, 7] + 0.3 * one[:, 3000]
    assert correlations_p(one) < 1e-6
    # A hundredth of the variance is shared by all.
    assert correlations_p(draws + 0.1 * draws[:, :1]) < 1e-6


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_same_bits_for_workers_and_blocks(schedule, monkeypatch):
    model = statfe.model("ea:shape=3x4,seed=5")
    replicas, rungs = (150, 30) if schedule == "tempering" else (2500, 6)
    plan = make_plan(model, np.linspace(0.1, 1.0, rungs), "bit-lane", "metropolis", replicas, 3, 24, schedule, thin=2)
    assert len(BitLaneBank(model, plan).groups) == (3 if schedule == "tempering" else 2)
    one, three = run_plan(model, plan, workers=1), run_plan(model, plan, workers=3)
    monkeypatch.setattr(driver, "BLOCK_NS", 1.0)
    short = run_plan(model, plan, workers=2)
    for other in (three, short):
        assert np.array_equal(one.energy, other.energy)
        assert np.array_equal(one.magnetization, other.magnetization)
        assert np.array_equal(one.swap_acceptance, other.swap_acceptance, equal_nan=True)


def test_goes_on_from_a_saved_state():
    model = statfe.model("ea:shape=3x4,seed=5")
    plan = make_plan(model, np.linspace(0.1, 1.0, 30), "bit-lane", "metropolis", 100, 3, sweeps=40)
    shape = (100, 40, 30)
    energy, again = np.empty(shape), np.empty(shape)
    magnetization = np.empty(shape, dtype=np.int32)
    bank = BitLaneBank(model, plan)

    def block(which: BitLaneBank, first: int, into: np.ndarray) -> None:
        for group in range(len(which.groups)):
            which.advance(group, Block(None, first, 20, slice(first, first + 20)), into, magnetization)

    sweep(bank, 0, 7)
    block(bank, 0, energy)
    saved = {name: array.copy() for name, array in bank.state().items()}
    block(bank, 20, energy)
    other = BitLaneBank(model, make_plan(model, np.linspace(0.1, 1.0, 30), "bit-lane", "metropolis", 100, 4, 40))
    other.restore(saved)
    block(other, 20, again)
    assert np.array_equal(energy[:, 20:], again[:, 20:])
    assert all(np.array_equal(a, b) for a, b in zip(bank.state().values(), other.state().values(), strict=True))


def samples(spec: str, count: int, p: float, seed: int) -> list[IsingModel]:
    """Models on the graph of `spec` with random +-J."""
    base, rng = statfe.model(spec), np.random.default_rng(seed)
    return [IsingModel.from_edges(base.n_sites, base.rows, base.cols, np.where(rng.random(base.n_bonds) < p, 1.0, -1.0))
            for _ in range(count)]


def test_lanes_of_one_sample_are_those_of_the_model():
    model = samples("triangular:shape=3x3", 1, 0.5, 1)[0]
    # Whole words: lanes that are not in use share the stream of their word.
    plan = make_plan(model, [0.2, 0.5, 1.0, 1.5], "bit-lane", "metropolis", 480, 3)
    plain, own = BitLaneBank(model, plan), BitLaneBank(model, plan, disorder=[model] * 480)
    for bank in (plain, own):
        sweep(bank, 0, 25)
    assert np.array_equal(states(plain), states(own))
    assert np.array_equal(plain.rung_of, own.rung_of)
    assert len(np.unique(plain.rung_of[:, 0])) == 4


@pytest.mark.statistical
def test_every_sample_has_its_own_law():
    pair, betas = samples("triangular:shape=3x3", 2, 0.5, 4), [0.1, 0.4, 0.8]
    assert abs(beta_f(pair[0], 0.8) - beta_f(pair[1], 0.8)) > 0.1
    kinds = np.arange(800) % 2

    def worst(seed: int) -> float:
        plan = make_plan(pair[0], betas, "bit-lane", "metropolis", 800, seed)
        models = [pair[k] for k in kinds]
        bank = BitLaneBank(pair[0], plan, disorder=models)
        counts = count_states(bank, 150, 10, 40, kinds)
        assert wrong_numbers(bank, models) < 1e-12
        return min(1.0, 6 * min(pooled_p(counts[k, t], probabilities(pair[k], b))
                                for k in range(2) for t, b in enumerate(betas)))

    sequential(worst, alarm=1e-2)


@pytest.mark.statistical
@pytest.mark.parametrize("p", [0.7, 0.85])
def test_energy_on_the_nishimori_line(p):
    """[<E>] = -J bonds tanh(beta) where tanh(beta) = 2p - 1 (Nishimori, Prog. Theor. Phys. 66, 1169, 1981)."""
    beta = float(np.arctanh(2.0 * p - 1.0))
    models = samples("ea:shape=4x4x4", 512, p, seed=int(100 * p))
    bank = BitLaneBank(models[0], make_plan(models[0], [0.5 * beta, beta], "bit-lane", "metropolis", 512, 1, 400),
                       disorder=models)
    energy, magnetization = np.empty((512, 400, 2)), np.empty((512, 400, 2), dtype=np.int32)
    sweep(bank, 0, 200)
    bank.advance(0, Block(None, 200, 400, slice(0, 400)), energy, magnetization)
    of_sample = energy[:, :, 1].mean(axis=1) / models[0].n_bonds
    error = of_sample.std(ddof=1) / np.sqrt(512)
    assert error < 3e-3
    assert abs(of_sample.mean() + np.tanh(beta)) < 4.0 * error


def test_samples_must_share_their_graph():
    model = statfe.model("ea:shape=3x3,seed=1")
    plan = make_plan(model, [0.5], "bit-lane", "metropolis", 2, 1)
    with pytest.raises(UsageError, match="another graph"):
        BitLaneBank(model, plan, disorder=[model, statfe.model("triangular:shape=3x3")])
    with pytest.raises(UsageError, match="1 disorder samples for 2 replicas"):
        BitLaneBank(model, plan, disorder=[model])
    with pytest.raises(UsageError, match="another graph"):
        BitLaneBank(model, plan, disorder=[model, statfe.model("ea:shape=3x3,couplings=gaussian")])


@pytest.mark.parametrize("spec", ["ea:shape=8x8x8,seed=1", "random-regular:n=500,degree=5,couplings=bimodal"])
def test_many_chains_of_a_glass_take_bit_lanes(spec):
    sampler = make_sampler("metropolis")
    assert choose_kernel(statfe.model(spec), sampler, Load(16, 20)).name == "bit-lane"
    other = statfe.model(spec.replace("bimodal", "gaussian") if "bimodal" in spec else spec + ",couplings=gaussian")
    assert choose_kernel(other, sampler, Load(16, 20)).name != "bit-lane"


@pytest.mark.parametrize("model", [
    lambda: statfe.model("ea:shape=4x4,couplings=gaussian"), lambda: statfe.model("ising:shape=3x3x3x3x3"), peaked])
def test_refused_with_the_name_of_a_kernel_that_can(model):
    with pytest.raises(UsageError, match=r"kernel=bit-lane cannot hold .*scalar.* can"):
        choose_kernel(model(), make_sampler("metropolis:kernel=bit-lane"), Load(4, 8))
    with pytest.raises(UsageError, match="does not run"):
        choose_kernel(model(), make_sampler("wolff:kernel=bit-lane"), Load(4, 8))


def test_cost_falls_with_the_number_of_lanes():
    model, kernel = statfe.model("ea:shape=8x8x8,seed=1"), kernels()["bit-lane"]
    costs = [kernel.cost(model, Load(r, 20)) for r in (1, 3, 10, 100)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.2


@pytest.mark.statistical
@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("kind", ["glass", "tree"])
def test_references_are_exact_within_their_errors(kind, schedule):
    tree = IsingModel.from_edges(10, [0, 0, 0, 1, 1, 2, 5, 5, 8], [1, 2, 3, 4, 5, 6, 7, 8, 9],
                                 0.5 * np.array([1, -1, 1, -1, 1, 1, -1, -1, 1]))
    model = statfe.model("ea:shape=3x4,seed=1") if kind == "glass" else tree
    run = statfe.simulate(model, [0.0, 0.3, 0.8], sampler=f"metropolis:kernel=bit-lane,schedule={schedule}",
                          sweeps=4000, replicas=16, seed=3)
    assert run.chains.kernel == "bit-lane"
    assert run.chains.schedule == schedule
    for r in run.reference:
        assert r.status == "converged", r.message
        assert abs(r.beta_f - beta_f(model, r.beta)) <= 4.5 * r.beta_f_error + 1e-12
        assert r.beta_f_error < 0.1
