"""Recurrence of states: how often, in what lines, and after what time (Marwan et al., Phys. Rep. 438, 237 (2007)).

Two states recur where they are closer than `SHARE` of the size (root mean square distance from the mean). The record is
cut into stretches; each gives one recurrence plot, and errors are those of means over stretches.
"""

from __future__ import annotations

import math

import numpy as np

from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.record import Cloud, Record, cloud_of
from statfe.executors import map_tasks
from statfe.kernels.pairs import recurrences

RATE, DETERMINISM, LINE, TIME = "recurrence_rate", "determinism", "mean_diagonal_line", "recurrence_time"
NAMES = (RATE, DETERMINISM, LINE, TIME)
#: Distance of a recurrence, shortest diagonal line, stretches, samples of one, and the fewest of them.
SHARE, SHORTEST, STRETCHES, MOST, LEAST = 0.2, 2, 16, 2048, 128
#: Points that do not return within their stretch, at most, and fewest recurrences of a stretch.
LOST, FEWEST = 0.1, 20.0
UNITS = {RATE: "1", DETERMINISM: "1", LINE: "time", TIME: "time"}


def recurrence(record: Record, cloud: Cloud | None = None, workers: int = 1) -> list[Invariant]:
    """Rate, determinism, mean length of diagonal lines and mean return time."""
    values = record.flat_space()
    cloud = cloud_of(record) if cloud is None else cloud
    if cloud.still:
        return [unsupported(name, "the record stands still: all states recur", UNITS[name]) for name in NAMES]
    window = cloud.theiler * cloud.stride
    count = max(2, -(-STRETCHES // len(values)))
    length = min(values.shape[1] // count, MOST)
    if length < max(LEAST, 2 * window):
        text = f"stretches of {length} samples are too few (window {window}); give a longer record"
        return [unsupported(name, text, UNITS[name]) for name in NAMES]
    square = (SHARE * cloud.size) ** 2
    starts = [(r, k * (values.shape[1] // count)) for r in range(len(values)) for k in range(count)]

    def task(k: int) -> tuple[np.ndarray, int, int, int]:
        r, first = starts[k]
        lines = np.zeros(length + 1, dtype=np.int64)
        piece = np.ascontiguousarray(values[r, first:first + length], dtype=np.float64)
        return lines, *recurrences(piece, square, window, lines)

    found = map_tasks(task, range(len(starts)), workers)
    pairs = (length - window - 1) * (length - window) / 2
    return _summary(record, found, pairs, math.sqrt(square), window)


def _summary(
    record: Record, found: list[tuple[np.ndarray, int, int, int]], pairs: float, threshold: float, window: int,
) -> list[Invariant]:
    lines = np.array([f[0] for f in found], dtype=np.float64)
    lengths = np.arange(lines.shape[1])
    long = lengths >= SHORTEST
    points, in_lines, count = lines @ lengths, (lines * long) @ lengths, (lines * long).sum(axis=1)
    total, returns, lost = (np.array([f[k] for f in found], dtype=np.float64) for k in (1, 2, 3))
    stats = {"threshold": threshold, "theiler": window, "shortest_line": SHORTEST, "stretches": len(found)}
    out = [_ratio(RATE, points, np.full(len(points), pairs), 1.0, stats)]
    if points.mean() < FEWEST:
        text = f"only {points.mean():.0f} recurrences in a stretch; give a longer record"
        return [*out, *(unsupported(name, text, UNITS[name]) for name in NAMES[1:])]
    out.append(_ratio(DETERMINISM, in_lines, points, 1.0, stats))
    out.append(_ratio(LINE, in_lines, count, record.dt, stats) if count.sum() > 0 else
               unsupported(LINE, "no diagonal lines", UNITS[LINE]))
    missed = float(lost.sum() / (lost.sum() + returns.sum()))
    if missed > LOST:
        out.append(unsupported(TIME, f"{missed:.0%} of the states do not return within a stretch; give a longer record",
                               UNITS[TIME]))
    else:
        out.append(_ratio(TIME, total, returns, record.dt, {**stats, "lost": missed}))
    return out


def _ratio(name: str, top: np.ndarray, bottom: np.ndarray, scale: float, stats: dict[str, float]) -> Invariant:
    """Ratio of two sums over stretches, its error by the linear part of each stretch's share."""
    value = float(top.sum() / bottom.sum())
    count = len(top)
    apart = (top - value * bottom) / bottom.mean()
    error = float(np.sqrt(np.sum(apart**2) / (count * (count - 1))))
    return Invariant(name, np.array(scale * value), np.array(scale * error), units=UNITS[name], stats=stats)
