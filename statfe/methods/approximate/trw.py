"""Tree-reweighted belief propagation: a lower bound on F from averages over spanning forests.

Computes
    Let rho_ij be the probability of pair ij in a random spanning forest of the coupling graph, and a = beta J / rho.
    With messages u, sites and pairs have the beliefs b_i(s) ~ exp(H_i s) and
    b_ij(s, t) ~ exp(a_ij s t + g_i s + g_j t),
        H_i = beta h_i + sum_j rho_ij u_{j->i},    g_i = H_i - u_{j->i},                                        (1)
    and at a fixed point
        u_{j->i} = atanh[tanh(a_ij) tanh(g_j)].                                                                 (2)
    For any messages the Boltzmann weight is exp(A) times the mean over forests, in the exponent, of the products
    prod_i b_i prod_{ij in forest} b_ij / (b_i b_j), with
        A = sum_i ln 2 cosh H_i + sum_{i<j} rho_ij [ln Z_ij - ln 2 cosh H_i - ln 2 cosh H_j],                   (3)
    so by Hoelder's inequality ln Z <= A + mean of ln (sum over states of that product), where leaf after leaf sums to
    at most the largest ratio of the pair's marginal to the site's belief:
        -beta_f <= A + sum_{i<j} rho_ij max over both ends and spins of ln [b_ij(s) / b_i(s)].                  (4)
    The last sum vanishes at a fixed point, where A is the tree-reweighted free energy.
Valid
    For any model. The bound is loose where many cycles are frustrated; far tighter than a single tree.
Bound
    Lower bound on F at any messages, converged or not, since (4) is what is given; exact on forests, once messages
    have settled, and where no spins are coupled. The stats say how much (4) owes to messages that have not settled
    (``slack``).
Choice of forests
    All spanning forests, each with a chance in proportion to the product of its bonds' weights: first tanh beta |J|,
    then changed by mirror descent in the mutual informations of the pairs, as long as the bound falls. The rho are
    Kirchhoff's resistances. Above 1000 sites a cover by a few forests, then steps towards the one with the largest
    sum of informations (conditional gradient). ``gain`` in the stats is what further steps could gain, to first order.
Moments
    Means and correlations of the beliefs.
Cost
    Some 40 ns a message, tens of sweeps an update of the forests; fewer updates are made in large models.
Source
    M. J. Wainwright, T. S. Jaakkola and A. S. Willsky, IEEE Trans. Inf. Theory 51, 2313 (2005).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.models.ising import IsingModel
from statfe.propagation.belief_propagation import Graph
from statfe.propagation.spanning_forests import MAX_INVERSE
from statfe.propagation.tree_reweighted import Point, Reweighted
from statfe.registry import OVERFLOW, Context, Method
from statfe.result import BOUND_HOLDS, Kind, Outcome, failure
from statfe.spec import Option
from statfe.variational.solutions import along_betas

#: Pairs that a run takes at most, and a site above `MAX_INVERSE` sites.
MAX_PAIRS, MAX_PAIRS_A_SITE = 2_000_000, 32
#: Slack in nats a site above which messages have not settled: the bound holds, but may be raised.
MOST_SLACK = 1e-4
#: Slack, relative to ln Z, up to which messages on a forest have settled to rounding.
ROUNDING = 1e-11


def obstacle(model: IsingModel) -> str:
    """Refuse dense models so large that a sweep takes seconds."""
    dense = model.n_sites > MAX_INVERSE and model.n_pairs > MAX_PAIRS_A_SITE * model.n_sites
    if not dense and model.n_pairs <= MAX_PAIRS:
        return ""
    return f"{model.n_pairs} coupled pairs would take minutes; take gibbs-bogoliubov for a bound, or tap"


def outcome(reweighted: Reweighted, point: Point, kind: Kind, updates: int, gain: float) -> Outcome:
    """The bound at `point`."""
    if not np.isfinite(point.log_z):
        return failure(kind, "diverged", OVERFLOW)
    stats = {
        "iterations": point.reached.iterations, "residual": point.reached.residual, "slack": point.slack,
        "updates": updates, "gain": gain, "least_share": float(np.min(point.shares, initial=1.0)),
        BOUND_HOLDS: True}
    settled = point.slack <= MOST_SLACK * reweighted.model.n_sites
    return Outcome(
        beta_f=-point.log_z, kind=kind, stats=stats, moments=lambda: reweighted.moments(point),
        status="converged" if settled else "not_converged",
        message="" if settled else "the bound holds, but its messages have not settled and it is lower than it need "
        f"be (by up to {point.slack:.2g}); raise iterations")


def run(
    model: IsingModel, betas: np.ndarray, context: Context, *, updates: int, iterations: int, tolerance: float
) -> Sequence[Outcome]:
    """The bound at every beta; see the module's docstring."""
    graph = Graph.of(model)

    def step(beta: float, _: None) -> tuple[Outcome, None]:
        reweighted = Reweighted(graph, beta, iterations=iterations, tolerance=tolerance)
        tree = beta == 0.0 or model.is_forest
        point, made, gain = reweighted.first(), 0, 0.0
        if not tree:
            point, made, gain = reweighted.improved(point, updates)
        point = reweighted.solve(point)
        settled = point.slack <= ROUNDING * max(1.0, abs(point.log_z))
        return outcome(reweighted, point, "exact" if tree and settled else "lower_bound", made, gain), None

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="trw",
    family="approximate",
    summary="tree-reweighted belief propagation: a lower bound on F",
    kinds=("lower_bound", "exact"),
    reference="Wainwright, Jaakkola and Willsky, IEEE Trans. IT 51, 2313 (2005)",
    run=run,
    options=(
        Option("updates", "int", 6, "changes of the forests, at most; fewer in large models", minimum=0),
        Option("iterations", "int", 2000, "largest number of sweeps of the messages", minimum=1),
        Option("tolerance", "float", 1e-11, "largest scaled change of a message at the end", minimum=0.0),
    ),
    obstacle=obstacle,
    cost=lambda model, n_betas: 4e4 * n_betas * (model.n_sites + 4.0 * model.n_pairs),
)
