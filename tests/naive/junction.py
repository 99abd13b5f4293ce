"""Elimination by sets and by dictionaries, straight from the definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np

from statfe.models.ising import IsingModel


def separators(model: IsingModel, order: list[int]) -> list[set[int]]:
    """Neighbours left of each site when it goes, its neighbours made a clique each time."""
    graph = neighbours(model)
    return [remove(graph, site) for site in order]


def neighbours(model: IsingModel) -> dict[int, set[int]]:
    """Coupled sites of each site."""
    graph: dict[int, set[int]] = {i: set() for i in range(model.n_sites)}
    for i, j, _ in zip(*model.pairs, strict=True):
        graph[int(i)].add(int(j))
        graph[int(j)].add(int(i))
    return graph


def remove(graph: dict[int, set[int]], site: int) -> set[int]:
    """Take `site` out of `graph` after making its neighbours a clique; these."""
    near = graph.pop(site)
    for a in near:
        graph[a] |= near
        graph[a] -= {a, site}
    return near


def missing(graph: dict[int, set[int]], site: int) -> int:
    """Bonds that the elimination of `site` would add."""
    return sum(b not in graph[a] for a, b in itertools.combinations(graph[site], 2))


def log_z(model: IsingModel, beta: float, order: list[int]) -> float:
    """ln Z by summing out one site after the other, with tables as dictionaries of logarithms."""
    factors: list[tuple[tuple[int, ...], dict[tuple[int, ...], float]]] = []
    for i, h in enumerate(model.fields):
        factors.append(((i,), {(s,): beta * h * s for s in (-1, 1)}))
    for i, j, J in zip(model.rows.tolist(), model.cols.tolist(), model.couplings, strict=True):
        factors.append(((i, j), {(s, t): beta * J * s * t for s in (-1, 1) for t in (-1, 1)}))
    total = 0.0
    for site in order:
        mine = [f for f in factors if site in f[0]]
        factors = [f for f in factors if site not in f[0]]
        scope = tuple(sorted({i for sites, _ in mine for i in sites} - {site}))
        table = {}
        for spins in itertools.product((-1, 1), repeat=len(scope)):
            state = dict(zip(scope, spins, strict=True))
            terms = []
            for s in (-1, 1):
                state[site] = s
                terms.append(sum(values[tuple(state[i] for i in sites)] for sites, values in mine))
            table[spins] = float(np.logaddexp(*terms))
        if scope:
            factors.append((scope, table))
        else:
            total += table[()]
    assert math.isfinite(total)
    return total
