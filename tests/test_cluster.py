"""Cluster moves: their compiled transition frequencies, their stationary laws, their bits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2, norm

import statfe
from statfe.errors import UsageError
from statfe.kernels.cluster import join, wolff
from statfe.kernels.cluster_ladder import run_clusters
from statfe.kernels.tempering import COUNTERS
from statfe.models.balance import is_balanced
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling import driver
from statfe.sampling.banks.cluster import ferromagnet, thresholds
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import blocks, run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error
from tests.models_for_tests import disconnected, frustrated_triangle, isolated
from tests.naive.chains import xoshiro_words
from tests.naive.clusters import cluster_matrix
from tests.naive.ising import probabilities, states
from tests.retry import sequential

KINDS = {"swendsen-wang": False, "wolff": True}
CRITICAL = float(np.log(1 + np.sqrt(2)) / 2)


def mattis(n: int = 4, seed: int = 2) -> IsingModel:
    """All pairs, couplings of unequal size and both signs, no frustration; fields that agree with nothing."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n, 1)
    g = rng.choice([-1, 1], size=n)
    g[:2] = 1, -1
    return IsingModel.from_edges(n, i, j, rng.uniform(0.1, 0.9, len(i)) * g[i] * g[j], rng.normal(size=n) * 0.5)


def tree(n: int = 7) -> IsingModel:
    rng = np.random.default_rng(4)
    return IsingModel.from_edges(n, [rng.integers(0, i) for i in range(1, n)], np.arange(1, n), rng.normal(size=n - 1))


BALANCED = {
    "mattis": mattis(7), "tree": tree(), "isolated": isolated(4), "disconnected": disconnected(),
    **{spec: statfe.model(spec) for spec in (
        "ising:shape=2x4,field=0.2", "ising:shape=2x4,coupling=-1,field=0.3", "ising:shape=3x2,boundary=open",
        "ising:shape=8,coupling=-0.7", "triangular:shape=2x3", "curie-weiss:n=6", "hopfield:n=6,patterns=1,seed=2",
        "ea:shape=2x4,p=1,seed=1", "ea:shape=8,boundary=open,couplings=gaussian,seed=1",
        "random-regular:n=8,degree=3,couplings=ferro,seed=1", "erdos-renyi:n=8,mean_degree=2,couplings=ferro,seed=2")}}


def visited(model: IsingModel, beta: float, kind: str, seed: int, draws: int, thin: int, quota: int = 0) -> np.ndarray:
    """Index of the state after every `thin` sweeps, in the order of `tests.naive.ising.states`; shape (draws,)."""
    n = model.n_sites
    bonds, strengths = ferromagnet(model)
    # The magnetisation of these weights names the state: 1, 2, 4, ..., 64, -128.
    coded = bonds._replace(gauge=(1 << np.arange(n)).astype(np.uint8).view(np.int8))
    spins, zero = np.ones((1, n), dtype=np.int8), np.zeros(1, dtype=np.int64)
    energy, code = np.empty((draws, 1)), np.empty((draws, 1), dtype=np.int64)
    out = (energy, code, np.zeros((COUNTERS, 1), dtype=np.int64))
    own_streams, swap_state = streams(seed, 1), streams(seed, 1, key=1)[0]
    run_clusters(
        KINDS[kind], 0, draws * thin, thin, False, 0, np.array([beta]), spins, zero, zero.copy(), coded,
        thresholds(np.array([beta]), strengths), np.full(1, quota), np.zeros((1, 2)), own_streams, swap_state, *out)
    weights = coded.gauge.astype(np.int64)
    names = np.array([weights @ (1 - 2 * ((k >> np.arange(n)) & 1)) for k in range(2**n)])
    own = bonds.gauge * (1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1))
    table = np.zeros(names.max() - names.min() + 1, dtype=np.int64)
    table[names - names.min()] = (own + 1) // 2 @ (1 << np.arange(n)[::-1])
    path = table[code[:, 0] - names.min()]
    last = states(n)[path[-1]]
    assert energy[-1, 0] == pytest.approx(float(model.energy(last)), abs=1e-12)
    assert np.array_equal(last, spins[0] * bonds.gauge)
    return path


def p_value(seen: np.ndarray, expected: np.ndarray, groups: int) -> float:
    """Chi-square; cells that expect fewer than 10 are pooled into one, and cells that expect 0 must be empty."""
    assert np.all(seen[expected < 1e-9] == 0)
    rare = expected < 10
    seen, expected = np.append(seen[~rare], seen[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    keep = expected > 1e-9
    return float(chi2.sf(np.sum((seen[keep] - expected[keep]) ** 2 / expected[keep]), max(1, keep.sum() - groups)))


@pytest.mark.parametrize("kind", KINDS)
def test_transition_matrix_of_the_formula_keeps_the_boltzmann_law(kind):
    model = mattis()
    p, matrix = probabilities(model, 0.6), cluster_matrix(model, 0.6, kind)
    flow = p[:, None] * matrix
    assert np.max(np.abs(matrix.sum(axis=1) - 1)) < 1e-13
    assert np.max(np.abs(p @ matrix - p)) < 1e-13
    assert np.max(np.abs(flow - flow.T)) < 1e-13


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_transitions_have_the_probabilities_of_the_formula(kind):
    model, beta, steps = mattis(), 0.6, 5_000_000
    one = cluster_matrix(model, beta, kind)
    matrix = 0.5 * (one + one @ one) if kind == "wolff" else one
    side = len(matrix)

    def look(seed: int) -> float:
        path = visited(model, beta, kind, seed, steps + 1, 1, quota=1)
        seen = np.bincount(path[:-1] * side + path[1:], minlength=side * side).reshape(side, side)
        expected = seen.sum(axis=1, keepdims=True) * matrix
        return p_value(seen.ravel(), expected.ravel(), side)

    sequential(look, alarm=1e-5)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BALANCED)
def test_every_balanced_model_has_its_boltzmann_law(name, kind):
    model = BALANCED[name]
    assert is_balanced(model)
    assert get_kernel(kind).obstacle(model) == ""

    def look(seed: int) -> float:
        worst = 1.0
        for beta in (0.25, 0.7):
            seen = np.bincount(visited(model, beta, kind, seed, 30_000, 12), minlength=2**model.n_sites)
            worst = min(worst, p_value(seen, probabilities(model, beta) * seen.sum(), 1))
        return worst

    sequential(look, alarm=1e-3)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mattis", "curie-weiss:n=6"])
def test_beta_zero_is_uniform(name, kind):
    # An even number of single flips a sweep would keep the parity of the spins that are down.
    model = BALANCED[name]
    cells = 2**model.n_sites
    sequential(
        lambda seed: p_value(
            np.bincount(visited(model, 0.0, kind, seed, 20_000, 6), minlength=cells),
            np.full(cells, 20_000 / cells), 1),
        alarm=1e-3)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_temperature_shows(kind):
    model = mattis(7)
    seen = np.bincount(visited(model, 0.7, kind, 1, 60_000, 6), minlength=128)
    assert p_value(seen, probabilities(model, 0.7 * 1.05) * seen.sum(), 1) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_huge_beta_moves_whole_components(kind):
    path = visited(tree(), 1e6, kind, 1, 50, 1)
    assert set(path.tolist()) <= {path[0], 2**7 - 1 - path[0]}
    assert len(set(path.tolist())) == 2
    # In fields the ground state stays.
    model = IsingModel.from_edges(3, [0, 1], [1, 2], [1.0, -1.0], [0.5, 0.0, 0.0])
    assert set(visited(model, 1e6, kind, 1, 50, 1)[20:].tolist()) == {0b110}


def test_thresholds_are_the_probabilities():
    betas, strengths = np.array([0.0, 0.3, 1e-9, 50.0]), np.array([0.0, 1.0, 0.25])
    found = thresholds(betas, strengths)
    assert np.all(found[0] == 0)
    assert np.all(found[:, 0] == 0)
    share = found.astype(np.float64) / 2.0**64
    assert np.allclose(share, -np.expm1(-2 * np.outer(betas, strengths)), rtol=1e-15, atol=2.0**-63)
    assert found[3, 1] == 2**64 - 1


@pytest.mark.parametrize("low", [0, 1 << 31, (1 << 32) - 1])
def test_equal_halves_are_decided_by_another_word(low):
    pair = IsingModel.from_edges(2, [0], [1], [1.0])
    bonds, _ = ferromagnet(pair)
    start = [7, 11, 13, 17]
    for _ in range(20):
        # A state whose words are not small.
        start = streams(sum(start), 1)[0].tolist()
        first, second = xoshiro_words(start, 2)
        threshold = ((first & 0xFFFFFFFF) << 32) | low
        parent = np.empty(3, dtype=np.int32)
        join(np.ones(2, dtype=np.int8), bonds, np.array([threshold], dtype=np.uint64), parent,
             np.empty((bonds.room, 2), dtype=np.int32), np.array(start, dtype=np.uint64))
        assert list(parent) == [0, 1, 1 if (second >> 32) < low else 2]


@pytest.mark.parametrize("spec", ["ising:shape=40x40", "erdos-renyi:n=3000,mean_degree=3,couplings=ferro,seed=1",
                                  "curie-weiss:n=300", "triangular:shape=20x20", "ising:shape=40x40,field=0.1"])
def test_clusters_are_connected_components(spec):
    model = statfe.model(spec)
    rng, n = np.random.default_rng(1), model.n_sites
    bonds, strengths = ferromagnet(model)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), size=n)
    parent = np.empty(n + 1, dtype=np.int32)
    # Certain bonds: the clusters are the pieces of equal spins, and those along a field hang on the ghost, node 0.
    join(spins, bonds, np.full(len(strengths), 2**64 - 1, dtype=np.uint64), parent,
         np.empty((bonds.room, 2), dtype=np.int32), streams(1, 1)[0])
    root = np.arange(n + 1)
    for i in range(n + 1):
        assert parent[i] <= i
        root[i] = i if parent[i] == i else root[parent[i]]
    i, j, _ = model.pairs
    same, held = spins[i] == spins[j], np.flatnonzero(model.fields * spins > 0.0)
    ends = np.r_[i[same], np.full(len(held), -1)] + 1, np.r_[j[same], held] + 1
    graph = IsingModel.from_edges(n + 1, *ends, np.ones(len(ends[0]))).adjacency
    count, label = connected_components(graph, directed=False)
    assert len(np.unique(root)) == count
    assert len(np.unique(root.astype(np.int64) * (n + 1) + label)) == count


def grown(fields: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, int]:
    """Spins of a chain, first all up, after Wolff's clusters of certain bonds; and how many these were."""
    n = len(fields)
    bonds, strengths = ferromagnet(IsingModel.from_edges(n, np.arange(n - 1), np.arange(1, n), np.ones(n - 1), fields))
    spins = np.ones(n, dtype=np.int8)
    _, count = wolff(spins, bonds, np.full(len(strengths), 2**64 - 1, dtype=np.uint64), clusters,
                     np.empty(n + 1, dtype=np.int32), streams(seed, 1)[0])
    return spins, count


def test_a_single_cluster_stays_where_the_ghost_holds_it():
    for seed in range(20):
        for field, sign in ((1.0, 1), (-1.0, -1)):
            # The whole chain is one cluster, and the field is on one of its sites. The ghost lets go of it when it is
            # against the field, and holds it for ever when it is along.
            spins, _ = grown(np.r_[np.zeros(4), field], 3, seed)
            assert np.all(spins == sign)


def test_the_number_of_single_clusters_is_even_or_odd():
    counts = np.array([grown(np.zeros(3), 3, seed)[1] for seed in range(200)])
    assert set(counts.tolist()) == {3, 4}
    assert 60 < np.sum(counts == 3) < 140


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
def test_critical_torus(kind):
    h = 1e-4
    ends = statfe.free_energy("ising:shape=32x32", [CRITICAL - h, CRITICAL + h], "kaufman")
    truth = (ends[1].beta_f - ends[0].beta_f) / (2 * h)
    model = statfe.model("ising:shape=32x32")

    def look(seed: int) -> float:
        plan = plan_run(model, np.array([CRITICAL]), make_sampler(kind), sweeps=4000, replicas=4, seed=seed,
                        samples_only=True)
        found = mean_error(run_plan(model, plan).energy)
        assert found.tau[0] < 10
        assert found.error[0] < 0.005 * abs(truth)
        return float(2 * norm.sf(abs(found.mean[0] - truth) / found.error[0]))

    sequential(look, alarm=1e-3)


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("kind", KINDS)
class TestBits:
    """What is recorded does not depend on threads, blocks or interruptions."""

    model = BALANCED["ising:shape=2x4,coupling=-1,field=0.3"]

    def plan(self, kind, schedule, **options):
        return plan_run(self.model, np.array([0.4, 1.2]), make_sampler(f"{kind}:schedule={schedule}", **options),
                        sweeps=90, replicas=3, seed=5)

    def test_workers(self, kind, schedule):
        plan = self.plan(kind, schedule)
        one, two = run_plan(self.model, plan, workers=1), run_plan(self.model, plan, workers=3)
        assert np.array_equal(one.energy, two.energy)
        assert np.array_equal(one.magnetization, two.magnetization)

    def test_block_length(self, kind, schedule, monkeypatch):
        plan = self.plan(kind, schedule, thin=2)
        whole = run_plan(self.model, plan)
        monkeypatch.setattr(driver, "BLOCK_NS", 3000.0)
        assert np.array_equal(run_plan(self.model, plan).energy, whole.energy)

    @pytest.mark.parametrize("stop", [1, 4, 9])
    def test_restored_midway(self, kind, schedule, stop, monkeypatch):
        monkeypatch.setattr(driver, "BLOCK_NS", 5000.0)
        plan = self.plan(kind, schedule)
        whole = run_plan(self.model, plan)
        shape = (plan.replicas, plan.sweeps, plan.n_rungs)
        energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
        bank = get_kernel(kind).make(self.model, plan)
        steps = list(blocks(self.model, plan, bank))
        assert len(steps) > 12
        for number, block in enumerate(steps):
            if number == stop:
                kept = {name: array.copy() for name, array in bank.state().items()}
                bank = get_kernel(kind).make(self.model, plan)
                bank.restore(kept)
            for group in range(len(bank.groups)):
                bank.advance(group, block, energy, magnetization)
        assert np.array_equal(energy, whole.energy)
        for r in range(plan.replicas):
            spins = bank.spins(r)[bank.chain_at[r]]
            rung = bank.rungs(steps[-1], r)
            assert np.allclose(energy[r, -1, rung], self.model.energy(spins), atol=1e-12)
            assert np.array_equal(magnetization[r, -1, rung], spins.sum(axis=1))


@pytest.mark.parametrize("burn_in", [0, 1, 40])
@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_clusters_a_sweep_are_fixed_before_anything_is_recorded(burn_in, schedule):
    model = statfe.model("ising:shape=16x16")
    plan = plan_run(model, np.array([0.2, 0.44]), make_sampler(f"wolff:schedule={schedule}", burn_in=burn_in),
                    sweeps=50, replicas=2, seed=1)
    bank = get_kernel("wolff").make(model, plan)
    energy = np.empty((2, plan.sweeps, plan.n_rungs))
    magnetization = np.empty(energy.shape, dtype=np.int32)
    at_first = np.zeros_like(bank.quota)
    for block in blocks(model, plan, bank):
        for group in range(2):
            bank.advance(group, block, energy, magnetization)
            fixed = bank.quota[group, bank.rungs(block, group)]
            if block.rows is not None:
                assert np.all(fixed > 0)
                before = at_first[group, bank.rungs(block, group)]
                assert np.all((before == 0) | (before == fixed))
                at_first[group, bank.rungs(block, group)] = fixed
    # At beta = 0 clusters are single spins; where the lattice orders, few of them fill it.
    assert np.all(np.abs(bank.quota[:, 0] - 256) <= 1)
    assert np.all(bank.quota[:, -1] < 60)


def test_clusters_that_grow_after_the_burn_in_do_not_stall_a_run():
    # From random spins below T_c: single spins at first, the whole lattice later.
    model = statfe.model("ising:shape=64x64")
    plan = plan_run(model, np.array([1.0]), make_sampler("wolff:burn_in=0"), sweeps=40, replicas=1, seed=1,
                    samples_only=True)
    bank = get_kernel("wolff").make(model, plan)
    bank.quota[:] = 4096
    energy, magnetization = np.empty((1, 40, 1)), np.empty((1, 40, 1), dtype=np.int32)
    for block in blocks(model, plan, bank):
        bank.advance(0, block, energy, magnetization)
    # 4096 clusters below T_c would hold 4000 N sites; halved until 8 N are not passed.
    assert 4 <= bank.quota[0, 0] <= 16
    assert energy[0, -1, 0] < -1.98 * 4096


@pytest.mark.parametrize("kind", KINDS)
def test_frustrated_models_are_refused_with_a_way_out(kind):
    with pytest.raises(UsageError, match=r"frustrated, 1 of 3.*houdayer.*use metropolis"):
        statfe.simulate(frustrated_triangle(), [0.5], sampler=kind)
    with pytest.raises(UsageError, match="does not run metropolis"):
        statfe.simulate(mattis(), [0.5], sampler=f"metropolis:kernel={kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_commands(kind, call, here):
    code, out, _ = call("free-energy", "ising:shape=6x6,coupling=-1", "--beta", "0.3", "--method",
                        f"mbar:sampler={kind},sweeps=1000", "--seed", "1")
    assert code == 0, out
    code, out, _ = call("simulate", "ising:shape=6x6", "--beta", "0.3", "--sampler", f"{kind}:schedule=annealing",
                        "--sweeps", "1000", "--seed", "1", "-o", "run.h5")
    assert code == 0, out
    assert statfe.load("run.h5").chains.kernel == kind
