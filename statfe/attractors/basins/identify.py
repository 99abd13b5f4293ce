"""`identify`: all attractors of a system and the shares of the starts that they attract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from statfe.attractors.basins.exits import find_exits
from statfe.attractors.basins.features import Features
from statfe.attractors.basins.ground import Ground, as_rows, check_box, draw_starts, survey
from statfe.attractors.basins.matching import set_distance
from statfe.attractors.basins.recurrences import Recurrences
from statfe.attractors.basins.search import Method, Search, conservative, search
from statfe.attractors.basins.verify import Finding
from statfe.attractors.found import ESCAPED, NONE_FOUND, NOT_CONVERGED, AttractorSet, Points, Saddles, basin_fractions
from statfe.errors import UsageError, unknown_name
from statfe.executors import map_tasks
from statfe.random import draw_seed
from statfe.systems.catalogue import build_system
from statfe.systems.system import System

METHODS: dict[str, Callable[..., Method]] = {"recurrences": Recurrences, "features": Features}
DEFAULT_STARTS = 1000
#: Points of each attractor that are kept.
POINTS = 1024
#: Share of starts without an answer that a set may have and still be converged.
UNANSWERED = 0.0

Progress = Callable[[str, float], None]


def identify(
    system: str | System, starts: int | np.ndarray = DEFAULT_STARTS, method: str = "recurrences",
    box: np.ndarray | None = None, seed: int | None = None, workers: int = 1, cells: int | None = None,
    extra: np.ndarray | None = None, progress: Progress | None = None,
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
    extra
        Further states to look from that do not count for the basins, as a continuation has them.

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
    if method not in METHODS:
        raise UsageError(unknown_name("method", method, METHODS))
    seed = draw_seed() if seed is None else seed
    corners = check_box(system, box)
    first = draw_starts(corners, starts, seed) if isinstance(starts, int) else _checked(system, starts)
    if box is None and not isinstance(starts, int):
        corners = np.stack([first.min(axis=0), first.max(axis=0)], axis=1)
    ground = survey(system, corners, seed, cells, workers)
    runs = first if extra is None else np.concatenate([first, _checked(system, extra)])
    if conservative(ground, ground.pilots):
        return _none(ground, method, runs, len(first), seed, workers)
    found = search(ground, METHODS[method](ground, seed, workers), runs, seed, progress)
    return _collected(ground, method, runs, found, len(first), seed)


def _checked(system: System, states: np.ndarray) -> np.ndarray:
    states = np.asarray(states, dtype=np.float64)
    if states.ndim != 2 or states.shape[1] != system.dimension or not len(states):
        raise UsageError(f"starts have shape {states.shape}; {system.name} needs (starts, {system.dimension})")
    if not np.isfinite(states).all():
        raise UsageError("starts must be finite")
    return states


def _none(ground: Ground, method: str, runs: np.ndarray, counted: int, seed: int, workers: int) -> AttractorSet:
    """Volumes are kept: a run escapes, or has no attractor to go to."""
    ends = map_tasks(lambda x: ground.follow(x, 10.0 * ground.system.transient), runs, workers)
    labels = np.array([NONE_FOUND if w.complete else ESCAPED for w in ends], dtype=np.int64)
    found = Search(labels, np.array([w.state for w in ends]))
    return _collected(ground, method, runs, found, counted, seed)


def _collected(ground: Ground, method: str, runs: np.ndarray, found: Search, counted: int, seed: int) -> AttractorSet:
    hits = np.bincount(found.labels[found.labels >= 0], minlength=max(found.findings, default=-1) + 1)
    own = np.bincount(found.labels[:counted][found.labels[:counted] >= 0], minlength=len(hits))
    keys = [k for k, f in found.findings.items() if f.verdict == "attractor" and hits[k]]
    keys.sort(key=lambda k: (-int(own[k]), -int(hits[k]), *np.round(found.findings[k].points.mean(axis=0), 6).tolist()))
    number = {key: k for k, key in enumerate(keys)}
    labels = np.array([number.get(int(v), int(v)) if v >= 0 else int(v) for v in found.labels], dtype=np.int64)
    kept = [found.findings[k] for k in keys]
    share, error = basin_fractions(labels[:counted], len(kept))
    problems = _problems(ground, found, labels[:counted])
    return AttractorSet(
        system=ground.system.spec or ground.system.name, method=_spec(method, ground), kinds=tuple(f.kind for f in kept),
        states=as_rows([ground.rest(f.state) for f in kept], ground.system.dimension),
        coordinates=ground.system.coordinates, free_energy=np.full(len(kept), np.nan),
        stability=np.array([f.stability for f in kept], dtype=np.float64), basin_fraction=share,
        basin_fraction_error=error, starts=runs[:counted], labels=labels[:counted], seed=seed,
        status="not_converged" if problems else "converged", message="; ".join(problems),
        stats=_stats(ground, kept, labels, found, counted), points=_points(ground, kept),
        saddles=_saddles(ground, found))


def _spec(method: str, ground: Ground) -> str:
    return f"{method}:cells={ground.cells}" if method == "recurrences" else method


def _problems(ground: Ground, found: Search, labels: np.ndarray) -> list[str]:
    share = float(np.mean(labels == NOT_CONVERGED))
    if not share > UNANSWERED:
        return []
    reasons = sorted({f.message for f in found.findings.values() if f.verdict == "unclear" and f.message})
    reasons = reasons or ["they neither recur nor settle; take a longer transient of the system, or coarser cells"]
    return [f"{share:.2%} of the starts did not converge: {reason}" for reason in reasons]


def _stats(ground: Ground, kept: list[Finding], labels: np.ndarray, found: Search, counted: int) -> dict[str, Any]:
    """Entries for each attractor, and numbers about the whole."""
    stats: dict[str, Any] = {
        "largest_exponent": np.array([f.exponent.value for f in kept], dtype=np.float64),
        "largest_exponent_error": np.array([f.exponent.error for f in kept], dtype=np.float64),
        "period": np.array([f.period for f in kept], dtype=np.float64),
        "leaving_rate_below": np.array([f.leaving for f in kept], dtype=np.float64),
        "symmetric_to": _partners(ground, kept),
        "cells": ground.cells,
        "not_converged": float(np.mean(labels[:counted] == NOT_CONVERGED)),
        "escaped": float(np.mean(labels[:counted] == ESCAPED)),
        "none_found": float(np.mean(labels[:counted] == NONE_FOUND)),
    }
    stats.update(find_exits(ground, found.ends[:counted][labels[:counted] == ESCAPED]))
    return stats


def _partners(ground: Ground, kept: list[Finding]) -> np.ndarray:
    """The image of each attractor under the first symmetry: itself, another one, or -1 where it was not found."""
    if not ground.system.symmetries:
        return np.full(len(kept), -1, dtype=np.int64)
    matrix, partners = ground.system.symmetries[0].matrix, np.full(len(kept), -1, dtype=np.int64)
    for k, f in enumerate(kept):
        image = f.points @ matrix.T
        apart = [set_distance(ground, image, other.points) for other in kept]
        best = int(np.argmin(apart))
        if apart[best] < 0.1 and kept[best].kind == f.kind:
            partners[k] = best
    return partners


def _points(ground: Ground, kept: list[Finding]) -> Points | None:
    if not kept:
        return None
    states = [np.array([ground.rest(x) for x in f.points[-POINTS:]]) for f in kept]
    return Points(np.concatenate(states), np.repeat(np.arange(len(kept)), [len(s) for s in states]))


def _saddles(ground: Ground, found: Search) -> Saddles | None:
    keys = sorted((k for k, f in found.findings.items() if f.verdict == "saddle"), key=lambda k: (-found.visits[k], k))
    if not keys:
        return None
    findings = [found.findings[k] for k in keys]
    return Saddles(tuple(f.kind for f in findings), as_rows([f.state for f in findings], ground.system.dimension),
                   np.array([f.stability for f in findings]), np.array([found.visits[k] for k in keys], dtype=np.int64))
