"""A variational autoencoder from a file of data to a file of its own, which may go on later."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from statfe.datasets.file_rows import open_rows
from statfe.datasets.rows import Rows, survey
from statfe.datasets.trajectory_rows import holds_trajectories, in_memory, open_trajectories
from statfe.errors import UsageError
from statfe.learned.vae.file import read_vae, stored_data_hash, stored_stream, write_vae
from statfe.learned.vae.model import NOISE_FLOOR, VaeShape
from statfe.learned.vae.standard import FINE_FLOOR, Standard, standard_of
from statfe.learned.vae.training import TrainedVae, TrainingOptions, fit_vae
from statfe.random import draw_seed
from statfe.store.atomic import check_output
from statfe.store.reading import opened

#: Test rows at most where the training rows stay in their file.
TEST_ROWS = 10_000


@dataclass(frozen=True)
class Usual:
    """What a training is where nothing else is said."""

    latent: int
    hidden: tuple[int, ...]
    likelihood: str
    epochs: int
    rate: float
    rate_decay: float
    noise_floor: float


#: For files of ``statfe data``, and for files of trajectories: room for more latent units than a small attractor
#: needs, and a rate that falls, so that the units that are not needed fall asleep.
OF_DATA = Usual(2, (64,), "bernoulli", 20, 1e-3, 1.0, NOISE_FLOOR)
OF_TRAJECTORIES = Usual(8, (64, 64), "gaussian", 100, 3e-3, 0.97, FINE_FLOOR)


def usual(data: str | PathLike[str]) -> Usual:
    """The defaults of a training on this file."""
    with opened(data) as file:
        return OF_TRAJECTORIES if holds_trajectories(set(file)) else OF_DATA


def train_vae(
    data: str | PathLike[str],
    output: str | PathLike[str],
    *,
    latent: int | None = None,
    hidden: tuple[int, ...] | None = None,
    likelihood: str | None = None,
    activation: str = "tanh",
    epochs: int | None = None,
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
        File that ``statfe data`` made: units 0 and 1, taken as +-1 for the spin likelihood. Or a file with
        /observations or /trajectories, whose samples are standardised (`statfe.learned.vae.standard`) rows of Gaussian
        units, with whole trajectories or blocks of time as the test part (`statfe.datasets.trajectory_rows`).
    output
        File to write after every epoch; one that is there is the start where `resume` is set.
    latent, hidden, likelihood, epochs, options
        Latent units, units of the hidden layers of the encoder (the decoder has them in reverse), epochs in all; the
        seed of the options counts where `seed` is None. Those of `usual` where they are None.
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
    by_default = usual(data)
    start, shape, kind, before = None, None, likelihood or by_default.likelihood, None
    epochs = by_default.epochs if epochs is None else epochs
    if resume:
        start, before = read_vae(output), stored_stream(output)
        kind = start.vae.shape.likelihood
    train, test, streamed, standard = _rows(data, before if stream is None else stream, kind)
    identity = survey(train).digest
    if start is not None:
        _check_goes_on(output, data, identity, before, streamed)
        chosen = start.options
    else:
        chosen = _options(options, seed, by_default)
        shape = _shape(train.shape[1], latent, hidden, kind, activation, by_default)
    command = _command(data, output, (start.vae.shape if start else shape), epochs, chosen, streamed)

    def save(state: TrainedVae) -> None:
        write_vae(output, state, command, identity, streamed)
        if progress is not None:
            progress("training", state.epochs / max(epochs, 1))

    trained = fit_vae(
        train, shape, epochs=epochs, options=None if start else chosen, test=test, start=start, after_epoch=save,
        workers=workers, standard=standard)
    if trained.epochs == (start.epochs if start else 0) and trained.status == "converged":
        save(trained)
    return trained


def _options(given: TrainingOptions | None, seed: int | None, by_default: Usual) -> TrainingOptions:
    chosen = given or TrainingOptions(
        seed=draw_seed() if seed is None else seed, rate=by_default.rate, rate_decay=by_default.rate_decay)
    return chosen if seed is None else replace(chosen, seed=seed)


def _shape(
    units: int, latent: int | None, hidden: tuple[int, ...] | None, likelihood: str, activation: str, by_default: Usual
) -> VaeShape:
    layers = by_default.hidden if hidden is None else hidden
    return VaeShape(
        units, latent or by_default.latent, layers, layers[::-1], likelihood, activation, by_default.noise_floor)


def _rows(
    data: str | PathLike[str], stream: bool | None, kind: str
) -> tuple[Rows, np.ndarray, bool, Standard | None]:
    """Training rows, test rows, whether the former stay in the file, and how they were standardised."""
    if usual(data) is OF_DATA:
        return (*open_rows(data, stream, TEST_ROWS, lambda units: _values(units, kind)), None)
    if kind != "gaussian":
        raise UsageError(f"samples of trajectories are numbers of any size, which the {kind} likelihood has not; take "
                         "--likelihood gaussian")
    parts = open_trajectories(data)
    standard = standard_of(survey(parts.train))
    train, streamed = in_memory(parts.train.seen_by(standard.apply), stream)
    held = parts.test.seen_by(standard.apply)
    few = np.unique(np.linspace(0, len(held) - 1, min(TEST_ROWS, len(held))).astype(np.int64))
    return train, held.pick(few) if streamed else held.read(0, len(held)), streamed, standard


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
        "--epochs", str(epochs), "--batch", str(options.batch), "--rate", repr(options.rate), "--rate-decay",
        repr(options.rate_decay), "--objective", options.objective, "--samples", str(options.samples), "--kl-weight",
        repr(options.kl_weight), "--warm-up", str(options.warm_up), "--precision", options.precision,
        "--stream" if streamed else "--no-stream", "--seed", str(options.seed)])


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
