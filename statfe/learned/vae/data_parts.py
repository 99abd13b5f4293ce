"""The parts of a file of data as a network takes them: to train on, to choose by, to test on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from statfe.datasets.file_rows import open_rows
from statfe.datasets.rows import MemoryRows, Rows, survey
from statfe.datasets.trajectory_rows import holds_trajectories, in_memory, open_trajectories, stays
from statfe.datasets.validation import hold_back, spread
from statfe.errors import UsageError
from statfe.learned.vae.model import NOISE_FLOOR
from statfe.learned.vae.standard import FINE_FLOOR, Standard, standard_of
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


@dataclass(frozen=True, eq=False)
class DataParts:
    """Rows as the network takes them.

    Attributes
    ----------
    train, test
        Rows to train on, and to test on.
    streamed
        Whether the former stay in their file.
    identity
        Hash of the training part, with what is held back of it.
    standard
        How the rows were standardised: by the whole training part.
    validation, rule
        Rows to choose by, and how they were drawn; None and "" where there is nothing to choose.
    """

    train: Rows
    test: np.ndarray
    streamed: bool
    identity: str
    standard: Standard | None = None
    validation: np.ndarray | None = None
    rule: str = ""


def open_parts(
    data: str | PathLike[str], stream: bool | None, kind: str, held_by: int | None = None
) -> DataParts:
    """The parts of a file; with a validation part drawn by the seed `held_by` where that is given.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no data.
    UsageError
        For data that the likelihood `kind` has not, and data with nothing to hold back.
    """
    whole: Rows
    if usual(data) is OF_DATA:
        whole, test, streamed = open_rows(data, stream, TEST_ROWS, lambda units: _values(units, kind))
        standard = None
    else:
        if kind != "gaussian":
            raise UsageError(f"samples of trajectories are numbers of any size, which the {kind} likelihood has not; "
                             "take --likelihood gaussian")
        found = open_trajectories(data)
        standard = standard_of(survey(found.train))
        whole, held = found.train.seen_by(standard.apply), found.test.seen_by(standard.apply)
        if held_by is None:
            whole, streamed = in_memory(whole, stream)
        else:
            streamed = stays(whole, stream)
        few = np.unique(np.linspace(0, len(held) - 1, min(TEST_ROWS, len(held))).astype(np.int64))
        test = held.pick(few) if streamed else held.read(0, len(held))
    identity = survey(whole).digest
    if held_by is None:
        return DataParts(whole, test, streamed, identity, standard)
    train, chosen, rule = hold_back(whole, held_by)
    if not streamed:
        train = MemoryRows(train.read(0, len(train)))
    validation = spread(chosen, TEST_ROWS) if streamed else chosen.read(0, len(chosen))
    return DataParts(train, test, streamed, identity, standard, validation, rule)


def _values(units: np.ndarray, likelihood: str) -> np.ndarray:
    """0 and 1 as the likelihood takes them."""
    return np.asarray(2.0 * units - 1.0 if likelihood == "spin" else units, dtype=np.float32)
