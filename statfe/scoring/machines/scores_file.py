"""Scores of a machine in HDF5 (scores.h5), from which its report can be made again.

A restricted Boltzmann machine: the file of its comparison (see `statfe.scoring.scores_file`) with /points besides. A
variational autoencoder: /reference and /scores as there, but on (method, point); /points. Both: /portrait.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.errors import StoreError
from statfe.result import FreeEnergy
from statfe.scoring.machines.likelihoods import Likelihoods
from statfe.scoring.machines.portrait import Portrait
from statfe.scoring.machines.portrait_file import GROUP as PORTRAIT
from statfe.scoring.machines.portrait_file import read_portrait, write_portrait
from statfe.scoring.machines.posteriors import Posteriors
from statfe.scoring.scores_file import NUMBERS, comparisons_of, provenance, scores_image
from statfe.store.free_energies import read_table, text_array, write_table
from statfe.store.hdf5 import create_root, file_image, json_text, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: Value of the root attribute `sampler` of the scores of posteriors.
SAMPLER = "posteriors"


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineScores:
    """All that a report of a machine shows: scores of one of the two kinds, and the arrays of its figures."""

    portrait: Portrait
    likelihoods: Likelihoods | None = None
    posteriors: Posteriors | None = None


def machine_image(found: MachineScores) -> bytes:
    """The file scores.h5, as bytes."""
    if found.likelihoods is not None:
        known = found.likelihoods

        def more(file: h5py.File) -> None:
            group = _write_points(file, known.rows, known.labels, known.data)
            write_variable(group, "clamped", known.clamped, ("point",), "1", "clamped free energy F_c (nats)")
            write_variable(
                group, "pseudo", known.pseudo, ("point",), "1", "log pseudo-likelihood (nats); NaN where there is none")
            write_portrait(file, found.portrait)

        return scores_image([known.comparison], more)
    assert found.posteriors is not None
    with h5py.File("scores.h5", "w", driver="core", backing_store=False) as file:
        _write_posteriors(file, found.posteriors)
        write_portrait(file, found.portrait)
        return file_image(file)


def _write_points(file: h5py.File, rows: np.ndarray, labels: np.ndarray, data: dict[str, Any]) -> h5py.Group:
    group = file.create_group("points")
    write_attributes(group, data=json_text(data))
    write_coordinate(group, "point", rows, "1", "row of the point in its part of the data")
    write_variable(group, "label", labels, ("point",), "1", "class of the point; -1 where it has none")
    return group


def _write_posteriors(file: h5py.File, found: Posteriors) -> None:
    create_root(
        file, found.title, found.model, SAMPLER, found.seed, found.command, n_sites=found.reference[0].n_sites,
        versions=json_text(found.versions), **provenance(found))
    _axes(file.create_group("reference"), [found.reference[0].method], found.rows)
    write_table(file["reference"], [found.reference], ("method", "point"), len(found.rows))
    group = file.create_group("scores")
    _axes(group, found.methods, found.rows)
    write_table(group, found.results, ("method", "point"), len(found.rows))
    for name, (units, long_name) in NUMBERS.items():
        values = np.array([[getattr(s, name) for s in line] for line in found.scores], dtype=np.float64)
        write_variable(group, name, values, ("method", "point"), units, long_name)
    text = text_array([[s.verdict for s in line] for line in found.scores], len(found.rows))
    write_variable(group, "verdict", text, ("method", "point"), "1", "the score in words")
    flags = np.array([[s.bound_violated for s in line] for line in found.scores], dtype=np.int8)
    write_variable(group, "bound_violated", flags, ("method", "point"), "1",
                   "1 where a bound lies on the wrong side, else 0")
    points = _write_points(file, found.rows, found.labels, found.data)
    write_variable(points, "gap", found.gaps, ("point",), "1", "negative ELBO less the reference (nats)")


def _axes(group: h5py.Group, methods: list[str], rows: np.ndarray) -> None:
    write_coordinate(group, "method", np.array(methods, dtype=object), "1", "spec of the method")
    write_coordinate(group, "point", rows, "1", "row of the point in its part of the data")


def holds_machine_scores(path: str | PathLike[str]) -> bool:
    """Whether a file of ours holds what `read_machine_scores` reads; raises as that."""
    with opened(path) as file:
        return PORTRAIT in file


def read_machine_scores(path: str | PathLike[str]) -> MachineScores:
    """What `machine_image` wrote.

    Raises
    ------
    StoreError
        The file is missing, truncated, foreign, or holds no scores of a machine.
    """
    with opened(path) as file:
        return _read(file)


def machine_scores_in(image: bytes) -> MachineScores:
    """What `read_machine_scores` would give of these bytes."""
    with h5py.File(io.BytesIO(image), "r") as file:
        return _read(file)


def _read(file: h5py.File) -> MachineScores:
    if PORTRAIT not in file:
        raise StoreError(f"{file.filename} holds no scores of a machine; make them with statfe compare --data")
    shown, points = read_portrait(file), require_group(file, "points")
    with understood(points):
        rows, labels = points["point"][()], points["label"][()]
        data = json.loads(points.attrs["data"])
        if file.attrs["sampler"] == SAMPLER:
            return MachineScores(portrait=shown, posteriors=_read_posteriors(file, rows, labels, data))
        (comparison,) = comparisons_of(file)
        return MachineScores(portrait=shown, likelihoods=Likelihoods(
            comparison=comparison, clamped=points["clamped"][()], pseudo=points["pseudo"][()], rows=rows,
            labels=labels, data=data))


def _read_posteriors(file: h5py.File, rows: np.ndarray, labels: np.ndarray, data: dict[str, Any]) -> Posteriors:
    root = read_attributes(file)
    model, n_sites, betas = str(root["model"]), int(root["n_sites"]), np.ones(len(rows))

    def table(name: str) -> list[list[FreeEnergy]]:
        group = require_group(file, name)
        with understood(group):
            return [[r for r in row if r is not None] for row in read_table(group, model, n_sites, betas)]

    return Posteriors(
        model=model, reference=table("reference")[0], results=table("scores"), rows=rows, labels=labels, data=data,
        command=str(root["command"]), seed=int(root["seed"]) if "seed" in root else None, title=str(root["title"]),
        versions=json.loads(root["versions"]), source_commit=str(root.get("source_commit", "")),
        created=str(root["created"]))
