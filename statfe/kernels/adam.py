"""One step of Adam on a flat vector of parameters (Kingma and Ba, ICLR 2015, algorithm 1)."""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def adam_step(parameters, gradient, first, second, count, rate, decay_first, decay_second, epsilon):
    """Move `parameters` against `gradient`; `first` and `second` are its running moments, all of one shape (n,).

    Parameters
    ----------
    count
        Number of this step, from 1.
    rate
        Largest change of a parameter whose gradient keeps its sign.
    """
    unbiased_first = rate / (1.0 - decay_first**count)
    unbiased_second = 1.0 / (1.0 - decay_second**count)
    for i in range(len(parameters)):
        g = gradient[i]
        first[i] = decay_first * first[i] + (1.0 - decay_first) * g
        second[i] = decay_second * second[i] + (1.0 - decay_second) * g * g
        parameters[i] -= unbiased_first * first[i] / (math.sqrt(unbiased_second * second[i]) + epsilon)
