"""What every bank of chains must do, for the tests of the kernels: the joint law, energies, resumes, independence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import chi2

import statfe
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.plan import Plan, plan_run
from statfe.sampling.samplers import make_sampler
from tests.models_for_tests import disconnected, peaked
from tests.naive.ising import probabilities

#: Small models of many families, for full-state tests.
SMALL: dict[str, Callable[[], IsingModel]] = {
    "ea": lambda: statfe.model("ea:shape=2x2x3,couplings=gaussian,seed=3"),
    "rbm": lambda: statfe.model("rbm:visible=6,hidden=4,seed=2"),
    "random-regular": lambda: statfe.model("random-regular:n=10,degree=3,couplings=gaussian,seed=4"),
    "erdos-renyi": lambda: statfe.model("erdos-renyi:n=11,mean_degree=3,couplings=gaussian,seed=5"),
    "triangular": lambda: statfe.model("triangular:shape=3x3"),
    "sk": lambda: statfe.model("sk:n=10,seed=6"),
    "hopfield": lambda: statfe.model("hopfield:n=10,patterns=2,seed=7"),
    "parallel bonds, lone spin": disconnected,
    "peaked": lambda: IsingModel.from_edges(5, *np.triu_indices(5, 1), 0.5 * peaked(5).couplings, peaked(5).fields),
}


def make_plan(model: IsingModel, betas: Any, kernel: str, rule: str, replicas: int, seed: int, sweeps: int = 100,
              schedule: str = "tempering", thin: int = 1) -> Plan:
    """A plan with just these rungs."""
    sampler = make_sampler(f"{rule}:kernel={kernel},schedule={schedule},thin={thin},burn_in=20")
    return plan_run(model, np.array(betas), sampler, sweeps=sweeps, replicas=replicas, seed=seed, samples_only=True)


def make_bank(model: IsingModel, plan: Plan) -> Bank:
    """Its bank."""
    return get_kernel(plan.kernel).make(model, plan)


def law_p_value(model: IsingModel, betas: list[float], kernel: str, rule: str, replicas: int, seed: int,
                looks: int = 400, gap: int = 4, law_beta: float = 1.0) -> float:
    """Smallest p-value over the rungs of state counts against enumeration, Bonferroni-corrected.

    Looks are `gap` sweeps apart and slightly correlated: the counts enter divided by 3.
    """
    plan = make_plan(model, betas, kernel, rule, replicas, seed)
    bank, powers = make_bank(model, plan), 2 ** np.arange(model.n_sites)[::-1]
    counts = np.zeros((len(betas), 2**model.n_sites))
    nothing = np.empty((0, 0, 0))
    for look in range(looks + 20):
        for group in range(len(bank.groups)):
            bank.advance(group, Block(None, gap * look, gap, None), nothing, nothing)
        if look >= 20:
            for r in range(replicas):
                seen = ((bank.spins(r).astype(int) + 1) // 2) @ powers
                for t in range(len(betas)):
                    counts[t, seen[bank.chain_at[r, t]]] += 1
    p = [chi_square_p(counts[t] / 3, probabilities(model, law_beta * b)) for t, b in enumerate(betas)]
    return min(1.0, len(p) * min(p))


def chi_square_p(counts: np.ndarray, p: np.ndarray) -> float:
    """p-value of counts against probabilities, states with fewer than 10 expected pooled into one."""
    expected = p * counts.sum()
    rare = expected < 10
    seen, hoped = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    keep = hoped > 0
    return float(chi2.sf(np.sum((seen[keep] - hoped[keep]) ** 2 / hoped[keep]), max(1, keep.sum() - 1)))


def last_energies_error(model: IsingModel, kernel: str, betas: list[float], replicas: int, sweeps: int) -> float:
    """Largest relative difference of the last energies (and of magnetisations) from the spins themselves."""
    plan = make_plan(model, betas, kernel, "metropolis", replicas, 3)
    bank = make_bank(model, plan)
    shape = (replicas, sweeps, plan.n_rungs)
    energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int32)
    worst = 0.0
    for group, members in enumerate(bank.groups):
        bank.advance(group, Block(None, 0, sweeps, slice(0, sweeps)), energy, magnetization)
        for r in members:
            spins = bank.spins(r)[bank.chain_at[r]]
            truth = model.energy(spins) - model.offset
            worst = max(worst, float(np.max(np.abs(energy[r, -1] - truth) / np.maximum(1.0, np.abs(truth)))))
            assert np.array_equal(magnetization[r, -1], spins.astype(int).sum(axis=1))
    return worst
