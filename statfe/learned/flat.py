"""Named arrays that share one flat vector, so that an optimiser sees a vector and a layer its matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

#: Bytes of a line of the cache, and of a page of memory; places for the beginning of an array in its page.
LINE, PAGE, PLACES = 64, 4096, 4


def lined_up(shape: int | tuple[int, ...], dtype: Any, place: int = 0) -> np.ndarray:
    """Zeros that begin on a line of the cache, at quarter `place` of a page of memory.

    A loop that reads and writes several long arrays is up to six times slower where vectors lie across two lines, or
    where the arrays begin at the same place of their pages: processors take a load for one of a store before it when
    the last 12 bits of their addresses agree. Large arrays of numpy do both. Arrays of one loop take places of their
    own.
    """
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    size = np.dtype(dtype).itemsize
    room = np.zeros(count + 2 * PAGE // size, dtype)
    start = (place % PLACES * (PAGE // PLACES) - room.ctypes.data) % PAGE // size
    return room[start:start + count].reshape(shape)


@dataclass(frozen=True)
class FlatLayout:
    """Where each array lies in the vector; the order of `shapes` is that of the vector."""

    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def starts(self) -> dict[str, int]:
        """First entry of each array."""
        ends = np.cumsum([0, *(math.prod(shape) for shape in self.shapes.values())])
        return dict(zip(self.shapes, ends[:-1].tolist(), strict=True))

    @cached_property
    def size(self) -> int:
        """Length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays, as views into `vector` of shape (size,)."""
        return {
            name: vector[start:start + math.prod(self.shapes[name])].reshape(self.shapes[name])
            for name, start in self.starts.items()}
