"""g(E) by visiting all 2^N states: whole numbers where the model has a unit, else a histogram.

Valid for N <= 36; counts are exact. Without fields the global flip halves the work. In a histogram energies are
binned: each level is the mean energy of the states in its bin. Cost: about 0.5 ns a state for whole numbers and 1.5 ns
for bins, on one core.
Source: the definition of g.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from statfe.density.whole import Whole
from statfe.executors import map_tasks
from statfe.kernels.enumeration_levels import NEAR_BITS, TABLES, binned_chunk, energy_range, integer_chunk
from statfe.models.ising import IsingModel

MAX_SITES = 36
#: Sites inside a block, and states of a task.
BLOCK_BITS, CHUNK_BITS = 10, 24
#: Nanoseconds a state.
WHOLE_TIME, BIN_TIME = 0.5, 1.5

Tell = Callable[[float], None]


def free_sites(model: IsingModel) -> int:
    """Spins that are enumerated, log2 of the number of states visited."""
    return model.n_sites - (not model.has_fields)


def enumerate_whole(model: IsingModel, units: Whole, workers: int, tell: Tell) -> dict[int, int]:
    """{E / unit: number of states}."""
    J = np.zeros((model.n_sites, model.n_sites), np.int32)
    J[np.repeat(np.arange(model.n_sites), model.degrees), model.indices] = units.weights
    J, fields, twos = _free(J, units.fields.astype(np.int32))
    counts = _gather(
        J, fields, workers, tell, units.total + 1, lambda *task, out: integer_chunk(*task, units.total, out[0]),
        (np.int64,))[0]
    return {2 * m - units.total: _times(counts[m], twos) for m in np.flatnonzero(counts).tolist()}


def enumerate_bins(model: IsingModel, bins: int, workers: int, tell: Tell) -> tuple[np.ndarray, list[int], float]:
    """Mean energy of each bin that holds states, the number of these, and the width of a bin; without the offset."""
    J, fields, twos = _free(model.adjacency.toarray(), model.fields)
    n = len(fields)
    chunk_bits, low, inner = _task(J, n)
    ends = np.empty((1 << (n - chunk_bits), 2))

    def search(chunk: int) -> None:
        energy_range(chunk, chunk_bits, low, J, fields, inner, ends[chunk])
        tell(0.3 / len(ends))

    map_tasks(search, range(len(ends)), workers)
    lowest, highest = float(ends[:, 0].min()), float(ends[:, 1].max())
    width = (highest - lowest) / bins or 1.0
    counts, sums = _gather(
        J, fields, workers, lambda share: tell(0.7 * share), bins,
        lambda *task, out: binned_chunk(*task, lowest, width, *out), (np.int64, np.float64))
    held = np.flatnonzero(counts)
    return lowest + width * held + sums[held] / counts[held], [_times(g, twos) for g in counts[held]], width


def _free(J: np.ndarray, fields: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The model as it is enumerated, and log2 of how often each state found stands for states of the model.

    Without fields the last spin is held at +1; spins without bonds and fields fill up the vector loops.
    """
    twos = 0
    if not np.any(fields):
        J, fields, twos = J[:-1, :-1], J[:-1, -1], 1
    missing = max(0, NEAR_BITS - len(fields))
    return np.ascontiguousarray(np.pad(J, (0, missing))), np.pad(fields, (0, missing)), twos - missing


def _times(count: int, twos: int) -> int:
    """count 2^twos; whole, as it must be."""
    return int(count) << twos if twos >= 0 else int(count) >> -twos


def _task(J: np.ndarray, n: int) -> tuple[int, int, np.ndarray]:
    """States of a task and sites inside a block (log2), and the energies of the bonds among these."""
    low = min(n, BLOCK_BITS)
    s = 2 * ((np.arange(1 << low)[:, None] >> np.arange(low)) & 1) - 1
    inner = -0.5 * ((s @ J[:low, :low]) * s).sum(axis=1)
    return min(n, CHUNK_BITS), low, inner.astype(J.dtype)


def _gather(
    J: np.ndarray, fields: np.ndarray, workers: int, tell: Tell, levels: int, count: Callable[..., None],
    types: tuple[Any, ...],
) -> list[np.ndarray]:
    """Tables of one round of tasks after the other, added up in the order of the tasks; each of shape (levels,)."""
    n = len(fields)
    chunk_bits, low, inner = _task(J, n)
    chunks = 1 << (n - chunk_bits)
    whole = [np.zeros(levels, kind) for kind in types]

    def task(chunk: int) -> list[np.ndarray]:
        out = [np.zeros(TABLES * levels, kind) for kind in types]
        count(chunk, chunk_bits, low, J, fields, inner, out=out)
        tell(1.0 / chunks)
        return [table.reshape(TABLES, levels).sum(axis=0) for table in out]

    group = max(1, workers)
    for first in range(0, chunks, group):
        for out in map_tasks(task, range(first, min(first + group, chunks)), workers):
            for total, part in zip(whole, out, strict=True):
                total += part
    return whole
