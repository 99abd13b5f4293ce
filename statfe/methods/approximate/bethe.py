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
Schedules
    ``sequential``: over the sites from the leaves to the roots and back, each with the newest messages.
    ``parallel``: all messages at once. ``residual``: always the message that would change most (Elidan, McGraw and
    Koller 2006). The driver adds damping where the residual stalls. A forest is always settled sequentially.
Choice among several solutions
    The lowest beta_f among those that attract belief propagation with damping, which are minima of (3) (Heskes
    2002); in a spin glass the paramagnet stays a fixed point below its transition and stops being one of these.
    Where bounds hold, the lowest of all. Starts as for naive mean field, and the paramagnet itself; on a forest there
    is only one fixed point. The others found are listed in the stats.
    Where none attracts, the lowest that is a minimum of the Bethe free energy, by its Hessian: such a paramagnet is
    that of a spin glass without fields, and the number may be far off there. Where there is none, or belief propagation
    converges from no start, a double loop (`statfe.propagation.double_loop`) descends to minima, which are fixed points
    as well, and the lowest is taken. The stats say what belief propagation did: whether without any damping it
    converged (``plain_converged``, with its iterations and residual), the ``growth`` of a small disturbance a sweep
    with damping, whether it is ``repelled`` by every fixed point found, and whether the ``double_loop`` was needed.
Moments
    Means and correlations of the beliefs; with ``correlations=response``, those of the response of the means to the
    fields (Welling and Teh 2004), exact on forests too and better near a transition; N^3 there, and NaN where spins are
    so nearly equal that rounding hides their response.
Cost
    A sweep over the sites and back renews every message twice, some 5 ns each, and as much again for the driver; 15 ns
    each where messages are so large that their logarithms are kept. Two sweeps on a forest, tens elsewhere, more near
    a transition. Above some 10^5 pairs fewer iterations are made than asked for.
Source
    H. A. Bethe, Proc. R. Soc. A 150, 552 (1935); J. S. Yedidia, W. T. Freeman and Y. Weiss, IEEE Trans. Inf. Theory
    51, 2282 (2005); T. Heskes, NIPS 15, 343 (2002); N. Ruozzi, NIPS 25, 117 (2012); G. Elidan, I. McGraw and D. Koller,
    UAI 22, 165 (2006). Double loop: A. L. Yuille, Neural Comput. 14, 1691 (2002); T. Heskes, K. Albers and B. Kappen,
    UAI 19, 313 (2003). Hessian and response: M. Welling and Y. W. Teh, UAI 17, 554 (2001); Neural Comput. 16, 197
    (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.propagation.belief_propagation import SCHEDULES, Graph, Propagation
from statfe.propagation.double_loop import FLAT, double_loop
from statfe.registry import Context, Method
from statfe.result import Kind, Outcome, failure
from statfe.spec import Option
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search

#: Growth a sweep from which a fixed point repels; marginal ones at a transition count as attracting.
REPELS = 1.001
#: Sweeps of belief propagation without damping, which the stats tell of, in models where they renew so many messages.
PLAIN_SWEEPS, PLAIN_VISITS = 200, 2e7
#: Messages of all starts together times iterations, at most, and the fewest iterations of a start in large models.
VISITS, FEWEST = 1e9, 50
#: Response correlations need an inverse of this many rows at most; beliefs are taken above.
MAX_RESPONSE = 3000


@dataclass(frozen=True, eq=False)
class Damped:
    """What belief propagation with damping and extrapolation found.

    Attributes
    ----------
    chosen
        The solution taken; None where there is none, or all repel and none is a minimum.
    repelling
        Whether all solutions repel.
    growth, softest
        Of a disturbance a sweep, at the solution taken or the one that repels least; the smallest eigenvalue there (see
        `Propagation.softest`); NaN where they were not asked for.
    """

    found: Search
    chosen: Solution | None
    repelling: bool = False
    growth: float = np.nan
    softest: float = np.nan

    @classmethod
    def of(cls, propagation: Propagation, found: Search, kind: Kind) -> Damped:
        """Choose: the lowest, and where nothing bounds it the lowest that attracts, or else is a minimum."""
        if not found.found or kind != "uncontrolled":
            return cls(found, found.solutions[0] if found.found else None)
        growths = []
        for solution in found.solutions:
            growths.append(propagation.growth(solution.point.x))
            if growths[-1] < REPELS:
                return cls(found, solution, False, growths[-1])
        for solution, growth in zip(found.solutions, growths, strict=True):
            softest = propagation.softest(solution.point.x).value
            if softest >= -FLAT:
                return cls(found, solution, True, growth, softest)
        return cls(found, None, True, min(growths))

    def stats(self) -> dict[str, Any]:
        """What was measured beside the solution."""
        measured = {"growth": self.growth, "softest": self.softest}
        return {name: value for name, value in measured.items() if np.isfinite(value)}

    def failure(self, kind: Kind, said: dict[str, Any]) -> Outcome:
        """The outcome where there is no double loop."""
        if not self.found.found:
            outcome = self.found.failure(kind)
            return failure(kind, outcome.status, outcome.message, **outcome.stats, **said)
        lowest = self.found.solutions[0]
        return failure(
            kind, "not_converged",
            f"belief propagation leaves every fixed point found (a disturbance grows by {self.growth:.3g} a sweep) and "
            "none is a minimum; lower beta, or take double_loop=auto",
            stationary_beta_f=lowest.beta_f, **self.found.stats(lowest), **self.stats(), **said)


class _Bethe:
    """The method at one beta."""

    def __init__(self, propagation: Propagation, kind: Kind, driver: dict[str, Any], correlations: str, workers: int):
        self.p, self.kind, self.driver = propagation, kind, driver
        self.correlations, self.workers = correlations, workers

    def plain(self, starts: list[Start]) -> dict[str, Any]:
        """What belief propagation does from nearly free spins without damping or extrapolation, for the stats."""
        visits = 2 * max(1, len(self.p.strengths))
        if self.kind != "uncontrolled" or visits * PLAIN_SWEEPS > PLAIN_VISITS:
            return {}
        free = next(start for start in starts if start.name == "paramagnetic")
        point = solve_fixed_point(
            self.p.swept, free.x, iterations=min(PLAIN_SWEEPS, self.driver["iterations"]),
            tolerance=self.p.attainable(self.driver["tolerance"]))
        return {
            "plain_converged": point.converged, "plain_iterations": point.iterations, "plain_residual": point.residual}

    def damped(self, starts: list[Start]) -> Damped:
        """Belief propagation from every start."""
        afford = max(FEWEST, int(VISITS / max(1, len(self.p.strengths) * len(starts))))
        driver = {**self.driver, "iterations": min(self.driver["iterations"], afford)}
        found = search(
            starts, lambda s: self.p.solve(s, **driver), self.p.model.n_sites,
            symmetric=not self.p.model.has_fields, workers=self.workers)
        return Damped.of(self.p, found, self.kind)

    def outcome(self, chosen: Solution, found: Search, **stats: Any) -> Outcome:
        """The result at `chosen`."""
        respond = self.correlations == "response" and self.p.model.n_sites <= MAX_RESPONSE
        moments = self.p.response if respond else self.p.moments
        return Outcome(
            beta_f=chosen.beta_f, kind=self.kind, stats={**found.stats(chosen), **stats},
            moments=lambda: moments(chosen.point.x))

    def without_double_loop(self, damped: Damped, said: dict[str, Any]) -> Outcome:
        """The result of belief propagation alone."""
        if damped.chosen is None:
            return damped.failure(self.kind, said)
        return self.outcome(damped.chosen, damped.found, **damped.stats(), **said)

    def of_double_loop(self, starts: list[Start], said: dict[str, Any]) -> tuple[Outcome, Search]:
        """The lowest minimum that the double loop reaches."""
        found, descents = double_loop(
            self.p, starts, iterations=self.driver["iterations"], tolerance=self.driver["tolerance"],
            workers=self.workers)
        if not found.found:
            nearest = min(found.failed, key=lambda point: point.residual)
            failed = failure(
                self.kind, "not_converged",
                f"belief propagation does not settle, and its double loop found no minimum of the Bethe free energy in "
                f"{nearest.iterations} outer steps (residual {nearest.residual:.1e}); raise iterations, or lower beta",
                iterations=nearest.iterations, residual=nearest.residual, failed_starts=len(found.failed), **said)
            return failed, found
        best = found.solutions[0]
        descent = descents[id(best)]
        return self.outcome(best, found, inner_sweeps=descent.sweeps, softest=descent.softest, **said), found


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    restarts: int,
    schedule: str,
    double_loop: str,
    correlations: str,
    **driver: Any,
) -> Sequence[Outcome]:
    """Bethe beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    graph = Graph.of(model)

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        kind = graph.kind(beta)
        here = _Bethe(Propagation(graph, beta, schedule), kind, driver, correlations, context.workers)
        starts = [*continued(before), *here.p.starts(context.seed, restarts)]
        said = {**here.plain(starts), "double_loop": False}
        damped = None if double_loop == "always" and kind != "exact" else here.damped(starts)
        if damped is not None and (damped.chosen is not None or double_loop == "never" or kind == "exact"):
            outcome, found = here.without_double_loop(damped, {**said, "repelled": damped.repelling}), damped.found
        else:
            said |= {"double_loop": True}
            if damped is not None:
                said |= {"repelled": damped.repelling, "damped_solutions": len(damped.found.solutions)}
            outcome, found = here.of_double_loop(starts, said)
        return outcome, found if found.found else before

    return along_betas(betas, step, context.progress, METHOD.name)


METHOD = Method(
    name="bethe",
    family="approximate",
    summary="Bethe free energy by belief propagation",
    kinds=("exact", "upper_bound", "uncontrolled"),
    reference="Bethe, Proc. R. Soc. A 150, 552 (1935); Yedidia, Freeman and Weiss, IEEE Trans. IT 51, 2282 (2005); "
    "bound: Ruozzi, NIPS 25, 117 (2012); double loop: Yuille, Neural Comput. 14, 1691 (2002)",
    run=run,
    # beta_f is stationary, so its error is of second order in the tolerance.
    options=(
        *fixed_point_options(restarts=3, iterations=2000, tolerance=1e-9),
        Option("schedule", "str", "sequential", "which messages go first", choices=SCHEDULES),
        Option("double_loop", "str", "auto", "a descent of the Bethe free energy: where plain belief propagation does "
               "not settle, always in its place, or never", choices=("auto", "always", "never")),
        Option("correlations", "str", "beliefs", "correlations from the beliefs of pairs, or from the response of the "
               "means to the fields", choices=("beliefs", "response")),
    ),
    cost=lambda model, n_betas: 200.0 * n_betas * (20.0 * model.n_sites + 40.0 * model.n_pairs),
)
