"""Growth of tangent vectors along trajectories: the plan of a run, and the loops over threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe._jit import instance, law
from statfe.attractors.integrators import integrator_of
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.kernels import tangent as kernels
from statfe.random import generator
from statfe.systems.system import System

#: Key of the random stream of the first tangent vectors and of the small steps between trajectories.
GROWTH_KEY = 9701
#: Copies of the motion, and windows that each is cut into.
TRAJECTORIES, WINDOWS = 8, 32
#: Windows before those, in which the vectors find their directions.
SETTLING = 4
#: Trajectories begin this share of the start's size apart.
APART = 1e-6
#: All exponents up to this dimension, else so many leading ones.
WHOLE, LEADING = 64, 16
#: Between two orthonormalisations vectors may grow apart by this factor, as a logarithm; and at most so many steps.
SPREAD, MOST_STEPS = 6.0, 50
#: Work of a run, in multiplications of vectors by entries of a Jacobian, and the least and most steps.
WORK, LEAST, MOST = 6e9, 3e4, 4e6
#: Maps of so few coordinates may fold sharply, and are made orthonormal each step.
SMALL = 10
#: Steps of the transient between two looks at whether it escaped.
CHUNK = 100


#: Derivatives of the integrators that have one.
STEPS: dict[str, Callable[..., float]] = {
    "map": kernels.map_tangent, "rk4": kernels.rk4_tangent, "yoshida4": kernels.yoshida4_tangent,
    "etdrk4": kernels.etdrk4_tangent}


@dataclass(frozen=True)
class Plan:
    """How exponents are measured; by the system and the options alone, never by time or threads.

    Attributes
    ----------
    turn, turns
        Steps between two orthonormalisations, 0 before they are found; how many of those make a window.
    transient
        Steps before the tangent vectors start.
    """

    count: int
    dt: float
    trajectories: int
    windows: int
    turn: int
    turns: int
    transient: int
    integrator: str

    @property
    def window(self) -> float:
        """Time of a window."""
        return self.dt * max(self.turn, 1) * self.turns

    @property
    def drift(self) -> float:
        """Rate that a vector seems to have which grows in proportion to time, as beside regular motion: no exponent."""
        return math.log(1.0 + self.windows / SETTLING) / (self.window * self.windows)

    @property
    def length(self) -> float:
        """Time that is averaged over, of all trajectories together."""
        return self.window * self.windows * self.trajectories


@dataclass(frozen=True)
class Growth:
    """What the loops found.

    Attributes
    ----------
    rates
        Growth a unit of time, shape (trajectory, window, count).
    traces
        Mean trace of the Jacobian in each window (maps: ln |det| a unit of time), shape (trajectory, window);
        nan where not all exponents are asked for.
    ends
        States at the ends of the windows; the first is that at their begin, shape (trajectory, window + 1, dimension).
    escaped
        Time after which a trajectory left, nan for none.
    """

    plan: Plan
    rates: np.ndarray
    traces: np.ndarray
    ends: np.ndarray
    escaped: float = math.nan


def loop_of(system: System, integrator: str) -> Any:
    """The compiled loop `statfe.kernels.tangent.grow` of a system."""
    parts: dict[str, Any] = {"jacobian": law(system.jacobian)}
    if system.tangent is None:
        pull = instance(kernels.pull_matrix, **parts)
    else:
        pull = instance(kernels.pull_vectors, tangent=law(system.tangent), **parts)
    rhs = law(system.rhs)
    if integrator == "etdrk4":
        step = instance(kernels.etdrk4_tangent, bent=instance(kernels.bent, rhs=rhs, pull=pull))
    else:
        step = instance(STEPS[integrator], rhs=rhs, pull=pull)
    return instance(kernels.grow, step=step)


def plan_growth(
    system: System, count: int | None = None, *, dt: float | None = None, length: float | None = None,
    scale: float = 1.0, trajectories: int = TRAJECTORIES, transient: float | None = None, turn: int = 0,
    integrator: str | None = None,
) -> Plan:
    """The plan of a run.

    Parameters
    ----------
    count
        Leading exponents; all of a system of at most `WHOLE` coordinates when not given. Stiff systems give `LEADING`:
        an exponential step does not resolve how fast modes contract that it only damps.
    length
        Time to average over, of all trajectories together; as `WORK` times `scale` allows when not given.
    turn
        Steps between two orthonormalisations; 0: found by a short run, see `grow`.

    Raises
    ------
    UsageError
        For a number that is out of range.
    """
    chosen = integrator_of(system, integrator).name
    if chosen not in STEPS:
        raise UsageError(f"tangent vectors do not follow {chosen}; take one of {', '.join(STEPS)}")
    step = system.dt if dt is None or system.kind == "map" else float(dt)
    if count is None:
        count = system.dimension if system.dimension <= WHOLE and system.stiff is None else min(
            LEADING, system.dimension)
    if not 1 <= count <= system.dimension:
        raise UsageError(f"{system.name} has {system.dimension} exponents; asked for {count}")
    if not (step > 0.0 and math.isfinite(step)) or trajectories < 1 or scale <= 0.0:
        raise UsageError(f"dt, the length and the number of trajectories must be positive, got dt={step:g}")
    if length is None:
        steps = scale * min(max(WORK / cost_of(system, count), LEAST), MOST)
    else:
        if not 0.0 < length < math.inf:
            raise UsageError(f"the length must be positive, got {length:g}")
        steps = length / step
    window = max(1, round(steps / (trajectories * WINDOWS)))
    before = system.transient if transient is None else transient
    return Plan(count, step, trajectories, WINDOWS, turn, window, math.ceil(before / step), chosen)


def cost_of(system: System, count: int) -> float:
    """Work of a step: it fills a Jacobian, pulls every vector through what is not zero of it, and mixes them.

    Maps are mixed at each step, and all their exponents need a determinant.
    """
    if system.kind == "map":
        determinant = system.dimension**3 / 3.0 if count == system.dimension else 0.0
        return 2.0 * count**2 * system.dimension + determinant + 4.0 * system.dimension * count + 20.0
    if system.tangent is not None:
        return count * (6.0 * system.dimension + 2.0 * count) + 20.0
    filled = int(np.count_nonzero(system.jacobian_at(system.start)))
    return 3.0 * system.dimension**2 + count * (filled + 2.0 * count) + 20.0


def grow(system: System, plan: Plan, starts: np.ndarray | None = None, seed: int = 0, workers: int = 1) -> Growth:
    """Follow the trajectories of `plan`; the same bits for any number of workers.

    Parameters
    ----------
    starts
        Where they begin, shape (trajectory, dimension); near the system's own start when not given.
    """
    loop = loop_of(system, plan.integrator)
    table = np.zeros((7, system.dimension))
    constants = integrator_of(system, plan.integrator).constants(system, plan.dt)
    table[:len(constants)] = constants
    draw = generator(seed, GROWTH_KEY)
    given = system.start[None] if starts is None else np.atleast_2d(np.asarray(starts, dtype=np.float64))
    starts = np.resize(given, (plan.trajectories, system.dimension))
    # equal or overlapping trajectories would count twice: chaos takes them apart
    side = np.maximum(np.abs(starts), system.box[:, 1] - system.box[:, 0])
    apart = APART * np.minimum(1.0 + np.abs(starts), side) * (np.arange(plan.trajectories) > 0)[:, None]
    starts = starts + apart * draw.standard_normal(starts.shape)
    first = draw.standard_normal((plan.trajectories, system.dimension, plan.count))
    measured = np.ones(system.dimension, dtype=np.bool_)
    measured[list(system.angles)] = False
    whole = plan.count == system.dimension

    def run(x: np.ndarray, v: np.ndarray, windows: int, turn: int, turns: int) -> tuple[np.ndarray, ...]:
        grown, volume = np.zeros((windows, v.shape[1])), np.zeros(windows)
        ends = np.full((windows, system.dimension), np.nan)
        rows = x.size + 2 if whole or system.tangent is None else 2
        room = np.empty((6, x.size)), np.empty((6, *v.shape)), np.empty((rows, x.size))
        done = loop(x, v, 0.0, plan.dt, system.p, table, whole, turn, turns, system.bound, measured, grown, volume,
                    ends, *room)
        return np.array(done), grown, volume, ends

    plan = _with_turn(system, plan, run, starts[0], first[0])

    def follow(r: int) -> tuple[np.ndarray, ...]:
        x, v = starts[r].copy(), np.ascontiguousarray(first[r])
        # later trajectories wait longer, so that regular motion is seen at other phases too
        wait = plan.transient + r * max(1, round(system.period / plan.dt / plan.trajectories))
        done, *_ = run(x, v[:, :1].copy(), -(-wait // CHUNK), 1, CHUNK)
        if done * CHUNK < wait:
            return np.array((done + 1) * CHUNK * plan.dt), x
        settled, *_ = run(x, v, SETTLING, plan.turn, plan.turns)
        begin = x.copy()
        done, grown, volume, ends = run(x, v, plan.windows, plan.turn, plan.turns)
        if settled < SETTLING or done < plan.windows:
            return np.array((settled + (done if settled == SETTLING else 0) + 1) * plan.window + wait * plan.dt), x
        return np.array(np.nan), grown / plan.window, volume / plan.window, np.vstack([begin, ends])

    found = map_tasks(follow, range(plan.trajectories), workers)
    gone = [float(f[0]) for f in found if np.isfinite(f[0])]
    if gone:
        empty = np.full((0, 0, plan.count), np.nan)
        return Growth(plan, empty, empty[..., 0], empty, min(gone))
    rates, traces, ends = (np.array([f[k] for f in found]) for k in (1, 2, 3))
    return Growth(plan, rates, traces if whole else np.full_like(traces, np.nan), ends)


def _with_turn(system: System, plan: Plan, run: Any, x: np.ndarray, v: np.ndarray) -> Plan:
    """The plan with steps between two orthonormalisations such that vectors do not fall together."""
    steps = plan.turn * plan.turns if plan.turn else plan.turns
    turn = plan.turn
    if not turn:
        trial = 200
        done, grown, _, _ = run(x.copy(), np.ascontiguousarray(v), trial, 1, 1)
        kept = grown[trial // 2:int(done)]
        apart = float(np.max(kept.max(axis=1) - kept.min(axis=1))) if len(kept) and plan.count > 1 else 0.0
        turn = int(min(max(SPREAD / apart, 1.0), MOST_STEPS)) if apart > 0.0 and math.isfinite(apart) else 1
        turn = turn if plan.count > 1 else 10
    if system.kind == "map" and 1 < system.dimension <= SMALL:
        turn = 1
    return Plan(plan.count, plan.dt, plan.trajectories, plan.windows, turn, max(1, round(steps / turn)),
                plan.transient, plan.integrator)
