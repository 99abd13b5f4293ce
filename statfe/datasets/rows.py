"""Rows to learn from, in memory or in a file, and the order in which a training sees them.

In memory an epoch is one permutation of all rows. From a file (`statfe.datasets.file_rows`) it is a permutation of
blocks of neighbouring rows: a window of so many blocks is read at a time and its rows are permuted, so that no more
than a window is ever held. Rows of one window meet in minibatches, rows of far blocks meet as windows mix from epoch
to epoch; a file sorted by class should be shuffled where it is made. Both orders are those of the generator given, so
the same seed sees the same minibatches.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

#: Values of a block in which all rows are looked at one after the other.
LOOK = 2**18


class Rows(ABC):
    """Samples of one part of the data.

    Attributes
    ----------
    shape
        Number of rows and of units.
    """

    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def read(self, first: int, last: int) -> np.ndarray:
        """Rows `first` to `last` - 1."""

    @abstractmethod
    def batches(self, rng: np.random.Generator, size: int, *, whole: bool = False) -> Iterator[np.ndarray]:
        """All rows once, in minibatches of `size` in an order drawn from `rng`.

        The last one has what is left, or does not come where `whole` is set.
        """

    def pick(self, index: np.ndarray) -> np.ndarray:
        """The rows of `index`, in its order; repeated ones come again."""
        return np.concatenate([self.read(int(k), int(k) + 1) for k in index])

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows in order, about `LOOK` values at a time."""
        step = max(1, LOOK // self.shape[1])
        for first in range(0, len(self), step):
            yield self.read(first, min(first + step, len(self)))


class MemoryRows(Rows):
    """An array of rows, shape (n, units); never changed."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape = (values.shape[0], values.shape[1])

    def read(self, first: int, last: int) -> np.ndarray:
        """A view."""
        return self.values[first:last]

    def pick(self, index: np.ndarray) -> np.ndarray:
        """By one gather."""
        return self.values[index]

    def batches(self, rng: np.random.Generator, size: int, *, whole: bool = False) -> Iterator[np.ndarray]:
        """By one permutation of all rows."""
        order = rng.permutation(len(self))
        for first in range(0, len(order) - size + 1 if whole else len(order), size):
            yield self.values.take(order[first:first + size], axis=0)


@dataclass(frozen=True)
class Survey:
    """What one pass over all rows tells.

    Attributes
    ----------
    count
        Number of rows.
    means, variances, lowest, highest
        Of each unit, float64, shape (units,).
    digest
        Hash of shape and values as float32, whatever their type or place.
    whole
        Whether all values are finite; where not, `bad_row` is the first row with one that is not.
    binary
        Whether all values are 0 or 1.
    """

    count: int
    means: np.ndarray
    variances: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    digest: str
    whole: bool = True
    binary: bool = True
    bad_row: int = -1

    @property
    def constant(self) -> np.ndarray:
        """Whether a unit has one value in all rows, shape (units,)."""
        return self.lowest == self.highest


def constant_words(count: int, columns: int) -> str:
    """What to say of `count` constant columns among all, or ""."""
    if not count:
        return ""
    return (f"{count} of {columns} columns of the training data are constant: the machine learns nothing from them but "
            "their value")


def survey(rows: Rows) -> Survey:
    """Look at all rows once, a block at a time.

    Means and squares of blocks are merged by T. Chan, G. Golub and R. LeVeque, Am. Stat. 37, 242 (1983).
    """
    units, seen, bad_row, binary = rows.shape[1], 0, -1, True
    means, squares = np.zeros(units), np.zeros(units)
    lowest, highest = np.full(units, np.inf), np.full(units, -np.inf)
    digest = hashlib.sha256(repr(rows.shape).encode())
    for block in rows.blocks():
        digest.update(np.ascontiguousarray(block, dtype=np.float32).tobytes())
        finite = np.isfinite(block).all(axis=1)
        if bad_row < 0 and not finite.all():
            bad_row = seen + int(np.argmin(finite))
        x, n = block.astype(np.float64), len(block)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = x.mean(axis=0)
            delta = mean - means
            squares += ((x - mean) ** 2).sum(axis=0) + delta**2 * (seen * n / (seen + n))
            means += delta * (n / (seen + n))
        lowest, highest = np.minimum(lowest, x.min(axis=0)), np.maximum(highest, x.max(axis=0))
        binary = binary and bool(np.all((block == 0) | (block == 1)))
        seen += n
    return Survey(
        seen, means, squares / max(seen, 1), lowest, highest, digest.hexdigest()[:32], bad_row < 0, binary, bad_row)


def window_batches(
    read: Callable[[int, int], np.ndarray], n_rows: int, block: int, window: int, rng: np.random.Generator, size: int,
    whole: bool,
) -> Iterator[np.ndarray]:
    """Minibatches from permuted blocks, `window` of them in memory; rows left at its end open the next one's first.

    The order is that of a generator of its own, seeded by one number of `rng`, which others may draw from meanwhile.
    """
    own = np.random.Generator(np.random.PCG64(int(rng.integers(2**63))))
    order = own.permutation(-(-n_rows // block))
    left: np.ndarray | None = None
    for first in range(0, len(order), window):
        held = _window(read, n_rows, block, order[first:first + window])
        places, at = own.permutation(len(held)), 0
        if left is not None:
            at = min(size - len(left), len(places))
            left = np.concatenate([left, held[places[:at]]])
            if len(left) < size:
                continue
            yield left
            left = None
        while at + size <= len(places):
            yield held[places[at:at + size]]
            at += size
        if at < len(places):
            left = held[places[at:]]
        del held
    if left is not None and len(left) and not whole:
        yield left


def _window(read: Callable[[int, int], np.ndarray], n_rows: int, block: int, numbers: np.ndarray) -> np.ndarray:
    """The blocks of these numbers, one after the other, read one at a time."""
    spans = [(int(k) * block, min((int(k) + 1) * block, n_rows)) for k in numbers]
    held, at = None, 0
    for first, last in spans:
        rows = read(first, last)
        if held is None:
            held = np.empty((sum(b - a for a, b in spans), rows.shape[1]), rows.dtype)
        held[at:at + len(rows)] = rows
        at += len(rows)
    assert held is not None
    return held
