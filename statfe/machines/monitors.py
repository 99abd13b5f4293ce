"""What is looked at while a machine learns: likelihood, pseudo-likelihood, reconstruction, size of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.machines.exact_phase import MAX_UNITS
from statfe.machines.likelihood import equilibrium_free_energy
from statfe.machines.rbm import Rbm
from statfe.registry import method_spec
from statfe.spec import split_spec

#: Rows of the data that monitors look at.
ROWS = 1000
#: Monitors with their units and what they are; numbers but for the last.
MONITORS = {
    "log_likelihood": ("nat", "mean ln p of the training data looked at"),
    "test_log_likelihood": ("nat", "mean ln p of the test data looked at"),
    "beta_f": ("1", "equilibrium free energy -ln Z"),
    "beta_f_error": ("1", "standard error of beta_f, and of the log-likelihoods"),
    "pseudo_likelihood": ("nat", "mean log pseudo-likelihood of the training data looked at"),
    "test_pseudo_likelihood": ("nat", "mean log pseudo-likelihood of the test data looked at"),
    "reconstruction": ("1", "mean squared error of a unit reached through the means of the hidden units"),
    "free_energy_gap": ("1", "mean clamped free energy of the test data less that of the training data"),
    "weight_rms": ("1", "root mean square of the weights"),
    "largest_singular": ("1", "largest singular value of the weights: an inverse temperature"),
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
    """

    train: np.ndarray
    test: np.ndarray
    likelihood: str
    seed: int
    workers: int = 1

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
        if _is_binary(self.train):
            found["pseudo_likelihood"] = float(machine.log_pseudo_likelihood(self.train).mean())
            if len(self.test) and _is_binary(self.test):
                found["test_pseudo_likelihood"] = float(machine.log_pseudo_likelihood(self.test).mean())
        return found | {
            "reconstruction": machine.reconstruction_error(self.train), "free_energy_gap": tested - clamped,
            "weight_rms": float(np.sqrt(np.mean(machine.weights**2))),
            "largest_singular": float(np.linalg.norm(machine.weights, 2))}

    def _method(self, machine: Rbm) -> str:
        if self.likelihood != "auto":
            return "" if self.likelihood == "none" else self.likelihood
        return "bipartite" if min(machine.n_visible, machine.n_hidden) <= MAX_UNITS else ""


def check_likelihood(spec: str) -> str:
    """`spec` if it is ``auto``, ``none`` or the spec of a method."""
    if not isinstance(spec, str):
        raise UsageError(f"likelihood must be auto, none or the spec of a method, got {spec!r}")
    if split_spec(spec)[0] not in ("auto", "none"):
        method_spec(spec)
    return spec


def _is_binary(v: np.ndarray) -> bool:
    return bool(np.all((v == 0) | (v == 1)))
