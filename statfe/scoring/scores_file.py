"""Comparisons in HDF5 (scores.h5): /model, /reference and /scores; in a study, those of each model in
/study/0, /study/1, ...

/scores and /reference are as `statfe.store.free_energies` has them, on (method, beta). /scores has besides
`reference_beta_f`, `reference_error`, `error`, `error_per_site`, `sigmas`, `verdict` and `bound_violated`;
`magnetization_rms`, `correlation_rms` and their noise (files of older versions have none of these four); and on beta
alone the certified bracket `lower` and `upper` with the specs of the methods. Its attributes keep what else a
`Comparison` knows, so that the report can be made again from the file.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Protocol

import h5py
import numpy as np

from statfe.errors import StoreError
from statfe.models.model_file import read_model, write_model
from statfe.result import FreeEnergy
from statfe.scoring.comparison import Comparison
from statfe.scoring.study import TOLERANCE
from statfe.scoring.verdict import VERDICTS, Score
from statfe.store.free_energies import read_free_energies, text_array, write_free_energies
from statfe.store.hdf5 import create_root, file_image, json_text, write_attributes, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: units and long name of the numbers of a score.
NUMBERS = {
    "reference_beta_f": ("1", "beta F of the reference (nats)"),
    "reference_error": ("1", "standard error of the reference (nats)"),
    "error": ("1", "beta_f - reference_beta_f (nats)"),
    "error_per_site": ("1", "error / N (nats a site)"),
    "sigmas": ("1", "error over the combined standard error; NaN where that is 0"),
}
#: The same of numbers that files of older versions do not have.
MOMENTS = {
    "magnetization_rms": ("1", "root mean square error of <s_i> over sites, without noise"),
    "magnetization_noise": ("1", "noise of that: errors well below it cannot be seen"),
    "correlation_rms": ("1", "root mean square error of <s_i s_j> over coupled pairs, without noise"),
    "correlation_noise": ("1", "noise of that: errors well below it cannot be seen"),
}


class Made(Protocol):
    """What knows who made its numbers, and when."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the software."""

    @property
    def source_commit(self) -> str:
        """Commit of the sources, or ""."""

    @property
    def created(self) -> str:
        """When, in ISO 8601."""


def scores_image(comparisons: Sequence[Comparison], more: Callable[[h5py.File], None] | None = None) -> bytes:
    """The file scores.h5 of `comparisons`, as bytes; `more` writes further groups."""
    first, models = comparisons[0], joined([c.model for c in comparisons])
    with h5py.File("scores.h5", "w", driver="core", backing_store=False) as file:
        create_root(
            file, first.title or f"scores of {models}", models,
            joined([c.sampler for c in comparisons]), first.seed, first.command,
            **provenance(first))
        if len(comparisons) == 1:
            _write(file, first)
        else:
            for index, comparison in enumerate(comparisons):
                _write(file.create_group(f"study/{index}"), comparison)
        if more is not None:
            more(file)
        return file_image(file)


def read_comparisons(path: str | PathLike[str]) -> list[Comparison]:
    """The comparisons of a scores.h5.

    Raises
    ------
    StoreError
        The file is missing, truncated, foreign, or holds no scores.
    """
    with opened(path) as file:
        return comparisons_of(file)


def holds_scores(path: str | PathLike[str]) -> bool:
    """Whether a file of ours holds what `read_comparisons` reads; raises as that."""
    with opened(path) as file:
        return "scores" in file or "study" in file


def comparisons_in(image: bytes) -> list[Comparison]:
    """The comparisons of `scores_image`'s bytes: what `read_comparisons` would give of them."""
    with h5py.File(io.BytesIO(image), "r") as file:
        return comparisons_of(file)


def joined(texts: Sequence[str]) -> str:
    """The distinct texts that are not empty, with semicolons between."""
    return "; ".join(t for t in dict.fromkeys(texts) if t)


def provenance(made: Made) -> dict[str, str | None]:
    """Root attributes of those who made the numbers, which need not be those who write the file."""
    known = ("statfe", "numpy", "numba", "h5py")
    found = {f"{name}_version": made.versions.get(name) for name in known}
    return {**found, "source_commit": made.source_commit or None, "created": made.created}


def _write(parent: h5py.Group, comparison: Comparison) -> None:
    if comparison.ising is not None:
        write_model(parent.create_group("model"), comparison.ising)
    results = [*comparison.reference, *comparison.secondary]
    write_free_energies(parent.create_group("reference"), results, comparison.betas)
    group = parent.create_group("scores")
    write_free_energies(group, [s.result for s in comparison.scores], comparison.betas)
    table = comparison.score_table()
    shape, dims = (len(table), len(comparison.betas)), ("method", "beta")
    for name, (units, long_name) in {**NUMBERS, **MOMENTS}.items():
        values = [[math.nan if s is None else getattr(s, name) for s in row] for row in table]
        write_variable(group, name, np.array(values, dtype=np.float64).reshape(shape), dims, units, long_name)
    text = [["" if s is None else s.verdict for s in row] for row in table]
    write_variable(group, "verdict", text_array(text, shape[1]), dims, "1", "the score in words")
    flags = np.array([[s is not None and s.bound_violated for s in row] for row in table], dtype=np.int8)
    long_name = "1 where a bound lies on the wrong side, else 0"
    write_variable(group, "bound_violated", flags.reshape(shape), dims, "1", long_name)
    _write_brackets(group, comparison)
    write_attributes(
        group, model=comparison.model, n_sites=comparison.n_sites, title=comparison.title,
        sampler=comparison.sampler, command=comparison.command, seed=comparison.seed,
        facts=json_text(comparison.facts), skipped=json_text(comparison.skipped),
        versions=json_text(comparison.versions), source_commit=comparison.source_commit, created=comparison.created,
        moments=comparison.moments, template=comparison.template, group=comparison.group,
        tolerance=comparison.tolerance)


def _write_brackets(group: h5py.Group, comparison: Comparison) -> None:
    """The certified bracket at every beta, for readers of the file; `Comparison.brackets` makes it from the scores."""
    place = {b.beta: b for b in comparison.brackets}
    found = [place.get(beta) for beta in comparison.betas]
    for side, words in (("lower", "highest lower"), ("upper", "lowest upper")):
        values = [math.nan if b is None or not getattr(b, f"{side}_method") else getattr(b, side) for b in found]
        write_variable(group, side, np.array(values, dtype=np.float64), ("beta",), "1",
                       f"{words} bound on beta F (nats); 3 standard errors further out where it was sampled")
        names = np.array(["" if b is None else getattr(b, f"{side}_method") for b in found], dtype=object)
        write_variable(group, f"{side}_method", names, ("beta",), "1", f"spec of the method of the {words} bound")


def comparisons_of(file: h5py.File) -> list[Comparison]:
    """The comparisons of an open file."""
    if "study" in file:
        study = require_group(file, "study")
        with understood(study):
            return [_read(require_group(study, index)) for index in sorted(study, key=int)]
    if "scores" not in file:
        raise StoreError(f"{file.filename} holds no scores; make them from it with statfe compare")
    return [_read(file)]


def _read(parent: h5py.Group) -> Comparison:
    scores, stored = require_group(parent, "scores"), require_group(parent, "reference")
    about = read_attributes(scores)
    with understood(scores):
        model, n_sites = str(about["model"]), int(about["n_sites"])
        reference = read_free_energies(stored, model, n_sites)
        preferred = reference[0].method if reference else ""
        return Comparison(
            model=model, betas=scores["beta"][()].tolist(),
            reference=[r for r in reference if r.method == preferred],
            secondary=[r for r in reference if r.method != preferred],
            scores=_read_scores(scores, read_free_energies(scores, model, n_sites), reference),
            facts=json.loads(about["facts"]), skipped=[(a, b) for a, b in json.loads(about["skipped"])],
            versions=json.loads(about["versions"]), source_commit=str(about["source_commit"]),
            created=str(about["created"]), title=str(about["title"]), sampler=str(about["sampler"]),
            command=str(about["command"]), seed=int(about["seed"]) if "seed" in about else None,
            moments=str(about.get("moments", "")), template=str(about.get("template", "")),
            group=str(about.get("group", "")), tolerance=float(about.get("tolerance", TOLERANCE)),
            ising=read_model(require_group(parent, "model")) if "model" in parent else None)


def _read_scores(group: h5py.Group, results: Sequence[FreeEnergy], reference: Sequence[FreeEnergy]) -> list[Score]:
    """The scores as they were given, not judged anew."""
    preferred = reference[0].method if reference else ""
    status = {r.beta: r.status for r in reference if r.method == preferred}
    numbers = {name: group[name][()] for name in NUMBERS}
    numbers |= {name: group[name][()] for name in MOMENTS if name in group}
    verdicts, flags = group["verdict"].asstr()[()], group["bound_violated"][()]
    row = {str(method): i for i, method in enumerate(group["method"].asstr()[()])}
    column = {float(beta): j for j, beta in enumerate(group["beta"][()])}
    scores = []
    for result in results:
        at = row[result.method], column[result.beta]
        if not verdicts[at].startswith(VERDICTS):
            raise ValueError(f"no verdict is {verdicts[at]!r}")
        scores.append(Score(
            result=result, reference=preferred, verdict=str(verdicts[at]), bound_violated=bool(flags[at]),
            reference_status=status.get(result.beta, "not_converged"),
            **{name: float(values[at]) for name, values in numbers.items()}))
    return scores
