"""Transition matrices of cluster moves, by adding up all sets of active bonds, and by all choices of a site."""

from __future__ import annotations

import itertools

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.ising import states

GHOST = -1


def clusters_of(n: int, links: list[tuple[int, int]]) -> list[set[int]]:
    """Connected sets of the sites and the ghost under `links`."""
    pieces = [{i} for i in [GHOST, *range(n)]]
    for i, j in links:
        first = next(p for p in pieces if i in p)
        second = next(p for p in pieces if j in p)
        if first is not second:
            first |= second
            pieces.remove(second)
    return pieces


def bond_sets(model: IsingModel, beta: float, spins: np.ndarray):
    """All (probability, clusters) that a state can have: a satisfied bond is active with 1 - exp(-2 beta |J|)."""
    bonds = [(i, j, J) for i, j, J in zip(*model.pairs, strict=True) if J * spins[i] * spins[j] > 0]
    bonds += [(GHOST, i, h) for i, h in enumerate(model.fields) if h * spins[i] > 0]
    for active in itertools.product((False, True), repeat=len(bonds)):
        p = 1.0
        for on, (_, _, J) in zip(active, bonds, strict=True):
            p *= 1.0 - np.exp(-2.0 * beta * abs(J)) if on else np.exp(-2.0 * beta * abs(J))
        yield p, clusters_of(model.n_sites, [b[:2] for on, b in zip(active, bonds, strict=True) if on])


def cluster_matrix(model: IsingModel, beta: float, kind: str) -> np.ndarray:
    """Transition matrix of one Swendsen-Wang sweep, or of one Wolff cluster (row: from, column: to)."""
    n, s = model.n_sites, states(model.n_sites)
    index = {tuple(row): k for k, row in enumerate(s)}
    out = np.zeros((len(s), len(s)))
    for k, row in enumerate(s):
        for p, pieces in bond_sets(model, beta, row):
            free = [sorted(piece) for piece in pieces if GHOST not in piece]
            if kind == "wolff":
                moves = [(len(piece) / n, [piece]) for piece in free]
                moves.append((1.0 - sum(share for share, _ in moves), []))
            else:
                chosen = itertools.product((False, True), repeat=len(free))
                moves = [(0.5 ** len(free), list(itertools.compress(free, c))) for c in chosen]
            for share, flipped in moves:
                other = row.copy()
                for piece in flipped:
                    other[piece] *= -1
                out[k, index[tuple(other)]] += p * share
    return out


def houdayer_matrix(model: IsingModel) -> np.ndarray:
    """Transition matrix of one Houdayer move over all pairs of states: index (state of a) 2^N + (state of b)."""
    n, s = model.n_sites, states(model.n_sites)
    index = {tuple(row): k for k, row in enumerate(s)}
    out = np.zeros((len(s) ** 2, len(s) ** 2))
    for (ka, a), (kb, b) in itertools.product(enumerate(s), repeat=2):
        kind = 1 if not model.has_fields and a @ b < 0 else -1
        sites = np.flatnonzero(a * b == kind)
        links = [(i, j) for i, j, _ in zip(*model.pairs, strict=True) if i in sites and j in sites]
        for site in sites:
            piece = next(sorted(p) for p in clusters_of(n, links) if site in p)
            c, d = a.copy(), b.copy()
            c[piece] *= -1
            d[piece] *= -1
            out[ka * len(s) + kb, index[tuple(c)] * len(s) + index[tuple(d)]] += 1.0 / len(sites)
        if len(sites) == 0:
            out[ka * len(s) + kb, ka * len(s) + kb] = 1.0
    return out
