"""A bank of bit lanes seen lane by lane: the state of every chain, counts of states, one sweep at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.models.ising import IsingModel
from statfe.sampling.bank import Bank, Block
from statfe.sampling.banks.bit_lane import BitLaneBank
from tests.naive.bit_lane import bits_of, words_of

NOTHING = np.empty((0, 0, 0))


def sweep(bank: Bank, first_sweep: int, sweeps: int, step: int | None = None) -> None:
    """Advance all groups by a block that records nothing."""
    for group in range(len(bank.groups)):
        bank.advance(group, Block(step, first_sweep, sweeps, None), NOTHING, NOTHING)


def lanes(bank: BitLaneBank) -> Iterator[np.ndarray]:
    """Bits of the lanes in use of each group, shape (n_sites, lanes)."""
    for words, group in zip(bank.words, bank.groups, strict=True):
        bits = bits_of(words[:, : bank.model.n_sites]).transpose(1, 0, 2)
        yield bits.reshape(bank.model.n_sites, -1)[:, : len(group) * bank.plan.chains]


def states(bank: BitLaneBank) -> np.ndarray:
    """Number of the state of every chain in the order of `tests.naive.ising.states`, shape (replicas, chains)."""
    powers = 2 ** np.arange(bank.model.n_sites)[::-1]
    return np.concatenate([powers @ bits.astype(int) for bits in lanes(bank)]).reshape(bank.plan.replicas, -1)


def set_states(bank: BitLaneBank, numbers: np.ndarray) -> None:
    """Put every chain into the state of this number, shape (replicas, chains)."""
    n = bank.model.n_sites
    for words, group in zip(bank.words, bank.groups, strict=True):
        own = numbers[group.start:group.stop].ravel()
        bits = np.zeros((n, 2048 * len(words)), dtype=np.uint8)
        bits[:, : len(own)] = own >> np.arange(n)[::-1, None] & 1
        words[:, :n] = words_of(bits.reshape(n, len(words), 2048)).transpose(1, 0, 2)


def count_states(bank: BitLaneBank, looks: int, gap: int, burn_in: int, kinds: np.ndarray | None = None) -> np.ndarray:
    """How often each rung was seen in each state while tempering, shape (rungs, 2^N).

    With `kinds` (an integer for each replica) counted apart, shape (kinds, rungs, 2^N).
    """
    size, rungs = 2**bank.model.n_sites, bank.plan.n_rungs
    kind = np.zeros((bank.plan.replicas, 1), dtype=int) if kinds is None else kinds[:, None]
    counts = np.zeros((kind.max() + 1) * rungs * size, dtype=np.int64)
    sweep(bank, 0, burn_in)
    for look in range(looks):
        sweep(bank, burn_in + gap * look, gap)
        place = (kind * rungs + bank.rung_of) * size + states(bank)
        counts += np.bincount(place.ravel(), minlength=len(counts))
    shaped = counts.reshape(-1, rungs, size)
    return shaped[0] if kinds is None else shaped


def wrong_numbers(bank: Bank, models: list[IsingModel] | None = None) -> float:
    """Largest error of the energies of two more sweeps against the spins; magnetisations must be equal."""
    shape = (bank.plan.replicas, 2, bank.plan.n_rungs)
    energy, magnetization = np.full(shape, np.nan), np.zeros(shape, dtype=np.int32)
    for group in range(len(bank.groups)):
        bank.advance(group, Block(None, 0, 2, slice(0, 2)), energy, magnetization)
    worst = 0.0
    for r in range(bank.plan.replicas):
        model = models[r] if models else bank.model
        spins = bank.spins(r)[bank.chain_at[r]]
        worst = max(worst, float(np.max(np.abs(energy[r, -1] - model.energy(spins) + model.offset))))
        assert np.array_equal(magnetization[r, -1], spins.sum(axis=1, dtype=int))
    return worst
