"""Named arrays that share one flat vector, so that an optimiser sees a vector and a layer its matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np


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
