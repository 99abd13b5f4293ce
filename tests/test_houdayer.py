"""Houdayer's move: an involution that keeps the sum of energies; the joint law of pairs; honest errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, norm

import statfe
from statfe.errors import UsageError
from statfe.kernels.isoenergetic import below, houdayer_move, run_unit
from statfe.kernels.tempering import COUNTERS
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling import driver
from statfe.sampling.banks.houdayer import partners
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import blocks, run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error, split_rhat
from tests.models_for_tests import frustrated_triangle, peaked
from tests.naive.clusters import houdayer_matrix
from tests.naive.ising import energies, probabilities, states
from tests.retry import sequential


def sparse_glass(fields: bool) -> IsingModel:
    """A frustrated square with a tail: clusters of equal overlap are small and many."""
    h = [0.3, -0.2, 0.0, 0.5, -0.4] if fields else None
    return IsingModel.from_edges(5, [0, 1, 2, 0, 3], [1, 2, 3, 3, 4], [1.0, -0.7, 0.6, 0.8, -0.5], h)


def move(model: IsingModel, a: np.ndarray, b: np.ndarray, state: np.ndarray) -> tuple[float, int, int]:
    n = model.n_sites
    return houdayer_move(
        a, b, not model.has_fields, model.indptr, model.indices, model.weights, model.fields,
        np.empty(n, dtype=np.int8), np.empty(n, dtype=np.int32), state)


def p_value(seen: np.ndarray, expected: np.ndarray, groups: int = 1) -> float:
    """Chi-square; cells that expect fewer than 10 are pooled, and cells that expect 0 must be empty."""
    assert np.all(seen[expected < 1e-9] == 0)
    rare = expected < 10
    seen, expected = np.append(seen[~rare], seen[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    keep = expected > 1e-9
    return float(chi2.sf(np.sum((seen[keep] - expected[keep]) ** 2 / expected[keep]), max(1, keep.sum() - groups)))


@pytest.mark.parametrize("spec", ["ea:shape=5x5,couplings=gaussian,seed=1", "rbm:visible=6,hidden=4,scale=1.5,seed=2",
                                  "sk:n=12,seed=1", "ising:shape=4x4,field=0.3"])
def test_sum_of_energies_and_overlaps_stay(spec):
    model = statfe.model(spec)
    rng, state = np.random.default_rng(1), streams(1, 1)[0]
    gained = []
    for _ in range(100):
        a, b = (rng.choice(np.array([-1, 1], dtype=np.int8), size=model.n_sites) for _ in range(2))
        c, d = a.copy(), b.copy()
        change, up_c, up_d = move(model, c, d, state)
        assert np.array_equal(a * b, c * d)
        assert np.any(a != c)
        assert float(model.energy(c) - model.energy(a)) == pytest.approx(change, abs=1e-11)
        assert float(model.energy(d) - model.energy(b)) == pytest.approx(-change, abs=1e-11)
        assert (up_c, up_d) == (c.sum() - a.sum(), d.sum() - b.sum())
        gained.append(change)
    assert np.std(gained) > 0.1


@pytest.mark.parametrize("fields", [False, True])
def test_formula_is_symmetric_between_pairs_of_equal_energy(fields):
    model = sparse_glass(fields)
    matrix, e = houdayer_matrix(model), energies(model)
    total = (e[:, None] + e[None, :]).ravel()
    assert np.max(np.abs(matrix - matrix.T)) < 1e-15
    assert np.max(np.abs(matrix.sum(axis=1) - 1)) < 1e-14
    i, j = np.nonzero(matrix)
    assert np.max(np.abs(total[i] - total[j])) < 1e-13


@pytest.mark.statistical
@pytest.mark.parametrize("fields", [False, True])
def test_compiled_moves_have_the_probabilities_of_the_formula(fields):
    model = sparse_glass(fields)
    matrix, s = houdayer_matrix(model), states(5).astype(np.int8)
    powers = 1 << np.arange(5)[::-1]

    def look(seed: int) -> float:
        state, rng = streams(seed, 1)[0], np.random.default_rng(seed)
        seen, starts = np.zeros_like(matrix), rng.integers(0, 1024, size=100_000)
        for k in starts:
            a, b = s[k // 32].copy(), s[k % 32].copy()
            move(model, a, b, state)
            seen[k, (a + 1) // 2 @ powers * 32 + (b + 1) // 2 @ powers] += 1
        expected = seen.sum(axis=1, keepdims=True) * matrix
        assert np.all(seen[matrix == 0] == 0)
        return p_value(seen.ravel(), expected.ravel(), 1024)

    sequential(look, alarm=1e-4)


def test_integers_below_a_bound_are_uniform():
    state = streams(3, 1)[0]
    seen = np.bincount([below(7, state) for _ in range(70_000)], minlength=7)
    assert len(seen) == 7
    assert p_value(seen, np.full(7, 10_000.0)) > 1e-6


def pair_counts(model: IsingModel, betas: np.ndarray, swap: bool, seed: int, looks: int, gap: int = 4) -> np.ndarray:
    """How often each rung's pair was seen in each pair of states; shape (K, 4^N)."""
    K, n = len(betas), model.n_sites
    spins = np.ones((2, K, n), dtype=np.int8)
    rung_of, exchanges = np.tile(np.arange(K), (2, 1)), np.zeros((2, COUNTERS, K), dtype=np.int64)
    chain_at = rung_of.copy()
    own = np.stack([streams(seed, K, 7), streams(seed, K, 8)])
    swap_states, state = streams(seed, 2, 9), streams(seed, 1, 10)[0]
    energy, magnetization = np.empty((2, gap, K)), np.empty((2, gap, K), dtype=np.int64)
    counts, powers = np.zeros((K, 4**n)), 1 << np.arange(n)[::-1]
    for look in range(looks + 50):
        run_unit(
            np.arange(2), not model.has_fields, np.ones(K, dtype=np.int64), gap * look, gap, 1, swap, betas, spins,
            rung_of, chain_at, model.indptr, model.indices, model.weights, model.fields, own, swap_states, state,
            energy, magnetization, exchanges)
        if look >= 50:
            index = (spins + 1) // 2 @ powers
            for t in range(K):
                counts[t, index[0, chain_at[0, t]] * 2**n + index[1, chain_at[1, t]]] += 1
    for r in range(2):
        assert np.allclose(energy[r, -1], model.energy(spins[r, chain_at[r]]), atol=1e-10)
        assert np.array_equal(magnetization[r, -1], spins[r, chain_at[r]].sum(axis=1))
    return counts


@pytest.mark.statistical
@pytest.mark.parametrize("swap", [False, True], ids=["alone", "exchanging"])
@pytest.mark.parametrize("name", ["glass", "glass in a field", "peaked"])
def test_pairs_have_the_product_of_boltzmann_laws(name, swap):
    small = IsingModel.from_edges(4, *np.triu_indices(4, 1), 0.5 * peaked(4).couplings, peaked(4).fields)
    model = {"glass": sparse_glass(False), "glass in a field": sparse_glass(True), "peaked": small}[name]
    betas = np.array([0.3, 0.8])

    def look(seed: int) -> float:
        counts = pair_counts(model, betas, swap, seed, 20_000, gap=6)
        worst = 1.0
        for t, beta in enumerate(betas):
            p = probabilities(model, beta)
            worst = min(worst, p_value(counts[t], np.outer(p, p).ravel() * counts[t].sum()))
        return worst

    sequential(look, alarm=1e-3)


@pytest.mark.statistical
def test_a_wrong_pair_law_is_seen():
    model = sparse_glass(True)
    counts = pair_counts(model, np.array([0.8, 0.9]), False, 1, 20_000)[0]
    p = probabilities(model, 0.8 * 1.05)
    assert p_value(counts, np.outer(p, p).ravel() * counts.sum()) < 1e-5


def groups(replicas: int, schedule: str) -> list[tuple[int, ...]]:
    return [tuple(group) for group in partners(replicas, schedule)]


def test_partners_start_alike():
    assert groups(4, "tempering") == groups(4, "annealing") == [(0, 2), (1, 3)]
    assert groups(7, "tempering") == [(0, 2), (1, 3), (4, 6), (5,)]
    assert groups(2, "tempering") == [(0, 1)]
    assert groups(6, "tempering") == [(0, 2), (1, 3), (4, 5)]
    assert groups(6, "annealing") == [(0, 2), (1, 3), (4,), (5,)]
    assert groups(5, "annealing") == [(0, 2), (1, 3), (4,)]
    for n in range(3, 20):
        for schedule in ("tempering", "annealing"):
            assert sorted(r for group in groups(n, schedule) for r in group) == list(range(n))


@pytest.mark.parametrize(("options", "replicas"), [("", 1), ("schedule=annealing", 2)])
def test_too_few_replicas(options, replicas):
    with pytest.raises(UsageError, match=f"houdayer moves clusters between two replicas.* not {replicas}.*take 4"):
        statfe.simulate("ea:shape=4x4,seed=1", [0.5], sampler=f"houdayer:{options}", replicas=replicas)


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
class TestBits:
    """What is recorded does not depend on threads, blocks or interruptions."""

    model = frustrated_triangle()

    def plan(self, schedule, **options):
        return plan_run(self.model, np.array([0.4, 1.2]), make_sampler(f"houdayer:schedule={schedule}", **options),
                        sweeps=90, replicas=5, seed=5)

    def test_workers(self, schedule):
        plan = self.plan(schedule)
        one, two = run_plan(self.model, plan, workers=1), run_plan(self.model, plan, workers=3)
        assert np.array_equal(one.energy, two.energy)
        assert np.array_equal(one.magnetization, two.magnetization)
        assert list(one.units) == [0, 1, 0, 1, 2]

    def test_block_length(self, schedule, monkeypatch):
        plan = self.plan(schedule, thin=2)
        whole = run_plan(self.model, plan)
        monkeypatch.setattr(driver, "BLOCK_NS", 3000.0)
        assert np.array_equal(run_plan(self.model, plan).energy, whole.energy)

    @pytest.mark.parametrize("stop", [1, 4, 9])
    def test_restored_midway(self, schedule, stop, monkeypatch):
        monkeypatch.setattr(driver, "BLOCK_NS", 3000.0)
        plan = self.plan(schedule)
        whole = run_plan(self.model, plan)
        energy = np.empty(whole.energy.shape)
        magnetization = np.empty(energy.shape, dtype=np.int32)
        bank = get_kernel("houdayer").make(self.model, plan)
        steps = list(blocks(self.model, plan, bank))
        assert len(steps) > 12
        for number, block in enumerate(steps):
            if number == stop:
                kept = {name: array.copy() for name, array in bank.state().items()}
                bank = get_kernel("houdayer").make(self.model, plan)
                bank.restore(kept)
            for group in range(len(bank.groups)):
                bank.advance(group, block, energy, magnetization)
        assert np.array_equal(energy, whole.energy)
        for r in range(plan.replicas):
            spins = bank.spins(r)[bank.chain_at[r]]
            assert np.allclose(energy[r, -1, bank.rungs(steps[-1], r)], self.model.energy(spins), atol=1e-12)
            assert np.array_equal(magnetization[r, -1, bank.rungs(steps[-1], r)], spins.sum(axis=1))


GLASS = statfe.model("ea:shape=3x4,couplings=gaussian,boundary=open,seed=2")


def short_runs(betas: np.ndarray, runs: int, sampler: str, first_seed: int):
    for seed in range(first_seed, first_seed + runs):
        plan = plan_run(GLASS, betas, make_sampler(sampler), sweeps=600, replicas=4, seed=seed, samples_only=True)
        yield run_plan(GLASS, plan)


@pytest.mark.statistical
@pytest.mark.parametrize("sampler", ["houdayer:schedule=tempering", "houdayer:schedule=annealing"])
def test_errors_are_honest_though_replicas_exchange_parts(sampler):
    betas = np.array([0.5, 1.0, 1.5])
    truth = np.array([probabilities(GLASS, b) @ energies(GLASS) for b in betas])

    def look(seed: int) -> float:
        z, naive = [], []
        for chains in short_runs(betas, 300, sampler, 1000 * seed):
            found = mean_error(chains.energy, chains.units)
            z.append((found.mean - truth) / found.error)
            naive.append((found.mean - truth) / mean_error(chains.energy).error)
        spread, blind = np.std(z, axis=0), np.std(naive, axis=0)
        assert np.all(blind > spread)
        # The mean of 300 scores, and their spread, within what chance allows.
        if np.all((spread > 0.85) & (spread < 1.2)):
            return float(2 * norm.sf(np.max(np.abs(np.mean(z, axis=0))) * np.sqrt(300)) * 3)
        return 0.0

    sequential(look, alarm=1e-3)


class TestUnits:
    """Means and R-hat of replicas that depend on each other."""

    def series(self, seed: int) -> np.ndarray:
        """Two units of two: the second of each repeats the first 3 draws later, half of it."""
        x = np.random.default_rng(seed).normal(size=(2, 1003))
        return np.stack([x[0, 3:], x[1, 3:], 0.5 * x[0, :-3], 0.5 * x[1, :-3]])

    units = np.array([0, 1, 0, 1])

    def test_error_counts_what_replicas_share(self):
        means = np.array([self.series(seed).mean() for seed in range(400)])
        errors = np.array([mean_error(self.series(seed), self.units).error for seed in range(400)])
        blind = np.array([mean_error(self.series(seed)).error for seed in range(400)])
        assert np.mean(errors) == pytest.approx(means.std(), rel=0.12)
        assert np.mean(blind) < 0.85 * means.std()

    def test_singles_change_nothing(self):
        x = self.series(1)
        one, other = mean_error(x), mean_error(x, np.arange(4))
        for name in ("mean", "error", "tau", "effective"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)

    def test_effective_draws_follow_the_error(self):
        x = self.series(2)
        found = mean_error(x, self.units)
        assert found.effective == pytest.approx(x.var() / found.error**2, rel=1e-12)

    def test_units_that_disagree_are_seen(self):
        rng = np.random.default_rng(1)
        common = rng.normal(size=(2, 500))
        # Within a unit the replicas are opposite but for a shift: each alone looks fine, their means do not.
        x = np.stack([common[0] + 0.3, common[1] - 0.3, 0.3 - common[0], -0.3 - common[1]])
        assert split_rhat(x) < 1.1
        assert split_rhat(x, self.units) > 2

    def test_units_are_kept_in_the_file(self, here):
        run = statfe.simulate("ea:shape=4x4,seed=1", [0.4], "run.h5", sampler="houdayer", sweeps=300, seed=1)
        back = statfe.load("run.h5").chains
        assert np.array_equal(back.units, [0, 1, 0, 1])
        from statfe.estimators.reference import sampled_reference

        again = sampled_reference(run.model, back).outcomes["mbar"][0]
        assert again.beta_f_error == pytest.approx(run.reference[0].beta_f_error, rel=1e-9)
        blind = sampled_reference(run.model, replace(back, units=None)).outcomes["mbar"][0]
        assert blind.beta_f_error != again.beta_f_error


def test_commands(call, here):
    code, out, _ = call("free-energy", "ea:shape=4x4,seed=1", "--beta", "0.5", "--method",
                        "mbar:sampler=houdayer,sweeps=1500", "--seed", "1")
    assert code == 0, out
    code, _, err = call("simulate", "ea:shape=4x4,seed=1", "--beta", "0.5", "--sampler", "houdayer", "--replicas", "1",
                        "-o", "run.h5")
    assert code == 2
    assert "take 4" in err
