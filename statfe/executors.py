"""Threads for kernels that release the GIL. Results never depend on the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_tasks(task: Callable[[Item], Result], items: Iterable[Item], workers: int = 1) -> list[Result]:
    """``[task(i) for i in items]`` over `workers` threads, in the order of `items`."""
    if workers <= 1:
        return [task(item) for item in items]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(task, items))
