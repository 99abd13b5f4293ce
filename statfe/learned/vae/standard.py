"""From the units of the data to those of the network, and back: a centre and one common scale.

    y = (x - centre) / scale,    scale^2 = mean of the variances of the columns                                   (1)

One scale for all columns keeps the geometry of the data: ratios of distances, and so dimensions, and noise that is the
same in all directions. PCA whitening would not: it blows directions of nothing but noise up to the size of the data.
A noise of standard deviation s in the data is one of s / scale in the network, which must be above the root of the
network's `noise_floor` to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.datasets.rows import Survey
from statfe.errors import UsageError

#: Least variance of the units of a network that learns standardised data: a noise of 1e-4 of their size is resolved.
FINE_FLOOR = 1e-8


@dataclass(frozen=True, eq=False)
class Standard:
    """The numbers of (1).

    Attributes
    ----------
    centre
        float64, shape (units,).
    scale
        In the units of the data.
    """

    centre: np.ndarray
    scale: float

    def apply(self, data: np.ndarray) -> np.ndarray:
        """y of (1), float32."""
        return ((np.asarray(data, dtype=np.float64) - self.centre) / self.scale).astype(np.float32)

    def undo(self, rows: np.ndarray) -> np.ndarray:
        """x of (1), float64."""
        return self.centre + self.scale * np.asarray(rows, dtype=np.float64)


def standard_of(facts: Survey) -> Standard:
    """(1) of the rows that were surveyed.

    Raises
    ------
    UsageError
        For values that are not finite, and rows that are all the same.
    """
    if not facts.whole:
        raise UsageError(f"row {facts.bad_row} of the data has values that are not finite; mend or import them anew")
    scale = math.sqrt(float(np.mean(facts.variances)))
    if not scale > 0.0:
        raise UsageError("all rows of the data are the same: there is nothing to learn but their value")
    return Standard(facts.means, scale)
