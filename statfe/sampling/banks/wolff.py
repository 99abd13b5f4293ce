"""Wolff, Phys. Rev. Lett. 62, 361 (1989): clusters grown one by one from random sites, and flipped.

A sweep is a fixed number of clusters that holds about N sites, found at each rung in the first half of the burn-in
and kept from then on, unless a sweep passes 8 N sites: it then ends, and the number is halved for good.
"""

from __future__ import annotations

from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.banks.cluster import ClusterBank, bank_bytes, unbalanced


def _cost(model: IsingModel, load: Load) -> float:
    """A look at each neighbour of each visited site, which is far away in memory in large models."""
    return 10.0 + 4.0 * len(model.indices) / model.n_sites + (15.0 if model.n_sites > 100_000 else 0.0)


KERNEL = Kernel(
    name="wolff", summary="models without frustration; one cluster at a time", samplers=("wolff",),
    make=lambda model, plan: ClusterBank(model, plan, single=True), obstacle=unbalanced, cost=_cost, bytes=bank_bytes)
