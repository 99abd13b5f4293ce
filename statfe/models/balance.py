"""Balance of a signed graph: whether flipping some spins makes every coupling ferromagnetic.

A model is balanced when every cycle has an even number of negative couplings (Harary 1953); spin glass theory
calls it a Mattis model, and the flips a gauge transformation. Fields play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statfe.kernels.balance import signed_search
from statfe.models.ising import IsingModel


@dataclass(frozen=True, eq=False)
class Balance:
    """What a breadth-first search of the coupling graph finds, in O(N + bonds).

    Attributes
    ----------
    gauge
        Signs g_i, int8, shape (n_sites,): along the search tree g_i g_j J_ij > 0. Under s_i -> t_i s_i and
        J_ij -> t_i t_j J_ij it changes to t_i g_i, up to one sign a component.
    order
        Sites breadth first, int32, shape (n_sites,).
    frustrated
        Number of coupled pairs with g_i g_j J_ij < 0.
    """

    gauge: np.ndarray
    order: np.ndarray
    frustrated: int

    @property
    def balanced(self) -> bool:
        """Whether all couplings g_i g_j J_ij are positive."""
        return self.frustrated == 0


def balance(model: IsingModel) -> Balance:
    """Search the coupling graph of `model` for a gauge without negative couplings."""
    gauge, order, frustrated = signed_search(model.indptr, model.indices, model.weights)
    return Balance(gauge, order, int(frustrated))


def is_balanced(model: IsingModel) -> bool:
    """Whether `model` is a ferromagnet up to flips of spins (a forest always is)."""
    return balance(model).balanced
