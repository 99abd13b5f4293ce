"""Slow twins of the multi-site kernel: local fields by rolling arrays, and the law of a checkerboard sweep."""

from __future__ import annotations

import numpy as np

from tests.naive.chains import xoshiro_words


def bond_signs(shape: tuple[int, ...], periodic: bool, seed: int) -> list[np.ndarray]:
    """Random signs of the bonds along every axis; one less along the axis where the boundary is open."""
    rng = np.random.default_rng(seed)
    return [
        rng.choice([-1, 1], [side - (a == k and not periodic) for k, side in enumerate(shape)]).astype(np.int8)
        for a in range(len(shape))]


def neighbour_sum(spins: np.ndarray, periodic: bool, coupling: float, signs: list[np.ndarray] | None) -> np.ndarray:
    """sum_j J_ij s_j of every site of a lattice of spins."""
    total = np.zeros(spins.shape)
    for axis in range(spins.ndim):
        shape = [side - (axis == k and not periodic) for k, side in enumerate(spins.shape)]
        J = np.zeros(spins.shape)
        J[tuple(slice(side) for side in shape)] = coupling * (1 if signs is None else signs[axis])
        total += J * np.roll(spins, -1, axis) + np.roll(J, 1, axis) * np.roll(spins, 1, axis)
    return total


def flip_probability(cost: np.ndarray, beta: float, rule: str) -> np.ndarray:
    """Metropolis: min(1, exp(-beta cost)); heat bath: 1 / (1 + exp(beta cost))."""
    if rule == "metropolis":
        return np.minimum(1.0, np.exp(-beta * cost))
    return 1.0 / (1.0 + np.exp(beta * cost))


def sweep_law(start: np.ndarray, beta: float, rule: str, coupling: float, field: float, periodic: bool,
              signs: list[np.ndarray] | None) -> dict[bytes, float]:
    """Probability of every configuration after a sweep from `start`: all even sites, then all odd ones."""
    colour = np.indices(start.shape).sum(axis=0) % 2
    law = {start.tobytes(): 1.0}
    for c in (0, 1):
        new: dict[bytes, float] = {}
        for key, weight in law.items():
            spins = np.frombuffer(key, dtype=start.dtype).reshape(start.shape)
            p = flip_probability(2 * spins * (neighbour_sum(spins, periodic, coupling, signs) + field), beta, rule)
            sites = np.flatnonzero(colour.ravel() == c)
            outcomes, weights = np.array([spins.ravel()]), np.array([weight])
            for site in sites:
                flipped = outcomes.copy()
                flipped[:, site] *= -1
                q = p.ravel()[site]
                outcomes = np.concatenate([outcomes, flipped])
                weights = np.concatenate([weights * (1 - q), weights * q])
            for row, w in zip(outcomes, weights, strict=True):
                new[row.tobytes()] = new.get(row.tobytes(), 0.0) + float(w)
        law = {key: w for key, w in new.items() if w > 0.0}
    return law


def exact_draw(slots: list[list[int]], tie: list[int], thresholds: list[int], classes: np.ndarray, drawn: np.ndarray,
               rounds: int) -> np.ndarray:
    """Whether U < T in every lane, bool, shape (words, 64), from whole uniforms in Python's integers.

    The uniform's first `rounds` bits are those of the slot's words, the last word first; the others, where they are
    needed, the first of a word of the tie stream.
    """
    words = [xoshiro_words(state, rounds)[::-1] for state in slots]
    ties = iter(xoshiro_words(tie, 100_000))
    out = np.zeros(classes.shape, dtype=bool)
    for i in range(len(classes)):
        for lane in range(64):
            if not drawn[i, lane]:
                continue
            T = thresholds[classes[i, lane]]
            head = 0
            for word in words[i]:
                head = 2 * head + (word >> lane & 1)
            if head == T >> (64 - rounds):
                out[i, lane] = (head << (64 - rounds) | next(ties) >> rounds) < T
            else:
                out[i, lane] = head < T >> (64 - rounds)
    return out
