"""Products by one thread: those of OpenBLAS by two threads are other bits than by one."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Controls = tuple[Callable[[int], None], Callable[[], int]]


@functools.cache
def _controls() -> list[Controls]:
    """What sets and what gives the number of threads, of the OpenBLAS that numpy and that scipy bring."""
    found: list[Controls] = []
    for name in ("numpy", "scipy"):
        spec = importlib.util.find_spec(name)
        package = Path(spec.origin).parent if spec and spec.origin else Path()
        for folder in (package.parent / f"{name}.libs", package / ".dylibs"):
            for path in sorted(folder.glob("*openblas*")):
                found += _of_library(ctypes.CDLL(str(path)))
    return found


def _of_library(library: ctypes.CDLL) -> list[Controls]:
    for prefix, suffix in (("scipy_openblas", "64_"), ("scipy_openblas", ""), ("openblas", "64_"), ("openblas", "")):
        with contextlib.suppress(AttributeError):
            return [(getattr(library, f"{prefix}_set_num_threads{suffix}"),
                     getattr(library, f"{prefix}_get_num_threads{suffix}"))]
    return []


def present_threads() -> list[int]:
    """Threads of a product by now, of each library; none where they cannot be told."""
    return [present() for _, present in _controls()]


@contextlib.contextmanager
def threads_of_products(count: int) -> Iterator[None]:
    """Within the block products of numpy and scipy take `count` threads each, whatever the machine's settings.

    A numpy with another BLAS than its own OpenBLAS keeps its threads: set that library's number before Python starts.
    """
    before = present_threads()
    for change, _ in _controls():
        change(count)
    try:
        yield
    finally:
        for (change, _), number in zip(_controls(), before, strict=True):
            change(number)


class _OneThread(contextlib.ContextDecorator):
    """Blocks of several threads at once: the first to begin changes the number, the last to end puts it back."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._stack.enter_context(threads_of_products(1))

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._stack.close()


_ONE = _OneThread()


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Within the block each product takes one thread, so that its bits do not depend on the machine's settings."""
    return _ONE
