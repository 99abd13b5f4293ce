"""Averages at several sizes: read from files, or made from specs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from statfe.disorder.disorder_file import read_disorder
from statfe.disorder.ensemble import make_ensemble
from statfe.disorder.result import DisorderRun
from statfe.disorder.run import disorder_average
from statfe.disorder.self_averaging import check_sizes
from statfe.errors import UsageError
from statfe.store.commands import Grid
from statfe.store.inputs import is_run_file

Target = str | DisorderRun | PathLike[str]


def averages_of(targets: Sequence[Target], betas: Grid | None, realisations: int,
                progress: Callable[[str, float], None] | None = None, **options: Any) -> list[DisorderRun]:
    """The average of each target: a `DisorderRun`, a file of one, or a spec, which is solved now.

    Raises
    ------
    UsageError
        A spec without a grid of beta, or as `disorder_average`.
    """
    if isinstance(targets, (str, PathLike, DisorderRun)):
        raise UsageError("self-averaging needs a list of sizes, such as [\"sk:n=32\", \"sk:n=64\"]")
    known = [_stored(target) for target in targets]
    if betas is None and any(run is None for run in known):
        spec = next(target for target, run in zip(targets, known, strict=True) if run is None)
        raise UsageError(f"{spec} needs a grid of beta, such as --beta 0.5,1.0")
    check_sizes([make_ensemble(str(target)).n_sites if run is None else run.n_sites
                 for target, run in zip(targets, known, strict=True)])
    found = []
    for target, run in zip(targets, known, strict=True):
        if run is None:
            assert betas is not None
            run = disorder_average(str(target), betas, realisations, progress=progress, **options)
        found.append(run)
    return found


def _stored(target: Target) -> DisorderRun | None:
    if isinstance(target, DisorderRun):
        return target
    return read_disorder(target) if is_run_file(target) else None
