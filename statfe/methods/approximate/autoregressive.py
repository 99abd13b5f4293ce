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
    correction=importance makes it the result (estimate), correction=cumulants the sum of cumulants of V (uncontrolled).
Cost
    steps x batch x N x (N + units of the hidden layers): about a second a beta for 64 sites.
Source
    Wu, Wang and Zhang, Phys. Rev. Lett. 122, 080602 (2019); Germain, Gregor, Murray and Larochelle, ICML 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from statfe.learned.autoregressive import BATCH, RATE, train_autoregressive
from statfe.learned.autoregressive_trial import ORDERS, AutoregressiveTrial
from statfe.learned.trial_bound import trial_exponents, trial_moments
from statfe.learned.trial_correction import CORRECTION_OPTIONS
from statfe.learned.trial_method import outcomes, training_stats
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

#: Sites beyond which one beta takes more than half a minute.
MAX_SITES = 324


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, samples: int, correction: str, cumulants: int,
    **others: Any,
) -> Sequence[Outcome]:
    """The bound, or what corrects it, at every beta. `others` hold `sum`, and what `train_autoregressive` takes."""
    rule, training = others.pop("sum"), others
    how: dict[str, Any] = {"seed": context.seed, "workers": context.workers}

    def train(beta: float, before: AutoregressiveTrial | None) -> AutoregressiveTrial:
        return train_autoregressive(model, beta, start=before, **how, **training)

    return outcomes(
        model, betas, context, METHOD.name, train,
        lambda trial: trial_exponents(trial, samples, **how), lambda trial: trial_moments(trial, samples, **how),
        lambda trial: {**training_stats(trial.training), "parameters": int(trial.network.mask.sum())},
        correction=correction, cumulants=cumulants, sum=rule)


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
    kinds=("upper_bound", "estimate", "uncontrolled", "exact"),
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
        *CORRECTION_OPTIONS,
    ),
    obstacle=_obstacle,
    cost=lambda model, n_betas: 2e5 * n_betas * float(model.n_sites) ** 2,
)
