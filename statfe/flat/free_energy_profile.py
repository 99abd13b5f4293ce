"""`free_energy_profile`: beta F along a coordinate, checked, and written to a file where one is asked for."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

from statfe.errors import UsageError, unknown_name
from statfe.flat.profile import ALONG, Profile
from statfe.flat.profile_file import write_profile
from statfe.flat.umbrella import (
    Curve,
    energy_curve,
    energy_outcome,
    energy_windows,
    magnetization_curve,
    magnetization_windows,
)
from statfe.flat.windows import DEFAULT_REPLICAS, WindowRun
from statfe.models.catalogue import build_model, is_buildable
from statfe.models.ising import IsingModel
from statfe.registry import Context, check_integer, check_seed, to_free_energy
from statfe.result import Outcome
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path, files_read


def free_energy_profile(
    model: str | IsingModel, beta: float | str, along: str = "magnetization",
    output: str | PathLike[str] | None = None, *, windows: int | None = None, replicas: int = DEFAULT_REPLICAS,
    sweeps: int | None = None, seed: int | None = None, workers: int = 1, force: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Profile:
    """beta F of `model` along the magnetisation or the energy at one beta, by umbrella sampling.

    Parameters
    ----------
    along
        ``magnetization`` or ``energy``.
    output
        HDF5 file to write (format statfe-1); nothing is written when None.
    windows
        Number of windows; by the range of the coordinate when None.
    replicas
        Independent sets of windows, from which the errors come.
    sweeps
        Measured sweeps a window; about 5 s of work when None.
    seed
        Drawn when None, and kept in the result.
    workers
        Threads; the result is the same bits for any number.
    force
        Replace an existing file.

    Returns
    -------
    Profile
        Its `status` and `message` say whether the draws bear it.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is sampled.
    """
    if along not in ALONG:
        raise UsageError(unknown_name("coordinate", str(along), ALONG))
    path = None if output is None else as_path("output", output)
    if path is not None:
        check_output([path], force, inputs=files_read(model))
    spins, at = build_model(model), _one_beta(beta)
    if spins.uniform is not None:
        raise UsageError(f"{spins.spec} has too many spins for a profile; take a smaller lattice")
    counts = {"windows": windows if windows is None else check_integer("windows", windows, 1),
              "replicas": check_integer("replicas", replicas, 2),
              "sweeps": sweeps if sweeps is None else check_integer("sweeps", sweeps, 1)}
    context = Context(check_seed(seed), check_integer("workers", workers, 1), progress)
    start = time.perf_counter()
    curve, outcome, run = _sample(spins, at, along, context, counts)
    seconds = time.perf_counter() - start
    total = to_free_energy(outcome, spins, f"umbrella:along={along}", at, seconds, context.seed)
    shift = spins.offset if along == "energy" else 0.0
    found = Profile(
        model=spins, beta=at, along=along, coordinate=curve.coordinate + shift,
        beta_f=curve.beta_f + at * spins.offset, error=curve.error, total=total,
        symmetric=along == "magnetization" and not spins.has_fields, windows=run.values.shape[2],
        replicas=len(run.values), sweeps=run.sweeps, seed=context.seed, bin_width=curve.bin_width, seconds=seconds)
    found = replace(found, command=_command(found, windows, output))
    if path is None:
        return found
    write_profile(path, found)
    return replace(found, path=os.fspath(path))


def _one_beta(beta: float | str) -> float:
    grid = parse_grid(beta)
    if len(grid) != 1:
        raise UsageError(f"a profile is of one beta, got {len(grid)}")
    if grid[0] < 0.0:
        raise UsageError(f"a profile needs beta >= 0, got {grid[0]:g}; negate the couplings and fields instead")
    return float(grid[0])


def _sample(model: IsingModel, beta: float, along: str, context: Context, counts: dict[str, int | None]
            ) -> tuple[Curve, Outcome, WindowRun]:
    if along == "magnetization":
        run = magnetization_windows(model, beta, context, **counts)  # type: ignore[arg-type]
        return *magnetization_curve(model, run), run
    grid, run = energy_windows(model, beta, context, **counts)  # type: ignore[arg-type]
    return energy_curve(model, grid, run, beta), energy_outcome(model, grid, run, beta), run


def _command(found: Profile, windows: int | None, output: str | PathLike[str] | None) -> str:
    """``statfe profile ...`` with all that decides the result; "" where no command can make the model."""
    if not is_buildable(found.model.spec):
        return ""
    words = ["statfe", "profile", found.model.spec, "--beta", repr(found.beta), "--along", found.along, "--replicas",
             str(found.replicas), "--sweeps", str(found.sweeps), "--seed", str(found.seed)]
    words += [] if windows is None else ["--windows", str(windows)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])

