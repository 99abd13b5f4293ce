"""Attractors by recurrences: walks on cells, joined where they visit the same cells alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from statfe.attractors.basins.ground import Ground, Window
from statfe.attractors.basins.search import Group, Outcome
from statfe.attractors.basins.verify import Finding, examine, of_point
from statfe.attractors.basins.walk import FIRST, SAME, Walk, common, walk
from statfe.executors import map_tasks

#: Two polished fixed points nearer than this, in extents, are one.
SAME_POINT = 1e-6
#: Doublings of the first window in later rounds.
DOUBLINGS = 3
#: Visits in common that leave open whether two are one: finer cells would tell.
DOUBTFUL = 0.1


@dataclass(eq=False)
class _Class:
    """Walks that are one candidate."""

    first: Walk
    window: Window
    members: list[int]
    group: Group


class Recurrences:
    """The search by recurrences, round by round; see `statfe.attractors.basins.search`."""

    name, patient = "recurrences", False

    def __init__(self, ground: Ground, seed: int, workers: int) -> None:
        self.ground, self.seed, self.workers = ground, seed, workers
        self.classes: list[_Class] = []
        self.doubtful = 0

    def round(self, starts: Sequence[int], states: np.ndarray, number: int,
              tell: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Follow `states` and say where each ended; new groups are made in the order of the starts."""
        def follow(x: np.ndarray) -> Walk:
            found = walk(self.ground, x, FIRST << min(number, DOUBLINGS))
            tell()
            return found

        walks = map_tasks(follow, states, self.workers)
        found = []
        for start, w in zip(starts, walks, strict=True):
            if w.end in ("escaped", "open"):
                found.append(Outcome(w.end, w.window.state, w.total, None))
            else:
                found.append(Outcome("group", w.window.state, w.total, self._place(start, w)))
        return found

    def _place(self, start: int, w: Walk) -> Group:
        alike = [(self._alike(c, w), k) for k, c in enumerate(self.classes)]
        best, k = max(alike, default=(0.0, -1))
        if best >= SAME:
            c = self.classes[k]
            c.members.append(start)
            if w.point is None:
                c.window = _joined(c.window, w.window)
                c.group.states.append(w.window.state)
                c.group.longest = max(c.group.longest, w.samples)
            return c.group
        self.doubtful += best >= DOUBTFUL
        group = Group(len(self.classes), [w.window.state], w.samples)
        self.classes.append(_Class(w, w.window, [start], group))
        return group

    def _alike(self, c: _Class, w: Walk) -> float:
        if (c.first.point is None) != (w.point is None):
            return 0.0
        if w.point is not None and c.first.point is not None:
            return float(self.ground.distance(c.first.point.state, w.point.state) <= SAME_POINT)
        return common(c.window, w.window)

    def judge(self, group: Group) -> Finding:
        """Verify and classify one group."""
        c = self.classes[group.number]
        if c.first.point is not None:
            return of_point(self.ground, c.first.point)
        samples = c.first.samples

        def stays(x: np.ndarray) -> bool:
            return common(c.window, self.ground.window(x, samples)) >= SAME

        time = group.longest * self.ground.stride * self.ground.system.dt
        return examine(self.ground, np.array(group.states), time, stays, self.seed)


def _joined(a: Window, b: Window) -> Window:
    """Cells and visits of both."""
    keys, place = np.unique(np.concatenate([a.keys, b.keys]), return_inverse=True)
    visits = np.bincount(place, weights=np.concatenate([a.visits, b.visits])).astype(np.int64)
    return replace(a, keys=keys, visits=visits)
