"""From a finite model to the limit of its family: which family it is of, and N times the limit as an outcome.

The free energy of one sample of N spins is not that of the limit: it fluctuates from sample to sample, and its average
differs by a correction that a site falls as 1 / N, or as N^(-2/3) in the glass phase of SK. So a bound of the average
is no bound of the sample, and the kind stays ``uncontrolled``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.executors import map_tasks
from statfe.limits.limit import Limit
from statfe.models.catalogue import families
from statfe.models.ising import IsingModel
from statfe.registry import Context
from statfe.result import Outcome, failure
from statfe.spec import check_options, split_spec
from statfe.trial import log_2cosh


def family_of(model: IsingModel) -> tuple[str, dict[str, Any]]:
    """The family that the spec of `model` names and its options; ("", {}) where it names none."""
    name = model.spec.partition(":")[0].strip()
    family = families().get(name)
    if family is None or family.positional:
        return "", {}
    try:
        options = dict(check_options(name, split_spec(model.spec)[1], family.options).options)
    except UsageError:
        return "", {}
    return (name, options) if options.get("n", model.n_sites) == model.n_sites else ("", {})


def free_spins_beta_f(model: IsingModel, beta: float) -> float:
    """-sum_i ln 2 cosh(beta h_i): exact without couplings, and at beta = 0."""
    return -float(np.sum(log_2cosh(beta * model.fields)))


def outcomes(
    model: IsingModel, betas: np.ndarray, context: Context, limit: Callable[[float], Limit], label: str
) -> Sequence[Outcome]:
    """N times ``limit(beta).beta_f`` at every beta; exact where no spins are coupled."""
    done: list[float] = []

    def solve(beta: float) -> Outcome:
        outcome = _outcome(model, beta, limit)
        done.append(beta)
        if context.progress is not None:
            context.progress(label, len(done) / len(betas))
        return outcome

    return map_tasks(solve, [float(beta) for beta in betas], context.workers)


def _outcome(model: IsingModel, beta: float, limit: Callable[[float], Limit]) -> Outcome:
    if model.n_pairs == 0 or beta == 0.0:
        return Outcome(beta_f=free_spins_beta_f(model, beta), kind="exact")
    found = limit(beta)
    if found.status == "diverged" or np.isnan(found.beta_f):
        return failure("uncontrolled", found.status, found.message, **found.order)
    return Outcome(
        beta_f=model.n_sites * found.beta_f, beta_f_error=model.n_sites * found.beta_f_error, kind="uncontrolled",
        status=found.status, message=found.message, stats=found.stats())


def in_units(limit: Limit, scale: float) -> Limit:
    """The limit of a model with couplings `scale` times as large, from that at beta * scale and field / scale."""
    return replace(
        limit, beta=limit.beta / scale, field=limit.field * scale, free_energy=limit.free_energy * scale,
        energy=limit.energy * scale)


def sk_parameters(options: dict[str, Any]) -> tuple[float, float]:
    """(scale, field / scale) of an SK or Hopfield model; the sign of SK's couplings plays no part."""
    scale = abs(options["coupling"])
    return scale, options["field"] / scale if scale else 0.0
