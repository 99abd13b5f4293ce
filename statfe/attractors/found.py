"""The attractors that were found in one system, of whatever sort: the layout of `/attractors` in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.result import Status

#: Labels of starts that led to no attractor; those from 0 on are attractors.
NOT_CONVERGED, ESCAPED, NONE_FOUND = -1, -2, -3
ANSWERS = {NOT_CONVERGED: "not converged", ESCAPED: "escaped to infinity", NONE_FOUND: "no attractor found"}


@dataclass(frozen=True, eq=False)
class Points:
    """Sampled points of the attractors, for figures.

    Attributes
    ----------
    states
        shape (point, coordinate).
    labels
        Attractor of each point; int, shape (point,).
    """

    states: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class BasinSlice:
    """Answers for starts on a plane of two coordinates, the others held.

    Attributes
    ----------
    axes
        Indices of the two coordinates.
    first, second
        Values along them, shapes (a,) and (b,).
    labels
        As `AttractorSet.labels`; int, shape (a, b).
    through
        State that gives the other coordinates, shape (coordinate,).
    """

    axes: tuple[int, int]
    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray
    through: np.ndarray


@dataclass(frozen=True, eq=False)
class Saddles:
    """Places where runs lingered and that are no attractors.

    Attributes
    ----------
    kinds
        ``saddle point``, ``repelling point`` or ``transient``, one each.
    states
        shape (saddle, coordinate).
    growth
        Rate at which neighbours leave: largest real part of the eigenvalues (largest log modulus per unit of time of a
        map), or the largest exponent while it lingers; shape (saddle,).
    visits
        Starts that lingered there, shape (saddle,).
    """

    kinds: tuple[str, ...]
    states: np.ndarray
    growth: np.ndarray
    visits: np.ndarray


@dataclass(frozen=True)
class AttractorSet:
    """All attractors found from a set of starts, largest basin first.

    Attributes
    ----------
    system
        Spec of the system or of the model.
    method
        How they were told apart, as a spec.
    kinds
        Word for each attractor: ``fixed point``, ``limit cycle``, ``torus``, ``strange``; ``memory``, ``spurious``, ...
    states
        A state on each attractor, shape (attractor, coordinate).
    coordinates
        Name of each coordinate.
    free_energy
        shape (attractor,); nan where the system has none.
    stability
        Largest Lyapunov exponent, or largest eigenvalue of the linearised law; negative is stable; shape (attractor,).
    basin_fraction, basin_fraction_error
        Share of the starts that ends there, with its binomial error; shape (attractor,).
    starts
        Where each run began, shape (start, coordinate).
    labels
        Attractor of each start, or `NOT_CONVERGED`, `ESCAPED`, `NONE_FOUND`; int, shape (start,).
    stats
        Further arrays with one entry for each attractor, and numbers or text about the whole, by name.
    status, message
        ``converged`` when the answer can be relied on; the message says what to change otherwise.
    points, basin_slice, saddles
        Points of each attractor, an image of the basins, and what only looked like an attractor, where there are any.
    """

    system: str
    method: str
    kinds: tuple[str, ...]
    states: np.ndarray
    coordinates: tuple[str, ...]
    free_energy: np.ndarray
    stability: np.ndarray
    basin_fraction: np.ndarray
    basin_fraction_error: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    seed: int
    status: Status = "converged"
    message: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)
    points: Points | None = None
    basin_slice: BasinSlice | None = None
    saddles: Saddles | None = None

    @property
    def count(self) -> int:
        """Number of attractors."""
        return len(self.kinds)

    def to_dict(self) -> dict[str, Any]:
        """Facts of the search and a row an attractor, without the states."""
        names = ("free_energy", "stability", "basin_fraction", "basin_fraction_error")
        rows = [{"kind": self.kinds[k], **{name: getattr(self, name)[k] for name in names},
                 **{name: values[k] for name, values in self.stats.items() if np.ndim(values)}}
                for k in range(self.count)]
        return {"model": self.system, "method": self.method, "seed": self.seed, "status": self.status,
                "message": self.message, "attractors": rows}

    def share(self, answer: int) -> float:
        """Share of the starts with one of the answers that are no attractor."""
        return float(np.mean(self.labels == answer)) if len(self.labels) else 0.0


def basin_fractions(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of `count` attractors among the starts, and their binomial errors.

    The error is that of the share (n + 1) / (starts + 2), which is not zero for none or all of them.
    """
    starts = len(labels)
    hits = np.bincount(labels[labels >= 0], minlength=count).astype(np.float64)
    smooth = (hits + 1.0) / (starts + 2.0)
    return hits / max(starts, 1), np.sqrt(smooth * (1.0 - smooth) / max(starts, 1))
