"""Laplace's method: the saddles of the Hubbard-Stratonovich integral with Gaussian fluctuations.

Computes
    ln Z = ln sum over saddles of exp(-beta_f_saddle), each with the determinant of its fluctuations; the equations are
    in `statfe.variational.saddle`. Without fields a saddle that breaks the symmetry counts twice, once for its mirror.
Valid
    For infinite-range models away from their transitions: Curie-Weiss and Hopfield with few patterns (shift=minimal,
    error of order 1/N in ln Z, not a site) and SK at high temperature (shift=consistent). At a continuous
    transition a mode is flat and the method diverges, as it should. On short-range lattices a rough approximation.
Bound
    None (`uncontrolled`); exact where no spins are coupled and at beta = 0.
Choice among several solutions
    All saddles that are maxima of the integrand are added up, but for those within a standard deviation of a higher
    one. What is found depends on the starts: those of naive mean
    field, the paramagnet, and the leading eigenvectors of J (in Hopfield's model: the patterns).
Cost
    Dense: some eigenvalue problems, O(N^3), a saddle with shift=minimal, one an iteration with shift=consistent.
Source
    J. Hubbard, Phys. Rev. Lett. 3, 77 (1959); D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 32, 1007 (1985)
    for Hopfield's model; M. Opper and O. Winther, Phys. Rev. E 64, 056131 (2001) for the consistent shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Kind, Moments, Outcome, failure
from statfe.spec import Option
from statfe.trial import ProductTrial, log_2cosh
from statfe.variational.fixed_point import FixedPoint, solve_fixed_point
from statfe.variational.mean_field import attainable, is_exact_product
from statfe.variational.saddle import (
    action,
    consistent_shift,
    fluctuations,
    is_low_rank,
    minimal_shift,
    response,
    saddle_map,
    separation,
    spectrum,
)
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import FROZEN, standard_starts

#: Largest model: ten seconds a beta or so.
MAX_SITES = 600
#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Leading eigenvectors of J that saddles are looked for along, and the saddles followed to the next beta.
DIRECTIONS, FOLLOWED = 12, 12
#: Most rounds of the consistent shift, and the change of c that ends them.
OUTER, SAME_SHIFT = 60, 1e-10
#: A mode this soft is flat; saddles closer than this, in squared standard deviations over 2, are one peak.
FLAT, APART = 1e-5, 1.0
#: Share of all fluctuation that one mode may hold where the shift is set by their sum: above, spins freeze along it.
CONDENSED = 0.9


@dataclass(frozen=True, eq=False)
class Saddle:
    """A saddle that is a maximum of the integrand.

    Attributes
    ----------
    log_z
        The integral around it; doubled where its mirror image is a saddle of its own.
    softest
        The smallest eigenvalue of `fluctuations`.
    """

    solution: Solution
    trial: ProductTrial
    c: float
    log_z: float
    softest: float
    doubled: bool


class Saddles:
    """Laplace's method at one beta."""

    def __init__(self, model: IsingModel, beta: float, rule: str) -> None:
        self.model, self.beta, self.rule = model, beta, rule

    def shift(self, trial: ProductTrial) -> float:
        """c at the means of `trial`."""
        return minimal_shift(self.model) if self.rule == "minimal" else consistent_shift(
            self.model, self.beta, trial)

    def solve(self, start: Start, *, iterations: int, tolerance: float, **driver: Any) -> Solution:
        """The saddle reached from `start`; `beta_f` is its action alone."""
        model, beta = self.model, self.beta
        limit = start.limit(iterations)

        def reached(c: float, x: np.ndarray) -> FixedPoint:
            # The shift adds a coupling of a spin to itself, and rounds as one.
            finest = max(attainable(tolerance, model, beta), 8.0 * np.finfo(float).eps * beta * abs(c))
            return solve_fixed_point(
                saddle_map(model, beta, c), x, memory=MEMORY, iterations=limit, tolerance=finest, **driver)

        c = minimal_shift(model) if self.rule == "minimal" else 0.0
        point = reached(c, start.x)
        for _ in range(OUTER if self.rule == "consistent" else 0):
            before, c = c, self.shift(ProductTrial(point.x))
            point = reached(c, point.x)
            if abs(c - before) <= SAME_SHIFT * (1.0 + abs(c)):
                break
        else:
            point = point if self.rule == "minimal" else replace(point, converged=False)
        trial = ProductTrial(point.x)
        return Solution(-action(model, beta, trial, c), trial.means, point, start.name)

    def maxima(self, found: Search) -> list[Saddle]:
        """Those of the solutions that are maxima and do not overlap a higher one, the highest first."""
        saddles = []
        for solution in found.solutions:
            trial = ProductTrial(solution.point.x)
            c = self.shift(trial)
            modes = fluctuations(self.model, self.beta, trial, c)
            if modes[0] <= FLAT or (self.rule == "consistent" and self._condensed(modes)):
                continue
            doubled = not self.model.has_fields and self._apart(trial, c, -trial.means)
            log_z = action(self.model, self.beta, trial, c) - 0.5 * float(np.sum(np.log(modes)))
            saddles.append(Saddle(
                solution, trial, c, log_z + (np.log(2.0) if doubled else 0.0), float(modes[0]), doubled))
        kept: list[Saddle] = []
        for saddle in sorted(saddles, key=lambda s: -s.log_z):
            means = saddle.trial.means
            images = [means] if self.model.has_fields else [means, -means]
            if all(self._apart(k.trial, k.c, image) for k in kept for image in images):
                kept.append(saddle)
        return kept

    def _condensed(self, modes: np.ndarray) -> bool:
        return self.model.n_sites > 2 and 1.0 / modes[0] > CONDENSED * float(np.sum(1.0 / modes))

    def _apart(self, one: ProductTrial, c: float, means: np.ndarray) -> bool:
        return separation(self.model, self.beta, one, c, means) > APART

    def starts(self, seed: int, restarts: int) -> list[Start]:
        """Those of naive mean field, the paramagnet, and eigenvectors of J."""
        n = self.model.n_sites
        first = [] if self.model.has_fields else [Start("paramagnet", np.zeros(n))]
        count = min(n, DIRECTIONS if self.rule == "minimal" else 2)
        vectors = spectrum(self.model)[1][:, ::-1][:, :count].T
        along = [Start("spectral", FROZEN * np.sqrt(n) * v) for v in vectors]
        return [*first, *standard_starts(self.model, self.beta, seed, restarts), *along]

    def outcome(self, found: Search, kind: Kind) -> Outcome:
        """The sum over the saddles that are maxima."""
        if not found.found:
            return found.failure(kind)
        maxima = self.maxima(found)
        if not maxima:
            return failure(
                kind, "diverged", "no saddle found is a maximum of the integrand: a mode is flat or holds all the "
                "fluctuation, as at a transition and below it; lower beta, or use tap", saddles=0)
        logs = np.array([s.log_z for s in maxima])
        log_z = float(logsumexp(logs))
        best = maxima[0]
        return Outcome(
            beta_f=-log_z, kind=kind, moments=lambda: self.moments(maxima, np.exp(logs - log_z)),
            stats={**found.stats(best.solution, "other_actions"), "saddles": len(maxima), "shift": best.c,
                   "softest_mode": best.softest})

    def moments(self, maxima: list[Saddle], weights: np.ndarray) -> Moments:
        """Means of the spins over the saddles, and the response at each."""
        i, j, _ = self.model.pairs
        means, pairs = np.zeros(self.model.n_sites), np.zeros(self.model.n_pairs)
        for saddle, weight in zip(maxima, weights, strict=True):
            m = saddle.trial.means
            pairs += weight * (m[i] * m[j] + response(self.model, self.beta, saddle.trial, saddle.c)[i, j])
            if not saddle.doubled:
                means += weight * m
        return Moments(magnetizations=means, correlations=np.clip(pairs, -1.0, 1.0))


def obstacle(model: IsingModel) -> str:
    """Refuse models too large for dense matrices."""
    if model.n_sites <= MAX_SITES:
        return ""
    return f"it works with dense matrices, for at most {MAX_SITES} spins; use tap"


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, shift: str, restarts: int, **driver: Any
) -> Sequence[Outcome]:
    """ln Z of all saddles found at every beta. `driver` is for the fixed-point driver."""
    rule = shift if shift != "auto" else "minimal" if is_low_rank(model) else "consistent"

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        if is_exact_product(model, beta):
            free = ProductTrial(beta * model.fields)
            means = free.means
            i, j, _ = model.pairs
            exact = Outcome(
                beta_f=-float(np.sum(log_2cosh(free.lambdas))), kind="exact",
                moments=lambda: Moments(magnetizations=means, correlations=means[i] * means[j]))
            return exact, before
        saddles = Saddles(model, beta, rule)
        found = search(
            [*continued(before, FOLLOWED), *saddles.starts(context.seed, restarts)],
            lambda s: saddles.solve(s, **driver), model.n_sites, symmetric=not model.has_fields,
            workers=context.workers)
        return saddles.outcome(found, "uncontrolled"), found if found.found else before

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="laplace",
    family="approximate",
    summary="saddles of the Hubbard-Stratonovich integral with Gaussian fluctuations",
    kinds=("uncontrolled", "exact"),
    reference="Hubbard, Phys. Rev. Lett. 3, 77 (1959); Amit, Gutfreund and Sompolinsky, Phys. Rev. A 32, 1007 (1985)",
    run=run,
    obstacle=obstacle,
    options=(
        Option("shift", "str", "auto", "diagonal of J: minimal for low rank, consistent else",
               choices=("auto", "minimal", "consistent")),
        *fixed_point_options(restarts=3, iterations=500, tolerance=1e-9),
    ),
    cost=lambda model, n_betas: 1e3 * n_betas * float(model.n_sites) ** 3,
)
