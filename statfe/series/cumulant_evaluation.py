"""Which way to the terms of a cumulant expansion: closed forms, all states, or samples."""

from __future__ import annotations

import numpy as np

from statfe.errors import NotApplicableError
from statfe.models.ising import IsingModel
from statfe.series.cumulant_samples import by_sampling
from statfe.series.cumulant_terms import MAX_SITES, Expansion, by_enumeration, to_terms
from statfe.series.cumulants import MAX_ORDER, cumulants, cycle_graph
from statfe.trial import ProductTrial, Trial
from statfe.trials.block_trial import BlockTrial
from statfe.trials.tree_trial import TreeTrial

#: Ways that can be asked for.
WAYS = ("auto", "analytic", "enumeration", "sampling")
#: Most steps over cycles at one beta, and most terms of the energy of all samples: about half a minute on one core.
MAX_STEPS, MAX_DRAWS = 1e10, 3e10
#: Rounding errors of a cumulant in closed form, in units of the last place of its scale kappa_2^(k/2).
ROUNDING = 4.0


def closed_order(model: IsingModel, trial: Trial) -> int:
    """Highest order with a closed form that is affordable; 0 where there is none."""
    if isinstance(trial, ProductTrial):
        return next(k for k in range(MAX_ORDER, 0, -1) if k <= 2 or cycle_graph(model).steps(k) <= MAX_STEPS)
    return 1 if isinstance(trial, (TreeTrial, BlockTrial)) else 0


def closed_cumulants(model: IsingModel, beta: float, trial: Trial, order: int) -> np.ndarray:
    """The first `order` cumulants in closed form; shape (order,)."""
    if isinstance(trial, ProductTrial) and order > 0:
        return cumulants(model, beta, trial, order)
    if isinstance(trial, (TreeTrial, BlockTrial)) and order == 1:
        energy = -float(np.dot(model.pairs[2], trial.correlations) + np.dot(model.fields, trial.means))
        return np.array([beta * energy - trial.entropy])
    return np.empty(0)


def expand(
    model: IsingModel, beta: float, trial: Trial, order: int, way: str = "auto", samples: int = 65536, seed: int = 0,
    workers: int = 1,
) -> Expansion:
    """The first `order` terms of the expansion around `trial`.

    Parameters
    ----------
    way
        ``analytic``; ``enumeration`` of all states; ``sampling`` of independent samples of the trial; or ``auto``:
        closed forms as far as they go, and for the orders beyond the states where they are few, else samples.
    samples
        How many are drawn where any are.

    Raises
    ------
    NotApplicableError
        Where the way does not lead there, or takes too long; says what to take instead.
    """
    closed = closed_order(model, trial)
    if way == "analytic" or (way == "auto" and order <= closed):
        if order > closed:
            raise NotApplicableError(_no_closed_form(model, trial, order, closed))
        return _analytic(model, beta, trial, order)
    known = closed_cumulants(model, beta, trial, closed) if way == "auto" else np.empty(0)
    if way == "enumeration" or (way == "auto" and model.n_sites <= MAX_SITES):
        if model.n_sites > MAX_SITES:
            raise NotApplicableError(
                f"2^{model.n_sites} states are too many to enumerate (at most 2^{MAX_SITES}); use evaluation=auto")
        return by_enumeration(model, beta, trial, order).with_known(known)
    draws = float(samples) * (model.n_pairs + 8.0 * model.n_sites)
    if draws > MAX_DRAWS:
        raise NotApplicableError(
            f"{samples} samples of {model.n_sites} spins and {model.n_pairs} pairs take too long; use "
            f"order={max(closed, 1)}, or samples={int(samples * MAX_DRAWS / draws)}")
    return by_sampling(model, beta, trial, order, samples, seed, workers=workers).with_known(known)


def _analytic(model: IsingModel, beta: float, trial: Trial, order: int) -> Expansion:
    kappas = closed_cumulants(model, beta, trial, order)
    rounding = np.zeros(order)
    if order > 1:
        with np.errstate(over="ignore", invalid="ignore"):
            scale = np.sqrt(max(kappas[1], 0.0)) ** np.arange(1, order + 1)
            rounding = ROUNDING * np.finfo(float).eps * np.abs(to_terms(scale))
    return Expansion(kappas, ["analytic"] * order, rounding)


def _no_closed_form(model: IsingModel, trial: Trial, order: int, closed: int) -> str:
    if isinstance(trial, ProductTrial) and order <= MAX_ORDER:
        return (
            f"order {order} would take {cycle_graph(model).steps(order):.1g} steps over the cycles of this graph at "
            f"each beta (at most {MAX_STEPS:.0e}); use order={closed}")
    return (
        f"order {order} around this trial has no closed form (they go to order {closed}); use evaluation=auto, "
        f"enumeration or sampling{f', or order={closed}' if closed else ''}")
