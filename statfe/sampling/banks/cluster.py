"""A bank of chains moved by clusters; see `statfe.kernels.cluster`. The kernels are in files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.kernels.cluster import Bonds
from statfe.kernels.cluster_ladder import run_clusters
from statfe.models.balance import balance
from statfe.models.ising import IsingModel
from statfe.random import streams
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Load
from statfe.sampling.starts import starts_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Active bonds collected before they are joined: their ends stay in the first cache.
ROOM = 2048


class ClusterBank(Bank):
    """One group a replica; int8 spins in the gauge without negative couplings, one random stream a chain."""

    def __init__(self, model: IsingModel, plan: Plan, single: bool) -> None:
        super().__init__(model, plan, [range(r, r + 1) for r in range(plan.replicas)])
        self.single = single
        self.bonds, self.strengths = ferromagnet(model)
        self.states = np.stack([streams(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.rows = starts_of(model, plan)
        self.rows *= self.bonds.gauge
        self.quota = np.zeros((plan.replicas, plan.n_rungs), dtype=np.int64)
        self.tally = np.zeros((plan.replicas, plan.n_rungs, 2))

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one replica."""
        plan, rungs = self.plan, self.rungs(block, group)
        betas = plan.ladder.betas[rungs]
        draws = 0 if block.rows is None else block.sweeps // plan.thin
        e, mag = np.empty((draws, len(betas))), np.empty((draws, len(betas)), dtype=np.int64)
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        # The second half of the burn-in forgets how the number of clusters came about.
        run_clusters(
            self.single, block.first_sweep, block.sweeps, thin, len(betas) > 1, plan.burn_in // 2, betas,
            self.rows[group], self.rung_of[group], self.chain_at[group], self.bonds,
            thresholds(betas, self.strengths), self.quota[group, rungs], self.tally[group, rungs], self.states[group],
            self.swap_states[group], e, mag, self.exchanges[group])
        if block.rows is not None:
            energy[group, block.rows, rungs] = e
            magnetization[group, block.rows, rungs] = mag

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return self.rows[replica] * self.bonds.gauge

    def own_state(self) -> dict[str, np.ndarray]:
        """Spins, streams, and the numbers of clusters a sweep."""
        return {"spins": self.rows, "states": self.states, "quota": self.quota, "tally": self.tally}


def ferromagnet(model: IsingModel) -> tuple[Bonds, np.ndarray]:
    """A balanced model in the gauge without negative couplings, and the distinct strengths of its bonds and fields."""
    n = model.n_sites
    gauge = balance(model).gauge
    row = np.repeat(np.arange(n, dtype=np.int32), model.degrees)
    low = model.indices < row
    fields = model.fields * gauge
    size = np.abs(np.concatenate([model.weights, fields]))
    strengths, classes = np.unique(size, return_inverse=True)
    if model.n_pairs:
        # The kernels take the first class where all bonds have the same.
        front = int(classes[0])
        strengths[[0, front]] = strengths[[front, 0]]
        classes = np.where(classes == front, 0, np.where(classes == 0, front, classes))
    classes = classes.astype(np.int32)
    of_bonds, of_fields = classes[: len(model.indices)], classes[len(model.indices):]
    rows = np.bincount(row[low], minlength=n)
    degrees = model.degrees
    bonds = Bonds(
        lower_ptr=np.concatenate([[0], np.cumsum(rows)]), lower=model.indices[low], lower_class=of_bonds[low],
        lower_weights=np.abs(model.weights[low]), indptr=model.indptr, indices=model.indices, classes=of_bonds,
        fields=fields, field_class=of_fields, gauge=gauge, has_fields=model.has_fields,
        uniform=bool(np.all(of_bonds == 0)), degree=int(degrees[0]) if np.all(degrees == degrees[0]) else 0,
        room=max(ROOM, 2 * int(rows.max()) + 2))
    return bonds, strengths


def thresholds(betas: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """2^64 (1 - exp(-2 beta J)) of each beta and strength, uint64; the largest word where that rounds to 2^64."""
    with np.errstate(over="ignore"):
        p = -np.expm1(-2.0 * np.multiply.outer(betas, strengths))
    certain = p == 1.0
    out = np.ldexp(np.where(certain, 0.0, p), 64).astype(np.uint64)
    out[certain] = np.iinfo(np.uint64).max
    return out


def unbalanced(model: IsingModel) -> str:
    """Why clusters do not help a frustrated model; "" where no coupling is frustrated."""
    frustrated = balance(model).frustrated
    if not frustrated:
        return ""
    return (
        f"its couplings are frustrated, {frustrated} of {model.n_pairs} along a spanning tree: clusters then span "
        "the system far above any transition and move nothing (houdayer moves clusters of frustrated models)")


def bank_bytes(model: IsingModel, load: Load) -> float:
    """Spins, bonds, thresholds, and labels of the chains that move at once."""
    distinct = len(np.unique(np.abs(model.weights))) + len(np.unique(np.abs(model.fields)))
    return (float(model.n_sites) * (load.total + 30.0) + 24.0 * len(model.indices)
            + 8.0 * load.chains * distinct)
