"""Belief propagation on a model at one beta, by three schedules, and what its fixed points are worth.

The equations are numbered in `statfe.methods.approximate.bethe`. Sites are numbered breadth first here, so that a
sweep from the last to the first and back settles a forest, and most of a large sparse graph lies near in memory.

A fixed point is a minimum of the Bethe free energy as a function of the means, where its Hessian D^(-1/2) B D^(-1/2)
has no negative eigenvalue, with D = diag(1 - m_i^2), the correlation coefficients r_ij of the pairs' beliefs, and

    B_ii = 1 + sum_j r_ij^2 / (1 - r_ij^2),    B_ij = -r_ij / (1 - r_ij^2)                                  (4)

(Welling and Teh 2001). The inverse D^(1/2) B^(-1) D^(1/2) is the response of the means to the fields: the connected
correlations of all pairs, exact on forests (Welling and Teh 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from statfe.kernels.belief_propagation import (
    cavity_fields,
    new_messages,
    ratio_flood,
    ratio_sweep,
    reverse_slots,
    sweep,
    total_fields,
)
from statfe.kernels.belief_propagation_residual import residual_sweep
from statfe.kernels.beliefs import edge_terms, pair_correlations, pair_couplings, site_terms
from statfe.models.balance import balance
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.result import Kind, Moments
from statfe.variational.fixed_point import solve_fixed_point
from statfe.variational.mean_field import attainable
from statfe.variational.solutions import Solution, Start
from statfe.variational.start_points import standard_starts

#: What `Propagation` knows.
SCHEDULES = ("sequential", "parallel", "residual")
#: Steps that the extrapolation looks back on.
MEMORY = 4
#: A disturbance is followed for so many damped sweeps; the last of them give its growth.
DISTURBED, LAST = 120, 40
#: Size of the disturbance, and the damping under which it is followed.
SIZE, DAMPING = 1e-6, 0.7
#: Key of the stream of disturbances (see `statfe.random.generator`).
DISTURBANCE_KEY = 7004
#: Exponents of a row's product, at most, where messages are kept as fractions.
REACH = 600.0
#: Up to this size the whole spectrum of B is cheaper than its edge.
SMALL = 64
#: 1 - r^2 is at least this: a pair of spins that are always equal.
LEAST = 1e-15
#: Rounding errors of response correlations, at most; where they may be larger there are none.
DOUBT = 1e-6


@dataclass(frozen=True, eq=False)
class Graph:
    """What belief propagation needs of a model at every beta.

    Attributes
    ----------
    order
        Site of the model that has each number here, breadth first; int32, shape (n_sites,).
    indptr, indices, weights, fields
        As those of the model, in the numbers used here.
    reverse
        Slot of the opposite direction of each slot of the adjacency, int64.
    """

    model: IsingModel
    order: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    fields: np.ndarray
    reverse: np.ndarray
    balanced: bool

    @classmethod
    def of(cls, model: IsingModel) -> Graph:
        """Search the coupling graph of `model` once."""
        found = balance(model)
        turned = model.adjacency[found.order][:, found.order]
        turned.sort_indices()
        indptr = turned.indptr.astype(np.int64)
        return cls(model, found.order, indptr, turned.indices, turned.data, model.fields[found.order],
                   reverse_slots(indptr, turned.indices), found.balanced)

    def kind(self, beta: float) -> Kind:
        """What the Bethe free energy is to F."""
        if beta == 0.0 or self.model.is_forest:
            return "exact"
        return "upper_bound" if self.balanced else "uncontrolled"

    @cached_property
    def rows(self) -> np.ndarray:
        """Site that each slot belongs to."""
        return np.repeat(np.arange(len(self.fields)), np.diff(self.indptr))

    def by_site(self, values: np.ndarray) -> np.ndarray:
        """Values of the sites in the order of the model."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    @cached_property
    def pair_slots(self) -> np.ndarray:
        """A slot of each of `IsingModel.pairs`: that in the row of its first site; int64, shape (n_pairs,)."""
        i, j = self.order[self.rows].astype(np.int64), self.order[self.indices]
        once = np.flatnonzero(i < j)
        return once[np.argsort(i[once] * self.model.n_sites + j[once])]


class Softest(NamedTuple):
    """The smallest eigenvalue of B of (4) scaled to a diagonal of 1, and a direction in which B is that soft.

    It has the sign of the smallest eigenvalue of the Hessian, and is 1 without couplings; NaN where its search stalls.
    """

    value: float
    vector: np.ndarray


class Propagation:
    """Belief propagation at one beta; a state is the messages u, one a slot of the adjacency."""

    def __init__(self, graph: Graph, beta: float, schedule: str = "sequential"):
        self.graph, self.model, self.beta = graph, graph.model, beta
        # on a forest one sweep there and back settles all
        self.schedule = "sequential" if graph.model.is_forest else schedule
        self.strengths = beta * graph.weights
        self.decays = np.exp(-2.0 * np.abs(self.strengths))
        self.fields = beta * graph.fields
        # no fixed point has a message beyond |beta J|; an extrapolation on its way there may
        self._most = np.abs(self.strengths) + 1.0
        with np.errstate(over="ignore"):
            reach = np.abs(self.fields) + np.bincount(graph.rows, self._most, minlength=len(self.fields))
            self.fractions = bool(2.0 * (np.max(reach) + np.max(self._most, initial=0.0)) <= REACH)
        if self.fractions:
            self._doubled, self._field_ratios = np.exp(2.0 * self.strengths), np.exp(2.0 * self.fields)

    def swept(self, messages: np.ndarray) -> np.ndarray:
        """Messages after one pass of (1) and (2) by the schedule."""
        g = self.graph
        if self.schedule == "residual":
            new = messages.copy()
            residual_sweep(g.indptr, g.indices, g.reverse, self.strengths, self.decays, self.fields, new)
        elif self.fractions:
            new = self._swept_fractions(messages)
        elif self.schedule == "parallel":
            new = self.sent(self.cavities(messages))
        else:
            new = messages.copy()
            sweep(g.indptr, g.reverse, self.strengths, self.decays, self.fields, new)
        return new

    def _swept_fractions(self, messages: np.ndarray) -> np.ndarray:
        """The same in w = exp(2 u)."""
        g = self.graph
        ratios = np.clip(messages, -self._most, self._most)
        ratios *= 2.0
        np.exp(ratios, out=ratios)
        if self.schedule == "parallel":
            new = np.empty_like(ratios)
            ratio_flood(g.indptr, g.reverse, self._doubled, self._field_ratios, ratios, new)
        else:
            new = ratios
            ratio_sweep(g.indptr, g.reverse, self._doubled, self._field_ratios, new)
        np.log(new, out=new)
        new *= 0.5
        return new

    def sent(self, cavities: np.ndarray) -> np.ndarray:
        """The messages (1) from cavity fields, one a slot."""
        out = np.empty_like(cavities)
        new_messages(self.strengths, self.decays, cavities, out)
        return out

    def cavities(self, messages: np.ndarray) -> np.ndarray:
        """The cavity fields (2) behind each slot."""
        out = np.empty_like(messages)
        cavity_fields(self.graph.indptr, self.graph.reverse, self.fields, messages, out)
        return out

    def totals(self, messages: np.ndarray) -> np.ndarray:
        """H_i in the numbers of the graph, shape (n_sites,)."""
        out = np.empty(len(self.fields))
        total_fields(self.graph.indptr, self.fields, messages, out)
        return out

    def beta_f(self, cavities: np.ndarray) -> float:
        """The Bethe free energy (3) as a function of the cavity fields alone."""
        sites, pairs = np.empty_like(self.fields), np.empty_like(self.fields)
        site_terms(self.totals(self.sent(cavities)), sites)
        edge_terms(self.graph.indptr, self.graph.reverse, self.strengths, cavities, pairs)
        return -float(np.sum(sites + pairs))

    def solve(self, start: Start, *, iterations: int, tolerance: float, **driver: Any) -> Solution:
        """The fixed point reached from the messages `start.x`."""
        point = solve_fixed_point(
            self.swept, start.x, memory=MEMORY, iterations=start.limit(iterations),
            tolerance=self.attainable(tolerance), **driver)
        means = self.graph.by_site(np.tanh(self.totals(point.x)))
        return Solution(self.beta_f(self.cavities(point.x)), means, point, start.name)

    def attainable(self, tolerance: float) -> float:
        """`tolerance`, or what rounding leaves of it."""
        return attainable(tolerance, self.model, self.beta)

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

    def starts(self, seed: int, restarts: int) -> list[Start]:
        """Messages of spins that feel the fields of the standard starts."""
        if self.graph.kind(self.beta) == "exact":
            return [Start("paramagnetic", np.zeros(len(self.strengths)))]
        heard = self.graph.order[self.graph.indices]
        starts = [
            start._replace(x=self.sent(start.x[heard]))
            for start in standard_starts(self.model, self.beta, seed, restarts)]
        if self.graph.balanced or self.model.has_fields:
            return starts
        return [Start("paramagnet", np.zeros(len(self.strengths))), *starts]

    def stability(self, messages: np.ndarray) -> scipy.sparse.csr_array:
        """The matrix B of (4) at a fixed point, in the numbers of the graph."""
        g, n = self.graph, len(self.fields)
        r = np.empty_like(messages)
        pair_couplings(self.strengths, g.reverse, self.cavities(messages), r)
        rest = np.maximum(1.0 - r * r, LEAST)
        diagonal = 1.0 + np.bincount(g.rows, r * r / rest, minlength=n)
        pairs = scipy.sparse.csr_array((-r / rest, g.indices, g.indptr.astype(np.int32)), shape=(n, n))
        return (pairs + scipy.sparse.diags_array(diagonal)).tocsr()

    def softest(self, messages: np.ndarray) -> Softest:
        """How soft the Bethe free energy is at a fixed point, which is a minimum where the value is positive."""
        B = self.stability(messages)
        scale = 1.0 / np.sqrt(B.diagonal())
        B = scipy.sparse.diags_array(scale) @ B @ scipy.sparse.diags_array(scale)
        if B.shape[0] <= SMALL:
            values, vectors = np.linalg.eigh(B.toarray())
            return Softest(float(values[0]), scale * vectors[:, 0])
        guess = generator(0, DISTURBANCE_KEY).standard_normal(B.shape[0])
        try:
            value, vector = scipy.sparse.linalg.eigsh(B, k=1, which="SA", v0=guess, tol=1e-4, ncv=30, maxiter=200)
        except scipy.sparse.linalg.ArpackError:
            return Softest(np.nan, guess)
        return Softest(float(value[0]), scale * vector[:, 0])

    def moments(self, messages: np.ndarray) -> Moments:
        """Means from the sites' beliefs, correlations from those of the pairs."""
        correlations = np.empty_like(messages)
        pair_correlations(self.strengths, self.graph.reverse, self.cavities(messages), correlations)
        return Moments(
            magnetizations=self.graph.by_site(np.tanh(self.totals(messages))),
            correlations=correlations[self.graph.pair_slots])

    def response(self, messages: np.ndarray) -> Moments:
        """Means from the sites' beliefs, correlations from the response of the means to the fields.

        These are NaN where rounding hides the response: of spins that are nearly always equal, or opposite.
        """
        means = np.tanh(self.totals(messages))
        soft = 1.0 / np.cosh(np.minimum(np.abs(self.totals(messages)), 350.0))
        B, correlations = self.stability(messages).toarray(), np.full_like(messages, np.nan)
        # 1 - r^2 in (4) has lost the digits that the largest entries of B tell of
        if np.linalg.cond(B) * float(np.max(B.diagonal())) * np.finfo(float).eps < DOUBT:
            inverse, i, j = np.linalg.inv(B), self.graph.rows, self.graph.indices
            correlations = means[i] * means[j] + soft[i] * soft[j] * inverse[i, j]
        return Moments(magnetizations=self.graph.by_site(means), correlations=correlations[self.graph.pair_slots])
