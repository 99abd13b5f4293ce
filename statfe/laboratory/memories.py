"""The attractors of a Hopfield network at zero temperature: memories, their mixtures, and states of the glass.

From random starts, and from the stored patterns themselves, spins turn to their fields until none is left to turn.
The free energy at T = 0 is the energy; the stability of a state is minus the smallest s_i h_i, half the price of its
cheapest flip. Without a field a state and its global flip are one attractor.
Source: J. J. Hopfield, Proc. Natl. Acad. Sci. 79, 2554 (1982); D. J. Amit, H. Gutfreund and H. Sompolinsky,
Phys. Rev. A 32, 1007 (1985) (mixtures), Ann. Phys. 173, 30 (1987) (loads).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from statfe.attractors.found import NOT_CONVERGED, AttractorSet, basin_fractions
from statfe.blas import one_thread
from statfe.errors import UsageError
from statfe.laboratory.network import Network, kinds_of, network, settled
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import check_integer, check_seed

#: Key of the random stream of the starts (see `statfe.random.generator`).
STARTS_KEY = 7101
DEFAULT_STARTS = 2000


@one_thread()
def memories(
    model: str | IsingModel, starts: int = DEFAULT_STARTS, *, seed: int | None = None, workers: int = 1,
) -> AttractorSet:
    """All attractors that random starts, or the patterns themselves, settle in.

    Parameters
    ----------
    model
        ``hopfield:n=...,patterns=...``.
    starts
        Random states of the spins; the basin of an attractor is their share that ends there. A memory that only its
        own pattern leads to has a basin of 0.

    Returns
    -------
    AttractorSet
        Kinds ``memory``, ``reversed memory`` (only with a field; else both are one), ``mixture of 3``, ``glass``;
        `stats` has ``pattern`` (-1 for none), ``overlap``, ``load`` and ``patterns``.

    Raises
    ------
    UsageError
        For a model without stored patterns, and counts or seeds out of range.
    """
    net = network(model)
    count, threads = check_integer("starts", starts, 1), check_integer("workers", workers, 1)
    number = check_seed(seed)
    first = 2.0 * generator(number, STARTS_KEY).integers(0, 2, (count, net.n)) - 1.0
    ends, done = settled(net, np.concatenate([first, net.patterns]), threads)
    states, member = _distinct(net, ends)
    labels = np.where(done, member, NOT_CONVERGED)[:count]
    used = np.unique(member[done])  # a start that was given up leaves no attractor
    labels = np.where(labels >= 0, np.searchsorted(used, labels), labels)
    return _described(net, states[used], first, labels, number)


def _distinct(net: Network, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different states, and which of them each end is; one of a state and its flip where both have one energy."""
    turned = ends * ends[:, :1] if net.field == 0.0 else ends
    bits = np.packbits(turned > 0, axis=1)
    _, index, member = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return turned[index], member.ravel()


def _described(net: Network, states: np.ndarray, starts: np.ndarray, labels: np.ndarray, seed: int) -> AttractorSet:
    """With what there is to say of each attractor, the largest basin first, then the lowest energy."""
    hits, energies = np.bincount(labels[labels >= 0], minlength=len(states)), net.energies(states)
    order = np.lexsort((energies, -hits))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    labels, states = np.where(labels >= 0, place[labels], labels), states[order]
    words, pattern, overlap = kinds_of(net, states)
    if net.field == 0.0:
        states = np.where(overlap < 0.0, -1.0, 1.0)[:, None] * states
        words, overlap = [word.removeprefix("reversed ") for word in words], np.abs(overlap)
    share, error = basin_fractions(labels, len(states))
    lost = int(np.sum(labels == NOT_CONVERGED))
    return AttractorSet(
        system=net.spec, method="zero-temperature", kinds=tuple(words), states=states,
        coordinates=tuple(f"s{i}" for i in range(net.n)), free_energy=energies[order],
        stability=-np.min(net.alignments(states), axis=1), basin_fraction=share, basin_fraction_error=error,
        starts=starts, labels=labels, seed=seed, status="not_converged" if lost else "converged",
        message=f"{lost} starts did not settle; report the model" if lost else "",
        stats={"pattern": pattern, "overlap": overlap, "load": np.full(len(states), net.load),
               "patterns": np.full(len(states), len(net.patterns))})


def over_loads(
    n: int, loads: Sequence[float] | np.ndarray, starts: int = DEFAULT_STARTS, *, network_seed: int = 1,
    seed: int | None = None, workers: int = 1, progress: Callable[[str, float], None] | None = None,
) -> AttractorSet:
    """`memories` of one network of `n` spins at each load, in one set; the same starts for all.

    Shares are those of the starts at one load. `stats` has ``load`` and ``patterns`` of each attractor.
    """
    number, found = check_seed(seed), []
    counts = pattern_counts(n, loads)
    for k, p in enumerate(counts):
        found.append(memories(f"hopfield:n={n},patterns={p},seed={network_seed}", starts, seed=number, workers=workers))
        if progress is not None:
            progress("attractors", (k + 1) / len(counts))
    return _joined(found, f"hopfield:n={n},seed={network_seed}")


def pattern_counts(n: int, loads: Sequence[float] | np.ndarray) -> list[int]:
    """The number of patterns at each load: the integer nearest to alpha n, 1 at least.

    Raises
    ------
    UsageError
        For loads that are not above 0, or two with one number of patterns.
    """
    alphas = np.asarray(loads, dtype=np.float64)
    if alphas.size == 0 or not np.all(np.isfinite(alphas) & (alphas > 0.0)):
        raise UsageError("loads (patterns a spin) must be above 0")
    counts = np.maximum(1, np.rint(alphas * n)).astype(np.int64)
    if len(np.unique(counts)) < len(counts):
        raise UsageError(f"two of the loads give one number of patterns at n={n}; take a coarser grid or a larger n")
    return [int(p) for p in counts]


def _joined(sets: Sequence[AttractorSet], system: str) -> AttractorSet:
    """One set of all, each with starts and labels of its own."""
    first = np.cumsum([0] + [found.count for found in sets])
    lost = [found for found in sets if found.status != "converged"]

    def whole(name: str) -> np.ndarray:
        return np.concatenate([getattr(found, name) for found in sets])

    stats = {name: np.concatenate([found.stats[name] for found in sets]) for name in sets[0].stats}
    return AttractorSet(
        system=system, method=sets[0].method, kinds=tuple(word for found in sets for word in found.kinds),
        states=whole("states"), coordinates=sets[0].coordinates, free_energy=whole("free_energy"),
        stability=whole("stability"), basin_fraction=whole("basin_fraction"),
        basin_fraction_error=whole("basin_fraction_error"), starts=whole("starts"),
        labels=np.concatenate([np.where(f.labels >= 0, f.labels + k, f.labels)
                               for f, k in zip(sets, first[:-1], strict=True)]),
        seed=sets[0].seed, status=lost[0].status if lost else "converged", message=lost[0].message if lost else "",
        stats=stats)
