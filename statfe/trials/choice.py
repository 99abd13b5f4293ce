"""Which blocks or which forest: descents on a few, then on those chosen again at the means of the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from statfe.variational.solutions import Solution

#: Product minima that descents start from.
PRODUCTS = 4
#: Rounds in which the layout is chosen again.
ROUNDS = 3


class Descent(Protocol):
    """A descent and what it was made on."""

    @property
    def solution(self) -> Solution:
        """Where it ended."""
        ...


Found = TypeVar("Found", bound=Descent)


def best_layout(
    first: Sequence[np.ndarray], again: Callable[[np.ndarray], np.ndarray],
    descend: Callable[[np.ndarray, Found | None], Found | None],
) -> Found:
    """The lowest descent over the layouts `first`, and over those chosen again.

    Parameters
    ----------
    first
        Layouts, of which one at least can be descended on.
    again
        The layout for means of the spins.
    descend
        The lowest descent on a layout, with the best before as one start; None where there were some before.
    """
    found = [some for layout in first if (some := descend(layout, None)) is not None]
    best = min(found, key=lambda f: f.solution.beta_f)
    for _ in range(ROUNDS):
        better = descend(again(best.solution.means), best)
        if better is None or better.solution.beta_f >= best.solution.beta_f:
            break
        best = better
    return best
