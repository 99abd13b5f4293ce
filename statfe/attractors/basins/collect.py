"""From what a search found to an `AttractorSet`: order, shares, symmetric partners, saddles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.basins.exits import FINER, blown_up, find_exits
from statfe.attractors.basins.ground import Ground, as_rows
from statfe.attractors.basins.matching import Scales, set_distance
from statfe.attractors.basins.search import Search
from statfe.attractors.basins.verify import Finding
from statfe.attractors.found import ESCAPED, NONE_FOUND, NOT_CONVERGED, AttractorSet, Points, Saddles, basin_fractions

#: Points of each attractor that are kept.
POINTS = 1024
#: Share of escapes that a step so much finer may undo.
BLOWN = 0.1
#: Largest distance of an attractor from the image of its partner, in extents.
PARTNER = 0.1


@dataclass(frozen=True, eq=False)
class Identified:
    """An `AttractorSet` with what a continuation needs.

    Attributes
    ----------
    labels
        Of all runs, the extra ones after those that count; int64.
    """

    found: AttractorSet
    labels: np.ndarray
    ground: Ground


def collect(ground: Ground, method: str, runs: np.ndarray, found: Search, counted: int, seed: int) -> Identified:
    """What a search found, as an `AttractorSet`; the first `counted` runs make the shares."""
    hits = np.bincount(found.labels[found.labels >= 0], minlength=max(found.findings, default=-1) + 1)
    own = np.bincount(found.labels[:counted][found.labels[:counted] >= 0], minlength=len(hits))
    keys = [k for k, f in found.findings.items() if f.verdict == "attractor" and hits[k]]
    keys.sort(key=lambda k: (-int(own[k]), -int(hits[k]), *np.round(found.findings[k].points.mean(axis=0), 6).tolist()))
    number = {key: k for k, key in enumerate(keys)}
    labels = np.array([number.get(int(v), int(v)) if v >= 0 else int(v) for v in found.labels], dtype=np.int64)
    kept = [found.findings[k] for k in keys]
    share, error = basin_fractions(labels[:counted], len(kept))
    problems = _problems(ground, found, runs, labels[:counted])
    found_set = AttractorSet(
        system=ground.system.spec or ground.system.name, method=_spec(method, ground),
        kinds=tuple(f.kind for f in kept),
        states=as_rows([ground.rest(f.state) for f in kept], ground.system.dimension),
        coordinates=ground.system.coordinates, free_energy=np.full(len(kept), np.nan),
        stability=np.array([f.stability for f in kept], dtype=np.float64), basin_fraction=share,
        basin_fraction_error=error, starts=runs[:counted], labels=labels[:counted], seed=seed,
        status="not_converged" if problems else "converged", message="; ".join(problems),
        stats=_stats(ground, kept, labels, found, counted), points=_points(ground, kept),
        saddles=_saddles(ground, found))
    return Identified(found_set, labels, ground)


def _spec(method: str, ground: Ground) -> str:
    return f"{method}:cells={ground.cells}" if method == "recurrences" else method


def _problems(ground: Ground, found: Search, runs: np.ndarray, labels: np.ndarray) -> list[str]:
    blown = blown_up(ground, runs[:len(labels)][labels == ESCAPED])
    problems = [f"{blown:.0%} of the escapes that were looked at vanish with a step {FINER} times smaller; "
                f"take a smaller dt than {ground.system.dt:g}"] if blown > BLOWN else []
    share = float(np.mean(labels == NOT_CONVERGED))
    if not share > 0.0:
        return problems
    reasons = sorted({f.message for f in found.findings.values() if f.verdict == "unclear" and f.message})
    reasons = reasons or ["they neither recur nor settle; take a longer transient of the system, or coarser cells"]
    return problems + [f"{share:.2%} of the starts did not converge: {reason}" for reason in reasons]


def _stats(ground: Ground, kept: list[Finding], labels: np.ndarray, found: Search, counted: int) -> dict[str, Any]:
    """Entries for each attractor, and numbers about the whole."""
    stats: dict[str, Any] = {
        "largest_exponent": np.array([f.exponent.value for f in kept], dtype=np.float64),
        "largest_exponent_error": np.array([f.exponent.error for f in kept], dtype=np.float64),
        "period": np.array([f.period for f in kept], dtype=np.float64),
        "leaving_rate_below": np.array([f.leaving for f in kept], dtype=np.float64),
        **_partners(ground, kept),
        "cells": ground.cells,
        "not_converged": float(np.mean(labels[:counted] == NOT_CONVERGED)),
        "escaped": float(np.mean(labels[:counted] == ESCAPED)),
        "none_found": float(np.mean(labels[:counted] == NONE_FOUND)),
    }
    flat = np.array([f.stability == -np.inf for f in kept])
    if flat.any():
        stats["superstable"] = flat.astype(np.int8)  # JSON has no word for minus infinity
    stats.update(find_exits(ground, found.ends[:counted][labels[:counted] == ESCAPED]))
    return stats


def _partners(ground: Ground, kept: list[Finding]) -> dict[str, np.ndarray]:
    """The image of each attractor under each symmetry: itself, another one, or -1 where it was not found.

    ``symmetric_to`` is that of the first symmetry of the system, ``symmetric_to_2`` of the second, and so on.
    """
    scales = Scales(ground.extent, ground.circle)
    found = {"symmetric_to": np.full(len(kept), -1, dtype=np.int64)}
    for m, symmetry in enumerate(ground.system.symmetries):
        partners = np.full(len(kept), -1, dtype=np.int64)
        for k, f in enumerate(kept):
            image = f.points @ symmetry.matrix.T
            apart = [set_distance(scales, image, other.points) for other in kept]
            best = int(np.argmin(apart))
            if apart[best] < PARTNER and kept[best].kind == f.kind:
                partners[k] = best
        found[f"symmetric_to_{m + 1}" if m else "symmetric_to"] = partners
    return found


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
