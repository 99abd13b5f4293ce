"""Machines in HDF5, format statfe-1: /machine (a, b, W), /model (the +-1 form), /training and /checkpoint.

As /model is there, ``file:MODEL.h5`` is the spec of the machine's spin model in every command. With Gaussian visible
units /machine has `sigma` too, and /model has the hidden units alone.

/training holds what the monitors saw, on `epoch`: `log_likelihood`, `test_log_likelihood`, `beta_f` with `beta_f_error`
and `status`; `tap_beta_f`, `tap_log_likelihood`, `test_tap_log_likelihood`; `objective`; `pseudo_likelihood`,
`test_pseudo_likelihood`; `reconstruction`; `free_energy_gap`; `weight_rms`, `largest_singular`, `effective_beta`. What
each is stands in `statfe.machines.monitors.MONITORS` and in its `long_name`; NaN where it was not taken. /checkpoint
holds the arrays that a training needs to go on.
"""

from __future__ import annotations

import json
import math
import os
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.errors import StoreError
from statfe.machines.gaussian_rbm import GaussianRbm
from statfe.machines.monitors import MONITORS
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.machines.training_result import RbmTraining
from statfe.models.model_file import write_model
from statfe.store.hdf5 import create_root, json_text, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: Value of the root attribute `sampler`: the file holds a machine.
SAMPLER = "rbm"
ENERGIES = {
    "bernoulli": "E(v, h) = - a.v - b.h - v.W.h, v and h in {0, 1}, at beta = 1",
    "gaussian": "E(v, h) = sum_i (v_i - a_i)^2 / (2 sigma_i^2) - b.h - sum_ij v_i W_ij h_j / sigma_i^2, v real, "
                "h in {0, 1}, at beta = 1"}


def write_rbm(path: str | PathLike[str], machine: Rbm, command: str = "") -> None:
    """Write a machine alone; `read_rbm` and ``file:PATH`` read it.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(file, _title(machine), machine.spec, SAMPLER, None, command)
        _write_machine(file, machine)


def _title(machine: Rbm) -> str:
    kind = "Gaussian " if machine.visible_kind == "gaussian" else ""
    return f"restricted Boltzmann machine of {machine.n_visible} {kind}visible and {machine.n_hidden} hidden units"


def _write_machine(file: h5py.File, machine: Rbm) -> None:
    write_model(file.create_group("model"), machine.ising())
    group = file.create_group("machine")
    write_attributes(group, energy=ENERGIES[machine.visible_kind], visible_kind=machine.visible_kind)
    write_coordinate(group, "visible", np.arange(machine.n_visible, dtype=np.int32), "1", "index of the visible unit")
    write_coordinate(group, "hidden", np.arange(machine.n_hidden, dtype=np.int32), "1", "index of the hidden unit")
    write_variable(group, "visible_bias", machine.visible_bias, ("visible",), "1", "bias a of the visible unit")
    write_variable(group, "hidden_bias", machine.hidden_bias, ("hidden",), "1", "bias b of the hidden unit")
    write_variable(group, "weight", machine.weights, ("visible", "hidden"), "1", "weight W")
    if isinstance(machine, GaussianRbm):
        write_variable(group, "sigma", machine.sigma, ("visible",), "1", "standard deviation of the unit given h")


def read_rbm(path: str | PathLike[str]) -> Rbm:
    """The machine of a file that `write_rbm` or `write_training` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no machine.
    """
    with opened(path) as file:
        return _read_machine(file)


def _read_machine(file: h5py.File) -> Rbm:
    group = require_group(file, "machine")
    with understood(group):
        arrays = (group["visible_bias"][()], group["hidden_bias"][()], group["weight"][()])
        spec = str(file["model"].attrs["spec"])
        return GaussianRbm(*arrays, spec, sigma=group["sigma"][()]) if "sigma" in group else Rbm(*arrays, spec)


def load_rbm(path: str | PathLike[str]) -> Rbm | RbmTraining:
    """The training of a file, or the machine alone where there was none."""
    with opened(path) as file:
        trained = "settings" in file.attrs
    return read_training(path) if trained else read_rbm(path)


def write_training(path: str | PathLike[str], training: RbmTraining) -> None:
    """Write a training: its machine, what the monitors saw, and all that it needs to go on with the same bits.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    machine = training.machine
    with new_file(path) as file:
        create_root(
            file, _title(machine), machine.spec, SAMPLER, training.seed, training.command,
            settings=json_text(training.settings.to_dict()), epochs=training.epochs, status=training.status,
            message=training.message, data=training.data, data_hash=training.data_hash,
            likelihood=training.likelihood, seconds=training.seconds, constant_columns=training.constant_columns)
        _write_machine(file, machine)
        _write_record(file.create_group("training"), training)
        keep = file.create_group("checkpoint")
        for name, values in training.state.items():
            _write_array(keep.create_group(name), values)


def _write_record(group: h5py.Group, training: RbmTraining) -> None:
    looks = training.record
    write_coordinate(group, "epoch", np.array([r["epoch"] for r in looks], dtype=np.int64), "1", "epochs done")
    for name, (units, long_name) in MONITORS.items():
        write_variable(group, name, np.array([r[name] for r in looks], dtype=np.float64), ("epoch",), units, long_name)
    write_variable(
        group, "status", np.array([r["status"] for r in looks], dtype=object), ("epoch",), "1", "status of beta_f")


def _write_array(group: h5py.Group, values: np.ndarray) -> None:
    dims = [f"axis_{k}" for k in range(values.ndim)]
    for name, size in zip(dims, values.shape, strict=True):
        write_coordinate(group, name, np.arange(size, dtype=np.int32), "1", "index along the axis")
    write_variable(group, "value", values, dims, "1", "state of the training, needed to go on")


def read_training(path: str | PathLike[str]) -> RbmTraining:
    """Read a file that `write_training` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or of a machine without a training.
    """
    with opened(path) as file:
        root = read_attributes(file)
        if "settings" not in root:
            raise StoreError(f"{path} holds no training that could go on; train a machine into a new file")
        machine = _read_machine(file)
        looks = require_group(file, "training")
        with understood(looks):
            columns: dict[str, list[Any]] = {name: looks[name][()].tolist() for name in ("epoch", *MONITORS)}
            columns["status"] = [text.decode() for text in looks["status"][()]]
            record = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        keep = require_group(file, "checkpoint")
        with understood(keep):
            state = {name: keep[name]["value"][()] for name in keep}
        with understood(file):
            return RbmTraining(
                machine=machine, settings=Settings(**json.loads(root["settings"])), seed=int(root["seed"]),
                epochs=int(root["epochs"]), record=record, state=state, status=root["status"],
                message=root["message"], data=root["data"], data_hash=root["data_hash"],
                likelihood=root["likelihood"], seconds=float(root.get("seconds", math.nan)), command=root["command"],
                constant_columns=int(root.get("constant_columns", 0)), path=os.fspath(path))
