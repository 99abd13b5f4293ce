"""The functions behind the commands. Anything a command does, one of these does; a command only parses."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.errors import StoreError, UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.random import draw_seed
from statfe.registry import run_method
from statfe.report import REPORT_FILES, check_report_libraries, write_report
from statfe.result import FreeEnergy
from statfe.sampling.as_method import DEFAULT_REPLICAS, DEFAULT_SWEEPS
from statfe.sampling.driver import plan_run
from statfe.sampling.samplers import DEFAULT_SAMPLER, make_sampler
from statfe.scoring.comparison import Comparison
from statfe.scoring.contest import Contest, compare_model, compare_run
from statfe.scoring.scores_file import read_comparisons
from statfe.scoring.study import Study, read_study
from statfe.simulation import Forecast, forecast, simulate_plan
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.reading import read_root
from statfe.store.run_file import Run, read_run, write_run

Progress = Callable[[str, float], None] | None
Grid = str | float | Sequence[float] | np.ndarray


def model(spec: str | IsingModel) -> IsingModel:
    """The spin model of a spec such as ``ea:shape=8x8x8,couplings=bimodal,seed=1``.

    Raises
    ------
    UsageError
        If the spec does not parse, names no model, or its file cannot be read.
    """
    return build_model(spec)


def free_energy(
    model: str | IsingModel, beta: Grid, method: str = "tap", seed: int | None = None, *, workers: int = 1,
    progress: Progress = None, **options: Any,
) -> FreeEnergy | list[FreeEnergy]:
    """Free energy of `model` by one method.

    Parameters
    ----------
    model
        A model or its spec.
    beta
        One inverse temperature, or a grid (a list, an array, or text such as ``0.1:1.0:10``).
    method
        Spec of the method, ``exact``, ``mbar``, ``tap``, ...; see ``statfe methods``.
    seed
        Seed of methods that draw random numbers; drawn when None.
    workers
        Threads; the result is the same bits for any number.
    **options
        Options of the method.

    Returns
    -------
    FreeEnergy, or a list of them in the order of a grid. A failure is a status and a message, not an exception.

    Raises
    ------
    UsageError
        For an unknown method or option, or a model or beta that the method cannot take.
    """
    results = run_method(
        build_model(model), parse_grid(beta), method, seed=seed, workers=workers, progress=progress, **options)
    return results[0] if np.isscalar(beta) and not isinstance(beta, str) else results


def simulate(
    model: str | IsingModel, betas: Grid, output: str | PathLike[str] | None = None, *,
    sampler: str = DEFAULT_SAMPLER, sweeps: int = DEFAULT_SWEEPS, replicas: int = DEFAULT_REPLICAS,
    seed: int | None = None, workers: int = 1, samples_only: bool = False, force: bool = False,
    progress: Progress = None,
) -> Run:
    """Sample `model` over a ladder of beta and make reference free energies from the samples.

    Rungs are added from beta = 0, where beta F = -N ln 2, so that neighbours overlap; `samples_only` adds none and
    makes no reference.

    Parameters
    ----------
    output
        HDF5 file to write (format statfe-1); nothing is written when None.
    sampler
        Spec of the sampler: ``metropolis`` or ``gibbs``, with options.
    sweeps, replicas
        Measured sweeps at every rung, and independent ladders.
    seed
        Drawn when None, and kept in the result.
    force
        Replace an existing file.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is sampled.
    """
    if output is not None:
        check_output([output], force)
    spins = build_model(model)
    grid = parse_grid(betas)
    number = draw_seed() if seed is None else seed
    plan = plan_run(
        spins, grid, make_sampler(sampler), sweeps=sweeps, replicas=replicas, seed=number, samples_only=samples_only)
    command = _simulate_command(spins, betas, output, plan.sampler.spec, sweeps, replicas, number, samples_only)
    run = simulate_plan(
        spins, plan, samples_only=samples_only, workers=workers, progress=progress, command=command)
    if output is not None:
        write_run(output, run)
    return run


def plan_simulation(
    model: str | IsingModel, betas: Grid, *, sampler: str = DEFAULT_SAMPLER, sweeps: int = DEFAULT_SWEEPS,
    replicas: int = DEFAULT_REPLICAS, seed: int | None = None, workers: int = 1, samples_only: bool = False,
) -> Forecast:
    """What `simulate` would do with the same arguments: its rungs, time and memory. Nothing is written."""
    spins = build_model(model)
    plan = plan_run(
        spins, parse_grid(betas), make_sampler(sampler), sweeps=sweeps, replicas=replicas,
        seed=draw_seed() if seed is None else seed, samples_only=samples_only)
    return forecast(spins, plan, workers)


@dataclass(frozen=True)
class Compared:
    """Comparisons, one a model, and the files that were written (none without an output folder)."""

    comparisons: list[Comparison]
    files: dict[str, Path]

    @property
    def scores(self) -> list[Any]:
        """All scores, model by model."""
        return [score for comparison in self.comparisons for score in comparison.scores]


def compare(
    target: str | IsingModel | Run | PathLike[str], beta: Grid | None = None, *, reference: str | None = None,
    methods: str | Sequence[str] = "all", output: str | PathLike[str] | None = None, seed: int | None = None,
    workers: int = 1, force: bool = False, progress: Progress = None,
) -> Compared:
    """Score approximate free energies against a reference.

    Parameters
    ----------
    target
        A simulation (`Run` or its HDF5 file), a model (or its spec), or a study (a TOML file).
    beta
        Grid of inverse temperatures; required for a model, a subset of the run's grid for a simulation.
    reference
        Spec of the method that makes the reference. By default the simulation's own, else the cheapest exact
        method, else MBAR.
    methods
        ``all`` approximations, or specs.
    output
        Folder for report.html, scores.csv, scores.json, scores.h5 and figures; nothing is written when None.
    force
        Replace existing files there.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is computed.
    """
    if output is not None:
        check_report_libraries()
        check_output([Path(output) / name for name in REPORT_FILES], force)
    wanted = [methods] if isinstance(methods, str) else list(methods)
    number = draw_seed() if seed is None else seed
    if isinstance(target, (str, PathLike)) and str(target).endswith(".toml"):
        study = read_study(target)
        number = study.seed if seed is None and study.seed is not None else number
        comparisons = _compare_study(study, str(target), beta, reference, wanted, output, number, workers, progress)
    else:
        command = _compare_command(target, beta, reference, wanted, output, number)
        contest = Contest(wanted, reference, number, workers, progress, command)
        comparisons = [_compare_one(target, beta, contest)]
    files = write_report(comparisons, Path(output), force) if output is not None else {}
    return Compared(comparisons, files)


def report(file: str | PathLike[str], output: str | PathLike[str], force: bool = False) -> dict[str, Path]:
    """Write the report of a scores.h5 again, to the same bytes, without computing anything.

    Parameters
    ----------
    file
        A scores.h5 that `compare` wrote.
    output
        Folder for the report, as in `compare`.
    force
        Replace existing files there.

    Returns
    -------
    Paths by file name, ``report.html`` first.

    Raises
    ------
    UsageError
        The file holds no scores or cannot be read, or an output exists or cannot be written.
    """
    check_report_libraries()
    check_output([Path(output) / name for name in REPORT_FILES], force)
    return write_report(read_comparisons(file), output, force)


def _compare_one(target: str | IsingModel | Run | PathLike[str], beta: Grid | None, contest: Contest) -> Comparison:
    grid = None if beta is None else parse_grid(beta)
    if isinstance(target, (str, PathLike)) and _is_path(target):
        target = read_run(target)
    if isinstance(target, Run):
        return compare_run(target, grid, contest)
    if grid is None:
        raise UsageError("a model needs a grid of beta to be compared on, such as --beta 0.1:1.0:10")
    return compare_model(build_model(str(target) if isinstance(target, PathLike) else target), grid, contest)


def _compare_study(
    study: Study, path: str, beta: Grid | None, reference: str | None, methods: list[str],
    output: str | PathLike[str] | None, seed: int, workers: int, progress: Progress,
) -> list[Comparison]:
    command = _compare_command(path, beta, reference, methods, output, seed)
    grid = study.betas if beta is None else parse_grid(beta)
    contest = Contest(
        study.methods if methods == ["all"] else methods, reference or study.reference, seed, workers, progress,
        command, study.title)
    return [compare_model(build_model(spec), grid, contest) for spec in study.models]


def _is_path(target: str | PathLike[str]) -> bool:
    """Whether a word names a file rather than a model: specs have no such endings and no slash before a colon."""
    text = str(target)
    return isinstance(target, PathLike) or (text.endswith((".h5", ".hdf5", ".nc")) and not text.startswith("file:"))


def load(path: str | PathLike[str]) -> Run:
    """Read a file that `simulate` wrote.

    Raises
    ------
    StoreError
        The file is missing, truncated, foreign, or no simulation.
    """
    root = read_root(path)
    try:
        return read_run(path)
    except StoreError as error:
        raise StoreError(f"{error} (it is: {root.get('title', 'untitled')})") from None


def _grid_text(beta: Grid) -> str:
    return beta if isinstance(beta, str) else ",".join(repr(float(b)) for b in parse_grid(beta))


def _simulate_command(
    model: IsingModel, betas: Grid, output: str | PathLike[str] | None, sampler: str, sweeps: int, replicas: int,
    seed: int, samples_only: bool,
) -> str:
    words = ["statfe", "simulate", model.spec, "--beta", _grid_text(betas), "--sampler", sampler, "--sweeps",
             str(sweeps), "--replicas", str(replicas), "--seed", str(seed)]
    words += ["--samples-only"] if samples_only else []
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def _compare_command(
    target: Any, beta: Grid | None, reference: str | None, methods: Sequence[str],
    output: str | PathLike[str] | None, seed: int,
) -> str:
    name = target.spec if isinstance(target, IsingModel) else "RUN.h5" if isinstance(target, Run) else str(target)
    words = ["statfe", "compare", name]
    words += ["--beta", _grid_text(beta)] if beta is not None else []
    words += ["--reference", reference] if reference else []
    words += ["--methods", *methods, "--seed", str(seed)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])
