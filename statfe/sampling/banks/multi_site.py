"""The kernel of one large 2D or 3D lattice with couplings +-J: 64 sites a word, colours in turn.

Hypercubic lattices with even sides; a uniform field must be a whole multiple k of J with degree + |k| <= 8. The
order of updates is checkerboard, not site after site; the exact draw is in `statfe.kernels.multi_site_draw`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.sampling.bank import CHAIN_KEY, Bank, Block, Kernel, Load
from statfe.sampling.multi_site_lattice import MultiSiteLattice, best_cut, sweep_words, why_not
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import start_of

if TYPE_CHECKING:
    from statfe.sampling.plan import Plan

#: Nanoseconds for a word of sites in two and three dimensions; more for signs, for an open boundary or a field; and
#: for starting a sweep.
WORD_NS, SIGNED_NS, MARGIN_NS, SWEEP_NS = {2: 6.0, 3: 7.5}, 1.5, 1.5, 300.0
#: A field is k J where it is within this share of a whole number.
WHOLE = 1e-14
#: Why a list of bonds may not do.
ORDER = "multi-site needs the bonds in the order of the lattice"


@dataclass(frozen=True)
class _Facts:
    """What the kernel needs to know of a model, or why it cannot take it."""

    obstacle: str
    coupling: float = 0.0
    field: int = 0
    signed: bool = False


@per_model
def _facts(model: IsingModel) -> _Facts:
    lattice = model.lattice
    if lattice is None or lattice.kind != "hypercubic":
        return _Facts("multi-site needs a hypercubic lattice with two or three axes")
    obstacle = why_not(lattice.shape, lattice.periodic)
    if obstacle:
        return _Facts(f"multi-site {obstacle}")
    if model.uniform is not None:
        return _uniform_facts(lattice, *model.uniform)
    J = float(model.couplings[0])
    if J == 0.0 or np.any(np.abs(model.couplings) != abs(J)):
        return _Facts("multi-site needs couplings of one strength, +J or -J, and not zero")
    if np.any(model.fields != model.fields[0]):
        return _Facts("multi-site needs the same field at every site")
    facts = _uniform_facts(lattice, J, float(model.fields[0]))
    if facts.obstacle or not np.any(model.couplings != J):
        return facts if facts.obstacle or _bonds_are_the_lattice(model) else _Facts(ORDER)
    return replace(facts, coupling=abs(J), signed=True) if _bonds_are_the_lattice(model) else _Facts(ORDER)


def _uniform_facts(lattice: Lattice, J: float, h: float) -> _Facts:
    """Facts of a lattice with one coupling and one field."""
    if J == 0.0:
        return _Facts("multi-site needs couplings of one strength, +J or -J, and not zero")
    ratio = h / abs(J)
    if abs(ratio) > 8 or abs(ratio - round(ratio)) > WHOLE * abs(ratio):
        return _Facts("multi-site needs a field that is a small whole multiple of J")
    obstacle = why_not(lattice.shape, lattice.periodic, round(ratio))
    return _Facts(f"multi-site {obstacle}") if obstacle else _Facts("", J, round(ratio), False)


def _bonds_are_the_lattice(model: IsingModel) -> bool:
    assert model.lattice is not None
    source, target, _ = model.lattice.bonds()
    return bool(np.array_equal(np.minimum(source, target), model.rows)
                and np.array_equal(np.maximum(source, target), model.cols))


def lattice_of(model: IsingModel) -> MultiSiteLattice:
    """The words of a model without `obstacle`."""
    facts, lattice = _facts(model), model.lattice
    assert lattice is not None
    signs = None
    if facts.signed:
        signs, begin = [], 0
        for axis in range(len(lattice.shape)):
            shape = [side - (axis == k and not lattice.periodic) for k, side in enumerate(lattice.shape)]
            end = begin + math.prod(shape)
            signs.append(np.sign(model.couplings[begin:end]).astype(np.int8).reshape(shape))
            begin = end
    return MultiSiteLattice(
        lattice.shape, periodic=lattice.periodic, coupling=facts.coupling, field=facts.field, signs=signs)


class MultiSiteBank(Bank):
    """One group a replica; a lattice of words a chain, with a stream for every place of a batch and one for ties."""

    def __init__(self, model: IsingModel, plan: Plan) -> None:
        super().__init__(model, plan, [range(r, r + 1) for r in range(plan.replicas)])
        self.lattice = lattice_of(model)
        self.rules = rules_at(plan.sampler.rule, model, plan.ladder.betas)
        self.tables = self.lattice.tables(plan.ladder.betas)
        self.states = np.stack([
            self.lattice.chain_states(plan.seed, plan.chains, (CHAIN_KEY, r)) for r in range(plan.replicas)])
        self.words = np.zeros((plan.replicas, plan.chains, self.lattice.size), dtype=np.uint64)
        for r in range(plan.replicas):
            for c, spins in enumerate(start_of(model, plan, r)):
                self.lattice.pack(spins, self.words[r, c])

    def advance(self, group: int, block: Block, energy: np.ndarray, magnetization: np.ndarray) -> None:
        """Run one block of one replica."""
        plan, rungs = self.plan, self.rungs(block, group)
        thresholds, masks = self.tables
        thin = plan.thin if block.rows is not None else block.sweeps + 1
        ladder = (self.rung_of[group], self.chain_at[group], self.swap_states[group], self.exchanges[group])
        e, m = self.lattice.run(
            self.words[group], self.states[group], (thresholds[rungs], masks[rungs]), plan.ladder.betas[rungs],
            self.rules[rungs], block.first_sweep, block.sweeps, thin, plan.chains > 1, ladder)
        if block.rows is not None:
            energy[group, block.rows, rungs] = e
            magnetization[group, block.rows, rungs] = m

    def spins(self, replica: int) -> np.ndarray:
        """Spins of one replica."""
        return np.stack([self.lattice.unpack(words) for words in self.words[replica]])

    def own_state(self) -> dict[str, np.ndarray]:
        """Words and streams."""
        return {"words": self.words, "states": self.states}


def _cost(model: IsingModel, load: Load) -> float:
    """A batch costs the same however many lanes and words of it are in use."""
    facts, lattice = _facts(model), model.lattice
    assert lattice is not None
    margins = facts.field != 0 or not lattice.periodic
    word = WORD_NS[len(lattice.shape)] + SIGNED_NS * facts.signed + MARGIN_NS * margins
    words = 2 * sweep_words(lattice.shape, best_cut(lattice.shape))
    return (word * words + SWEEP_NS) / model.n_sites


def _bytes(model: IsingModel, load: Load) -> float:
    """A bit a spin, with padding; and the spins of one replica while they are packed."""
    facts, lattice = _facts(model), model.lattice
    assert lattice is not None
    chain = 8.0 * 2.0 * sweep_words(lattice.shape, best_cut(lattice.shape)) * 1.5 + 4096.0
    return chain * (load.total + facts.signed * len(lattice.shape)) + float(model.n_sites) * load.chains


KERNEL = Kernel(
    name="multi-site", summary="one large 2D or 3D lattice with couplings +-J; 64 sites a word",
    samplers=("metropolis", "gibbs"), make=MultiSiteBank, obstacle=lambda model: _facts(model).obstacle, cost=_cost,
    bytes=_bytes, setup=5.0e8, needs_bonds=False)
