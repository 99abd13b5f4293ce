"""The cluster variation method: Kikuchi's free energy of plaquettes and larger clusters.

Computes
    With beliefs b_R over the regions R, which agree on what they share, and counting numbers c_R (see
    `statfe.propagation.region_graph`),
        beta_f = sum over clusters of sum b ln(b / psi) + sum over inner regions of c sum b ln b,            (1)
    psi being the Boltzmann factors, each shared by the clusters that hold it; at a stationary point of (1).
Valid
    For any model; much better than Bethe where cycles are short. Clusters of pairs give Bethe itself.
Bound
    Exact where the clusters make a junction tree (an open ladder of plaquettes, a forest), else none.
Clusters
    ``plaquettes``: all of a two-dimensional lattice; elsewhere chordless cycles of up to 4 sites, shortest and
    strongest first, as far as they are independent. ``cubes``: of a cubic lattice. ``loops3`` ... ``loops6``: all,
    independent or not. Where sum_R c_R exceeds 1, frozen spins have entropy left; (1) may then have its minimum
    where beliefs vanish.
Solving
    The term of an inner region with c < 0 is concave. Its tangent at the last beliefs takes its place: the result
    bounds (1) from above, touches it and is convex, and message passing minimises it (the double loop of Heskes,
    Albers and Kappen). The tangent may be renewed after every sweep: this fast path, with extrapolation, is tried
    first. Where it fails from every start the inner loop is carried through, so that (1) descends, some 300 times.
Choice among several solutions
    The lowest beta_f. Starts as for naive mean field. The others found are listed in the stats.
Cost
    A sweep takes some 10 ns for each entry of a cluster's table and each inner region in it: 0.4 ms for a
    16 x 16 torus; hundreds of sweeps from each start.
Source
    R. Kikuchi, Phys. Rev. 81, 988 (1951); G. An, J. Stat. Phys. 52, 727 (1988); T. Heskes, C. A. Albers and
    H. J. Kappen, UAI 2003, 313; J. S. Yedidia, W. T. Freeman and Y. Weiss, IEEE Trans. Inf. Theory 51, 2282 (2005);
    A. Pelizzola, J. Phys. A 38, R309 (2005); M. Welling, UAI 2004, 585.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from statfe.errors import NotApplicableError
from statfe.kernels.regions import add_multipliers, region_free_energy, settle, spin_products
from statfe.models.ising import IsingModel
from statfe.models.states import all_spins
from statfe.propagation.clusters import CLUSTERS, build_regions, plaquette_regions
from statfe.propagation.region_graph import RegionGraph
from statfe.registry import Context, Method
from statfe.result import Kind, Moments, Outcome, failure
from statfe.spec import Option
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.mean_field import attainable
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import standard_starts

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Sweeps of an inner loop that is carried through, and how much finer than the outer loop it is.
INNER, FINER = 50, 0.1
#: Sweeps between renewals of the tangents on the fast path: there and back.
FEW = 2
#: Starts that the slow path is given after the fast one, its outer iterations, and table entries it reads, at most.
SLOW_STARTS, SLOW_ITERATIONS, SLOW_READS = 2, 300, 1_000_000_000
#: Where clusters have energies above 1 / FROZEN (times beta), the tolerance grows in proportion.
FROZEN = 0.1
#: Share of a start's fields that goes into the first multipliers.
SHARE = 0.3
#: Tolerance, at most, where the clusters make a junction tree: a result that is called exact has settled.
SETTLED = 1e-9


class Propagation:
    """The double loop at one beta; a state is the multipliers and the logarithms of the last inner beliefs."""

    def __init__(self, model: IsingModel, regions: RegionGraph, beta: float) -> None:
        self.model, self.regions, self.beta = model, regions, beta
        self.base = beta * regions.unit
        self.n_lambdas = int(regions.lambda_at[-1])
        self.pulls = np.maximum(0.0, -regions.counts)
        self.order = np.arange(len(regions.inner))

    def tables(self, lambdas: np.ndarray) -> np.ndarray:
        """Logarithms of the clusters' beliefs, each up to a constant."""
        r, out = self.regions, self.base.copy()
        add_multipliers(r.outer_at, r.inner_ptr, r.incident, r.map_at, r.maps, r.lambda_at, lambdas, out)
        return out

    def renewed(self, state: np.ndarray, sweeps: int = FEW, tolerance: float = 0.0) -> np.ndarray:
        """One step of the outer loop, after at most `sweeps` of the inner one."""
        r, lambdas, old = self.regions, state[:self.n_lambdas].copy(), state[self.n_lambdas:]
        tables, beliefs = self.tables(lambdas), np.empty_like(old)
        settle(
            self.order, r.outer_at, tables, r.inner_ptr, r.incident, r.map_at, r.maps, r.lambda_at, lambdas,
            r.belief_at, beliefs, r.counts, self.pulls, old, sweeps, tolerance)
        return np.concatenate([lambdas, beliefs])

    def beta_f(self, state: np.ndarray) -> float:
        """The free energy (1); its error is of second order in that of the state."""
        r, lambdas, beliefs = self.regions, state[:self.n_lambdas], state[self.n_lambdas:]
        terms = np.empty(len(r.outer) + len(r.inner))
        region_free_energy(
            r.outer_at, self.tables(lambdas), r.inner_ptr, r.lambda_at, lambdas, r.belief_at, beliefs, r.counts, terms)
        return float(np.sum(terms))

    def means(self, state: np.ndarray) -> np.ndarray:
        """<s_i>, shape (n_sites,)."""
        return self._products(state, self.regions.site_cluster, self.regions.site_mask)

    def moments(self, state: np.ndarray) -> Moments:
        """Means and correlations of coupled pairs in the beliefs of clusters."""
        pairs = self._products(state, self.regions.pair_cluster, self.regions.pair_mask)
        return Moments(magnetizations=self.means(state), correlations=pairs)

    def _products(self, state: np.ndarray, cluster: np.ndarray, mask: np.ndarray) -> np.ndarray:
        out = np.empty(len(cluster))
        spin_products(self.regions.outer_at, self.tables(state[:self.n_lambdas]), cluster, mask, out)
        return out

    def started(self, start: Start) -> Start:
        """A state whose beliefs are those of spins in the fields of `start`."""
        r = self.regions
        lambdas, beliefs = np.empty(self.n_lambdas), np.empty(int(r.belief_at[-1]))
        for b, sites in enumerate(r.inner):
            table = all_spins(len(sites)) @ start.x[list(sites)]
            beliefs[r.belief_at[b]:r.belief_at[b + 1]] = table
            held = slice(r.lambda_at[r.inner_ptr[b]], r.lambda_at[r.inner_ptr[b + 1]])
            lambdas[held] = SHARE * np.tile(table, r.inner_ptr[b + 1] - r.inner_ptr[b])
        return start._replace(x=np.concatenate([lambdas, beliefs]))

    def solve(self, start: Start, *, iterations: int, tolerance: float, slow: bool = False, **driver: Any) -> Solution:
        """The stationary point reached from `start`; with `slow` each inner loop is carried through."""
        coarse = 1.0 if self.regions.is_junction_tree else max(1.0, FROZEN * float(np.max(np.abs(self.base))))
        limit = attainable(tolerance * coarse, self.model, self.beta)
        step = partial(self.renewed, sweeps=INNER, tolerance=FINER * limit) if slow else self.renewed
        point = solve_fixed_point(
            step, start.x, memory=MEMORY, iterations=start.limit(iterations), tolerance=limit, **driver)
        return Solution(self.beta_f(point.x), self.means(point.x), point, start.name)


def _failure(found: Search, model: IsingModel, regions: RegionGraph, kind: Kind) -> Outcome:
    """No stationary point; says so where the clusters count frozen spins too often to have one inside."""
    outcome = found.failure(kind)
    total, parts = len(regions.outer) + float(np.sum(regions.counts)), int(model.components.max()) + 1
    if total <= parts:
        return outcome
    return failure(
        kind, "not_converged", f"{outcome.message}; the clusters overlap too much (their counting numbers add up to "
        f"{total:g}, not {parts}), so the free energy may have no minimum where all beliefs are positive: take "
        "clusters=plaquettes or pairs", **outcome.stats)


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    clusters: str,
    loop: str,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Kikuchi's beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""
    regions = build_regions(model, clusters)
    if isinstance(regions, str):
        raise NotApplicableError(f"kikuchi:clusters={clusters} cannot take {model.spec}: {regions}")
    exact = regions.is_junction_tree
    few = min(SLOW_ITERATIONS, 1 + SLOW_READS // (1 + INNER * regions.work))

    def step(beta: float, before: Search | None) -> tuple[Outcome, Search | None]:
        propagation = Propagation(model, regions, beta)
        kind: Kind = "exact" if exact or beta == 0.0 else "uncontrolled"
        fresh = standard_starts(model, beta, context.seed, restarts)
        how = driver
        if kind == "exact":
            fresh = [Start("free", np.zeros(model.n_sites))]
            how = {**driver, "tolerance": min(driver["tolerance"], SETTLED)}
        starts = [*continued(before), *map(propagation.started, fresh)]
        solve = partial(
            search, n_sites=model.n_sites, symmetric=not model.has_fields, workers=context.workers)
        slow = loop == "double"
        found = solve(starts, lambda s: propagation.solve(s, slow=slow, **how))
        if not found.found and not slow:
            slow, fast = True, found
            found = solve(
                [s._replace(budget=None) for s in starts[:SLOW_STARTS]],
                lambda s: propagation.solve(s, slow=True, **{**how, "iterations": min(few, how["iterations"])}))
            found = Search(found.solutions, [*found.failed, *fast.failed])
        if not found.found:
            return _failure(found, model, regions, kind), before
        best = found.solutions[0]
        stats = {**found.stats(best), "loop": "double" if slow else "single", "clusters": len(regions.outer),
                 "inner_regions": len(regions.inner)}
        moments = partial(propagation.moments, best.point.x)
        return Outcome(beta_f=best.beta_f, kind=kind, stats=stats, moments=moments), found

    return along_betas(betas, step, context.progress, METHOD.name)


def obstacle(model: IsingModel) -> str:
    """Refuse models with too many plaquettes."""
    reason = plaquette_regions(model)
    return f"{reason}; take bethe, mean-field or tap" if isinstance(reason, str) else ""


METHOD = Method(
    name="kikuchi",
    family="approximate",
    summary="cluster variation method (plaquettes and larger) by a convergent double loop",
    kinds=("exact", "uncontrolled"),
    reference="Kikuchi, Phys. Rev. 81, 988 (1951); An, J. Stat. Phys. 52, 727 (1988); Heskes, Albers and Kappen, "
    "UAI 2003, 313; Yedidia, Freeman and Weiss, IEEE Trans. IT 51, 2282 (2005)",
    run=run,
    options=(
        Option("clusters", "str", "plaquettes", "; ".join(f"{k}: {v}" for k, v in CLUSTERS.items()),
               choices=tuple(CLUSTERS)),
        Option("loop", "str", "auto", "auto: the double loop where the fast path fails; double: at once",
               choices=("auto", "double")),
        *fixed_point_options(restarts=0, iterations=2000, tolerance=1e-9)),
    obstacle=obstacle,
    cost=lambda model, n_betas: 3e5 * n_betas * (model.n_sites + model.n_pairs),
)
