"""What is looked at while a machine learns: likelihood, pseudo-likelihood, reconstruction, size of the weights.

All are looked at on the first `ROWS` rows of each part of the data (pseudo-likelihoods of Gaussian units on the first
`PSEUDO_ROWS`), before the first epoch and every so many epochs, and stored on `epoch` in /training of the file
(`statfe.machines.rbm_file`). With Gaussian visible units likelihoods are those of densities in the units of the data.
"Size of the weights" is meant in three ways: their root mean square (the Frobenius norm over sqrt(n_visible n_hidden)),
their largest singular value, and `Rbm.effective_beta`, the strength of the couplings as an inverse temperature in units
of the mean-field transition: below 1 the machine is paramagnetic, far above it is a frozen one with many valleys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from statfe.errors import UsageError
from statfe.machines.exact_phase import MAX_UNITS
from statfe.machines.gibbs import Parameters
from statfe.machines.likelihood import equilibrium_free_energy
from statfe.machines.objectives import OBJECTIVES
from statfe.machines.rbm import Rbm
from statfe.machines.tap_monitor import tap_beta_f
from statfe.registry import method_spec, methods
from statfe.spec import split_spec

#: Rows of the data that monitors look at; for pseudo-likelihoods of Gaussian units, whose conditionals are integrals.
ROWS, PSEUDO_ROWS = 1000, 100
#: Monitors with their units and what they are; numbers but for the last.
MONITORS = {
    "log_likelihood": ("nat", "mean ln p of the training data looked at"),
    "test_log_likelihood": ("nat", "mean ln p of the test data looked at"),
    "beta_f": ("1", "equilibrium free energy -ln Z"),
    "beta_f_error": ("1", "standard error of beta_f, and of the log-likelihoods"),
    "tap_beta_f": ("1", "second-order TAP free energy, the lowest fixed point found; NaN where none settled"),
    "tap_log_likelihood": ("nat", "mean ln p of the training data looked at, with the TAP free energy for beta_f"),
    "test_tap_log_likelihood": ("nat", "mean ln p of the test data looked at, with the TAP free energy for beta_f"),
    "objective": ("1", "ratio or score matching of the training data looked at; NaN for other algorithms"),
    "pseudo_likelihood": ("nat", "mean log pseudo-likelihood of the training data looked at"),
    "test_pseudo_likelihood": ("nat", "mean log pseudo-likelihood of the test data looked at"),
    "reconstruction": ("1", "mean squared error of a unit reached through the means of the hidden units"),
    "free_energy_gap": ("1", "mean clamped free energy of the test data less that of the training data"),
    "weight_rms": ("1", "root mean square of the weights, of Gaussian units measured in their sigma"),
    "largest_singular": ("1", "largest singular value of those weights"),
    "effective_beta": ("1", "largest eigenvalue of the couplings of the +-1 form; 1 is the mean-field transition"),
}


@dataclass(frozen=True)
class Monitors:
    """What to look at, and with which data.

    Attributes
    ----------
    train, test
        Rows of the data; `test` may be empty.
    likelihood
        Spec of the method for -ln Z; ``none``; or ``auto``: exact where the smaller layer has at most 20 units.
    algorithm
        Of the training; the monitor `objective` is that of ``ratio`` or ``score``.
    """

    train: np.ndarray
    test: np.ndarray
    likelihood: str
    seed: int
    workers: int = 1
    algorithm: str = ""

    def look(self, machine: Rbm) -> dict[str, float | str]:
        """Every monitor, NaN where it was not taken, and the status of beta_f."""
        found: dict[str, float | str] = dict.fromkeys(MONITORS, math.nan)
        found["status"] = "none"
        clamped = float(machine.clamped_free_energy(self.train).mean())
        tested = float(machine.clamped_free_energy(self.test).mean()) if len(self.test) else math.nan
        method = self._method(machine)
        if method:
            reference = equilibrium_free_energy(machine, method, seed=self.seed, workers=self.workers)
            found |= {
                "beta_f": reference.beta_f, "beta_f_error": reference.beta_f_error, "status": reference.status,
                "log_likelihood": reference.beta_f - clamped, "test_log_likelihood": reference.beta_f - tested}
        tap = tap_beta_f(machine, self.train)
        return found | self._pseudo(machine) | {
            "tap_beta_f": tap, "tap_log_likelihood": tap - clamped, "test_tap_log_likelihood": tap - tested,
            "objective": self._objective(machine),
            "reconstruction": machine.reconstruction_error(self.train), "free_energy_gap": tested - clamped,
            "weight_rms": float(np.sqrt(np.mean(machine.scaled_weights**2))),
            "largest_singular": machine.largest_singular,
            "effective_beta": machine.effective_beta}

    def _pseudo(self, machine: Rbm) -> dict[str, float]:
        gaussian, found = machine.visible_kind == "gaussian", {}
        for name, rows in (("pseudo_likelihood", self.train), ("test_pseudo_likelihood", self.test)):
            if len(rows) and (gaussian or is_binary(rows)):
                some = rows[:PSEUDO_ROWS] if gaussian else rows
                found[name] = float(machine.log_pseudo_likelihood(some).mean())
        return found

    def _objective(self, machine: Rbm) -> float:
        if self.algorithm not in OBJECTIVES:
            return math.nan
        p, sigma = Parameters(machine.n_visible, machine.n_hidden, np.float64), machine.scales
        p.a[:], p.b[:], p.W[:] = machine.visible_bias / sigma, machine.hidden_bias, machine.scaled_weights
        return OBJECTIVES[self.algorithm]().descent(p, self.train / sigma).value

    def _method(self, machine: Rbm) -> str:
        if self.likelihood != "auto":
            return "" if self.likelihood == "none" else self.likelihood
        if machine.visible_kind == "gaussian":
            return "exact" if machine.n_hidden <= MAX_UNITS else ""
        return "bipartite" if min(machine.n_visible, machine.n_hidden) <= MAX_UNITS else ""


def check_likelihood(spec: str) -> str:
    """`spec` if it is ``auto``, ``none`` or the spec of a method."""
    if not isinstance(spec, str):
        raise UsageError(f"likelihood must be auto, none or the spec of a method, got {spec!r}")
    name, known = split_spec(spec)[0], methods()
    if name in ("auto", "none"):
        return spec
    if name not in known:
        near = get_close_matches(name, ["auto", "none", *known], 1, 0.7)
        raise UsageError(f"likelihood {name!r} is neither auto nor none nor a method; " + (
            f"did you mean {near[0]!r}?" if near else "take one of these, or a spec such as exact or ais:sweeps=1000"))
    method_spec(spec)
    return spec


def is_binary(v: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.all((v == 0) | (v == 1)))
