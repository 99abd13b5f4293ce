"""Importance sampling of Z: independent samples of a trial distribution q, weighted by exp(-beta E) / q.

Computes
    beta_f = -ln [mean of exp(-beta E(s) - ln q(s)) over samples of q], with the bias of order 1/n taken off by the
    jackknife, and the jackknife's error.
Valid
    For any model, at the temperatures where q is close to the Boltzmann distribution: for N of some tens at any
    temperature, for larger systems at high temperature or on nearly tree-like graphs. The number of samples it takes
    grows exponentially with the divergence of the two.
Trial
    ``tree``: exact distributions on a spanning tree of the largest abs(J), the other bonds as fields of mean values;
    ``product``: independent spins. Either is a mixture over the lowest minima of the Gibbs-Bogoliubov bound and the
    disordered state, with a share `mixture` of the uniform distribution; symmetric where the model has no fields.
Failure
    Weights cannot tell of states that no sample came near. Beside the effective number of samples, the largest share
    and the Pareto index k, the estimate must not lie above the lowest product bound, nor above what a softer trial
    found: a mean of weights exceeds Z by a factor of 100 with a probability of 1% at most, whatever the trial (Markov).
    And the weighted samples must stay what they are when a Markov chain moves them: a drift of ln w shows states that
    the trial hardly reaches. States behind high barriers that no minimum of mean field is near remain unseen.
Cost
    samples x (bonds + N x parts of the mixture). Source: H. Kahn and A. W. Marshall, J. Oper. Res. Soc. Am. 1, 263
    (1953); T. Hesterberg, Technometrics 37, 185 (1995); A. Vehtari et al., J. Mach. Learn. Res. 25, 72 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from statfe.errors import UsageError
from statfe.estimators.bound_check import upper_bounds
from statfe.estimators.log_weights import MAX_K_HAT, MAX_SKEW, LogMean, log_mean_exp, log_mean_weight
from statfe.executors import map_tasks
from statfe.junction.mixture import interactions
from statfe.junction.trials import fields_of_minima, product_trial, tree_trial
from statfe.kernels.junction_down import heat_bath_sweep
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Outcome, failure
from statfe.spec import Option
from statfe.trial import Trial

#: Keys of the random streams: samples, samples of the softer trial, shares of the mixture, walks.
SAMPLES_KEY, SOFT_KEY, PILOT_KEY, WALK_KEY = 8101, 8102, 8103, 8104
#: Spins of the samples that one task draws.
CHUNK = 2**20
#: The softer trial: its fields or beta as a share of the trial's, and its share of the samples.
SOFTNESS, SOFT_SHARE = 0.6, 0.25
#: Limits of the checks; below `FEWEST` effective samples there is no number at all.
MIN_EFFECTIVE, MAX_SHARE, FEWEST = 100.0, 0.1, 3.0
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
    weights = np.exp(logs - logs.max())
    count = int(min(WALKERS, 0.5 * weights.sum() ** 2 / np.sum(weights**2)))
    rng = generator(seed, (WALK_KEY, 0))
    totals = np.cumsum(weights)
    # systematic: as few repeats as the weights allow
    picks = np.minimum(np.searchsorted(totals, (rng.random() + np.arange(count)) / count * totals[-1]), len(logs) - 1)
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
    model: IsingModel, betas: np.ndarray, context: Context, *, trial: str, samples: int, mixture: float
) -> Sequence[Outcome]:
    """The estimate at every beta, each from the same streams."""
    if not math.isfinite(4.0 * float(np.max(np.abs(betas))) * model.reach):
        raise UsageError("beta times the energy would overflow (1e308); scale the couplings down or lower beta")
    make = {"product": product_trial, "tree": tree_trial}[trial]
    outcomes = []
    for k, beta in enumerate(betas.tolist()):
        if beta == 0.0:
            outcomes.append(Outcome(beta_f=-model.n_sites * math.log(2.0), kind="estimate"))
            continue
        outcomes.append(_one_beta(model, beta, context, make, samples, mixture))
        if context.progress is not None:
            context.progress(METHOD.name, (k + 1) / len(betas))
    return outcomes


def _one_beta(
    model: IsingModel, beta: float, context: Context, make: Callable[..., Trial], samples: int, mixture: float
) -> Outcome:
    minima, trials, found = fields_of_minima(model, beta, context.seed), [], []
    for softness, key, count in (
            (1.0, SAMPLES_KEY, samples), (SOFTNESS, SOFT_KEY, max(2, round(SOFT_SHARE * samples)))):
        trials.append(make(model, beta, minima, softness, mixture, generator(context.seed, (PILOT_KEY, key))))
        found.append(log_weights(model, beta, trials[-1], count, context.seed, key, context.workers))
    outcome = judge(found[0], found[1], float(upper_bounds(model, np.array([beta]))[0]))
    if outcome.status != "converged":
        return outcome
    sigmas = drift(found[0], walked_log_weights(model, beta, trials[0], found[0], context.seed))
    stats = {**outcome.stats, "drift_sigmas": sigmas}
    if abs(sigmas) <= MAX_SIGMAS:
        return replace(outcome, stats=stats)
    return replace(
        outcome, status="not_converged", stats=stats, message=f"the weighted samples drift by {abs(sigmas):.1f} sigma "
        "when a Markov chain moves them: the trial hardly reaches some states; raise samples, lower beta, or use mbar")


def drift(logs: np.ndarray, walked: np.ndarray) -> float:
    """(mean of ln w after the walk - weighted mean before) in standard deviations of the two."""
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    mean = float(np.dot(shares, logs))
    # A few walkers may by chance see none of the rare states: the larger of the two variances is theirs.
    spread = max(float(np.var(walked)), float(np.dot(shares, (logs - mean) ** 2)))
    variance = float(np.sum((shares * (logs - mean)) ** 2)) + spread / len(walked)
    return (float(np.mean(walked)) - mean) / math.hypot(math.sqrt(variance), 1e-9 * (1.0 + abs(mean)))


def judge(logs: np.ndarray, soft_logs: np.ndarray, bound: float) -> Outcome:
    """The outcome of the weights of a trial, beside those of a softer one and an upper bound on beta_f."""
    main, soft = log_mean_weight(logs), log_mean_weight(soft_logs)
    stats = {
        "effective_samples": main.effective, "k_hat": main.k_hat, "largest_share": main.largest_share,
        "samples": len(logs), "soft_beta_f": -soft.value, "soft_error": soft.error, "upper_bound": bound}
    if not (math.isfinite(main.value) and math.isfinite(main.error)) or main.effective < FEWEST:
        return failure(
            "estimate", "diverged", "one sample carries nearly all the weight; raise samples, lower beta, try the "
            "other trial, or use mbar", **stats)
    problems = _weight_problems(main) + _missed(main, soft, log_mean_exp(soft_logs), bound)
    return Outcome(
        beta_f=-main.value, beta_f_error=main.error, kind="estimate",
        status="not_converged" if problems else "converged", message="; ".join(problems), stats=stats)


def _weight_problems(main: LogMean) -> list[str]:
    """What the weights say against themselves."""
    found = []
    if main.effective < MIN_EFFECTIVE:
        found.append(f"only {main.effective:.0f} effective samples; raise samples, lower beta, or use mbar")
    if main.largest_share > MAX_SHARE:
        found.append(f"one sample carries {100 * main.largest_share:.0f}% of the weight; raise samples or use mbar")
    if math.isnan(main.k_hat):
        found.append("too few samples to see the tail of the weights; raise samples to 25 or more")
    elif main.k_hat > MAX_K_HAT:
        found.append(
            f"the weights have a heavy tail (k = {main.k_hat:.2f}), their error is not known; lower beta, try the "
            "other trial, or use mbar")
    if main.skew > MAX_SKEW:
        found.append(f"rare large weights make up the sum (skewness {main.skew:.2f}); raise samples or use mbar")
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
    summary="independent samples of a tree or product trial, weighted",
    kinds=("estimate",),
    reference="H. Kahn and A. W. Marshall, J. Oper. Res. Soc. Am. 1, 263 (1953); "
    "A. Vehtari et al., J. Mach. Learn. Res. 25, 72 (2024)",
    run=run,
    options=(
        Option("trial", "str", "tree", "what is sampled: spins on a spanning tree, or independent ones",
               choices=("tree", "product")),
        Option("samples", "int", 50_000, "samples of the trial", minimum=2),
        Option("mixture", "float", 0.05, "share of uniform samples among them", minimum=0.0, maximum=0.9),
    ),
    cost=lambda model, n_betas: 2e5 * n_betas * (8.0 * model.n_sites + 2.0 * model.n_pairs),
    work="samples",
)
