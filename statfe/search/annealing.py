"""Independent annealing reads over threads: their energies, and the best distinct states.

S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi, Science 220, 671 (1983); many reads a word as in S. V. Isakov et al.,
Comput. Phys. Commun. 192, 265 (2015).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.errors import NotApplicableError, unknown_name
from statfe.executors import map_tasks
from statfe.models.ising import IsingModel
from statfe.search.bit_reads import BitKernel
from statfe.search.float_reads import ChainKernel, LaneKernel
from statfe.search.reads import Batch, Kernel, levels
from statfe.search.schedule import Schedule
from statfe.signals import Stop

Progress = Callable[[str, float], None] | None

#: Kernels by name; `choose_kernel` takes the cheapest.
KERNELS: dict[str, type[Kernel]] = {"bit-lane": BitKernel, "float-lane": LaneKernel, "chain": ChainKernel}
#: Nanoseconds of work between looks at signals and the progress bar.
BLOCK_NS = 2.0e8
#: Reads for each state to keep that are looked at first when distinct states are sought.
LOOK = 4
#: Most spins that are looked at at once after that.
LOOK_SPINS = 4_000_000


@dataclass(frozen=True)
class Found:
    """Energies of the reads in order, and the best distinct states: lowest energy first, then the earliest read."""

    energies: np.ndarray
    states: np.ndarray
    state_energies: np.ndarray


def choose_kernel(model: IsingModel, reads: int, kernel: str = "auto") -> str:
    """The kernel named, or the cheapest for so many reads of `model`.

    Raises
    ------
    NotApplicableError
        There is no such kernel, or it cannot hold the model.
    """
    if kernel == "auto":
        able = [name for name, kind in KERNELS.items() if not kind.obstacle(model)]
        return min(able, key=lambda name: KERNELS[name].cost(model, reads))
    if kernel not in KERNELS:
        raise NotApplicableError(unknown_name("kernel", kernel, KERNELS))
    if reason := KERNELS[kernel].obstacle(model):
        raise NotApplicableError(f"kernel {kernel} cannot hold {model.spec}: {reason}; use float-lane")
    return kernel


def anneal(model: IsingModel, schedule: Schedule, reads: int, keep: int, seed: int, *, kernel: str, workers: int = 1,
           progress: Progress = None) -> Found:
    """Anneal and quench `reads` reads; keep at most `keep` states. The same bits for any number of workers.

    Raises
    ------
    Interrupted
        A signal came; nothing is kept.
    """
    shared = KERNELS[kernel](model, schedule)
    parts = batches(shared, reads, workers)
    share = _Share(schedule.sweeps * parts[-1].stop, progress)
    sweep = shared.cost(model, reads) * model.n_sites * shared.lanes * max(len(part) for part in parts)
    size = max(1, int(BLOCK_NS / sweep))

    with Stop("nothing was kept") as stop, stop.held():
        def task(part: range) -> Found | None:
            batch = shared.batch(part, seed)
            for first in range(0, schedule.sweeps, size):
                last = min(first + size, schedule.sweeps)
                if stop.asked:
                    return None
                batch.anneal(first, last)
                share.add((last - first) * len(part))
            batch.quench()
            return _best(model, batch, reads - part.start * shared.lanes, keep)

        found = map_tasks(task, parts, workers)
    return _joined(model, [one for one in found if one is not None], keep)


def compile_for(model: IsingModel, kernel: str) -> None:
    """Have all code compiled that `anneal` needs, by a read of one sweep, so that times are those of the work."""
    anneal(model, Schedule(np.ones(1), 1), 1, 1, 0, kernel=kernel)


def batches(kernel: Kernel, reads: int, workers: int) -> list[range]:
    """Units of each task: as many as go well together, but some for every worker."""
    units = -(-reads // kernel.lanes)
    size = min(kernel.largest, -(-units // workers))
    return [range(k, min(k + size, units)) for k in range(0, units, size)]


class _Share:
    """Progress of several threads."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.progress, self.done, self.lock = total, progress, 0, threading.Lock()

    def add(self, sweeps: int) -> None:
        if self.progress:
            with self.lock:
                self.done += sweeps
                self.progress("annealing", self.done / self.total)


def _best(model: IsingModel, batch: Batch, reads: int, keep: int) -> Found:
    """The energies of the first `reads` of a batch and its best distinct states."""
    energies = batch.energies()[:reads]
    order = np.argsort(levels(model, energies), kind="stable")
    chosen = np.empty(0, dtype=np.int64)
    states = np.empty((0, model.n_sites), dtype=np.int8)
    first, step = 0, LOOK * keep
    while first < len(order) and len(chosen) < keep:
        look = order[first:first + step]
        rows = np.concatenate([states, canonical(model, batch.spins(look))])
        kept = distinct(rows)[:keep]
        chosen, states = np.concatenate([chosen, look])[kept], rows[kept]
        first, step = first + step, min(2 * step, max(step, LOOK_SPINS // model.n_sites))
    return Found(energies, states, energies[chosen])


def _joined(model: IsingModel, parts: list[Found], keep: int) -> Found:
    energies, states, own = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("energies", "states", "state_energies"))
    order = np.argsort(levels(model, own), kind="stable")
    kept = order[distinct(states[order])[:keep]]
    return Found(energies, np.ascontiguousarray(states[kept]), own[kept])


def distinct(rows: np.ndarray) -> np.ndarray:
    """Indices of the first of each group of equal rows of spins, ascending."""
    packed = np.ascontiguousarray(np.packbits(rows > 0, axis=1))
    return np.sort(np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True)[1])


def canonical(model: IsingModel, states: np.ndarray) -> np.ndarray:
    """Without fields a state and its opposite are one: the one with the first spin up."""
    return states if model.has_fields else states * states[:, :1]
