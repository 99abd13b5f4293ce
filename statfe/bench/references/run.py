"""`bench_references`: calibration of errors, accuracy in a given time, and the time to small errors."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from statfe.bench.machine import load, machine
from statfe.bench.output import check_folder, write_folder
from statfe.bench.references.accuracy import GOALS, reach
from statfe.bench.references.budgets import spend
from statfe.bench.references.calibration import calibrate, sampled_methods
from statfe.bench.references.figures import draw_all
from statfe.bench.references.records import References
from statfe.bench.references.zoo import LARGE, ZOO
from statfe.errors import UsageError, unknown_name
from statfe.random import draw_seed
from statfe.store.provenance import created, source_commit, versions

PARTS = ("calibration", "budgets", "accuracy")
#: Files besides the figures.
FILES = ("references.json", "references.csv")

Tell = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Mode:
    """How thorough a run is: runs of a method on a model, share of their default work, seconds of a budget."""

    name: str
    runs: int
    share: float
    budget: float
    budget_runs: int
    parts: tuple[str, ...]


MODES = {m.name: m for m in (
    Mode("quick", 6, 0.1, 0.5, 2, ("calibration",)),
    Mode("default", 60, 0.2, 3.0, 3, PARTS),
    Mode("full", 500, 0.2, 10.0, 5, PARTS))}


def bench_references(
    *, mode: str = "default", parts: Sequence[str] = (), method_names: Sequence[str] = (), runs: int | None = None,
    seed: int | None = None, workers: int = 1, progress: Tell = None,
) -> References:
    """Hold the sampled methods against exact values.

    Parameters
    ----------
    mode
        ``quick``, ``default`` or ``full``.
    parts
        Of `PARTS`; those of the mode when empty.
    method_names
        Sampled methods; all of them when empty.
    runs
        Runs of each method on each model.

    Raises
    ------
    UsageError
        An unknown name (with the nearest one), or fewer than one run.
    """
    chosen, names = _check(mode, parts, method_names, runs), list(method_names) or sampled_methods()
    number, wanted = draw_seed() if seed is None else seed, list(parts) or list(chosen.parts)
    many = runs or chosen.runs
    record = References(
        mode=mode, seed=number, created=created(), machine=machine(),
        command=_command(mode, parts, method_names, runs, number),
        versions={**versions(), **({"commit": source_commit()} if source_commit() else {})})
    for k, part in enumerate(wanted):
        tell = _part(progress, part, k, len(wanted))
        if part == "calibration":
            record.calibrations = calibrate(list(ZOO), names, many, chosen.share, number, workers, tell)
        elif part == "budgets":
            record.budgets = spend(list(LARGE), names, chosen.budget, chosen.budget_runs, number, tell)
        else:
            record.accuracies = reach(GOALS, number, workers, tell)
    record.machine["load_average_after"] = load()
    return record


def _check(mode: str, parts: Sequence[str], names: Sequence[str], runs: int | None) -> Mode:
    known = {"mode": list(MODES), "part": list(PARTS), "method": sampled_methods()}
    for what, given in (("mode", [mode]), ("part", parts), ("method", names)):
        for name in given:
            if name not in known[what]:
                raise UsageError(unknown_name(what, name, known[what]))
    if runs is not None and runs < 1:
        raise UsageError(f"runs must be at least 1, got {runs}")
    return MODES[mode]


def _part(progress: Tell, label: str, done: int, total: int) -> Callable[[float], None] | None:
    if progress is None:
        return None
    return lambda share: progress(label, (done + share) / total)


def _command(mode: str, parts: Sequence[str], names: Sequence[str], runs: int | None, seed: int) -> str:
    words = ["statfe", "bench", "references", *([] if mode == "default" else [f"--{mode}"])]
    words += ["--parts", ",".join(parts)] if parts else []
    words += ["--methods", ",".join(names)] if names else []
    words += ["--runs", str(runs)] if runs is not None else []
    return shlex.join([*words, "--seed", str(seed)])


def check_references_output(folder: str | PathLike[str], force: bool) -> None:
    """`statfe.bench.output.check_folder` for the files of this benchmark."""
    check_folder(folder, FILES, force)


def write_references(record: References, folder: str | PathLike[str], force: bool = False) -> list[Path]:
    """Write references.json, references.csv and the figures into `folder`, which is made where it is missing."""
    return write_folder(folder, dict(zip(FILES, (record.json_bytes(), record.csv_bytes()), strict=True)),
                        draw_all(record), force)
