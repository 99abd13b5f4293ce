"""Slow twins of the many-chain kernels: the same random words, Python integers, the textbook decision in double."""

from __future__ import annotations

import math

import numpy as np

from statfe.models.ising import IsingModel
from tests.naive.chains import xoshiro_words


def flips(model: IsingModel, spins: np.ndarray, site: int, beta: float, heat: bool, u: float) -> bool:
    """Whether a spin flips: u < min(1, exp(-beta dE)) or, with `heat`, u < 1 / (1 + exp(beta dE))."""
    pairs = zip(model.rows, model.cols, model.couplings, strict=True)
    local = model.fields[site] + sum(J * spins[j if i == site else i] for i, j, J in pairs if site in (i, j))
    change = 2.0 * spins[site] * local
    p = 1.0 / (1.0 + math.exp(min(beta * change, 700.0))) if heat else math.exp(-max(beta * change, 0.0))
    return u < p


def lane_sweep(model: IsingModel, spins: np.ndarray, betas: np.ndarray, heats: np.ndarray, stream_states: np.ndarray,
               per_refill: int) -> None:
    """One sweep of lanes in pairs that share a stream: lane 2k takes the low half of each word, 2k + 1 the high one.

    spins (lanes, N) is changed; stream_states (lanes / 2, 4) is not.
    """
    count = -(-model.n_sites // per_refill) * per_refill
    for k, state in enumerate(stream_states):
        words = xoshiro_words(list(state), count)
        for lane in (2 * k, 2 * k + 1):
            for i in range(model.n_sites):
                first = (words[i] >> (32 * (lane % 2))) & 0xFFFFFFFF
                if flips(model, spins[lane], i, betas[lane], heats[lane], (first + 0.5) / 2**32):
                    spins[lane, i] *= -1


def chain_sweep(model: IsingModel, spins: np.ndarray, betas: np.ndarray, heats: np.ndarray,
                states: np.ndarray) -> None:
    """One sweep of chains with a stream each and 53 bits a uniform."""
    for c, state in enumerate(states):
        words = xoshiro_words(list(state), model.n_sites)
        for i in range(model.n_sites):
            if flips(model, spins[c], i, betas[c], heats[c], (words[i] >> 11) / 2**53):
                spins[c, i] *= -1
