"""Random simple graphs: every site of one degree, or every pair joined with one probability."""

from __future__ import annotations

import numpy as np

from statfe.errors import ModelError
from statfe.models.builders import dense_pairs

#: Pairings are thrown away whole (which is exact) only below this many ends of bonds, and this often.
SMALL, REJECTIONS = 4000, 200
REPAIRS = 1000


def regular_graph(n: int, degree: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random graph of n sites in which every site has `degree` neighbours.

    The pairing model (Bollobas 1980): the n * degree ends of bonds are paired at random. Small graphs are
    drawn again until no bond is a loop or a repeat, which is exactly uniform. Large ones, and small ones that
    stay unlucky, keep the good bonds and pair the bad ends again together with the ends of as many random
    good bonds, in the manner of the switchings of McKay and Wormald (1990): close to uniform, as few bonds
    are bad. Above half the largest degree the complement is drawn. The graph may be disconnected.

    Returns
    -------
    rows, cols
        int32, rows < cols, sorted by row and column.

    Raises
    ------
    ModelError
        Where no such graph exists: degree >= n, or n * degree odd.
    """
    refuse_degree(n, degree)
    if 2 * degree <= n - 1:
        pairs = _regular_pairs(n, degree, rng)
        return (pairs // n).astype(np.int32), (pairs % n).astype(np.int32)
    low, high = np.divmod(_regular_pairs(n, n - 1 - degree, rng), n)
    kept = np.ones(n * (n - 1) // 2, dtype=bool)
    kept[low * (2 * n - low - 1) // 2 + high - low - 1] = False
    rows, cols = dense_pairs(n)
    return rows[kept], cols[kept]


def refuse_degree(n: int, degree: int) -> None:
    """Raise `ModelError` where no graph of n sites has this degree: degree >= n, or n * degree odd."""
    if degree >= n:
        raise ModelError(f"no graph of {n} sites has degree {degree}; the degree is at most n - 1")
    if n * degree % 2:
        raise ModelError(f"no graph of {n} sites has degree {degree}: n * degree must be even")


def _regular_pairs(n: int, degree: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs low * n + high of a random regular graph, sorted, for a degree up to half the largest."""
    ends = np.repeat(np.arange(n, dtype=np.int64), degree)
    for _ in range(REJECTIONS if len(ends) <= SMALL else 1):
        bonds = rng.permutation(ends).reshape(-1, 2)
        bad = _bad_bonds(bonds, n)
        if not bad.size:
            return np.sort(_pair_numbers(bonds, n))
    for _ in range(REPAIRS):
        # As many good bonds again, so that the bad ends always have partners to go to.
        mixed = np.union1d(bad, rng.integers(0, len(bonds), size=bad.size + 1))
        bonds[mixed] = rng.permutation(bonds[mixed].ravel()).reshape(-1, 2)
        bad = _bad_bonds(bonds, n)
        if not bad.size:
            return np.sort(_pair_numbers(bonds, n))
    raise ModelError(f"found no simple graph of {n} sites with degree {degree}; try another seed")


def _pair_numbers(bonds: np.ndarray, n: int) -> np.ndarray:
    return bonds.min(axis=1) * n + bonds.max(axis=1)


def _bad_bonds(bonds: np.ndarray, n: int) -> np.ndarray:
    """Indices of loops and of every bond that repeats an earlier one."""
    pairs = _pair_numbers(bonds, n)
    order = np.argsort(pairs, kind="stable")
    repeats = order[1:][pairs[order[1:]] == pairs[order[:-1]]]
    return np.union1d(repeats, np.flatnonzero(bonds[:, 0] == bonds[:, 1]))


def erdos_renyi_graph(n: int, probability: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A graph G(n, p): each of the n(n-1)/2 pairs is a bond with `probability`, on its own.

    Pairs are numbered and the gaps between bonds are drawn, which are geometric (Batagelj and Brandes 2005,
    eq. 1): time and memory grow with the number of bonds, not of pairs.

    Returns
    -------
    rows, cols
        int32, rows < cols, sorted by column and row.
    """
    total = n * (n - 1) // 2
    if probability <= 0 or not total:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    block = int(total * probability + 4 * np.sqrt(total * probability)) + 16
    with np.errstate(divide="ignore"):
        decay = np.log1p(-probability)
    chosen, last = [], -1
    while last < total:
        gaps = 1 + np.minimum(np.log1p(-rng.random(block)) / decay, total).astype(np.int64)
        numbers = last + np.cumsum(gaps)
        last = int(numbers[-1])
        chosen.append(numbers[numbers < total])
    number = np.concatenate(chosen)
    # Pair (i, j), i < j, has number j (j - 1) / 2 + i; the square root may be off by one.
    j = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.int64)
    j += j * (j + 1) // 2 <= number
    j -= j * (j - 1) // 2 > number
    return (number - j * (j - 1) // 2).astype(np.int32), j.astype(np.int32)
