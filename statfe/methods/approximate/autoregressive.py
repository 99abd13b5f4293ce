"""The Gibbs-Bogoliubov bound of an autoregressive network, trained for each beta.

Computes
    beta_f = <beta E + ln q>_q over samples of q(s) = prod_i q_i(s_i | s_<i) that the training never saw, with its
    standard error. Where there are no more than `samples` states all of them are summed and the error is 0.
Trial
    log-odds of each spin: those that the couplings to the earlier spins give, with learned weights to all earlier
    spins (depth=1), and hidden layers of masked tanh units on top (depth=2, 3, ...). Trained by the score function
    with Adam, from beta = 0 up to the first beta and from each beta to the next. Without fields q is symmetric.
Valid
    For any model of up to some hundred spins. How far it gets depends on the training: at low temperature a network may
    lose states that it came to draw too seldom, which the bound does not notice.
Bound
    Upper bound, whatever the training did: the difference is the Kullback-Leibler divergence of q from the Boltzmann
    distribution. As a mean over samples it may lie below beta F by its error; where the states that were drawn hold
    nearly all probability (`restricted` in the stats) it is the sum over them, without an error. Exact where no spins
    are coupled, and at beta = 0.
Beside it
    `importance_beta_f` in the stats is -ln <exp(-V)>_q, an estimate of beta F itself from the same samples, with
    `importance_error`; `weights_collapse` says that a few samples carry it and that neither means anything.
Cost
    steps x batch x N x (N + units of the hidden layers): about a second a beta for 64 sites.
Source
    Wu, Wang and Zhang, Phys. Rev. Lett. 122, 080602 (2019); Germain, Gregor, Murray and Larochelle, ICML 2015.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.learned.autoregressive import BATCH, RATE, train_autoregressive
from statfe.learned.autoregressive_trial import ORDERS, AutoregressiveTrial, Training
from statfe.learned.trial_bound import trial_bound, trial_moments
from statfe.models.ising import IsingModel
from statfe.registry import OVERFLOW, Context, Method
from statfe.result import Moments, Outcome, failure
from statfe.spec import Option
from statfe.trial import ProductTrial, log_2cosh
from statfe.variational.mean_field import is_exact_product
from statfe.variational.solutions import along_betas

#: Sites beyond which one beta takes more than half a minute.
MAX_SITES = 324


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, samples: int, **training: Any
) -> Sequence[Outcome]:
    """The bound at every beta. `training` is for `train_autoregressive`."""

    def step(beta: float, before: AutoregressiveTrial | None) -> tuple[Outcome, AutoregressiveTrial | None]:
        if is_exact_product(model, beta):
            return _product(model, beta), before
        if not math.isfinite(4.0 * beta * model.reach):
            return failure("upper_bound", "diverged", OVERFLOW), before
        trial = train_autoregressive(
            model, beta, seed=context.seed, start=before, workers=context.workers, **training)
        found = trial_bound(trial, samples, context.seed, context.workers)
        stats = {**dataclasses.asdict(found), **_said(trial.training), "parameters": int(trial.network.mask.sum())}
        return Outcome(
            beta_f=stats.pop("beta_f"), beta_f_error=stats.pop("error"), kind="upper_bound", stats=stats,
            moments=functools.partial(trial_moments, trial, samples, context.seed, context.workers)), trial

    return along_betas(betas, step, context.progress, METHOD.name)


def _said(training: Training | None) -> dict[str, Any]:
    """What the stats say of a training."""
    return {"steps": training.steps, "settled": training.settled} if training is not None else {}


def _product(model: IsingModel, beta: float) -> Outcome:
    """Independent spins in their fields, which is what the network is before any training."""
    fields = beta * model.fields
    beta_f = -float(np.sum(log_2cosh(fields)))
    if not math.isfinite(beta_f):
        return failure("exact", "diverged", OVERFLOW)
    means = ProductTrial(fields).means
    i, j, _ = model.pairs
    return Outcome(
        beta_f=beta_f, kind="exact", moments=lambda: Moments(magnetizations=means, correlations=means[i] * means[j]))


def _obstacle(model: IsingModel) -> str:
    if model.n_sites <= MAX_SITES:
        return ""
    return (
        f"training a network of {model.n_sites} sites takes more than half a minute a beta (at most {MAX_SITES}); take "
        "gibbs-bogoliubov")


METHOD = Method(
    name="autoregressive",
    family="approximate",
    summary="Gibbs-Bogoliubov bound of an autoregressive network, trained from beta = 0 up",
    kinds=("upper_bound", "exact"),
    reference="Wu, Wang and Zhang, Phys. Rev. Lett. 122, 080602 (2019); Germain et al., ICML 2015",
    run=run,
    options=(
        Option("depth", "int", 2, "layers of weights; 1: logistic regressions", minimum=1, maximum=6),
        Option("hidden", "int", None, "units of a hidden layer; as many as sites if not said", minimum=1,
               maximum=4096, optional=True),
        Option("steps", "int", None, "training steps at one beta, at most; grows with the sites if not said",
               minimum=0, optional=True),
        Option("batch", "int", BATCH, "samples of a training step", minimum=2),
        Option("rate", "float", RATE, "length of the training steps, relative to what suits", minimum=0.0),
        Option("order", "str", "auto", "order in which the spins are drawn", choices=ORDERS),
        Option("samples", "int", 16384, "fresh samples of the bound", minimum=2),
    ),
    obstacle=_obstacle,
    cost=lambda model, n_betas: 2e5 * n_betas * float(model.n_sites) ** 2,
)
