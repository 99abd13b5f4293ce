"""Slow twins of the annealed methods: laws of two layers, one spin after the other."""

from __future__ import annotations

import itertools
import math

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.ising import energies, states


def log_law(model: IsingModel, small: list[int], spins: np.ndarray, c: float, d: float, tilts: np.ndarray) -> float:
    """ln of sum over all other spins of exp(-c E + d sum_i a_i s_i), with the spins `small` held; without offset."""
    total = []
    for row in states(model.n_sites):
        if np.array_equal(row[small], spins):
            pair = sum(J * row[i] * row[j] for i, j, J in zip(*model.pairs, strict=True))
            total.append(c * (pair + float(np.dot(model.fields, row))) + d * float(np.dot(tilts, row)))
    top = max(total)
    return top + math.log(sum(math.exp(x - top) for x in total))


def small_moves(model: IsingModel, small: list[int], c: float, d: float, tilts: np.ndarray) -> np.ndarray:
    """Transition matrix of a block move on the states of the small layer: sum_t p(t | s) p(s' | t)."""
    large = [i for i in range(model.n_sites) if i not in small]
    rows = states(model.n_sites)
    logs = -c * (energies(model) - model.offset) + d * rows @ tilts
    joint = np.exp(logs - logs.max())
    layers = list(itertools.product([-1, 1], repeat=len(small))), list(itertools.product([-1, 1], repeat=len(large)))
    place = [{state: k for k, state in enumerate(states_)} for states_ in layers]
    table = np.zeros((len(layers[0]), len(layers[1])))
    for p, row in zip(joint, rows, strict=True):
        table[place[0][tuple(int(x) for x in row[small])], place[1][tuple(int(x) for x in row[large])]] += p
    down = table / table.sum(axis=1, keepdims=True)
    up = (table / table.sum(axis=0, keepdims=True)).T
    return down @ up


def small_flips(model: IsingModel, small: list[int], c: float, d: float, tilts: np.ndarray) -> np.ndarray:
    """Transition matrix of a sweep of heat baths over the small layer, upwards or downwards with equal chances."""
    layer = list(itertools.product([-1, 1], repeat=len(small)))
    logs = np.array([log_law(model, small, np.array(s), c, d, tilts) for s in layer])
    both = []
    for order in (range(len(small)), reversed(range(len(small)))):
        sweep = np.eye(len(layer))
        for j in order:
            step = np.zeros((len(layer), len(layer)))
            for k, s in enumerate(layer):
                turned = layer.index((*s[:j], -s[j], *s[j + 1:]))
                step[k, turned] = 1.0 / (1.0 + math.exp(logs[k] - logs[turned]))
                step[k, k] = 1.0 - step[k, turned]
            sweep = sweep @ step
        both.append(sweep)
    return 0.5 * (both[0] + both[1])


def gathered(spins: np.ndarray, parents: list[int]) -> np.ndarray:
    """Row r is the row parents[r]."""
    return np.stack([spins[p] for p in parents])


def bennett(up: list[float], down: list[float]) -> float:
    """-ln(Z / Z_0) by bisection of Bennett's condition for as many walks up as down."""
    low, high = -1000.0, 1000.0
    for _ in range(200):
        C = 0.5 * (low + high)
        left = sum(1.0 / (1.0 + math.exp(min(700.0, C - a))) for a in up)
        right = sum(1.0 / (1.0 + math.exp(min(700.0, -C - b))) for b in down)
        low, high = (C, high) if left > right else (low, C)
    return -0.5 * (low + high)
