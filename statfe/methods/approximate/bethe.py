"""The Bethe free energy at fixed points of belief propagation.

Computes
    With cavity fields g_{j->i}, the message from j to i over a = beta J_ij is
        u_{j->i} = atanh[tanh(a) tanh(g_{j->i})],                                                        (1)
        g_{i->j} = beta h_i + sum_{k != j} u_{k->i},                                                     (2)
    and with H_i = beta h_i + sum_k u_{k->i}
        beta_f = - sum_i ln 2 cosh H_i - sum_{i<j} [ln C(g_{i->j}) + ln C(g_{j->i}) - ln Z_ij],          (3)
        ln C(g) = [ln 2 cosh(a + g) + ln 2 cosh(a - g)] / 2,
        Z_ij = sum_{s,t} exp(a s t + g_{i->j} s + g_{j->i} t).
    Read as a function of the cavity fields alone (u from (1)), (3) is stationary where (2) holds.
Valid
    For any model; good where cycles are long or couplings weak. In frustrated models at low temperature belief
    propagation often has no fixed point in reach, or leaves every one it has: the status says so.
Bound
    Exact on forests and where no spins are coupled. An upper bound where the model is balanced (a ferromagnet up to
    flips of spins), in any fields and at any fixed point: no point of the local polytope exceeds Z (Ruozzi 2012).
    Uncontrolled otherwise.
Choice among several solutions
    The lowest beta_f among those that attract belief propagation with damping, which are minima of (3) (Heskes
    2002); in a spin glass the paramagnet stays a fixed point below its transition and stops being one of these.
    Where bounds hold, the lowest of all. Starts as for naive mean field, and the paramagnet itself; on a forest there
    is only one fixed point. The others found are listed in the stats.
Cost
    A sweep over the sites and back renews every message twice: some 60 ns a bond and direction. Two sweeps on a
    forest, tens elsewhere, more near a transition.
Source
    H. A. Bethe, Proc. R. Soc. A 150, 552 (1935); J. S. Yedidia, W. T. Freeman and Y. Weiss, IEEE Trans. Inf. Theory
    51, 2282 (2005); T. Heskes, NIPS 15, 343 (2002); N. Ruozzi, NIPS 25, 117 (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.kernels.belief_propagation import (
    cavity_fields,
    edge_terms,
    new_messages,
    reverse_slots,
    site_terms,
    sweep,
    total_fields,
)
from statfe.models.balance import balance
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.mean_field import attainable
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import standard_starts

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: A disturbance is followed for so many damped sweeps; the last of them give its growth.
DISTURBED, LAST = 120, 40
#: Size of the disturbance, and the damping under which it is followed.
SIZE, DAMPING = 1e-6, 0.7
#: Growth a sweep from which a fixed point repels; marginal ones at a transition count as attracting.
REPELS = 1.001
#: Key of the stream of disturbances (see `statfe.random.generator`).
DISTURBANCE_KEY = 7004


@dataclass(frozen=True, eq=False)
class Graph:
    """What belief propagation needs of a model at every beta.

    Attributes
    ----------
    reverse
        Slot of the opposite direction of each slot of the adjacency, int64.
    order
        Sites as one sweep visits them: leaves to roots and back, which settles a forest.
    """

    model: IsingModel
    reverse: np.ndarray
    order: np.ndarray
    balanced: bool

    @classmethod
    def of(cls, model: IsingModel) -> Graph:
        """Search the coupling graph of `model` once."""
        found = balance(model)
        order = np.concatenate([found.order[::-1], found.order])
        return cls(model, reverse_slots(model.indptr, model.indices), order, found.balanced)

    def kind(self, beta: float) -> Kind:
        """What the Bethe free energy is to F."""
        if beta == 0.0 or self.model.is_forest:
            return "exact"
        return "upper_bound" if self.balanced else "uncontrolled"


class Propagation:
    """Belief propagation at one beta; a state is the messages u, one a slot of the adjacency."""

    def __init__(self, graph: Graph, beta: float):
        self.graph, self.model, self.beta = graph, graph.model, beta
        self.strengths = beta * self.model.weights
        self.decays = np.exp(-2.0 * np.abs(self.strengths))
        self.fields = beta * self.model.fields

    def swept(self, messages: np.ndarray) -> np.ndarray:
        """Messages after one sweep of (1) and (2)."""
        new = messages.copy()
        sweep(
            self.model.indptr, self.graph.reverse, self.strengths, self.decays, self.fields, self.graph.order, new)
        return new

    def sent(self, cavities: np.ndarray) -> np.ndarray:
        """The messages (1) from cavity fields, one a slot."""
        out = np.empty_like(cavities)
        new_messages(self.strengths, self.decays, cavities, out)
        return out

    def cavities(self, messages: np.ndarray) -> np.ndarray:
        """The cavity fields (2) behind each slot."""
        out = np.empty_like(messages)
        cavity_fields(self.model.indptr, self.graph.reverse, self.fields, messages, out)
        return out

    def totals(self, messages: np.ndarray) -> np.ndarray:
        """H_i, shape (n_sites,)."""
        out = np.empty(self.model.n_sites)
        total_fields(self.model.indptr, self.fields, messages, out)
        return out

    def beta_f(self, cavities: np.ndarray) -> float:
        """The Bethe free energy (3) as a function of the cavity fields alone."""
        sites, pairs = np.empty(self.model.n_sites), np.empty(self.model.n_sites)
        site_terms(self.totals(self.sent(cavities)), sites)
        edge_terms(self.model.indptr, self.graph.reverse, self.strengths, cavities, pairs)
        return -float(np.sum(sites + pairs))

    def solve(self, start: Start, *, iterations: int, tolerance: float, **driver: Any) -> Solution:
        """The fixed point reached from the messages `start.x`."""
        point = solve_fixed_point(
            self.swept, start.x, memory=MEMORY, iterations=start.limit(iterations),
            tolerance=attainable(tolerance, self.model, self.beta), **driver)
        means = np.tanh(self.totals(point.x))
        return Solution(self.beta_f(self.cavities(point.x)), means, point, start.name)

    def growth(self, messages: np.ndarray) -> float:
        """By how much a small disturbance of a fixed point grows a sweep: the largest real part of an eigenvalue.

        Damped sweeps have eigenvalues d + (1 - d) x, so power iteration with large d finds the largest Re x.
        """
        rng, rates = generator(0, DISTURBANCE_KEY), []
        change = rng.standard_normal(len(messages))
        for _ in range(DISTURBED):
            change *= SIZE / float(np.linalg.norm(change))
            change = DAMPING * change + (1.0 - DAMPING) * (self.swept(messages + change) - messages)
            rates.append(float(np.linalg.norm(change)) / SIZE)
            if rates[-1] == 0.0:
                return 0.0
        rate = float(np.exp(np.mean(np.log(rates[-LAST:]))))
        return 1.0 + (rate - 1.0) / (1.0 - DAMPING)

    def starts(self, seed: int, restarts: int, beta: float) -> list[Start]:
        """Messages of spins that feel the fields of the standard starts."""
        if self.graph.kind(beta) == "exact":
            return [Start("paramagnetic", np.zeros(len(self.strengths)))]
        starts = [
            start._replace(x=self.sent(start.x[self.model.indices]))
            for start in standard_starts(self.model, beta, seed, restarts)]
        if self.graph.balanced or self.model.has_fields:
            return starts
        return [Start("paramagnet", np.zeros(len(self.strengths))), *starts]

    def outcome(self, found: Search, kind: Kind) -> Outcome:
        """The result: the lowest solution, and where nothing bounds it the lowest that attracts."""
        if not found.found:
            return found.failure(kind)
        if kind != "uncontrolled":
            best = found.solutions[0]
            return Outcome(beta_f=best.beta_f, kind=kind, stats=found.stats(best))
        growths = []
        for solution in found.solutions:
            growths.append(self.growth(solution.point.x))
            if growths[-1] < REPELS:
                stats = {**found.stats(solution), "growth": growths[-1]}
                return Outcome(beta_f=solution.beta_f, kind=kind, stats=stats)
        k = int(np.argmin(growths))
        nearest = found.solutions[k]
        return failure(
            kind, "not_converged",
            f"belief propagation leaves every fixed point found (a disturbance grows by {growths[k]:.3g} a sweep); "
            "lower beta", stationary_beta_f=nearest.beta_f, growth=growths[k], **found.stats(nearest))


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Bethe beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    graph = Graph.of(model)

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        propagation, kind = Propagation(graph, beta), graph.kind(beta)
        starts = [*continued(before), *propagation.starts(context.seed, restarts, beta)]
        found = search(
            starts,
            lambda s: propagation.solve(s, **driver),
            model.n_sites, symmetric=not model.has_fields, workers=context.workers)
        return propagation.outcome(found, kind), found if found.found else before

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="bethe",
    family="approximate",
    summary="Bethe free energy by belief propagation",
    kinds=("exact", "upper_bound", "uncontrolled"),
    reference="Bethe, Proc. R. Soc. A 150, 552 (1935); Yedidia, Freeman and Weiss, IEEE Trans. IT 51, 2282 (2005); "
    "bound: Ruozzi, NIPS 25, 117 (2012)",
    run=run,
    # beta_f is stationary, so its error is of second order in the tolerance.
    options=fixed_point_options(restarts=3, iterations=2000, tolerance=1e-9),
    cost=lambda model, n_betas: 200.0 * n_betas * (20.0 * model.n_sites + 40.0 * model.n_pairs),
)
