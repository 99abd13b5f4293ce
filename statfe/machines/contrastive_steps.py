"""Contrastive divergence, plain and persistent, by a team of threads that stay in one kernel for many minibatches.

The plain way, `Course.step`, takes a region of threads for each product: threads that sleep between them, and wake,
cost a third of the time of a step. Here they sleep once in `ROOM` bytes of minibatches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.executors import LEAST_WORK, MEETINGS, Crew, run_team
from statfe.kernels.contrastive import contrastive_steps
from statfe.kernels.matrix_products import address
from statfe.learned.adam import DECAY_FIRST, DECAY_SECOND, EPSILON
from statfe.learned.flat import lined_up
from statfe.machines.gibbs import LANES, Parameters, Units
from statfe.machines.optimiser import AdamClimb, Momentum
from statfe.machines.phases import ContrastivePhase, PersistentPhase
from statfe.machines.settings import Settings

#: Bytes of the minibatches that one call takes: of the size of a cache, and more than a hand-over is worth.
ROOM = 2**23
#: Minibatches between two looks at parameters that may have run away.
LOOK = 50
#: Least units of a layer that is cut in two, and of a block where there are more.
LEAST_UNITS, BLOCK_UNITS = 8, 256


class ContrastiveSteps:
    """The steps of a course; all arrays are those of the course, and move in place.

    Parameters
    ----------
    centres
        mu and lambda of `statfe.machines.course`.
    centre_share
        Share of a batch in the running lambda.
    """

    def __init__(
        self, settings: Settings, parameters: Parameters, gradient: Parameters, optimiser: Momentum | AdamClimb,
        phase: ContrastivePhase | PersistentPhase, units: Units, centres: tuple[np.ndarray, np.ndarray],
        centre_share: float, crew: Crew,
    ) -> None:
        self._settings, self._units, self._centres, self._crew = settings, units, centres, crew
        self._optimiser, self._share = optimiser, centre_share
        self._parameters, self._gradient = ((p.a, p.b, p.W) for p in (parameters, gradient))
        layout, adam = parameters.layout, isinstance(optimiser, AdamClimb)
        first, second = (optimiser.first, optimiser.second) if isinstance(optimiser, AdamClimb) else (
            optimiser.velocity, optimiser.velocity)
        self._first, self._second = (tuple(layout.views(x)[name] for name in ("a", "b", "W")) for x in (first, second))
        self._adam, self._gemm = adam, address(units.dtype)
        # kept: fresh memory costs a fault a page
        self._left = np.empty(0, units.dtype)
        self._rooms: dict[int, tuple[np.ndarray, tuple[np.ndarray, ...]]] = {}
        self._chains = (phase.chains if isinstance(phase, PersistentPhase)
                        else np.empty((0, len(parameters.a)), units.dtype))

    def steps(self, batches: Iterator[np.ndarray], rate: float) -> Iterator[None]:
        """A step for each of `batches`; yields where parameters may be looked at."""
        waiting: list[np.ndarray] = []
        most, unseen = 1, 0
        for rows in batches:
            if waiting and (len(rows) != len(waiting[0]) or len(waiting) == most):
                self._take(waiting, rate)
                unseen += len(waiting)
                waiting = []
                if unseen >= LOOK:
                    yield
                    unseen = 0
            if not waiting:
                most = max(1, min(LOOK, ROOM // (4 * rows.shape[1] * self._height(len(rows)))))
            waiting.append(rows)
        if waiting:
            self._take(waiting, rate)
            yield

    def _height(self, samples: int) -> int:
        """Rows of L."""
        return samples + (len(self._chains) or samples) + 2

    def _take(self, batches: list[np.ndarray], rate: float) -> None:
        n, visible = batches[0].shape
        height = self._height(n)
        size = len(batches) * height * visible
        if len(self._left) < size:
            self._left = np.empty(size, self._units.dtype)
        left = self._left[:size].reshape(len(batches), height, visible)
        for k, rows in enumerate(batches):
            left[k, :n] = rows
        if n not in self._rooms:
            self._rooms[n] = self._room_of(n)
        cuts, room = self._rooms[n]
        threads = min(self._crew.workers, cuts.shape[1] - 1)
        count = int(self._optimiser.count[0]) if isinstance(self._optimiser, AdamClimb) else 0
        s = self._settings
        rates = (rate, float(s.momentum), float(s.decay), float(self._share), DECAY_FIRST, DECAY_SECOND, EPSILON)

        run_team(self._crew, threads, left, lambda thread, threads, counter, batches: contrastive_steps(
            thread, threads, counter, self._gemm, s.steps, batches, self._chains, self._parameters, self._gradient,
            self._first, self._second, self._centres, self._units.streams, cuts, room, self._adam, count, rates))
        if isinstance(self._optimiser, AdamClimb):
            self._optimiser.count += len(batches)

    def _room_of(self, n: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Blocks for minibatches of `n` samples, and room for what the kernel keeps in a step."""
        visible, hidden = (len(bias) for bias in self._parameters[:2])
        height, kind = self._height(n), self._units.dtype
        m, cuts = height - n - 2, cut(n, visible, hidden)
        wide, narrow = np.diff(cuts[:2]).max(axis=1)
        blocks, size = cuts.shape[1] - 1, max(m * wide, max(n, m) * narrow)
        return cuts, (
            lined_up((height, hidden), kind, 2), np.empty((m, hidden), kind), np.empty((blocks, 2, size), kind),
            np.empty((blocks, 2, height), kind), np.empty(hidden, kind))


def cut(n: int, visible: int, hidden: int) -> np.ndarray:
    """Where the blocks of both layers and of the random streams begin and end, by the shape alone."""
    least = min(visible, hidden)
    count = 1
    if least >= LEAST_UNITS and MEETINGS * n * visible * hidden >= LEAST_WORK:
        count = 2 * max(1, min(least // (2 * BLOCK_UNITS), LANES // 2))
    return np.array([[k * size // count for k in range(count + 1)] for size in (visible, hidden, LANES)])
