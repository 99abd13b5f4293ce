"""The correlation dimension of a known law, held against its exponents.

The information dimension of a strange attractor is, as far as is known, that of Kaplan and Yorke, and the correlation
dimension is no larger. Published ones of the catalogue are less by 5% at most, but for Mackey-Glass's, 1.95 of 2.13. A
number that is far below may be of a very uneven set, or of slopes that have not reached their limit: it does not tell
which. Where the density has singularities they reach it slowly; that of the logistic map at r = 4 is 1 - 1 / ln(1 / r).
Points that show three decades then have one slope, and not the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from statfe.attractors.correlation import NAME
from statfe.attractors.exponents import lyapunov
from statfe.attractors.invariant import Invariant
from statfe.attractors.sources import Source

#: Errors, and share of the Kaplan-Yorke dimension, by which the correlation dimension must fall short to be doubted.
SIGMAS, SHORT = 2.0, 0.05
#: Length of a run for its sake alone, over the default.
SCALE = 0.1


def held_against(found: Invariant, dimension: float) -> Invariant:
    """A correlation dimension, `not_converged` where it is far below the Kaplan-Yorke `dimension`."""
    value, error = float(found.value), float(found.error)
    if found.status != "converged" or not value + max(SIGMAS * error, SHORT * dimension) < dimension:
        return found
    return replace(found, status="not_converged", message=(
        f"{1 - value / dimension:.0%} below the Kaplan-Yorke dimension {dimension:.4g}: slopes still rise towards "
        "distances that these points do not reach, or are sampled in step with a force; give more points, at other "
        "times, or rely on the exponents"))


def checked(scalars: Sequence[Invariant], source: Source, scale: float, seed: int, workers: int) -> list[Invariant]:
    """`scalars` with the correlation dimension held against the exponents, which are measured where they were not."""
    by_name = {found.name: found for found in scalars}
    system, ours = source.system, by_name.get(NAME)
    # energy and the like take dimensions away that exponents do not know of
    if ours is None or ours.status != "converged" or system is None or system.conserved is not None:
        return list(scalars)
    theirs = by_name.get("kaplan_yorke")
    if theirs is None:
        theirs = lyapunov(system, None, source.starts(), seed, workers, scale=scale * SCALE,
                          **source.options).kaplan_yorke
    dimension = float(theirs.value)
    if not np.isfinite(dimension):
        return list(scalars)
    return [held_against(found, dimension) if found is ours else found for found in scalars]
