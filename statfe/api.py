"""The functions behind the commands. Anything a command does, one of these does; a command only parses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.density.file import SAMPLER as DENSITY
from statfe.density.file import read_density
from statfe.density.result import DensityOfStates
from statfe.disorder.disorder_file import holds_disorder, read_disorder
from statfe.disorder.result import DisorderRun
from statfe.disorder.run import disorder_average as disorder_average
from statfe.disorder.run import plan_disorder as plan_disorder
from statfe.errors import StoreError, UsageError
from statfe.flat.free_energy_profile import free_energy_profile as sampled_profile
from statfe.flat.profile import Profile
from statfe.flat.profile_file import SAMPLER as PROFILE
from statfe.flat.profile_file import read_profile
from statfe.flat.wang_landau import wang_landau as wang_landau
from statfe.junction.distribution import ExactDistribution
from statfe.models.catalogue import build_model, families
from statfe.models.frustration import facts as facts_of
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed, kinds_of_results, method_spec, run_method
from statfe.registry import methods as registered
from statfe.report import REPORT_FILES, check_report_libraries, write_report
from statfe.report.density_figure import density_of_states as density_of_states
from statfe.report.disorder_report import self_averaging as self_averaging
from statfe.report.disorder_report import write_disorder_report
from statfe.report.figures import write_svg
from statfe.report.profile_figure import draw_profile
from statfe.result import FreeEnergy
from statfe.scoring.comparison import Comparison
from statfe.scoring.contest import Contest, compare_model, compare_run, method_list
from statfe.scoring.scores_file import holds_scores, read_comparisons
from statfe.scoring.study import read_study
from statfe.search.ground_state import ground_state as ground_state
from statfe.search.ground_state_file import SAMPLER as GROUND_STATE
from statfe.search.ground_state_file import read_ground_state
from statfe.search.result import GroundState
from statfe.simulation import plan_simulation as plan_simulation
from statfe.simulation import simulate as simulate
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid, compare_command
from statfe.store.inputs import as_path, files_read, is_run_file
from statfe.store.reading import read_root
from statfe.store.run_file import Run, read_run

Progress = Callable[[str, float], None] | None
#: What reads a file, by its attribute `sampler`, where that alone says what it is.
_READERS: dict[str, Callable[..., Any]] = {
    GROUND_STATE: read_ground_state, DENSITY: read_density, PROFILE: read_profile}


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


def exact_distribution(model: str | IsingModel, beta: float) -> ExactDistribution:
    """The Boltzmann distribution of `model` itself: ln Z, marginals, and exact independent samples.

    Parameters
    ----------
    model
        A model of small treewidth, or its spec.
    beta
        One inverse temperature, of either sign.

    Raises
    ------
    UsageError
        Where the tables over the cliques of its tree decomposition do not fit into memory, or beta is no number.
    """
    return ExactDistribution(build_model(model), beta)


def free_energy_profile(
    model: str | IsingModel, beta: float | str, along: str = "magnetization",
    output: str | PathLike[str] | None = None, *, figure: str | PathLike[str] | None = None, force: bool = False,
    **options: Any,
) -> Profile:
    """beta F along the magnetisation or the energy, by umbrella sampling, with a figure where `figure` names one.

    Parameters and errors are those of `statfe.flat.free_energy_profile.free_energy_profile`: `windows`, `replicas`,
    `sweeps`, `seed`, `workers` and `progress` beside these.
    """
    if figure is not None:
        check_report_libraries()
        check_output([as_path("figure", figure)], force, inputs=files_read(model))
    found = sampled_profile(model, beta, along, output, force=force, **options)
    if figure is not None:
        write_svg(figure, lambda: draw_profile(found))
    return found


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
    methods: str | Sequence[str] | None = None, output: str | PathLike[str] | None = None, seed: int | None = None,
    workers: int = 1, force: bool = False, progress: Progress = None,
) -> Compared:
    """Score approximate free energies against a reference.

    Parameters
    ----------
    target
        A simulation (`Run` or its HDF5 file), a model (or its spec), or a study (a TOML file). An existing HDF5
        file is taken for a simulation, whatever its name.
    beta
        Grid of inverse temperatures; required for a model, a subset of the run's grid for a simulation.
    reference
        Spec of the method that makes the reference. By default the simulation's own, else the cheapest exact
        method, else MBAR.
    methods
        ``all`` approximations, or specs; when None those of the study, else all.
    output
        Folder for report.html, scores.csv, scores.json, scores.h5 and figures, made where it is missing (its parent
        must exist); nothing is written when None.
    force
        Replace existing files there.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is computed.

    Warns
    -----
    UserWarning
        Where a rigorous bound lies on the wrong side of the reference.
    """
    study = read_study(target) if isinstance(target, (str, PathLike)) and str(target).endswith(".toml") else None
    if output is not None:
        targets = [target, *(study.models if study else [])]
        _check_report(output, force, [file for one in targets for file in files_read(one)])
    given = method_list(methods)
    if reference is not None:
        method_spec(reference)
    number = check_seed(study.seed if study and seed is None else seed)
    command = compare_command(target, beta, reference, given, output, number)
    contest = Contest(
        given or ["all"], reference, number, check_integer("workers", workers, 1), progress, command)
    if study:
        contest = replace(
            contest, methods=given or study.methods, reference=reference or study.reference, title=study.title)
        grid = study.betas if beta is None else parse_grid(beta)
        comparisons = [compare_model(build_model(spec), grid, contest) for spec in study.models]
    else:
        comparisons = [_compare_one(target, beta, contest)]
    files = write_report(comparisons, Path(output), force) if output is not None else {}
    return Compared(comparisons, files)


def report(file: str | PathLike[str], output: str | PathLike[str], force: bool = False) -> dict[str, Path]:
    """Write the report of a scores.h5 again, to the same bytes, without computing anything.

    Parameters
    ----------
    file
        A scores.h5 that `compare` wrote; or an average over disorder, whose report is the figure distribution.svg.
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
    if holds_disorder(read_root(file)):
        return write_disorder_report(file, output, force)
    _check_report(output, force, [])
    return write_report(read_comparisons(file), output, force)


def _check_report(output: str | PathLike[str], force: bool, inputs: Sequence[str | PathLike[str]]) -> None:
    check_report_libraries()
    folder = as_path("output", output)
    check_output([folder / name for name in REPORT_FILES], force, new_folder=folder, inputs=inputs)


def _compare_one(target: str | IsingModel | Run | PathLike[str], beta: Grid | None, contest: Contest) -> Comparison:
    grid = None if beta is None else parse_grid(beta)
    if isinstance(target, (str, PathLike)) and is_run_file(target):
        target = read_run(target)
    if isinstance(target, Run):
        return compare_run(target, grid, contest)
    if grid is None:
        raise UsageError("a model needs a grid of beta to be compared on, such as --beta 0.1:1.0:10")
    return compare_model(build_model(str(target) if isinstance(target, PathLike) else target), grid, contest)


def load(path: str | PathLike[str]) -> Run | GroundState | DisorderRun | Profile | DensityOfStates | list[Comparison]:
    """Read any file of ours: a `Run`, a `GroundState`, a `DisorderRun`, a `Profile`, a `DensityOfStates`, or of a
    scores.h5 the list of its `Comparison`.

    Raises
    ------
    StoreError
        The file is missing, truncated, foreign, or holds none of these.
    """
    root = read_root(as_path("path", path))
    if holds_scores(path):
        return read_comparisons(path)
    if holds_disorder(root):
        return read_disorder(path)
    if root.get("sampler") in _READERS:
        return _READERS[root["sampler"]](path)
    try:
        return read_run(path)
    except StoreError as error:
        raise StoreError(f"{error} (it is: {root.get('title', 'untitled')})") from None


def describe_methods() -> list[dict[str, Any]]:
    """What methods there are: name, family, summary, kinds of their results, options, reference."""
    return [method.to_dict() for method in registered().values()]


def facts(model: str | IsingModel) -> dict[str, Any]:
    """Sizes and frustration of a model, unchanged by gauge transformations; see `statfe.models.frustration.facts`."""
    return facts_of(build_model(model))


def describe_models() -> list[dict[str, Any]]:
    """What models there are: name, family, summary, kinds that results on them can have, options, reference."""
    kinds = kinds_of_results()
    return [{**family.to_dict(), "kinds": kinds} for family in families().values()]
