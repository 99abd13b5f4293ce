"""A model with couplings of one size, laid out for bit lanes: padded neighbour lists and bonds to count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model, two_colouring

#: Most bonds of a site, counting a field of k J as k bonds to a ghost spin that is up.
MAX_DEGREE = 8
#: How close to a whole multiple of J a coupling must be, relative to itself: rounding of sums of parallel bonds.
ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class BitGraph:
    """Neighbour lists for `statfe.kernels.bit_lanes`; row n is a ghost spin that is up.

    Attributes
    ----------
    J
        Size of the couplings.
    terms
        Number of bonds and units of field: E = -J (2 satisfied - terms).
    even, odd
        Bonds of sites with an even and an odd number, after padding with pairs of opposite ghost bonds; 0 for none.
    nbr, signs
        Neighbours of site i and the signs of its bonds (all ones for J > 0) from first[i] on; uint32 and uint64.
    first, is_odd
        uint64 and bool, shape (n,).
    sixes
        A site, six neighbours, and the places of the six bonds in `signs`; uint32, shape (., 13). Every bond and
        every unit of field once; missing ones are replaced by a bond that is never satisfied.
    """

    J: float
    terms: int
    even: int
    odd: int
    nbr: np.ndarray
    signs: np.ndarray
    first: np.ndarray
    is_odd: np.ndarray
    sixes: np.ndarray

    def same_graph(self, other: BitGraph) -> bool:
        """Whether only signs differ."""
        return bool(self.J == other.J and np.array_equal(self.nbr, other.nbr) and
                    np.array_equal(self.first, other.first) and np.array_equal(self.sixes, other.sixes))


def _multiples(values: np.ndarray, unit: float) -> np.ndarray | None:
    """values / unit as int64, or None where one of them is no whole number."""
    with np.errstate(over="ignore"):
        ratio = values / unit
    if not np.all(np.abs(ratio) < 2**31):
        return None
    whole = np.rint(ratio)
    close = np.abs(ratio - whole) <= ROUNDING * np.maximum(np.abs(ratio), 1.0)
    return whole.astype(np.int64) if bool(np.all(close)) else None


@per_model
def unit_of(model: IsingModel) -> float | None:
    """The largest J of which all couplings and fields are whole multiples; None where there is none."""
    values = np.unique(np.abs(np.concatenate([model.weights, model.fields])))
    values = values[values > 0]
    if not len(values):
        return 1.0
    for parts in range(1, MAX_DEGREE + 1):
        unit = float(values[0]) / parts
        found = _multiples(values, unit)
        if found is not None and (parts == 1 or found[-1] <= MAX_DEGREE):
            return unit
    return None


def obstacle(model: IsingModel) -> str:
    """Why bit lanes cannot hold `model`, or ""."""
    unit = unit_of(model)
    if unit is None:
        return "the couplings and fields are not whole multiples of one J"
    copies = _multiples(np.concatenate([model.weights, model.fields]), unit)
    assert copies is not None
    bonds = np.bincount(np.repeat(np.arange(model.n_sites), model.degrees), np.abs(copies[:len(model.weights)]),
                        minlength=model.n_sites)
    most = int((bonds + np.abs(copies[len(model.weights):])).max())
    if most > MAX_DEGREE:
        return f"a site has {most} bonds of size J, its field among them, and {MAX_DEGREE} are the most"
    return ""


@per_model
def bit_graph(model: IsingModel) -> BitGraph:
    """The layout of `model`, which must have no `obstacle`."""
    unit = unit_of(model)
    assert unit is not None
    n = model.n_sites
    weights, fields = _multiples(model.weights, unit), _multiples(model.fields, unit)
    assert weights is not None
    assert fields is not None
    copies = np.abs(weights)
    site = np.repeat(np.repeat(np.arange(n), model.degrees), copies)
    degree = np.bincount(site, minlength=n) + np.abs(fields)
    other = np.repeat(model.indices.astype(np.int64), copies)
    sign = np.repeat(weights > 0, copies)
    ghosts = np.repeat(np.arange(n), np.abs(fields))
    is_odd = degree % 2 == 1
    even = _padded(degree[~is_odd], 4)
    odd = _padded(degree[is_odd], 3)
    target = np.where(is_odd, odd, even)
    pairs = np.repeat(np.arange(n), (target - degree) // 2)
    site = np.concatenate([site, ghosts, pairs, pairs])
    other = np.concatenate([other, np.full(len(ghosts) + 2 * len(pairs), n)])
    up = np.concatenate([sign, np.repeat(fields > 0, np.abs(fields)), np.ones(len(pairs), bool),
                         np.zeros(len(pairs), bool)])
    real = np.concatenate([np.ones(len(sign) + len(ghosts), bool), np.zeros(2 * len(pairs), bool)])
    order = np.argsort(site, kind="stable")
    site, other, up, real = site[order], other[order], up[order], real[order]
    # One more bond, from any site to itself with sign 0: never satisfied.
    signs = np.append(np.where(up, ~np.uint64(0), np.uint64(0)), np.uint64(0))
    counted = real & _counted_here(model, site, other)
    return BitGraph(
        J=unit, terms=int(counted.sum()), even=even, odd=odd, nbr=other.astype(np.uint32), signs=signs,
        first=np.concatenate([[0], np.cumsum(target)[:-1]]).astype(np.uint64), is_odd=is_odd,
        sixes=_sixes(site, other, np.flatnonzero(counted), len(signs) - 1))


def _padded(degrees: np.ndarray, least: int) -> int:
    return 0 if not len(degrees) else max(least, int(degrees.max()))


def _counted_here(model: IsingModel, site: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether a bond is counted at this of its two ends: few sites with many bonds each make the fewest sixes."""
    colour = two_colouring(model)
    if colour is None:
        return other > site
    return (other == model.n_sites) | (colour[site] == 1)


def _sixes(site: np.ndarray, other: np.ndarray, bonds: np.ndarray, none: int) -> np.ndarray:
    """Six bonds of one site a row; `none` is the place of the sign of the bond that is never satisfied."""
    sites, start, count = np.unique(site[bonds], return_index=True, return_counts=True)
    rows = []
    for k in range(int(-(-count.max(initial=0) // 6))):
        has = count > 6 * k
        row = np.empty((int(has.sum()), 13), dtype=np.uint32)
        row[:, 0] = sites[has]
        for j in range(6):
            real = count[has] > 6 * k + j
            bond = bonds[np.where(real, start[has] + 6 * k + j, 0)]
            row[:, 1 + j] = np.where(real, other[bond], sites[has])
            row[:, 7 + j] = np.where(real, bond, none)
        rows.append(row)
    table = np.concatenate(rows) if rows else np.empty((0, 13), dtype=np.uint32)
    return np.ascontiguousarray(table[np.argsort(table[:, 0], kind="stable")])
