"""A variational autoencoder from a file of data to a file of its own, which may go on later."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np

from statfe.datasets.dataset_file import read_dataset
from statfe.errors import UsageError
from statfe.learned.vae.file import read_vae, stored_data_hash, write_vae
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainedVae, TrainingOptions, fit_vae
from statfe.random import draw_seed
from statfe.store.atomic import check_output


def train_vae(
    data: str | PathLike[str],
    output: str | PathLike[str],
    *,
    latent: int = 2,
    hidden: tuple[int, ...] = (64,),
    likelihood: str = "bernoulli",
    activation: str = "tanh",
    epochs: int = 20,
    options: TrainingOptions | None = None,
    seed: int | None = None,
    resume: bool = False,
    force: bool = False,
    workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> TrainedVae:
    """Train a variational autoencoder on the training part of a file of data; the test part is only looked at.

    Parameters
    ----------
    data
        File that ``statfe data`` made: units 0 and 1, taken as +-1 for the spin likelihood.
    output
        File to write after every epoch; one that is there is the start where `resume` is set.
    latent, hidden
        Latent units, and units of the hidden layers of the encoder; the decoder has them in reverse.
    epochs
        In all, those of a training that goes on among them.
    options
        Its seed counts where `seed` is None.
    resume
        Go on with the training in `output`; model and options are those of the file.
    workers
        Threads, which change no bit.

    Raises
    ------
    UsageError
        For data that do not belong to the model, and other data than the training began with.
    StoreError
        If `output` exists and neither `resume` nor `force` is set, or a file cannot be read or written.
    """
    check_output([output], force or resume, inputs=[data])
    found = read_dataset(data)
    train, test = _values(found.train, likelihood), _values(found.test, likelihood)
    identity = hashlib.sha256(np.ascontiguousarray(found.train).tobytes()).hexdigest()[:16]
    start, shape = None, None
    if resume:
        start = read_vae(output)
        if stored_data_hash(output) != identity:
            raise UsageError(f"{output} was trained on other data than {data}; give the same, or another output")
        train, test = (_values(part, start.vae.shape.likelihood) for part in (found.train, found.test))
        chosen = start.options
    else:
        chosen = options or TrainingOptions(seed=draw_seed() if seed is None else seed)
        chosen = chosen if seed is None else replace(chosen, seed=seed)
        shape = VaeShape(found.n_units, latent, hidden, hidden[::-1], likelihood, activation)
    command = _command(data, output, (start.vae.shape if start else shape), epochs, chosen)

    def save(state: TrainedVae) -> None:
        write_vae(output, state, command, identity)
        if progress is not None:
            progress("training", state.epochs / max(epochs, 1))

    trained = fit_vae(
        train, shape, epochs=epochs, options=None if start else chosen, test=test, start=start, after_epoch=save,
        workers=workers)
    if trained.epochs == (start.epochs if start else 0) and trained.status == "converged":
        save(trained)
    return trained


def _values(units: np.ndarray, likelihood: str) -> np.ndarray:
    """0 and 1 as the likelihood takes them."""
    return np.asarray(2.0 * units - 1.0 if likelihood == "spin" else units, dtype=np.float32)


def _command(
    data: str | PathLike[str], output: str | PathLike[str], shape: VaeShape | None, epochs: int,
    options: TrainingOptions,
) -> str:
    """``statfe train vae ...`` with all that decides the bits."""
    assert shape is not None
    return shlex.join([
        "statfe", "train", "vae", str(data), "-o", str(output), "--latent", str(shape.latent), "--hidden",
        ",".join(map(str, shape.encoder)), "--likelihood", shape.likelihood, "--activation", shape.activation,
        "--epochs", str(epochs), "--batch", str(options.batch), "--rate", repr(options.rate), "--objective",
        options.objective, "--samples", str(options.samples), "--kl-weight", repr(options.kl_weight), "--warm-up",
        str(options.warm_up), "--precision", options.precision, "--seed", str(options.seed)])


def layers_of(text: str) -> tuple[int, ...]:
    """Units of layers from text such as ``400,100``; none from an empty one.

    Raises
    ------
    UsageError
        Where that is no list of whole numbers.
    """
    try:
        return tuple(int(word) for word in text.split(",")) if text.strip() else ()
    except ValueError:
        raise UsageError(f"hidden={text}: give whole numbers with commas between, such as 400,100") from None
