"""How well a Hopfield network recalls, against its load: where patterns settle, and from how far they are found.

For each load alpha, several networks with patterns of their own: each pattern is left to settle, from itself and with
spins flipped down to a given overlap. It is recalled when the end has an overlap of at least .8 with it. As n grows the
overlap of the memories follows the replica-symmetric m(alpha) at T = 0, and ends at alpha = .138 (Amit, Gutfreund and
Sompolinsky, Ann. Phys. 173, 30 (1987)). Errors are those of the mean over the networks, which share nothing;
where they all agree, that of a share one success from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.blas import one_thread
from statfe.laboratory.memories import pattern_counts
from statfe.laboratory.network import NEAR, Network, kinds_of, network, settled
from statfe.limits.hopfield import retrieval_overlap
from statfe.random import generator
from statfe.registry import check_integer, check_seed

#: Key of the random stream of flipped and of random starts, with one more number for each load and network.
RECALL_KEY = 7102
#: Overlaps with the pattern to start from.
START_OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: Patterns of one network that are tried, at most.
TRIED = 64
LEAST_NETWORKS = 4


@dataclass(frozen=True, eq=False)
class Recall:
    """One row a load.

    Attributes
    ----------
    n, networks
        Spins, and networks a load.
    patterns
        Stored patterns, int, shape (load,).
    start_overlaps
        shape (start,).
    share, share_error
        Share of patterns that are recalled from each overlap, shape (load, start).
    overlap, overlap_error
        Mean overlap of a pattern with where it settles, shape (load,).
    theory
        The same as n grows: m of the replica-symmetric theory at T = 0, 0 without retrieval; shape (load,).
    basin, basin_error
        Share of random starts that end at a memory, shape (load,).
    radius
        Overlap from which half of the patterns are recalled, by interpolation; nan where it is not crossed.
    """

    n: int
    networks: int
    seed: int
    patterns: np.ndarray
    start_overlaps: np.ndarray
    share: np.ndarray
    share_error: np.ndarray
    overlap: np.ndarray
    overlap_error: np.ndarray
    theory: np.ndarray
    basin: np.ndarray
    basin_error: np.ndarray
    radius: np.ndarray

    @property
    def load(self) -> np.ndarray:
        """alpha = patterns / n, shape (load,)."""
        return self.patterns / self.n


@one_thread()
def recall(
    n: int = 500, loads: Sequence[float] | np.ndarray = (0.02, 0.06, 0.1, 0.14, 0.18), *, networks: int = 8,
    starts: int = 200, seed: int | None = None, workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Recall:
    """Measure recall at each load.

    Parameters
    ----------
    n
        Spins.
    loads
        alpha; the number of patterns is the nearest integer to alpha n, at least 1.
    networks
        Networks a load, at least 4: the error is that of their mean.
    starts
        Random starts of each network.

    Raises
    ------
    UsageError
        For loads that are not positive, two loads with one number of patterns, or fewer than 4 networks.
    """
    size, copies = check_integer("n", n, 2), check_integer("networks", networks, LEAST_NETWORKS)
    count, number = check_integer("starts", starts, 1), check_seed(seed)
    patterns = pattern_counts(size, loads)
    rows = []
    for k, p in enumerate(patterns):
        seen = []
        for c in range(copies):
            net = network(f"hopfield:n={size},patterns={p},seed={_network_seed(number, k, c)}")
            seen.append(_measure(net, count, generator(number, (RECALL_KEY, k, c)), workers))
            if progress is not None:
                progress("networks", (k * copies + c + 1) / (len(patterns) * copies))
        rows.append(np.array(seen))
    seen_all = np.array(rows)  # (load, network, start + 2)
    mean, error = seen_all.mean(axis=1), seen_all.std(axis=1, ddof=1) / math.sqrt(copies)
    error = np.maximum(error, _least_errors(mean, size, patterns, copies, count))
    points = np.array(START_OVERLAPS)
    return Recall(
        n=size, networks=copies, seed=number, patterns=np.array(patterns), start_overlaps=points, share=mean[:, :-2],
        share_error=error[:, :-2], overlap=mean[:, -2], overlap_error=error[:, -2],
        theory=np.array([retrieval_overlap(math.inf, p / size) for p in patterns]), basin=mean[:, -1],
        basin_error=error[:, -1], radius=np.array([_half(points, row) for row in mean[:, :-2]]))


def _network_seed(seed: int, load: int, copy: int) -> int:
    return int(generator(seed, (RECALL_KEY, load, copy, 1)).integers(2**31))


def _measure(net: Network, starts: int, rng: np.random.Generator, workers: int) -> list[float]:
    """Shares recalled from each overlap, mean overlap of settled patterns, share of random starts that recall."""
    tried, n = net.patterns[:TRIED], net.n
    shares, kept = [], 0.0
    for m in START_OVERLAPS:
        flips = round(0.5 * (1.0 - m) * n)
        first = tried.copy()
        for row in first:
            row[rng.choice(n, flips, replace=False)] *= -1.0
        ends, _ = settled(net, first, workers)
        own = np.sum(ends * tried, axis=1) / n
        shares.append(float(np.mean(own >= NEAR)))
        kept = float(np.mean(own))  # the last start is the pattern itself
    ends, _ = settled(net, 2.0 * rng.integers(0, 2, (starts, n)) - 1.0, workers)
    words, _, _ = kinds_of(net, ends)
    return [*shares, kept, float(np.mean([word.endswith("memory") for word in words]))]


def _least_errors(mean: np.ndarray, n: int, patterns: list[int], networks: int, starts: int) -> np.ndarray:
    """Binomial errors of the shares (hits + 1) / (tries + 2), which agreement cannot bring down; (load, start + 2)."""
    tried = networks * np.minimum(patterns, TRIED)[:, None].astype(np.float64)
    tries = np.broadcast_to(tried, mean.shape).copy()
    tries[:, -1] = networks * starts
    smooth = (mean * tries + 1.0) / (tries + 2.0)
    least = np.sqrt(smooth * (1.0 - smooth) / tries)
    least[:, -2] = 2.0 / (n * tried[:, 0])  # one spin of one pattern
    return least


def _half(points: np.ndarray, share: np.ndarray) -> float:
    """Where the share rises through one half for the last time."""
    below = np.flatnonzero(share < 0.5)
    if below.size == 0 or below[-1] == len(points) - 1:
        return math.nan
    k = below[-1]
    return float(points[k] + (0.5 - share[k]) / (share[k + 1] - share[k]) * (points[k + 1] - points[k]))
