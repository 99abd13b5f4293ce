"""Regular lattices: sites, bonds and plaquettes of hypercubic and triangular lattices of any size.

A site with coordinates (x_0, x_1, ...) has index ``ravel_multi_index(x, shape)`` (the last axis runs fastest).
On a periodic axis of length 2 the two bonds between a pair both count; an axis of length 1 has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Lattice:
    """Shape, boundary and kind (``hypercubic`` or ``triangular``) of a regular lattice."""

    shape: tuple[int, ...]
    periodic: bool
    kind: str = "hypercubic"

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return int(np.prod(self.shape))

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """One displacement a direction of bonds."""
        unit = [tuple(int(a == d) for a in range(len(self.shape))) for d in range(len(self.shape))]
        return [*unit, (1, 1)] if self.kind == "triangular" else unit

    def _neighbour(self, step: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """(target site, whether the bond exists) of the bond along `step` from every site."""
        coordinates = np.indices(self.shape).reshape(len(self.shape), -1)
        moved = coordinates + np.array(step)[:, None]
        sizes = np.array(self.shape)[:, None]
        flat_axis = any(s != 0 and size == 1 for s, size in zip(step, self.shape, strict=True))
        exists = np.full(self.n_sites, not flat_axis)
        if not self.periodic:
            exists &= np.all(moved < sizes, axis=0)
        return np.ravel_multi_index(tuple(moved % sizes), self.shape), exists

    def bonds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(from, to, direction) of every bond, direction by direction, sites in order; int64 each."""
        parts = []
        for d, step in enumerate(self.steps):
            target, exists = self._neighbour(step)
            source = np.flatnonzero(exists)
            parts.append((source, target[source], np.full(len(source), d)))
        return (
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]),
        )

    def plaquettes(self) -> np.ndarray:
        """Bond indices around every elementary plaquette: squares, shape (n, 4), or triangles, shape (n, 3)."""
        bond_at, targets = self._bond_index()
        every = np.arange(self.n_sites)
        loops = []
        if self.kind == "triangular":
            x, y, diagonal = 0, 1, 2
            loops.append([bond_at[x], bond_at[y][targets[x]], bond_at[diagonal]])
            loops.append([bond_at[y], bond_at[x][targets[y]], bond_at[diagonal]])
        else:
            for a, b in combinations(range(len(self.shape)), 2):
                loops.append([bond_at[a], bond_at[b][targets[a]], bond_at[a][targets[b]], bond_at[b]])
        if not loops:
            return np.empty((0, 4), dtype=np.int64)
        table = np.concatenate([np.stack([side[every] for side in loop], axis=1) for loop in loops])
        return table[np.all(table >= 0, axis=1)]

    def _bond_index(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Per direction: the index of the bond that starts at each site (-1 if none), and its far end."""
        bond_at, targets, start = [], [], 0
        for step in self.steps:
            target, exists = self._neighbour(step)
            index = np.full(self.n_sites, -1)
            index[exists] = start + np.arange(int(exists.sum()))
            start += int(exists.sum())
            bond_at.append(index)
            targets.append(target)
        return bond_at, targets
