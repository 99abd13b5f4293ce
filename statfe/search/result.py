"""What a search for the ground state found: `GroundState`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import betaincinv

from statfe.models.ising import IsingModel
from statfe.result import plain
from statfe.search.reads import SAME_LEVEL, energy_scale, levels
from statfe.search.schedule import Schedule

#: Level of the interval of the success probability, and probability of the time to solution.
CONFIDENCE, SOLVED = 0.95, 0.99


@dataclass(frozen=True, eq=False)
class GroundState:
    """What a search found.

    Attributes
    ----------
    energy
        The lowest energy found, with the model's constant: the ground-state energy where `certified`, else an upper
        bound of it.
    certified, lower_bound, certificate
        Whether `energy` is certainly the lowest (to 1e-9 of the sum of all |J| and |h|), a rigorous bound from below,
        and the reason in words.
    states, state_energies
        The best distinct states, lowest energy first; int8, shape (k, n_sites), and float64, shape (k,). Without
        fields a state and its opposite count as one, the one with the first spin up.
    energies
        Final energy of every read, shape (reads,).
    target_energy
        A read succeeds where it ends at this energy or below; `energy` unless another was asked for.
    schedule
        The betas and sweeps of a read.
    seconds
        Wall time of all reads, on `workers` threads; certificates and files not counted.
    kernel, seed, command
        How the reads were run; the command is "" where only Python can run them again.
    attributes, path
        Root attributes and name of the file it was read from or written to.
    """

    model: IsingModel
    energy: float
    certified: bool
    lower_bound: float
    certificate: str
    states: np.ndarray
    state_energies: np.ndarray
    energies: np.ndarray
    target_energy: float
    schedule: Schedule
    seed: int
    kernel: str
    workers: int
    seconds: float
    command: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""

    @property
    def reads(self) -> int:
        """Number of reads."""
        return len(self.energies)

    @property
    def per_site(self) -> float:
        """Lowest energy a spin."""
        return self.energy / self.model.n_sites

    @property
    def kind(self) -> str:
        """``exact`` where certified, else ``upper_bound``; said of `energy`."""
        return "exact" if self.certified else "upper_bound"

    @property
    def lowest_states(self) -> np.ndarray:
        """The states kept that lie at the lowest energy, int8, shape (k, n_sites)."""
        return self.states[levels(self.model, self.state_energies) == 0]

    @property
    def hits(self) -> int:
        """Reads that ended at `target_energy` or below."""
        slack = 0.5 * SAME_LEVEL * (energy_scale(self.model) + abs(self.model.offset))
        return int(np.sum(self.energies <= self.target_energy + slack))

    @property
    def success(self) -> float:
        """Share of reads that succeeded."""
        return self.hits / self.reads

    @property
    def success_interval(self) -> tuple[float, float]:
        """95% interval of the success probability (Clopper and Pearson 1934)."""
        k, n, tail = self.hits, self.reads, (1.0 - CONFIDENCE) / 2.0
        low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
        high = float(betaincinv(k + 1, n - k, 1.0 - tail)) if k < n else 1.0
        return low, high

    @property
    def read_seconds(self) -> float:
        """Wall time a read: all reads together, on all threads, over their number."""
        return self.seconds / self.reads

    @property
    def time_to_solution(self) -> float:
        """Seconds until one read has succeeded with probability 99%; infinite where none did. See `solution_time`.

        Reads run side by side, 64 and more at once: this is their share of the time of all, as it counts for hard
        models, where many are needed. No answer comes before the reads that run together end.
        """
        return solution_time(self.read_seconds, self.success)

    @property
    def time_interval(self) -> tuple[float, float]:
        """`time_to_solution` at the ends of `success_interval`, shorter first."""
        low, high = self.success_interval
        return solution_time(self.read_seconds, high), solution_time(self.read_seconds, low)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; NaN and infinities become None."""
        return plain({
            "model": self.model.spec, "n_sites": self.model.n_sites, "energy": self.energy,
            "energy_per_site": self.per_site, "kind": self.kind, "certified": self.certified,
            "lower_bound": self.lower_bound, "certificate": self.certificate, "target_energy": self.target_energy,
            "reads": self.reads, "hits": self.hits, "success": self.success,
            "success_interval": list(self.success_interval), "distinct_states": len(self.states),
            "state_energies": self.state_energies, "seconds": self.seconds, "read_seconds": self.read_seconds,
            "time_to_solution": self.time_to_solution, "time_interval": list(self.time_interval),
            "sweeps": self.schedule.sweeps, "beta_first": self.schedule.betas[0], "beta_last": self.schedule.betas[-1],
            "kernel": self.kernel, "workers": self.workers, "seed": self.seed, "command": self.command,
            "output": self.path or None})


def solution_time(seconds: float, success: float) -> float:
    """t ln(1 - 0.99) / ln(1 - p), at least one read: until one of independent reads succeeds with probability 99%."""
    if success <= 0.0:
        return math.inf
    if success >= SOLVED:
        return seconds
    return seconds * math.log1p(-SOLVED) / math.log1p(-success)
