"""Where runs leave: directions of the states beyond the bound, and the share of each; whether the step is to blame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from statfe.attractors.basins.dbscan import dbscan
from statfe.attractors.basins.ground import Ground

#: Directions nearer than this (largest difference of unit vectors) and this many of them are one exit; exits told.
RADIUS, LEAST, TOLD = 0.25, 5, 8
#: Escapes that are looked at with a step so many times smaller.
LOOKED_AT, FINER = 16, 8


def find_exits(ground: Ground, states: np.ndarray) -> dict[str, Any]:
    """``exits``, and for each ``exit_1_share`` with its error among all that leave and ``exit_1_direction``.

    Parameters
    ----------
    states
        Last states of the runs that escaped, shape (run, dimension); those that are not finite have no direction.
    """
    positions = [k for k in range(ground.system.dimension) if not ground.circle[k] and k not in ground.system.momenta]
    found = states[:, positions] if len(states) else np.empty((0, len(positions)))
    size = np.abs(found).max(axis=1, initial=0.0)
    usable = np.isfinite(size) & (size > 0.0)
    if usable.sum() < LEAST:
        return {}
    units = found[usable] / size[usable, None]
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    labels = dbscan(np.round(units / (RADIUS / 32.0)) * (RADIUS / 32.0), RADIUS, LEAST)
    counts = np.bincount(labels[labels >= 0])
    stats: dict[str, Any] = {"exits": len(counts)}
    names = [ground.system.coordinates[k] for k in positions]
    for rank, cluster in enumerate(np.argsort(-counts, kind="stable")[:TOLD], start=1):
        share = counts[cluster] / len(states)
        mean = units[labels == cluster].mean(axis=0)
        stats[f"exit_{rank}_share"] = float(share)
        stats[f"exit_{rank}_share_error"] = float(np.sqrt(share * (1.0 - share) / len(states)))
        stats[f"exit_{rank}_direction"] = " ".join(f"{n}={v:+.3f}" for n, v in zip(names, mean, strict=True))
    return stats


def blown_up(ground: Ground, starts: np.ndarray) -> float:
    """Share of early escapes from `starts` that do not happen with finer steps in the same time: the step is too large.

    Late escapes are left out, for chaos forgets where it began.
    """
    if ground.system.kind == "map":
        return 0.0
    fine = replace(ground, system=replace(ground.system, dt=ground.system.dt / FINER))
    span = max(1, round(min(ground.system.transient, 10.0 * ground.system.period) / ground.system.dt))
    undone = []
    for x in starts[:LOOKED_AT]:
        if not ground.window(x, span, cells=False, stride=1.0).complete:
            undone.append(fine.window(x, span, cells=False, stride=float(FINER)).complete)
    return float(np.mean(undone)) if undone else 0.0
