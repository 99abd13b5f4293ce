"""The file that `free_energy_profile` writes: /model and /profile, and how it is read back."""

from __future__ import annotations

import json
import os
from os import PathLike

import numpy as np

from statfe.flat.profile import Profile
from statfe.models.model_file import read_model, write_model
from statfe.result import FreeEnergy
from statfe.store.hdf5 import create_root, json_text, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: What the attribute `sampler` says, of no other files.
SAMPLER = "umbrella"
_COORDINATES = {"magnetization": "magnetisation M", "energy": "energy E"}


def write_profile(path: str | PathLike[str], found: Profile) -> None:
    """Write `found` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    spec, total = found.model.spec, found.total
    with new_file(path) as file:
        create_root(
            file, f"statfe free-energy profile of {spec}", spec, SAMPLER, found.seed, found.command, along=found.along,
            windows=found.windows, replicas=found.replicas, sweeps=found.sweeps, symmetric=found.symmetric,
            bin_width=found.bin_width, seconds=found.seconds)
        write_model(file.create_group("model"), found.model)
        group = file.create_group("profile")
        write_coordinate(group, "beta", np.array([found.beta]), "1", "inverse temperature (k_B = 1)")
        write_coordinate(group, "coordinate", found.coordinate, "1", _COORDINATES[found.along])
        both = ("beta", "coordinate")
        write_variable(group, "beta_f", found.beta_f[None, :], both, "1", "beta F of the states at this coordinate")
        write_variable(group, "beta_f_error", found.error[None, :], both, "1", "standard error of beta_f")
        at = ("beta",)
        write_variable(group, "total_beta_f", np.array([total.beta_f]), at, "1", "beta F of all states")
        write_variable(group, "total_beta_f_error", np.array([total.beta_f_error]), at, "1",
                       "standard error of total_beta_f")
        for name, text, words in (("method", total.method, "method"), ("kind", total.kind, "kind of total_beta_f"),
                                  ("status", total.status, "whether the run converged"),
                                  ("message", total.message, "what is wrong and what to change"),
                                  ("stats", json_text(dict(total.stats)), "what was measured on the way, JSON")):
            write_variable(group, name, np.array([text], dtype=object), at, "1", words)


def read_profile(path: str | PathLike[str]) -> Profile:
    """Read a file that `write_profile` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or no profile.
    """
    with opened(path) as file:
        root = read_attributes(file)
        model = read_model(require_group(file, "model"))
        group = require_group(file, "profile")
        with understood(group):
            beta = float(group["beta"][0])
            text = {name: group[name].asstr()[0] for name in ("method", "kind", "status", "message", "stats")}
            total = FreeEnergy(
                model=model.spec, method=text["method"], kind=text["kind"], status=text["status"],
                message=text["message"], beta=beta, n_sites=model.n_sites, beta_f=float(group["total_beta_f"][0]),
                beta_f_error=float(group["total_beta_f_error"][0]), seconds=float(root["seconds"]),
                stats=json.loads(text["stats"]))
            return Profile(
                model=model, beta=beta, along=root["along"], coordinate=group["coordinate"][()],
                beta_f=group["beta_f"][0], error=group["beta_f_error"][0], total=total,
                symmetric=bool(root["symmetric"]), windows=int(root["windows"]), replicas=int(root["replicas"]),
                sweeps=int(root["sweeps"]), seed=int(root["seed"]), bin_width=float(root["bin_width"]),
                seconds=float(root["seconds"]), command=root["command"], attributes=root, path=os.fspath(path))
