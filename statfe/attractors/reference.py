"""Reference trajectories by scipy's adaptive integrators, to hold the fixed steps against.

DOP853 is the explicit Runge-Kutta of order eight of Dormand and Prince (Hairer, Norsett, Wanner, Solving Ordinary
Differential Equations I (1993), section II.5); Radau is implicit, for stiff systems.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from statfe.attractors.integrators import compiled_law
from statfe.attractors.march import Trajectories
from statfe.errors import UsageError
from statfe.systems.system import System

METHODS = ("DOP853", "Radau", "LSODA", "RK45", "BDF")
TOLERANCE = 1e-12
#: Evaluations of the law after which an explicit integrator is taken to be lost in a stiff system.
EVALUATIONS = 5_000_000


class _TooManyError(Exception):
    pass


def reference(system: System, starts: np.ndarray, times: np.ndarray, *, method: str = "DOP853",
              tolerance: float = TOLERANCE, evaluations: int = EVALUATIONS, compiled: bool = True) -> Trajectories:
    """Follow `starts` to the given times with an error control of `tolerance`, relative and absolute.

    Parameters
    ----------
    starts
        shape (trajectory, dimension), at time 0.
    times
        Ascending, positive, shape (time,).
    evaluations
        Of the law at most, for one trajectory.
    compiled
        Whether the law is compiled first; plain Python is slower, and starts at once.

    Raises
    ------
    UsageError
        For a map, and where the integrator cannot go on: the message says what to change.
    """
    if system.kind == "map":
        raise UsageError(f"{system.name} is a map: its steps are exact, and no integrator is held against them")
    if method not in METHODS:
        raise UsageError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    starts = np.atleast_2d(np.asarray(starts, dtype=np.float64))
    states = np.full((len(starts), len(times), system.dimension), np.nan)
    kept = np.zeros(len(starts), dtype=np.int64)
    rhs = compiled_law(system) if compiled else system.rhs
    for r, start in enumerate(starts):
        found = _solve(system, rhs, start, times, method, tolerance, evaluations)
        if found.status < 0:
            raise UsageError(
                f"{system.name}: {method} cannot go on from start {r}: {found.message} The motion is singular or "
                "escapes in finite time; take a shorter time, other starts or other parameters")
        kept[r] = found.y.shape[1]
        states[r, :kept[r]] = found.y.T
    return Trajectories(states, np.asarray(times, dtype=np.float64), kept)


def _solve(system: System, rhs: Any, start: np.ndarray, times: np.ndarray, method: Any, tolerance: float,
           evaluations: int) -> Any:
    measured = [i for i in range(system.dimension) if i not in system.angles]
    p, count = system.p, 0

    def leaves(_t: float, x: np.ndarray) -> float:
        return system.bound - float(np.max(np.abs(x[measured]), initial=0.0))

    def velocity(t: float, x: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > evaluations:
            raise _TooManyError
        out = np.empty_like(x)
        rhs(t, x, p, out)
        return out

    leaves.terminal = True  # type: ignore[attr-defined]
    more: dict[str, Any] = {"events": leaves}
    if method in ("Radau", "BDF"):
        more["jac"] = lambda t, x: system.jacobian_at(x, t)
    try:
        return solve_ivp(velocity, (0.0, float(times[-1])), start, method=method, t_eval=times, rtol=tolerance,
                         atol=tolerance, **more)
    except _TooManyError:
        raise UsageError(_stiff(system, method, evaluations)) from None


def _stiff(system: System, method: str, evaluations: int) -> str:
    cure = ("take the fixed steps of etdrk4, which treat its stiff part exactly" if system.stiff
            else "take method Radau, which is implicit" if method != "Radau" else "take a shorter time")
    return (f"{system.name}: {method} took {evaluations} evaluations and was not through: the system is stiff, or the "
            f"time long; {cure}, or allow more evaluations")
