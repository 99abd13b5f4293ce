"""Ladders of chains: the joint law is right, exchanges are right, and threads change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from statfe.errors import UsageError
from statfe.kernels.single_spin import state_energy
from statfe.kernels.tempering import ACCEPTED, COUNTERS, run_ladder, swap_rungs
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling import driver
from statfe.sampling.choice import can_run
from statfe.sampling.driver import run_plan
from statfe.sampling.ladder import plan_ladder
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import RULES, make_sampler
from tests.models_for_tests import frustrated_triangle, isolated, peaked
from tests.naive.ising import energies, probabilities, states
from tests.retry import sequential


def state_counts(model: IsingModel, betas: np.ndarray, rule: str, swap: bool, seed: int, draws: int) -> np.ndarray:
    """How often each rung was seen in each state, with `gap` sweeps between looks; shape (K, 2^N)."""
    K, n, gap = len(betas), model.n_sites, 4
    spins = np.ones((K, n), dtype=np.int8)
    rung_of, chain_at = np.arange(K), np.arange(K)
    own, swap_state = streams(seed, K), streams(seed, 1, key=1)[0]
    exchanges = np.zeros((COUNTERS, K), dtype=np.int64)
    energy, magnetization = np.empty((gap, K)), np.empty((gap, K), dtype=np.int64)
    powers = 2 ** np.arange(n)[::-1]
    counts = np.zeros((K, 2**n))
    # At beta = 0 Metropolis in order flips every spin every time.
    rules = np.where(betas > 0, RULES[rule], RULES["gibbs"])
    for look in range(draws + 20):
        run_ladder(
            rules, gap * look, gap, 1, swap, betas, spins, rung_of, chain_at, model.indptr, model.indices,
            model.weights, model.fields, own, swap_state, energy, magnetization, exchanges)
        if look >= 20:
            for t in range(K):
                counts[t, ((spins[chain_at[t]] + 1) // 2) @ powers] += 1
    assert np.array_equal(rung_of[chain_at], np.arange(K))
    for t in range(K):
        e, m = state_energy(spins[chain_at[t]], model.indptr, model.indices, model.weights, model.fields)
        assert energy[-1, t] == pytest.approx(e, abs=1e-10)
        assert magnetization[-1, t] == m
    return counts


def chi_square_p(counts: np.ndarray, p: np.ndarray) -> float:
    """p-value of counts against probabilities, states with fewer than 10 expected pooled into one."""
    expected = p * counts.sum()
    rare = expected < 10
    seen = np.append(counts[~rare], counts[rare].sum())
    hoped = np.append(expected[~rare], expected[rare].sum())
    keep = hoped > 0
    return float(chi2.sf(np.sum((seen[keep] - hoped[keep]) ** 2 / hoped[keep]), keep.sum() - 1))


@pytest.mark.statistical
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("swap", [False, True], ids=["alone", "exchanging"])
def test_every_rung_has_its_boltzmann_law(rule, swap):
    # Fields and couplings are scaled down so that looks 4 sweeps apart are nearly independent.
    model = IsingModel.from_edges(5, *np.triu_indices(5, 1), 0.5 * peaked(5).couplings, peaked(5).fields)
    betas = np.array([0.0, 0.15, 0.5, 0.8])

    def worst(seed: int) -> float:
        counts = state_counts(model, betas, rule, swap, seed, 8000)
        # Neighbouring looks are slightly correlated; a third of them is not.
        return min(chi_square_p(counts[t] / 3, probabilities(model, b)) for t, b in enumerate(betas))

    sequential(worst, alarm=1e-3)


@pytest.mark.statistical
def test_a_wrong_law_is_seen():
    model = IsingModel.from_edges(5, *np.triu_indices(5, 1), 0.5 * peaked(5).couplings, peaked(5).fields)
    counts = state_counts(model, np.array([0.0, 0.8]), "gibbs", True, 1, 8000)
    assert chi_square_p(counts[1] / 3, probabilities(model, 0.8 * 0.9)) < 1e-5


def test_exchanges_are_accepted_with_their_probability():
    betas, energies_of = np.array([0.3, 0.7]), [-1.0, -2.5]
    # The colder rung already has the lower energy: accept with exp((0.3 - 0.7)(-1 + 2.5)).
    hits, total = 0, 40_000
    state = streams(1, 1)[0]
    for _ in range(total):
        chain_at, rung_of = np.arange(2), np.arange(2)
        exchanges = np.zeros((COUNTERS, 2), dtype=np.int64)
        swap_rungs(0, betas, np.array(energies_of), chain_at, rung_of, state, exchanges)
        hits += int(exchanges[ACCEPTED, 0])
        assert list(chain_at) == list(rung_of) == ([1, 0] if exchanges[ACCEPTED, 0] else [0, 1])
    p = np.exp(-0.4 * 1.5)
    assert abs(hits - total * p) < 4.5 * np.sqrt(total * p * (1 - p))


def test_exchanges_downhill_are_certain():
    chain_at, rung_of, exchanges = np.arange(3), np.arange(3), np.zeros((COUNTERS, 3), dtype=np.int64)
    swap_rungs(1, np.array([0.1, 0.3, 0.7]), np.array([0.0, -3.0, 1.0]), chain_at, rung_of, streams(1, 1)[0], exchanges)
    assert list(chain_at) == [0, 2, 1]
    assert list(exchanges[ACCEPTED]) == [0, 1, 0]


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("rule", RULES)
def test_same_bits_for_any_number_of_workers(schedule, rule):
    model = peaked(12)
    if not can_run(rule, model):
        model = IsingModel.from_edges(12, model.rows, model.cols, np.abs(model.couplings), model.fields)
    plan = plan_run(
        model, np.array([0.2, 0.9]), make_sampler(f"{rule}:schedule={schedule}"), sweeps=60, replicas=3, seed=5)
    one, two = run_plan(model, plan, workers=1), run_plan(model, plan, workers=3)
    assert np.array_equal(one.energy, two.energy)
    assert np.array_equal(one.magnetization, two.magnetization)


def test_same_bits_for_any_block_length(monkeypatch):
    model = frustrated_triangle()
    plan = plan_run(model, np.array([1.0]), make_sampler("metropolis:thin=2"), sweeps=100, replicas=2, seed=5)
    whole = run_plan(model, plan)
    monkeypatch.setattr(driver, "BLOCK_NS", 400.0)
    assert np.array_equal(run_plan(model, plan).energy, whole.energy)


def test_replicas_and_chains_have_streams_of_their_own():
    model = isolated(40)
    plan = plan_run(model, np.array([0.0, 0.2]), make_sampler("gibbs"), sweeps=400, replicas=4, seed=2)
    m = run_plan(model, plan).magnetization
    flat = m.transpose(1, 0, 2).reshape(m.shape[1], -1)
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.max(np.abs(correlation)) < 5 / np.sqrt(len(flat))


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_mean_energies_are_exact_at_every_rung(schedule):
    model = peaked(6)
    e = energies(model)

    def worst(seed: int) -> float:
        plan = plan_run(
            model, np.array([0.3, 0.6]), make_sampler(f"metropolis:schedule={schedule}"), sweeps=6000, replicas=4,
            seed=seed)
        chains = run_plan(model, plan)
        from scipy.stats import norm

        from statfe.stats import mean_error

        found = mean_error(chains.energy)
        truth = np.array([probabilities(model, b) @ e for b in chains.betas])
        return float(2 * norm.sf(np.max(np.abs(found.mean - truth) / found.error)) * len(truth))

    sequential(worst, alarm=1e-3)


def test_metropolis_at_beta_zero_is_not_stuck():
    model = IsingModel.from_edges(4, [0, 1], [1, 2], [1.0, 1.0])
    plan = plan_run(model, np.array([0.0]), make_sampler("metropolis"), sweeps=500, replicas=1, seed=1,
                    samples_only=True)
    seen = np.unique(run_plan(model, plan).energy)
    assert list(seen) == [-2.0, 0.0, 2.0]


class TestLadder:
    """Where rungs go."""

    lattice = Lattice((8, 8), True)

    def model(self) -> IsingModel:
        rows, cols, _ = self.lattice.bonds()
        return IsingModel.from_edges(64, rows, cols, np.ones(len(rows)), lattice=self.lattice)

    def test_starts_at_zero_and_keeps_what_was_asked(self):
        ladder = plan_ladder(self.model(), np.array([0.44, 0.2, 0.44]), spacing=1.0, rule=0, seed=1)
        assert ladder.betas[0] == 0.0
        assert list(ladder.betas[ladder.requested]) == [0.2, 0.44]
        assert np.all(np.diff(ladder.betas) > 0)

    def test_spacing_is_in_standard_deviations_of_the_energy(self):
        ladder = plan_ladder(self.model(), np.array([0.3]), spacing=1.0, rule=0, seed=1)
        # Var(E) = 128 at beta = 0 and grows; steps may stretch to 1.3.
        assert 0.5 < np.diff(ladder.betas)[0] * np.sqrt(128) < 1.31

    def test_zero_alone_needs_no_rungs(self):
        ladder = plan_ladder(self.model(), np.array([0.0]), spacing=1.0, rule=0, seed=1)
        assert list(ladder.betas) == [0.0]
        assert ladder.added == 0

    def test_no_interactions_need_no_rungs_between(self):
        free = IsingModel.from_edges(3, [], [], [])
        assert len(plan_ladder(free, np.array([2.0]), spacing=1.0, rule=0, seed=1).betas) == 2

    def test_samples_only_adds_none(self):
        plan = plan_run(self.model(), np.array([0.2, 0.4]), make_sampler("gibbs"), sweeps=10, replicas=1, seed=1,
                        samples_only=True)
        assert list(plan.ladder.betas) == [0.2, 0.4]

    def test_huge_beta_ends(self):
        ladder = plan_ladder(self.model(), np.array([500.0]), spacing=1.0, rule=0, seed=1)
        assert ladder.betas[-1] == 500.0
        assert len(ladder.betas) < 100


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sweeps": 0}, "at least 1"), ({"replicas": 0}, "at least 1"), ({"betas": [-0.1]}, "beta >= 0"),
     ({"sampler": "metropolis:thin=50", "sweeps": 10}, "thin")])
def test_bad_plans_are_refused(options, words):
    given = {"sampler": "metropolis", "sweeps": 10, "replicas": 1, "betas": [0.1], **options}
    with pytest.raises(UsageError, match=words):
        plan_run(frustrated_triangle(), np.array(given["betas"]), make_sampler(given["sampler"]),
                 sweeps=given["sweeps"], replicas=given["replicas"], seed=1)


@pytest.mark.parametrize(("spec", "words"), [("metropolys", "metropolis"), ("gibbs:burnin=3", "burn_in"),
                                             ("gibbs:thin=0", "at least 1"), ("gibbs:spacing=x", "not a number")])
def test_bad_samplers_are_refused(spec, words):
    with pytest.raises(UsageError, match=words):
        make_sampler(spec)


def test_all_states_are_known_to_the_twin():
    assert len(states(5)) == 32
