"""`Dataset`: rows of units, 0 and 1 or numbers, in a training and a test part, with labels, and how they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.random import generator

#: Keys of the random streams of the split, of drawn units and of what makes data.
SPLIT_KEY, BINARISE_KEY, MAKE_KEY = 9301, 9302, 9303
#: Ways from grey values g in [0, 1] to units 0 and 1.
RULES = {
    "threshold": "a unit is 1 where its grey value, in [0, 1], is above {threshold:g}",
    "sample": "a unit is 1 with its grey value, in [0, 1], as the probability, drawn once from the seed",
    "grey": "a unit is its grey value, in [0, 1], as it is",
    "none": "the units were 0 and 1 from the start",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Units and labels of both parts.

    Attributes
    ----------
    train, test
        Units 0 and 1, int8, or finite numbers, float32, shapes (n_train, units) and (n_test, units); `test` may be
        empty.
    train_labels, test_labels
        Class of each sample, int64; -1 where it has none.
    shape
        Shape of a sample as an image or lattice; its product is the number of units.
    name
        What the data are, in words.
    rule
        How they became 0 and 1.
    split
        How the parts were chosen.
    seed
        Of the split and the draws; None where the source has parts of its own and nothing was drawn.
    path
        File they were read from, or "".
    """

    train: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    shape: tuple[int, ...]
    name: str
    rule: str
    split: str
    seed: int | None = None
    command: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        units = int(np.prod(self.shape))
        for part in ("train", "test"):
            rows, labels = getattr(self, part), getattr(self, f"{part}_labels")
            if rows.ndim != 2 or rows.shape[1] != units or labels.shape != rows.shape[:1]:
                raise UsageError(
                    f"{self.name}: {part} of shape {rows.shape} with labels {labels.shape} is not samples of {units} "
                    "units with one label each")
            if rows.dtype == np.float32:
                if not np.isfinite(rows).all():
                    raise UsageError(f"{self.name}: units must be finite numbers; remove rows with others")
            elif not np.all((rows == 0) | (rows == 1)):
                raise UsageError(f"{self.name}: units must be 0 or 1, or real numbers as float32; binarise the data")
        if not len(self.train):
            raise UsageError(f"{self.name}: there is no training sample; lower test_fraction")

    @property
    def n_units(self) -> int:
        """Number of units of a sample."""
        return self.train.shape[1]


def check_rule(rule: str, threshold: float) -> None:
    """Refuse an unknown rule, or a threshold outside [0, 1)."""
    if rule not in ("threshold", "sample", "grey"):
        raise UsageError(f"binarise must be threshold, sample or grey, got {rule!r}")
    if not 0.0 <= threshold < 1.0:
        raise UsageError(f"threshold must be in [0, 1), got {threshold:g}")


def binarised(grey: np.ndarray, rule: str, threshold: float, seed: int, part: int = 0) -> np.ndarray:
    """Units 0 and 1, int8, from grey values in [0, 1], by one of `RULES`; the values as float32 for ``grey``."""
    if rule == "grey":
        return grey.astype(np.float32)
    if rule == "threshold":
        return (grey > threshold).astype(np.int8)
    return (generator(seed, (BINARISE_KEY, part)).random(grey.shape) < grey).astype(np.int8)


def split_dataset(
    units: np.ndarray, labels: np.ndarray, test_fraction: float, seed: int, **facts: Any
) -> Dataset:
    """A `Dataset` whose test part is round(test_fraction n) samples drawn without replacement; order is kept.

    Parameters
    ----------
    **facts
        `shape`, `name`, `rule` and what else a `Dataset` has.
    """
    if not 0.0 <= test_fraction < 1.0:
        raise UsageError(f"test_fraction must be in [0, 1), got {test_fraction:g}")
    held = np.zeros(len(units), dtype=bool)
    held[generator(seed, SPLIT_KEY).permutation(len(units))[:round(test_fraction * len(units))]] = True
    return Dataset(
        train=units[~held], test=units[held], train_labels=labels[~held], test_labels=labels[held], seed=seed,
        split=f"a share {test_fraction:g} of the samples, drawn from the seed, is the test part", **facts)
