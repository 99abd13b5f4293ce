"""Files of the laboratory: /attractors and /starts as every identification has them, and /recall against the load."""

from __future__ import annotations

from os import PathLike

import h5py
import numpy as np

from statfe.attractors.found import AttractorSet
from statfe.attractors.found_file import add_found
from statfe.laboratory.recall import Recall
from statfe.store.hdf5 import create_root, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, require_group, understood

SAMPLER = "laboratory"
#: Variables of /recall on `load`, with their words.
OF_LOADS = {
    "patterns": "stored patterns", "overlap": "mean overlap of a pattern with where it settles",
    "overlap_error": "standard error over the networks",
    "theory": "overlap in the replica-symmetric theory at T = 0 as n grows; 0 without retrieval",
    "basin": "share of random starts that end at a memory", "basin_error": "standard error over the networks",
    "radius": "overlap from which half of the patterns are recalled; NaN where it is not crossed"}


def write_laboratory(
    path: str | PathLike[str], found: AttractorSet, command: str = "", recall: Recall | None = None,
) -> None:
    """Write what was found, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(file, f"attractors of {found.system}", found.system, SAMPLER, found.seed, command)
        add_found(file, found)
        if recall is not None:
            _write_recall(file.create_group("recall"), recall)


def _write_recall(group: h5py.Group, recall: Recall) -> None:
    write_attributes(group, n=recall.n, networks=recall.networks, seed=recall.seed)
    write_coordinate(group, "load", recall.load, "1", "alpha, patterns a spin")
    write_coordinate(group, "start_overlap", recall.start_overlaps, "1", "overlap of the start with the pattern")
    for name, words in OF_LOADS.items():
        write_variable(group, name, getattr(recall, name), ("load",), "1", words)
    for name, words in (("share", "share of patterns that are recalled"),
                        ("share_error", "standard error over the networks")):
        write_variable(group, name, getattr(recall, name), ("load", "start_overlap"), "1", words)


def read_recall(path: str | PathLike[str]) -> Recall | None:
    """/recall of a file of the laboratory; None where it has none.

    Raises
    ------
    StoreError
        For a file that is missing, truncated or foreign.
    """
    with opened(path) as file:
        if "recall" not in file:
            return None
        group = require_group(file, "recall")
        with understood(group):
            return Recall(
                n=int(group.attrs["n"]), networks=int(group.attrs["networks"]), seed=int(group.attrs["seed"]),
                start_overlaps=group["start_overlap"][()], share=group["share"][()],
                share_error=group["share_error"][()],
                **{name: np.asarray(group[name][()]) for name in OF_LOADS})
