"""Products by one thread: those of OpenBLAS by two threads are other bits than by one."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


@functools.cache
def _controls() -> tuple[Callable[[int], None], Callable[[], int]] | None:
    """What sets and what gives the number of threads of the OpenBLAS that numpy brings; None where it is another."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            library = ctypes.CDLL(str(path))
            for prefix, suffix in (("scipy_openblas", "64_"), ("openblas", "64_"), ("openblas", "")):
                with contextlib.suppress(AttributeError):
                    return (getattr(library, f"{prefix}_set_num_threads{suffix}"),
                            getattr(library, f"{prefix}_get_num_threads{suffix}"))
    return None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Within the block numpy's products take one thread, so that their bits do not depend on the machine's settings.

    A numpy with another BLAS than its own OpenBLAS keeps its threads: set that library's number before Python starts.
    """
    found = _controls()
    if found is None:
        yield
        return
    change, present = found
    before = present()
    change(1)
    try:
        yield
    finally:
        change(before)
