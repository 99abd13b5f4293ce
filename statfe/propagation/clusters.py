"""Which clusters of spins the cluster variation method takes, by name."""

from __future__ import annotations

import itertools

import numpy as np

from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.propagation.cycles import chordless_cycles, independent_cycles
from statfe.propagation.region_graph import RegionGraph, region_graph

#: Names of sets of clusters, and what each stands for.
CLUSTERS = {
    "pairs": "the coupled pairs (Bethe)",
    "plaquettes": "independent chordless cycles of up to 4 sites; all plaquettes of a two-dimensional lattice",
    "cubes": "the cubes of a three-dimensional lattice",
    "loops3": "all triangles", "loops4": "all chordless cycles of up to 4 sites",
    "loops5": "all of up to 5", "loops6": "all of up to 6",
}
#: Sites and coupled pairs, short cycles, and table entries that a sweep reads, at most.
MAX_SIZE, MAX_CYCLES, MAX_WORK = 30_000, 12_000, 300_000


def build_regions(model: IsingModel, clusters: str) -> RegionGraph | str:
    """The regions of `clusters` (see `CLUSTERS`), or why they cannot be had."""
    if clusters == "plaquettes":
        return plaquette_regions(model)
    return _build(model, clusters)


@per_model
def plaquette_regions(model: IsingModel) -> RegionGraph | str:
    """`build_regions` of the plaquettes; kept, since a method is asked whether it takes a model before it runs."""
    return _build(model, "plaquettes")


def _build(model: IsingModel, clusters: str) -> RegionGraph | str:
    if model.n_sites > MAX_SIZE or model.n_sites + model.n_pairs > MAX_SIZE:
        return f"it has more than {MAX_SIZE} sites and coupled pairs"
    cells = _cells(model, clusters)
    if isinstance(cells, str):
        return cells
    regions = region_graph(model, cells)
    if regions.work > MAX_WORK:
        return f"the clusters overlap too often ({regions.work} table entries a sweep, the limit is {MAX_WORK})"
    return regions


def _cells(model: IsingModel, clusters: str) -> list[tuple[int, ...]] | str:
    """Clusters beyond the pairs and sites."""
    if clusters == "pairs":
        return []
    if clusters == "cubes":
        return _cubes(model)
    every = _all_plaquettes(model) if clusters == "plaquettes" else None
    if every is not None:
        return every
    longest = 4 if clusters == "plaquettes" else int(clusters.removeprefix("loops"))
    cycles = chordless_cycles(model, longest, MAX_CYCLES)
    if cycles is None:
        return f"it has more than {MAX_CYCLES} cycles of up to {longest} sites"
    return independent_cycles(model, cycles) if clusters == "plaquettes" else cycles


def _all_plaquettes(model: IsingModel) -> list[tuple[int, ...]] | None:
    """Plaquettes of a two-dimensional lattice; on a torus they hang together by one identity, which does no harm.

    None for other models, and where an axis is so short that loops round it are as short as plaquettes.
    """
    lattice = model.lattice
    if lattice is None or len(lattice.shape) != 2 or min(lattice.shape) < 4 or np.any(model.couplings == 0.0):
        return None
    table = lattice.plaquettes()
    sites = np.sort(np.concatenate([model.rows[table], model.cols[table]], axis=1), axis=1)
    return [tuple(sorted(set(row))) for row in sites.tolist()]


def _cubes(model: IsingModel) -> list[tuple[int, ...]] | str:
    """Cells of a three-dimensional lattice."""
    lattice = model.lattice
    if lattice is None or len(lattice.shape) != 3 or min(lattice.shape) < 2:
        return "only lattices with three axes have cubes; take clusters=plaquettes"
    corners = []
    for site in itertools.product(*map(range, lattice.shape)):
        cell = []
        for step in itertools.product((0, 1), repeat=3):
            place = [a + b for a, b in zip(site, step, strict=True)]
            if lattice.periodic:
                place = [a % size for a, size in zip(place, lattice.shape, strict=True)]
            if all(a < size for a, size in zip(place, lattice.shape, strict=True)):
                cell.append(int(np.ravel_multi_index(place, lattice.shape)))
        if len(cell) == 8:
            corners.append(tuple(sorted(set(cell))))
    return corners
