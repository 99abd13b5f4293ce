"""One step of Adam on a flat vector of parameters (Kingma and Ba, ICLR 2015, algorithm 1)."""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def adam_step(parameters, gradient, first, second, count, rate, decay_first, decay_second, epsilon):
    """Move `parameters` against `gradient`; `first` and `second` are its running moments.

    All have one shape (n,) and one type, in which the step is made.

    Parameters
    ----------
    count
        Number of this step, from 1.
    rate
        Largest change of a parameter whose gradient keeps its sign.
    """
    kind = parameters.dtype.type
    unbiased_first = kind(rate / (1.0 - decay_first**count))
    unbiased_second = kind(1.0 / (1.0 - decay_second**count))
    old_first, new_first = kind(decay_first), kind(1.0 - decay_first)
    old_second, new_second, least = kind(decay_second), kind(1.0 - decay_second), kind(epsilon)
    for i in range(len(parameters)):
        g = gradient[i]
        first[i] = old_first * first[i] + new_first * g
        second[i] = old_second * second[i] + new_second * g * g
        parameters[i] -= unbiased_first * first[i] / (math.sqrt(unbiased_second * second[i]) + least)
