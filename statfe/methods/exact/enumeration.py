"""The sum over all 2^N states, most of them as a matrix product.

Valid for every model with N <= 42; exact, for beta of either sign and any size. Two groups A and B of up to 8 sites
meet only through a matrix M that is the same for all states of the others, so that

    Z = sum_h w_h sum_a U_h[a] sum_b M[a, b] V_h[b]                                                           (1)

costs one multiplication and one addition a state. All terms are positive: nothing cancels. Where beta is so large that
the weights within A and B leave the range of doubles, A and B are made smaller; beyond that the logarithms of the
weights are added up one by one. Without fields the global flip halves the work.
Cost: 0.04 to 0.1 ns a state and beta on one core with AVX-512 (N = 40 without fields: 25 s); 1.7 ns at such large beta.
Source: the sum is the definition of Z; as products of matrices R. Williams, Theor. Comput. Sci. 348, 357 (2005); order
of the other states F. Gray, US patent 2632058 (1953).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from statfe.executors import map_tasks
from statfe.junction.moments import with_exact_moments
from statfe.kernels.enumeration import enumerate_chunk, inner_energies
from statfe.kernels.enumeration_products import product_chunk
from statfe.kernels.product_vectors import LANES, ROWS
from statfe.models.ising import IsingModel
from statfe.models.states import all_spins
from statfe.models.structure import elimination, per_model
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome

MAX_SITES = 42
#: A table this wide (log2 of its entries) is still worth sending to the transfer matrix.
NARROW = 24
#: Sites of A and B together, from the fastest down, and of the lanes.
LOW_BITS = (16, 14, 12, 10, 8)
LANE_BITS = 4
#: Largest range of the logarithms of the weights within A and B; doubles hold 1400.
MAX_RANGE = 600.0
#: States of a task: some 5 ms, so that threads are busy to the end and an interrupt is heard; betas of a round.
TASK_BITS, ROUND = 27, 16
#: Beta E must stay below, so that differences of exponents do too.
OVERFLOW = 1e300
#: One by one: sites inside a block, whose states stay in the first cache; states of a task; betas of a pass.
BLOCK_BITS, CHUNK_BITS, SLICE = 10, 21, 64


def obstacle(model: IsingModel) -> str:
    """Refuse more than `MAX_SITES` sites."""
    if model.n_sites <= MAX_SITES:
        return ""
    other = "transfer-matrix" if elimination(model).width <= NARROW else "mbar"
    return f"2^{model.n_sites} states are too many, the limit is N = {MAX_SITES}; use {other}"


def cost(model: IsingModel, n_betas: int) -> float:
    """Nanoseconds: states, and the tables of each beta."""
    free = model.n_sites if model.has_fields else model.n_sites - 1
    low = _most_low_bits(free)
    return 1e5 + n_betas * (1e5 + 15.0 * 2.0**low + (0.05 + 60.0 * 2.0**-low) * 2.0**free)


@dataclass(frozen=True)
class Layout:
    """Sites in the order of the bits, strongly coupled ones last; without fields the last spin is held at +1."""

    J: np.ndarray
    fields: np.ndarray
    flip: bool

    @property
    def n(self) -> int:
        """Sites that are free."""
        return len(self.fields)


@per_model
def layout(model: IsingModel) -> Layout:
    """Dense couplings and fields of the free sites."""
    J, fields = model.adjacency.toarray(), model.fields
    with np.errstate(over="ignore"):
        order = np.argsort(np.abs(J).sum(axis=1), kind="stable")
    J, fields = J[np.ix_(order, order)], fields[order]
    if model.has_fields:
        return Layout(J, fields, False)
    return Layout(np.ascontiguousarray(J[:-1, :-1]), J[:-1, -1].copy(), True)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign."""
    sites = layout(model)
    log_z = np.full(len(betas), np.inf)
    low = np.array([_low_bits(sites, float(beta)) for beta in betas])
    with np.errstate(over="ignore"):
        finite = np.abs(betas) * model.reach < OVERFLOW
    zero = betas == 0.0
    log_z[zero] = model.n_sites * math.log(2.0)
    products, singly = (np.flatnonzero(finite & ~zero & some) for some in (low >= 0, low < 0))
    tell = _Progress(context, len(products) + 50.0 * len(singly))
    for first in range(0, len(products), ROUND):
        some = products[first:first + ROUND]
        parts = [Products(sites, float(betas[k]), int(low[k])) for k in some]
        log_z[some] = _sum_products(parts, context.workers, tell)
    for first in range(0, len(singly), SLICE):
        some = singly[first:first + SLICE]
        log_z[some] = _sum_singly(sites, betas[some], context.workers, tell)
    log_z[~zero] += math.log(2.0) * sites.flip
    stats = {"states": 2**sites.n, "flip_symmetry": sites.flip}
    return with_exact_moments(model, betas, [exact_outcome(x, **stats) for x in log_z])


class _Progress:
    """Tells how much of the work is done; an amount of 1 is all states at one beta."""

    def __init__(self, context: Context, whole: float) -> None:
        self.tell, self.whole, self.done = context.progress, whole, 0.0

    def add(self, amount: float) -> None:
        """Another `amount` is done."""
        self.done += amount
        if self.tell is not None:
            self.tell("enumeration", min(1.0, self.done / self.whole))


def _most_low_bits(free: int) -> int:
    """Sites of A and B beyond which their tables cost more than they save; no more than there are beside the lanes."""
    return min(free - min(LANE_BITS, free), max(8, min(free - 8, LOW_BITS[0])))


def _low_bits(sites: Layout, beta: float) -> int:
    """Sites of A and B together at `beta`; -1 where even few spread the weights too far."""
    for bits in LOW_BITS:
        m = min(bits, _most_low_bits(sites.n))
        with np.errstate(over="ignore", invalid="ignore"):
            spread = abs(beta) * float(np.abs(sites.J[:m, :m]).sum())  # each bond twice, as it should be
        if spread <= MAX_RANGE:
            return m
    return -1



def _aligned(size: int) -> np.ndarray:
    """Zeros that begin with a line of the cache."""
    room = np.zeros(size + 8)
    skip = (-room.ctypes.data // 8) % 8
    return room[skip:skip + size]


class Products:
    """Tables and tasks of one beta."""

    def __init__(self, sites: Layout, beta: float, low: int) -> None:
        n = sites.n
        self.K, self.theta = beta * sites.J, beta * sites.fields
        self.p, self.q, self.lane_bits = low // 2, low - low // 2, min(LANE_BITS, n)
        a, b, lanes = (all_spins(k) for k in (self.p, self.q, self.lane_bits))
        A, B, L = slice(0, self.p), slice(self.p, low), slice(low, low + self.lane_bits)
        logs = [0.5 * ((s @ self.K[at, at]) * s).sum(axis=1) for s, at in ((a, A), (b, B), (lanes, L))]
        # A matrix product would wake BLAS threads, which takes longer than the product.
        between = np.einsum("ai,bi->ab", a @ self.K[A, B], b)
        self.log_scale = float(logs[0].max() + logs[1].max() + between.max())
        self.table_a, self.table_b = np.exp(logs[0] - logs[0].max()), np.exp(logs[1] - logs[1].max())
        M = np.zeros((max(ROWS, len(a)), len(b)))
        M[:len(a)] = np.exp(between - between.max())
        self.packed = M.reshape(-1, ROWS, len(b)).transpose(0, 2, 1).ravel()
        self.rows, self.columns = M.shape
        self.lane_spins, self.lane_theta = np.zeros((self.lane_bits, LANES)), np.zeros((low, LANES))
        self.lane_logs = np.zeros(LANES)
        self.lane_spins[:, :len(lanes)] = lanes.T
        self.lane_theta[:, :len(lanes)] = self.K[:low, L] @ lanes.T
        self.lane_logs[:len(lanes)] = logs[2]
        outer = n - low - self.lane_bits
        self.chunk_bits = min(outer, max(0, TASK_BITS - low - self.lane_bits))
        self.sums = np.zeros((1 << (outer - self.chunk_bits), 2))

    def add_up(self, chunk: int) -> None:
        """Sum over one chunk of the outer states."""
        U, V = _aligned(self.rows * LANES), _aligned(self.columns * LANES)
        product_chunk(
            chunk, self.chunk_bits, self.p, self.q, self.lane_bits, self.K, self.theta, self.lane_spins.ravel(),
            self.lane_theta.ravel(), self.lane_logs, self.table_a, self.table_b, self.packed, U, V, self.sums[chunk])

    @property
    def log_z(self) -> float:
        """ln of the sum over all states, once all chunks are in."""
        return float(logsumexp(self.sums[:, 0], b=self.sums[:, 1])) + self.log_scale


def _sum_products(parts: list[Products], workers: int, tell: _Progress) -> list[float]:
    def task(item: tuple[Products, int]) -> None:
        part, chunk = item
        part.add_up(chunk)
        tell.add(1.0 / len(part.sums))

    map_tasks(task, ((part, chunk) for part in parts for chunk in range(len(part.sums))), workers)
    return [part.log_z for part in parts]


def _sum_singly(sites: Layout, betas: np.ndarray, workers: int, tell: _Progress) -> np.ndarray:
    """ln Z from the logarithm of every weight, for a slice of betas."""
    n = sites.n
    indptr, indices, weights = _rows(sites.J)
    low, chunk_bits = min(n, BLOCK_BITS), min(n, max(CHUNK_BITS, n - 14))
    count = 1 << (n - chunk_bits)
    inner = inner_energies(low, indptr, indices, weights)
    log_scale, total = np.empty((count, len(betas))), np.empty((count, len(betas)))

    def task(chunk: int) -> None:
        enumerate_chunk(
            chunk, chunk_bits, low, indptr, indices, weights, sites.fields, inner, betas, log_scale[chunk],
            total[chunk])
        tell.add(50.0 * len(betas) / count)

    map_tasks(task, range(count), workers)
    return np.asarray(logsumexp(log_scale, axis=0, b=total))


def _rows(J: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compressed sparse rows of a dense matrix."""
    i, j = np.nonzero(J)
    return np.searchsorted(i, np.arange(len(J) + 1)), j.astype(np.int32), J[i, j]


METHOD = Method(
    name="enumeration",
    family="exact",
    summary=f"sum over all 2^N states, N <= {MAX_SITES}",
    kinds=("exact",),
    reference="definition of Z; as products of matrices R. Williams, Theor. Comput. Sci. 348, 357 (2005)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
