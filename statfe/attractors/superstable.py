"""Superstable cycles of maps: some step flattens a direction, and that exponent is minus infinity.

In numbers the derivative there is not zero but rounding: its logarithm would be a finite exponent that is wrong. A
direction counts as flattened where the derivative along it is no larger than what rounding of the state changes it by.
"""

from __future__ import annotations

import numpy as np

from statfe.attractors.record import sizes
from statfe.systems.system import System

#: Longest cycle that is looked for, and distance of a return, as a share of the coordinates' sizes.
LONGEST, RETURN = 1024, 1e-9
#: Rounding of a state on a cycle, in units of the last place; derivatives above this share of the largest are none.
ROUNDING, SMALL = 64.0 * float(np.finfo(float).eps), 1e-9

WORDS = ("the motion is superstable: the derivative vanishes on its way, neighbours fall onto it faster than any "
         "exponential, and {which} minus infinity; {change}")


def message(flat: int, dimension: int) -> str:
    """What to tell of a cycle that flattens `flat` of the directions."""
    left = dimension - flat
    verb = "is" if flat == 1 else "are"
    which = f"the exponent {verb}" if dimension == 1 else f"{flat} of the {dimension} exponents {verb}"
    change = f"ask for the {left} largest" if left else "change a parameter a little for a finite one"
    return WORDS.format(which=which, change=change)


def flattened(system: System, x: np.ndarray) -> int:
    """Directions that the cycle of a map through `x` flattens; 0 where there is no cycle."""
    return flattened_along(system, cycle_through(system, x)) if system.kind == "map" else 0


def cycle_through(system: System, x: np.ndarray) -> np.ndarray:
    """States of the cycle of a map through `x`, shape (period, dimension); no rows where none closes."""
    size = sizes(system, np.asarray(x)[None, None])
    states = [np.asarray(x, dtype=np.float64)]
    circle = np.isin(np.arange(len(x)), system.angles)
    for _ in range(LONGEST):
        states.append(system.velocity(states[-1]))
        apart = states[-1] - states[0]
        apart = np.where(circle, np.remainder(apart + np.pi, 2.0 * np.pi) - np.pi, apart)
        if (np.abs(apart) <= RETURN * size).all():
            return np.array(states[:-1])
    return np.empty((0, len(x)))


def flattened_along(system: System, cycle: np.ndarray) -> int:
    """Most directions that one step of the cycle flattens; further ones fall with them where steps work together."""
    return max((_at(system, x) for x in cycle), default=0)


def _at(system: System, x: np.ndarray) -> int:
    slopes = system.jacobian_at(x)
    left, values, right = np.linalg.svd(slopes)
    small = np.flatnonzero(values <= SMALL * max(values[0], 1.0))
    if not len(small):
        return 0
    size, change = sizes(system, x[None, None]), np.zeros(len(x))
    for i in range(len(x)):
        moved = x.copy()
        moved[i] += ROUNDING * size[i]
        difference = system.jacobian_at(moved) - slopes
        # of each singular value, to first order
        change = np.maximum(change, np.abs(np.einsum("ik,ij,kj->k", left, difference, right)))
    return int(np.sum(values[small] <= change[small]))
