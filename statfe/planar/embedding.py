"""Drawings of coupling graphs: on the sphere for any planar graph, on the torus for lattices with two periodic axes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from statfe.errors import NotApplicableError
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.planar.surface import Surface, round_faces, split_faces

#: Sites and fields of a graph that networkx is asked to draw (half a minute), and of a lattice drawn as it stands.
MAX_DRAWN, MAX_LATTICE = 2**19, 2**21
#: Rank of the direction of a step counterclockwise round a site, of all directions of a lattice.
TURNS = {"hypercubic": ([0, 1], 4), "triangular": ([0, 2, 1], 6)}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A model on a surface.

    Attributes
    ----------
    surface
        The drawn graph, connected.
    loops
        Bonds along closed paths that cut the surface open: none on the sphere, two lists on the torus.
    log_factor
        ln Z of the model is that of the surface plus this: ln 2 for a site alone, -ln 2 for a spin that stands for
        the fields.
    """

    surface: Surface
    loops: tuple[np.ndarray, ...]
    log_factor: float


@per_model
def planar_drawing(model: IsingModel) -> Drawing | str:
    """The model on the sphere, or a sentence that says why it cannot be drawn there.

    Fields are bonds to one more spin, with Z twice as large.
    """
    if model.uniform is not None and model.n_sites > MAX_LATTICE:
        return f"{model.n_sites} sites are too many, the limit is {MAX_LATTICE}"
    lattice = model.lattice
    if not model.has_fields and lattice is not None and not lattice.periodic and len(lattice.shape) == 2:
        couplings = lattice_couplings(model, lattice)
        if couplings is not None and 1 < model.n_sites <= MAX_LATTICE:
            return Drawing(split_faces(lattice_surface(lattice, couplings)), (), 0.0)
    if reason := _never_planar(model):
        return reason
    i, j, J = model.pairs
    in_field = np.flatnonzero(model.fields)
    if in_field.size:
        i, j = np.concatenate([i, in_field]), np.concatenate([j, np.full(len(in_field), model.n_sites)])
        J = np.concatenate([J, model.fields[in_field]])
    sites, ends = np.unique(np.stack([i, j], axis=1), return_inverse=True)
    ends = ends.reshape(-1, 2).astype(np.int64)
    alone = model.n_sites + int(in_field.size > 0) - len(sites)
    log_factor = (alone - int(in_field.size > 0)) * float(np.log(2.0))
    if len(sites) == 0:
        return Drawing(_single_site(), (), log_factor - float(np.log(2.0)))
    surface = _draw(len(sites), ends, J)
    if isinstance(surface, str):
        with_fields = "with its fields as bonds to one more spin, " if in_field.size else ""
        return with_fields + surface
    return Drawing(split_faces(surface), (), log_factor)


def _never_planar(model: IsingModel) -> str:
    """What is known of whole lattices without a search, which takes a minute at a million bonds."""
    lattice = model.lattice
    if lattice is None or model.n_pairs != lattice.n_bonds or model.n_sites != lattice.n_sites:
        return ""
    wide = sum(side >= 3 for side in lattice.shape)
    if wide >= 3 or (wide == 2 and lattice.periodic):
        return "the graph is not planar"
    if wide == 2 and np.all(model.fields):
        return "with fields on all sites, as bonds to one more spin, the graph is not planar"
    return ""


def _single_site() -> Surface:
    """One site with a loop that carries nothing: Z = 2."""
    return Surface(1, np.zeros(2, dtype=np.int64), np.array([0, 1]), np.zeros(1), np.ones(1))


def _draw(n: int, ends: np.ndarray, couplings: np.ndarray) -> Surface | str:
    """A planar drawing by networkx, its pieces joined by bonds without coupling."""
    if n >= 3 and len(ends) > 3 * n - 6:
        return f"the graph is not planar: {len(ends)} bonds on {n} sites"
    if len(ends) > MAX_DRAWN:
        return f"{len(ends)} bonds are too many to look for a planar drawing, the limit is {MAX_DRAWN}"
    networkx = _networkx()
    graph = networkx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(ends.tolist())
    planar, embedding = networkx.check_planarity(graph)
    if not planar:
        return "the graph is not planar"
    dart = {}
    for e, (a, b) in enumerate(ends.tolist()):
        dart[a, b], dart[b, a] = 2 * e, 2 * e + 1
    turn = np.empty(2 * len(ends), dtype=np.int64)
    for site, round_site in embedding.get_data().items():
        darts = [dart[site, other] for other in round_site]
        turn[darts] = darts[1:] + darts[:1]
    return _join(n, ends.reshape(-1), round_faces(turn), couplings)


def _networkx() -> Any:
    try:
        return import_module("networkx")
    except ImportError:
        raise NotApplicableError(
            "planar needs networkx to draw a graph that is no open lattice: pip install networkx; or use "
            "transfer-matrix or mbar") from None


def _join(n: int, tail: np.ndarray, phi: np.ndarray, couplings: np.ndarray) -> Surface:
    """Connect the pieces of a graph: from a corner of the first one to a corner of each other."""
    graph = scipy.sparse.csr_array((np.ones(len(tail) // 2), (tail[::2], tail[1::2])), shape=(n, n))
    piece = scipy.sparse.csgraph.connected_components(graph, directed=False)[1][tail]
    starts = np.unique(piece, return_index=True)[1].tolist()
    step, tails = phi.tolist(), tail.tolist()
    before = np.argsort(phi).tolist()
    for corner in starts[1:]:
        home, new = starts[0], len(step)
        step += [corner, home]
        step[before[home]], step[before[corner]] = new, new + 1
        before += [before[home], before[corner]]
        before[corner], before[home] = new, new + 1
        tails += [tails[home], tails[corner]]
    J = np.concatenate([couplings, np.zeros(len(starts) - 1)])
    return Surface(n, np.array(tails, dtype=np.int64), np.array(step, dtype=np.int64), J, np.ones(len(J)))


def lattice_couplings(model: IsingModel, lattice: Lattice) -> np.ndarray | None:
    """The coupling of each bond of the lattice, parallel bonds on the first of them; None where there are others."""
    source, target, _ = lattice.bonds()
    n = lattice.n_sites
    keys = np.minimum(source, target).astype(np.int64) * n + np.maximum(source, target)
    found, first = np.unique(keys, return_index=True)
    i, j, J = model.pairs
    wanted = i.astype(np.int64) * n + j
    if n != model.n_sites or not np.all(np.isin(wanted, found)):
        return None
    couplings = np.zeros(len(keys))
    couplings[first[np.searchsorted(found, wanted)]] = J
    return couplings


def lattice_surface(lattice: Lattice, couplings: np.ndarray) -> Surface:
    """A square or triangular lattice as it is: on the plane, or on the torus where it is periodic."""
    source, target, direction = lattice.bonds()
    tail = np.stack([source, target], axis=1).reshape(-1).astype(np.int64)
    ranks, total = TURNS[lattice.kind]
    out = np.array(ranks)[direction]
    angle = np.stack([out, out + total // 2], axis=1).reshape(-1)
    order = np.lexsort((angle, tail))
    first = np.flatnonzero(np.diff(tail[order], prepend=-1))
    following = np.arange(1, len(order) + 1)
    following[np.concatenate([first[1:], [len(order)]]) - 1] = first
    turn = np.empty(len(order), dtype=np.int64)
    turn[order] = order[following]
    return Surface(lattice.n_sites, tail, round_faces(turn), couplings, np.ones(len(couplings)))


@per_model
def torus_drawing(model: IsingModel) -> Drawing | str:
    """The model on the torus, or a sentence that says why it is not there."""
    lattice = model.lattice
    if lattice is None or len(lattice.shape) != 2 or not lattice.periodic:
        return "needs a square or triangular lattice with two periodic axes"
    if min(lattice.shape) < 2:
        return "an axis of length 1 leaves a ring or a chain"
    if model.has_fields:
        return "there must be no fields"
    if model.n_sites > MAX_LATTICE:
        return f"{model.n_sites} sites are too many, the limit is {MAX_LATTICE}"
    couplings = lattice_couplings(model, lattice)
    if couplings is None:
        return "there are bonds beyond those of the lattice"
    source, _, direction = lattice.bonds()
    x, y = np.unravel_index(source, lattice.shape)
    loops = np.flatnonzero((direction == 0) & (y == 0)), np.flatnonzero((direction == 1) & (x == 0))
    surface = lattice_surface(lattice, couplings)
    return Drawing(_with_places(surface, x, y, direction), loops, 0.0)


def _with_places(surface: Surface, x: np.ndarray, y: np.ndarray, direction: np.ndarray) -> Surface:
    """Each face at its lowest corner. Faces are walked clockwise: one bond up from there, along y or the diagonal."""
    up = np.flatnonzero(direction != 0)
    face = np.empty(len(surface.phi), dtype=np.int64)
    face[np.concatenate(surface.faces)] = np.repeat(np.arange(len(surface.faces)), [len(f) for f in surface.faces])
    place = np.empty((len(surface.faces), 2))
    place[face[2 * up]] = np.stack([x[up], y[up]], axis=1)
    return Surface(surface.n_sites, surface.tail, surface.phi, surface.couplings, surface.lengths, place)
