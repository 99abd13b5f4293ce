"""From a learned trial to outcomes along beta: what the methods that train one have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from statfe.learned.autoregressive_trial import Training
from statfe.learned.trial_bound import Exponents
from statfe.learned.trial_correction import LearnedTrial, corrected
from statfe.models.ising import IsingModel
from statfe.registry import OVERFLOW, Context
from statfe.result import Moments, Outcome, failure
from statfe.trial import ProductTrial, log_2cosh
from statfe.variational.mean_field import is_exact_product
from statfe.variational.solutions import along_betas

Trained = TypeVar("Trained", bound=LearnedTrial)


def outcomes(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    label: str,
    train: Callable[[float, Trained | None], Trained],
    exponents: Callable[[Trained], Exponents],
    moments: Callable[[Trained], Moments],
    said: Callable[[Trained], dict[str, Any]],
    *,
    correction: str,
    cumulants: int,
    **rule: str,
) -> Sequence[Outcome]:
    """Train at each beta, from the trial of the one before, and correct; exact where the model is a product itself.

    Parameters
    ----------
    label
        Name of the method, for the progress.
    train, exponents, moments, said
        The trial at a beta from the one before or None; its values of V; its moments; what the stats say of it.
    correction, cumulants, rule
        Options of `statfe.learned.trial_correction.CORRECTION_OPTIONS`; `rule` holds ``sum``.
    """
    def step(beta: float, before: Trained | None) -> tuple[Outcome, Trained | None]:
        if is_exact_product(model, beta):
            return product_outcome(model, beta), before
        if not math.isfinite(4.0 * beta * model.reach):
            return failure("upper_bound", "diverged", OVERFLOW), before
        trial = train(beta, before)
        outcome = corrected(
            exponents(trial), trial, context.seed, correction, cumulants, rule["sum"], said(trial))
        if correction == "none" and outcome.status == "converged":
            outcome = replace(outcome, moments=lambda: moments(trial))
        return outcome, trial

    return along_betas(betas, step, context.progress, label)


def training_stats(training: Training | None) -> dict[str, Any]:
    """What the stats say of a training."""
    return {"steps": training.steps, "settled": training.settled} if training is not None else {}


def product_outcome(model: IsingModel, beta: float) -> Outcome:
    """Independent spins in their fields, which is what a trial is before any training."""
    fields = beta * model.fields
    beta_f = -float(np.sum(log_2cosh(fields)))
    if not math.isfinite(beta_f):
        return failure("exact", "diverged", OVERFLOW)
    means = ProductTrial(fields).means
    i, j, _ = model.pairs
    return Outcome(
        beta_f=beta_f, kind="exact", moments=lambda: Moments(magnetizations=means, correlations=means[i] * means[j]))
