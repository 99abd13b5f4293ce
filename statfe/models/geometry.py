"""Regular lattices: sites, bonds and plaquettes of hypercubic and triangular lattices of any size.

A site with coordinates (x_0, x_1, ...) has index ``ravel_multi_index(x, shape)``: the last axis runs fastest.
On a periodic axis of length 2 the two bonds between a pair both count; an axis of length 1 has none, and no
diagonal runs along it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from statfe.errors import ModelError

KINDS = ("hypercubic", "triangular")
MAX_AXES = 32
MAX_SITES = int(np.iinfo(np.int32).max)


@dataclass(frozen=True)
class Lattice:
    """Shape, boundary and kind (``hypercubic`` or ``triangular``) of a regular lattice.

    The triangular lattice is a square one with one more bond along (1, 1) from every site.

    Raises
    ------
    ModelError
        For an unknown kind, a length below 1, more than 2^31 - 1 sites, or a triangular lattice that does not
        have two axes.
    """

    shape: tuple[int, ...]
    periodic: bool
    kind: str = "hypercubic"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"unknown lattice kind {self.kind!r}; known: {', '.join(KINDS)}")
        if not 1 <= len(self.shape) <= MAX_AXES:
            raise ModelError(f"a lattice has 1 to {MAX_AXES} axes, got {len(self.shape)}")
        if min(self.shape) < 1:
            raise ModelError(f"every axis of a lattice needs a length of at least 1, got {self._shape_text}")
        if self.n_sites > MAX_SITES:
            raise ModelError(f"shape {self._shape_text} has {self.n_sites} sites; at most {MAX_SITES}")
        if self.kind == "triangular" and len(self.shape) != 2:
            raise ModelError(f"a triangular lattice has two axes, got {self._shape_text}; write shape=12x12")

    @property
    def _shape_text(self) -> str:
        return "x".join(map(str, self.shape))

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return math.prod(self.shape)

    @property
    def n_bonds(self) -> int:
        """Number of bonds, counted without building them."""
        return sum(self._count(step) for step in self.steps)

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """One displacement a direction of bonds."""
        unit = [tuple(int(a == d) for a in range(len(self.shape))) for d in range(len(self.shape))]
        return [*unit, (1, 1)] if self.kind == "triangular" else unit

    def _count(self, step: tuple[int, ...]) -> int:
        """Number of bonds along `step`."""
        if any(s and size == 1 for s, size in zip(step, self.shape, strict=True)):
            return 0
        lost = 0 if self.periodic else 1
        return math.prod(size - lost * s for s, size in zip(step, self.shape, strict=True))

    def _neighbour(self, step: tuple[int, ...]) -> np.ndarray:
        """The site that `step` leads to from every site, wrapped round; int32."""
        sites = np.arange(self.n_sites, dtype=np.int32).reshape(self.shape)
        axes = [a for a, s in enumerate(step) if s]
        return np.roll(sites, [-step[a] for a in axes], axis=axes).ravel()

    def _sources(self, step: tuple[int, ...]) -> np.ndarray:
        """Sites that a bond along `step` starts from, in order; int32."""
        sites = np.arange(self.n_sites, dtype=np.int32)
        if self._count(step) == self.n_sites:
            return sites
        if not self._count(step):
            return sites[:0]
        inside = tuple(slice(size - s) for s, size in zip(step, self.shape, strict=True))
        return sites.reshape(self.shape)[inside].ravel()

    def bonds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(from, to, direction) of every bond, direction by direction, sites in order; int32, int32, int8."""
        start, total = 0, self.n_bonds
        source, target = np.empty(total, dtype=np.int32), np.empty(total, dtype=np.int32)
        direction = np.empty(total, dtype=np.int8)
        for d, step in enumerate(self.steps):
            sites = self._sources(step)
            part = slice(start, start + len(sites))
            source[part], target[part], direction[part] = sites, self._neighbour(step)[sites], d
            start = part.stop
        return source, target, direction

    def plaquettes(self) -> np.ndarray:
        """Bond indices around every elementary plaquette; int32.

        Squares of every plane of two axes, shape (n, 4), or triangles, shape (n, 3); the sides of a row follow
        each other round the loop. On a periodic axis of length 2 a loop names which of two parallel bonds it
        takes.
        """
        bond_at, target = self._bond_index()
        if self.kind == "triangular":
            x, y, diagonal = 0, 1, 2
            loops = [
                [bond_at[x], bond_at[y][target[x]], bond_at[diagonal]],
                [bond_at[y], bond_at[x][target[y]], bond_at[diagonal]],
            ]
        else:
            loops = [
                [bond_at[a], bond_at[b][target[a]], bond_at[a][target[b]], bond_at[b]]
                for a, b in combinations(range(len(self.shape)), 2)
            ]
        if not loops:
            return np.empty((0, 4), dtype=np.int32)
        return np.concatenate([_closed(loop) for loop in loops])

    def _bond_index(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Per direction: the index of the bond that starts at each site (-1 if none), and its far end."""
        bond_at, targets, start = [], [], 0
        for step in self.steps:
            index = np.full(self.n_sites, -1, dtype=np.int32)
            sites = self._sources(step)
            index[sites] = np.arange(start, start + len(sites), dtype=np.int32)
            start += len(sites)
            bond_at.append(index)
            targets.append(self._neighbour(step))
        return bond_at, targets


def _closed(loop: list[np.ndarray]) -> np.ndarray:
    """The loops of which every side exists, shape (n, sides)."""
    exists = loop[0] >= 0
    for side in loop[1:]:
        exists &= side >= 0
    return np.stack([side[exists] for side in loop], axis=1)
