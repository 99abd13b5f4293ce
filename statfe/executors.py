"""Threads for kernels that release the GIL. Results never depend on the number of workers."""

from __future__ import annotations

import contextvars
import itertools
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Meetings of a team that cost as much as waking a thread.
MEETINGS = 16
#: More meetings than a team ever has.
LET_GO = 2**62
#: Least rows of a matrix that are cut in two.
LEAST_ROWS = 64
#: Multiplications that repay a hand-over to another thread, which takes some ten microseconds.
LEAST_WORK = 2**22


def map_tasks(
    task: Callable[[Item], Result], items: Iterable[Item], workers: int = 1, give_up: Callable[[], object] | None = None
) -> list[Result]:
    """``[task(i) for i in items]`` over `workers` threads, in the order of `items`.

    After an error or an interrupt it calls `give_up` and waits for the tasks that are on their way.
    """
    if workers <= 1:
        return [task(item) for item in items]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            return list(pool.map(task, items))
        except BaseException:
            if give_up is not None:
                give_up()
            raise


class Crew:
    """Threads that stay between calls, for work that is cut many times a second.

    Whoever is free takes the next task, so a late thread holds nobody up. What a task does must depend on its number
    alone: then the results are the same bits for any number of workers.

    Attributes
    ----------
    workers
        Threads, the one that asks among them: as many tasks may wait for each other.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = max(1, workers)
        self._inboxes: list[SimpleQueue] = [SimpleQueue() for _ in range(workers - 1)]
        for inbox in self._inboxes:
            threading.Thread(target=_serve, args=(inbox,), daemon=True).start()
        weakref.finalize(self, _dismiss, self._inboxes)

    def run(self, task: Callable[[int], object], count: int) -> None:
        """``task(k)`` for k = 0 .. count - 1; the first exception is raised when all is over."""
        if not self._inboxes or count < 2:
            for k in range(count):
                task(k)
            return
        region = _Region(task, count)
        for inbox in self._inboxes[:count - 1]:
            # such as numpy.errstate, which belongs to a thread
            inbox.put((contextvars.copy_context(), region))
        region.work()
        errors = [error for error in (region.done.get() for _ in range(count)) if error is not None]
        if errors:
            raise errors[0]


def run_team(
    crew: Crew, threads: int, steps: np.ndarray, task: Callable[[int, int, np.ndarray, np.ndarray], object]
) -> None:
    """``task(k, threads, counter, steps)`` for all `threads` of `crew` at once, which meet by `counter`.

    Before that, one of them does no steps: kernels are compiled or loaded while nobody waits. Where one fails, or is
    interrupted, it comes to no more meetings (`statfe.kernels.team`): the others are let go, and end with nonsense.
    """
    counter: np.ndarray = np.zeros(1, np.int64)
    if threads > 1:
        task(0, 1, counter, steps[:0])

    def guarded(k: int) -> None:
        try:
            task(k, threads, counter, steps)
        except BaseException:
            counter[0] = LET_GO
            raise

    try:
        crew.run(guarded, threads)
    except BaseException:
        counter[0] = LET_GO
        raise


class _Region:
    """Tasks that are taken one by one; each leaves None or its exception in `done`."""

    def __init__(self, task: Callable[[int], object], count: int) -> None:
        self.task, self.count = task, count
        self.numbers = itertools.count()
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(self) -> None:
        """Do tasks until none is left."""
        while True:
            try:
                if (k := next(self.numbers)) >= self.count:
                    return
                self.task(k)
            except BaseException as error:
                self.done.put(error)
            else:
                self.done.put(None)


def _serve(inbox: SimpleQueue) -> None:
    while (order := inbox.get()) is not None:
        context, region = order
        context.run(region.work)
        del order, context, region


def _dismiss(inboxes: list[SimpleQueue]) -> None:
    for inbox in inboxes:
        inbox.put(None)


def even_blocks(rows: int, work: int, least: int = LEAST_ROWS) -> list[slice]:
    """`rows` in blocks of nearly equal size, an even number of them, by the arguments alone.

    One block where there are less than `least` rows, or where `work`, all their multiplications, would not repay a
    second thread; more than two only of 4 `least` rows each, because smaller products are slower.
    """
    count = 1 if work < LEAST_WORK or rows < least else 2 * max(1, rows // (8 * least))
    return [slice(k * rows // count, (k + 1) * rows // count) for k in range(count)]


#: For work on the thread that asks for it.
ALONE = Crew()
