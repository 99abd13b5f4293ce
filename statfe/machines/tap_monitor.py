"""The TAP free energy of a machine while it learns: the lowest of the fixed points that a few samples lead to."""

from __future__ import annotations

import math

import numpy as np

from statfe.machines.gaussian_rbm import GaussianRbm
from statfe.machines.gaussian_tap import GaussianTapPoints
from statfe.machines.gibbs import Parameters
from statfe.machines.rbm import Rbm
from statfe.machines.tap_points import TapPoints

#: Samples that points start from, iterations at most, iterations between two looks, and the change where they stop.
STARTS, ROUNDS, LOOK, STILL = 10, 300, 20, 1e-6


def tap_beta_f(machine: Rbm, visible: np.ndarray) -> float:
    """Gamma of second order, from the rows `visible` and the means of the units alone; NaN where nothing settles.

    The lowest fixed point stands for -ln Z, as it has most of the weight where points are far from each other. The
    free energy is uncontrolled: it may be on either side of the true one.
    """
    p = Parameters(machine.n_visible, machine.n_hidden, np.float64)
    p.a[:], p.b[:], p.W[:] = machine.visible_bias / machine.scales, machine.hidden_bias, machine.scaled_weights
    start = np.concatenate([visible[:STARTS], visible.mean(axis=0, keepdims=True)]) / machine.scales
    points: TapPoints | GaussianTapPoints
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(machine, GaussianRbm):
            points = GaussianTapPoints(p, start)
        else:
            points = TapPoints(start, 2)
            points.begin(p)
        for _ in range(0, ROUNDS, LOOK):
            if points.iterate(p, LOOK) < STILL:
                break
        before = points.hidden.copy()
        points.iterate(p, 1)
        found = points.gamma(p)[np.abs(points.hidden - before).max(axis=1) < STILL]
    # the volume of v is that of v / sigma times the sigmas
    return float(found.min()) - float(np.log(machine.scales).sum()) if len(found) else math.nan
