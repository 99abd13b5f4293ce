"""Records of other programs as /observations: no system is known, and none is made up."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from os import PathLike

import numpy as np

from statfe.attractors.table import Table, read_table
from statfe.attractors.trajectory_file import IMPORTED, SLICE, TrajectoryFile, read_trajectories
from statfe.attractors.trajectory_writer import Part, trajectory_writer
from statfe.errors import StoreError, UsageError, unknown_name
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path

#: Fewer samples than this are no record of a motion.
LEAST = 32
#: How far the steps of a time column may differ, relative to their mean.
UNEVEN = 1e-3


def import_data(
    path: str | PathLike[str], output: str | PathLike[str], *, columns: Sequence[str | int] | str | None = None,
    time: str | int | None = None, step: float | None = None, dataset: str | None = None, float32: bool = False,
    force: bool = False,
) -> TrajectoryFile:
    """Write the columns of a CSV, NPY or HDF5 file as observations.

    Parameters
    ----------
    path
        Text with columns, or an array (time,), (time, column) or (trajectory, time, column).
    columns
        Which ones, by name or number from 0; all but the time when None. Text: ``x,y`` or ``0,2``.
    time
        Column of the times, which must be even.
    step
        Time between samples; 1 when neither `time` nor `step` is given.
    dataset
        Of an HDF5 file.

    Raises
    ------
    UsageError
        For a file that cannot be read, is ragged, holds text or values that are not finite, a constant column, uneven
        times, or less than `LEAST` samples: the message names row and column.
    """
    source, target = as_path("file", path), as_path("output", output)
    check_output([target], force, inputs=[source])
    table = read_table(source, dataset)
    clock = None if time is None else _column(table, time)
    if clock is not None and step is not None:
        raise UsageError("give the time column or the step, not both")
    chosen = _columns(table, columns, clock)
    count, samples = table.values.shape[:2]
    if samples < LEAST:
        raise StoreError(f"{source} has {samples} samples; a record of a motion takes {LEAST} at least"
                         + (f" (its {table.values.shape[2]} columns may be the times: transpose it)"
                            if table.values.shape[2] > samples else ""))
    spacing = _check_step(step) if clock is None else _even(table, clock)
    names = tuple(table.names[c] if table.names else f"column{c}" for c in chosen)
    part = Part(names, count, samples, 0.0, spacing, "f4" if float32 else "f8", {"source": source.name, "noise": 0.0})
    words = ["statfe", "attractors", "import", str(source), "--columns", ",".join(map(str, chosen)), "--step",
             repr(spacing), *(["--dataset", dataset] if dataset else []), "-o", str(target)]
    with trajectory_writer(
            target, title=f"data from {source.name}", system=None, sampler=IMPORTED, seed=None,
            command=shlex.join(words), observations=part) as writer:
        low, high = np.full(len(chosen), np.inf), np.full(len(chosen), -np.inf)
        rows = max(1, SLICE // table.values.shape[2])
        for r in range(count):
            for start in range(0, samples, rows):
                block = np.asarray(table.values[r, start: start + rows], dtype=np.float64)[:, chosen]
                _refuse_bad(source, table, block, r, start, chosen)
                low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
                writer.put("observations", r, start, block[None])
            writer.put_kept("observations", r, np.array([samples]))
        _refuse_constant(source, names, low, high)
    return read_trajectories(target)


def _column(table: Table, which: str | int) -> int:
    """Number of a column that is given by name or number."""
    width = table.values.shape[2]
    if isinstance(which, str) and which in table.names:
        return table.names.index(which)
    try:
        number = int(which)
    except ValueError:
        known = table.names or tuple(map(str, range(width)))
        raise UsageError(unknown_name("column", str(which), known)) from None
    if not 0 <= number < width:
        raise UsageError(f"there is no column {number}; they are numbered from 0 to {width - 1}")
    return number


def _columns(table: Table, columns: Sequence[str | int] | str | None, clock: int | None) -> list[int]:
    if columns is None:
        found = [c for c in range(table.values.shape[2]) if c != clock]
    else:
        words = columns.split(",") if isinstance(columns, str) else columns
        found = [_column(table, word.strip() if isinstance(word, str) else word) for word in words]
    if not found or len(set(found)) != len(found):
        raise UsageError("name at least one column, and each of them once")
    return found


def _check_step(step: float | None) -> float:
    found = 1.0 if step is None else float(step)
    if not (math.isfinite(found) and found > 0.0):
        raise UsageError(f"step must be a positive number, got {found:g}")
    return found


def _even(table: Table, clock: int) -> float:
    """The step of a time column, one for all trajectories."""
    means = []
    for r in range(len(table.values)):
        times = np.asarray(table.values[r, :, clock], dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(times))
        if bad.size:
            raise StoreError(f"the time at {table.where(r, int(bad[0]), clock)} is not finite")
        steps = np.diff(times)
        mean = float((times[-1] - times[0]) / len(steps))
        uneven = np.flatnonzero(~(np.abs(steps - mean) <= UNEVEN * abs(mean)) | (steps <= 0.0))
        if uneven.size:
            k = int(uneven[0])
            raise StoreError(f"times are not even: the step after {table.where(r, k, clock)} is {steps[k]:g}, the mean "
                             f"step {mean:g}; interpolate the record to even times")
        means.append(mean)
        if abs(mean - means[0]) > UNEVEN * means[0]:
            raise StoreError(f"the step is {mean:g} in trajectory {r} and {means[0]:g} in trajectory 0; import them "
                             "one by one")
    return float(np.mean(means))


def _refuse_bad(source: object, table: Table, block: np.ndarray, trajectory: int, start: int,
                chosen: list[int]) -> None:
    bad = np.argwhere(~np.isfinite(block))
    if len(bad):
        row, column = bad[0]
        where = table.where(trajectory, start + int(row), chosen[column])
        raise StoreError(f"{source}: {where}: {block[row, column]} is not finite ({len(bad)} such values so far); cut "
                         "the record before it, or repair the value")


def _refuse_constant(source: object, names: tuple[str, ...], low: np.ndarray, high: np.ndarray) -> None:
    constant = [name for name, a, b in zip(names, low, high, strict=True) if a == b]
    if constant:
        raise StoreError(f"{source}: {', '.join(constant)} does not change; leave it out with --columns")
