"""Heat bath in the order of the sites, on a machine, is Gibbs sampling layer by layer: 64 chains at once in the lanes.

Sites 0 to n_visible - 1 are the visible units, which are not coupled among themselves: visiting them one by one draws
the whole layer from p(v | h), and the sites after them the other layer from p(h | v).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from statfe.machines.rbm import Rbm
from statfe.sampling.bank import Block
from statfe.sampling.choice import choose_kernel, get_kernel
from statfe.sampling.ladder import requested_only
from statfe.sampling.plan import Plan
from statfe.sampling.samplers import make_sampler
from tests.machines_for_tests import all_rows
from tests.retry import sequential

REPLICAS, SWEEPS = 640, 12


def peaked() -> Rbm:
    """States of very different weights, biases all different."""
    weights = np.array([[3.0, -2.0, 1.0], [2.5, -1.0, -2.0], [-3.0, 2.0, 0.5]])
    return Rbm(np.array([-0.5, 1.0, 0.3]), np.array([-1.5, 0.7, 0.2]), weights)


def products(means, rows):
    """Probability of each row of `rows` where unit i is 1 with probability means[k, i]; shape (k, rows)."""
    return np.prod(np.where(rows[None] > 0, means[:, None], 1.0 - means[:, None]), axis=2)


def layer_matrix(machine):
    """P(v h -> v' h') = p(v' | h) p(h' | v'), states in the order of `all_rows(6)`, visible units first."""
    v, h = all_rows(3), all_rows(3)
    visible, hidden = products(machine.visible_means(h), v), products(machine.hidden_means(v), h)
    onward = visible[:, :, None] * hidden[None]  # from h, to v' and h'
    return np.tile(onward.reshape(8, 64), (8, 1))


def test_the_layer_matrix_keeps_the_law():
    machine, states = peaked(), all_rows(6)
    law = np.exp(-machine.energy(states[:, :3], states[:, 3:]))
    law /= law.sum()
    matrix = layer_matrix(machine)
    assert law.max() > 0.2
    assert law.max() / law.min() > 5e3
    assert matrix.sum(axis=1) == pytest.approx(np.ones(64), abs=1e-14)
    assert np.max(np.abs(law @ matrix - law)) < 1e-15


def transitions(kernel, model, seed):
    """Counts of (state before, state after) one sweep of every chain."""
    sampler = make_sampler(f"gibbs:kernel={kernel},burn_in=0,schedule=tempering")
    plan = Plan(requested_only(np.array([1.0])), sampler, "tempering", kernel, SWEEPS, 0, 1, REPLICAS, seed)
    bank, counts = get_kernel(kernel).make(model, plan), np.zeros((64, 64))
    energy, magnetization = np.empty((REPLICAS, 1, 1)), np.empty((REPLICAS, 1, 1), np.int32)
    powers, before = 2 ** np.arange(6)[::-1], None
    for sweep in range(SWEEPS + 1):
        spins = np.concatenate([bank.spins(r) for r in range(REPLICAS)])
        state = ((spins + 1) // 2) @ powers
        if before is not None:
            np.add.at(counts, (before, state), 1)
        before = state
        for group in range(len(bank.groups)):
            bank.advance(group, Block(None, sweep, 1, slice(0, 1)), energy, magnetization)
    return counts


@pytest.mark.statistical
@pytest.mark.parametrize("kernel", ["scalar", "float-lane"])
def test_a_sweep_of_every_chain_is_one_step_of_both_layers(kernel):
    machine = peaked()
    matrix, model = layer_matrix(machine), machine.ising()

    def p_value(seed):
        seen = transitions(kernel, model, seed)
        hoped = seen.sum(axis=1, keepdims=True) * matrix
        rare = hoped < 5
        a, b = np.append(seen[~rare], seen[rare].sum()), np.append(hoped[~rare], hoped[rare].sum())
        # each row of the matrix takes one degree of freedom, but rows without a common cell none
        freedom = max(1, len(b) - int(np.sum((~rare).any(axis=1))))
        return float(chi2.sf(np.sum((a - b) ** 2 / b), freedom))

    sequential(p_value)


def test_machines_take_the_lanes():
    sampler = make_sampler("gibbs")
    model = Rbm(np.zeros(64), np.zeros(64), np.random.default_rng(1).normal(size=(64, 64))).ising()
    plan = Plan(requested_only(np.array([1.0])), sampler, "tempering", "auto", 10, 0, 1, 64, 1)
    assert choose_kernel(model, sampler, plan.load).name == "float-lane"
