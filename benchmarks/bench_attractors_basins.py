"""Attractors and basins of systems with several of them, from 2,000 starts by both methods and two seeds: one table.

``python -m benchmarks.bench_attractors_basins`` prints it; as a test it also holds what is known: which attractors
there are, shares by symmetry, that both methods give the same answers start by start, and that two seeds agree.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from statfe.attractors.basins.agreement import Agreement, compare_fractions, match
from statfe.attractors.basins.identify import identify
from statfe.attractors.found import AttractorSet
from statfe.random import generator
from statfe.systems.catalogue import build_system

STARTS, SEEDS, WORKERS = 2000, (1, 2), os.cpu_count() or 1
METHODS = ("recurrences", "features")
#: Energy of the starts of Henon-Heiles; orbits leave by three ways above 1/6.
ENERGY = 0.2
HEADS = ("system", "method", "attractors", "basin fractions", "elsewhere", "two seeds", "same labels", "s")


@dataclass(frozen=True)
class Case:
    """One system, where its runs start, and what is known of the answer."""

    title: str
    spec: str
    check: Callable[[AttractorSet], None]
    draw: Callable[[int], np.ndarray] | None = None
    box: str = ""


def _kinds(*expected: str) -> Callable[[AttractorSet], None]:
    def check(found: AttractorSet) -> None:
        assert sorted(found.kinds) == sorted(expected), found.kinds
        assert found.status == "converged", found.message

    return check


def _even(count: int) -> Callable[[AttractorSet], None]:
    """Fixed points with equal shares by symmetry, within four errors."""

    def check(found: AttractorSet) -> None:
        assert found.kinds == ("fixed point",) * count
        assert (np.abs(found.basin_fraction - 1.0 / count) < 4.0 * found.basin_fraction_error).all()

    return check


def _exits(found: AttractorSet) -> None:
    assert found.count == 0
    assert found.stats["exits"] == 3
    for k in (1, 2, 3):
        assert abs(found.stats[f"exit_{k}_share"] - 1 / 3) < 4.0 * found.stats[f"exit_{k}_share_error"]


def _memories(found: AttractorSet) -> None:
    """Every pattern and its opposite is there; all attractors are fixed points that come in opposite pairs."""
    patterns = stored_patterns()
    signs = np.sign(found.states)
    for pattern in [*patterns, *(-patterns)]:
        assert (signs @ pattern / len(pattern)).max() > 0.9
    assert set(found.kinds) == {"fixed point"}
    assert found.status == "converged", found.message


HOPFIELD = "hopfield-network:n=60,patterns=5,seed=1"


def stored_patterns() -> np.ndarray:
    """The patterns of the network, shape (5, 60)."""
    return build_system(HOPFIELD).p[1:].reshape(5, 60)


def third_of_disc(seed: int) -> np.ndarray:
    """Starts at rest in a disc of radius 2, which has the symmetry of the magnets."""
    random = generator(seed, 9001)
    radius, angle = 2.0 * np.sqrt(random.random(STARTS)), 2.0 * math.pi * random.random(STARTS)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.0 * radius, 0.0 * radius], axis=1)


def energy_shell(seed: int) -> np.ndarray:
    """Henon-Heiles at one energy: even places where the potential allows it, directions of the momentum even.

    The microcanonical measure in two dimensions is even in place: the density of momenta p of kinetic energy K is
    delta(p^2 / 2 - K), whose integral does not depend on K.
    """
    random, found = generator(seed, 9002), np.empty((0, 4))
    while len(found) < STARTS:
        x, y = random.uniform(-1.0, 1.0, (2, 8 * STARTS))
        potential = 0.5 * (x * x + y * y) + x * x * y - y**3 / 3.0
        inside = (potential < ENERGY) & (x * x + y * y < 0.75)  # before the saddles at radius 1
        p = np.sqrt(2.0 * (ENERGY - potential[inside]))
        angle = 2.0 * math.pi * random.random(len(p))
        found = np.concatenate([found, np.stack([x[inside], y[inside], p * np.cos(angle), p * np.sin(angle)], axis=1)])
    return found[:STARTS]


CASES = (
    Case("Duffing, two wells, damped", "duffing:gamma=0,delta=0.2", _even(2)),
    Case("Duffing, two wells, forced weakly", "duffing:gamma=0.2,delta=0.25", _kinds("limit cycle", "limit cycle")),
    Case("magnetic pendulum, three magnets", "magnetic-pendulum", _even(3), third_of_disc),
    Case("Lorenz 1984, a=0.25", "lorenz84:a=0.25", _kinds("fixed point", "limit cycle", "strange")),
    Case("Lorenz 1963, rho=24.4", "lorenz63:rho=24.4", _kinds("fixed point", "fixed point", "strange")),
    Case(f"Henon-Heiles, E={ENERGY}", "henon-heiles", _exits, energy_shell),
    Case("Hopfield network, n=60, 5 memories", HOPFIELD, _memories),
)


def search(case: Case, method: str) -> tuple[list[AttractorSet], Agreement, float]:
    """Both seeds, their agreement, and seconds of one search."""
    began = time.perf_counter()
    system = build_system(case.spec)
    found = [identify(system, case.draw(seed) if case.draw else STARTS, method, seed=seed, workers=WORKERS)
             for seed in SEEDS]
    seconds = (time.perf_counter() - began) / len(SEEDS)
    return found, compare_fractions(found[0], found[1], system.angles), seconds


def same_labels(a: AttractorSet, b: AttractorSet, angles: tuple[int, ...]) -> float:
    """Share of the starts to which both methods give the same answer."""
    pairs = match(a, b, angles)
    return float(np.mean([pairs.get(int(x), int(x) if x < 0 else -9) == y
                          for x, y in zip(a.labels, b.labels, strict=True)]))


def rows_of(case: Case) -> tuple[list[list[str]], list[AttractorSet], list[Agreement], float]:
    """Rows of the table, sets of the first seed, agreement of the seeds by method, and of the methods."""
    results = [search(case, method) for method in METHODS]
    same = same_labels(results[0][0][0], results[1][0][0], build_system(case.spec).angles)
    rows = []
    for method, (found, agreement, seconds) in zip(METHODS, results, strict=True):
        first = found[0]
        counts = {kind: first.kinds.count(kind) for kind in dict.fromkeys(first.kinds)}
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
        shares = ", ".join(f"{f:.3f}({1e3 * e:.0f})" for f, e in zip(
            first.basin_fraction[:4], first.basin_fraction_error[:4], strict=True))
        shares += ", ..." if first.count > 4 else ""
        exits = [f"{first.stats[f'exit_{k}_share']:.3f}" for k in (1, 2, 3) if f"exit_{k}_share" in first.stats]
        elsewhere = [f"{first.share(v):.3f} {w}" for v, w in ((-1, "open"), (-2, "escaped"), (-3, "none"))
                     if first.share(v)]
        elsewhere += [f"exits {' '.join(exits)}"] if exits else []
        seeds = f"chi2 {agreement.chi_square:.1f}/{agreement.degrees}, p {agreement.p_value:.2f}"
        seeds += f", {agreement.alone} alone" if agreement.alone else ""
        rows.append([case.title, method, words, shares or "-", ", ".join(elsewhere) or "-", seeds, f"{same:.4f}",
                     f"{seconds:.1f}"])
    return rows, [r[0][0] for r in results], [r[1] for r in results], same


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.title)
def test_attractors_and_basins(case, figure):
    rows, sets, agreements, same = rows_of(case)
    for row in rows:
        figure(f"{row[0]}, {row[1]}", "as published", "; ".join(row[2:]))
    for found, agreement in zip(sets, agreements, strict=True):
        case.check(found)
        assert agreement.p_value > 1e-3
    assert same > 0.99


def main() -> None:
    """Print the table, system by system."""
    print(" | ".join(HEADS), flush=True)
    for case in CASES:
        for row in rows_of(case)[0]:
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
