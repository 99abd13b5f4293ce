"""The file that `ground_state` writes: /model, /states, /reads and /schedule, and how it is read back."""

from __future__ import annotations

import os
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.models.ising import IsingModel
from statfe.models.model_file import read_model, write_model
from statfe.search.result import GroundState
from statfe.search.schedule import Schedule
from statfe.store.hdf5 import create_root, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: What the attribute `sampler` says, of no other files.
SAMPLER = "simulated-annealing"
#: What is read from each group: name here to variable there.
_ARRAYS = {
    "states": {"states": "spin", "state_energies": "energy"}, "reads": {"energies": "energy"},
    "schedule": {"betas": "beta", "sweeps": "sweeps"}}


def write_ground_state(path: str | PathLike[str], found: GroundState) -> None:
    """Write `found` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    spec = found.model.spec
    with new_file(path) as file:
        create_root(
            file, f"statfe ground-state search of {spec}", spec, SAMPLER, found.seed, found.command,
            energy=found.energy, kind=found.kind, certified=found.certified, lower_bound=found.lower_bound,
            certificate=found.certificate, target_energy=found.target_energy, hits=found.hits, reads=found.reads,
            sweeps=found.schedule.sweeps, kernel=found.kernel, workers=found.workers, seconds=found.seconds)
        write_model(file.create_group("model"), found.model)
        states = file.create_group("states")
        write_coordinate(states, "state", np.arange(len(found.states)), "1", "rank of the state, lowest energy first")
        write_coordinate(states, "site", np.arange(found.model.n_sites, dtype=np.int32), "1", "index of the spin")
        write_variable(states, "energy", found.state_energies, ("state",), "1", "energy E")
        write_variable(states, "spin", found.states, ("state", "site"), "1", "spin s = +-1")
        reads = file.create_group("reads")
        write_coordinate(reads, "read", np.arange(found.reads), "1", "annealing run")
        write_variable(reads, "energy", found.energies, ("read",), "1", "energy E at the end of the read")
        _write_schedule(file.create_group("schedule"), found.schedule)


def _write_schedule(group: h5py.Group, schedule: Schedule) -> None:
    counts = np.bincount(schedule.steps, minlength=len(schedule.betas))
    write_coordinate(group, "step", np.arange(len(counts)), "1", "step of the schedule, in order")
    write_variable(group, "beta", schedule.betas, ("step",), "1", "inverse temperature (k_B = 1)")
    write_variable(group, "sweeps", counts, ("step",), "1", "sweeps at this beta")


def read_ground_state(path: str | PathLike[str]) -> GroundState:
    """Read a file that `write_ground_state` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or no search for a ground state.
    """
    with opened(path) as file:
        root = read_attributes(file)
        model = read_model(require_group(file, "model"))
        arrays: dict[str, np.ndarray] = {}
        for group, variables in _ARRAYS.items():
            place = require_group(file, group)
            with understood(place):
                arrays |= {name: place[variable][()] for name, variable in variables.items()}
        schedule = Schedule(arrays.pop("betas"), int(arrays.pop("sweeps").sum()))
        with understood(file):
            return _from_attributes(model, schedule, root, arrays, os.fspath(path))


def _from_attributes(
    model: IsingModel, schedule: Schedule, root: dict[str, Any], arrays: dict[str, np.ndarray], path: str
) -> GroundState:
    return GroundState(
        model=model, energy=root["energy"], certified=bool(root["certified"]), lower_bound=root["lower_bound"],
        certificate=root["certificate"], target_energy=root["target_energy"], schedule=schedule,
        seed=int(root["seed"]), kernel=root["kernel"], workers=root["workers"], seconds=root["seconds"],
        command=root["command"], attributes=root, path=path, **arrays)
