"""Contrastive divergence, plain and persistent, by a team of threads that stay in one kernel for many minibatches.

The plain way, `Course.step`, takes a region of threads for each product: threads that sleep between them, and wake,
cost a third of the time of a step. Here they sleep once in `ROOM` bytes of minibatches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.executors import LEAST_ROWS, Crew, even_blocks
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
#: Most minibatches of a call, because parameters that ran away are seen after it.
MOST = 50
#: Meetings of threads that cost as much as waking one.
MEETINGS = 16


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
        self._chains = (phase.chains if isinstance(phase, PersistentPhase)
                        else np.empty((0, len(parameters.a)), units.dtype))

    def steps(self, batches: Iterator[np.ndarray], rate: float) -> Iterator[None]:
        """A step for each of `batches`; yields where parameters may be looked at."""
        waiting: list[np.ndarray] = []
        most = 1
        for rows in batches:
            if waiting and (len(rows) != len(waiting[0]) or len(waiting) == most):
                self._take(waiting, rate)
                waiting = []
                yield
            if not waiting:
                most = max(1, min(MOST, ROOM // (4 * rows.shape[1] * self._height(len(rows)))))
            waiting.append(rows)
        if waiting:
            self._take(waiting, rate)
            yield

    def _height(self, samples: int) -> int:
        """Rows of L."""
        return samples + (len(self._chains) or samples) + 2

    def _take(self, batches: list[np.ndarray], rate: float) -> None:
        n, visible = batches[0].shape
        hidden, height = len(self._parameters[1]), self._height(len(batches[0]))
        size = len(batches) * height * visible
        if len(self._left) < size:
            self._left = np.empty(size, self._units.dtype)
        left = self._left[:size].reshape(len(batches), height, visible)
        for k, rows in enumerate(batches):
            left[k, :n] = rows
        m, kind = height - n - 2, self._units.dtype
        room = (lined_up((height, hidden), kind, 2), np.empty((m, hidden), kind), np.empty(m * visible, kind),
                np.empty((height, 2), kind), np.empty(hidden, kind))
        cuts = _cuts(n, m, visible, hidden)
        threads = min(self._crew.workers, cuts.shape[1] - 1)
        counter: np.ndarray = np.zeros(1, np.int64)
        count = int(self._optimiser.count[0]) if isinstance(self._optimiser, AdamClimb) else 0
        s = self._settings
        rates = (rate, s.momentum, s.decay, self._share, DECAY_FIRST, DECAY_SECOND, EPSILON)
        self._crew.run(lambda thread: contrastive_steps(
            thread, threads, counter, self._gemm, s.steps, left, self._chains, self._parameters, self._gradient,
            self._first, self._second, self._centres, self._units.streams, cuts, room, self._adam, count, rates),
            threads)
        if isinstance(self._optimiser, AdamClimb):
            self._optimiser.count += len(batches)


def _cuts(n: int, m: int, visible: int, hidden: int) -> np.ndarray:
    """Where the blocks of samples, chains, both layers and random streams begin and end, by the shape alone."""
    count = len(even_blocks(n, MEETINGS * n * visible * hidden, max(LEAST_ROWS, n // LANES)))
    count = min(count, m, visible, hidden)
    return np.array([[k * size // count for k in range(count + 1)] for size in (n, m, visible, hidden, LANES)])
