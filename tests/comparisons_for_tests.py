"""Comparisons with known numbers, for tests of scores, files and reports: no method is run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from statfe.result import FreeEnergy, Kind, Status
from statfe.scoring.comparison import Comparison
from statfe.scoring.scores import score_methods
from tests.models_for_tests import peaked

SK = "sk:n=100,seed=1"


def free_energy(
    beta_f: float, beta_f_error: float = 0.0, *, kind: Kind = "uncontrolled", status: Status = "converged",
    method: str = "tap", beta: float = 0.5, n_sites: int = 100, model: str = SK, message: str = "", **stats: Any
) -> FreeEnergy:
    """A `FreeEnergy` with defaults; a NaN gets a status and a message of its own accord."""
    if math.isnan(beta_f) and status == "converged":
        status = "not_converged"
    if status != "converged":
        message = message or "still moves by 1e-3 after 5000 steps; raise damping or iterations"
    return FreeEnergy(
        model=model, method=method, kind=kind, status=status, message=message, beta=beta, n_sites=n_sites,
        beta_f=beta_f, beta_f_error=math.nan if math.isnan(beta_f) else beta_f_error, seconds=0.0125, stats=stats)


def comparison(
    n_methods: int = 4, n_betas: int = 5, *, model: str = SK, n_sites: int = 100, reference_error: float = 1e-2,
    bad_reference_from: float = math.inf, failing: tuple[str, ...] = ("method-1",), names: tuple[str, ...] = (),
    **more: Any,
) -> Comparison:
    """Methods of growing error on the annealed SK free energy; those in `failing` stop converging at beta > 0.8.

    The reference is not converged from `bad_reference_from` on; method-0 is an upper bound, method-2 has an error.
    """
    betas = [float(b) for b in np.linspace(0.0, 1.5, n_betas)] if n_betas > 1 else [0.44]
    truth = {b: -n_sites * (math.log(2.0) + b * b / 4.0) for b in betas}

    def estimate(method: str, beta: float, shift: float) -> FreeEnergy:
        error = reference_error * beta
        status: Status = "converged" if beta < bad_reference_from else "not_converged"
        return free_energy(
            truth[beta] + shift * error, error, kind="estimate", method=method, beta=beta, n_sites=n_sites, model=model,
            status=status, message="" if status == "converged" else "replicas disagree; raise sweeps and burn_in",
            effective_draws=1234.5, other=[1.0, math.nan])

    methods = list(names) or [f"method-{k}" for k in range(n_methods)]
    results = []
    for k, method in enumerate(methods):
        for beta in betas:
            value = truth[beta] + (1 if k % 3 == 0 else -1) * n_sites * 10.0 ** (-5 + 0.5 * k) * beta**4
            if method in failing and beta > 0.8:
                value = math.nan
            results.append(free_energy(
                value, 0.05 * beta if k == 2 else 0.0, kind="upper_bound" if k == 0 else "uncontrolled", method=method,
                beta=beta, n_sites=n_sites, model=model, iterations=17 + k))
    reference = [estimate("mbar", b, 0.0) for b in betas]
    given: dict[str, Any] = {
        "model": model, "betas": betas, "reference": reference,
        "secondary": [estimate("thermodynamic-integration", b, 0.5) for b in betas],
        "scores": score_methods(reference, results),
        "facts": {"n_sites": n_sites, "has_fields": False, "plaquettes": None},
        "skipped": [("bethe", "needs a sparse graph; use tap")],
        "command": "statfe compare 'a b' --beta 0:1.5:5 -o out/", "seed": 7, "sampler": "metropolis", "ising": peaked(),
    }
    return Comparison(**{**given, **more})
