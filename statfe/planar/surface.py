"""A graph drawn on a closed surface, as darts: each bond is two darts, 2e and 2e + 1, one from each end.

A dart lies in the face that it runs along. `phi` is the next dart round that face, so the cycles of `phi` are the
faces, and the darts of one cycle are the ends of bonds of the dual graph at one of its sites. Loops and parallel bonds
are allowed; the graph must be connected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Surface:
    """A drawn graph.

    Attributes
    ----------
    n_sites
        Number of sites, each with at least one dart.
    tail
        Site that each dart starts from, int64, shape (2 n_bonds,); dart ``d ^ 1`` starts from its other end.
    phi
        Next dart round the face, int64, shape (2 n_bonds,).
    couplings
        J of each bond, float64, shape (n_bonds,).
    lengths
        Length of the step across each bond, float64, shape (n_bonds,): 1, or more for bonds that cut large faces.
    place
        Position of each face, float64, shape (n_faces, 2), where the caller knows it: only speed depends on it.
    """

    n_sites: int
    tail: np.ndarray
    phi: np.ndarray
    couplings: np.ndarray
    lengths: np.ndarray
    place: np.ndarray | None = None

    @property
    def n_bonds(self) -> int:
        """Number of bonds."""
        return len(self.couplings)

    @cached_property
    def faces(self) -> list[list[int]]:
        """The darts of each face, in order."""
        return list(_cycles(self.phi.tolist()))

    @property
    def genus(self) -> int:
        """0 on the sphere, 1 on the torus: Euler's V - E + F = 2 - 2 g."""
        return (2 - (self.n_sites - self.n_bonds + len(self.faces))) // 2


def _cycles(step: list[int]) -> Iterator[list[int]]:
    seen = bytearray(len(step))
    for start in range(len(step)):
        if seen[start]:
            continue
        cycle, at = [], start
        while not seen[at]:
            seen[at] = 1
            cycle.append(at)
            at = step[at]
        yield cycle


def round_faces(turn: np.ndarray) -> np.ndarray:
    """`phi` from the next dart counterclockwise round each site: go along a dart, then turn at its far end."""
    return turn[np.arange(len(turn)) ^ 1]


def split_faces(surface: Surface, most: int = 4) -> Surface:
    """Cut faces of more than `most` darts in two halves, again and again, by bonds without coupling.

    Z stays the same, and blocks of the matrix stay small: an outer face has as many darts as the rim.
    """
    phi, tail, lengths = surface.phi.tolist(), surface.tail.tolist(), surface.lengths.tolist()
    todo = [face for face in surface.faces if len(face) > most]
    while todo:
        face = todo.pop()
        half, new = len(face) // 2, len(phi)
        first, second = [*face[:half], new], [*face[half:], new + 1]
        phi += [first[0], second[0]]
        phi[first[-2]], phi[second[-2]] = new, new + 1
        tail += [tail[second[0]], tail[first[0]]]
        lengths.append(float(half))
        todo += [part for part in (first, second) if len(part) > most]
    couplings = np.zeros(len(phi) // 2)
    couplings[:surface.n_bonds] = surface.couplings
    return Surface(
        n_sites=surface.n_sites, tail=np.array(tail, dtype=np.int64), phi=np.array(phi, dtype=np.int64),
        couplings=couplings, lengths=np.array(lengths))
