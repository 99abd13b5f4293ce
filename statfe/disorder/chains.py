"""Chains of one or many realisations in one bank, with the link overlaps of their replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.chains import Chains
from statfe.disorder.recipe import LINKS
from statfe.kernels.bit_overlap import add_differences
from statfe.kernels.tempering import ACCEPTED, RETURNED, TRIED
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.banks.bit_lane import BitLaneBank
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import Plan

#: Nanoseconds of work between two looks at whether to stop.
BLOCK_NS = 2.0e8

Check = Callable[[], None]


@dataclass(frozen=True)
class Sampled:
    """Chains of one realisation, and the mean link overlap at every rung (NaN where it was not measured)."""

    chains: Chains
    link_overlap: np.ndarray


def run_one(model: IsingModel, plan: Plan, check: Check) -> Sampled:
    """Chains of one realisation under the kernel of its plan."""
    if plan.schedule != "tempering":
        # Replicas are not at one temperature at one time.
        check()
        return Sampled(run_plan(model, plan), np.full(plan.n_rungs, np.nan))
    bank = get_kernel(plan.kernel).make(model, plan)
    return _run(model, bank, plan, plan.replicas, check)[0]


def run_lanes(models: Sequence[IsingModel], plan: Plan, check: Check) -> list[Sampled]:
    """Chains of many realisations, `plan.replicas` / len(models) replicas of each, as lanes of one bank."""
    each = plan.replicas // len(models)
    bank = BitLaneBank(models[0], plan, disorder=[model for model in models for _ in range(each)])
    return _run(models[0], bank, plan, each, check)


def _run(model: IsingModel, bank: Bank, plan: Plan, each: int, check: Check) -> list[Sampled]:
    """Advance `bank` to its end; replicas [k each, (k + 1) each) belong to realisation k."""
    draws = plan.sweeps // plan.thin
    energy = np.empty((plan.replicas, draws, plan.n_rungs))
    magnetization = np.empty(energy.shape, dtype=np.int32)
    measured, links = 0, np.zeros((plan.replicas // each, plan.n_rungs))
    cost = get_kernel(plan.kernel).cost(model, plan.load) * model.n_sites * plan.load.total
    longest = max(1, int(BLOCK_NS / max(cost, 1e-9)))
    for block, ends in _blocks(plan, longest):
        check()
        if block.rows is not None and block.rows.start == 0:
            bank.forget_exchanges()  # those of the burn-in
        for group in range(len(bank.groups)):
            bank.advance(group, block, energy, magnetization)
        if ends and each > 1:
            links += link_overlaps(bank, each)
            measured += 1
    overlap = links / measured if measured else np.full(links.shape, np.nan)
    return [Sampled(_chains(bank, plan, slice(k * each, (k + 1) * each), energy, magnetization), overlap[k])
            for k in range(len(links))]


def _blocks(plan: Plan, longest: int) -> Iterator[tuple[Block, bool]]:
    """The blocks of a run, and whether link overlaps are measured after each."""
    for first in range(0, plan.burn_in, longest):
        yield Block(None, first, min(longest, plan.burn_in - first), None), False
    thin, draws = plan.thin, plan.sweeps // plan.thin
    part, size = max(1, draws // LINKS), max(1, longest // thin)
    done = 0
    while done < draws:
        count = min(size, part - done % part, draws - done)
        rows = slice(done, done + count)
        yield Block(None, plan.burn_in + done * thin, count * thin, rows), (done + count) % part == 0
        done += count


def _chains(bank: Bank, plan: Plan, own: slice, energy: np.ndarray, magnetization: np.ndarray) -> Chains:
    exchanges = bank.exchanges[own]
    tried, accepted = exchanges[:, [TRIED, ACCEPTED], :-1].sum(axis=0)
    trips = np.cumsum(exchanges[:, RETURNED, ::-1], axis=1)[:, ::-1] if plan.chains > 1 else None
    units = None if bank.units is None else bank.units[own] - bank.units[own].min()
    return Chains(
        betas=plan.ladder.betas, requested=plan.ladder.requested, energy=energy[own],
        magnetization=magnetization[own], sweeps=np.arange(1, energy.shape[1] + 1) * plan.thin,
        swap_acceptance=np.divide(accepted, tried, out=np.full(len(tried), np.nan), where=tried > 0), trips=trips,
        exchange_sweeps=bank.exchange_sweeps, schedule=plan.schedule, sampler=plan.sampler.spec, kernel=plan.kernel,
        seed=plan.seed, burn_in=plan.burn_in, units=units)


def link_overlaps(bank: Bank, each: int) -> np.ndarray:
    """Mean of s_i s_j s_i' s_j' over the bonds and over the pairs of replicas of each realisation.

    Pairs are the replicas (0, 1), (2, 3), ... of a realisation, at the same rung.

    Returns
    -------
    ndarray of float64, shape (realisations, rungs)
    """
    first = [r for r in range(bank.plan.replicas) if r % each % 2 == 0 and r % each + 1 < each]
    found = _lane_links(bank, first) if isinstance(bank, BitLaneBank) else _spin_links(bank, first)
    return found.reshape(-1, each // 2, bank.plan.n_rungs).mean(axis=1)


def _spin_links(bank: Bank, first: Sequence[int]) -> np.ndarray:
    model, out = bank.model, np.empty((len(first), bank.plan.n_rungs))
    for k, r in enumerate(first):
        product = bank.spins(r)[bank.chain_at[r]] * bank.spins(r + 1)[bank.chain_at[r + 1]]
        for t, x in enumerate(product):
            out[k, t] = np.mean(x[model.rows] * x[model.cols]) if model.n_bonds else 1.0
    return out


def _lane_links(bank: BitLaneBank, first: Sequence[int]) -> np.ndarray:
    """Of bit lanes: the word of a bond is the difference of those of its sites; lanes differ in some bonds."""
    model, C = bank.model, bank.plan.chains
    out = np.ones((len(first), C))
    for group, words in zip(bank.groups, bank.words, strict=True):
        here = [k for k, r in enumerate(first) if r in group]
        if not here or not model.n_bonds:
            continue
        bonds = words[:, model.rows] ^ words[:, model.cols]
        lanes = [np.array([(first[k] + side - group.start) * C + bank.chain_at[first[k] + side] for k in here]).ravel()
                 for side in (0, 1)]
        differences = np.empty(len(lanes[0]), dtype=np.int64)
        add_differences(bonds, model.n_bonds, lanes[0], lanes[1], differences)
        out[here] = 1.0 - 2.0 * differences.reshape(-1, C) / model.n_bonds
    return out
