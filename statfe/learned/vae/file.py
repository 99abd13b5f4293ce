"""Variational autoencoders in HDF5, format statfe-1.

/encoder/layer_0, ... and /decoder/layer_0, ... hold `weight` on (input, unit) and `bias` on (unit), /noise the
parameters of the variances of Gaussian units, /training what each epoch saw, /optimiser the state of Adam in the order
of the parameters. /standard has the centre and the scale of data that were standardised. /latent_search on (latent) has
the sizes side by side where the latent units were searched for.
"""

from __future__ import annotations

import json
from os import PathLike

import h5py
import numpy as np

from statfe.errors import StoreError
from statfe.learned.dense_network import DenseNetwork
from statfe.learned.vae.latent_table import COLUMNS, LatentSearch
from statfe.learned.vae.model import NOISE, PRECISIONS, Vae, VaeShape
from statfe.learned.vae.score import model_spec
from statfe.learned.vae.standard import Standard
from statfe.learned.vae.training import MONITORS, TrainedVae, TrainingOptions, settings
from statfe.store.hdf5 import create_root, json_text, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: Value of the root attribute `sampler`: the file holds a variational autoencoder.
SAMPLER = "vae"
#: Groups of the standardisation, and of the search over the latent units.
STANDARD, SEARCH = "standard", "latent_search"


def write_vae(path: str | PathLike[str], trained: TrainedVae, command: str = "", data_hash: str = "",
              stream: bool = False) -> None:
    """Write a model with all that its training needs to go on, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    vae, shape = trained.vae, trained.vae.shape
    with new_file(path) as file:
        create_root(
            file, f"variational autoencoder of {shape.visible} visible and {shape.latent} latent units",
            model_spec(vae), SAMPLER, trained.options.seed, command, epochs=trained.epochs, status=trained.status,
            message=trained.message, data_hash=data_hash, stream=stream, constant_columns=trained.constant_columns,
            **{k: json_text(v) for k, v in settings(trained).items()})
        for network in (shape.encoder_network, shape.decoder_network):
            _write_network(file.create_group(network.name), network, vae.arrays)
        if shape.likelihood == "gaussian":
            group = file.create_group(NOISE)
            write_coordinate(group, "unit", np.arange(shape.visible, dtype=np.int32), "1", "index of the visible unit")
            write_variable(
                group, NOISE, vae.arrays[NOISE], ("unit",), "1", "ln of the variance above its floor")
        if trained.standard is not None:
            group = file.create_group(STANDARD)
            write_attributes(group, scale=trained.standard.scale)
            write_coordinate(group, "unit", np.arange(shape.visible, dtype=np.int32), "1", "index of the visible unit")
            write_variable(group, "centre", trained.standard.centre, ("unit",), "1", "mean of the training data")
        if trained.search is not None:
            _write_search(file.create_group(SEARCH), trained.search)
        _write_record(file.create_group("training"), trained)
        _write_optimiser(file.create_group("optimiser"), trained)


def _write_network(parent: h5py.Group, network: DenseNetwork, arrays: dict[str, np.ndarray]) -> None:
    write_attributes(parent, activation=network.activation, layers=network.depth)
    for layer in range(network.depth):
        group = parent.create_group(f"layer_{layer}")
        for name, size in zip(("input", "unit"), network.widths[layer:layer + 2], strict=True):
            write_coordinate(group, name, np.arange(size, dtype=np.int32), "1", f"index of the {name}")
        write_variable(group, "weight", arrays[network.weights(layer)], ("input", "unit"), "1", "weight")
        write_variable(group, "bias", arrays[network.biases(layer)], ("unit",), "1", "bias of the unit")


def _write_record(group: h5py.Group, trained: TrainedVae) -> None:
    write_coordinate(group, "epoch", np.arange(1, trained.epochs + 1), "1", "epochs done")
    for name, words in MONITORS.items():
        write_variable(group, name, trained.history[name], ("epoch",), "1", words)


def _write_search(group: h5py.Group, search: LatentSearch) -> None:
    write_attributes(group, kept=search.kept, rule=search.rule, rows=search.rows)
    write_coordinate(group, "latent", search.latent, "1", "latent units")
    for name, words in COLUMNS.items():
        write_variable(group, name, search.columns[name], ("latent",), "1", words)


def _write_optimiser(group: h5py.Group, trained: TrainedVae) -> None:
    assert trained.adam_first is not None
    assert trained.adam_second is not None
    write_attributes(group, steps=trained.adam_count)
    write_coordinate(group, "parameter", np.arange(len(trained.adam_first)), "1", "index of the parameter")
    write_variable(group, "first", trained.adam_first, ("parameter",), "1", "running mean of the gradient")
    write_variable(group, "second", trained.adam_second, ("parameter",), "1", "running mean of its square")


def read_vae(path: str | PathLike[str]) -> TrainedVae:
    """Read a file that `write_vae` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no variational autoencoder.
    """
    with opened(path) as file:
        root = read_attributes(file)
        if root.get("sampler") != SAMPLER:
            raise StoreError(f"{path} holds no variational autoencoder but {root.get('sampler')!r}; give another file")
        with understood(file):
            facts, options = json.loads(root["shape"]), TrainingOptions(**json.loads(root["options"]))
            shape = VaeShape(**{**facts, "encoder": tuple(facts["encoder"]), "decoder": tuple(facts["decoder"])})
            parameters = np.empty(shape.layout.size, PRECISIONS[options.precision])
            arrays = shape.layout.views(parameters)
            for network in (shape.encoder_network, shape.decoder_network):
                for layer in range(network.depth):
                    group = file[network.name][f"layer_{layer}"]
                    arrays[network.weights(layer)][:] = group["weight"][()]
                    arrays[network.biases(layer)][:] = group["bias"][()]
            if shape.likelihood == "gaussian":
                arrays[NOISE][:] = file[NOISE][NOISE][()]
            adam, looks = require_group(file, "optimiser"), require_group(file, "training")
            return TrainedVae(
                Vae(shape, parameters), options, epochs=int(root["epochs"]),
                history={name: looks[name][()] for name in MONITORS}, adam_count=int(adam.attrs["steps"]),
                adam_first=adam["first"][()], adam_second=adam["second"][()], status=root["status"],
                message=root["message"], constant_columns=int(root.get("constant_columns", 0)),
                standard=_read_standard(file), search=_read_search(file))


def _read_standard(file: h5py.File) -> Standard | None:
    if STANDARD not in file:
        return None
    group = require_group(file, STANDARD)
    return Standard(group["centre"][()], float(group.attrs["scale"]))


def _read_search(file: h5py.File) -> LatentSearch | None:
    if SEARCH not in file:
        return None
    group = require_group(file, SEARCH)
    latent = group["latent"][()]
    # files of version 0.1 before it lack one
    columns = {name: group[name].asstr()[()] if name == "status" else group[name][()] for name in COLUMNS
               if name in group}
    columns.setdefault("stretches_above", np.zeros(len(latent)))
    return LatentSearch(latent, columns, str(group.attrs["rule"]), int(group.attrs["rows"]))


def stored_data_hash(path: str | PathLike[str]) -> str:
    """Hash of the data that the model of a file was trained on; "" where it is not known."""
    with opened(path) as file:
        return str(read_attributes(file).get("data_hash", ""))


def stored_stream(path: str | PathLike[str]) -> bool:
    """Whether the training rows stayed in their file."""
    with opened(path) as file:
        return bool(read_attributes(file).get("stream", False))
