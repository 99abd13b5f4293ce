"""What a file of a trained machine holds, in a few lines for people."""

from __future__ import annotations

import math
from os import PathLike
from typing import Any

import numpy as np

from statfe.learned.vae.file import SAMPLER as VAE
from statfe.learned.vae.file import read_vae
from statfe.learned.vae.training import TrainedVae
from statfe.machines.rbm import Rbm
from statfe.machines.rbm_file import SAMPLER as RBM
from statfe.machines.rbm_file import load_rbm
from statfe.machines.training_result import RbmTraining
from statfe.store.reading import read_root


def machine_summary(path: str | PathLike[str]) -> dict[str, Any]:
    """Facts about the machine of a file, in the order to show; empty where it holds none.

    Raises
    ------
    StoreError
        The file is missing, truncated or foreign.
    """
    kind = read_root(path).get("sampler")
    if kind == RBM:
        found = load_rbm(path)
        return _of_training(found) if isinstance(found, RbmTraining) else _of_rbm(found)
    return _of_vae(read_vae(path)) if kind == VAE else {}


def _of_rbm(machine: Rbm) -> dict[str, Any]:
    return {
        "machine": "restricted Boltzmann machine", "visible units": machine.n_visible, "hidden units": machine.n_hidden,
        "parameters": machine.weights.size + machine.n_visible + machine.n_hidden,
        "root mean square weight": float(np.sqrt(np.mean(machine.weights**2))),
        "largest singular value": float(np.linalg.norm(machine.weights, 2))}


def _of_training(found: RbmTraining) -> dict[str, Any]:
    own = {name: value for name, value in found.settings.to_dict().items() if name not in ("hidden", "epochs")}
    facts = _of_rbm(found.machine) | {
        "training": _words(own), "epochs": found.epochs, "status": _status(found.status, found.message),
        "data": found.data or "not known"}
    last = {name: value for name, value in (found.record[-1] if found.record else {}).items()
            if isinstance(value, float) and math.isfinite(value)}
    return facts | ({f"after epoch {found.record[-1]['epoch']}": _words(last)} if last else {})


def _of_vae(found: TrainedVae) -> dict[str, Any]:
    shape, options = found.vae.shape, found.options
    facts: dict[str, Any] = {
        "machine": "variational autoencoder", "visible units": f"{shape.visible}, {shape.likelihood}",
        "latent units": shape.latent, "encoder": _layers(shape.encoder_network.widths),
        "decoder": _layers(shape.decoder_network.widths), "activation": shape.activation,
        "parameters": shape.layout.size,
        "training": _words({name: value for name, value in vars(options).items() if name != "seed"}),
        "epochs": found.epochs, "status": _status(found.status, found.message)}
    last = {name: float(values[-1]) for name, values in found.history.items() if len(values)}
    return facts | ({f"after epoch {found.epochs}": _words(last)} if last else {})


def _layers(widths: tuple[int, ...]) -> str:
    return " - ".join(map(str, widths))


def _status(status: str, message: str) -> str:
    return f"{status}: {message}" if message else status


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
                     for name, value in values.items() if value is not None)
