"""A Hopfield network at zero temperature: its patterns, how states settle, and what the states are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.kernels.recall import settle
from statfe.models.catalogue import build_model, families
from statfe.models.families.hopfield import draw_patterns
from statfe.models.ising import IsingModel
from statfe.spec import check_options, split_spec

#: States whose overlap with a pattern is above this are its memory: at the end of retrieval it is .967, glass has .3.
NEAR = 0.8
#: The same for a mixture, whose patterns are chosen to fit.
NEAR_MIXTURE = 0.9
#: Odd mixtures that are looked for; even ones are unstable (Amit, Gutfreund and Sompolinsky, Phys. Rev. A 32, 1007).
MIXTURES = (3, 5)
#: Sweeps before a start is given up: far beyond the tens that are needed.
SWEEPS = 10_000
#: Starts that settle in one task.
BLOCK = 64


@dataclass(frozen=True, eq=False)
class Network:
    """E(s) = -(1/2) s.J s - h sum s with J = (coupling / n) (X^T X - p), in units where sums of patterns are integers.

    Attributes
    ----------
    patterns
        xi, float64 of +-1, shape (patterns, n).
    couplings
        n J / coupling: integers in float64, so that sums over them are exact; shape (n, n).
    field
        n h / coupling.
    unit
        coupling / n: the energy of one of these units.
    """

    spec: str
    seed: int
    patterns: np.ndarray
    couplings: np.ndarray
    field: float
    unit: float

    @property
    def n(self) -> int:
        """Number of spins."""
        return self.patterns.shape[1]

    @property
    def load(self) -> float:
        """alpha, patterns a spin."""
        return len(self.patterns) / self.n

    def energies(self, states: np.ndarray) -> np.ndarray:
        """E of states of shape (count, n)."""
        pull = states @ self.couplings
        return -self.unit * (0.5 * np.sum(pull * states, axis=1) + self.field * np.sum(states, axis=1))

    def alignments(self, states: np.ndarray) -> np.ndarray:
        """s_i times the local field of spin i, shape (count, n): none is below 0 at a fixed point."""
        return self.unit * states * (states @ self.couplings + self.field)

    def overlaps(self, states: np.ndarray) -> np.ndarray:
        """m_mu = (1/n) sum_i xi_i^mu s_i, shape (count, patterns)."""
        return states @ self.patterns.T / self.n


def network(model: str | IsingModel) -> Network:
    """The network of a ``hopfield`` spec.

    Raises
    ------
    UsageError
        For another model, which has no patterns; or couplings that are not positive, which store nothing.
    """
    spins = build_model(model)
    name, raw = split_spec(spins.spec)
    if name != "hopfield":
        raise UsageError(f"{spins.spec} has no stored patterns; take a model such as hopfield:n=200,patterns=5")
    options = check_options(name, raw, families()[name].options).options
    if options["coupling"] <= 0.0:
        raise UsageError(f"{spins.spec}: a coupling of {options['coupling']:g} stores nothing; take one above 0")
    n, unit = options["n"], options["coupling"] / options["n"]
    xi = draw_patterns(options["patterns"], n, options["seed"]).astype(np.float64)
    couplings = xi.T @ xi
    np.fill_diagonal(couplings, 0.0)
    return Network(spins.spec, options["seed"], xi, couplings, options["field"] / unit, unit)


def settled(net: Network, starts: np.ndarray, workers: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Where states of shape (count, n) end, and which of them did end.

    Spins turn to their local fields one after the other, in the order of the sites, until all agree (Hopfield 1982).
    """
    ends = np.array(starts, dtype=np.float64)
    local = ends @ net.couplings + net.field
    # Without a field all sums are integers and exact; a spin whose field is 0 stays as it is.
    least = 0.0 if net.field == 0.0 else 1e-9 * (1.0 + abs(net.field))

    def block(first: int) -> list[bool]:
        rows = range(first, min(first + BLOCK, len(ends)))
        return [settle(ends[r], local[r], net.couplings, least, SWEEPS) > 0 for r in rows]

    done = [ok for part in map_tasks(block, range(0, len(ends), BLOCK), workers) for ok in part]
    return ends, np.array(done, dtype=np.bool_)


def kinds_of(net: Network, states: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What states are: ``memory``, ``mixture of 3``, ..., ``glass``; with the pattern or -1, and the largest overlap.

    A mixture of k is near sign(sum of the k patterns that it overlaps most, each turned to it).
    """
    overlaps = net.overlaps(states)
    order = np.argsort(-np.abs(overlaps), axis=1, kind="stable")
    words, pattern = [], np.full(len(states), -1, dtype=np.int64)
    largest = np.take_along_axis(overlaps, order[:, :1], axis=1)[:, 0] if overlaps.size else np.zeros(len(states))
    for r, state in enumerate(states):
        if abs(largest[r]) >= NEAR:
            words.append("memory" if largest[r] > 0 else "reversed memory")
            pattern[r] = order[r, 0]
            continue
        words.append(next((f"mixture of {k}" for k in MIXTURES if k <= len(net.patterns)
                           and _mixed(net, state, order[r, :k], overlaps[r])), "glass"))
    return words, pattern, largest


def _mixed(net: Network, state: np.ndarray, chosen: np.ndarray, overlaps: np.ndarray) -> bool:
    mixture = np.sign(np.sign(overlaps[chosen]) @ net.patterns[chosen])
    return bool(abs(mixture @ state) / net.n >= NEAR_MIXTURE)
