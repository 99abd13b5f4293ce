"""`compare`: methods against a reference on a model, a stored simulation or a study, and the report of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

from statfe.disorder.disorder_file import holds_disorder
from statfe.errors import Interrupted, UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed, method_spec
from statfe.report.compared import Compared
from statfe.report.disorder_report import write_disorder_report
from statfe.report.machines.compare import (
    Data,
    compare_machine,
    refuse_alone,
    report_machine,
    report_machine_scores,
)
from statfe.report.write import REPORT_FILES, TRUST_FILE, check_report_libraries, write_report
from statfe.scoring.choice import method_list
from statfe.scoring.comparison import Comparison
from statfe.scoring.contest import Contest, compare_model, compare_run, part
from statfe.scoring.machines.inputs import KINDS, Source, machine_file
from statfe.scoring.machines.scores_file import holds_machine_scores
from statfe.scoring.scores_file import read_comparisons
from statfe.scoring.study import Study, read_study
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid, compare_command
from statfe.store.inputs import as_path, files_read, is_run_file
from statfe.store.reading import read_root
from statfe.store.run_file import Run, read_run

Progress = Callable[[str, float], None] | None
Target = str | IsingModel | Run | PathLike[str] | Source


def compare(
    target: Target, beta: Grid | None = None, *, reference: str | None = None,
    methods: str | Sequence[str] | None = None, output: str | PathLike[str] | None = None, seed: int | None = None,
    workers: int = 1, force: bool = False, progress: Progress = None, data: Data | None = None,
    points: int | None = None,
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
        Folder for report.html, scores.csv, scores.json, scores.h5 and figures (of a study trust.csv too), made where
        it is missing (its parent must exist); nothing is written when None.
    force
        Replace existing files there.
    data, points
        `target` is a trained machine (or its file), to be scored on the test part of `data` (a file, a `Dataset` or
        rows of units): the log-likelihood by every method for a restricted Boltzmann machine, -ln p(x) point by point
        for a variational autoencoder. `points` of them are drawn; when None all, but 100 for an autoencoder.

    Returns
    -------
    Compared; a `statfe.report.machines.compare.ComparedMachine` where `data` are given.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is computed.
    Interrupted
        A `KeyboardInterrupt` during a study; the models that were done are reported in `output`.

    Warns
    -----
    UserWarning
        Where a rigorous bound lies on the wrong side of the reference, or of another bound.
    """
    if data is not None:
        if beta is not None:
            raise UsageError("a trained machine stands at beta = 1; leave beta out")
        return compare_machine(
            cast(Any, target), data, reference=reference, methods=methods, points=points, output=output, seed=seed,
            workers=workers, force=force, progress=progress)
    if points is not None:
        raise UsageError("points are those of data; give --data TEST.h5 too")
    study = read_study(target) if isinstance(target, (str, PathLike)) and str(target).endswith(".toml") else None
    if output is not None:
        targets: list[Any] = [target, *(study.models if study else [])]
        names = [*REPORT_FILES, *([TRUST_FILE] if study and len(study.models) > 1 else [])]
        _check_report(output, force, [file for one in targets for file in files_read(one)], names)
    given = method_list(methods)
    if reference is not None:
        method_spec(reference)
    number = check_seed(study.seed if study and seed is None else seed)
    command = compare_command(target, beta, reference, given, output, number)
    contest = Contest(
        given or ["all"], reference, number, check_integer("workers", workers, 1), progress, command)
    if study is None:
        comparisons = [_compare_one(target, beta, contest)]
    else:
        contest = replace(
            contest, methods=given or study.methods, reference=reference or study.reference, title=study.title)
        comparisons = _compare_all(study, beta, contest, output, force)
    files = write_report(comparisons, Path(output), force) if output is not None else {}
    return Compared(comparisons, files)


def _compare_all(study: Study, beta: Grid | None, contest: Contest, output: str | PathLike[str] | None, force: bool
                 ) -> list[Comparison]:
    """The comparisons of a study, one model after the other."""
    for spec in [*contest.methods, *([contest.reference] if contest.reference else [])]:
        if spec != "all":
            method_spec(spec)
    grid = study.betas if beta is None else parse_grid(beta)
    done: list[Comparison] = []
    try:
        for k, member in enumerate(study.members):
            place = {"template": member.template, "group": member.group, "tolerance": study.tolerance}
            count = len(study.members)
            own = replace(
                contest, lenient=bool(member.template), place=place, moments=study.moments,
                progress=part(contest.progress, k, count, f"model {k + 1} of {count}, " if count > 1 else ""))
            done.append(compare_model(build_model(member.spec), grid, own))
    except KeyboardInterrupt:
        raise Interrupted(_kept(done, study, output, force)) from None
    return done


def _kept(done: Sequence[Comparison], study: Study, output: str | PathLike[str] | None, force: bool) -> str:
    """Report the models that were done; what there is of them in words."""
    words = f"stopped after {len(done)} of {len(study.members)} models"
    if not done or output is None:
        return f"{words}; nothing was written"
    write_report(done, Path(output), force)
    return f"{words}; {output} holds the report of those"


def _compare_one(target: Any, beta: Grid | None, contest: Contest) -> Comparison:
    grid = None if beta is None else parse_grid(beta)
    if isinstance(target, (str, PathLike)) and is_run_file(target):
        if machine_file(target):
            refuse_alone(str(target))
        target = read_run(target)
    if isinstance(target, Run):
        return compare_run(target, grid, contest)
    if grid is None:
        raise UsageError("a model needs a grid of beta to be compared on, such as --beta 0.1:1.0:10")
    return compare_model(build_model(str(target) if isinstance(target, PathLike) else target), grid, contest)


def report(
    file: str | PathLike[str], output: str | PathLike[str], force: bool = False, *, data: Data | None = None,
    seed: int | None = None,
) -> dict[str, Path]:
    """Write the report of a scores.h5 again, to the same bytes, without computing anything; or draw a trained machine.

    Parameters
    ----------
    file
        A scores.h5 that `compare` wrote; an average over disorder, whose report is the figure distribution.svg; or a
        trained machine, whose report are its training curves, samples, filters and latent map.
    output
        Folder for the report, as in `compare`.
    force
        Replace existing files there.
    data, seed
        Of a trained machine: data for reconstructions and the latent map; seed of its samples, 0 when None.

    Returns
    -------
    Paths by file name, ``report.html`` first.

    Raises
    ------
    UsageError
        The file holds no scores or cannot be read, or an output exists or cannot be written.
    """
    root = read_root(file)
    if root.get("sampler") in KINDS:
        return report_machine(file, output, data, seed, force)
    if data is not None or seed is not None:
        raise UsageError(f"--data and --seed are for the report of a trained machine, and {file} holds none")
    if holds_disorder(root):
        return write_disorder_report(file, output, force)
    if holds_machine_scores(file):
        return report_machine_scores(file, output, force)
    _check_report(output, force, [], REPORT_FILES)
    return write_report(read_comparisons(file), output, force)


def _check_report(output: str | PathLike[str], force: bool, inputs: Sequence[str | PathLike[str]],
                  names: Sequence[str]) -> None:
    check_report_libraries()
    folder = as_path("output", output)
    check_output([folder / name for name in names], force, new_folder=folder, inputs=inputs)
