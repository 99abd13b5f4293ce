"""`compare` of a trained machine with data, and the report of a machine that is not scored."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.datasets.dataset import Dataset
from statfe.errors import Interrupted, UsageError
from statfe.learned.vae.model import Vae
from statfe.machines.rbm import Rbm
from statfe.models.catalogue import build_model
from statfe.registry import check_integer, check_seed, method_spec
from statfe.report.compared import Compared
from statfe.report.machines.page import Sheet, portrait_contents, report_contents
from statfe.report.write import REPORT_FILES, check_report_libraries, write_files
from statfe.scoring.choice import default_reference, method_list
from statfe.scoring.contest import Contest, compare_model
from statfe.scoring.machines import likelihoods as rbm
from statfe.scoring.machines import posteriors as vae
from statfe.scoring.machines.inputs import Machine, Points, Source, choose_points, read_machine
from statfe.scoring.machines.portrait import portrait
from statfe.scoring.machines.scores_file import MachineScores, read_machine_scores
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path

Progress = Callable[[str, float], None] | None
Data = Dataset | np.ndarray | str | PathLike[str]


@dataclass(frozen=True)
class ComparedMachine(Compared):
    """The scores of a machine; its comparison is that of F_eq, and an autoencoder has none."""

    machine: MachineScores

    @property
    def scores(self) -> list[Any]:
        """All scores, method by method."""
        found = self.machine.posteriors
        return super().scores if found is None else [s for line in found.scores for s in line]

    @property
    def score_rows(self) -> list[dict[str, Any]]:
        """The rows of scores.csv, with `stats`."""
        found = self.machine.likelihoods or self.machine.posteriors
        return found.score_rows() if found is not None else []

    @property
    def converged(self) -> bool:
        """Whether the reference and all methods have converged, at all points."""
        found = self.machine.posteriors
        return super().converged and all(r.status == "converged" for r in (found.reference if found else []))


def compare_machine(
    source: Source, data: Data, *, reference: str | None = None, methods: str | Sequence[str] | None = None,
    points: int | None = None, output: str | PathLike[str] | None = None, seed: int | None = None, workers: int = 1,
    force: bool = False, progress: Progress = None,
) -> ComparedMachine:
    """Score the free energies of a trained machine on data; see `statfe.compare`.

    Raises
    ------
    UsageError
        For bad input, before anything is computed.
    Interrupted
        A `KeyboardInterrupt` while posteriors are scored; the points that were done are reported in `output`.
    """
    machine = read_machine(source)
    number, count = check_seed(seed), None if points is None else check_integer("points", points, 1)
    if output is not None:
        _check(output, force, [p for p in (machine.path, data) if isinstance(p, (str, PathLike)) and str(p)])
    given = method_list(methods)
    if count is None and machine.kind == "vae":
        count = vae.POINTS
    chosen = choose_points(machine, data, count, number)
    shown = choose_points(machine, data, None, number)
    command = _command(machine, chosen, reference, given, points, number, output)
    check_integer("workers", workers, 1)
    stopped, whole = "", True
    if isinstance(machine.model, Rbm):
        found = MachineScores(
            likelihoods=_likelihoods(machine, chosen, given, reference, number, workers, progress, command),
            portrait=portrait(machine, shown, number))
    else:
        scored, whole = _posteriors(machine, chosen, given, reference, number, workers, progress, command)
        done = 0 if scored is None else len(scored.rows)
        stopped = f"stopped after {done} of {len(chosen.rows)} points"
        if scored is None or (not whole and output is None):
            raise Interrupted(f"{stopped}; nothing was written")
        found = MachineScores(posteriors=scored, portrait=portrait(machine, shown, number))
    files = write_files(report_contents(found), Path(output), force) if output is not None else {}
    if not whole:
        raise Interrupted(f"{stopped}; {output} holds the report of those")
    comparisons = [found.likelihoods.comparison] if found.likelihoods else []
    return ComparedMachine(comparisons, files, found)


def _likelihoods(
    machine: Machine, points: Points, given: Sequence[str], reference: str | None, seed: int, workers: int,
    progress: Progress, command: str,
) -> rbm.Likelihoods:
    assert isinstance(machine.model, Rbm)
    model = build_model(machine.spec) if machine.path else machine.model.ising()
    truth = reference or default_reference(model, 1)
    method_spec(truth)
    lenient = not given or list(given) == ["all"]
    contest = Contest(
        rbm.chosen_methods(given, truth), reference, seed, workers, progress, command, lenient=lenient,
        title=f"Free energies of {machine.path or machine.spec}")
    return rbm.likelihoods(machine.model, points, compare_model(model, np.array([1.0]), contest))


def _posteriors(
    machine: Machine, points: Points, given: Sequence[str], reference: str | None, seed: int, workers: int,
    progress: Progress, command: str,
) -> tuple[vae.Posteriors | None, bool]:
    assert isinstance(machine.model, Vae)
    truth, wanted = vae.chosen_methods(machine.model.shape.latent, given, reference)
    return vae.score_points(
        machine, points, wanted, truth, seed=seed, workers=workers, progress=progress, command=command)


def _command(
    machine: Machine, points: Points, reference: str | None, methods: Sequence[str], count: int | None, seed: int,
    output: str | PathLike[str] | None,
) -> str:
    """``statfe compare ...``; "" where the machine or the data have no file."""
    if not machine.path or not points.path:
        return ""
    words = ["statfe", "compare", machine.path, "--data", points.path]
    words += ["--reference", reference] if reference else []
    words += ["--methods", *methods] if methods else []
    words += ["--points", str(count)] if count is not None else []
    words += ["--seed", str(seed)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def report_machine(
    file: str | PathLike[str], output: str | PathLike[str], data: Data | None = None, seed: int | None = None,
    force: bool = False,
) -> dict[str, Path]:
    """Draw a trained machine into the folder `output`: training curves, samples, filters, latent map.

    Parameters
    ----------
    data
        With their test part reconstructions and the latent map are drawn, and images have their shape.
    seed
        Of the samples; 0 when None.

    Raises
    ------
    UsageError
        The file holds no machine, the data do not belong to it, or an output exists or cannot be written.
    """
    machine, number = read_machine(file), 0 if seed is None else check_seed(seed)
    check_report_libraries()
    folder = as_path("output", output)
    inputs = [p for p in (machine.path, data) if isinstance(p, (str, PathLike)) and str(p)]
    check_output([folder / "report.html"], force, new_folder=folder, inputs=inputs)
    points = None if data is None else choose_points(machine, data, None, number)
    words = ["statfe", "report", machine.path, "-o", str(output)]
    words += ["--data", points.path] if points is not None and points.path else []
    sheet = Sheet(title=f"{machine.path}: {_what(machine)}", command=shlex.join([*words, "--seed", str(number)]),
                  seed=number)
    return write_files(portrait_contents(portrait(machine, points, number), sheet), folder, force)


def report_machine_scores(
    file: str | PathLike[str], output: str | PathLike[str], force: bool = False
) -> dict[str, Path]:
    """The report of a scores.h5 of a machine again, to the same bytes."""
    _check(output, force, [])
    return write_files(report_contents(read_machine_scores(file)), as_path("output", output), force)


def _what(machine: Machine) -> str:
    model = machine.model
    if isinstance(model, Rbm):
        return f"a restricted Boltzmann machine of {model.n_visible} visible and {model.n_hidden} hidden units"
    return f"a variational autoencoder of {model.shape.visible} visible and {model.shape.latent} latent units"


def _check(output: str | PathLike[str], force: bool, inputs: Sequence[str | PathLike[str]]) -> None:
    check_report_libraries()
    folder = as_path("output", output)
    check_output([folder / name for name in REPORT_FILES], force, new_folder=folder, inputs=inputs)


def refuse_alone(path: str) -> None:
    """A machine without data is no simulation: say what can be done with it."""
    spin = f", or compare its spin model, file:{path}, with --beta 1" if read_machine(path).kind == "rbm" else ""
    raise UsageError(f"{path} holds a trained machine; give --data TEST.h5 to score it on data{spin}")
