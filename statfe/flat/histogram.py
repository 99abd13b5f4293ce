"""`FlatHistogram`: the density of states g(E) that a multicanonical run gives, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.phases import phase_problem
from statfe.estimators.wham import Wham, log_weight, log_weights_of_groups
from statfe.flat.checks import MAX_SIGMAS, MIN_TRIPS, anchor_problems, as_outcome, round_trips, series_problems
from statfe.flat.grid import EnergyGrid
from statfe.models.ising import IsingModel
from statfe.registry import to_free_energy
from statfe.result import FreeEnergy, Outcome, plain
from statfe.stats import mean_error

#: Largest weight beyond the cold end of the range, and of the lowest energy where few walkers saw it.
EDGE_WEIGHT, GROUND_WEIGHT = 1e-3, 0.01
#: Share of the walkers that must have seen the lowest energy.
SEEN_BY = 0.75
NAME = "wang-landau"


@dataclass(frozen=True, eq=False)
class FlatHistogram:
    """g(E) with errors, from a run with weights that make the histogram of the energy flat.

    Every number comes from draws with fixed weights, reweighted with their own energies; the learned weights only
    decide where the walkers go. Sums are anchored by sum g = 2^N.

    Attributes
    ----------
    grid
        Nodes of the weights.
    solved
        The draws, their energies, and their statistical weights.
    walkers, sweeps, seed, seconds
        How it was made: independent walkers, measured sweeps of each.
    log_f
        ln f at the end of learning, the largest of all walkers.
    beta_max
        Largest beta that the run was made for; infinite where it covers all energies.
    """

    model: IsingModel
    grid: EnergyGrid
    solved: Wham
    walkers: int
    sweeps: int
    seed: int
    log_f: float
    beta_max: float
    seconds: float = 0.0

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(energy, log_g, log_g_error) of the levels or bins that were visited."""
        group = np.rint(self.grid.places(self.solved.values)).astype(np.int64)
        known, group = np.unique(group, return_inverse=True)
        log_c, influence = log_weights_of_groups(self.solved, group, len(known))
        log_all, series = log_weight(self.solved, np.zeros(len(self.solved.values)))
        error = mean_error(influence - series[..., None]).error
        energy = (self.grid.low + self.grid.width * known) * self.grid.scale + self.model.offset
        return energy, log_c - log_all + self.model.n_sites * math.log(2.0), error

    @property
    def energy(self) -> np.ndarray:
        """Energy levels that were visited, or centres of bins of `bin_width`, with the model's constant; ascending."""
        return self._levels[0]

    @property
    def log_g(self) -> np.ndarray:
        """ln of the number of states at each of `energy` (or in its bin): the entropy S(E)."""
        return self._levels[1]

    @property
    def log_g_error(self) -> np.ndarray:
        """Standard errors of `log_g`."""
        return self._levels[2]

    @property
    def bin_width(self) -> float:
        """Width of the bins; 0 where `energy` are levels."""
        return 0.0 if self.grid.levels else self.grid.width * self.grid.scale

    @property
    def microcanonical_beta(self) -> np.ndarray:
        """dS/dE at `energy`, by differences of neighbours; its inverse is the microcanonical temperature."""
        if len(self.energy) < 2:
            return np.full(len(self.energy), np.nan)
        return np.asarray(np.gradient(self.log_g, self.energy))

    def legendre(self, betas: np.ndarray | float) -> np.ndarray:
        """beta F by the Legendre transform, min_E [beta E - S(E)]; above -ln Z by O(ln N), and only in place of it as
        N grows."""
        betas = np.atleast_1d(np.asarray(betas, dtype=np.float64))
        return np.min(betas[:, None] * self.energy - self.log_g, axis=1)

    def log_z(self, betas: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """(ln Z, error) by the full sum, from the true energies of all draws; with the model's constant."""
        betas = np.atleast_1d(np.asarray(betas, dtype=np.float64))
        pairs = [self.estimate(float(b)) for b in betas]
        return (np.array([-p[0] - b * self.model.offset for p, b in zip(pairs, betas, strict=True)]),
                np.array([float(mean_error(p[1]).error) for p in pairs]))

    def estimate(self, beta: float) -> tuple[float, np.ndarray]:
        """(beta F without the constant, series whose mean is its error)."""
        # ln Z = N ln 2 + ln c_{-beta E} - ln c_0.
        log_c, own = log_weight(self.solved, -beta * self.solved.values)
        log_all, all_states = log_weight(self.solved, np.zeros(len(self.solved.values)))
        return -(self.model.n_sites * math.log(2.0) + log_c - log_all), -(own - all_states)

    @property
    def round_trips(self) -> int:
        """Ways of all walkers from the hot end to the cold end of the range and back."""
        low = float(self.solved.values[0])
        return self._trips(low + 0.02 * max(-low, 0.0))

    def _trips(self, cold: float) -> int:
        hot = -0.5 * math.sqrt(self.model.energy_variance)
        energy = self.solved.values[self.solved.index[..., 0]]
        return round_trips(energy >= min(hot, cold), energy <= cold)

    def outcome(self, beta: float, bound: float | None = None) -> Outcome:
        """beta F without the constant, checked; `bound` is an upper bound on it, found here when None."""
        if beta == 0.0:
            return Outcome(beta_f=-self.model.n_sites * math.log(2.0), kind="estimate")
        value, influence = self.estimate(beta)
        error = float(mean_error(influence).error)
        log_p = -beta * self.solved.values - self.solved.log_density + np.log(self.solved.counts)
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        mean = float(p @ self.solved.values)
        spread = math.sqrt(max(float(p @ (self.solved.values - mean) ** 2), 0.0))
        trips = self._trips(mean + 0.5 * spread + 1e-9 * max(self.model.reach, 1e-300))
        problems = series_problems(influence) + self._edge_problems(p) + anchor_problems(self.model, self.solved)
        if trips < MIN_TRIPS:
            problems.append(
                f"only {trips} round trips between beta=0 and the energies of beta={beta:.4g}; raise sweeps")
        limit = float(upper_bounds(self.model, np.array([beta]))[0]) if bound is None else bound
        excess = value - limit - 1e-9 * (1.0 + abs(value))
        if excess > MAX_SIGMAS * error:
            problems.append(f"beta F lies above a rigorous upper bound by {excess / max(error, 1e-300):.3g} sigma: low "
                            "energies were not found; raise sweeps or walkers")
        if missed := phase_problem(self.model, beta, value, error):
            problems.append(f"{missed}; raise sweeps or walkers")
        return as_outcome(value, influence, problems, round_trips=trips, lowest_energy=float(self.solved.values[0]))

    def _edge_problems(self, p: np.ndarray) -> list[str]:
        """Weight beyond the range of the table, or at a lowest energy that few walkers found."""
        found, lowest = [], self.solved.values[0]
        beyond = float(p[self.grid.places(self.solved.values) < -1e-9].sum())
        if beyond > EDGE_WEIGHT:
            found.append(
                f"a share of {beyond:.2g} of the weight lies below the energies that the walk was made for; raise "
                "sweeps, or ask for a larger beta in the same grid")
        ground = self.solved.values <= lowest + 1e-9 * max(self.model.reach, 1e-300)
        weight = float(p[ground].sum())
        seen = int(np.any(self.solved.index <= np.flatnonzero(ground)[-1], axis=(1, 2)).sum())
        if weight > GROUND_WEIGHT and seen < SEEN_BY * self.walkers:
            found.append(
                f"{seen} of {self.walkers} walkers found the lowest energy, which has a share of {weight:.2g} of the "
                "weight; lower ones may be missing: raise sweeps or walkers")
        return found

    def free_energy(self, beta: float) -> FreeEnergy:
        """The free energy at one beta, as `statfe.free_energy` gives it."""
        return to_free_energy(self.outcome(beta), self.model, NAME, beta, self.seconds, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        kept: dict[str, Any] = plain({
            "model": self.model.spec, "n_sites": self.model.n_sites, "method": NAME, "seed": self.seed,
            "walkers": self.walkers, "sweeps": self.sweeps, "round_trips": self.round_trips, "log_f": self.log_f,
            "bin_width": self.bin_width, "energy": self.energy.tolist(), "log_g": self.log_g.tolist(),
            "log_g_error": self.log_g_error.tolist(), "seconds": self.seconds})
        return kept
