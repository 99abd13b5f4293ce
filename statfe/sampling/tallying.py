"""Counts the energies of every look at the chains while they run; memory does not grow with the run."""

from __future__ import annotations

import math

import numpy as np

from statfe.kernels.tally import add_looks
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.levels import energy_levels, stretches_for
from statfe.sampling.plan import Plan
from statfe.tally import Tally


class Tallying:
    """The counts of a run, by group of replicas, as they grow.

    Parameters
    ----------
    looks
        Looks at every rung that are planned; more may come, and stretches then grow twice as long.
    """

    def __init__(self, model: IsingModel, plan: Plan, bank: Bank, looks: int) -> None:
        K, R = plan.n_rungs, plan.replicas
        self.groups, self.betas, self.units = bank.groups, plan.ladder.betas, bank.units
        self.levels = energy_levels(model, plan.ladder.betas)
        B, L, G = stretches_for(R, self.levels), self.levels.count, len(bank.groups)
        self.counts = np.zeros((G, K, L), dtype=np.int64)
        self.level_sums = np.zeros((G, L))
        self.pooled = np.zeros((R, B, L), dtype=np.int64)
        self.sums = np.zeros((R, 4, B, K))
        # A power of two, so that it rounds nothing.
        self.scale = 2.0 ** min(max(math.frexp(model.reach)[1], -1000), 1000)
        self.centres = np.full((R, K), np.nan)
        # Looks that were thrown away, looks counted, and looks a stretch.
        self.numbers = np.array([0, 0, max(1, -(-looks // B))], dtype=np.int64)

    @property
    def looks(self) -> int:
        """Looks at every rung that are counted."""
        return int(self.numbers[1])

    def state(self) -> dict[str, np.ndarray]:
        """All arrays (not copies) that change."""
        return {f"tally_{name}": getattr(self, name) for name in (
            "counts", "level_sums", "pooled", "sums", "centres", "numbers")}

    def make_room(self, last: int) -> None:
        """Join stretches two by two until look `last` has a place."""
        B = self.pooled.shape[1]
        while last - self.numbers[0] >= B * self.numbers[2]:
            for array, axis in ((self.pooled, 1), (self.sums, 2)):
                halves = np.moveaxis(array, axis, 0)
                halves[: B // 2] = halves[0::2] + halves[1::2]
                halves[B // 2:] = 0
            self.numbers[2] *= 2

    def forget(self) -> None:
        """Throw away all that is counted: it was burn-in."""
        for array in (self.counts, self.level_sums, self.pooled, self.sums):
            array[...] = 0
        self.numbers[:] = (self.numbers[0] + self.numbers[1], 0, self.numbers[2])
        self.centres[...] = np.nan

    def add(self, group: int, first_look: int, energy: np.ndarray, rungs: list[slice]) -> None:
        """Count the energies of the replicas of one group.

        Parameters
        ----------
        first_look
            Looks before these, thrown away ones counted.
        energy
            By replica of the run, look and rung.
        rungs
            Rungs that each replica of the group is at.
        """
        first = first_look - int(self.numbers[0])
        for replica, here in zip(self.groups[group], rungs, strict=True):
            own = energy[replica, :, here]
            if not len(own):
                return
            centres = self.centres[replica]
            new = np.isnan(centres[here])
            centres[here] = np.where(new, own[0], centres[here])
            add_looks(
                own, first, self.numbers[2], here.start, self.levels.lowest, 1.0 / self.levels.width, centres,
                1.0 / self.scale, self.counts[group], self.level_sums[group], self.pooled[replica],
                self.sums[replica])

    def advanced(self, block: Block, looks: int) -> None:
        """Called after all groups have counted a block: a rung has so many looks more."""
        if block.step in (None, 0):
            self.numbers[1] += looks

    def tally(self) -> Tally:
        """The counts as the estimators take them; looks that do not fill a stretch are in `counts` alone."""
        per_stretch, looks = int(self.numbers[2]), self.looks
        if looks < per_stretch:  # a run cut short
            per_stretch = looks
        stretches = looks // per_stretch
        counts = self.counts.sum(axis=0)
        occupied = np.flatnonzero(counts.any(axis=0))
        seen = slice(int(occupied[0]), int(occupied[-1]) + 1)
        energies = self.levels.energies[seen]
        counts = counts[:, seen]
        total, sums = counts.sum(axis=0), self.level_sums.sum(axis=0)[seen]
        mean = np.where(total > 0, sums / np.maximum(total, 1), energies)
        # All energies above the last level are in it, also where levels are exact.
        place = slice(0 if not self.levels.exact else self.levels.count - 1 - seen.start, None)
        energies[place] = mean[place]
        centres = self.centres.mean(axis=0)
        return Tally(
            betas=self.betas, levels=energies, counts=counts, pooled=self.pooled[:, :stretches, seen],
            centres=centres, moments=self._moments(stretches, per_stretch, centres), per_stretch=per_stretch,
            units=self.units, scale=self.scale)

    def _moments(self, stretches: int, per_stretch: int, centres: np.ndarray) -> np.ndarray:
        """Means of the powers about `centres`, from those about each replica's own."""
        m1, m2, m3, m4 = (self.sums[:, n, :stretches] / per_stretch for n in range(4))
        d = ((self.centres - centres) / self.scale)[:, None, :]
        return np.stack([
            m1 + d, m2 + 2 * d * m1 + d**2, m3 + 3 * d * m2 + 3 * d**2 * m1 + d**3,
            m4 + 4 * d * m3 + 6 * d**2 * m2 + 4 * d**3 * m1 + d**4])
