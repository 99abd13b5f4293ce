"""Whether a motion whose exponents are not told from zero is a torus; cycles that are reached slowly look alike.

On a torus the motion neither closes nor changes its extent. A cycle at a bifurcation, or one that attracts too slowly
for the run, comes back to where it was; what shrinks towards a fixed point in no exponential way loses extent.
"""

from __future__ import annotations

import numpy as np

from statfe.attractors.basins.cycles import nearest_return
from statfe.attractors.basins.ground import Ground
from statfe.attractors.record import RESTS, sizes
from statfe.systems.system import System

#: The extent of a torus is the same in the first and the last quarter of a run, within this factor.
STEADY = 0.7
CHANGE = "average over longer, start on the attractor, or change a parameter a little"


def doubts(system: System, ends: np.ndarray) -> str:
    """What speaks against a torus, and what to change; "" where nothing does.

    Parameters
    ----------
    ends
        States along trajectories, shape (trajectory, time, dimension).
    """
    quarter = max(2, ends.shape[1] // 4)
    first, last = (np.ptp(part.reshape(-1, part.shape[-1]), axis=0) for part in (ends[:, :quarter], ends[:, -quarter:]))
    size, straight = sizes(system, ends), np.ones(system.dimension, dtype=bool)
    straight[list(system.angles)] = False
    moves = straight & (np.maximum(first, last) > RESTS * size)
    ratio = np.where(moves, last / np.maximum(first, 1e-300), 1.0)
    worst = float(ratio[np.argmax(np.abs(np.log(np.maximum(ratio, 1e-300))))])
    if not STEADY < worst < 1.0 / STEADY:
        return (f"exponents are not told from zero, and the extent of the motion still changes, by a factor "
                f"{worst:.2g}: it is no torus yet, as near a bifurcation; {CHANGE}")
    period, apart = nearest_return(_ground(system, size), ends[0, -1])
    if period:
        return (f"exponents are not told from zero, and yet the motion comes back after {period:.6g} to within "
                f"{apart:.1g} of its size: no torus, but a cycle that hardly attracts, as near a bifurcation; {CHANGE}")
    return ""


def _ground(system: System, size: np.ndarray) -> Ground:
    """What returns need of a ground: the sizes of coordinates."""
    circle = np.isin(np.arange(system.dimension), system.angles)
    return Ground(system, 1.0, circle, size, 0.01 * size, 0.0 * size, 100, np.empty((0, system.dimension)))
