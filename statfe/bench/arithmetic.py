"""The ceiling of threads: the same random words drawn by one and by more of them, without any chains."""

from __future__ import annotations

from statfe.executors import map_tasks
from statfe.kernels.arithmetic import draw_words
from statfe.random import streams

#: Streams of a task, which stay in the first cache, and words of each in one sweep.
STREAMS, ROUNDS = 64, 500_000


class ArithmeticRunner:
    """`tasks` pieces of work without memory traffic, shared by some threads."""

    program, version, kernel, sampler, replicas = "statfe", "", "arithmetic alone", "", 1
    set_up, bytes_per_spin, settings = 0.0, None, "random words, nothing stored"

    def __init__(self, tasks: int, threads: int, label: str, seed: int) -> None:
        self.threads, self.label = threads, f"{self.kernel}, {label}"
        self.states = [streams(seed, STREAMS, k).T.copy() for k in range(tasks)]
        self.updates = float(STREAMS * ROUNDS * tasks)

    def advance(self, sweeps: int) -> None:
        """Draw."""
        for _ in range(sweeps):
            map_tasks(lambda states: draw_words(ROUNDS, states), self.states, self.threads)
