"""Importance sampling of Z: independent samples of a trial distribution q, weighted by exp(-beta E) / q.

Computes
    beta_f = -ln [mean of exp(-beta E(s) - ln q(s)) over samples of q], with the bias of order 1/n taken off by the
    jackknife, and the jackknife's error. A first part of the samples is only looked at, to decide whether the weights
    can be trusted; the estimate is made of the others. Were they the same, runs that by chance lack large weights
    would pass most often, and these put beta F too high.
Valid
    For any model, at the temperatures where q is close to the Boltzmann distribution: for N of some tens at any
    temperature, for larger systems at high temperature or on graphs that are nearly narrow. The number of samples it
    takes grows exponentially with the divergence of the two.
Trial
    ``junction``: an exact distribution of at most `width` in treewidth, on the strongest bonds and all pairs within
    their cliques, fitted to a short Markov chain (`statfe.junction.fit`). Where nothing has to be left out it is the
    Boltzmann distribution itself, the result is exact, and samples only check it. ``tree``: exact distributions on a
    spanning tree of the largest abs(J), the other bonds as fields of mean values; ``product``: independent spins. These
    two are mixtures over the lowest minima of the Gibbs-Bogoliubov bound and the disordered state. All have a share
    `mixture` of the uniform distribution, and are symmetric where the model has no fields.
Failure
    Weights cannot tell of states that no sample came near. Beside the effective number of samples, the largest share,
    the skewness and the Pareto index k, the estimate must not lie above the lowest product bound, nor above what a
    softer trial found: a mean of weights exceeds Z by a factor of 100 with a probability of 1% at most, whatever the
    trial (Markov). And the weighted samples must stay what they are when a Markov chain moves them: a drift of ln w
    shows states that the trial hardly reaches. States behind high barriers that no walker or minimum of mean field is
    near remain unseen.
Cost
    samples x (bonds + N x width, or x parts of the mixture); the fit takes about a second a beta. Source: H. Kahn and
    A. W. Marshall, J. Oper. Res. Soc. Am. 1, 263 (1953); T. Hesterberg, Technometrics 37, 185 (1995); A. Vehtari et
    al., J. Mach. Learn. Res. 25, 72 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.log_weights import LogMean, log_mean_exp, log_mean_weight
from statfe.estimators.weight_drift import drift, picked_by_weight
from statfe.executors import map_tasks
from statfe.junction.fit import FittedTrial, fit_trial
from statfe.junction.mixture import interactions
from statfe.junction.trials import fields_of_minima, product_trial, tree_trial
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Outcome, exact_outcome, failure
from statfe.spec import Option
from statfe.trial import Trial

#: Keys of the random streams: samples, samples of the softer trial, shares of a mixture or the fit, walks.
SAMPLES_KEY, SOFT_KEY, PILOT_KEY, WALK_KEY = 8101, 8102, 8103, 8104
#: Spins of the samples that one task draws.
CHUNK = 2**20
#: The softer trial: its fields or beta as a share of the trial's, and its share of the samples.
SOFTNESS, SOFT_SHARE = 0.6, 0.25
#: Share of the samples that decide; they are not in the estimate.
LOOK = 0.25
#: Limits of the checks; below `FEWEST` effective samples there is no number at all.
MIN_EFFECTIVE, MAX_SHARE, FEWEST = 100.0, 0.1, 3.0
#: Stricter than for other means of weights: the mean score of what passes stays below 0.1, whatever the tail.
MAX_K_HAT, MAX_SKEW = 0.5, 0.1
#: Samples that check an exact trial, and how far their ln w may spread relative to the largest.
CHECKED, SPREAD = 1000, 1e-9
MAX_SIGMAS = 4.0
#: Weighted samples that are moved, at most, and sweeps that each is moved by.
WALKERS, SWEEPS = 2000, 50
#: ln of how far a mean of weights may exceed Z; by more than that in one of 100 cases at most.
MARKOV = math.log(100.0)


def log_weights(
    model: IsingModel, beta: float, trial: Trial, samples: int, seed: int, key: int = SAMPLES_KEY, workers: int = 1
) -> np.ndarray:
    """-beta E(s) - ln q(s) of independent samples of `trial`, without the model's offset; float64, shape (samples,).

    One stream a block of samples, so that the numbers do not depend on `workers`.
    """
    def block(number: int) -> np.ndarray:
        return _log_weights_of(model, beta, trial, _block(trial, samples, seed, key, number))

    return np.concatenate(map_tasks(block, range(-(-samples // _block_size(trial))), workers))


def _log_weights_of(model: IsingModel, beta: float, trial: Trial, spins: np.ndarray) -> np.ndarray:
    return np.asarray(beta * interactions(model, spins) - trial.log_prob(spins))


def _block_size(trial: Trial) -> int:
    return max(1, CHUNK // trial.n_sites)


def _block(trial: Trial, samples: int, seed: int, key: int, number: int) -> np.ndarray:
    """Block `number` of the samples; the same whenever it is asked for."""
    size = _block_size(trial)
    return trial.sample(min(size, samples - number * size), generator(seed, (key, number)))


def walked_log_weights(model: IsingModel, beta: float, trial: Trial, logs: np.ndarray, seed: int) -> np.ndarray:
    """ln w of samples picked by their weight and moved by a heat bath, which leaves Boltzmann's law as it is.

    `logs` are the ln w of the samples of `log_weights` with this seed; at most half the effective number is picked.
    """
    rng = generator(seed, (WALK_KEY, 0))
    picks = picked_by_weight(logs, WALKERS, rng)
    size, chosen = _block_size(trial), []
    for number in np.unique(picks // size).tolist():
        spins = _block(trial, len(logs), seed, SAMPLES_KEY, number)
        chosen.append(spins[picks[picks // size == number] - number * size])
    moved = np.ascontiguousarray(np.concatenate(chosen).T)
    for _ in range(SWEEPS):
        heat_bath_sweep(
            model.indptr, model.indices, model.weights, model.fields, beta, rng.random(moved.shape), moved)
    return _log_weights_of(model, beta, trial, moved.T)


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, trial: str, samples: int, width: int, mixture: float
) -> Sequence[Outcome]:
    """The estimate at every beta, each from the same streams."""
    if not math.isfinite(4.0 * float(np.max(np.abs(betas))) * model.reach):
        raise UsageError("beta times the energy would overflow (1e308); scale the couplings down or lower beta")
    outcomes = []
    for k, beta in enumerate(betas.tolist()):
        if beta == 0.0:
            outcomes.append(Outcome(beta_f=-model.n_sites * math.log(2.0), kind="estimate"))
            continue
        outcomes.append(_one_beta(model, beta, context, trial, samples, width, mixture))
        if context.progress is not None:
            context.progress(METHOD.name, (k + 1) / len(betas))
    return outcomes


def _one_beta(
    model: IsingModel, beta: float, context: Context, kind: str, samples: int, width: int, mixture: float
) -> Outcome:
    make = _trials(model, beta, kind, width, mixture, context.seed)
    if isinstance(make, FittedTrial):
        return _exact(model, beta, make, min(samples, CHECKED), context.seed)
    trial, soft_trial = make(1.0, SAMPLES_KEY), make(SOFTNESS, SOFT_KEY)
    logs = log_weights(model, beta, trial, samples, context.seed, SAMPLES_KEY, context.workers)
    soft = log_weights(
        model, beta, soft_trial, max(2, round(SOFT_SHARE * samples)), context.seed, SOFT_KEY, context.workers)
    outcome = judge(logs, soft, float(upper_bounds(model, np.array([beta]))[0]))
    if outcome.status != "converged":
        return outcome
    sigmas = drift(logs, walked_log_weights(model, beta, trial, logs, context.seed))
    stats = {**outcome.stats, "drift_sigmas": sigmas}
    if abs(sigmas) <= MAX_SIGMAS:
        return replace(outcome, stats=stats)
    return replace(
        outcome, status="not_converged", stats=stats, message=f"the weighted samples drift by {abs(sigmas):.1f} sigma "
        "when a Markov chain moves them: the trial hardly reaches some states; raise samples, lower beta, or use mbar")


def _trials(
    model: IsingModel, beta: float, kind: str, width: int, mixture: float, seed: int
) -> Callable[[float, int], Trial] | FittedTrial:
    """Trials by softness and key; one that is the model's own law as it is."""
    if kind == "junction":
        fitted = fit_trial(model, beta, width, generator(seed, (PILOT_KEY, 0)))
        return fitted if fitted.exact else lambda softness, key: fitted.trial(softness, mixture)
    make, minima = {"product": product_trial, "tree": tree_trial}[kind], fields_of_minima(model, beta, seed)
    return lambda softness, key: make(model, beta, minima, softness, mixture, generator(seed, (PILOT_KEY, key)))


def _exact(model: IsingModel, beta: float, fitted: FittedTrial, samples: int, seed: int) -> Outcome:
    """ln Z as the mean of weights that are all the same, and a failure where they are not."""
    logs = log_weights(model, beta, fitted.trial(1.0, 0.0), samples, seed)
    spread = float(np.ptp(logs)) / max(1.0, float(np.max(np.abs(logs))))
    if not spread <= SPREAD:
        return failure(
            "exact", "diverged", f"the weights of an exact trial differ by {spread:.1g} of their size: rounding; scale "
            "the couplings down or lower beta", samples=samples)
    return exact_outcome(float(np.mean(logs)), samples=samples, width=fitted.width)


def _looks(samples: int) -> int:
    """Samples that are looked at; at least one, and one is left."""
    return max(1, int(LOOK * samples))


def judge(logs: np.ndarray, soft_logs: np.ndarray, bound: float) -> Outcome:
    """The outcome of the weights of a trial, beside those of a softer one and an upper bound on beta_f."""
    looks = _looks(len(logs))
    look, main, soft = log_mean_weight(logs[:looks]), log_mean_weight(logs[looks:]), log_mean_weight(soft_logs)
    stats = {
        "effective_samples": main.effective, "k_hat": look.k_hat, "skew": look.skew,
        "largest_share": main.largest_share, "samples": len(logs), "soft_beta_f": -soft.value,
        "soft_error": soft.error, "upper_bound": bound}
    if not (math.isfinite(main.value) and math.isfinite(main.error)) or main.effective < FEWEST:
        return failure(
            "estimate", "diverged", "one sample carries nearly all the weight; raise samples, lower beta, try the "
            "other trial, or use mbar", **stats)
    problems = _weight_problems(look, main) + _missed(main, soft, log_mean_exp(soft_logs), bound)
    return Outcome(
        beta_f=-main.value, beta_f_error=main.error, kind="estimate",
        status="not_converged" if problems else "converged", message="; ".join(problems), stats=stats)


def _weight_problems(look: LogMean, main: LogMean) -> list[str]:
    """What the weights say against themselves; of those in the estimate only what makes it worthless."""
    found = []
    if look.effective < MIN_EFFECTIVE:
        found.append(f"only {look.effective:.0f} effective samples; raise samples, lower beta, or use mbar")
    share = max(look.largest_share, main.largest_share)
    if share > MAX_SHARE:
        found.append(f"one sample carries {100 * share:.0f}% of the weight; raise samples or use mbar")
    if math.isnan(look.k_hat):
        found.append("too few samples to see the tail of the weights; raise samples to 100 or more")
    elif look.k_hat > MAX_K_HAT:
        found.append(
            f"the weights have a heavy tail (k = {look.k_hat:.2f}), their error is not known; lower beta, raise width, "
            "try another trial, or use mbar")
    if look.skew > MAX_SKEW:
        found.append(f"rare large weights make up the sum (skewness {look.skew:.2f}); raise samples or use mbar")
    return found


def _missed(main: LogMean, soft: LogMean, plain: float, bound: float) -> list[str]:
    """Signs of states that the trial never reached; `plain` is ln of the softer trial's mean weight, uncorrected."""
    found, rounding = [], 1e-9 * (1.0 + abs(main.value))
    if -main.value - bound > MAX_SIGMAS * main.error + rounding:
        found.append(
            f"beta F lies {-main.value - bound:.3g} above a rigorous upper bound: the trial misses a phase of lower "
            "free energy; use another trial or mbar")
    if plain - MARKOV - main.value > MAX_SIGMAS * main.error + rounding:
        found.append(
            f"a softer trial found weights that put beta F {plain - main.value:.3g} lower: the trial misses states; "
            "raise mixture, use another trial, or mbar")
    sigma = math.hypot(main.error, soft.error)
    sound = soft.effective >= MIN_EFFECTIVE and soft.k_hat <= MAX_K_HAT
    if sound and abs(soft.value - main.value) > MAX_SIGMAS * sigma + rounding:
        found.append(
            f"a softer trial disagrees by {abs(soft.value - main.value) / max(sigma, 1e-300):.1f} sigma; raise samples "
            "and mixture, or use mbar")
    return found


METHOD = Method(
    name="importance-sampling",
    family="sampled",
    summary="independent samples of a trial of small treewidth, weighted",
    kinds=("estimate", "exact"),
    reference="H. Kahn and A. W. Marshall, J. Oper. Res. Soc. Am. 1, 263 (1953); "
    "A. Vehtari et al., J. Mach. Learn. Res. 25, 72 (2024)",
    run=run,
    options=(
        Option("trial", "str", "junction", "what is sampled: spins on a graph of small treewidth, on a spanning tree, "
               "or independent ones", choices=("junction", "tree", "product")),
        Option("samples", "int", 50_000, "samples of the trial", minimum=2),
        Option("width", "int", 16, "largest treewidth of trial=junction", minimum=1, maximum=20),
        Option("mixture", "float", 0.05, "share of uniform samples among them", minimum=0.0, maximum=0.9),
    ),
    cost=lambda model, n_betas: 2e5 * n_betas * (8.0 * model.n_sites + 2.0 * model.n_pairs),
    work="samples",
)
