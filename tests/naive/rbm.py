"""A restricted Boltzmann machine by sums over all states, written from the energy, unit by unit."""

from __future__ import annotations

import itertools
import math


def energy(a, b, W, v, h):
    """E(v, h) = - a.v - b.h - v.W.h."""
    total = 0.0
    for i in range(len(a)):
        total -= a[i] * v[i]
        for j in range(len(b)):
            total -= v[i] * W[i][j] * h[j]
    return total - sum(b[j] * h[j] for j in range(len(b)))


def states(n):
    """All rows of n units 0 or 1."""
    return list(itertools.product((0, 1), repeat=n))


def clamped(a, b, W, v):
    """-ln sum_h exp(-E(v, h))."""
    return -math.log(sum(math.exp(-energy(a, b, W, v, h)) for h in states(len(b))))


def log_z(a, b, W):
    """ln of the sum over both layers."""
    return math.log(sum(math.exp(-clamped(a, b, W, v)) for v in states(len(a))))


def log_conditionals(a, b, W, v):
    """sum_i ln p(v_i | the others), each from the two probabilities of the unit."""
    total = 0.0
    for i in range(len(v)):
        other = [*v[:i], 1 - v[i], *v[i + 1:]]
        p, q = math.exp(-clamped(a, b, W, v)), math.exp(-clamped(a, b, W, other))
        total += math.log(p / (p + q))
    return total


def means(a, b, W):
    """<v>, <h> and <v h> over all states."""
    norm = math.exp(log_z(a, b, W))
    v_mean, h_mean = [0.0] * len(a), [0.0] * len(b)
    both = [[0.0] * len(b) for _ in a]
    for v in states(len(a)):
        for h in states(len(b)):
            p = math.exp(-energy(a, b, W, v, h)) / norm
            for i in range(len(a)):
                v_mean[i] += p * v[i]
                for j in range(len(b)):
                    both[i][j] += p * v[i] * h[j]
            for j in range(len(b)):
                h_mean[j] += p * h[j]
    return v_mean, h_mean, both


def centred_gradient(data, hidden, model, mu, lam):
    """The gradient in the centred form, from <(v - mu)(h - lam)> by rows and by the machine's means."""
    n, rows = len(mu), len(data)
    v_model, h_model, both_model = model
    weights = [[0.0] * len(lam) for _ in mu]
    for i in range(n):
        for j in range(len(lam)):
            seen = sum((data[r][i] - mu[i]) * (hidden[r][j] - lam[j]) for r in range(rows)) / rows
            drawn = both_model[i][j] - mu[i] * h_model[j] - v_model[i] * lam[j] + mu[i] * lam[j]
            weights[i][j] = seen - drawn
    visible = [
        sum(row[i] for row in data) / rows - v_model[i] - sum(weights[i][j] * lam[j] for j in range(len(lam)))
        for i in range(n)]
    above = [
        sum(row[j] for row in hidden) / rows - h_model[j] - sum(mu[i] * weights[i][j] for i in range(n))
        for j in range(len(lam))]
    return visible, above, weights
