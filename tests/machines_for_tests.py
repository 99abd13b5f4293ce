"""Small machines, and what tests of several files do with them."""

from __future__ import annotations

import numpy as np

from statfe.machines.gaussian_rbm import GaussianRbm
from statfe.machines.gibbs import Parameters
from statfe.machines.rbm import Rbm
from tests.naive import rbm as naive


def random_machine(n_visible=5, n_hidden=3, scale=1.0, seed=1) -> Rbm:
    """Biases N(0, 1), weights N(0, scale^2)."""
    rng = np.random.default_rng(seed)
    return Rbm(rng.normal(size=n_visible), rng.normal(size=n_hidden), scale * rng.normal(size=(n_visible, n_hidden)))


def random_gaussian(n_visible=2, n_hidden=3, scale=1.0, seed=1) -> GaussianRbm:
    """As `random_machine`, with sigmas from 0.5 to 1.5."""
    rng = np.random.default_rng(seed)
    return GaussianRbm(
        rng.normal(size=n_visible), rng.normal(size=n_hidden), scale * rng.normal(size=(n_visible, n_hidden)),
        sigma=0.5 + rng.random(n_visible))


def lists(machine):
    """a, b and W as lists."""
    return machine.visible_bias.tolist(), machine.hidden_bias.tolist(), machine.weights.tolist()


def parameters(machine, dtype=np.float64) -> Parameters:
    """Those of a training; Gaussian units in their sigmas."""
    p = Parameters(machine.n_visible, machine.n_hidden, dtype)
    p.a[:], p.b[:], p.W[:] = machine.visible_bias / machine.scales, machine.hidden_bias, machine.scaled_weights
    return p


def all_rows(n):
    """All states of n units, float64."""
    return np.array(naive.states(n), dtype=float)


def slopes_of(function, x, step=1e-5):
    """Central differences of `function()` in each entry of the vector x, which is moved in place."""
    found = []
    for k in range(len(x)):
        kept, values = x[k], []
        for sign in (1, -1):
            x[k] = kept + sign * step
            values.append(function())
        x[k] = kept
        found.append((values[0] - values[1]) / (2 * step))
    return np.array(found)
