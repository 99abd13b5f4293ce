"""Expectation propagation on a spanning tree (tree-EP).

Computes
    The model is a tree times the bonds off it, each of which is stood in for by couplings and fields on the path
    between its ends. With q their product with the tree, and p_k the law in which bond k itself takes the place of
    its stand-in, every p_k agrees with q on the marginals of all sites and edges of the tree, and
        beta_f = - ln Z(q) - sum_k ln[Z(p_k) / Z(q)].                                                        (1)
    Each p_k is a ring with branches, so all is exact but for how the rings act on each other. (1) is stationary in
    the stand-ins, so its error is of second order in theirs.
Valid
    For any model; on lattices mostly better than Bethe, which knows of no ring at all. In frustrated models at low
    temperature it has fixed points far below the true value, as Bethe has.
Bound
    Exact where no two rings share an edge (one cycle, a cactus, a forest), else none.
Tree
    The spanning forest of the largest weights: ``mutual-information`` of each pair alone with its fields at this
    beta, or ``coupling``, abs(J) (the choices ORG and ALT of Mooij's libDAI). Ties go to abs(J), then to the first.
Choice among several solutions
    The lowest beta_f. Starts: the solution at the neighbouring beta, no stand-ins (as in libDAI; without fields this
    keeps the symmetry), spins aligned with the gauge signs, and random ones. The others are listed in the stats.
Cost
    A sweep takes 0.1 us for each bond off the tree and site, and 0.4 us for each edge of their paths; tens of sweeps.
Source
    T. Minka and Y. Qi, NIPS 16, 193 (2004); J. M. Mooij, J. Mach. Learn. Res. 11, 2169 (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from statfe.kernels.tree_ep import tree_ep_sweep, tree_ep_terms
from statfe.models.ising import IsingModel
from statfe.propagation.spanning_tree import Rings, mutual_information, rings, strongest_forest
from statfe.registry import Context, Method
from statfe.result import Kind, Moments, Outcome
from statfe.spec import Option
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.mean_field import attainable
from statfe.variational.solutions import Search, Solution, Start, along_betas, continued, fixed_point_options, search
from statfe.variational.start_points import standard_starts

#: Steps that the extrapolation looks back on.
MEMORY = 4
#: Sites times bonds off the tree, at most; and sites and pairs.
MAX_WORK, MAX_SIZE = 1_200_000, 200_000
#: Messages that a start may cost before it must show that it is worth more, and sweeps it always has.
BUDGET, LEAST_SWEEPS = 80_000_000, 50


class Found(NamedTuple):
    """What the next beta starts from: the rings, and the solutions on them."""

    rings: Rings
    search: Search


class TreeEP:
    """Tree-EP at one beta; a state holds the couplings of all stand-ins along their paths, then their fields."""

    def __init__(self, model: IsingModel, layout: Rings, beta: float) -> None:
        self.model, self.rings, self.beta = model, layout, beta
        J = model.pairs[2]
        self.strengths = beta * J[layout.left_out]
        own = np.where(layout.own >= 0, layout.own, 0)
        self.base = np.where(layout.own >= 0, np.append(beta * J, 0.0)[own], 0.0)

    def split(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Couplings and fields of the tree q, and copies of those of the stand-ins."""
        r, n = self.rings, self.model.n_sites
        on_edges, on_sites = state[:len(r.edges)].copy(), state[len(r.edges):].copy()
        K = self.base + np.bincount(r.edges, on_edges, minlength=n)
        H = self.beta * self.model.fields + np.bincount(r.path, on_sites, minlength=n)
        return K, H, on_edges, on_sites

    def swept(self, state: np.ndarray) -> np.ndarray:
        """The state after each stand-in was renewed."""
        r = self.rings
        K, H, on_edges, on_sites = self.split(state)
        tree_ep_sweep(
            r.order, r.parent, r.node_ptr, r.path, r.edge_ptr, r.edges, self.strengths, K, H, on_edges, on_sites,
            *np.empty((3, self.model.n_sites)))
        return np.concatenate([on_edges, on_sites])

    def measured(self, state: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """(1), <s_i> and <s_i s_j> of the coupled pairs."""
        r = self.rings
        K, H, on_edges, on_sites = self.split(state)
        terms, products = np.empty(len(self.strengths) + 1), np.empty(len(self.strengths))
        up, down, total = np.empty((3, self.model.n_sites))
        tree_ep_terms(
            r.order, r.parent, r.node_ptr, r.path, r.edge_ptr, r.edges, self.strengths, K, H, on_edges, on_sites,
            up, down, total, terms, products)
        correlations = np.empty(self.model.n_pairs)
        correlations[r.left_out] = products
        below = np.flatnonzero(r.own >= 0)
        correlations[r.own[below]] = pair_means(
            K[below], total[below] - down[below], total[r.parent[below]] - up[below])
        return -float(np.sum(terms)), np.tanh(total), correlations

    def moments(self, state: np.ndarray) -> Moments:
        """Means and correlations: on the tree those of q, of a bond off it those of its ring."""
        _, means, correlations = self.measured(state)
        return Moments(magnetizations=means, correlations=correlations)

    def solve(self, start: Start, *, iterations: int, tolerance: float, **driver: Any) -> Solution:
        """The fixed point reached from the state `start.x`."""
        point = solve_fixed_point(
            self.swept, start.x, memory=MEMORY, iterations=start.limit(iterations),
            tolerance=attainable(tolerance, self.model, self.beta), **driver)
        beta_f, means, _ = self.measured(point.x)
        return Solution(beta_f, means, point, start.name)

    def starts(self, seed: int, restarts: int) -> list[Start]:
        """No stand-ins; and stand-ins that turn the spins towards the standard starts."""
        r = self.rings
        budget = max(LEAST_SWEEPS, BUDGET // (1 + len(self.strengths) * self.model.n_sites + 10 * len(r.edges)))
        nothing = Start("none", np.zeros(len(r.edges) + len(r.path)), budget)
        if r.are_apart or self.beta == 0.0:
            return [nothing]
        shares = np.bincount(r.path, minlength=self.model.n_sites)[r.path]
        turned = [
            s._replace(x=np.concatenate([np.zeros(len(r.edges)), s.x[r.path] / shares]), budget=budget)
            for s in standard_starts(self.model, self.beta, seed, restarts) if s.name != "paramagnetic"]
        return [nothing, *turned]


def pair_means(K: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """<s t> under exp(K s t + left s + right t), at any size."""
    like = K + np.logaddexp(left + right, -left - right)
    unlike = -K + np.logaddexp(left - right, right - left)
    return np.asarray(np.tanh(0.5 * (like - unlike)))


def layout_of(model: IsingModel, beta: float, tree: str, before: Found | None) -> Rings:
    """The rings at this beta; those of the neighbouring beta where the tree is the same."""
    weights = mutual_information(model, beta) if tree == "mutual-information" else np.abs(model.pairs[2])
    taken = strongest_forest(model, weights)
    if before is not None and np.array_equal(taken, before.rings.taken):
        return before.rings
    return rings(model, taken)


def run(
    model: IsingModel,
    betas: np.ndarray,
    context: Context,
    *,
    tree: str,
    restarts: int,
    **driver: Any,
) -> Sequence[Outcome]:
    """Tree-EP beta_f at every beta; see the module's docstring. `driver` is for the fixed-point driver."""

    def step(beta: float, before: Found | None) -> tuple[Outcome, Found | None]:
        layout = layout_of(model, beta, tree, before)
        ep = TreeEP(model, layout, beta)
        kind: Kind = "exact" if layout.are_apart or beta == 0.0 else "uncontrolled"
        followed = continued(before.search) if before is not None and before.rings is layout else []
        found = search(
            [*followed, *ep.starts(context.seed, restarts)], lambda s: ep.solve(s, **driver),
            model.n_sites, symmetric=not model.has_fields, workers=context.workers)
        if not found.found:
            return found.failure(kind), before
        best = found.solutions[0]
        stats = {**found.stats(best), "bonds_off_tree": len(layout.left_out),
                 "longest_path": int(np.diff(layout.edge_ptr).max(initial=0))}
        return Outcome(
            beta_f=best.beta_f, kind=kind, stats=stats, moments=partial(ep.moments, best.point.x),
        ), Found(layout, found)

    return along_betas(betas, step, context.progress, METHOD.name)


def obstacle(model: IsingModel) -> str:
    """Refuse models with too many bonds off the tree."""
    if model.n_sites + model.n_pairs > MAX_SIZE:
        return f"it has more than {MAX_SIZE} sites and coupled pairs; take bethe or tap"
    off = model.n_pairs - model.n_sites + int(model.components.max()) + 1
    if off * model.n_sites > MAX_WORK:
        return f"a sweep over {off} bonds off the tree of {model.n_sites} sites takes too long; take bethe or tap"
    return ""


METHOD = Method(
    name="tree-ep",
    family="approximate",
    summary="expectation propagation on a spanning tree: every ring that one bond closes is exact",
    kinds=("exact", "uncontrolled"),
    reference="Minka and Qi, NIPS 16, 193 (2004); trees: Mooij, J. Mach. Learn. Res. 11, 2169 (2010)",
    run=run,
    options=(
        Option("tree", "str", "mutual-information", "weight of a pair in the spanning tree",
               choices=("mutual-information", "coupling")),
        *fixed_point_options(restarts=0, iterations=500, tolerance=1e-9)),
    obstacle=obstacle,
    cost=lambda model, n_betas: 4e3 * n_betas * model.n_sites * (model.n_pairs + 1.0),
)
