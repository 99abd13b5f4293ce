"""Site-by-site transfer matrix: a table over the spins of a moving frontier.

Valid for any graph, couplings and fields with a narrow order of its sites: strips and bars with open or periodic
sides, rings, triangular strips, long thin user graphs; exact. Each site multiplies the table by the weights of its
field and its bonds into the frontier, and is summed out when its last neighbour is in.
Cost: about 2 ns times sum over sites of 2^(frontier) a beta; 15 ns where beta J is so large that the table must
hold logarithms. The frontier may hold 24 spins (128 MB a worker). A strip open along its length needs its width, a
periodic one twice its width less one.
Source: H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941); site by site as in I. Morgenstern and
K. Binder, Phys. Rev. B 22, 288 (1980).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.executors import map_tasks
from statfe.junction.moments import with_exact_moments
from statfe.kernels.transfer_matrix import advance
from statfe.models.ising import IsingModel
from statfe.models.structure import Elimination, elimination
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome

MAX_WIDTH = 24
#: Largest spread of the logarithms in a table of plain weights; doubles hold 1400.
MAX_SPREAD = 300.0
#: Table entries a kernel call may touch, with weights and with logarithms: some 0.2 s.
PIECE = {True: 2.0**26, False: 2.0**23}


def obstacle(model: IsingModel) -> str:
    """Refuse graphs without a narrow order."""
    width = elimination(model).width
    if width <= MAX_WIDTH:
        return ""
    other = "enumeration" if model.n_sites <= 42 else "mbar"
    return f"needs a table over {width} spins, the limit is {MAX_WIDTH}; use {other}"


def cost(model: IsingModel, n_betas: int) -> float:
    """Nanoseconds: table entries touched, and the bookkeeping of each site."""
    return n_betas * (elimination(model).work + 1000.0 * model.n_sites) + 300.0 * model.n_sites + 1e5


@dataclass(frozen=True)
class Schedule:
    """The model in the order of an `Elimination`: arguments of the kernel."""

    back_ptr: np.ndarray
    back: np.ndarray
    back_weights: np.ndarray
    fields: np.ndarray
    gone_ptr: np.ndarray
    gone: np.ndarray


def schedule(model: IsingModel, plan: Elimination) -> Schedule:
    """Bonds to earlier positions, fields (with the pinned spins at +1), and who leaves when."""
    n = len(plan.order)
    position = np.full(model.n_sites, -1)
    position[plan.order] = np.arange(n)
    pinned = np.zeros(model.n_sites)
    pinned[plan.pinned] = 1.0
    fields = (model.fields + model.adjacency @ pinned)[plan.order]
    i, j, J = model.pairs
    low, high = np.minimum(position[i], position[j]), np.maximum(position[i], position[j])
    inside = low >= 0
    by_site = np.lexsort((low[inside], high[inside]))
    high = high[inside][by_site]
    gone = np.argsort(plan.last, kind="stable")
    return Schedule(
        back_ptr=np.searchsorted(high, np.arange(n + 1)), back=low[inside][by_site], back_weights=J[inside][by_site],
        fields=fields, gone_ptr=np.searchsorted(plan.last[gone], np.arange(n + 1)), gone=gone)


class Sweep:
    """The table of one beta on its way through the sites."""

    def __init__(self, plan: Elimination, arrays: Schedule, beta: float) -> None:
        self.arrays, self.beta = arrays, beta
        spread = 2.0 * abs(beta) * float(plan.strength.max(initial=0.0))
        self.scaled = spread <= MAX_SPREAD
        self.table = np.zeros(1 << plan.width)
        self.table[0] = 1.0 if self.scaled else 0.0
        self.inner = np.zeros((2, 1024))
        self.outer = np.zeros((2, 1 << max(0, plan.width - 10)))
        self.held = np.zeros(plan.width + 1, dtype=np.int64)
        self.counters = np.zeros(2, dtype=np.int64)
        self.logs = np.zeros(3)
        self.pieces = list(pieces(plan, PIECE[self.scaled]))

    def go(self, piece: int) -> None:
        """Take in one piece of the sites; nothing when past the last."""
        if piece < len(self.pieces):
            a = self.arrays
            advance(
                *self.pieces[piece], self.beta, self.scaled, a.back_ptr, a.back, a.back_weights, a.fields, a.gone_ptr,
                a.gone, self.table, self.inner, self.outer, self.held, self.counters, self.logs)

    @property
    def log_z(self) -> float:
        """ln Z once all sites are in, with the pinned spins at +1."""
        if self.scaled:
            return float(np.log(self.table[0]) + self.counters[1] * np.log(2.0))
        return float(self.logs[0] - self.logs[1] + self.table[0])


def pieces(plan: Elimination, size: float) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of positions that touch about `size` table entries each."""
    done = np.cumsum(np.exp2(plan.bits, dtype=np.float64))
    stops = np.flatnonzero(np.diff(done // size, append=np.inf)) + 1
    start = 0
    for stop in stops.tolist():
        yield start, stop
        start = stop


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta, either sign; `context.workers` betas at a time."""
    plan = elimination(model)
    arrays = schedule(model, plan)
    stats = {"frontier": plan.width, "pinned": len(plan.pinned)}
    values: list[float] = []
    group = max(1, context.workers)
    for first in range(0, len(betas), group):
        sweeps = [Sweep(plan, arrays, float(beta)) for beta in betas[first:first + group]]
        pieces = max(len(sweep.pieces) for sweep in sweeps)
        for piece in range(pieces):
            map_tasks(lambda sweep, k=piece: sweep.go(k), sweeps, context.workers)  # type: ignore[misc]
            if context.progress is not None:
                share = len(sweeps) * (piece + 1) / pieces
                context.progress("transfer-matrix", (first + share) / len(betas))
        values += [sweep.log_z + len(plan.pinned) * np.log(2.0) for sweep in sweeps]
    return with_exact_moments(model, betas, [exact_outcome(x, **stats) for x in values])


METHOD = Method(
    name="transfer-matrix",
    family="exact",
    summary="strips, bars, rings and any graph with a narrow order of its sites",
    kinds=("exact",),
    reference="H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941); "
    "I. Morgenstern and K. Binder, Phys. Rev. B 22, 288 (1980)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
