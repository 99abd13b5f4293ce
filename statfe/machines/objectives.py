"""Objectives that need no Z: ratio matching for units 0 and 1, score matching for Gaussian visible units.

Ratio matching (A. Hyvarinen, Comput. Stat. Data Anal. 51, 2499 (2007)) lowers, over the data,

    J = < sum_i [1 - p(v_i | others)]^2 >,   p(v_i | others) = 1 / (1 + exp(F_c(v) - F_c(v with i flipped))),      (1)

and score matching (A. Hyvarinen, J. Mach. Learn. Res. 6, 695 (2005)), with psi = d ln p / du,

    J = < sum_i psi_i^2 / 2 + d psi_i / du_i >,   psi = a - u + W s,   s_j = 1 / (1 + exp(-b_j - u.W_j)),            (2)
    sum_i d psi_i / du_i = -n_visible + sum_j s_j (1 - s_j) sum_i W_ij^2,

for machines as K. Swersky et al., ICML 2011, have them; u is (v - shift) / sigma. Both are lowest at the machine that
made the data, if one did and the data are many; their minimum on few data is not that of the likelihood.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit

from statfe.errors import UsageError
from statfe.kernels.ratio_matching import flip_terms
from statfe.machines.flips import flip_arguments
from statfe.machines.gibbs import Parameters
from statfe.machines.phases import Means


class Descent(NamedTuple):
    """J a row, and the way down: -dJ/da, -dJ/db, -dJ/dW."""

    value: float
    slopes: Means


class Objective(Protocol):
    """A mean over rows to be lowered."""

    def descent(self, p: Parameters, visible: np.ndarray) -> Descent:
        """At parameters `p` and rows of units, shape (rows, n_visible)."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that change."""
        ...


class RatioMatching:
    """Eq. (1), in double precision whatever the training's. Rows must be 0 and 1."""

    def descent(self, p: Parameters, visible: np.ndarray) -> Descent:
        """All flips of all rows: n_visible n_hidden steps a row."""
        given, rows = flip_arguments(visible, p.a, p.b, p.W), len(visible)
        terms, differences, weights = np.empty(visible.shape), np.empty((rows, len(p.b))), np.zeros(p.W.shape)
        total = flip_terms(*given, terms, differences, weights)
        weights += given[0].T @ differences
        slopes = (terms.mean(axis=0), differences.mean(axis=0), weights / rows)
        return Descent(total / rows, Means(*(-x.astype(p.vector.dtype) for x in slopes)))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


class ScoreMatching:
    """Eq. (2), for units measured in their sigmas, in double precision whatever the training's."""

    def descent(self, p: Parameters, visible: np.ndarray) -> Descent:
        """Five products of matrices."""
        u, a, b, W = (np.asarray(x, dtype=np.float64) for x in (visible, p.a, p.b, p.W))
        s = expit(u @ W + b)
        q, norms = s * (1.0 - s), (W**2).sum(axis=0)
        psi = a - u + s @ W.T
        value = float((0.5 * (psi**2).sum(axis=1) + q @ norms).mean()) - len(a)
        inner = q * (psi @ W + (1.0 - 2.0 * s) * norms)  # dJ/dx
        weights = (psi.T @ s + u.T @ inner) / len(u) + 2.0 * W * q.mean(axis=0)
        slopes = (psi.mean(axis=0), inner.mean(axis=0), weights)
        return Descent(value, Means(*(-x.astype(p.vector.dtype) for x in slopes)))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


#: Objectives by the name of their algorithm.
OBJECTIVES: dict[str, type[RatioMatching] | type[ScoreMatching]] = {"ratio": RatioMatching, "score": ScoreMatching}


def check_objective(algorithm: str, binary: bool) -> None:
    """Refuse grey values for ratio matching."""
    if algorithm == "ratio" and not binary:
        raise UsageError("ratio matching needs units 0 and 1; binarise the data first, or take pcd")
