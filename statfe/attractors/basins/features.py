"""Attractors by features: numbers that describe the tail of each run, and clusters of them.

After M. Stender and N. Hoffmann, Nonlinear Dyn. 107, 1451 (2022), with features that fit any system: mean, spread,
least and greatest value, and the spread of the steps between samples (the second moment of the power spectrum), one
each for every coordinate, in extents; for angles cosines and sines. They are made in blocks, so that each run says how
well its features are known. A run is settled when the features of the first and of the second half of its tail fall
into one cluster; the radius of the clusters is a multiple of the noise that the runs themselves show, and is halved
until the noise explains how the runs of a cluster differ. Runs at rest are held apart more sharply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from statfe.attractors.basins.dbscan import dbscan
from statfe.attractors.basins.ground import Ground, Window
from statfe.attractors.basins.points import polish
from statfe.attractors.basins.search import Group, Outcome
from statfe.attractors.basins.verify import Finding, examine, of_point
from statfe.executors import map_tasks

#: Blocks of a tail and characteristic times in each.
BLOCKS, PERIODS = 8, 8.0
#: Radius of a cluster over the noise of most runs (`MOST` of them), and its limits in extents.
NOISES, MOST, LEAST, GREATEST = 4.0, 0.95, 0.01, 0.1
#: Blocks are made longer, at most so many times, until the radius is below this; runs that are looked at for it.
FINE, LONGER, LOOKED_AT = 0.04, 16, 64
#: Doublings of the blocks in later rounds.
DOUBLINGS = 3
#: Variance between the runs of one cluster over the one that their noise explains: more, and the radius is halved.
MIXED = 6.0
#: Largest spread of a run at rest, in extents, and the radius of clusters of those.
REST, REST_RADIUS = 1e-4, 1e-3
#: Runs that make a cluster in the first round; later one will do.
FIRST_LEAST = 3


class Features:
    """The search by features, round by round; see `statfe.attractors.basins.search`."""

    name, patient = "features", True

    def __init__(self, ground: Ground, seed: int, workers: int) -> None:
        self.ground, self.seed, self.workers = ground, seed, workers
        self.groups: list[Group] = []
        self.points = np.empty((0, 0))
        self.owners = np.empty(0, dtype=np.int64)
        self.still = np.empty(0, dtype=np.bool_)
        self.radius, self.longer = LEAST, 1

    def round(self, starts: Sequence[int], states: np.ndarray, number: int,
              tell: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Follow `states` and say where each ended."""
        if number == 0:
            self._choose_length(states[:LOOKED_AT])
        longer = self.longer << min(number, DOUBLINGS)

        def follow(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
            found = self._tail(x, longer)
            tell()
            return found

        tails = map_tasks(follow, states, self.workers)
        there = [k for k, (_, blocks) in enumerate(tails) if blocks is not None]
        numbers = dict.fromkeys(range(len(tails)), -1)
        if there:
            blocks = np.array([tails[k][1] for k in there])
            numbers.update(zip(there, self._grouped(blocks, number), strict=True))
        samples = self._samples(longer) * BLOCKS
        outcomes = []
        for k, (state, found) in enumerate(tails):
            group = self.groups[numbers[k]] if numbers[k] >= 0 else None
            if group is not None:
                group.states.append(state)
                group.longest = max(group.longest, samples)
            end = "escaped" if found is None else "open" if group is None else "group"
            outcomes.append(Outcome(end, state, samples, group))
        return outcomes

    def _choose_length(self, states: np.ndarray) -> None:
        """Blocks so long that noise leaves the radius fine, where that can be had."""
        self.longer = 1
        while True:
            tails = map_tasks(lambda x: self._tail(x, self.longer)[1], states, self.workers)
            kept = [blocks for blocks in tails if blocks is not None]
            if not kept:
                return
            self.radius = self._radius(np.array(kept))
            if self.radius <= FINE or self.longer >= LONGER:
                return
            self.longer *= 2

    def _radius(self, blocks: np.ndarray) -> float:
        loud = _noise(blocks).max(axis=1)[~self._still(blocks)]
        return float(np.clip(NOISES * np.quantile(loud, MOST), LEAST, GREATEST)) if len(loud) else LEAST

    def _still(self, blocks: np.ndarray) -> np.ndarray:
        """Which runs are at rest, bool, shape (run,)."""
        moving = 2 * int((~self.ground.circle).sum())
        at_rest = blocks[:, :, -moving:].max(axis=(1, 2)) < REST if moving else np.zeros(len(blocks), dtype=np.bool_)
        return np.asarray(at_rest & (_noise(blocks).max(axis=1) < REST))

    def _samples(self, longer: int) -> int:
        return max(32, round(PERIODS * longer * self.ground.samples_a_period))

    def _tail(self, x: np.ndarray, longer: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Last state and features of the blocks, shape (BLOCKS, features); None where the run escaped."""
        window = self.ground.follow(x, longer * self.ground.system.transient)
        rows = []
        for _ in range(BLOCKS):
            if window.complete:
                window = self.ground.window(window.state, self._samples(longer), cells=False)
                rows.append(self._row(window))
        return window.state, np.array(rows) if window.complete else None

    def _row(self, w: Window) -> np.ndarray:
        """Features of one block; those that say how much it moves come last."""
        plain, extent = ~self.ground.circle, self.ground.extent
        places = [((v / extent)[plain]) for v in (w.mean, w.low, w.high)]
        turns = [v[self.ground.circle & ~self.ground.idle] / 2.0 for v in (w.cosine, w.sine)]
        motions = [(w.spread / extent)[plain], (w.steps / extent)[plain]]
        return np.concatenate([*places, *turns, *motions])

    def _grouped(self, blocks: np.ndarray, number: int) -> list[int]:
        """Group of each run with features (run, block, feature), or -1 where it is not settled."""
        half = BLOCKS // 2
        still, noise = self._still(blocks), _noise(blocks)
        if number == 0:
            self.radius = self._radius(blocks)
        pairs = np.concatenate([blocks[:, :half].mean(axis=1), blocks[:, half:].mean(axis=1)])
        found = np.full(len(blocks), -1, dtype=np.int64)
        if still.any():
            found[still] = self._clusters(pairs[np.tile(still, 2)], True, REST_RADIUS, number)
        if not still.all():
            moving = pairs[np.tile(~still, 2)]
            while number == 0 and self.radius > LEAST and self._mixed(moving, noise[~still]):
                self.radius = max(0.5 * self.radius, LEAST)
            found[~still] = self._clusters(moving, False, self.radius, number)
        return found.tolist()

    def _mixed(self, pairs: np.ndarray, noise: np.ndarray) -> bool:
        """Whether runs of one cluster differ by more than their noise (run, feature) explains."""
        runs = len(pairs) // 2
        labels = dbscan(_rounded(pairs, self.radius), self.radius, 2 * FIRST_LEAST)
        first, second, middle = labels[:runs], labels[runs:], 0.5 * (pairs[:runs] + pairs[runs:])
        for cluster in range(labels.max(initial=-1) + 1):
            mine = (first == cluster) & (second == cluster)
            if mine.sum() >= 2 * FIRST_LEAST:
                between = middle[mine].var(axis=0, ddof=1)
                within = np.mean(noise[mine] ** 2, axis=0) / 2.0
                if (between > MIXED * within + (0.1 * LEAST) ** 2).any():
                    return True
        return False

    def _clusters(self, pairs: np.ndarray, quiet: bool, radius: float, number: int) -> np.ndarray:
        """Group of each run from the features of both halves of its tail, shape (2 runs, features)."""
        runs = len(pairs) // 2
        old = np.flatnonzero(self.still == quiet)
        pairs = _rounded(pairs, radius)
        pool = np.concatenate([self.points[old], pairs]) if len(old) else pairs
        least = 2 * FIRST_LEAST if number == 0 and runs >= 4 * FIRST_LEAST else 2
        labels = dbscan(pool, radius, least)
        before, first, second = labels[:len(old)], labels[len(old):len(old) + runs], labels[len(old) + runs:]
        owner = {}
        for cluster in range(labels.max(initial=-1) + 1):
            known = self.owners[old][before == cluster]
            known = known[known >= 0]
            if len(known):
                owner[cluster] = int(np.bincount(known).argmax())
        found = np.full(runs, -1, dtype=np.int64)
        for k in np.flatnonzero((first == second) & (first >= 0)):
            cluster = int(first[k])
            if cluster not in owner:
                owner[cluster] = len(self.groups)
                self.groups.append(Group(owner[cluster], [], 0))
            found[k] = owner[cluster]
        settled = np.tile(found >= 0, 2)
        new = pairs[settled]
        self.points = np.concatenate([self.points, new]) if self.points.size else new
        self.owners = np.concatenate([self.owners, np.tile(found, 2)[settled]])
        self.still = np.concatenate([self.still, np.full(len(new), quiet)])
        return found

    def judge(self, group: Group) -> Finding:
        """Verify and classify one group."""
        x = group.states[0]
        mine = self.points[self.owners == group.number]
        look = self.ground.window(x, 64, cells=False)
        if (self.ground.idle | (look.high - look.low < REST * self.ground.extent)).all():
            point = polish(self.ground, look.state)
            if point is not None:
                return of_point(self.ground, point)

        def stays(state: np.ndarray) -> bool:
            _, blocks = self._tail(state, self.longer)
            if blocks is None:
                return False
            apart = np.abs(mine - blocks.mean(axis=0)).max(axis=1).min()
            return bool(apart <= 2.0 * self.radius)

        time = group.longest * self.ground.stride * self.ground.system.dt
        return examine(self.ground, np.array(group.states), time, stays, self.seed)


def _noise(blocks: np.ndarray) -> np.ndarray:
    """Error of each feature over half of the blocks, from differences of neighbours: (run, block, f) to (run, f)."""
    return np.asarray(np.sqrt(np.mean(np.diff(blocks, axis=1) ** 2, axis=1) / 2.0) / np.sqrt(BLOCKS // 2))


def _rounded(points: np.ndarray, radius: float) -> np.ndarray:
    """Points on a lattice far finer than the radius: thousands of runs at one place then cost no more than one."""
    return np.asarray(np.round(points / (radius / 16.0)) * (radius / 16.0))
