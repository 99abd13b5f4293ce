"""The functions behind the commands. Anything a command does, one of these does; a command only parses."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from statfe.attractors.basins.branches import Branches, holds_branches, read_branches
from statfe.attractors.basins.to_file import continue_to_file, identify_to_file
from statfe.attractors.found import AttractorSet
from statfe.attractors.found_file import SAMPLER as IDENTIFICATION
from statfe.attractors.found_file import read_found
from statfe.attractors.generate import generate
from statfe.attractors.importing import import_data
from statfe.attractors.invariants_file import SAMPLER as INVARIANTS
from statfe.attractors.invariants_file import read_invariants
from statfe.attractors.measure import invariants as invariants
from statfe.attractors.measured import Measured
from statfe.attractors.trajectory_file import IMPORTED, TrajectoryFile, read_trajectories
from statfe.attractors.trajectory_file import SAMPLER as TRAJECTORIES
from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import SAMPLER as DATASET
from statfe.datasets.dataset_file import read_dataset
from statfe.datasets.to_file import make_data as make_data
from statfe.density.file import SAMPLER as DENSITY
from statfe.density.file import read_density
from statfe.density.result import DensityOfStates
from statfe.disorder.disorder_file import holds_disorder, read_disorder
from statfe.disorder.result import DisorderRun
from statfe.disorder.run import disorder_average as disorder_average
from statfe.disorder.run import plan_disorder as plan_disorder
from statfe.errors import StoreError
from statfe.flat.free_energy_profile import free_energy_profile as sampled_profile
from statfe.flat.profile import Profile
from statfe.flat.profile_file import SAMPLER as PROFILE
from statfe.flat.profile_file import read_profile
from statfe.flat.wang_landau import wang_landau as wang_landau
from statfe.junction.distribution import ExactDistribution
from statfe.laboratory.files import SAMPLER as LABORATORY
from statfe.laboratory.survey import survey_loads, survey_memories, survey_tap
from statfe.learned.vae.file import SAMPLER as VAE
from statfe.learned.vae.file import read_vae
from statfe.learned.vae.score import score_posterior as score_posterior
from statfe.learned.vae.to_file import train_vae as train_vae
from statfe.learned.vae.training import TrainedVae
from statfe.machines.likelihood import log_likelihood as log_likelihood
from statfe.machines.rbm import Rbm
from statfe.machines.rbm_file import SAMPLER as MACHINE
from statfe.machines.rbm_file import load_rbm
from statfe.machines.train import train_rbm as train_rbm
from statfe.machines.training_result import RbmTraining
from statfe.models.catalogue import build_model, families
from statfe.models.frustration import facts as facts_of
from statfe.models.ising import IsingModel
from statfe.registry import kinds_of_results, run_method
from statfe.registry import methods as registered
from statfe.report import check_report_libraries
from statfe.report.attractors.analyze import analyze_attractors as analyze_attractors
from statfe.report.compare import compare as compare
from statfe.report.compare import report as report
from statfe.report.compared import Compared as Compared
from statfe.report.cumulant_figure import cumulant_expansion as cumulant_expansion
from statfe.report.density_figure import density_of_states as density_of_states
from statfe.report.disorder_report import self_averaging as self_averaging
from statfe.report.figures import write_svg
from statfe.report.profile_figure import draw_profile
from statfe.result import FreeEnergy
from statfe.scoring.bracket import bracket as bracket
from statfe.scoring.comparison import Comparison
from statfe.scoring.machines.scores_file import SAMPLER as POSTERIORS
from statfe.scoring.machines.scores_file import MachineScores, read_machine_scores
from statfe.scoring.scores_file import holds_scores, read_comparisons
from statfe.search.ground_state import ground_state as ground_state
from statfe.search.ground_state_file import SAMPLER as GROUND_STATE
from statfe.search.ground_state_file import read_ground_state
from statfe.search.result import GroundState
from statfe.search.tap_solutions import tap_solutions as tap_solutions
from statfe.search.tap_solutions_file import SAMPLER as TAP_SOLUTIONS
from statfe.search.tap_solutions_file import read_tap_solutions
from statfe.search.tap_solutions_result import TapSolutions
from statfe.simulation import plan_simulation as plan_simulation
from statfe.simulation import simulate as simulate
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid
from statfe.store.inputs import as_path, files_read
from statfe.store.reading import read_root
from statfe.store.run_file import Run, read_run

Progress = Callable[[str, float], None] | None
#: What reads a file, by its attribute `sampler`, where that alone says what it is.
_READERS: dict[str, Callable[..., Any]] = {
    GROUND_STATE: read_ground_state, TAP_SOLUTIONS: read_tap_solutions, DENSITY: read_density, PROFILE: read_profile,
    DATASET: read_dataset, MACHINE: load_rbm, INVARIANTS: read_invariants, TRAJECTORIES: read_trajectories,
    IMPORTED: read_trajectories, IDENTIFICATION: read_found, LABORATORY: read_found,
    VAE: read_vae, POSTERIORS: read_machine_scores}
#: Under names that say what they make, next to `simulate` and `make_data`.
generate_trajectories, import_trajectories = generate, import_data
identify_attractors, continue_attractors = identify_to_file, continue_to_file
memories, memories_against_load, tap_attractors = survey_memories, survey_loads, survey_tap


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


def load(
    path: str | PathLike[str],
) -> (Run | GroundState | TapSolutions | DisorderRun | Profile | DensityOfStates | Dataset | Rbm | RbmTraining
      | TrainedVae | MachineScores | TrajectoryFile | Measured | AttractorSet | Branches
      | list[Comparison]):
    """Read any file of ours: a `Run`, a `GroundState`, `TapSolutions`, a `DisorderRun`, a `Profile`, a
    `DensityOfStates`, a `Dataset`, an `Rbm`, an `RbmTraining` or a `TrainedVae`, or of a scores.h5 the list of
    its `Comparison` (`MachineScores` where an autoencoder was scored); of attractors a `TrajectoryFile`, the
    invariants as `Measured`, an `AttractorSet`, or the `Branches` of a continuation.

    Raises
    ------
    StoreError
        The file is missing, truncated, foreign, or holds none of these.
    """
    root = read_root(as_path("path", path))
    if root.get("sampler") == IDENTIFICATION and holds_branches(path):
        return read_branches(path)
    if root.get("sampler") in _READERS:
        return _READERS[root["sampler"]](path)
    if holds_scores(path):
        return read_comparisons(path)
    if holds_disorder(root):
        return read_disorder(path)
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
