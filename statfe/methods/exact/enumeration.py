"""The sum over all 2^N states, in Gray-code order.

Valid for every model with N <= 30; exact. All inverse temperatures share one pass over the energies (slices of the
grid above 64 values take a pass each). Without fields the global flip halves the work.
Cost: about 0.7 ns a state for its energy and 1 ns a state and beta for its weight, on one core.
Source: F. Gray, US patent 2632058 (1953); the sum itself is the definition of Z.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from statfe.executors import map_tasks
from statfe.kernels.enumeration import enumerate_chunk, inner_energies
from statfe.models.ising import IsingModel
from statfe.models.structure import elimination
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome

MAX_SITES = 30
#: A table this wide (log2 of its entries) is still worth sending to the transfer matrix.
NARROW = 24
#: Sites inside a block: the energies, weights and work arrays of 2^10 states stay in the first cache.
BLOCK_BITS = 10
#: States of a chunk: 0.15 s with a full slice of betas, so that an interrupt is heard.
CHUNK_BITS = 21
SLICE = 64


def obstacle(model: IsingModel) -> str:
    """Refuse more than `MAX_SITES` sites."""
    if model.n_sites <= MAX_SITES:
        return ""
    other = "transfer-matrix" if elimination(model).width <= NARROW else "mbar"
    return f"2^{model.n_sites} states are too many, the limit is N = {MAX_SITES}; use {other}"


def cost(model: IsingModel, n_betas: int) -> float:
    """States times work for each."""
    free = model.n_sites if model.has_fields else model.n_sites - 1
    return 1e4 + 2.0**free * (0.7 * -(-n_betas // SLICE) + n_betas)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign."""
    flip = not model.has_fields
    adjacency, fields = model.adjacency, model.fields
    if flip:  # hold the last spin at +1 and count every state twice
        n = model.n_sites - 1
        fields = adjacency[:n, [n]].toarray().ravel()
        adjacency = adjacency[:n, :n]
    graph = (adjacency.indptr, adjacency.indices, adjacency.data)
    slices = [betas[start:start + SLICE] for start in range(0, len(betas), SLICE)]
    log_z = np.concatenate([
        _log_z(graph, fields, part, context, k, len(slices)) for k, part in enumerate(slices)
    ]) + (np.log(2.0) if flip else 0.0)
    stats = {"states": 2**len(fields), "flip_symmetry": flip}
    return [exact_outcome(x, **stats) for x in log_z]


def _log_z(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray], fields: np.ndarray, betas: np.ndarray, context: Context,
    part: int, parts: int,
) -> np.ndarray:
    """ln of the sum over the states of all sites of `graph`; slice `part` of `parts` of the grid."""
    n = len(fields)
    indptr, indices, weights = graph[0].astype(np.int64), graph[1].astype(np.int32), graph[2]
    low, chunk_bits = min(n, BLOCK_BITS), min(n, CHUNK_BITS)
    count = 1 << (n - chunk_bits)
    inner = inner_energies(low, indptr, indices, weights)
    log_scale, total = np.empty((count, len(betas))), np.empty((count, len(betas)))
    done = [part * count]

    def task(chunk: int) -> None:
        enumerate_chunk(
            chunk, chunk_bits, low, indptr, indices, weights, fields, inner, betas, log_scale[chunk], total[chunk])
        done[0] += 1
        if context.progress is not None:
            context.progress("enumeration", min(1.0, done[0] / (count * parts)))

    map_tasks(task, range(count), context.workers)
    return logsumexp(log_scale, axis=0, b=total)


METHOD = Method(
    name="enumeration",
    family="exact",
    summary="sum over all 2^N states, N <= 30",
    kinds=("exact",),
    reference="definition of Z, states in the order of F. Gray, US patent 2632058 (1953)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
