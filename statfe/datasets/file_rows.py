"""Rows of a file of data that stay in the file: blocks of them are read as a training goes on, never all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from os import PathLike

import numpy as np

from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import SAMPLER, read_dataset
from statfe.datasets.rows import MemoryRows, Rows, window_batches
from statfe.errors import StoreError
from statfe.store.reading import opened, read_attributes, require_group, understood

#: A training part of more bytes than this stays in its file unless asked otherwise.
STREAM_BYTES = 2**30
#: Bytes of a block of neighbouring rows, about, and blocks of a window: what is held at once.
BLOCK_BYTES, WINDOW = 2**21, 64


class FileRows(Rows):
    """Rows of one part of a file that ``statfe data`` made.

    Attributes
    ----------
    block
        Rows of a block: whole chunks of the file, of about `BLOCK_BYTES`; it depends on the file alone.
    """

    def __init__(
        self, path: str | PathLike[str], part: str = "train",
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.path, self.part, self._transform = os.fspath(path), part, transform
        with opened(path) as file, understood(require_group(file, part)):
            state = file[part]["state"]
            self.shape = (int(state.shape[0]), int(state.shape[1]))
            self.bytes = int(np.prod(state.shape, dtype=np.int64)) * state.dtype.itemsize
            chunk = state.chunks[0] if state.chunks else 1
            wanted = BLOCK_BYTES / (self.shape[1] * state.dtype.itemsize)
        self.block = chunk * max(1, round(wanted / chunk))

    def as_values(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the training wants them."""
        return rows if self._transform is None else self._transform(rows)

    def read(self, first: int, last: int) -> np.ndarray:
        """From the file, opened for this read alone."""
        with opened(self.path) as file, understood(file):
            return self.as_values(file[self.part]["state"][first:last])

    def pick(self, index: np.ndarray) -> np.ndarray:
        """In one pass over the blocks that hold them."""
        found: np.ndarray | None = None
        for number in np.unique(index // self.block):
            rows = self.read(int(number) * self.block, min((int(number) + 1) * self.block, len(self)))
            here = np.flatnonzero(index // self.block == number)
            if found is None:
                found = np.empty((len(index), self.shape[1]), rows.dtype)
            found[here] = rows[index[here] - number * self.block]
        assert found is not None
        return found

    def batches(self, rng: np.random.Generator, size: int, *, whole: bool = False) -> Iterator[np.ndarray]:
        """By blocks and windows, see `statfe.datasets.rows`."""
        with opened(self.path) as file, understood(file):
            state = file[self.part]["state"]
            for rows in window_batches(
                    lambda first, last: state[first:last], len(self), self.block, WINDOW, rng, size, whole):
                yield self.as_values(rows)


def open_rows(
    path: str | PathLike[str], stream: bool | None, test_rows: int,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[Rows, np.ndarray, bool]:
    """The training rows of a file, its test rows, and whether the former stay in the file.

    Parameters
    ----------
    stream
        Whether they do; by their size (`STREAM_BYTES`) when None.
    test_rows
        Test rows at most where they do; otherwise all come.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds no data.
    """
    with opened(path) as file:
        if read_attributes(file).get("sampler") != SAMPLER:
            raise StoreError(f"{path} holds no data to learn from; make some with statfe data")
    rows = FileRows(path, "train", transform)
    if stream or (stream is None and rows.bytes > STREAM_BYTES):
        test = FileRows(path, "test", transform)
        return rows, test.read(0, min(test_rows, len(test))), True
    data = read_dataset(path)
    return (*_in_memory(data, transform), False)


def _in_memory(data: Dataset, transform: Callable[[np.ndarray], np.ndarray] | None) -> tuple[Rows, np.ndarray]:
    train, test = (data.train, data.test) if transform is None else (transform(data.train), transform(data.test))
    return MemoryRows(train), test
