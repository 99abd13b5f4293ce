"""Where the laws of a path stand: equal steps of thermodynamic length, measured by a pilot.

The weight of a step dx scatters by sigma dx, with sigma the standard deviation of d ln f / dx; for a given number of
steps the scatter of the whole is least where sigma dx is the same for all (G. Crooks, Phys. Rev. Lett. 99, 100602,
2007). The integral of sigma is the thermodynamic length of the path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.annealed.walkers import Walkers
from statfe.errors import UsageError

#: Moves of the pilot at each of its laws, and its particles.
PILOT_MOVES, PILOT_PARTICLES = 10, 64
#: Steps of the pilot in units of sigma; never more than this share of the way travelled; and how many at most.
PILOT_STEP, STRIDE, MOST_KNOTS = 1.0, 0.25, 3000
#: Share of the steps that are spread evenly, whatever the pilot saw: a frozen pilot sees no fluctuation.
EVEN = 0.1
#: Difference over which sigma is measured, as a share of the path.
DELTA = 1e-4


@dataclass(frozen=True)
class Length:
    """Knots of a pilot, ascending from 0, the spread of d ln f / dx there, and the length up to each; shape (M,)."""

    knots: np.ndarray
    sigma: np.ndarray
    length: np.ndarray

    @property
    def total(self) -> float:
        """Thermodynamic length of the whole path."""
        return float(self.length[-1])


def measure(pilot: Walkers, law_at: Callable[[np.ndarray], np.ndarray], end: float) -> Length:
    """Lead `pilot` from 0 to `end`.

    Parameters
    ----------
    law_at
        Laws (c, d) at positions on the path, from shape (n,) to (n, 2).

    Raises
    ------
    UsageError
        Where more than `MOST_KNOTS` steps would be needed.
    """
    delta = np.array([0.0, DELTA * end])
    pilot = pilot.at(law_at(delta))
    knots, sigma = [0.0], [_spread(pilot, delta[1])]
    while knots[-1] < end:
        here = knots[-1]
        step = PILOT_STEP / max(sigma[-1], 1e-300)
        if sigma[0] > 0.0:
            step = min(step, max(STRIDE * here, PILOT_STEP / sigma[0]))
        there = end if here + 1.3 * step >= end else here + step
        pilot = pilot.at(law_at(there + delta))
        for group in range(len(pilot.groups)):
            pilot.move(group, 0, PILOT_MOVES)
        knots.append(there)
        sigma.append(_spread(pilot, delta[1]))
        if len(knots) > MOST_KNOTS:
            raise UsageError(f"the path needs more than {MOST_KNOTS} steps; lower the largest beta")
    x, s = np.array(knots), np.array(sigma)
    # Rises between two knots are underestimated by either alone.
    length = np.concatenate([[0.0], np.cumsum(0.5 * (s[1:] + s[:-1]) * np.diff(x))])
    return Length(x, s, length)


def _spread(pilot: Walkers, step: float) -> float:
    """Standard deviation of d ln f / dx over the particles, between the two laws of the pilot's path."""
    return float(np.std([ratio for g in range(len(pilot.groups)) for ratio in pilot.log_ratio(g, 0, 1)]) / step)


def place(found: Length, nodes: np.ndarray, steps: int) -> np.ndarray:
    """Positions from 0 through every node (ascending, positive), about `steps` steps of equal length.

    Returns
    -------
    ndarray
        Ascending; 0 and all nodes are among them to the bit.
    """
    even = found.knots / found.knots[-1] * max(found.total, 1e-300)
    measure_of = (1.0 - EVEN) * found.length + EVEN * even
    ends = np.interp(np.concatenate([[0.0], nodes]), found.knots, measure_of)
    out = [np.zeros(1)]
    for k, node in enumerate(nodes):
        share = (ends[k + 1] - ends[k]) / measure_of[-1] if found.total > 0.0 else 0.0
        count = max(1, round(steps * share))
        inner = np.interp(np.linspace(ends[k], ends[k + 1], count + 1)[1:-1], measure_of, found.knots)
        out += [inner, np.array([node])]
    return np.unique(np.concatenate(out))
