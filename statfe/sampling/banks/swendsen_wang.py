"""Swendsen and Wang, Phys. Rev. Lett. 58, 86 (1987): all clusters at once, each flipped with probability 1/2."""

from __future__ import annotations

from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.banks.cluster import ClusterBank, bank_bytes, unbalanced


def _cost(model: IsingModel, load: Load) -> float:
    """A random number for each bond, a union for each active one, and a look at each for the energy."""
    return 7.0 + 3.0 * len(model.indices) / model.n_sites


KERNEL = Kernel(
    name="swendsen-wang", summary="models without frustration; all clusters of a chain at once",
    samplers=("swendsen-wang",), make=lambda model, plan: ClusterBank(model, plan, single=False),
    obstacle=unbalanced, cost=_cost, bytes=bank_bytes)
