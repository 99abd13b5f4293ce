"""Gibbs-Bogoliubov bounds of structured trials as sums over all states, and their minima by scipy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import scipy.optimize

from statfe.models.ising import IsingModel
from tests.naive.ising import energies, states


def bound(model: IsingModel, beta: float, log_q: np.ndarray) -> float:
    """sum_s q (beta E + ln q) for a normalised q over all states, without the model's constant."""
    q = np.exp(log_q)
    assert abs(q.sum() - 1.0) < 1e-9
    return float(q @ (beta * (energies(model) - model.offset) + log_q))


def tree_log_q(parents: dict[int, int], x: dict[tuple[int, int], float], n: int) -> np.ndarray:
    """ln q of all states for P(s_i = +1 | s_parent = s) = 1 / (1 + exp(-2 x[i, s])); s = 0 at a root."""
    s = states(n)
    log_q = np.zeros(len(s))
    for k, state in enumerate(s):
        for i in range(n):
            given = int(state[parents[i]]) if i in parents else 0
            log_q[k] -= np.logaddexp(0.0, -2.0 * state[i] * x[i, given])
    return log_q


def rooted(bonds: list[tuple[int, int]], n: int) -> dict[int, int]:
    """Parent of each site of a forest, by growing trees from the smallest sites."""
    parents: dict[int, int] = {}
    done: set[int] = set()
    for root in range(n):
        if root in done:
            continue
        line = [root]
        done.add(root)
        while line:
            i = line.pop()
            for a, b in bonds:
                other = b if a == i else a if b == i else None
                if other is not None and other not in done:
                    parents[other] = i
                    done.add(other)
                    line.append(other)
    return parents


def best_on_tree(
    model: IsingModel, beta: float, bonds: list[tuple[int, int]], starts: int, rng: np.random.Generator
) -> float:
    """The lowest bound over all laws that are Markov on a forest, from random conditional chances."""
    n, parents = model.n_sites, rooted(bonds, model.n_sites)
    names = [(i, s) for i in range(n) for s in ((-1, 1) if i in parents else (0,))]

    def value(x: np.ndarray) -> float:
        return bound(model, beta, tree_log_q(parents, dict(zip(names, x, strict=True)), n))

    return _lowest(value, len(names), starts, rng)


def best_on_blocks(
    model: IsingModel, beta: float, blocks: list[list[int]], starts: int, rng: np.random.Generator
) -> float:
    """The lowest bound over products of any laws of the blocks, each a table over its states."""
    s = (states(model.n_sites) + 1).astype(int) // 2
    places = [s[:, block] @ (2 ** np.arange(len(block))) for block in blocks]

    def value(x: np.ndarray) -> float:
        log_q, first = np.zeros(len(s)), 0
        for block, place in zip(blocks, places, strict=True):
            table = x[first:first + 2 ** len(block)]
            log_q += (table - np.logaddexp.reduce(table))[place]
            first += len(table)
        return bound(model, beta, log_q)

    return _lowest(value, sum(2 ** len(block) for block in blocks), starts, rng)


def _lowest(value: Callable[[np.ndarray], float], size: int, starts: int, rng: np.random.Generator) -> float:
    found = [scipy.optimize.minimize(value, rng.normal(size=size), method="BFGS", options={"gtol": 1e-7}).fun
             for _ in range(starts)]
    return float(min(found))


def spanning_trees(model: IsingModel) -> Iterator[np.ndarray]:
    """All sets of pairs that are spanning forests, as masks over `IsingModel.pairs`."""
    i, j, _ = model.pairs
    for chosen in itertools.combinations(range(len(i)), model.n_sites - 1 - int(model.components.max())):
        label = list(range(model.n_sites))
        for k in chosen:
            a, b = label[i[k]], label[j[k]]
            if a == b:
                break
            label = [a if x == b else x for x in label]
        else:
            mask = np.zeros(len(i), dtype=bool)
            mask[list(chosen)] = True
            yield mask
