"""Rows of a file of trajectories: what a network learns from, and what it is tested on.

Neighbours in time are alike, so rows drawn at random for the test would have their twins in the training. Whole
trajectories are held back instead: every fifth one, where there are five or more. Of fewer, each is cut into ten
blocks of time, the fifth and the tenth are held back, and a tenth of a block on either side of them is used for
neither. Which rows are which depends on the file alone.

The rows are the observations where there are any, else the states, in which an angle enters by its cosine and sine,
for the circle has no end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np

from statfe.attractors.lifting import Chart
from statfe.attractors.trajectory_file import TrajectoryFile, read_trajectories
from statfe.datasets.file_rows import BLOCK_BYTES, STREAM_BYTES, WINDOW
from statfe.datasets.rows import MemoryRows, Rows, window_batches
from statfe.errors import UsageError
from statfe.store.reading import opened, understood

#: Every trajectory of this number is held back, and so many blocks of time make up one, where those are fewer.
EVERY, BLOCKS = 5, 10
#: Share of a block on either side of a held one that is not used.
GAP = 0.1
#: Groups that rows can come from, the first one that is there, and their variables.
SOURCES = {"observations": "observation", "trajectories": "state"}


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of time of trajectories, one after the other.

    Attributes
    ----------
    spans
        Trajectory, first sample and the one after the last; int64, shape (segments, 3).
    """

    spans: np.ndarray

    @cached_property
    def ends(self) -> np.ndarray:
        """Number of the row after the last of each segment, shape (segments,)."""
        return np.cumsum(self.spans[:, 2] - self.spans[:, 1])

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.spans) else 0

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Trajectory, first sample and the one after the last of the pieces that make up the rows first to last - 1."""
        k = int(np.searchsorted(self.ends, first, side="right"))
        while first < last:
            trajectory, _, stop = self.spans[k].tolist()
            begin = stop - (int(self.ends[k]) - first)
            end = min(stop, begin + last - first)
            yield trajectory, begin, end
            first, k = first + end - begin, k + 1


def split_segments(kept: np.ndarray) -> tuple[Segments, Segments, str]:
    """The training and the test part of trajectories with so many samples each, and the rule in words.

    Raises
    ------
    UsageError
        For data too short to be split.
    """
    if len(kept) >= EVERY:
        held = np.arange(len(kept)) % EVERY == EVERY - 1
        whole = np.stack([np.arange(len(kept)), np.zeros(len(kept), dtype=np.int64), kept], axis=1)
        train, test = (whole[part & (kept > 0)] for part in (~held, held))
        rule = f"every trajectory of number {EVERY - 1} modulo {EVERY} is the test part"
    else:
        train, test = _blocks_of_time(kept)
        rule = (f"blocks 5 and 10 of {BLOCKS} blocks of time of each trajectory are the test part; {GAP:g} of a block "
                "beside them is not used")
    if not len(train) or not len(test):
        raise UsageError(
            f"{int(kept.sum())} samples in {len(kept)} trajectories are too few to hold some back for a test; generate "
            f"{EVERY} trajectories or more, or longer ones")
    return Segments(train.astype(np.int64)), Segments(test.astype(np.int64)), rule


def _blocks_of_time(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    train, test = [], []
    for trajectory, count in enumerate(kept.tolist()):
        if count < 2 * BLOCKS:
            continue
        edges = [round(k * count / BLOCKS) for k in range(BLOCKS + 1)]
        gap = max(1, round(GAP * count / BLOCKS))
        for k in range(BLOCKS):
            first, last = edges[k], edges[k + 1]
            if k in (4, 9):
                test.append((trajectory, first, last))
                continue
            train.append((trajectory, first + gap * (k == 5), last - gap * (k in (3, 8))))
    sides = (np.array([s for s in spans if s[2] > s[1]]).reshape(-1, 3) for spans in (train, test))
    return next(sides), next(sides)


class TrajectoryRows(Rows):
    """Rows of segments of an array of shape (trajectory, time, feature), which may lie in a file.

    Attributes
    ----------
    values
        The array.
    segments
        Which of its rows, in this order.
    block
        Rows of a block of a stream, of about `BLOCK_BYTES`; it depends on the file alone.
    """

    def __init__(
        self, values: np.ndarray, segments: Segments, chart: Chart | None = None,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.values, self.segments, self.chart, self._transform = values, segments, chart, transform
        self.shape = (len(segments), values.shape[2] if chart is None else chart.size)
        self.bytes = self.shape[0] * self.shape[1] * 4
        self.block = max(1, BLOCK_BYTES // (4 * self.shape[1]))

    def read(self, first: int, last: int) -> np.ndarray:
        """From the file, as the transform has them."""
        parts = [np.asarray(self.values[r, a:b]) for r, a, b in self.segments.pieces(first, last)]
        rows = np.concatenate(parts) if parts else np.empty((0, self.values.shape[2]))
        rows = rows if self.chart is None else self.chart.apply(rows)
        return rows if self._transform is None else self._transform(rows)

    def seen_by(self, transform: Callable[[np.ndarray], np.ndarray]) -> TrajectoryRows:
        """The same rows, each as `transform` has it."""
        return TrajectoryRows(self.values, self.segments, self.chart, transform)

    def of(self, segments: Segments) -> TrajectoryRows:
        """Rows of other segments of the same array, seen in the same way."""
        return TrajectoryRows(self.values, segments, self.chart, self._transform)

    def pick(self, index: np.ndarray) -> np.ndarray:
        """Row by row, in the order of the file."""
        order = np.argsort(index, kind="stable")
        found = super().pick(index[order])
        back = np.empty_like(found)
        back[order] = found
        return back

    def batches(self, rng: np.random.Generator, size: int, *, whole: bool = False) -> Iterator[np.ndarray]:
        """By blocks and windows, see `statfe.datasets.rows`."""
        yield from window_batches(self.read, len(self), self.block, WINDOW, rng, size, whole)


@dataclass(frozen=True, eq=False)
class TrajectoryParts:
    """Both parts of a file of trajectories, in the units of the data.

    Attributes
    ----------
    train, test
        Rows.
    source
        Group that they come from, one of `SOURCES`.
    names
        Of the columns.
    rule
        How the parts were chosen.
    file
        What else is in it.
    """

    train: TrajectoryRows
    test: TrajectoryRows
    source: str
    names: tuple[str, ...]
    rule: str
    file: TrajectoryFile

    @property
    def step(self) -> float:
        """Time between rows; nan where there is one a trajectory."""
        times = self.file.times if self.source == "trajectories" else self.file.observation_times
        return float((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else math.nan


def open_trajectories(path: str | PathLike[str]) -> TrajectoryParts:
    """The rows of a file with /observations or /trajectories.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds neither.
    UsageError
        For data too short to be split.
    """
    found = read_trajectories(path)
    source = "trajectories" if found.observations is None else "observations"
    names, chart, system = found.features, None, None
    if source == "trajectories":
        names, system = found.coordinates, found.build()
    if system is not None and system.angles:
        chart = Chart(np.zeros(len(names)), np.ones(len(names)), system.angles)
        names = chart.names(names)
    with opened(path) as file, understood(file):
        group = file[source]
        kept = group["kept"][()] if "kept" in group else np.full(len(found.data), found.data.shape[1])
    train, test, rule = split_segments(np.asarray(kept, dtype=np.int64))
    return TrajectoryParts(
        TrajectoryRows(found.data, train, chart), TrajectoryRows(found.data, test, chart), source, names, rule,
        found)


def holds_trajectories(groups: set[str]) -> bool:
    """Whether a file with these groups holds rows of trajectories."""
    return bool(groups & set(SOURCES))


def stays(rows: TrajectoryRows, stream: bool | None) -> bool:
    """Whether rows stay in their file: as `stream` says, or by their size (`STREAM_BYTES`) where it is None."""
    return rows.bytes > STREAM_BYTES if stream is None else stream


def in_memory(rows: TrajectoryRows, stream: bool | None) -> tuple[Rows, bool]:
    """The rows read at once, but where they stay in their file; and whether they do."""
    if stays(rows, stream):
        return rows, True
    return MemoryRows(rows.read(0, len(rows))), False
