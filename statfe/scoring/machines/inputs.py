"""What a comparison of a machine begins with: the machine of a file, and the data points to score it on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import SAMPLER as DATASET
from statfe.datasets.dataset_file import read_dataset
from statfe.errors import StoreError, UsageError
from statfe.learned.vae.file import SAMPLER as VAE
from statfe.learned.vae.file import read_vae
from statfe.learned.vae.model import Vae
from statfe.learned.vae.score import model_spec
from statfe.learned.vae.training import MONITORS as VAE_MONITORS
from statfe.learned.vae.training import TrainedVae
from statfe.machines.monitors import MONITORS as RBM_MONITORS
from statfe.machines.rbm import Rbm
from statfe.machines.rbm_file import SAMPLER as RBM
from statfe.machines.rbm_file import load_rbm
from statfe.machines.training_result import RbmTraining
from statfe.random import generator
from statfe.store.reading import is_hdf5, read_root

#: Key of the random stream that chooses points (see `statfe.random.generator`).
CHOICE_KEY = 9401
#: Files of these kinds hold a machine.
KINDS = (RBM, VAE)
#: What a comparison of a machine can be made of.
Source = str | PathLike[str] | Rbm | RbmTraining | Vae | TrainedVae


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """A trained machine.

    Attributes
    ----------
    model
        An `Rbm` or a `Vae`.
    spec
        What rows of results call it.
    curves
        What its training saw, by name, each of shape (looks,); ``epoch`` among them. Empty where there was none.
    path, data
        Its file, and the file of the data that it was trained on; "" where that is not known.
    """

    model: Rbm | Vae
    spec: str
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    path: str = ""
    data: str = ""

    @property
    def kind(self) -> str:
        """``rbm`` or ``vae``."""
        return RBM if isinstance(self.model, Rbm) else VAE

    @property
    def visible(self) -> int:
        """Number of visible units."""
        return self.model.n_visible if isinstance(self.model, Rbm) else self.model.shape.visible

    def check(self, rows: Any) -> np.ndarray:
        """`rows` as float64, if they are what the visible units can be; `UsageError` says what is wrong."""
        model = self.model if isinstance(self.model, Rbm) else self.model.shape
        return np.ascontiguousarray(model.check(rows), dtype=np.float64)


#: What is said of points by their part.
PARTS = {"test": "of the test part", "rows": "",
         "training": "of data without a test part: those of the training, if the machine has learnt from this file"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Data points of a comparison.

    Attributes
    ----------
    values
        Units as the machine takes them, float64, shape (count, visible).
    rows, labels
        Row of each point in its part of the data, and its class, -1 where it has none; shape (count,).
    shape
        Of a point as an image or lattice.
    part
        ``test``; ``training`` for data without a test part; or ``rows`` of an array that has no parts.
    name, path
        What the data are, and their file, or "".
    available
        Points there are in that part.
    """

    values: np.ndarray = field(repr=False)
    rows: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    shape: tuple[int, ...]
    part: str
    name: str
    available: int
    path: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """All but the arrays, for files."""
        return {"name": self.name, "path": self.path, "part": self.part, "available": self.available,
                "shape": list(self.shape)}


def machine_file(target: Any) -> str:
    """The path of the machine that a word names, with or without ``file:`` before it; "" where it names none."""
    if not isinstance(target, (str, PathLike)):
        return ""
    path = os.fspath(target).removeprefix("file:")
    if not is_hdf5(path):
        return ""
    try:
        return path if read_root(path).get("sampler") in KINDS else ""
    except StoreError:  # whoever reads it next says what is wrong
        return ""


def read_machine(source: Source) -> Machine:
    """The machine of a file, or of what a training gave.

    Raises
    ------
    UsageError
        For anything else: a spin model, a file of data, a file that is not ours.
    """
    if isinstance(source, (str, PathLike)):
        path = os.fspath(source).removeprefix("file:")
        if not os.path.lexists(path):
            raise UsageError(
                f"--data belongs to a trained machine, and there is no file {path}; make one with statfe train rbm|vae,"
                " or leave --data out to compare methods on a spin model")
        root = read_root(path)
        if root.get("sampler") not in KINDS:
            raise UsageError(
                f"{path} holds no trained machine (it is: {root.get('title', 'untitled')}); give a file of statfe "
                "train rbm|vae, or leave --data out")
        return _made(load_rbm(path) if root["sampler"] == RBM else read_vae(path), path)
    if isinstance(source, (Rbm, RbmTraining, Vae, TrainedVae)):
        return _made(source, getattr(source, "path", ""))
    raise UsageError(f"data belong to a trained machine, not to a {type(source).__name__}; leave data out")


def _made(found: Rbm | RbmTraining | Vae | TrainedVae, path: str) -> Machine:
    if isinstance(found, RbmTraining):
        spec = f"file:{path}" if path else found.machine.spec
        return Machine(model=found.machine, spec=spec, curves=_columns(found.record), path=path, data=found.data)
    if isinstance(found, TrainedVae):
        curves = {"epoch": np.arange(1, found.epochs + 1, dtype=np.float64), **found.history} if found.epochs else {}
        return Machine(model=found.vae, spec=model_spec(found.vae), curves=curves, path=path)
    if isinstance(found, Rbm):
        return Machine(model=found, spec=f"file:{path}" if path else found.spec, path=path)
    return Machine(model=found, spec=model_spec(found), path=path)


def _columns(record: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The columns of numbers that hold at least one."""
    names = [name for name in (record[0] if record else {}) if not isinstance(record[0][name], str)]
    columns = {name: np.array([look[name] for look in record], dtype=np.float64) for name in names}
    return {name: values for name, values in columns.items() if not np.all(np.isnan(values))}


def curve_words(kind: str, name: str) -> str:
    """What a column of the training record is."""
    words = RBM_MONITORS[name][1] if kind == RBM and name in RBM_MONITORS else VAE_MONITORS.get(name, "")
    return words or name.replace("_", " ")


def choose_points(machine: Machine, data: Dataset | np.ndarray | str | PathLike[str], count: int | None, seed: int
                  ) -> Points:
    """`count` points of the test part of `data`, drawn without replacement and kept in order; all where it has fewer.

    Data without a test part, as a file of test data may be, are taken whole.

    Parameters
    ----------
    data
        A file of ``statfe data``, a `Dataset`, or rows of units as the machine takes them.
    count
        None for all.

    Raises
    ------
    UsageError
        For data of another width or kind.
    """
    if isinstance(data, (str, PathLike)):
        data = _dataset(data)
    if isinstance(data, Dataset):
        values, labels, shape, part = data.test, data.test_labels, data.shape, "test"
        name, path = data.name, data.path
        if not len(values):
            values, labels, part = data.train, data.train_labels, "training"
    else:
        values, part, name, path = _rows(data), "rows", "rows given in Python", ""
        labels, shape = np.full(len(values), -1, dtype=np.int64), (values.shape[1],)
    if values.shape[1] != machine.visible:
        raise UsageError(
            f"{path or name}: a sample has {values.shape[1]} units, {machine.path or machine.spec} has "
            f"{machine.visible} visible units; give data of the kind that it was trained on")
    if part != "rows" and machine.kind == VAE and isinstance(machine.model, Vae) and (
            machine.model.shape.likelihood == "spin"):
        values = 2.0 * values - 1.0
    rows = np.arange(len(values))
    if count is not None and count < len(values):
        rows = np.sort(generator(seed, CHOICE_KEY).permutation(len(values))[:count])
    return Points(
        values=machine.check(values[rows]), rows=rows, labels=labels[rows], shape=shape, part=part, name=name,
        path=path, available=len(values))


def _dataset(path: str | PathLike[str]) -> Dataset:
    root = read_root(path)
    if root.get("sampler") != DATASET:
        raise UsageError(
            f"{path} holds no data (it is: {root.get('title', 'untitled')}); make data with statfe data make or "
            "statfe data import")
    return read_dataset(path)


def _rows(data: Any) -> np.ndarray:
    try:
        values = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("data must be a file of statfe data, or rows of numbers, one row a sample") from None
    if values.ndim != 2 or 0 in values.shape:
        raise UsageError(f"data must have one row a sample and one column a unit, got shape {values.shape}")
    return values
