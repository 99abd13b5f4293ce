"""Training of a variational autoencoder: minibatches, Adam, the warm-up of the divergence, what each epoch saw.

Every epoch has random streams of its own, for the order of the data and for the noise, so a training that goes on
after any epoch gives the bits of one that was never stopped. Neither threads nor the size of a call change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.datasets.rows import MemoryRows, Rows, survey
from statfe.errors import UsageError
from statfe.executors import Crew
from statfe.learned.adam import Adam
from statfe.learned.flat import lined_up
from statfe.learned.vae.latent_table import LatentSearch
from statfe.learned.vae.model import PRECISIONS, Vae, VaeShape, fresh_vae
from statfe.learned.vae.objective import Descent, Objective
from statfe.learned.vae.rows import bound_rows, log_weight_rows
from statfe.learned.vae.standard import Standard
from statfe.random import generator
from statfe.result import Status

#: Keys of the random streams: order of the data and noise of an epoch, and noise of the test bound.
EPOCH_KEY, TEST_KEY = 9202, 9203
#: A loss this many times the first one's size above it is a divergence.
BLOW_UP = 10.0
#: Bytes of the minibatches that one call of the kernel takes: more than a hand-over to threads is worth.
ROOM = 2**22
#: Samples times parameters of a call: some tenths of a second, for interrupts wait for its end.
WORK = 2**31
#: Training rows that are looked at after an epoch.
PROBE = 64
#: What is kept of each epoch, with what it is.
MONITORS = {
    "loss": "mean loss of the batches",
    "reconstruction": "mean of -ln p(x|z) over the batches",
    "divergence": "mean of KL(q || prior) over the batches",
    "kl_weight": "weight of the divergence in the loss",
    "gradient_norm": "root of the mean square of the gradients' norms",
    "test_bound": "mean negative ELBO of the test data, one sample each; NaN without test data",
}


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes
    ----------
    batch, rate, rate_decay
        Samples a step; the rate of Adam, and its factor from one epoch to the next.
    objective, samples
        See `statfe.learned.vae.objective`.
    kl_weight, warm_up
        Weight of the divergence, and the epochs in which it rises to that, evenly by steps.
    seed
        Of the first weights, the order of the data and the noise.
    precision
        ``float32`` or ``float64``.
    """

    batch: int = 128
    rate: float = 1e-3
    objective: str = "elbo"
    samples: int = 1
    kl_weight: float = 1.0
    warm_up: int = 0
    seed: int = 0
    precision: str = "float32"
    rate_decay: float = 1.0

    def __post_init__(self) -> None:
        Objective(self.objective, self.samples, self.kl_weight)
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision {self.precision!r} is none of {', '.join(PRECISIONS)}")
        if not 0.0 < self.rate_decay <= 1.0:
            raise UsageError(f"rate_decay must be above 0 and at most 1, got {self.rate_decay:g}")
        if self.batch < 1 or self.warm_up < 0 or self.seed < 0 or not 0.0 < self.rate < math.inf:
            raise UsageError(
                "training needs batch >= 1, a finite rate > 0, warm_up >= 0 and seed >= 0, got "
                f"batch={self.batch}, rate={self.rate:g}, warm_up={self.warm_up}, seed={self.seed}")


@dataclass(frozen=True, eq=False)
class TrainedVae:
    """A model and all that its training needs to go on.

    Attributes
    ----------
    vae, options
        The model after the last good epoch, and how it is trained.
    epochs
        Good epochs.
    history
        `MONITORS` by name, each of shape (epochs,).
    adam_count, adam_first, adam_second
        State of the optimiser.
    standard
        How the data became the rows that it saw; None where those are the data.
    status, message
        ``diverged`` where an epoch went wrong: the model is that before it.
    constant_columns
        Columns of the training data with one value.
    search
        How its latent units were chosen; None where they were given.
    """

    vae: Vae
    options: TrainingOptions
    epochs: int = 0
    history: dict[str, np.ndarray] = field(default_factory=lambda: {name: np.empty(0) for name in MONITORS})
    adam_count: int = 0
    adam_first: np.ndarray | None = field(default=None, repr=False)
    adam_second: np.ndarray | None = field(default=None, repr=False)
    status: Status = "converged"
    message: str = ""
    standard: Standard | None = None
    constant_columns: int = 0
    search: LatentSearch | None = None

    def to_dict(self) -> dict[str, Any]:
        """Shape, options, status and what each epoch saw, as plain values."""
        return {
            **settings(self), "epochs": self.epochs, "status": self.status, "message": self.message,
            "constant_columns": self.constant_columns,
            **({} if self.search is None else {"latent_search": self.search.to_dict()}),
            "history": {name: values.tolist() for name, values in self.history.items()}}


def fit_vae(
    data: np.ndarray | Rows,
    shape: VaeShape | None = None,
    *,
    epochs: int = 20,
    options: TrainingOptions | None = None,
    test: np.ndarray | None = None,
    start: TrainedVae | None = None,
    after_epoch: Callable[[TrainedVae], object] | None = None,
    workers: int = 1,
    standard: Standard | None = None,
) -> TrainedVae:
    """Train a variational autoencoder until it has seen the data `epochs` times.

    Parameters
    ----------
    data, test
        Rows of units, shape (samples, visible): values in [0, 1], +-1, or any, by the likelihood. Rows that stay in a
        file are seen in another order (`statfe.datasets.rows`).
    shape
        The model; that of `start` where it is given.
    options
        Likewise.
    start
        A training to go on with; same bits as one that was never stopped.
    after_epoch
        Called with the training so far, as to save it.
    workers
        Threads. They change no bit, and help where a step is large: layers of some hundred units.
    standard
        How the data became these rows, to be kept with the model; that of `start` where it is given.

    Raises
    ------
    UsageError
        For data that do not belong to the model, and a batch larger than the data.
    """
    begin = start or _fresh(data, shape, options or TrainingOptions(), standard)
    if start is not None and ((shape or start.vae.shape) != start.vae.shape
                              or (options or start.options) != start.options):
        raise UsageError("a training goes on with the model and options it began with; leave them out")
    checked = data if isinstance(data, Rows) else MemoryRows(begin.vae.shape.check(data))
    tested = None if test is None else begin.vae.shape.check(test)
    if len(checked) < 2:
        raise UsageError(f"training needs 2 samples or more, got {len(checked)}")
    if begin.options.batch > len(checked):
        raise UsageError(
            f"batch={begin.options.batch} is larger than the data ({len(checked)} samples); take a smaller batch")
    state, crew = replace(begin, status="converged", message=""), Crew(workers)
    while state.epochs < epochs and state.status == "converged":
        with one_thread():
            state = _epoch(state, checked, tested, crew)
        if after_epoch is not None:
            after_epoch(state)
    return state


def _fresh(
    data: np.ndarray | Rows, shape: VaeShape | None, options: TrainingOptions, standard: Standard | None
) -> TrainedVae:
    if shape is None:
        raise UsageError("a new training needs the shape of its model")
    rows = data if isinstance(data, Rows) else MemoryRows(shape.check(data))
    for block in rows.blocks() if isinstance(data, Rows) else ():
        shape.check(block)
    facts = survey(rows)
    vae = fresh_vae(shape, options.seed, None, options.precision, facts)
    adam = Adam(shape.layout.size, dtype=PRECISIONS[options.precision])
    return TrainedVae(vae, options, adam_first=adam.moments[0], adam_second=adam.moments[1],
                      constant_columns=int(facts.constant.sum()), standard=standard)


def _epoch(state: TrainedVae, data: Rows, test: np.ndarray | None, crew: Crew) -> TrainedVae:
    """The training after one more epoch, or as it was, `diverged`."""
    options, shape = state.options, state.vae.shape
    rng = generator(options.seed, (EPOCH_KEY, state.epochs))
    kind = state.vae.parameters.dtype
    vae = Vae(shape, lined_up(shape.layout.size, kind))
    vae.parameters[:] = state.vae.parameters
    adam = Adam(shape.layout.size, dtype=kind.type)
    assert state.adam_first is not None
    assert state.adam_second is not None
    adam.restore(state.adam_count, state.adam_first, state.adam_second)
    objective = Objective(options.objective, options.samples, options.kl_weight)
    descent = Descent(shape, options.batch, objective, kind, crew)
    steps, rate = len(data) // options.batch, options.rate * options.rate_decay**state.epochs
    weights = np.array([
        options.kl_weight * _rise(state.epochs + (k + 1) / steps, options.warm_up) for k in range(steps)])
    seen, done = np.empty((steps, len(MONITORS) - 1)), 0
    for batches, noises in _calls(data, rng, options, shape.latent, kind, shape.layout.size):
        now = slice(done, done + len(batches))
        losses = descent.steps(vae.parameters, batches, noises, weights[now], adam, rate)
        seen[now, :3], seen[now, 3], seen[now, 4] = losses[:, :3], weights[now], losses[:, 3]
        wrong = np.flatnonzero(~np.isfinite(losses).all(axis=1))
        if wrong.size:
            return _diverged(state, f"the loss became {losses[wrong[0], 0]:.3g} in step {done + wrong[0] + 1}")
        done += len(batches)
    vae = Vae(shape, vae.parameters)  # with the variances of its last parameters
    mean = seen.mean(axis=0)
    # the first loss of all is that of a model no step has changed
    first = float(state.history["loss"][0] if state.epochs else seen[0, 0])
    most = first + BLOW_UP * (abs(first) + shape.visible)
    if not np.all(np.isfinite(vae.parameters)) or mean[0] > most:
        return _diverged(state, f"the loss rose from {first:.3g} to {mean[0]:.3g} in the mean")
    mean[-1] = math.sqrt(mean[-1])
    # the last step may have done harm that no loss of this epoch has seen
    with np.errstate(over="ignore", invalid="ignore"):
        probed = _probe(vae, data, objective.at(float(weights[-1])), options.seed)
    if not probed <= most:
        return _diverged(state, f"the loss of the training data rose from {first:.3g} to {probed:.3g} at the end")
    found = dict(zip(MONITORS, (*mean, _test_bound(vae, test, options.seed)), strict=True))
    return replace(
        state, vae=vae, epochs=state.epochs + 1, adam_count=adam.count, adam_first=adam.moments[0],
        adam_second=adam.moments[1],
        history={name: np.append(state.history[name], value) for name, value in found.items()})


def _calls(
    data: Rows, rng: np.random.Generator, options: TrainingOptions, latent: int, kind: np.dtype, parameters: int
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """The minibatches of an epoch with their noise, as many at a time as fit in `ROOM` and `WORK`."""
    size = options.batch * (data.shape[1] + options.samples * latent) * kind.itemsize
    most, batches, noises = max(1, min(ROOM // size, WORK // (options.batch * options.samples * parameters))), [], []
    for rows in data.batches(rng, options.batch, whole=True):
        batches.append(rows)
        noises.append(rng.standard_normal((len(rows), options.samples, latent), dtype=kind))
        if len(batches) == most:
            yield batches, noises
            batches, noises = [], []
    if batches:
        yield batches, noises


def _rise(epochs: float, warm_up: int) -> float:
    return min(1.0, epochs / warm_up) if warm_up else 1.0


def _probe(vae: Vae, data: Rows, objective: Objective, seed: int) -> float:
    """The loss of some training rows, one sample each."""
    rows = data.read(0, min(PROBE, len(data)))
    noise = generator(seed, TEST_KEY).standard_normal((len(rows), 1, vae.shape.latent))
    plain = objective.name == "autoencoder"
    _, log_p, divergence = log_weight_rows(vae, rows, 0.0 * noise if plain else noise)
    return float(np.mean((0.0 if plain else objective.kl_weight) * divergence - log_p[:, 0]))


def _test_bound(vae: Vae, test: np.ndarray | None, seed: int) -> float:
    """With the same noise after every epoch, so that epochs compare."""
    if test is None or len(test) == 0:
        return math.nan
    noise = generator(seed, TEST_KEY).standard_normal((len(test), 1, vae.shape.latent))
    return float(np.mean(bound_rows(vae, test, noise)))


def _diverged(state: TrainedVae, what: str) -> TrainedVae:
    return replace(
        state, status="diverged",
        message=f"{what} of epoch {state.epochs + 1}; the model after epoch {state.epochs} is kept: train anew with a "
        f"lower rate (now {state.options.rate:g}), a larger batch, or a longer warm-up")


def settings(trained: TrainedVae) -> dict[str, Any]:
    """Shape and options as plain values, for a file."""
    return {"shape": asdict(trained.vae.shape), "options": asdict(trained.options)}
