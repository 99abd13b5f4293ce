"""A variational autoencoder from a file of data to a file of its own, which may go on later."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np

from statfe.datasets.file_rows import open_rows
from statfe.datasets.rows import survey
from statfe.errors import UsageError
from statfe.learned.vae.file import read_vae, stored_data_hash, stored_stream, write_vae
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainedVae, TrainingOptions, fit_vae
from statfe.random import draw_seed
from statfe.store.atomic import check_output

#: Test rows at most where the training rows stay in their file.
TEST_ROWS = 10_000


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
    stream: bool | None = None,
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
    stream
        Whether the training rows stay in their file and are read block by block (`statfe.datasets.rows`), with at most
        `TEST_ROWS` test rows; where they take more than a gibibyte when None. That of the file on a resume.
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
    start, shape, kind, before = None, None, likelihood, None
    if resume:
        start, before = read_vae(output), stored_stream(output)
        kind = start.vae.shape.likelihood
    train, test, streamed = open_rows(
        data, before if stream is None else stream, TEST_ROWS, lambda units: _values(units, kind))
    identity = survey(train).digest
    if start is not None:
        _check_goes_on(output, data, identity, before, streamed)
        chosen = start.options
    else:
        chosen = options or TrainingOptions(seed=draw_seed() if seed is None else seed)
        chosen = chosen if seed is None else replace(chosen, seed=seed)
        shape = VaeShape(train.shape[1], latent, hidden, hidden[::-1], likelihood, activation)
    command = _command(data, output, (start.vae.shape if start else shape), epochs, chosen, streamed)

    def save(state: TrainedVae) -> None:
        write_vae(output, state, command, identity, streamed)
        if progress is not None:
            progress("training", state.epochs / max(epochs, 1))

    trained = fit_vae(
        train, shape, epochs=epochs, options=None if start else chosen, test=test, start=start, after_epoch=save,
        workers=workers)
    if trained.epochs == (start.epochs if start else 0) and trained.status == "converged":
        save(trained)
    return trained


def _check_goes_on(
    output: str | PathLike[str], data: str | PathLike[str], identity: str, before: bool | None, streamed: bool
) -> None:
    """The training in `output` goes on with its own data, read as they were."""
    if stored_data_hash(output) != identity:
        raise UsageError(f"{output} was trained on other data than {data}; give the same, or another output")
    if before != streamed:
        raise UsageError(f"{output} was trained with stream={before}; leave stream out, or give another output")


def _values(units: np.ndarray, likelihood: str) -> np.ndarray:
    """0 and 1 as the likelihood takes them."""
    return np.asarray(2.0 * units - 1.0 if likelihood == "spin" else units, dtype=np.float32)


def _command(
    data: str | PathLike[str], output: str | PathLike[str], shape: VaeShape | None, epochs: int,
    options: TrainingOptions, streamed: bool,
) -> str:
    """``statfe train vae ...`` with all that decides the bits."""
    assert shape is not None
    return shlex.join([
        "statfe", "train", "vae", str(data), "-o", str(output), "--latent", str(shape.latent), "--hidden",
        ",".join(map(str, shape.encoder)), "--likelihood", shape.likelihood, "--activation", shape.activation,
        "--epochs", str(epochs), "--batch", str(options.batch), "--rate", repr(options.rate), "--objective",
        options.objective, "--samples", str(options.samples), "--kl-weight", repr(options.kl_weight), "--warm-up",
        str(options.warm_up), "--precision", options.precision, "--stream" if streamed else "--no-stream", "--seed",
        str(options.seed)])


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
