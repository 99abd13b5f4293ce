"""Bit lanes: one sweep has the law it should have, and every family its Boltzmann weight, in all lanes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import statfe
from statfe.kernels.tempering import ACCEPTED, GIBBS, TRIED
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Block
from statfe.sampling.banks.bit_lane import BitLaneBank
from statfe.sampling.samplers import RULES, rules_at
from tests.bank_checks import make_bank, make_plan
from tests.bit_lane_bank import count_states, set_states, states, sweep, wrong_numbers
from tests.naive.chains import flip_matrix
from tests.naive.ising import probabilities
from tests.retry import sequential

#: Specs and largest beta. They need few variants of the kernel, by bonds a site: (4, 0), (6, 0), (4, 3), (0, 3).
FAMILIES = {
    "square": ("ising:shape=3x4", 0.5),
    "double bonds": ("ising:shape=2x3", 0.5),
    "double bonds of a cube": ("ising:shape=2x2x3,coupling=0.5", 0.5),
    "antiferromagnet, field 2": ("ising:shape=3x3,coupling=-1,field=2", 0.8),
    "open, field 1": ("ising:shape=2x4,boundary=open,field=-1", 0.9),
    "open chain, field 2": ("ising:shape=8,boundary=open,coupling=0.6,field=1.2", 1.0),
    "triangular": ("triangular:shape=3x3", 0.3),
    "triangular antiferromagnet": ("triangular:shape=3x3,coupling=-1", 0.8),
    "spin glass": ("ea:shape=3x4,p=0.7,seed=2", 0.9),
    "spin glass, open": ("ea:shape=3x4,boundary=open,seed=3", 0.9),
    "random-regular": ("random-regular:n=10,degree=3,couplings=bimodal,seed=1", 0.9),
    "random-regular, field": ("random-regular:n=10,degree=3,couplings=bimodal,seed=2,field=1", 0.9),
    "erdos-renyi": ("erdos-renyi:n=11,mean_degree=1.5,couplings=bimodal,seed=3", 1.0),
}


def parallel() -> IsingModel:
    """Parallel bonds that add up to 2J, or to nothing, two pieces and a spin alone."""
    return IsingModel.from_edges(
        8, [0, 0, 1, 1, 2, 4, 4, 5, 5], [1, 1, 2, 3, 3, 5, 6, 6, 6],
        [0.5, 0.5, -0.5, 0.5, 0.5, 1.0, -0.5, 0.5, -0.5], [0.5, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0])


def few_bonds() -> IsingModel:
    """At most four bonds a site: no symmetry, frustrated."""
    return IsingModel.from_edges(6, [0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4], [1.0, 1.0, -1.0, -1.0, 1.0, 1.0],
                                 [1.0, 0.0, 0.0, -1.0, 2.0, 0.0])


def many_bonds() -> IsingModel:
    """Sites of three to eight bonds, some of them parallel; few states carry most of the weight."""
    return IsingModel.from_edges(
        6, [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3], [1, 2, 3, 4, 5, 2, 3, 4, 3, 4, 4, 5],
        0.5 * np.array([1, -1, 1, 1, 2, -1, 2, 1, 1, 1, -1, -1]), 0.5 * np.array([2, 1, -3, 0, 2, 0]))


def transitions_p(model: IsingModel, seed: int, parity: int, betas: np.ndarray, calls: int,
                  beta_factor: float = 1.0) -> float:
    """p-value of (start, end) counts of one sweep, all states and rungs at once, against the transition matrix."""
    size, K = 2**model.n_sites, len(betas)
    plan = make_plan(model, betas, "bit-lane", "metropolis", 2048 // K, seed)
    bank = BitLaneBank(model, plan)
    start = np.tile(np.arange(plan.replicas)[:, None] % size, (1, K))
    rung = bank.rung_of.copy()
    counts = np.zeros(K * size * size, dtype=np.int64)
    for _ in range(calls):
        set_states(bank, start)
        bank.rung_of[:], bank.chain_at[:] = rung, rung
        sweep(bank, parity, 1)
        counts += np.bincount(((rung * size + start) * size + states(bank)).ravel(), minlength=len(counts))
    heat_bath = rules_at(RULES["metropolis"], model, betas) == GIBBS
    score, freedom = 0.0, 0
    for k, beta in enumerate(betas):
        matrix = flip_matrix(model, beta_factor * beta, "gibbs" if parity or heat_bath[k] else "metropolis")
        for row, expected in zip(counts.reshape(K, size, size)[k], matrix, strict=True):
            hoped = expected * row.sum()
            rare = hoped < 10
            assert row[expected == 0].sum() == 0
            pairs = [(row[~rare], hoped[~rare]), (row[rare].sum(), hoped[rare].sum())]
            if hoped[rare].sum() < 1:
                pairs = pairs[:1]
            score += float(sum(np.sum((a - b) ** 2 / b) for a, b in pairs))
            freedom += int(sum(np.size(a) for a, _ in pairs)) - 1
    return float(chi2.sf(score, freedom))


@pytest.mark.statistical
@pytest.mark.parametrize("parity", [0, 1], ids=["metropolis", "heat bath"])
@pytest.mark.parametrize("model", [few_bonds, many_bonds])
def test_one_sweep_has_the_law_of_its_matrix(model, parity):
    m = model()
    betas = np.array([0.1, 0.5, 0.9, 1.5])
    assert 1 <= np.sum(rules_at(RULES["metropolis"], m, betas) == GIBBS) <= 2
    sequential(lambda seed: transitions_p(m, seed, parity, betas, 2500), alarm=1e-2)


@pytest.mark.statistical
def test_a_wrong_temperature_shows_in_one_sweep():
    assert transitions_p(few_bonds(), 1, 1, np.array([0.5, 0.9]), 1200, beta_factor=1.02) < 1e-6


def law_p(model: IsingModel, top: float, seed: int, looks: int = 250) -> float:
    """Smallest p-value over five rungs, Bonferroni-corrected; then energies must be those of the spins."""
    betas = np.linspace(0.0, top, 5)
    plan = make_plan(model, betas, "bit-lane", "metropolis", 409, seed)
    bank = make_bank(model, plan)
    counts = count_states(bank, looks, 10, 40)
    assert wrong_numbers(bank) < 1e-12
    return min(1.0, 5 * min(pooled_p(c, probabilities(model, b)) for c, b in zip(counts, betas, strict=True)))


def pooled_p(counts: np.ndarray, p: np.ndarray) -> float:
    """Chi-square p-value; states are pooled in order of their weight until 10 are expected in each pool."""
    order = np.argsort(p)
    pool = (np.cumsum(p[order]) * counts.sum() / 10).astype(int)
    _, pool = np.unique(pool, return_inverse=True)
    seen, hoped = np.bincount(pool, counts[order]), np.bincount(pool, p[order] * counts.sum())
    return float(chi2.sf(np.sum((seen - hoped) ** 2 / hoped), len(seen) - 1))


@pytest.mark.statistical
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_boltzmann_weight(family):
    spec, top = FAMILIES[family]
    sequential(lambda seed: law_p(statfe.model(spec), top, seed), alarm=5e-3)


@pytest.mark.statistical
@pytest.mark.parametrize("model", [parallel, few_bonds, many_bonds])
def test_models_of_ones_own_have_their_boltzmann_weight(model):
    sequential(lambda seed: law_p(model(), 0.8, seed), alarm=5e-3)


@pytest.mark.statistical
def test_a_wrong_weight_shows():
    model = statfe.model("ea:shape=3x4,p=0.7,seed=2")
    bank = make_bank(model, make_plan(model, [0.3, 0.6], "bit-lane", "metropolis", 1024, 1))
    counts = count_states(bank, 120, 10, 40)
    assert pooled_p(counts[1], probabilities(model, 0.6)) > 1e-6
    assert pooled_p(counts[1], probabilities(model, 0.6 * 1.02)) < 1e-6


@pytest.mark.statistical
@pytest.mark.parametrize("spec", ["ising:shape=3x4", "erdos-renyi:n=11,mean_degree=1.5,couplings=bimodal,seed=3"])
def test_annealing_visits_every_rung_in_its_law(spec):
    model, betas = statfe.model(spec), np.array([0.0, 0.2, 0.4])

    def worst(seed: int) -> float:
        plan = make_plan(model, betas, "bit-lane", "metropolis", 2500, seed, schedule="annealing")
        bank = BitLaneBank(model, plan)
        assert plan.chains == 1
        size, odd = 2**model.n_sites, np.arange(2500) % 2 == 1
        counts = np.zeros((3, size))
        for step in range(3):
            sweep(bank, 0, 60, step)
            for look in range(25):
                sweep(bank, 60 + 20 * look, 20, step)
                seen = states(bank)[:, 0]
                counts[step] += np.bincount(seen[~odd], minlength=size)
                counts[2 - step] += np.bincount(seen[odd], minlength=size)
        energy, magnetization = np.full((2500, 2, 3), np.nan), np.zeros((2500, 2, 3), dtype=np.int32)
        for group in range(len(bank.groups)):
            bank.advance(group, Block(2, 0, 2, slice(0, 2)), energy, magnetization)
        # The others have come back to the hot end.
        rung, spins = np.where(odd, 0, 2), np.concatenate([bank.spins(r) for r in range(2500)])
        assert np.array_equal(energy[np.arange(2500), 1, rung], model.energy(spins))
        assert np.array_equal(magnetization[np.arange(2500), 1, rung], spins.sum(axis=1, dtype=int))
        assert np.isnan(energy).sum() == 2500 * 4
        return min(1.0, 3 * min(pooled_p(c, probabilities(model, b)) for c, b in zip(counts, betas, strict=True)))

    sequential(worst, alarm=5e-3)


@pytest.mark.parametrize(("replicas", "chains"), [(1, 1), (1, 2100), (3, 33), (70, 30), (4100, 1), (1, 65)])
def test_energies_are_those_of_the_spins(replicas, chains):
    model = statfe.model("ea:shape=3x4,seed=4")
    plan = make_plan(model, np.linspace(0.2, 1.0, chains), "bit-lane", "gibbs", replicas, 2)
    bank = BitLaneBank(model, plan)
    sweep(bank, 0, 3)
    assert wrong_numbers(bank) < 1e-12
    assert np.array_equal(np.sort(bank.rung_of, axis=1), np.tile(np.arange(chains), (replicas, 1)))
    if chains > 1:
        assert bank.exchanges[:, ACCEPTED].sum() > 0
        assert np.all(bank.exchanges[:, TRIED].sum(axis=1) == [(chains // 2) * 3 + ((chains - 1) // 2) * 2] * replicas)
