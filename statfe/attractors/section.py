"""Poincare section of a flow, the times between its crossings, and return maps.

A crossing between two samples is placed by the cubic of Hermite through both states and their velocities, of order four
in the time between samples; velocities come from the law, or from neighbouring samples where no law is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.record import Record
from statfe.errors import UsageError, unknown_name
from statfe.stats import mean_error

NAME = "return_time"
#: Fewest returns that a mean time is made of.
LEAST = 30


@dataclass(frozen=True)
class Section:
    """Crossings of the plane ``coordinate = level``, upwards; for an angle once a turn, the way it turns.

    Attributes
    ----------
    points
        shape (crossings, coordinates).
    times
        Time since the start of the trajectory, shape (crossings,).
    trajectory
        Which one, shape (crossings,).
    """

    coordinate: str
    level: float
    points: np.ndarray
    times: np.ndarray
    trajectory: np.ndarray


def read_plane(record: Record, plane: str | None) -> tuple[int, float]:
    """Index and level of ``z=27``; of the mean of the coordinate that swings most, where no plane is given."""
    if plane is None:
        rest = [c for c in range(len(record.names)) if c not in record.angles]
        spread = record.values.std(axis=(0, 1))
        c = max(rest or [0], key=lambda k: float(spread[k]))
        return c, float(record.values[..., c].mean())
    name, _, level = plane.partition("=")
    if name.strip() not in record.names:
        raise UsageError(unknown_name("coordinate", name.strip(), record.names))
    try:
        return record.names.index(name.strip()), float(level)
    except ValueError:
        raise UsageError(f"a plane is written coordinate=level, such as z=27; got {plane!r}") from None


def poincare_section(record: Record, plane: str | None = None) -> tuple[Section | None, Invariant]:
    """The section and the mean time between crossings; for maps, None and a reason."""
    if record.kind == "map":
        return None, unsupported(NAME, "a map has no motion between its steps; sections are of flows", "time")
    c, level = read_plane(record, plane)
    level = level % (2.0 * np.pi) if c in record.angles else level
    if record.still:
        return None, unsupported(NAME, "the record stands still: a fixed point crosses no plane", "time")
    points, times, owner = [], [], []
    for r, states in enumerate(record.values):
        side, way = states[:, c] - level, 1.0
        if c in record.angles:
            way = 1.0 if states[-1, c] >= states[0, c] else -1.0
            side = np.remainder(way * side + np.pi, 2.0 * np.pi) - np.pi
        # a jump from one end of the circle to the other is no crossing
        places = np.flatnonzero((side[:-1] < 0.0) & (side[1:] >= 0.0) & (
            (c not in record.angles) | (np.diff(side) < np.pi)))
        if len(places):
            at, x = _crossings(record, states, places, c, states[places, c] - way * side[places], way)
            points.append(x)
            times.append((places + at) * record.dt)
            owner.append(np.full(len(places), r))
    name = record.names[c]
    if not points:
        return None, unsupported(NAME, f"no crossing of {name}={level:.6g}; choose another plane", "time")
    found = Section(name, level, np.vstack(points), np.concatenate(times), np.concatenate(owner))
    return found, _return_time(found)


def _return_time(found: Section) -> Invariant:
    returns = [np.diff(found.times[found.trajectory == r]) for r in np.unique(found.trajectory)]
    # trajectories count as far as the shortest of those that are used: so many that most returns are
    longest = np.sort([len(t) for t in returns])[::-1]
    used = longest * np.arange(1, len(longest) + 1)
    length, count = int(longest[np.argmax(used)]), int(used.max())
    if count < LEAST:
        return unsupported(NAME, f"{count} returns to {found.coordinate}={found.level:.6g} are too few; give a longer "
                                 "record, or another plane", "time")
    series = np.array([t[:length] for t in returns if len(t) >= length])[:, :, None]
    mean = mean_error(series)
    return Invariant(NAME, mean.mean[0], mean.error[0], units="time",
                     stats={"crossings": len(found.times), "returns": count, "coordinate": found.coordinate,
                            "level": found.level, "spread": float(series.std())})


def _crossings(
    record: Record, states: np.ndarray, places: np.ndarray, c: int, level: np.ndarray, way: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the step at which each crossing lies, and the state there."""
    first, last = states[places], states[places + 1]
    before, after = (record.dt * _velocities(record, states, k) for k in (places, places + 1))
    low, high = np.zeros(len(places)), np.ones(len(places))
    for _ in range(60):
        middle = 0.5 * (low + high)
        under = way * hermite(middle, first[:, c], last[:, c], before[:, c], after[:, c]) < way * level
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    at = 0.5 * (low + high)
    return at, hermite(at[:, None], first, last, before, after)


def hermite(s: np.ndarray, a: np.ndarray, b: np.ndarray, da: np.ndarray, db: np.ndarray) -> np.ndarray:
    """The cubic with values `a`, `b` and slopes `da`, `db` at s = 0 and 1."""
    return np.asarray(a * (1 + 2 * s) * (1 - s) ** 2 + da * s * (1 - s) ** 2 + b * s**2 * (3 - 2 * s)
                      + db * s**2 * (s - 1))


def _velocities(record: Record, states: np.ndarray, places: np.ndarray) -> np.ndarray:
    if record.system is not None:
        return np.array([record.system.velocity(x) for x in states[places]])
    # five-point differences inside, one-sided ones of order two at the ends
    slopes = np.gradient(states, axis=0, edge_order=2 if len(states) > 2 else 1)
    slopes[2:-2] = (states[:-4] - 8 * states[1:-3] + 8 * states[3:-1] - states[4:]) / 12.0
    return np.asarray(slopes[places] / record.dt)


def return_map(record: Record) -> tuple[str, np.ndarray]:
    """Pairs (value, next value), shape (n, 2), and what of: successive states of a map, else successive maxima.

    The maxima of the last coordinate that is no angle (Lorenz 1963 took them of z), by a parabola through 3 samples.
    """
    c = next((k for k in reversed(range(len(record.names))) if k not in record.angles), 0)
    if record.kind == "map":
        x = record.values[:, :, 0]
        return record.names[0], np.stack([x[:, :-1].ravel(), x[:, 1:].ravel()], axis=1)
    pairs = []
    for x in record.values[:, :, c]:
        k = np.flatnonzero((x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:])) + 1
        slope, bend = 0.5 * (x[k + 1] - x[k - 1]), x[k + 1] - 2 * x[k] + x[k - 1]
        tops = x[k] - np.where(bend < 0.0, 0.5 * slope**2 / np.where(bend < 0.0, bend, 1.0), 0.0)
        pairs.append(np.stack([tops[:-1], tops[1:]], axis=1))
    return record.names[c], np.vstack(pairs)
