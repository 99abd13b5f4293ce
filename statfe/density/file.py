"""The file that `density_of_states` writes: /model and /density_of_states, and how it is read back."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from os import PathLike
from typing import Any

from statfe.density.result import DensityOfStates
from statfe.models.catalogue import is_buildable
from statfe.models.model_file import read_model, write_model
from statfe.store.hdf5 import create_root, json_text, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: What the attribute `sampler` says, of no other files.
SAMPLER = "density-of-states"


def command_line(
    spec: str, method: str, bins: int | None, seed: int | None, options: Mapping[str, Any],
    output: str | PathLike[str] | None,
) -> str:
    """``statfe density-of-states ...`` with all that decides the result; "" where no command can make the model."""
    if not is_buildable(spec):
        return ""
    more = ",".join(f"{key}={value}" for key, value in options.items())
    full = method + ("," if ":" in method else ":") * bool(more) + more
    words = ["statfe", "density-of-states", spec, "--method", full]
    words += ["--bins", str(bins)] if bins is not None else []
    words += ["--seed", str(seed)] if seed is not None else []
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def write_density(path: str | PathLike[str], found: DensityOfStates) -> None:
    """Write `found` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    spec = found.model.spec
    with new_file(path) as file:
        create_root(
            file, f"statfe density of states of {spec}", spec, SAMPLER, found.seed, found.command,
            method=found.method, kind=found.kind, status=found.status, message=found.message,
            bin_width=found.bin_width, seconds=found.seconds, stats=json_text(found.stats))
        write_model(file.create_group("model"), found.model)
        group = file.create_group("density_of_states")
        what = "energy E" if found.bin_width == 0.0 else "energy E of a bin"
        write_coordinate(group, "energy", found.energy, "1", what)
        for name, values, words in (
            ("log_g", found.log_g, "ln of the number of states, entropy S(E)"),
            ("log_g_error", found.log_g_error, "standard deviation of log_g"),
            ("microcanonical_beta", found.microcanonical_beta, "dS/dE, by differences"),
        ):
            write_variable(group, name, values, ("energy",), "1", words)
        if found.counts is not None:
            write_variable(
                group, "count", [str(g) for g in found.counts], ("energy",), "1",
                "number of states, whole, in decimal digits")


def read_density(path: str | PathLike[str]) -> DensityOfStates:
    """Read a file that `write_density` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or no density of states.
    """
    with opened(path) as file:
        root = read_attributes(file)
        model = read_model(require_group(file, "model"))
        group = require_group(file, "density_of_states")
        with understood(group):
            energy, log_g, error = (group[name][()] for name in ("energy", "log_g", "log_g_error"))
            counts = tuple(int(g) for g in group["count"].asstr()[()]) if "count" in group else None
        with understood(file):
            return DensityOfStates(
                model=model, method=root["method"], energy=energy, log_g=log_g, log_g_error=error, kind=root["kind"],
                status=root["status"], message=root["message"], bin_width=float(root["bin_width"]), counts=counts,
                seed=None if "seed" not in root else int(root["seed"]), seconds=float(root["seconds"]),
                command=root["command"], path=os.fspath(path), stats=json.loads(root["stats"]))
