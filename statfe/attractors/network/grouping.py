"""Do groups of latent points agree with the attractors that were identified in the system itself?

A trajectory belongs to the attractor whose stored points its last states are nearest to, most of them. Its rows are
then told apart in two ways: by k-means in the latent space, which knows no labels, scored by the adjusted Rand index;
and by the nearest labelled latent point of the other half, scored by the share that is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from scipy.spatial import cKDTree

from statfe.attractors.found import AttractorSet
from statfe.attractors.found_file import read_found
from statfe.attractors.lifting import chart_of
from statfe.attractors.network.agreement import adjusted_rand_index, clusters
from statfe.attractors.network.coder import Coder
from statfe.datasets.trajectory_rows import TrajectoryParts
from statfe.errors import UsageError
from statfe.store.reading import opened

#: Last states of a trajectory that are looked at, and rows that are grouped, at most.
LAST, MOST = 64, 4096


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of rows against attractors.

    Attributes
    ----------
    kinds
        Word for each attractor that the rows come from.
    labels
        Attractor of each row that was grouped, an index of `kinds`, shape (rows,).
    rand
        Adjusted Rand index of k-means, by what was grouped.
    nearest
        Share of the rows whose nearest neighbour of the other half has their attractor, likewise.
    places
        Latent points of the first coder, shape (rows, latent).
    """

    kinds: tuple[str, ...]
    labels: np.ndarray
    rand: dict[str, float]
    nearest: dict[str, float]
    places: np.ndarray


def found_in(path: str | PathLike[str]) -> AttractorSet | None:
    """The attractors of a file; None where it has none."""
    with opened(path) as file:
        there = "attractors" in file and "starts" in file
    return read_found(path) if there else None


def trajectory_labels(parts: TrajectoryParts, found: AttractorSet, trajectories: np.ndarray) -> np.ndarray:
    """The attractor that each of `trajectories` has come to, -1 where it escaped; int, shape (trajectories,).

    Raises
    ------
    UsageError
        Where the file has no states, or the attractors are those of another system.
    """
    states, points = parts.file.states, found.points
    if states is None:
        raise UsageError("observations alone do not say which attractor a trajectory is on; generate the states too")
    if points is None:
        raise UsageError("the attractors come without points; identify them anew with statfe attractors identify")
    if points.states.shape[1] != states.shape[2]:
        raise UsageError(f"the attractors have {points.states.shape[1]} coordinates, the states {states.shape[2]}; "
                         "give those of the same system")
    system = parts.file.build()
    chart = chart_of(points.states, () if system is None else system.angles)
    tree = cKDTree(chart.apply(points.states))
    found_labels = np.empty(len(trajectories), dtype=np.int64)
    for k, r in enumerate(trajectories.tolist()):
        last = np.asarray(states[r, max(0, states.shape[1] - LAST):])
        there = bool(np.isfinite(last).all())
        found_labels[k] = np.bincount(points.labels[tree.query(chart.apply(last))[1]]).argmax() if there else -1
    return found_labels


def group(
    stretches: np.ndarray, owners: np.ndarray, kinds: Sequence[str], coders: Sequence[Coder], seed: int
) -> Grouping | None:
    """Hold groups of rows against the attractor that each stretch is on; None where all are on one.

    Parameters
    ----------
    stretches
        shape (stretch, time, column).
    owners
        Attractor of each, shape (stretch,).
    """
    classes, labels = np.unique(owners, return_inverse=True)
    if len(classes) < 2:
        return None
    count, long = stretches.shape[:2]
    step = max(1, -(-count * long // MOST))
    rows = stretches[:, ::step].reshape(-1, stretches.shape[2])
    # halves by stretches, every second one of each attractor
    turn = np.array([np.sum(labels[:k] == labels[k]) for k in range(count)])
    half = np.repeat(turn % 2 == 0, len(rows) // count)
    labels = np.repeat(labels, len(rows) // count)
    rand, nearest, places = {}, {}, rows
    for k, (name, points) in enumerate([("data", rows), *((c.name, c.encode(rows)) for c in coders)]):
        rand[name] = adjusted_rand_index(labels, clusters(points, len(classes), seed))
        answers = labels[half][cKDTree(points[half]).query(points[~half])[1]]
        nearest[name] = float(np.mean(answers == labels[~half])) if len(answers) else math.nan
        places = points if k == 1 else places
    return Grouping(tuple(kinds[c] for c in classes), labels, rand, nearest, places)
