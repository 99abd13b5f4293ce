"""How the sample-to-sample spread of beta F falls with size: R = Var(beta F) / [beta F]^2 ~ N^-x.

A self-averaging quantity has R -> 0; short-range systems have x = 1 (Wehr and Aizenman, J. Stat. Phys. 60, 287, 1990).
For SK below T_c the deviation grows as N^theta with theta near 1/6 (Crisanti et al., J. Phys. I 2, 1325, 1992), which
is x = 5/3 for R. Exponents are fitted to logarithms with weights from the errors of the deviations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.disorder.result import DisorderRun
from statfe.errors import UsageError


@dataclass(frozen=True)
class PowerLaw:
    """exponent +- error of y ~ N^exponent, and chi^2 a degree of freedom (NaN for two sizes)."""

    exponent: float
    error: float
    chi_square: float


@dataclass(frozen=True)
class SizeRow:
    """One size at one beta: R and its error, the deviation a square root of N and its error, [beta F] / N."""

    model: str
    n_sites: int
    beta: float
    realisations: int
    relative_variance: float
    relative_variance_error: float
    deviation: float
    deviation_error: float
    per_site: float
    per_site_error: float
    status: str


@dataclass(frozen=True)
class SelfAveraging:
    """Rows by beta and size, and for each beta the fits of R and of the deviation against N.

    Attributes
    ----------
    rows
        Ascending in beta, then in size.
    relative_variance, deviation
        Fits by beta; None where fewer than two sizes have a spread above the noise.
    """

    rows: list[SizeRow]
    relative_variance: dict[float, PowerLaw | None]
    deviation: dict[float, PowerLaw | None]

    @property
    def converged(self) -> bool:
        """Whether every average passed its checks."""
        return all(row.status == "converged" for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"sizes": [vars(row) for row in self.rows],
                "fits": [{"beta": beta, "relative_variance": None if x is None else vars(x),
                          "deviation": None if self.deviation[beta] is None else vars(self.deviation[beta])}
                         for beta, x in self.relative_variance.items()]}


def fit_power(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> PowerLaw | None:
    """Least squares of ln y = a + x ln N with weights (y / error)^2; None with fewer than two usable sizes."""
    use = np.isfinite(values) & np.isfinite(errors) & (values > 0) & (errors > 0)
    x, y, sigma = np.log(sizes[use]), np.log(values[use]), errors[use] / values[use]
    if len(np.unique(x)) < 2:
        return None
    w = 1.0 / sigma**2
    centre = np.sum(w * x) / np.sum(w)
    width = float(np.sum(w * (x - centre) ** 2))
    slope = float(np.sum(w * (x - centre) * y) / width)
    rest = y - np.sum(w * y) / np.sum(w) - slope * (x - centre)
    free = len(x) - 2
    return PowerLaw(slope, 1.0 / math.sqrt(width), float(np.sum(w * rest**2)) / free if free else math.nan)


def check_sizes(sizes: Sequence[int]) -> None:
    """Refuse fewer than two sizes."""
    if len(set(sizes)) < 2:
        raise UsageError("self-averaging needs at least two sizes, such as sk:n=32 and sk:n=64")


def self_averaging(runs: Sequence[DisorderRun]) -> SelfAveraging:
    """The spread of `runs`, of one family at growing size, against N at the betas that all of them have.

    Raises
    ------
    UsageError
        Fewer than two sizes, or no beta above 0 in common.
    """
    check_sizes([run.n_sites for run in runs])
    common = set.intersection(*(set(run.betas.tolist()) for run in runs)) - {0.0}
    if not common:
        raise UsageError("the averages have no beta in common, other than 0; make them on one grid")
    ordered = sorted(runs, key=lambda run: run.n_sites)
    rows = [_row(run, beta) for beta in sorted(common) for run in ordered]
    variance, deviation = {}, {}
    for beta in sorted(common):
        here = [row for row in rows if row.beta == beta]
        sizes = np.array([row.n_sites for row in here], dtype=np.float64)
        variance[beta] = fit_power(
            sizes, *(np.array([getattr(row, name) for row in here])
                     for name in ("relative_variance", "relative_variance_error")))
        deviation[beta] = fit_power(
            sizes, *(np.array([getattr(row, name) for row in here]) for name in ("deviation", "deviation_error")))
    return SelfAveraging(rows, variance, deviation)


def _row(run: DisorderRun, beta: float) -> SizeRow:
    a = next(a for a in run.averages if a.beta == beta)
    ratio = (a.deviation / a.beta_f) ** 2 if a.beta_f else math.nan
    relative = 2.0 * math.hypot(a.deviation_error / a.deviation if a.deviation else math.inf,
                                a.beta_f_error / a.beta_f if a.beta_f else math.inf)
    return SizeRow(
        run.model, run.n_sites, beta, run.realisations, ratio, ratio * relative if ratio else math.nan, a.deviation,
        a.deviation_error, a.beta_f / run.n_sites, a.beta_f_error / run.n_sites, a.status)
