"""Short cycles of the coupling graph without a chord: the plaquettes of any graph."""

from __future__ import annotations

import numpy as np

from statfe.models.ising import IsingModel

#: Paths looked at, at most.
MAX_STEPS = 3_000_000


def neighbour_sets(model: IsingModel) -> list[list[int]]:
    """Coupled sites of each site, ascending."""
    return [model.indices[a:b].tolist() for a, b in zip(model.indptr[:-1], model.indptr[1:], strict=True)]


def chordless_cycles(model: IsingModel, longest: int, limit: int) -> list[tuple[int, ...]] | None:
    """Cycles of at most `longest` sites in which only neighbours along the cycle are coupled.

    Returns
    -------
    list of tuples, or None
        The sites of each cycle in the order of the walk, from its smallest; None where there are more than `limit`,
        or more than `MAX_STEPS` paths to look at.
    """
    near = neighbour_sets(model)
    among = [set(row) for row in near]
    found: list[tuple[int, ...]] = []
    steps = 0
    for start in range(model.n_sites):
        stack: list[tuple[int, ...]] = [(start,)]
        while stack:
            path = stack.pop()
            for v in near[path[-1]]:
                steps += 1
                if v <= start or v in path:
                    continue
                touched = [u for u in path[:-1] if u in among[v]]
                if touched == [start] and v > path[1]:
                    found.append((*path, v))
                elif not touched and len(path) + 1 < longest:
                    stack.append((*path, v))
            if len(found) > limit or steps > MAX_STEPS:
                return None
    return found


def independent_cycles(model: IsingModel, cycles: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The shortest and strongest of `cycles`, as far as none is a sum (modulo 2) of others that were taken.

    With more of them, clusters would count frozen spins more than once (Welling 2004). Strength is the product of
    abs(J) round the cycle, which no gauge transformation changes.
    """
    i, j, J = model.pairs
    number = {pair: k for k, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
    sizes = np.log(np.abs(J))
    most = model.n_pairs - model.n_sites + int(model.components.max()) + 1
    ranked = []
    for cycle in cycles:
        sides = [number[min(a, b), max(a, b)] for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True)]
        ranked.append((len(cycle), -round(float(sizes[sides].sum()), 9), cycle, sum(1 << side for side in sides)))
    taken: list[tuple[int, ...]] = []
    reduced: dict[int, int] = {}
    for _, _, cycle, rest in sorted(ranked):
        while rest and rest.bit_length() in reduced:
            rest ^= reduced[rest.bit_length()]
        if rest:
            reduced[rest.bit_length()] = rest
            taken.append(cycle)
        if len(taken) == most:
            break
    return taken
