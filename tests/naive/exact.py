"""Slow twins of the exact methods, each from its definition and none from the code it checks."""

from __future__ import annotations

import functools
import math
from decimal import Decimal, localcontext

import numpy as np

from statfe.models.ising import IsingModel


def strip_log_z(model: IsingModel, beta: float) -> float:
    """ln Z of any model on a two-axis hypercubic lattice: a product of dense 2^L x 2^L matrices, L the second side.

    An open boundary is a layer matrix without couplings, so one trace serves both.
    """
    assert model.lattice is not None
    layers, width = model.lattice.shape
    source, target, direction = model.lattice.bonds()
    within = np.zeros((layers, width, width))
    between = np.zeros((layers, width, width))
    for i, j, d, J in zip(source, target, direction, model.couplings, strict=True):
        (t, x), (_, y) = divmod(int(i), width), divmod(int(j), width)
        (between if d == 0 else within)[t, x, y] += J
    bits = (np.arange(1 << width)[:, None] >> np.arange(width)) & 1
    s = 2.0 * bits - 1.0
    product, log_scale = np.eye(len(s)), 0.0
    for t in range(layers):
        own = np.einsum("ax,xy,ay->a", s, within[t], s) + s @ model.fields.reshape(layers, width)[t]
        exponent = beta * (own[:, None] + s @ between[t] @ s.T)
        product = product @ np.exp(exponent - exponent.max())
        log_scale += exponent.max() + math.log(product.max())
        product /= product.max()
    return log_scale + math.log(np.trace(product))


def tree_log_z(model: IsingModel, beta: float) -> float:
    """ln Z of a forest by recursion: ln f_i(s) = beta h s + sum over children of ln sum_c e^{beta J s c} f(c)."""
    near: dict[int, list[tuple[int, float]]] = {i: [] for i in range(model.n_sites)}
    for i, j, J in zip(model.rows.tolist(), model.cols.tolist(), model.couplings.tolist(), strict=True):
        near[i].append((j, J))
        near[j].append((i, J))
    seen: set[int] = set()

    def log_f(i: int, parent: int) -> tuple[float, float]:
        seen.add(i)
        total = [-beta * model.fields[i], beta * model.fields[i]]
        for j in sorted({j for j, _ in near[i]} - {parent}):
            K = beta * sum(J for k, J in near[i] if k == j)
            below = log_f(j, i)
            for b, s in enumerate((-1, 1)):
                total[b] += np.logaddexp(below[0] - K * s, below[1] + K * s)
        return total[0], total[1]

    return float(sum(np.logaddexp(*log_f(i, -1)) for i in range(model.n_sites) if i not in seen))


def curie_weiss_log_z(n: int, J: float, h: float, beta: float) -> float:
    """ln sum_k C(n, k) exp(beta [J (M^2 - n) / 2 + h M]), M = n - 2k, with 60 digits."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 60, 10**12, -(10**12)
        b, J_, h_ = Decimal(beta), Decimal(J), Decimal(h)
        total = sum(
            math.comb(n, k) * (b * (J_ * ((n - 2 * k) ** 2 - n) / 2 + h_ * (n - 2 * k))).exp() for k in range(n + 1))
        return float(Decimal(total).ln())


@functools.cache
def torus_states(side: int) -> dict[int, int]:
    """Number of states at each energy of the side x side torus with J = 1: {E: g}, exact integers.

    The first row is held in each of its classes under translation and flip; a table over the present row and the
    number of unsatisfied bonds takes in the other rows site by site.
    """
    size, bonds = 1 << side, 2 * side * side
    states = np.arange(size)
    walls = np.array([bin(s ^ ((s >> 1) | ((s & 1) << (side - 1)))).count("1") for s in range(size)])
    multiplicity: dict[int, int] = {}
    for s in range(size):
        turned = [((s >> k) | (s << (side - k))) & (size - 1) for k in range(side)]
        label = min(turned + [t ^ (size - 1) for t in turned])
        multiplicity[label] = multiplicity.get(label, 0) + 1
    counts = [0] * (bonds + 1)
    for first, copies in multiplicity.items():
        table = np.zeros((size, bonds + 1), dtype=np.int64)
        table[first, walls[first]] = 1
        for _ in range(side - 1):
            for x in range(side):
                other = table[states ^ (1 << x)]
                table[:, 1:] += other[:, :-1]
                assert not other[:, -1].any()
            for s in states:
                table[s] = np.concatenate([np.zeros(walls[s], np.int64), table[s, :bonds + 1 - walls[s]]])
        for s in states:
            shift = bin(int(s) ^ first).count("1")
            for unsatisfied in np.flatnonzero(table[s]).tolist():
                counts[unsatisfied + shift] += copies * int(table[s, unsatisfied])
    return {2 * unsatisfied - bonds: g for unsatisfied, g in enumerate(counts) if g}


def log_z_of_states(states: dict[int, int], beta: float) -> float:
    """ln sum_E g(E) e^{-beta E}."""
    terms = [math.log(g) - beta * E for E, g in states.items()]
    return max(terms) + math.log(math.fsum(math.exp(t - max(terms)) for t in terms))


def moments_of_states(states: dict[int, int], beta: float) -> tuple[float, float]:
    """Mean and variance of E."""
    log_z = log_z_of_states(states, beta)
    p = {E: math.exp(math.log(g) - beta * E - log_z) for E, g in states.items()}
    mean = math.fsum(E * q for E, q in p.items())
    return mean, math.fsum((E - mean) ** 2 * q for E, q in p.items())


def onsager(K: float, Kp: float, points: int = 400) -> float:
    """ln Z a site of the infinite square lattice (Onsager 1944, eq. 106): ln 2 + (1 / 2 pi^2) times the integral over
    (0, pi)^2 of ln[cosh 2K cosh 2K' - sinh 2K cos x - sinh 2K' cos y], by the midpoint rule."""
    x = np.cos((np.arange(points) + 0.5) * np.pi / points)
    inside = np.cosh(2 * K) * np.cosh(2 * Kp) - np.sinh(2 * K) * x[:, None] - np.sinh(2 * Kp) * x
    return math.log(2.0) + 0.5 * float(np.mean(np.log(inside)))
