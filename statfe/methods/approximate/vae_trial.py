"""The Gibbs-Bogoliubov bound of a variational autoencoder over the spins, trained for each beta.

Computes
    beta_f = <beta E + ln p(s|z) + ln p(z) - ln r(z|s)> over samples (s, z) of the decoder that the training never saw,
    for q(s) = integral p(s|z) p(z) dz with Gaussian z, independent spins given z, and an encoder r(z|s). `copies` of z
    for each s bring that closer to <beta E + ln q>; copies=1 is the expression above. See `statfe.learned.vae_trial`.
Trial
    The fields on the spins are linear in z, with a hidden layer of tanh units on top; the encoder's mean is linear
    in s. Trained by Adam on the bound itself, from beta = 0 up to the first beta and from each beta to the next, with
    the spins summed out in closed form. data=FILE (from `data make ising` or `simulate --states`): first by the
    ELBO on configurations at the first beta. Without fields q is symmetric.
Valid
    For any model of up to some hundred spins. Spins that are independent given z are a good picture where order is
    collective: mean-field models, ordered phases, high temperature. Short-ranged correlations take a latent unit each.
Bound
    Upper bound, whatever the training did. As a mean over samples it may lie below beta F by its error. Exact where no
    spins are coupled, and at beta = 0.
Correction
    importance: -ln <exp(-V)>, an estimate of beta F itself, with a jackknife error; not_converged where few samples
    carry it, or where a Markov chain leads from them to states that the trial hardly reaches. cumulants: of V, to
    order 6. The stats hold the estimate beside every result.
Cost
    steps x batch x N x (2 latent + hidden): half a second a beta for 20 sites, 8 s for 256.
Source
    Agakov and Barber, ICONIP 2004; Kingma and Welling, ICLR 2014; Cantwell, arXiv:2209.10423; copies: Sobolev and
    Vetrov, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from statfe.learned.trial_correction import CORRECTION_OPTIONS, fresh_exponents
from statfe.learned.trial_data import read_spins
from statfe.learned.trial_method import outcomes, training_stats
from statfe.learned.vae_trial import HIDDEN, LATENT, VaeTrial
from statfe.learned.vae_trial_training import BATCH, train_vae_trial
from statfe.models.ising import IsingModel
from statfe.registry import Context, Method
from statfe.result import Outcome
from statfe.spec import Option

#: Sites beyond which one beta takes more than half a minute.
MAX_SITES = 400


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, samples: int, copies: int, data: str | None,
    correction: str, cumulants: int, **others: Any,
) -> Sequence[Outcome]:
    """The bound, or what corrects it, at every beta. `others` hold `sum`, and what `train_vae_trial` takes."""
    rule, training = others.pop("sum"), others
    spins = read_spins(data, model, float(betas[0])) if data else None

    def train(beta: float, before: VaeTrial | None) -> VaeTrial:
        found = train_vae_trial(model, beta, seed=context.seed, start=before, data=spins, **training)
        return replace(found, copies=copies)

    return outcomes(
        model, betas, context, METHOD.name, train,
        lambda trial: fresh_exponents(trial, samples, context.seed, context.workers),
        lambda trial: trial.moments(samples, context.seed),
        lambda trial: {**training_stats(trial.training), "latent": trial.latent, "parameters": len(trial.parameters)},
        correction=correction, cumulants=cumulants, sum=rule)


def _obstacle(model: IsingModel) -> str:
    if model.n_sites <= MAX_SITES:
        return ""
    return (
        f"training an autoencoder of {model.n_sites} sites takes more than half a minute a beta (at most {MAX_SITES}); "
        "take gibbs-bogoliubov")


METHOD = Method(
    name="vae-trial",
    family="approximate",
    summary="Gibbs-Bogoliubov bound of a variational autoencoder, trained from beta = 0 up",
    kinds=("upper_bound", "estimate", "uncontrolled", "exact"),
    reference="Agakov and Barber, ICONIP 2004; Cantwell, arXiv:2209.10423; Sobolev and Vetrov, NeurIPS 2019",
    run=run,
    options=(
        Option("latent", "int", None, f"latent units; one a site, at most {LATENT}, if not said", minimum=1,
               maximum=4096, optional=True),
        Option("hidden", "int", None, "tanh units of the decoder, 0 for fields linear in z; two a site, at most "
               f"{HIDDEN}, if not said", minimum=0, maximum=4096, optional=True),
        Option("steps", "int", None, "training steps at one beta, at most; grows with the sites if not said",
               minimum=0, optional=True),
        Option("batch", "int", BATCH, "samples of a training step", minimum=2),
        Option("rate", "float", 1.0, "length of the training steps, relative to what suits", minimum=0.0),
        Option("data", "path", None, "file of configurations at the first beta that the training begins with",
               optional=True),
        Option("samples", "int", 16384, "fresh samples of the bound", minimum=128),
        Option("copies", "int", 16, "draws of z for each sample", minimum=1),
        *CORRECTION_OPTIONS,
    ),
    obstacle=_obstacle,
    cost=lambda model, n_betas: 1e5 * n_betas * float(model.n_sites) ** 2,
)
