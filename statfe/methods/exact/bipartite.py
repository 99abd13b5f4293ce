"""Bipartite graphs: enumerate the smaller side, sum the other in closed form.

Valid for every two-colourable graph whose smaller side has at most 26 sites in each connected component: restricted
Boltzmann machines, small open or even lattices, stars; exact. Given the small side s the spins of the other side are
independent, so

    Z = sum_s exp(beta sum_i h_i s_i) prod_j 2 cosh(beta [h_j + sum_i J_ij s_i]).

Cost: 2^(small side) times (40 + 2 x large side) ns a beta, half of it without fields; components add up.
Source: P. Smolensky in Parallel Distributed Processing, vol. 1, ch. 6 (1986) for the machine; the sum is elementary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from statfe.executors import map_tasks
from statfe.kernels.bipartite import bipartite_chunk
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model, two_colouring
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome
from statfe.trial import log_2cosh

MAX_SMALL = 26
#: Elementary operations a beta beyond which the sum is refused (three hours).
MAX_COST = 1e13
#: Nanoseconds of a chunk with a full slice of betas, so that an interrupt is heard.
CHUNK_TIME = 2e8
SLICE = 16


@dataclass(frozen=True)
class Sides:
    """The enumerated side: a mask over the sites, and per component the sizes of both sides and any field."""

    is_small: np.ndarray
    small: np.ndarray
    large: np.ndarray
    with_fields: np.ndarray

    @property
    def bits(self) -> np.ndarray:
        """log2 of the number of states to visit, per component."""
        return np.maximum(self.small - ~self.with_fields, 0)

    @property
    def work(self) -> float:
        """Nanoseconds a beta; spins alone cost nothing to speak of."""
        states = np.where(self.small > 0, np.exp2(np.minimum(self.bits, 900.0)), 0.0)
        return float(np.sum(states * (40.0 + 2.0 * self.large)))


@per_model
def sides(model: IsingModel) -> Sides | None:
    """Per component, the colour with fewer sites is the small side; None for a graph with an odd cycle."""
    colour = two_colouring(model)
    if colour is None:
        return None
    label = model.components
    size = np.bincount(label)
    ones = np.bincount(label, weights=colour).astype(np.int64)
    is_small = colour == (2 * ones <= size)[label]
    small = np.minimum(ones, size - ones)
    with_fields = np.bincount(label, weights=model.fields != 0) > 0
    return Sides(is_small, small, size - small, with_fields)


def obstacle(model: IsingModel) -> str:
    """Refuse graphs with odd cycles and two large sides."""
    found = sides(model)
    if found is None:
        return "the graph has an odd cycle; use transfer-matrix where it is narrow, enumeration up to N = 42, or mbar"
    small = int(found.small.max())
    if small > MAX_SMALL:
        return f"the smaller side has {small} sites, the limit is {MAX_SMALL}; use transfer-matrix or mbar"
    if found.work > MAX_COST:
        return f"2^{small} states times {int(found.large.max())} sites are too many; use transfer-matrix or mbar"
    return ""


def cost(model: IsingModel, n_betas: int) -> float:
    """States times sites, and what each component costs to set up."""
    found = sides(model)
    if found is None:
        return math.inf
    return n_betas * found.work + 1e5 * np.count_nonzero(found.small) + 100.0 * model.n_sites


@dataclass(frozen=True)
class Component:
    """One connected component: the kernel's arguments, and ln of the multiplicity of its states."""

    indptr: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    small_fields: np.ndarray
    large_fields: np.ndarray
    log_copies: float


def components(model: IsingModel, found: Sides) -> Iterator[Component]:
    """The components with bonds; where there are no fields the last small spin is held at +1."""
    by_label = np.argsort(model.components, kind="stable")
    ends = np.cumsum(np.bincount(model.components))
    rank, degrees = np.empty(model.n_sites, dtype=np.int64), model.degrees
    for label in np.flatnonzero(found.small):
        sites = by_label[ends[label - 1] if label else 0:ends[label]]
        small, large = sites[found.is_small[sites]], sites[~found.is_small[sites]]
        rank[large] = np.arange(len(large))
        spans = [slice(model.indptr[i], model.indptr[i + 1]) for i in small]
        indptr = np.concatenate(([0], np.cumsum(degrees[small])))
        targets = rank[np.concatenate([model.indices[span] for span in spans])]
        weights = np.concatenate([model.weights[span] for span in spans])
        large_fields = model.fields[large].copy()
        free = len(small)
        if not found.with_fields[label]:
            free -= 1
            large_fields[targets[indptr[free]:]] += weights[indptr[free]:]
        yield Component(
            indptr[:free + 1], targets[:indptr[free]], weights[:indptr[free]], model.fields[small[:free]],
            large_fields, math.log(2.0) * (len(small) - free))


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign."""
    found = sides(model)
    assert found is not None
    alone = model.fields[model.degrees == 0]
    log_z = np.array([math.fsum(log_2cosh(beta * alone)) for beta in betas])
    done, whole = 0.0, found.work * len(betas)

    def tell(work: float) -> None:
        nonlocal done
        done += work
        if context.progress is not None:
            context.progress("bipartite", min(1.0, done / whole))

    for part in components(model, found):
        slices = [betas[start:start + SLICE] for start in range(0, len(betas), SLICE)]
        log_z += part.log_copies + np.concatenate([_log_z(part, some, context.workers, tell) for some in slices])
    stats = {"states": float(np.sum(np.exp2(found.bits[found.small > 0]))), "small_side": int(found.small.max())}
    return [exact_outcome(x, **stats) for x in log_z]


def _log_z(part: Component, betas: np.ndarray, workers: int, tell: Callable[[float], None]) -> np.ndarray:
    bits = len(part.small_fields)
    state_time = 40.0 + 2.0 * len(part.large_fields)
    chunk_bits = max(0, min(bits, int(math.log2(max(1.0, CHUNK_TIME / (SLICE * state_time))))))
    count = 1 << (bits - chunk_bits)
    log_scale, total = np.empty((count, len(betas))), np.empty((count, len(betas)))

    def task(chunk: int) -> None:
        bipartite_chunk(
            chunk, chunk_bits, part.indptr, part.targets, part.weights, part.small_fields, part.large_fields,
            betas, log_scale[chunk], total[chunk])
        tell(2.0**chunk_bits * state_time * len(betas))

    map_tasks(task, range(count), workers)
    return logsumexp(log_scale, axis=0, b=total)


METHOD = Method(
    name="bipartite",
    family="exact",
    summary="two-colourable graphs (RBMs, open lattices) by enumerating the smaller side, at most 26 sites",
    kinds=("exact",),
    reference="P. Smolensky, Parallel Distributed Processing 1, ch. 6 (1986)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
