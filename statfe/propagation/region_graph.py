"""Clusters of spins, what they share, and how often each counts: the regions of the cluster variation method.

The outer regions are clusters that hold every coupled pair and every site. An inner region is what two or more of them
have in common, and what these have in common. With the counting number 1 for each cluster and

    c_R = 1 - sum of c_S over the regions S that contain R                                               (1)

every region, and so every spin and pair, counts once in all (An 1988; Yedidia, Freeman and Weiss 2005).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.models.ising import IsingModel
from statfe.models.states import all_spins

Sites = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """Regions as the kernels of `statfe.kernels.regions` read them; tables lie one after the other.

    Attributes
    ----------
    outer, inner, counts
        Sites of each cluster and of each inner region, ascending; counting numbers of the inner ones, float64. Inner
        regions that count zero and whose consistency follows from that of larger ones are left out.
    outer_at, belief_at
        Where the tables of clusters and of inner regions begin; int64.
    inner_ptr, incident, lambda_at, map_at, maps
        In rows of inner regions: the clusters that contain each, where the table of multipliers begins, and the map.
    unit
        Tables of -E at beta = 1, each coupling and field shared evenly by the clusters that hold it; float64.
    site_cluster, site_mask, pair_cluster, pair_mask
        A cluster that holds each site and pair of the model, and the bits of their sites in it.
    """

    outer: list[Sites]
    inner: list[Sites]
    counts: np.ndarray
    outer_at: np.ndarray
    belief_at: np.ndarray
    inner_ptr: np.ndarray
    incident: np.ndarray
    lambda_at: np.ndarray
    map_at: np.ndarray
    maps: np.ndarray
    unit: np.ndarray
    site_cluster: np.ndarray
    site_mask: np.ndarray
    pair_cluster: np.ndarray
    pair_mask: np.ndarray

    @property
    def work(self) -> int:
        """Table entries that one sweep reads."""
        return len(self.maps)

    @cached_property
    def is_junction_tree(self) -> bool:
        """Whether the clusters can be joined to a tree in which each site's clusters hang together.

        So it is where the shared sites along the best spanning forest leave each site counted once (Bernstein and
        Goodman 1981). The cluster variation method is then exact.
        """
        held = [set[int]() for _ in self.site_cluster]
        for a, sites in enumerate(self.outer):
            for i in sites:
                held[i].add(a)
        shared: dict[tuple[int, int], int] = {}
        for clusters in held:
            for pair in itertools.combinations(sorted(clusters), 2):
                shared[pair] = shared.get(pair, 0) + 1
        n = len(self.outer)
        rows, cols = (np.array([pair[k] for pair in shared], dtype=np.int64) for k in (0, 1))
        graph = scipy.sparse.coo_array((-np.array(list(shared.values()), dtype=float), (rows, cols)), shape=(n, n))
        best = -scipy.sparse.csgraph.minimum_spanning_tree(graph.tocsr()).sum()
        return round(best) == sum(map(len, self.outer)) - len(held)


def maximal(clusters: Iterable[Sequence[int]]) -> list[Sites]:
    """The clusters that no other contains, each once, ascending."""
    kept: dict[Sites, None] = {}
    inside: set[Sites] = set()
    for sites in sorted({tuple(sorted(c)) for c in clusters}, key=lambda c: (-len(c), c)):
        if sites not in inside:
            kept[sites] = None
            inside.update(_subsets(sites))
    return sorted(kept)


def _subsets(sites: Sites) -> Iterable[Sites]:
    """Proper subsets that are not empty."""
    return itertools.chain.from_iterable(itertools.combinations(sites, k) for k in range(1, len(sites)))


def shared_regions(outer: list[Sites]) -> tuple[list[Sites], list[int], list[list[int]]]:
    """Inner regions, larger ones first, their counting numbers (1), and the clusters that contain each.

    A set of sites is an intersection of clusters where all clusters that contain it share no more.
    """
    common: dict[Sites, set[int]] = {}
    holders: dict[Sites, list[int]] = {}
    for a, sites in enumerate(outer):
        for part in _subsets(sites):
            if part in common:
                common[part].intersection_update(sites)
            else:
                common[part] = set(sites)
            holders.setdefault(part, []).append(a)
    closed = sorted((p for p in common if len(common[p]) == len(p)), key=lambda p: (-len(p), p))
    above: dict[Sites, int] = dict.fromkeys(closed, 0)
    counts: dict[Sites, int] = {}
    for part in closed:
        counts[part] = 1 - len(holders[part]) - above[part]
        for smaller in _subsets(part):
            if smaller in above:
                above[smaller] += counts[part]
    kept = _needed(closed, counts, holders)
    return kept, [counts[p] for p in kept], [holders[p] for p in kept]


def _needed(closed: list[Sites], counts: dict[Sites, int], holders: dict[Sites, list[int]]) -> list[Sites]:
    """Regions without those that count zero and whose clusters agree on them through larger regions."""
    kept: list[Sites] = []
    larger: dict[Sites, list[Sites]] = {p: [] for p in closed}
    for part in closed:
        if counts[part] == 0 and _joined(holders[part], [holders[p] for p in larger[part]]):
            continue
        kept.append(part)
        for smaller in _subsets(part):
            if smaller in larger:
                larger[smaller].append(part)
    return kept


def _joined(members: list[int], groups: list[list[int]]) -> bool:
    """Whether overlapping groups connect all members."""
    reached, more = {members[0]}, True
    while more:
        grown = reached.union(*(g for g in groups if not reached.isdisjoint(g)))
        more, reached = len(grown) > len(reached), grown
    return reached >= set(members)


def region_graph(model: IsingModel, clusters: Iterable[Sequence[int]]) -> RegionGraph:
    """The regions of `clusters`, with the coupled pairs and sites that they leave out as clusters of their own."""
    i, j, _ = model.pairs
    pairs: list[Sites] = list(zip(i.tolist(), j.tolist(), strict=True))
    outer = maximal([*clusters, *pairs, *((site,) for site in range(model.n_sites))])
    inner, counts, holders = shared_regions(outer)
    sizes = np.array([1 << len(sites) for sites in outer], dtype=np.int64)
    widths = np.array([1 << len(sites) for sites in inner], dtype=np.int64)
    inner_ptr = _ends([len(h) for h in holders])
    incident = np.array([a for h in holders for a in h], dtype=np.int64)
    maps = [_places(outer[a], part) for part, held in zip(inner, holders, strict=True) for a in held]
    lookup = _Lookup(outer)
    site_cluster, site_mask = lookup.find([(site,) for site in range(model.n_sites)])
    pair_cluster, pair_mask = lookup.find(pairs)
    outer_at = _ends(sizes)
    return RegionGraph(
        outer=outer, inner=inner, counts=np.array(counts, dtype=float), outer_at=outer_at, belief_at=_ends(widths),
        inner_ptr=inner_ptr, incident=incident, lambda_at=_ends(np.repeat(widths, np.diff(inner_ptr))),
        map_at=_ends(sizes[incident]), maps=np.concatenate([*maps, np.empty(0, np.uint8)]),
        unit=_shared_energy(model, outer, outer_at, pairs), site_cluster=site_cluster, site_mask=site_mask,
        pair_cluster=pair_cluster, pair_mask=pair_mask)


def _ends(sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)



def _places(sites: Sites, part: Sites) -> np.ndarray:
    """Where each entry of a table over `sites` lies in that over `part`; uint8."""
    states, out = np.arange(1 << len(sites)), np.zeros(1 << len(sites), dtype=np.int64)
    for bit, site in enumerate(part):
        out |= ((states >> sites.index(site)) & 1) << bit
    return out.astype(np.uint8)


class _Lookup:
    """Finds a cluster that holds given sites."""

    def __init__(self, outer: list[Sites]) -> None:
        self.outer = outer
        self.place: dict[Sites, int] = {}
        for a, sites in enumerate(outer):
            for size in (1, 2):
                for part in itertools.combinations(sites, size):
                    self.place.setdefault(part, a)

    def find(self, parts: Sequence[Sites]) -> tuple[np.ndarray, np.ndarray]:
        """The cluster of each part, and its sites as bits there; int64."""
        clusters = [self.place[part] for part in parts]
        masks = [sum(1 << self.outer[a].index(site) for site in part) for a, part in zip(clusters, parts, strict=True)]
        return np.array(clusters, dtype=np.int64), np.array(masks, dtype=np.int64)


def _shared_energy(model: IsingModel, outer: list[Sites], outer_at: np.ndarray, pairs: list[Sites]) -> np.ndarray:
    couplings = dict(zip(pairs, model.pairs[2].tolist(), strict=True))
    holders: dict[Sites, int] = {}
    inside = [[p for k in (1, 2) for p in itertools.combinations(sites, k) if k == 1 or p in couplings]
              for sites in outer]
    for parts in inside:
        for part in parts:
            holders[part] = holders.get(part, 0) + 1
    unit = np.zeros(int(outer_at[-1]))
    for a, (sites, parts) in enumerate(zip(outer, inside, strict=True)):
        spins = all_spins(len(sites))
        table = unit[outer_at[a]:outer_at[a + 1]]
        for part in parts:
            at = [sites.index(site) for site in part]
            strength = couplings[part] if len(part) == 2 else float(model.fields[part[0]])
            table += strength / holders[part] * spins[:, at].prod(axis=1)
    return unit
