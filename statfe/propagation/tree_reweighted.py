"""Tree-reweighted belief propagation at one beta, and the search for the best law of spanning forests.

The equations are numbered in `statfe.methods.approximate.trw`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from statfe.junction.subgraph import strongest_tree
from statfe.kernels.beliefs import pair_correlations
from statfe.kernels.tree_reweighted import (
    mutual_informations,
    reweighted_bound,
    reweighted_fields,
    reweighted_sweep,
)
from statfe.propagation.belief_propagation import Graph
from statfe.propagation.spanning_forests import all_taken, pair_probabilities, scaled
from statfe.result import Moments
from statfe.variational.fixed_point import FixedPoint, solve_fixed_point
from statfe.variational.mean_field import attainable

#: Steps that the extrapolation looks back on: low temperatures have many slow modes.
MEMORY = 8
#: Largest change of a message while the forests are still to change, and sweeps between two such changes, at most.
ROUGH, ROUGH_SWEEPS = 1e-6, 60
#: Messages renewed while the forests change, and then, at most.
ROUGH_VISITS, VISITS = 2e8, 5e8
#: The longest step towards another forest; the first change of the logarithm of a forest's chance, by its best bond.
FARTHEST, STEP = 0.25, 2.0
#: How often a step that raises the bound is made shorter.
SHORTER = 6
#: The forests stay where the bound could gain less than this by others, in nats, to first order.
SETTLED = 1e-9


@dataclass(frozen=True, eq=False)
class Point:
    """Messages for one law of forests.

    Attributes
    ----------
    shares, weights
        rho of each of `IsingModel.pairs`, and the weights behind it; None where it is no longer that
        of all forests.
    reached
        Its messages, and how near they are to a fixed point.
    log_z
        The bound (4): at least ln Z whatever the messages are.
    slack
        What of it is owed to beliefs of pairs that differ from those of their sites; 0 at a fixed point.
    informations
        Mutual information of each pair's belief.
    """

    shares: np.ndarray
    weights: np.ndarray | None
    reached: FixedPoint
    log_z: float
    slack: float
    informations: np.ndarray

    @property
    def settled(self) -> float:
        """(3) alone: where the bound would be at a fixed point, right to second order in the distance from one."""
        return self.log_z - self.slack


class _Law(NamedTuple):
    """What sweeps need of a law of forests, by slot: beta J / rho, exp(-2 of its size), rho."""

    strengths: np.ndarray
    decays: np.ndarray
    shares: np.ndarray


class Reweighted:
    """Tree-reweighted belief propagation at one beta, of so many sweeps at most and to such a change of a message."""

    def __init__(self, graph: Graph, beta: float, *, iterations: int = 2000, tolerance: float = 1e-11):
        self.graph, self.model, self.beta = graph, graph.model, beta
        self.iterations, self.tolerance = iterations, tolerance
        self.strengths, self.fields = beta * graph.weights, beta * graph.fields
        self.attainable = attainable(0.0, self.model, beta)
        self.pair_of = np.empty(len(graph.indices), dtype=np.int64)
        self.pair_of[graph.pair_slots] = np.arange(self.model.n_pairs)
        self.pair_of[graph.reverse[graph.pair_slots]] = np.arange(self.model.n_pairs)
        self.ends = graph.rows[graph.pair_slots], graph.indices[graph.pair_slots]

    def rough(self, shares: np.ndarray, weights: np.ndarray | None, messages: np.ndarray) -> Point:
        """The bound for a law of forests after some sweeps from `messages`."""
        law = self._law(shares)
        reached = self._iterate(law, messages, min(ROUGH_SWEEPS, self.iterations), ROUGH)
        return self._bound(law, shares, weights, reached)

    def solve(self, point: Point) -> Point:
        """The bound at the fixed point (1)-(2) for the law of `point`.

        `point` itself where none is found and its bound is lower: both hold.
        """
        law, afford = self._law(point.shares), int(VISITS / max(1, 2 * len(self.strengths)))
        reached = self._iterate(law, point.reached.x, max(1, min(self.iterations, afford)), self.tolerance)
        found = self._bound(law, point.shares, point.weights, reached)
        return point if point.log_z < found.log_z and not reached.converged else found

    def _iterate(self, law: _Law, messages: np.ndarray, iterations: int, tolerance: float) -> FixedPoint:
        g = self.graph

        def swept(old: np.ndarray) -> np.ndarray:
            new = old.copy()
            reweighted_sweep(g.indptr, g.reverse, law.strengths, law.decays, self.fields, law.shares, new)
            return new

        return solve_fixed_point(swept, messages, memory=MEMORY, iterations=iterations, tolerance=max(
            tolerance, self.attainable))

    def _law(self, shares: np.ndarray) -> _Law:
        by_slot = shares[self.pair_of]
        strengths = self.strengths / by_slot
        return _Law(strengths, np.exp(-2.0 * np.abs(strengths)), by_slot)

    def _bound(self, law: _Law, shares: np.ndarray, weights: np.ndarray | None, point: FixedPoint) -> Point:
        """The bound (4) at the messages of `point`."""
        g = self.graph
        totals, values, slacks = np.empty_like(self.fields), np.empty_like(self.fields), np.empty_like(self.fields)
        reweighted_fields(g.indptr, self.fields, law.shares, point.x, totals)
        reweighted_bound(
            g.indptr, g.indices, g.reverse, law.strengths, law.decays, law.shares, point.x, totals, values, slacks)
        informations = np.empty_like(shares)
        mutual_informations(
            *self.ends, g.pair_slots, g.reverse, law.strengths, point.x, totals, informations)
        slack = float(np.sum(slacks))
        return Point(shares, weights, point, float(np.sum(values)) + slack, slack, informations)

    def first(self) -> Point:
        """Forests by the products of their tanh beta |J|, after some sweeps from silence."""
        weights = scaled(np.tanh(np.abs(self.beta * self.model.pairs[2])))
        return self.rough(
            pair_probabilities(self.model, weights), weights if all_taken(self.model) else None,
            np.zeros(len(self.strengths)))

    def improved(self, point: Point, updates: int) -> tuple[Point, int, float]:
        """Change the law of forests, step by step, so that the bound falls.

        The slope of the bound in the chance of a forest is minus the sum of its mutual informations. A step
        multiplies the chance of each forest by exp(size times that sum), which multiplies the weight of each bond
        (mirror descent). Where not all forests are taken, or these steps end because weights are at their least, it
        goes towards the best forest (conditional gradient).

        Returns
        -------
        point, updates, gain
            The point with the lowest bound, the updates made, and what others could gain to first order.
        """
        gain, size, made = 0.0, 1.0, 0
        afford = int(ROUGH_VISITS / max(1, 4 * ROUGH_SWEEPS * len(self.strengths)))
        while True:
            forest = strongest_tree(self.model, np.argsort(-point.informations, kind="stable"))
            gain = float(np.dot(point.informations, forest - point.shares))
            if made == min(updates, max(1, afford)) or not gain > SETTLED:
                return point, made, gain
            lower, tried = self._step(point, forest, size)
            made += 1
            if lower is not None:
                point, size = lower, 2.0 * tried
            elif not point.reached.converged:  # its own value may yet change
                point = self.rough(point.shares, point.weights, point.reached.x)
            elif point.weights is not None:  # the smallest weights are at their least
                point, size = replace(point, weights=None), 1.0
            else:
                return point, made, gain

    def _step(self, point: Point, forest: np.ndarray, size: float) -> tuple[Point | None, float]:
        """A point with a lower bound, and the size of the step to it; None where small steps raise it too."""
        for _ in range(SHORTER):
            weights = point.weights
            if weights is not None:
                push = size * STEP / float(np.max(point.informations))
                weights = scaled(weights * np.exp(push * (point.informations - np.max(point.informations))))
                shares = pair_probabilities(self.model, weights)
            else:
                size = min(size, 1.0)
                shares = point.shares + FARTHEST * size * (forest - point.shares)
            there = self.rough(shares, weights, point.reached.x)
            if there.settled < point.settled:
                return there, size
            size *= 0.3
        return None, size

    def moments(self, point: Point) -> Moments:
        """Means and correlations of the beliefs."""
        g, law, messages = self.graph, self._law(point.shares), point.reached.x
        totals, correlations = np.empty_like(self.fields), np.empty_like(messages)
        reweighted_fields(g.indptr, self.fields, law.shares, messages, totals)
        pair_correlations(law.strengths, g.reverse, totals[g.indices] - messages[g.reverse], correlations)
        return Moments(magnetizations=g.by_site(np.tanh(totals)), correlations=correlations[g.pair_slots])
