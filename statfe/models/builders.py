"""What the families share: options, disordered couplings, and models on lattices and on all pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.errors import ModelError, SpecError
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.validation import MAX_SITES
from statfe.spec import Option

#: Largest peak of memory that a built-in model may need while it is made.
MAX_BYTES = 4 * 2**30
#: Measured peaks of `IsingModel.from_edges` with the builder's own arrays.
BYTES_PER_BOND, BYTES_PER_SITE = 88, 40

SHAPE = Option("shape", "shape", None, "length of every axis, such as 16x16", minimum=1, maximum=MAX_SITES)
BOUNDARY = Option("boundary", "str", "periodic", "boundary of every axis", ("periodic", "open"))
COUPLING = Option("coupling", "float", 1.0, "J of every bond")
SCALE = Option("coupling", "float", 1.0, "factor on every coupling")
FIELD = Option("field", "float", 0.0, "h of every site")
SITES = Option("n", "int", doc="number of spins", minimum=1, maximum=MAX_SITES)
P_PLUS = Option("p", "float", 0.5, "probability of +J (bimodal couplings)", minimum=0, maximum=1)
SEED = Option("seed", "int", 1, "seed of the disorder, apart from the seed of a run", minimum=0)


def couplings_option(*choices: str) -> Option:
    """The option that picks the distribution of the couplings; the first choice is the default."""
    return Option("couplings", "str", choices[0], "distribution of the couplings", choices)


def refuse_too_large(owner: str, n_sites: int, n_bonds: float, extra_bytes: float = 0.0) -> None:
    """Refuse a model before any large array of it is made.

    Raises
    ------
    ModelError
        Naming the size, where the model would need more than `MAX_BYTES` while it is made.
    """
    need = BYTES_PER_BOND * n_bonds + BYTES_PER_SITE * n_sites + extra_bytes
    if need > MAX_BYTES:
        raise ModelError(
            f"{owner} is too large: {n_sites} spins and {n_bonds:.3g} bonds would need about "
            f"{need / 2**30:.3g} GiB; the limit is {MAX_BYTES / 2**30:g} GiB, take a smaller one")


def n_pairs(n: int) -> int:
    """Number of pairs of n sites."""
    return n * (n - 1) // 2


def draw_couplings(kind: str, count: int, p: float, rng: np.random.Generator) -> np.ndarray:
    """`count` couplings: ``bimodal`` (+1 with probability p, or -1), ``gaussian`` N(0, 1) or ``ferro`` (+1).

    Raises
    ------
    SpecError
        Where `p` is set for couplings that do not use it.
    """
    if kind != "bimodal" and p != P_PLUS.default:
        raise SpecError(f"p={p:g} is the share of +J among bimodal couplings; drop it with couplings={kind}")
    if kind == "gaussian":
        return rng.standard_normal(count)
    if kind == "ferro":
        return np.ones(count)
    return np.where(rng.random(count) < p, 1.0, -1.0)


def uniform_fields(n: int, field: float) -> np.ndarray | None:
    """`field` on every site, or None where it is zero."""
    return np.full(n, field) if field else None


def make_lattice(options: Mapping[str, Any], kind: str = "hypercubic") -> Lattice:
    """The lattice that the options `shape` and `boundary` name, refused where a model on it is too large."""
    lattice = Lattice(options["shape"], options["boundary"] == "periodic", kind)
    refuse_too_large(f"{kind} lattice {'x'.join(map(str, lattice.shape))}", lattice.n_sites, lattice.n_bonds)
    return lattice


def lattice_model(lattice: Lattice, couplings: np.ndarray | float, field: float) -> IsingModel:
    """A model on `lattice`, with one coupling a bond in the order of `Lattice.bonds`, or one for all."""
    source, target, _ = lattice.bonds()
    # Two bonds of one pair on an axis of length 2 run both ways and may differ; that is no asymmetry.
    return IsingModel.from_edges(
        lattice.n_sites, np.minimum(source, target), np.maximum(source, target),
        np.broadcast_to(couplings, source.shape), uniform_fields(lattice.n_sites, field), lattice=lattice)


def dense_model(n: int, couplings: np.ndarray, field: float) -> IsingModel:
    """A model with every pair coupled, from one coupling a pair in the order of `dense_pairs`."""
    return IsingModel.from_edges(n, *dense_pairs(n), couplings, uniform_fields(n, field))


def dense_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs i < j, row by row; int32 each."""
    sites = np.arange(n, dtype=np.int32)
    return np.repeat(sites, n - 1 - sites), np.concatenate([sites[i + 1:] for i in range(n)])


def graph_model(
    rows: np.ndarray, cols: np.ndarray, options: Mapping[str, Any], rng: np.random.Generator
) -> IsingModel:
    """A random graph with couplings drawn in the order of its bonds."""
    n = options["n"]
    couplings = options["coupling"] * draw_couplings(options["couplings"], len(rows), options["p"], rng)
    return IsingModel.from_edges(n, rows, cols, couplings, uniform_fields(n, options["field"]))
