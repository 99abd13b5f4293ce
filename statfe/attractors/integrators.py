"""The fixed-step integrators, and which of them a system takes: one place that picks and names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe._jit import instance, law
from statfe.errors import UsageError, unknown_name
from statfe.kernels import march as basic
from statfe.kernels import march_steps as steps
from statfe.systems.system import System

#: Points of the contour of Kassam and Trefethen, and its radius in units of L dt.
CONTOUR, RADIUS = 64, 1.0


@dataclass(frozen=True)
class Integrator:
    """One way to make a step.

    Attributes
    ----------
    order
        The error over a fixed time falls as dt to this power; 0 for a map, which has none.
    template
        Of `statfe.kernels`.
    rows
        Rows of its `work`.
    constants
        ``constants(system, dt)``: the first rows of `work`, shape (n, dimension).
    obstacle
        ``obstacle(system)``: why it cannot take a system, or "".
    """

    name: str
    title: str
    order: int
    template: Callable[..., Any]
    rows: int
    constants: Callable[[System, float], np.ndarray]
    obstacle: Callable[[System], str]
    reference: str

    def step(self, system: System) -> Any:
        """The step, compiled for the law of `system`."""
        return instance(self.template, rhs=law(system.rhs))

    def work(self, system: System, dt: float) -> np.ndarray:
        """`work` for one trajectory, shape (rows, dimension)."""
        found = np.zeros((self.rows, system.dimension))
        constants = self.constants(system, dt)
        found[:len(constants)] = constants
        return found


def _none(system: System, _dt: float) -> np.ndarray:
    return np.empty((0, system.dimension))


def _masks(system: System, _dt: float) -> np.ndarray:
    found = np.zeros((2, system.dimension))
    found[0, list(system.momenta)] = 1.0
    found[1] = 1.0 - found[0]
    return found


def exponential_coefficients(linear: np.ndarray, dt: float) -> np.ndarray:
    """Rows of `etdrk4_step` for the diagonal `linear`: L, e^(L dt), e^(L dt / 2), Q, f1, f2, f3.

    The functions of L dt lose all digits near 0; their means over a circle around it do not (Kassam and Trefethen,
    SIAM J. Sci. Comput. 26, 1214 (2005), section 2).
    """
    angles = np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR  # the upper half; the lower one is its mirror
    z = (dt * linear)[:, None] + RADIUS * np.exp(1j * angles)
    e = np.exp(z)
    q = dt * ((np.exp(z / 2.0) - 1.0) / z).real.mean(axis=1)
    f1 = dt * ((-4.0 - z + e * (4.0 - 3.0 * z + z**2)) / z**3).real.mean(axis=1)
    f2 = dt * ((2.0 + z + e * (-2.0 + z)) / z**3).real.mean(axis=1)
    f3 = dt * ((-4.0 - 3.0 * z - z**2 + e * (4.0 - z)) / z**3).real.mean(axis=1)
    return np.array([linear, np.exp(dt * linear), np.exp(dt * linear / 2.0), q, f1, f2, f3])


def _exponentials(system: System, dt: float) -> np.ndarray:
    assert system.stiff is not None
    return exponential_coefficients(system.stiff(system.p), dt)


def _needs_flow(system: System) -> str:
    return "is a map; maps take no integrator" if system.kind == "map" else ""


def _needs_map(system: System) -> str:
    return "" if system.kind == "map" else "is a flow; take rk4"


def _needs_momenta(system: System) -> str:
    return _needs_flow(system) or ("" if system.momenta else "has no separable Hamiltonian; take rk4")


def _needs_stiff(system: System) -> str:
    return _needs_flow(system) or ("" if system.stiff else "has no linear stiff part; take rk4")


INTEGRATORS = {found.name: found for found in (
    Integrator("map", "the map itself", 0, basic.map_step, 5, _none, _needs_map, ""),
    Integrator("rk4", "classical Runge-Kutta", 4, basic.rk4_step, 5, _none, _needs_flow, "Kutta (1901)"),
    Integrator("leapfrog", "symplectic kick-drift-kick", 2, steps.leapfrog_step, 3, _masks, _needs_momenta,
               "Verlet, Phys. Rev. 159, 98 (1967)"),
    Integrator("yoshida4", "symplectic, three leapfrogs", 4, steps.yoshida4_step, 3, _masks, _needs_momenta,
               "Yoshida, Phys. Lett. A 150, 262 (1990)"),
    Integrator("etdrk4", "exponential time differencing", 4, steps.etdrk4_step, 12, _exponentials, _needs_stiff,
               "Cox and Matthews, J. Comput. Phys. 176, 430 (2002)"),
)}


def compiled_law(system: System) -> Any:
    """The law of motion, to be called from Python."""
    return law(system.rhs)


def compiled_jacobian(system: System) -> Any:
    """The derivative of the law, to be called from Python."""
    return law(system.jacobian)


def integrator_of(system: System, name: str | None = None) -> Integrator:
    """The integrator called `name`; when None the default of the system.

    That is the map itself, etdrk4 for a flow with a stiff linear part, yoshida4 for a separable Hamiltonian, else rk4.

    Raises
    ------
    UsageError
        Unknown, or not made for this system.
    """
    if name is None:
        name = ("map" if system.kind == "map" else "etdrk4" if system.stiff else "yoshida4" if system.momenta
                else "rk4")
    if name not in INTEGRATORS:
        raise UsageError(unknown_name("integrator", name, INTEGRATORS))
    found = INTEGRATORS[name]
    if why := found.obstacle(system):
        raise UsageError(f"integrator {name}: {system.name} {why}")
    return found
