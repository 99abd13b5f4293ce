"""One start, followed window by window until it recurs on the cells: a machine of a few states.

A window of a trajectory is *recurrent* when the samples of its second half fall, but for a few, into cells that its
first half has seen or that they see again. Two recurrent windows of one length, one after the other, that visit the
same cells alike end the search; a window that is not recurrent is followed by one twice as long. After an idea of
G. Datseris and A. Wagemakers, Chaos 32, 023104 (2022); there a counter of consecutive recurrences takes the place of
our windows, and one dense grid the place of our table of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from statfe.attractors.basins.ground import NEW_CELLS, Ground, Window
from statfe.attractors.basins.points import FixedPoint, point_like, polish

#: Samples of the first window, of the longest, and in all windows of one walk.
FIRST, LONGEST, BUDGET = 512, 32768, 131072
#: Shares of visits that two windows of one attractor have in common, at least.
SAME = 0.3


@dataclass(frozen=True, eq=False)
class Walk:
    """How a walk ended.

    Attributes
    ----------
    end
        ``recurrent``, ``point`` (at or near a fixed point), ``escaped``, ``open`` (the budget is spent).
    window
        The last window.
    samples
        Samples of that window, and of all.
    point
        The fixed point of a walk that ended at one, stable or not.
    """

    end: Literal["recurrent", "point", "escaped", "open"]
    window: Window
    samples: int
    total: int
    point: FixedPoint | None = None


def common(a: Window, b: Window) -> float:
    """Share of visits that two windows have in common: sum over cells of the smaller share; 1 when they are alike."""
    _, left, right = np.intersect1d(a.keys, b.keys, assume_unique=True, return_indices=True)
    return float(np.minimum(a.visits[left] / a.visits.sum(), b.visits[right] / b.visits.sum()).sum())


def walk(ground: Ground, x: np.ndarray, first: int = FIRST, budget: int = BUDGET) -> Walk:
    """Follow `x` until it recurs, escapes, comes to rest, or the budget of samples is spent."""
    samples, total, before = first, 0, None
    while True:
        window = ground.window(x, samples)
        total += samples
        if not window.complete:
            return Walk("escaped", window, samples, total)
        x = window.state
        if point_like(ground, window):
            point = polish(ground, x)
            if point is not None:
                return Walk("point", window, samples, total, point)
        elif window.new <= NEW_CELLS:
            if before is not None and common(before, window) >= SAME:
                return Walk("recurrent", window, samples, total)
            before = window
        else:
            samples, before = min(2 * samples, LONGEST), None
        if total + samples > budget:
            return Walk("open", window, samples, total)
