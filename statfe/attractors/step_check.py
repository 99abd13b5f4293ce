"""Is the step small enough? Each motion is made with steps dt and dt / 2 and compared after about one turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.attractors.march import Marcher, march
from statfe.errors import UsageError
from statfe.systems.system import System

#: Errors over one turn, in sizes of the attractor: up to which nothing is said, and beyond which nothing is made.
FINE, REFUSED = 1e-3, 0.05
#: Steps of the comparison at most, and how often dt is halved in search of one that does.
STEPS, HALVINGS = 1000, 8


@dataclass(frozen=True)
class StepCheck:
    """What the comparison says.

    Attributes
    ----------
    error
        Largest distance after `time`, in units of the size of the attractor, scaled to the error of dt itself.
    better
        A step with an error below `FINE`, or nan where none is needed or found.
    """

    dt: float
    time: float
    error: float
    better: float

    @property
    def message(self) -> str:
        """Empty where the step is fine."""
        if self.error <= FINE:
            return ""
        cure = f"dt = {self.better:.3g} has less than {FINE:g}" if self.better > 0.0 else "no smaller step was enough"
        return (f"steps of dt = {self.dt:g} and of half of that differ by {self.error:.2g} of the attractor's size "
                f"after a time of {self.time:.3g}; {cure}")


def check_step(system: System, states: np.ndarray, dt: float, method: str | None = None,
               lanes: bool | None = None) -> StepCheck:
    """Compare dt with dt / 2 from `states` (state, dimension), which lie on the attractor.

    Raises
    ------
    UsageError
        The error is beyond `REFUSED`, or a motion breaks down with dt and does not with smaller steps.
    """
    if system.kind == "map":
        return StepCheck(system.dt, system.dt, 0.0, math.nan)
    steps = int(np.clip(round(system.period / dt), 1, STEPS))
    size = _size(system, states)

    def error(step: float) -> float:
        one, other = (_ends(system, states, steps, dt, k * dt / step, method, lanes) for k in (1, 2))
        gap = np.linalg.norm(one - other, axis=1) / size
        order = Marcher(system, dt, method).integrator.order
        return float(np.max(np.where(np.isnan(gap), np.inf, gap))) * 2.0**order / (2.0**order - 1.0)

    first, better = error(dt), math.nan
    if first > FINE:
        better = next((dt / 2**k for k in range(1, HALVINGS) if error(dt / 2**k) <= FINE), math.nan)
    found = StepCheck(dt, steps * dt, first, better)
    if first > REFUSED and not (math.isinf(first) and math.isnan(better)):
        raise UsageError(f"{system.name}: the step is too large: {found.message}; use it")
    return found


def _ends(system: System, states: np.ndarray, steps: int, dt: float, refine: float, method: str | None,
          lanes: bool | None) -> np.ndarray:
    """States after the time ``steps * dt``, by steps that are `refine` times smaller."""
    k = round(refine)
    return march(system, states, 1, steps * k, dt / k, method=method, lanes=lanes).states[:, 0]


def _size(system: System, states: np.ndarray) -> float:
    """Root of the summed variances, or of the summed squares where all states are the same; angles have size one."""
    plain = [i for i in range(system.dimension) if i not in system.angles]
    found = math.sqrt(float(states[:, plain].var(axis=0).sum()) + len(system.angles))
    return max(found, 1e-3 * math.sqrt(float((states[:, plain] ** 2).sum(axis=1).mean())), 1e-9)


def explain_escape(system: System, starts: np.ndarray, dt: float, time: float, method: str | None = None) -> str:
    """Why all of `starts` left within `time`: the step, or the system itself."""
    if system.kind == "flow":
        for k in range(1, HALVINGS):
            smaller = dt / 2**k
            samples = max(1, math.ceil(time / smaller / 64))
            if not march(system, starts[:4], 64, samples, smaller, method=method).escaped.all():
                speed = _stiffness(system, starts[0], dt)
                return f"the step dt = {dt:g} is too large and blows up, {smaller:.3g} does not{speed}; use that"
    also = ", with smaller steps too" if system.kind == "flow" else ""
    return (f"every start escapes to infinity{also}: these parameters may have no attractor, or the "
            "starts lie outside its basin; change the parameters, or start from the attractor or the box instead")


def _stiffness(system: System, state: np.ndarray, dt: float) -> str:
    fastest = float(np.max(np.abs(np.linalg.eigvals(system.jacobian_at(state)))))
    if not math.isfinite(fastest) or dt * fastest < 2.0:
        return ""
    cure = ", or the integrator etdrk4" if system.stiff else ""
    return (f" (the fastest rate is {fastest:.3g}, so dt times it {dt * fastest:.2g}; explicit steps are stable up to "
            f"about 2.8{cure})")
