"""Growth of tangent vectors by scipy's adaptive DOP853, to hold the exponents of fixed steps against.

State, tangent vectors and the integral of the trace are one system of equations: the variational equations (Benettin et
al., Meccanica 15, 9 (1980), eq. 3). Nothing is shared with the kernels but the laws. Slow, for few coordinates.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp

from statfe.attractors.integrators import compiled_jacobian, compiled_law
from statfe.attractors.tangent import APART, GROWTH_KEY, SPREAD, WINDOWS, Growth, Plan
from statfe.errors import UsageError
from statfe.random import generator
from statfe.systems.system import System

TOLERANCE, TRAJECTORIES = 1e-10, 4
#: Orthonormalisations before those that count; the first half of them finds how fast vectors grow apart.
SETTLING = 40


def reference_growth(system: System, length: float, *, starts: np.ndarray | None = None, seed: int = 0,
                     trajectories: int = TRAJECTORIES, tolerance: float = TOLERANCE) -> Growth:
    """All exponents over `length` units of time, of all trajectories together, as `statfe.attractors.tangent.grow`.

    Parameters
    ----------
    starts
        Where trajectories begin, shape (trajectory, dimension); near the system's own start when not given.

    Raises
    ------
    UsageError
        For a map, a length that is not positive, and where DOP853 cannot go on.
    """
    if system.kind == "map":
        raise UsageError(f"{system.name} is a map: its steps are exact, and no integrator is held against them")
    if not 0.0 < length < math.inf or trajectories < 1:
        raise UsageError(f"the length and the number of trajectories must be positive, got length={length:g}")
    draw = generator(seed, GROWTH_KEY)
    given = system.start[None] if starts is None else np.atleast_2d(np.asarray(starts, dtype=np.float64))
    x = np.resize(given, (trajectories, system.dimension))
    x = x + APART * (1.0 + np.abs(x)) * draw.standard_normal(x.shape)
    first = np.linalg.qr(draw.standard_normal((system.dimension, system.dimension)))[0]
    follow = Follower(system, tolerance)
    paths = [follow.settle(start, first, system.transient) for start in x]
    turn = min(SPREAD / max(path[2] for path in paths), system.period)
    turns = max(1, round(length / (turn * WINDOWS * trajectories)))
    plan = Plan(system.dimension, turn, trajectories, WINDOWS, 1, turns, math.ceil(system.transient / turn), "DOP853")
    found = [follow.windows(state, vectors, plan) for state, vectors, _ in paths]
    rates, traces, ends = (np.array([f[k] for f in found]) for k in range(3))
    return Growth(plan, rates / plan.window, traces / plan.window, ends)


class Follower:
    """One trajectory with its vectors; a step size that lasts from call to call.

    Parameters
    ----------
    compiled
        Whether the laws are compiled first; plain Python is slower, and starts at once.
    """

    def __init__(self, system: System, tolerance: float, compiled: bool = True) -> None:
        self.system, self.n, self.p, self.tolerance = system, system.dimension, system.p, tolerance
        self.rhs, self.jacobian = system.rhs, system.jacobian
        if compiled:
            self.rhs, self.jacobian = compiled_law(system), compiled_jacobian(system)
        self.step: float | None = None

    def slope(self, t: float, y: np.ndarray) -> np.ndarray:
        """dx/dt = f(x), dV/dt = J(x) V, d ln(volume)/dt = trace of J(x)."""
        n, out, jac = self.n, np.empty_like(y), np.empty((self.n, self.n))
        self.rhs(t, y[:n], self.p, out[:n])
        self.jacobian(t, y[:n], self.p, jac)
        out[n:-1] = (jac @ y[n:-1].reshape(n, n)).ravel()
        out[-1] = np.trace(jac)
        return out

    def turn(self, x: np.ndarray, v: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """State and orthonormal vectors a `time` later, their growth, and that of the volume by the trace."""
        y = np.concatenate([x, v.ravel(), [0.0]])
        found = solve_ivp(self.slope, (0.0, time), y, method="DOP853", rtol=self.tolerance, atol=self.tolerance,
                          first_step=None if self.step is None else min(self.step, time))
        y = found.y[:, -1]
        if found.status < 0 or not np.isfinite(y).all():
            raise UsageError(f"{self.system.name}: DOP853 cannot go on: {found.message} Take other starts or "
                             "parameters")
        self.step = float(np.max(np.diff(found.t)))
        q, r = np.linalg.qr(y[self.n:-1].reshape(self.n, self.n))
        return y[:self.n], q, np.log(np.abs(np.diag(r))), float(y[-1])

    def settle(self, x: np.ndarray, v: np.ndarray, transient: float) -> tuple[np.ndarray, np.ndarray, float]:
        """State and vectors on the attractor, and the rate at which vectors grow apart there."""
        found = solve_ivp(lambda t, y: self.slope(t, np.concatenate([y, np.zeros(self.n**2 + 1)]))[:self.n],
                          (0.0, max(transient, self.system.period)), x, method="DOP853", rtol=self.tolerance,
                          atol=self.tolerance)
        x, fastest, time = found.y[:, -1], 0.0, 0.05 * self.system.period
        for k in range(SETTLING):
            if k == SETTLING // 2:
                time = min(SPREAD / max(fastest, 1e-9), self.system.period)
            x, v, grown, _ = self.turn(x, v, time)
            if k >= SETTLING // 4:
                fastest = max(fastest, float(np.ptp(grown)) / time)
        return x, v, max(fastest, 1e-9)

    def windows(self, x: np.ndarray, v: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Growth of vectors and of the volume in each window, and the states at its ends."""
        grown, volume, ends = np.zeros((plan.windows, self.n)), np.zeros(plan.windows), [x]
        for w in range(plan.windows):
            for _ in range(plan.turns):
                x, v, more, change = self.turn(x, v, plan.dt)
                grown[w] += more
                volume[w] += change
            ends.append(x)
        return grown, volume, np.array(ends)
