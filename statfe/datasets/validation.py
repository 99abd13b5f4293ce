"""A part of the training rows to choose a model by: neither trained on nor tested on.

A choice made on the test part would make that part a training part of the choice. So a tenth of the training part is
held back once more, drawn by a seed: whole trajectories; of few trajectories, which are cut into blocks of time
(`statfe.datasets.trajectory_rows`), one block of each with a gap on either side; of other data single rows, or blocks
of rows where those stay in their file.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.datasets.file_rows import WINDOW
from statfe.datasets.rows import MemoryRows, Rows, window_batches
from statfe.datasets.trajectory_rows import GAP, Segments, TrajectoryRows
from statfe.errors import UsageError
from statfe.random import generator

#: Key of the random stream that draws the part (see `statfe.random.generator`).
PART_KEY = 9304
#: Share of the training part that is held back, at least one piece.
SHARE = 0.1
#: Least number of pieces that a part of rows in a file is drawn from.
PIECES = 20


def hold_back(rows: Rows, seed: int) -> tuple[Rows, Rows, str]:
    """What is left to train on, the validation part, and the rule in words.

    Raises
    ------
    UsageError
        For data with nothing to spare.
    """
    rng = generator(seed, PART_KEY)
    if isinstance(rows, TrajectoryRows):
        left, held, rule = _of_segments(rows.segments.spans, rng)
        return rows.of(Segments(left)), rows.of(Segments(held)), rule
    if isinstance(rows, MemoryRows):
        chosen = _drawn(len(rows), "rows", rng)
        return (MemoryRows(rows.values[~chosen]), MemoryRows(rows.values[chosen]),
                f"{int(chosen.sum())} of {len(rows)} rows of the training part, drawn by the seed")
    block = int(getattr(rows, "block", 1))
    size = max(1, min(block, len(rows) // PIECES))
    first = np.arange(0, len(rows), size)
    spans = np.stack([first, np.minimum(first + size, len(rows))], axis=1)
    chosen = _drawn(len(spans), "blocks of rows", rng)
    return (SpanRows(rows, spans[~chosen], block), SpanRows(rows, spans[chosen], block),
            f"{int(chosen.sum())} of {len(spans)} blocks of {size} rows of the training part, drawn by the seed")


def _drawn(count: int, what: str, rng: np.random.Generator) -> np.ndarray:
    """`SHARE` of so many, chosen; bool, shape (count,)."""
    if count < 2:
        raise UsageError(f"{count} {what} to train on leave none to choose a model by; give more data, or one size")
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.permutation(count)[:max(1, round(SHARE * count))]] = True
    return chosen


def _of_segments(spans: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Spans to train on and to choose by, each of shape (segments, 3), and the rule."""
    owners = np.unique(spans[:, 0])
    if len(owners) == len(spans):
        chosen = _drawn(len(spans), "trajectories", rng)
        return spans[~chosen], spans[chosen], (
            f"{int(chosen.sum())} of {len(spans)} trajectories of the training part, drawn by the seed")
    left, held = spans.copy(), []
    for owner in owners:
        own = np.flatnonzero(spans[:, 0] == owner)
        k = int(own[rng.integers(len(own))])
        gap = max(1, round(GAP * (spans[k, 2] - spans[k, 1])))
        held.append(spans[k])
        left[own, 2] = np.where(spans[own, 2] == spans[k, 1], spans[own, 2] - gap, spans[own, 2])
        left[own, 1] = np.where(spans[own, 1] == spans[k, 2], spans[own, 1] + gap, spans[own, 1])
        left[k, 2] = left[k, 1]
    left = left[left[:, 2] > left[:, 1]]
    return left, np.array(held), (
        f"one block of time of each trajectory of the training part, drawn by the seed; {GAP:g} of it on either side "
        "is not used")


def spread(rows: Rows, most: int) -> np.ndarray:
    """At most so many rows, evenly from the first to the last, in one pass over all of them."""
    wanted = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))
    parts, at = [], 0
    for block in rows.blocks():
        parts.append(block[wanted[(wanted >= at) & (wanted < at + len(block))] - at])
        at += len(block)
    return np.concatenate(parts)


class SpanRows(Rows):
    """Stretches of other rows, one after the other.

    Attributes
    ----------
    spans
        First row and the one after the last of each, shape (spans, 2).
    """

    def __init__(self, rows: Rows, spans: np.ndarray, block: int) -> None:
        self.rows, self.spans, self.block = rows, spans, block
        self.ends = np.cumsum(spans[:, 1] - spans[:, 0])
        self.shape = (int(self.ends[-1]), rows.shape[1])

    def read(self, first: int, last: int) -> np.ndarray:
        """The pieces that make them up, put together."""
        parts, k = [self.rows.read(0, 0)], int(np.searchsorted(self.ends, first, side="right"))
        while first < last:
            begin = int(self.spans[k, 1] - (self.ends[k] - first))
            end = min(int(self.spans[k, 1]), begin + last - first)
            parts.append(self.rows.read(begin, end))
            first, k = first + end - begin, k + 1
        return np.concatenate(parts)

    def batches(self, rng: np.random.Generator, size: int, *, whole: bool = False) -> Iterator[np.ndarray]:
        """By blocks and windows, see `statfe.datasets.rows`."""
        yield from window_batches(self.read, len(self), self.block, WINDOW, rng, size, whole)
