"""Every kernel on every model of a zoo: the Boltzmann law state by state, and the promises of `Bank`."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.stats import chi2

from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import choose_kernel, get_kernel, kernels
from statfe.sampling.driver import blocks, run_plan
from statfe.sampling.ladder import requested_only
from statfe.sampling.plan import Plan, plan_run
from statfe.sampling.samplers import KERNELS, make_sampler
from tests.naive.ising import energies, probabilities
from tests.retry import sequential

ZOO = (
    "ising:shape=4x4,field=0.25", "ea:shape=3x3,seed=2", "ea:shape=4x4,seed=3,p=0.7",
    "ea:shape=2x2x2,boundary=open,seed=1", "ea:shape=3x3,couplings=gaussian,seed=4,field=0.2",
    "ising:shape=3x3,field=1", "ising:shape=8,coupling=0.7", "triangular:shape=3x3,coupling=-1", "sk:n=8,seed=1",
    "hopfield:n=9,patterns=2,seed=1", "curie-weiss:n=9", "random-regular:n=10,degree=3,seed=3",
    "erdos-renyi:n=9,mean_degree=2,seed=5", "rbm:visible=5,hidden=4,seed=2")
BETAS = np.array([0.2, 0.5, 0.9])
#: Looks at the spins of all replicas, sweeps between them, and replicas.
LOOKS, GAP, REPLICAS = 60, 4, 96

pairs = [(kernel, spec) for kernel in sorted(set(KERNELS) - {"auto"}) for spec in ZOO]


@functools.cache
def model(spec: str) -> IsingModel:
    return build_model(spec)


def plan_of(kernel: str, spec: str, seed: int, sweeps: int = GAP, replicas: int = REPLICAS, rule: str = "") -> Plan:
    sampler = make_sampler(f"{rule or get_kernel(kernel).samplers[0]}:kernel={kernel},burn_in=0,schedule=tempering")
    return Plan(requested_only(BETAS), sampler, "tempering", kernel, sweeps, 0, 1, replicas, seed)


def taken(kernel: str, spec: str) -> None:
    if get_kernel(kernel).obstacle(model(spec)):
        pytest.skip("not for this model")


def advance(bank: Bank, first: int, sweeps: int) -> np.ndarray:
    """Energies of all replicas and rungs, one row a sweep."""
    shape = (bank.plan.replicas, sweeps, len(BETAS))
    energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
    for group in range(len(bank.groups)):
        bank.advance(group, Block(None, first, sweeps, slice(0, sweeps)), energy, magnetization)
    return energy


def by_rung(bank: Bank) -> np.ndarray:
    """Spins of all replicas, shape (replicas, rungs, n_sites)."""
    return np.stack([bank.spins(r)[bank.chain_at[r]] for r in range(bank.plan.replicas)])


def p_value(counts: np.ndarray, p: np.ndarray) -> float:
    expected = p * counts.sum()
    rare = expected < 8
    seen, hoped = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    keep = hoped > 0
    return float(chi2.sf(np.sum((seen[keep] - hoped[keep]) ** 2 / hoped[keep]), max(keep.sum() - 1, 1)))


def test_every_kernel_has_its_name():
    assert set(kernels()) == set(KERNELS) - {"auto"}
    for kernel in kernels().values():
        assert kernel.summary
        assert kernel.samplers


@pytest.mark.parametrize(("kernel", "spec"), pairs)
def test_a_refusal_names_a_kernel_that_can(kernel, spec):
    k = get_kernel(kernel)
    if not k.obstacle(model(spec)):
        return
    with pytest.raises(UsageError, match="cannot hold") as caught:
        plan_run(model(spec), BETAS, make_sampler(f"{k.samplers[0]}:kernel={kernel}"), sweeps=10, replicas=1, seed=1)
    assert k.obstacle(model(spec)) in str(caught.value)
    if k.samplers[0] in ("metropolis", "gibbs"):
        assert "scalar" in str(caught.value)


@pytest.mark.parametrize("spec", ZOO)
def test_the_choice_never_fails(spec):
    for rule in ("metropolis", "gibbs"):
        for updates in (1e3, 1e12):
            plan = plan_run(model(spec), BETAS, make_sampler(rule), sweeps=10, replicas=2, seed=1)
            assert not choose_kernel(model(spec), plan.sampler, plan.load, updates).obstacle(model(spec))


@pytest.mark.statistical
@pytest.mark.parametrize(("kernel", "spec"), pairs)
def test_every_rung_has_its_boltzmann_law(kernel, spec):
    taken(kernel, spec)
    n = model(spec).n_sites
    powers = 2 ** np.arange(n)[::-1]
    law = [probabilities(model(spec), b) for b in BETAS]
    level = np.arange(2**n)
    if n > 12:
        # Too many states to count one by one: energy and magnetisation together.
        e = energies(model(spec))
        m = np.array([bin(s).count("1") for s in range(2**n)])
        _, level = np.unique(np.round(e, 9) + 1j * m, return_inverse=True)
    law = [np.bincount(level, weights=p) for p in law]

    def worst(seed: int) -> float:
        bank = get_kernel(kernel).make(model(spec), plan_of(kernel, spec, seed))
        advance(bank, 0, 40)
        counts = np.zeros((len(BETAS), len(law[0])))
        for look in range(LOOKS):
            advance(bank, 40 + GAP * look, GAP)
            index = level[((by_rung(bank) + 1) // 2) @ powers]
            for t in range(len(BETAS)):
                counts[t] += np.bincount(index[:, t], minlength=len(law[0]))
        # Looks of one replica are correlated at low temperature; replicas are not (pairs are, after cluster moves).
        return min(p_value(c / 4, p) for c, p in zip(counts, law, strict=True))

    sequential(worst, alarm=1e-3)


@pytest.mark.parametrize(("kernel", "spec"), pairs)
def test_energies_are_those_of_the_spins(kernel, spec):
    taken(kernel, spec)
    bank = get_kernel(kernel).make(model(spec), plan_of(kernel, spec, 3, replicas=6))
    energy = advance(bank, 0, 25)[:, -1]
    truth = model(spec).energy(by_rung(bank)) - model(spec).offset
    assert np.allclose(energy, truth, rtol=0, atol=1e-10 * np.abs(model(spec).weights).sum())


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"auto"}))
def test_same_bits_however_it_is_run(kernel, monkeypatch):
    spec = next(s for s in ZOO if not get_kernel(kernel).obstacle(model(s)))
    plan = plan_of(kernel, spec, 5, sweeps=30, replicas=6)
    one = run_plan(model(spec), plan)
    three = run_plan(model(spec), plan, workers=3)
    assert np.array_equal(one.energy, three.energy)
    assert np.array_equal(one.magnetization, three.magnetization)
    half = get_kernel(kernel).make(model(spec), plan)
    first = advance(half, 0, 10)
    kept = {name: array.copy() for name, array in half.state().items()}
    second = advance(half, 10, 20)
    assert np.allclose(np.concatenate([first, second], axis=1), one.energy, atol=1e-9)
    other = get_kernel(kernel).make(model(spec), plan)
    other.restore(kept)
    assert np.array_equal(advance(other, 10, 20), second)
    assert len(list(blocks(model(spec), plan, half))) >= 1


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"auto"}))
def test_costs_and_memory_are_positive_and_grow(kernel):
    spec = next(s for s in ZOO if not get_kernel(kernel).obstacle(model(s)))
    k = get_kernel(kernel)
    few, many = plan_of(kernel, spec, 1, replicas=1).load, plan_of(kernel, spec, 1, replicas=4096).load
    assert k.cost(model(spec), many) > 0
    assert k.cost(model(spec), many) <= 1.01 * k.cost(model(spec), few)
    assert k.bytes(model(spec), many) > k.bytes(model(spec), few) > 0


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"auto"}))
@pytest.mark.parametrize("replicas", [2, 5, 70])
def test_overlaps_are_those_of_the_spins(kernel, replicas):
    spec = next(s for s in ZOO if not get_kernel(kernel).obstacle(model(s)))
    bank = get_kernel(kernel).make(model(spec), plan_of(kernel, spec, 7, replicas=replicas))
    advance(bank, 0, 9)
    spins = by_rung(bank).astype(float)
    even = replicas // 2 * 2
    expected = np.mean(spins[0:even:2] * spins[1:even:2], axis=2)
    assert bank.overlaps().shape == (replicas // 2, len(BETAS))
    assert np.allclose(bank.overlaps(), expected, atol=1e-14)
