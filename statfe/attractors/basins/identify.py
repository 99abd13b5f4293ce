"""`identify`: all attractors of a system and the shares of the starts that they attract."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from statfe.attractors.basins.collect import Identified, collect
from statfe.attractors.basins.features import Features
from statfe.attractors.basins.ground import PILOTS, Ground, check_box, draw_starts, survey
from statfe.attractors.basins.recurrences import Recurrences
from statfe.attractors.basins.search import LOOKED_AT, Method, Search, conservative, search
from statfe.attractors.basins.volume import contraction
from statfe.attractors.found import ESCAPED, NONE_FOUND, AttractorSet, BasinSlice
from statfe.errors import UsageError, unknown_name
from statfe.executors import map_tasks
from statfe.random import draw_seed
from statfe.systems.catalogue import build_system
from statfe.systems.system import System

METHODS: dict[str, Callable[..., Method]] = {"recurrences": Recurrences, "features": Features}
DEFAULT_STARTS = 1000
#: Transients and characteristic times that runs are followed for, at least, where volumes are kept.
PATIENCE, LEAST_PERIODS = 10.0, 200.0

Progress = Callable[[str, float], None]


def identify(
    system: str | System, starts: int | np.ndarray = DEFAULT_STARTS, method: str = "recurrences",
    box: np.ndarray | None = None, seed: int | None = None, workers: int = 1, cells: int | None = None,
    plane: tuple[int, int, int] | None = None, progress: Progress | None = None,
) -> AttractorSet:
    """Find the attractors that `starts` lead to.

    Parameters
    ----------
    starts
        Number of even random starts in the box, or the starts themselves, shape (start, dimension).
    method
        ``recurrences`` or ``features``.
    box
        Corners, shape (dimension, 2); those of the system when not given.
    cells
        Cells along an extent, for recurrences; chosen by a pilot run when not given.
    plane
        Two coordinates and a number of points a side: the answers on that plane through the middle of the box.

    Returns
    -------
    AttractorSet
        ``not_converged`` where a start has no answer; starts that escape or that have no attractor have one.

    Raises
    ------
    UsageError
        For an unknown method, or starts and boxes that do not fit the system.
    """
    system = build_system(system)
    image = None if plane is None else _plane(system, check_box(system, box), plane)
    extra = None if image is None else image[1]
    done = identify_more(system, starts, method, box, seed, workers, cells, extra, progress)
    if plane is None or image is None:
        return done.found
    empty, _ = image
    labels = done.labels[len(done.found.labels):].reshape(plane[2], plane[2])
    return replace(done.found, basin_slice=replace(empty, labels=labels))


def _plane(system: System, box: np.ndarray, plane: tuple[int, int, int]) -> tuple[BasinSlice, np.ndarray]:
    """An image without answers, and its starts."""
    a, b, count = plane
    if not (0 <= a < system.dimension and 0 <= b < system.dimension and a != b and count > 1):
        raise UsageError(f"a plane needs two of the {system.dimension} coordinates and two points a side or more")
    through = box.mean(axis=1)
    first, second = (np.linspace(box[k, 0], box[k, 1], count) for k in (a, b))
    states = np.tile(through, (count * count, 1))
    states[:, a], states[:, b] = np.repeat(first, count), np.tile(second, count)
    return BasinSlice((a, b), first, second, np.empty((0, 0), dtype=np.int64), through), states


def identify_more(
    system: System, starts: int | np.ndarray, method: str, box: np.ndarray | None, seed: int | None, workers: int,
    cells: int | None = None, extra: np.ndarray | None = None, progress: Progress | None = None,
) -> Identified:
    """As `identify`, with further states to look from that do not count for the basins."""
    if method not in METHODS:
        raise UsageError(unknown_name("method", method, METHODS))
    seed = draw_seed() if seed is None else seed
    corners = check_box(system, box)
    first = draw_starts(corners, starts, seed) if isinstance(starts, int) else _checked(system, starts)
    if box is None and not isinstance(starts, int):
        corners = np.stack([first.min(axis=0), first.max(axis=0)], axis=1)
    began = time.perf_counter()
    if progress is not None:
        progress(f"{PILOTS} pilot runs", 0.0)
    ground = survey(system, corners, seed, cells, workers)
    if progress is not None:
        progress(f"{PILOTS} pilot runs took {time.perf_counter() - began:.1f} s; following {len(first)} starts", 0.0)
    if conservative(ground, ground.pilots) and contraction(ground, first[:LOOKED_AT]).lost:
        ground = replace(ground, lossy=True)
    runs = first if extra is None else np.concatenate([first, _checked(system, extra)])
    if not ground.lossy and conservative(ground, ground.pilots):
        found = _without(ground, runs, workers)
    else:
        found = search(ground, METHODS[method](ground, seed, workers), runs, seed, progress)
    return collect(ground, method, runs, found, len(first), seed)


def _checked(system: System, states: np.ndarray) -> np.ndarray:
    states = np.asarray(states, dtype=np.float64)
    if states.ndim != 2 or states.shape[1] != system.dimension or not len(states):
        raise UsageError(f"starts have shape {states.shape}; {system.name} needs (starts, {system.dimension})")
    if not np.isfinite(states).all():
        raise UsageError("starts must be finite")
    return states


def _without(ground: Ground, runs: np.ndarray, workers: int) -> Search:
    """Volumes are kept: a run escapes, or has no attractor to go to."""
    time = max(PATIENCE * ground.system.transient, LEAST_PERIODS * ground.system.period)
    ends = map_tasks(lambda x: ground.follow(x, time), runs, workers)
    labels = np.array([NONE_FOUND if w.complete else ESCAPED for w in ends], dtype=np.int64)
    return Search(labels, np.array([w.state for w in ends]))
