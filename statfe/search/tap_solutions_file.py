"""The file that `tap_solutions` writes: /model, /attractors and /searches, and how it is read back."""

from __future__ import annotations

import os
from os import PathLike

import h5py
import numpy as np

from statfe.models.model_file import read_model, write_model
from statfe.search.tap_solutions_result import Attractors, TapSolutions
from statfe.store.hdf5 import create_root, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: What the attribute `sampler` says, of no other files.
SAMPLER = "tap-descents"
#: Variables on `solution`: name here to name and words there.
_OF_SOLUTIONS = {
    "beta_f": ("beta_f", "TAP beta F"),
    "stabilities": ("stability", "smallest eigenvalue of the Hessian of beta F in m, scaled by sqrt(1 - m^2)"),
    "plefka": ("plefka", "Plefka's parameter; TAP holds below 1"),
    "counts": ("descents", "descents that ended here"),
    "basins": ("basin", "share of all starts that end here"),
    "basin_errors": ("basin_error", "standard deviation of the basin"),
    "overlaps": ("overlap", "mean over the sites of m^2")}
#: Variables on `beta`: name here, and words.
_OF_BETAS = {
    "starts": "descents in all", "not_converged": "descents that ended nowhere",
    "singletons": "solutions found once", "doubletons": "solutions found twice",
    "unseen_basin": "chance that one more descent finds a new solution (Good-Turing)",
    "unseen_basin_error": "standard deviation of the chance",
    "missed": "solutions that were missed, a lower bound on average (Chao)",
    "missed_error": "standard deviation of the number missed"}


def write_tap_solutions(path: str | PathLike[str], found: TapSolutions) -> None:
    """Write `found` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    spec = found.model.spec
    with new_file(path) as file:
        create_root(
            file, f"statfe TAP solutions of {spec}", spec, SAMPLER, found.seed, found.command, starts=found.starts,
            workers=found.workers, seconds=found.seconds)
        write_model(file.create_group("model"), found.model)
        _write_attractors(file.create_group("attractors"), found)
        searches = file.create_group("searches")
        write_coordinate(searches, "beta", found.betas, "1", "inverse temperature (k_B = 1)")
        write_variable(
            searches, "solutions", np.array([len(a.beta_f) for a in found.at]), ("beta",), "1", "distinct solutions")
        for name, words in _OF_BETAS.items():
            write_variable(searches, name, np.array([getattr(a, name) for a in found.at]), ("beta",), "1", words)


def _write_attractors(group: h5py.Group, found: TapSolutions) -> None:
    """All solutions one after the other, beta by beta, the lowest beta_f first."""
    sizes = [len(a.beta_f) for a in found.at]
    write_coordinate(group, "solution", np.arange(sum(sizes)), "1", "number of the solution, beta by beta")
    write_coordinate(group, "site", np.arange(found.model.n_sites, dtype=np.int32), "1", "index of the spin")
    write_variable(
        group, "beta", np.repeat(found.betas, sizes), ("solution",), "1", "inverse temperature (k_B = 1)")
    for name, (there, words) in _OF_SOLUTIONS.items():
        values = np.concatenate([getattr(a, name) for a in found.at])
        write_variable(group, there, values, ("solution",), "1", words)
    write_variable(
        group, "magnetization", np.concatenate([a.means for a in found.at]), ("solution", "site"), "1",
        "mean of the spin, m_i")


def read_tap_solutions(path: str | PathLike[str]) -> TapSolutions:
    """Read a file that `write_tap_solutions` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no TAP solutions.
    """
    with opened(path) as file:
        root = read_attributes(file)
        model = read_model(require_group(file, "model"))
        group, searches = require_group(file, "attractors"), require_group(file, "searches")
        with understood(searches):
            counts = {name: searches[name][()] for name in ("beta", "solutions", "starts", "not_converged")}
        with understood(group):
            arrays = {name: group[there][()] for name, there in (
                ("beta_f", "beta_f"), ("stabilities", "stability"), ("plefka", "plefka"), ("counts", "descents"),
                ("means", "magnetization"))}
        ends = np.cumsum(counts["solutions"])
        at = [
            Attractors(
                beta=float(counts["beta"][k]), starts=int(counts["starts"][k]),
                not_converged=int(counts["not_converged"][k]),
                **{name: values[end - counts["solutions"][k]:end] for name, values in arrays.items()})
            for k, end in enumerate(ends)]
        with understood(file):
            return TapSolutions(
                model=model, at=at, starts=int(root["starts"]), seed=int(root["seed"]), workers=root["workers"],
                seconds=root["seconds"], command=root["command"], attributes=root, path=os.fspath(path))
