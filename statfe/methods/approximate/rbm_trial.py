"""The Gibbs-Bogoliubov bound of a restricted Boltzmann machine whose visible units are the spins, for each beta.

Computes
    beta_f = <beta E + ln q>_q over independent samples of q(s) = sum_t exp(f.s + b.t + t.W s) / Z_q that the training
    never saw, with its standard error. Z_q is exact: all 2^hidden states t are summed. Where there are no more than
    `samples` states s all of them are summed too, and the error is 0. See `statfe.learned.rbm_trial`.
Trial
    A mixture of 2^hidden products. Hidden units start along the strongest directions of the couplings; all is trained
    by the score function with Adam, from beta = 0 up to the first beta and from each beta to the next. data=FILE (from
    `statfe data make ising` or `simulate --states`): the start is a machine that learned configurations at the first
    beta. Without fields q is symmetric.
Valid
    For any model of up to some hundred spins; good where few patterns or phases compete, each nearly a product. A
    critical lattice has more than few hidden units can hold.
Bound
    Upper bound, whatever the training did. As a mean over samples it may lie below beta F by its error. Exact where no
    spins are coupled, and at beta = 0.
Correction
    importance: -ln <exp(-V)>, an estimate of beta F itself, with a jackknife error; not_converged where few samples
    carry it or show few states, or where a Markov chain leads on to some that the trial hardly reaches. cumulants:
    of V, to order 6. The stats hold the estimate beside every result.
Cost
    steps x N x (2^hidden + batch x hidden): half a second a beta for 20 sites, 4 s for 256.
Source
    Smolensky 1986; Barra, Bernacchia, Santucci and Contucci, Neural Networks 34, 1 (2012); training: Wu, Wang and
    Zhang, Phys. Rev. Lett. 122, 080602 (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from statfe.learned.rbm_trial import HIDDEN, MAX_HIDDEN, RbmTrial
from statfe.learned.rbm_trial_training import BATCH, train_rbm_trial
from statfe.learned.trial_bound import Exponents, all_states
from statfe.learned.trial_correction import CORRECTION_OPTIONS, fresh_exponents
from statfe.learned.trial_data import learned_rbm_trial, read_spins
from statfe.learned.trial_method import outcomes, training_stats
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

#: Sites beyond which one beta takes more than half a minute.
MAX_SITES = 1024


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, samples: int, hidden: int | None, data: str | None,
    correction: str, cumulants: int, **others: Any,
) -> Sequence[Outcome]:
    """The bound, or what corrects it, at every beta. `others` hold `sum`, and what `train_rbm_trial` takes."""
    rule, training = others.pop("sum"), others
    spins = read_spins(data, model, float(betas[0])) if data else None

    def train(beta: float, before: RbmTrial | None) -> RbmTrial:
        if before is None and spins is not None:
            before = learned_rbm_trial(model, beta, spins, hidden or HIDDEN, context.seed)
        return train_rbm_trial(model, beta, seed=context.seed, start=before, hidden=hidden, **training)

    def exponents(trial: RbmTrial) -> Exponents:
        if model.n_sites >= 40 or 2**model.n_sites > samples:
            found = fresh_exponents(trial, samples, context.seed, context.workers)
            return replace(found, log_chances=trial.log_prob(found.spins))
        states = all_states(model.n_sites)
        return Exponents(trial.valued(states, generator(context.seed)), states, trial.log_prob(states), enumerated=True)

    return outcomes(
        model, betas, context, METHOD.name, train, exponents, lambda trial: trial.moments(),
        lambda trial: {**training_stats(trial.training), "hidden": trial.hidden, "parameters": len(trial.parameters)},
        correction=correction, cumulants=cumulants, sum=rule)


def _obstacle(model: IsingModel) -> str:
    if model.n_sites <= MAX_SITES:
        return ""
    return (
        f"training a machine of {model.n_sites} sites takes more than half a minute a beta (at most {MAX_SITES}); take "
        "gibbs-bogoliubov")


METHOD = Method(
    name="rbm-trial",
    family="approximate",
    summary="Gibbs-Bogoliubov bound of a restricted Boltzmann machine of few hidden units, trained from beta = 0 up",
    kinds=("upper_bound", "estimate", "uncontrolled", "exact"),
    reference="Barra et al., Neural Networks 34, 1 (2012); Wu, Wang and Zhang, Phys. Rev. Lett. 122, 080602 (2019)",
    run=run,
    options=(
        Option("hidden", "int", None, f"hidden units; one a site, at most {HIDDEN}, if not said", minimum=1,
               maximum=MAX_HIDDEN, optional=True),
        Option("steps", "int", None, "training steps at one beta, at most; grows with the sites if not said",
               minimum=0, optional=True),
        Option("batch", "int", BATCH, "samples of a training step", minimum=2),
        Option("rate", "float", 1.0, "length of the training steps, relative to what suits", minimum=0.0),
        Option("data", "path", None, "file of configurations at the first beta that a machine learns from first",
               optional=True),
        Option("samples", "int", 16384, "fresh samples of the bound", minimum=128),
        *CORRECTION_OPTIONS,
    ),
    obstacle=_obstacle,
    cost=lambda model, n_betas: 1e5 * n_betas * float(model.n_sites) ** 2,
)
