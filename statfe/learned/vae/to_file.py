"""A variational autoencoder from a file of data to a file of its own, which may go on later."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike

import numpy as np

from statfe.errors import UsageError
from statfe.learned.vae.data_parts import DataParts, Usual, open_parts, usual
from statfe.learned.vae.file import read_vae, stored_data_hash, stored_stream, write_vae
from statfe.learned.vae.latent_search import search_latent, sizes_of
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainedVae, TrainingOptions, fit_vae
from statfe.random import draw_seed
from statfe.store.atomic import check_output


def train_vae(
    data: str | PathLike[str],
    output: str | PathLike[str],
    *,
    latent: int | str | Sequence[int] | None = None,
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
        File to write after every epoch, of a search at its end; one that is there is the start where `resume` is set.
    latent
        Latent units. Sizes, such as (1, 2, 3) or ``1:6:6``, are searched (`statfe.learned.vae.latent_search`): the
        smallest as good as the best on a validation part of the training part is kept, with the table of all.
    hidden, likelihood, epochs, options
        Units of the hidden layers of the encoder (the decoder has them in reverse), epochs in all; the seed of the
        options counts where `seed` is None. Those of `usual` where they, or `latent`, are None.
    stream
        Whether the training rows stay in their file and are read block by block (`statfe.datasets.rows`), with at
        most `TEST_ROWS` test rows (`data_parts`); where they pass a gibibyte when None. On a resume, as before.
    resume
        Go on with the training in `output`, by its model and options. A search's network goes on with its own rows.
    workers
        Threads, which change no bit.

    Raises
    ------
    UsageError
        For data that do not belong to the model, other data than the training began with, and a search to resume.
    StoreError
        If `output` exists and neither `resume` nor `force` is set, or a file cannot be read or written.
    """
    check_output([output], force or resume, inputs=[data])
    by_default = usual(data)
    epochs = by_default.epochs if epochs is None else epochs
    sizes = sizes_of(by_default.latent if latent is None else latent)
    if resume:
        if isinstance(sizes, list):
            raise UsageError("a search over latent units does not go on: leave latent out to go on with the network "
                             f"that is in {output}, or search anew into a new file")
        return _go_on(data, output, epochs, stream, workers, progress)
    chosen, kind = _options(options, seed, by_default), likelihood or by_default.likelihood
    parts = open_parts(data, stream, kind, chosen.seed if isinstance(sizes, list) else None)
    layers = by_default.hidden if hidden is None else hidden
    shape = VaeShape(parts.train.shape[1], int(np.max(sizes)), layers, layers[::-1], kind, activation,
                     by_default.noise_floor)
    command = _command(data, output, shape, sizes, epochs, chosen, parts.streamed)
    save = _saving(output, command, parts, epochs, progress)
    if isinstance(sizes, list):
        assert parts.validation is not None
        found = search_latent(
            parts.train, parts.validation, shape, sizes, epochs=epochs, options=chosen, rule=parts.rule,
            test=parts.test, workers=workers, standard=parts.standard, progress=progress)
        save(found)
        return found
    found = fit_vae(parts.train, shape, epochs=epochs, options=chosen, test=parts.test, after_epoch=save,
                    workers=workers, standard=parts.standard)
    if found.epochs == 0 and found.status == "converged":
        save(found)
    return found


def _go_on(
    data: str | PathLike[str], output: str | PathLike[str], epochs: int, stream: bool | None, workers: int,
    progress: Callable[[str, float], None] | None,
) -> TrainedVae:
    """The training in `output`, to so many epochs in all."""
    start, before = read_vae(output), stored_stream(output)
    shape, search = start.vae.shape, start.search
    parts = open_parts(data, before if stream is None else stream, shape.likelihood,
                       None if search is None else start.options.seed)
    _check_goes_on(output, data, parts.identity, before, parts.streamed)
    command = _command(data, output, shape, shape.latent, epochs, start.options, parts.streamed)
    if search is not None:
        # which network goes on was decided at fewer epochs: no single command makes the same again
        command = shlex.join(["statfe", "train", "vae", str(data), "-o", str(output), "--resume", "--epochs",
                              str(epochs)])
    save = _saving(output, command, parts, epochs, progress)
    found = fit_vae(
        parts.train, epochs=epochs, test=parts.test, start=start, after_epoch=save, workers=workers,
        standard=parts.standard)
    if found.epochs == start.epochs and found.status == "converged":
        save(found)
    return found


def _saving(
    output: str | PathLike[str], command: str, parts: DataParts, epochs: int,
    progress: Callable[[str, float], None] | None,
) -> Callable[[TrainedVae], None]:
    """What is done after every epoch."""
    def save(state: TrainedVae) -> None:
        write_vae(output, state, command, parts.identity, parts.streamed)
        if progress is not None:
            progress("training", state.epochs / max(epochs, 1))

    return save


def _options(given: TrainingOptions | None, seed: int | None, by_default: Usual) -> TrainingOptions:
    chosen = given or TrainingOptions(
        seed=draw_seed() if seed is None else seed, rate=by_default.rate, rate_decay=by_default.rate_decay)
    return chosen if seed is None else replace(chosen, seed=seed)


def _check_goes_on(
    output: str | PathLike[str], data: str | PathLike[str], identity: str, before: bool | None, streamed: bool
) -> None:
    """The training in `output` goes on with its own data, read as they were."""
    if stored_data_hash(output) != identity:
        raise UsageError(f"{output} was trained on other data than {data}; give the same, or another output")
    if before != streamed:
        raise UsageError(f"{output} was trained with stream={before}; leave stream out, or give another output")


def _command(
    data: str | PathLike[str], output: str | PathLike[str], shape: VaeShape, latent: int | list[int],
    epochs: int, options: TrainingOptions, streamed: bool,
) -> str:
    """``statfe train vae ...`` with all that decides the bits."""
    sizes = ",".join(map(str, latent)) if isinstance(latent, list) else str(latent)
    if isinstance(latent, list) and len(latent) == 1:
        # one number alone is no search
        sizes = f"{latent[0]}:{latent[0]}:1"
    return shlex.join([
        "statfe", "train", "vae", str(data), "-o", str(output), "--latent", sizes, "--hidden",
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
