"""All states of a few units, bit i of the number of a state being unit i."""

from __future__ import annotations

import numpy as np


def bits_of(numbers: np.ndarray, count: int) -> np.ndarray:
    """0/1 of `count` units in the states with these numbers; integers, shape (len(numbers), count)."""
    return (numbers[:, None] >> np.arange(count)) & 1


def all_bits(count: int) -> np.ndarray:
    """0/1 of `count` units in every state; integers, shape (2^count, count)."""
    return bits_of(np.arange(1 << count), count)


def all_spins(count: int) -> np.ndarray:
    """Every state of `count` spins, bit i set is s_i = +1; float64, shape (2^count, count)."""
    return 2.0 * all_bits(count) - 1.0
