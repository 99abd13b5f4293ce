"""What a run of chains leaves behind: energies by rung, replica and draw, and how well the ladder mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.tally import Tally

#: Rungs that exchange less often than this hardly exchange.
MIN_ACCEPTANCE = 0.02


def unevenness(rejection: np.ndarray, fixed: np.ndarray) -> float:
    """Largest over smallest rejection of the steps between two neighbours of the `fixed` rungs, at its worst.

    Parameters
    ----------
    rejection
        Of steps (k, k + 1), shape (K - 1,).
    fixed
        Whether a rung stays where it is, shape (K,); both ends do.
    """
    first = np.flatnonzero(fixed)[:-1]
    if not len(first):
        return 1.0
    most, least = np.maximum.reduceat(rejection, first), np.minimum.reduceat(rejection, first)
    return float(np.max(np.divide(most, least, out=np.where(most > 0.0, np.inf, 1.0), where=least > 0.0)))


@dataclass(frozen=True)
class Chains:
    """Draws of a ladder of chains.

    Attributes
    ----------
    betas
        Rungs, ascending, shape (K,).
    requested
        Whether a rung was asked for (the others were added), bool, shape (K,).
    energy, magnetization
        Shape (R, T, K): replica, draw, rung; without the model's constant energy.
    sweeps
        Sweep count of each draw, shape (T,), burn-in not counted.
    swap_acceptance
        Share of accepted exchanges between rungs (k, k+1) while measuring, shape (K - 1,); NaN where none was tried.
    schedule
        ``tempering`` or ``annealing``.
    sampler, kernel, seed, burn_in
        How they were made.
    units
        Unit of each replica, int64, shape (R,), where those of one unit depend on each other; None where all are
        independent.
    overlap
        q = sum_i s_i s_i' / N of the replicas (0, 1), (2, 3), ..., shape (R // 2, T // overlap_every, K), every
        `overlap_every` draws; None where it was not asked for.
    trips
        How often a chain came back to the hot end after it had been at rung k or colder, while measuring, int64, shape
        (R, K); the last column counts round trips of the whole ladder. None for an anneal or a single rung.
    exchange_sweeps
        Sweeps that `swap_acceptance` and `trips` were counted over.
    tally
        Counts of the energies of every look at the chains, where there were more than the draws; else None.
    """

    betas: np.ndarray
    requested: np.ndarray
    energy: np.ndarray
    magnetization: np.ndarray
    sweeps: np.ndarray
    swap_acceptance: np.ndarray
    schedule: str
    sampler: str
    seed: int
    burn_in: int
    seconds: float = 0.0
    kernel: str = "scalar"
    units: np.ndarray | None = None
    overlap: np.ndarray | None = None
    overlap_every: int = 0
    trips: np.ndarray | None = None
    exchange_sweeps: int = 0
    tally: Tally | None = None

    @property
    def n_replicas(self) -> int:
        """Number of replicas of the ladder."""
        return int(self.energy.shape[0])

    @property
    def n_draws(self) -> int:
        """Number of recorded draws a replica."""
        return int(self.energy.shape[1])

    @property
    def round_trips(self) -> np.ndarray | None:
        """Round trips hot -> cold -> hot that ended while measuring, int64, shape (R,); None where there is no way."""
        return None if self.trips is None else self.trips[:, -1]

    @property
    def round_trip_sweeps(self) -> float:
        """Mean sweeps a round trip of one chain took; infinite where none ended, NaN where there is no way.

        Every sweep carries K chains, so that N round trips in T sweeps take K T / N each.
        """
        if self.round_trips is None:
            return float("nan")
        sweeps = float(self.n_replicas * len(self.betas) * self.exchange_sweeps)
        return sweeps / float(done) if (done := self.round_trips.sum()) else float("inf")

    @property
    def barrier(self) -> float:
        """Communication barrier Lambda of the ladder: the sum of the rejections (Syed et al. 2022, eq. 19).

        NaN where no exchange was tried. What even-odd exchanges can do at best is 1 / (2 + 2 Lambda) round trips a
        sweep, with ever more rungs.
        """
        return float(np.sum(1.0 - self.swap_acceptance)) if len(self.swap_acceptance) else float("nan")

    @property
    def ideal_round_trips(self) -> float:
        """Round trips of one ladder if every rung forgot its energy between exchanges, at the measured swap rates.

        T / (2 + 2 sum r / (1 - r)) for T sweeps and rejections r (Syed et al. 2022, eq. 14). Far fewer round trips than
        this mean that chains meet a barrier that sweeps hardly cross, and the swap rates do not show.
        """
        if self.trips is None:
            return float("nan")
        accepted = self.swap_acceptance
        with np.errstate(divide="ignore"):
            return float(self.exchange_sweeps / (2.0 + 2.0 * np.sum((1.0 - accepted) / accepted)))

    @property
    def unevenness(self) -> float:
        """Largest over smallest rejection between two requested rungs (or the hot end and the first), at its worst."""
        return unevenness(1.0 - self.swap_acceptance, self.requested | (np.arange(len(self.betas)) == 0))

    def trips_to(self, rung: int) -> int:
        """Trips from the hot end to `rung` or beyond and back, over all replicas; 0 where there are none to make."""
        return 0 if self.trips is None else int(self.trips[:, rung].sum())
