"""`tap_solutions`: how many solutions the TAP equations have, and how much of the space of starts each attracts.

A start is a random state of the spins, m_i = +-1. From there sweeps over the sites in turn descend the free energy of
naive mean field to a minimum, and from that the TAP free energy (`statfe.variational.tap`): its minima are the
attractors of this iteration, and the basin of a solution is the share of starts that end there. Without the first
descent nearly all starts in a glass end at m = 0: a minimum of TAP at low temperature, but one where the expansion does
not hold (Plefka's parameter tells) and far below the true free energy. Once a descent is near its solution,
extrapolated steps speed it up.

How many were missed? The share of descents that found a solution nobody else found estimates the basins of all that
were not found (I. J. Good, Biometrika 40, 237 (1953); error of W. W. Esty, Ann. Statist. 11, 905 (1983)), and
singletons and doubletons bound their number from below (A. Chao, Scand. J. Statist. 11, 265 (1984)). At low temperature
SK has exponentially many (A. J. Bray and M. A. Moore, J. Phys. C 13, L469 (1980)).
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np

from statfe.blas import one_thread
from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.models.catalogue import build_model, is_buildable
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import check_integer, check_seed
from statfe.search.tap_solutions_file import write_tap_solutions
from statfe.search.tap_solutions_result import Attractors, TapSolutions
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid
from statfe.store.inputs import as_path, files_read
from statfe.trial import ProductTrial
from statfe.variational.expansion import scaled_hessian
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.linear_response import lowest_eigenvalue
from statfe.variational.mean_field import mean_field_map
from statfe.variational.solutions import SAME_BETA_F, Solution, Start, same_means
from statfe.variational.start_points import gauge_signs
from statfe.variational.tap import descend, plefka

DEFAULT_STARTS = 1000
#: Residual below which steps are extrapolated, and the one of a solution.
NEAR, TOLERANCE = 1e-3, 1e-11
#: Most sweeps of one descent.
ITERATIONS = 10_000
#: Starts between two looks at the progress.
BLOCK = 64
#: Key of the random stream of the starts (see `statfe.random.generator`).
STARTS_KEY = 7012
#: lambda of a spin that points up.
FROZEN = 20.0
#: A mean below this has no sign.
SIGNLESS = 1e-3


@one_thread()
def tap_solutions(
    model: str | IsingModel, beta: Grid, output: str | PathLike[str] | None = None, *, starts: int = DEFAULT_STARTS,
    seed: int | None = None, workers: int = 1, force: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> TapSolutions:
    """Find TAP solutions from many random starts, the same starts at every beta.

    Parameters
    ----------
    beta
        One inverse temperature or a grid, none below 0.
    output
        HDF5 file to write (format statfe-1); nothing is written when None.
    starts
        Descents at each beta.
    seed
        Drawn when None, and kept in the result.
    workers
        Threads; all but times is the same bits for any number.
    force
        Replace an existing file.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is computed.
    """
    path = None if output is None else as_path("output", output)
    if path is not None:
        check_output([path], force, inputs=files_read(model))
    spins, betas = build_model(model), parse_grid(beta)
    if np.any(betas < 0.0):
        raise UsageError(f"TAP needs beta >= 0, got {betas.min():g}; negate the couplings and fields instead")
    count, threads = check_integer("starts", starts, 1), check_integer("workers", workers, 1)
    number = check_seed(seed)
    began = time.perf_counter()
    at = []
    for k, b in enumerate(betas):
        def tell(share: float, k: int = k) -> None:
            if progress is not None:
                progress("descents", (k + share) / len(betas))

        at.append(_attractors(spins, float(b), count, number, threads, tell))
    found = TapSolutions(
        model=spins, at=at, starts=count, seed=number, workers=threads, seconds=time.perf_counter() - began,
        command=_command(spins, betas, count, number, output))
    if path is None:
        return found
    write_tap_solutions(path, found)
    return replace(found, path=os.fspath(path))


def _attractors(
    model: IsingModel, beta: float, starts: int, seed: int, workers: int, tell: Callable[[float], None]
) -> Attractors:
    """All descents at one beta, merged."""
    rng, signs = generator(seed, STARTS_KEY), gauge_signs(model)
    merged = Merged(model)
    for first in range(0, starts, BLOCK):
        ups = rng.integers(0, 2, (min(BLOCK, starts - first), model.n_sites))
        for solution in map_tasks(lambda x: _descend(model, beta, x), FROZEN * signs * (2.0 * ups - 1.0), workers):
            merged.add(solution)
        tell(min(1.0, (first + BLOCK) / starts))
    return merged.attractors(beta, starts)


def _descend(model: IsingModel, beta: float, lambdas: np.ndarray) -> Solution:
    """Plain sweeps of naive mean field and then of TAP until they have settled, then faster ones."""
    naive = solve_fixed_point(mean_field_map(model, beta), lambdas, iterations=ITERATIONS, tolerance=NEAR)
    near = descend(model, beta, Start("random", naive.x), iterations=ITERATIONS, tolerance=NEAR, memory=0)
    if not near.point.converged:
        return near
    return descend(model, beta, Start("random", near.point.x), iterations=ITERATIONS, tolerance=TOLERANCE)


class Merged:
    """Distinct solutions with the number of descents that ended at each."""

    def __init__(self, model: IsingModel) -> None:
        self.model, self.symmetric = model, not model.has_fields
        self.kept: list[Solution] = []
        self.counts: list[int] = []
        self.values = np.empty(0)
        self.not_converged = 0

    def add(self, solution: Solution) -> None:
        """Count `solution` where it is known, or keep it."""
        if not (solution.point.converged and np.isfinite(solution.beta_f)):
            self.not_converged += 1
            return
        near = np.abs(self.values - solution.beta_f) <= SAME_BETA_F * self.model.n_sites
        for k in np.flatnonzero(near):
            if same_means(self.kept[k].means, solution.means, self.symmetric):
                self.counts[k] += 1
                return
        self.kept.append(solution)
        self.counts.append(1)
        self.values = np.append(self.values, solution.beta_f)

    def attractors(self, beta: float, starts: int) -> Attractors:
        """Sorted by beta_f, with what there is to say of each."""
        order = np.argsort(self.values, kind="stable")
        trials = [ProductTrial(self.kept[k].point.x) for k in order]
        means = np.array([t.means for t in trials]).reshape(len(trials), self.model.n_sites)
        return Attractors(
            beta=beta, beta_f=self.values[order] + beta * self.model.offset,
            stabilities=np.array([lowest_eigenvalue(scaled_hessian(self.model, beta, t, 2)) for t in trials]),
            plefka=np.array([plefka(self.model, beta, t) for t in trials]),
            counts=np.array([self.counts[k] for k in order], dtype=np.int64),
            means=means * _turns(means)[:, None] if self.symmetric else means,
            starts=starts, not_converged=self.not_converged)


def _turns(means: np.ndarray) -> np.ndarray:
    """+1 or -1 for each solution: the sign of its first mean that is not 0."""
    if means.size == 0:
        return np.ones(len(means))
    first = np.argmax(np.abs(means) > SIGNLESS, axis=1)
    return np.where(means[np.arange(len(means)), first] < -SIGNLESS, -1.0, 1.0)


def _command(
    model: IsingModel, betas: np.ndarray, starts: int, seed: int, output: str | PathLike[str] | None
) -> str:
    """``statfe tap-solutions ...``; "" where no command can make the model."""
    if not is_buildable(model.spec):
        return ""
    grid = ",".join(repr(float(b)) for b in betas)
    words = ["statfe", "tap-solutions", model.spec, "--beta", grid, "--starts", str(starts), "--seed", str(seed)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])
