"""What a dynamical system is: a law of motion with its parameters, its Jacobian, and what is known of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from statfe.spec import Option

#: ``law(t, x, p, out)``: state `x` (dimension,), parameters `p` in the order of `System.parameters`, result in `out`.
#: Plain functions without values of their surroundings; numba compiles them into the loops that call them.
Law = Callable[[float, np.ndarray, np.ndarray, np.ndarray], None]

#: Where most of the published exponents stand.
SPROTT = "J. C. Sprott, Chaos and Time-Series Analysis (Oxford 2003), appendix A"

#: Where correlation dimensions stand.
GRASSBERGER = "P. Grassberger and I. Procaccia, Phys. Rev. Lett. 50, 346 (1983), table I"

#: A map with more steps than this in a characteristic time moves along a curve.
GLIDES = 20.0
#: States at which it is seen what the law depends on.
LOOKS = 8

#: ``tangent(t, x, p, v, out)``: the Jacobian at `x` times one vector `v`, both of shape (dimension,), into `out`.
TangentLaw = Callable[[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


@dataclass(frozen=True)
class Known:
    """A published value, or one that follows from a rule.

    Attributes
    ----------
    quantity
        ``exponents``, ``sum_of_exponents``, ``largest_exponent``, ``kaplan_yorke``, ``correlation_dimension``, ...
    value
        One number, or one for each exponent, largest first; exponents are per unit of time, of which a step of a map
        takes `System.dt`. Fewer exponents than coordinates are the first ones.
    source
        Where it is published, or the rule it follows from.
    tolerance
        How far the source itself can be trusted, absolute.
    """

    quantity: str
    value: float | tuple[float, ...]
    source: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class Symmetry:
    """A linear map S of the states with f(S x) = S f(x).

    Attributes
    ----------
    matrix
        shape (dimension, dimension).
    """

    name: str
    matrix: np.ndarray


@dataclass(frozen=True)
class System:
    """A flow dx/dt = f(x) or a map x' = f(x), with all its numbers.

    Forced systems carry the phase of the force as their last coordinate, so every system here is autonomous.

    Attributes
    ----------
    kind
        ``flow``; or ``map``, one step of which takes `dt` units of time. A delay equation is such a map of its history.
    coordinates
        Names of the coordinates, one each.
    parameters
        Numbers by name; their order is that of `p` in the laws.
    rhs
        dx/dt of a flow, or the next state of a map, into `out` of shape (dimension,).
    jacobian
        d rhs_i / d x_j into `out` of shape (dimension, dimension); every entry is written.
    tangent
        ``tangent(t, x, p, v, out)``: `jacobian` times one vector, for systems of many coordinates where that costs far
        less than the matrix; None where it does not.
    dt
        Step of the fixed-step integrators; the time that one step of a map takes.
    period
        Characteristic time: the mean return time of an oscillation, or what users would call one turn (maps: `dt`).
    transient
        Time after which a start in `box` is on the attractor for the eye.
    start
        A state in the basin of the usual attractor, shape (dimension,).
    box
        Corners of the box that random starts are drawn from, shape (dimension, 2).
    bound
        A trajectory further than this from the origin (in the coordinates that are not angles) has escaped.
    angles
        Coordinates that live on the circle of 2 pi.
    symmetries
        Linear symmetries of the law.
    conserved
        ``conserved(x, p)``: a conserved quantity, the energy of a Hamiltonian system; None where there is none.
    momenta
        For a separable Hamiltonian H = K(momentum) + U(position): the indices of the momenta, in the order of the
        positions, which are the other coordinates; empty where symplectic splitting does not apply.
    stiff
        ``stiff(p)``: diagonal L of a flow f(x) = L x + N(x) for exponential time differencing, shape (dimension,);
        None where there is none. `rhs` is then still the whole of f.
    known
        Published values.
    """

    name: str
    title: str
    kind: Literal["flow", "map"]
    coordinates: tuple[str, ...]
    parameters: Mapping[str, float]
    rhs: Law
    jacobian: Law
    dt: float
    period: float
    transient: float
    start: np.ndarray
    box: np.ndarray
    bound: float
    reference: str
    angles: tuple[int, ...] = ()
    symmetries: tuple[Symmetry, ...] = ()
    conserved: Callable[[np.ndarray, np.ndarray], float] | None = None
    momenta: tuple[int, ...] = ()
    stiff: Callable[[np.ndarray], np.ndarray] | None = None
    known: tuple[Known, ...] = ()
    tangent: TangentLaw | None = None
    spec: str = ""

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.coordinates)

    @property
    def p(self) -> np.ndarray:
        """The parameters as the laws take them, shape (n_parameters,)."""
        return np.array(list(self.parameters.values()), dtype=np.float64)

    def velocity(self, x: np.ndarray, t: float = 0.0) -> np.ndarray:
        """The law at one state in plain Python: dx/dt, or the next state of a map. Shape (dimension,)."""
        out = np.empty(self.dimension)
        self.rhs(t, np.asarray(x, dtype=np.float64), self.p, out)
        return out

    def jacobian_at(self, x: np.ndarray, t: float = 0.0) -> np.ndarray:
        """The Jacobian at one state in plain Python, shape (dimension, dimension)."""
        out = np.empty((self.dimension, self.dimension))
        self.jacobian(t, np.asarray(x, dtype=np.float64), self.p, out)
        return out

    def tangent_at(self, x: np.ndarray, v: np.ndarray, t: float = 0.0) -> np.ndarray:
        """The Jacobian at one state times `v` in plain Python, shape (dimension,)."""
        if self.tangent is None:
            product: np.ndarray = self.jacobian_at(x, t) @ v
            return product
        out = np.empty(self.dimension)
        self.tangent(t, np.asarray(x, dtype=np.float64), self.p, np.asarray(v, dtype=np.float64), out)
        return out

    def with_parameters(self, **changes: float) -> System:
        """The same law with other numbers, as a continuation needs it; published values no longer hold."""
        return replace(self, parameters={**self.parameters, **changes}, known=())

    def with_spec(self, spec: str) -> System:
        """The same system under the spec that builds it."""
        return replace(self, spec=spec)


def holds_torus(system: System) -> bool:
    """Whether there is room for a torus: not on a line under a map, nor in a plane under a flow."""
    circles = len(system.angles)
    if system.kind == "map":
        return system.dimension > 1 or circles > 0
    return system.dimension > 2 or circles > 1


def glides(system: System) -> bool:
    """Whether the motion is along curves: a flow, or a map of short steps, such as a delay equation."""
    return system.kind == "flow" or system.period > GLIDES * system.dt


def idle_clocks(system: System) -> tuple[int, ...]:
    """Angles of a flow that no rate depends on, beside other coordinates: clocks of a force that is switched off."""
    clocks = list(system.angles)
    if system.kind == "map" or not clocks or len(clocks) == system.dimension:
        return ()
    low, side = system.box[:, 0].copy(), system.box[:, 1] - system.box[:, 0]
    low[clocks], side[clocks] = 0.0, 2.0 * math.pi
    # places that have nothing in common: multiples of the golden ratio
    places = np.outer(np.arange(1, LOOKS + 1), np.arange(1, system.dimension + 1)) * 0.5 * (math.sqrt(5.0) - 1.0) % 1.0
    slopes = np.array([system.jacobian_at(low + side * place) for place in places])
    return tuple(c for c in clocks if not slopes[:, :, c].any())


def usual(options: Mapping[str, Any], declared: Sequence[Option]) -> bool:
    """Whether all `options` have their defaults, for which the published values hold."""
    return all(options[o.name] == o.default for o in declared)


def constant_divergence(value: float, formula: str) -> Known:
    """The sum of the exponents where the trace of the Jacobian is the same everywhere; exact."""
    return Known("sum_of_exponents", value, f"constant divergence {formula}")


@dataclass(frozen=True)
class Family:
    """A system by name, with its options; ``name:key=value,...`` in a spec.

    Attributes
    ----------
    group
        ``flow``, ``forced``, ``hamiltonian``, ``lattice``, ``delay``, ``map`` or ``file``.
    build
        ``build(options)`` makes the system from checked options; the catalogue gives it its spec.
    """

    name: str
    group: str
    summary: str
    options: tuple[Option, ...]
    build: Callable[[Mapping[str, Any]], System]
    reference: str
    facts: tuple[str, ...] = field(default=())

    @property
    def positional(self) -> bool:
        """Whether the spec starts with a bare path; further options are then numbers that replace those of the file."""
        return any(o.name == "path" for o in self.options)

    def to_dict(self) -> dict[str, Any]:
        """For ``statfe attractors systems --json``."""
        return {
            "name": self.name, "family": self.group, "summary": self.summary,
            "options": [o.to_dict() for o in self.options], "reference": self.reference, "facts": list(self.facts),
        }
