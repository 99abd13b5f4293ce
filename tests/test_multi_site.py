"""One lattice in words of 64 sites: every bond, the exact draw, the whole law of a sweep."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, norm

import statfe
from statfe.kernels import multi_site_layout as layout
from statfe.kernels.multi_site import classes, place
from statfe.kernels.multi_site_draw import PLANES, ROUNDS, SLOTS, STATE_SIZE, draw, settle, threshold_masks
from statfe.kernels.tempering import COUNTERS, GIBBS, METROPOLIS
from statfe.random import generator
from statfe.sampling.multi_site_lattice import MultiSiteLattice, acceptance
from statfe.stats import mean_error
from tests.naive.multi_site import bond_signs, exact_draw, neighbour_sum, sweep_law
from tests.retry import sequential
from tests.test_tempering import chi_square_p

RULES = {"metropolis": METROPOLIS, "gibbs": GIBBS}
U = np.uint64


def random_spins(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], shape).astype(np.int8)


def make(shape: tuple[int, ...], periodic: bool = True, coupling: float = 1.0, field: int = 0, signed: bool = False):
    """(lattice, its signs)."""
    signs = bond_signs(shape, periodic, 5) if signed else None
    return MultiSiteLattice(shape, periodic=periodic, coupling=coupling, field=field, signs=signs), signs


def chain_of(lattice: MultiSiteLattice, spins: np.ndarray) -> np.ndarray:
    words = np.zeros((1, lattice.size), dtype=np.uint64)
    lattice.pack(spins.ravel(), words[0])
    return words


def sweep(lattice: MultiSiteLattice, words: np.ndarray, states: np.ndarray, beta: float, rule: str, first: int = 0,
          sweeps: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sweeps of many chains at one beta: exchanges between equal rungs change nothing but labels."""
    K = len(words)
    tables = tuple(np.repeat(table, K, axis=0) for table in lattice.tables(np.array([beta])))
    ladder = (np.arange(K), np.arange(K), np.arange(1, 5, dtype=np.uint64), np.zeros((COUNTERS, K), int))
    return lattice.run(
        words, states, tables, np.full(K, beta), np.full(K, RULES[rule]), first, sweeps, 1, K > 1, ladder)


def random_states(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, size=(count, STATE_SIZE), dtype=np.uint64)


def held_fields(lattice: MultiSiteLattice, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(class, flips for certain, is drawn) of every site, as the kernel sees them."""
    work, g = np.zeros(PLANES * SLOTS, dtype=np.uint64), lattice.geometry
    planes = np.zeros((PLANES, lattice.size), dtype=np.uint64)
    for colour in (0, 1):
        for row in range(int(g[layout.N_PLANES] * g[layout.N_ROWS])):
            own, *places, edge, loss = place(lattice.kind, g, lattice.masks, U(colour), U(row))
            for begin in range(0, int(g[layout.PADDED]), SLOTS):
                count = min(SLOTS, int(g[layout.PADDED]) - begin)
                near, marks = (tuple(U(p) + U(begin) for p in group) for group in places)
                classes(lattice.kind, words, lattice.signs, lattice.masks, U(own + begin), near, marks,
                        tuple(map(U, edge)), U(loss + begin), U(layout.VALID + begin), U(0), work, U(0), U(count))
                planes[:, own + begin:own + begin + count] = work.reshape(PLANES, SLOTS)[:, :count]
    certain, drawn, *bits = ((lattice.unpack(plane) > 0) for plane in planes)
    return sum(bit.astype(int) << k for k, bit in enumerate(bits)), certain, drawn


LATTICES = [
    ((4, 4), True, 1.0, 1, True), ((8, 12), True, -1.0, 0, False), ((20, 28), True, 1.0, 0, True),
    ((64, 256), True, 1.0, 0, False), ((6, 10), False, 1.0, -1, True), ((64, 36), False, 1.0, -1, True),
    ((8, 4, 12), True, 1.0, 0, True), ((16, 16, 16), True, 1.0, 0, True), ((2, 2, 4), False, -1.0, 2, False),
    ((4, 8, 272), False, -1.0, 2, False)]


@pytest.mark.parametrize("case", LATTICES, ids=str)
def test_every_site_sees_its_neighbours(case):
    lattice, signs = make(*case)
    shape, periodic, J, k, _ = case
    spins = random_spins(shape)
    words = chain_of(lattice, spins)[0]
    assert np.array_equal(lattice.unpack(words), spins.ravel())
    m = (spins * (neighbour_sum(spins, periodic, J, signs) + k)).ravel()
    number, certain, drawn = held_fields(lattice, words)
    assert np.array_equal(certain, m <= 0)
    assert np.array_equal(drawn, m > 0)
    assert np.array_equal(lattice.margins[number], np.abs(m))
    bonds = -0.5 * (spins * neighbour_sum(spins, periodic, J, signs)).sum()
    assert lattice.observe(words) == (bonds - k * spins.sum(), spins.sum())


@pytest.mark.parametrize("room", [3, 4, 5, 8, 9])
def test_the_draw_compares_whole_uniforms(room):
    rng = np.random.default_rng(room)
    thresholds = np.zeros(16, dtype=np.uint64)
    thresholds[:room] = rng.integers(0, 2**64, size=room, dtype=np.uint64)
    number, drawn = rng.integers(0, room, size=(SLOTS, 64)), rng.random((SLOTS, 64)) < 0.7
    flips = rng.random((SLOTS, 64)) < 0.2
    lanes = U(1) << np.arange(64, dtype=np.uint64)
    planes = (flips, drawn, *((number >> p) & 1 for p in range(4)))
    work = np.array([(bits.astype(np.uint64) * lanes).sum(axis=1) for bits in planes]).ravel()
    states = random_states(1, room)[0]
    slots = [list(s) for s in states[:4 * SLOTS].reshape(4, SLOTS).T.tolist()]
    expected = flips ^ exact_draw(slots, states[4 * SLOTS:].tolist(), thresholds.tolist(), number, drawn, ROUNDS)
    masks = threshold_masks(thresholds[:room])
    draw(work, SLOTS, states, masks, (0,) * room)
    settle(work, SLOTS, states[4 * SLOTS:], thresholds)
    assert np.array_equal((work[:SLOTS, None] & lanes) > 0, expected)


@pytest.mark.statistical
@pytest.mark.parametrize("p", [(0.5, 0.3, 0.9), (3e-7, 2.0**-20, 1e-5)], ids=["common", "rare"])
def test_draws_have_their_probabilities(p):
    T = np.array([int(x * 2.0**64) for x in p] + [0] * 13, dtype=np.uint64)
    masks, calls = threshold_masks(T[:3]), 30_000
    # Words of a third each are all of one class.
    number = np.arange(SLOTS) % 3
    template = np.zeros((PLANES, SLOTS), dtype=np.uint64)
    for plane, ones in ((1, number >= 0), (2, number == 1), (3, number == 2)):
        template[plane, ones] = 2**64 - 1

    def worst(seed: int) -> float:
        states, hits = random_states(1, seed)[0], np.zeros(SLOTS, dtype=np.int64)
        for _ in range(calls):
            work = template.ravel().copy()
            draw(work, SLOTS, states, masks, (0, 0, 0))
            settle(work, SLOTS, states[4 * SLOTS:], T)
            hits += np.bitwise_count(work[:SLOTS])
        tails = []
        for k in range(3):
            seen, n = int(hits[number == k].sum()), 64 * calls * int((number == k).sum())
            tails.append(2 * min(binom.cdf(seen, n, p[k]), binom.sf(seen - 1, n, p[k])))
        assert 64 * calls * SLOTS > 1e8
        return 3 * min(tails)

    sequential(worst, alarm=1e-2)


def test_thresholds_are_the_probabilities():
    table = acceptance(np.arange(5), 0.37, 0.8)
    for m in range(5):
        weight = Fraction(float(np.exp(np.longdouble(-2) * np.longdouble(0.37) * np.longdouble(0.8) * m)))
        for rule, p in ((METROPOLIS, weight), (GIBBS, weight / (1 + weight))):
            assert abs(Fraction(int(table[rule, m]), 2**64) - p) <= p / 2**50
    assert acceptance(np.array([8]), 1e4, 1.0)[METROPOLIS, 0] == 0
    # Twice beta is infinite, and without a field both rules still know what to do.
    assert acceptance(np.array([0, 2]), 1e308, 1.0).tolist() == [[2**64 - 1, 0], [2**63, 0]]
    rare = acceptance(np.array([4]), 4.0, 1.0)[METROPOLIS, 0]
    assert float(rare) / 2.0**64 == pytest.approx(np.exp(-32.0), rel=1e-5)


@pytest.mark.statistical
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", [LATTICES[0], ((4, 4), False, 1.0, -1, True), LATTICES[8]], ids=str)
def test_the_law_of_a_sweep(case, rule):
    lattice, signs = make(*case)
    shape, periodic, J, k, _ = case
    beta, start, chains = 0.35, random_spins(shape, 3), 4000
    powers = 2 ** np.arange(start.size)
    p = np.zeros(2**start.size)
    for key, weight in sweep_law(start, beta, rule, J, k, periodic, signs).items():
        p[(np.frombuffer(key, dtype=np.int8) > 0) @ powers] += weight
    assert p.sum() == pytest.approx(1.0)

    def look(seed: int) -> float:
        states, counts = random_states(chains, seed), np.zeros(2**start.size)
        for _ in range(15):
            words = np.repeat(chain_of(lattice, start), chains, axis=0)
            sweep(lattice, words, states, beta, rule)
            np.add.at(counts, [(lattice.unpack(row) > 0) @ powers for row in words], 1)
        assert np.all(p[counts > 0] > 0)
        return chi_square_p(counts, p)

    sequential(look)


@pytest.mark.statistical
def test_a_wrong_law_is_seen():
    lattice, signs = make(*LATTICES[0])
    start, chains = random_spins((4, 4), 3), 4000
    words, powers = np.repeat(chain_of(lattice, start), chains, axis=0), 2 ** np.arange(16)
    sweep(lattice, words, random_states(chains, 1), 0.35, "metropolis")
    counts, p = np.zeros(2**16), np.zeros(2**16)
    np.add.at(counts, [(lattice.unpack(row) > 0) @ powers for row in words], 1)
    for key, weight in sweep_law(start, 0.35, "gibbs", 1.0, 1.0, True, signs).items():
        p[(np.frombuffer(key, dtype=np.int8) > 0) @ powers] += weight
    assert chi_square_p(counts, p) < 1e-5


def test_no_two_words_share_a_draw():
    lattice, _ = make((64, 256))
    words = np.repeat(chain_of(lattice, np.ones((64, 256), dtype=np.int8)), 4, axis=0)
    sweep(lattice, words, lattice.chain_states(1, 4, 0), 0.0, "gibbs")
    # From order, a heat bath at beta = 0 leaves its random bits in the first colour: 64 of them never meet by chance.
    assert lattice.cut == (32, 2)
    spins = np.array([lattice.unpack(row) for row in words]).reshape(4, 32, 2, 2, 128).transpose(2, 4, 0, 1, 3)
    lanes = np.concatenate([spins[0, 0::2], spins[1, 1::2]]).reshape(-1, 64)
    assert len(np.unique(lanes, axis=0)) == len(lanes) == 4 * 128


@pytest.mark.statistical
@pytest.mark.parametrize(("side", "beta"), [(64, 0.3), (64, 0.5), (128, 0.4)])
def test_energies_are_kaufmans(side, beta):
    step = 1e-4
    low, high = statfe.free_energy(f"ising:shape={side}x{side}", [beta - step, beta + step], "kaufman")
    exact = (high.beta_f - low.beta_f) / (2 * step)
    lattice, _ = make((side, side))

    def p_value(seed: int) -> float:
        words = np.repeat(chain_of(lattice, np.ones((side, side), dtype=np.int8)), 4, axis=0)
        states = random_states(4, seed)
        for first in range(0, 2000, 2):
            sweep(lattice, words, states, beta, "metropolis", first=first)
        energy, _ = sweep(lattice, words, states, beta, "metropolis", sweeps=12_000)
        found = mean_error(energy.T[:, :, None])
        return float(2 * norm.sf(abs(found.mean[0] - exact) / found.error[0]))

    sequential(p_value)


def test_three_dimensions_order_and_disorder():
    # T_c = 4.5115, beta_c = 0.22165.
    lattice, _ = make((16, 16, 16))
    for beta, start, low, high in ((0.18, np.ones(4096), 0.0, 0.2), (0.28, np.ones(4096), 0.8, 0.95)):
        words, states = chain_of(lattice, start.astype(np.int8)), lattice.chain_states(3, 1, 0)
        m = sweep(lattice, words, states, beta, "metropolis", sweeps=3000)[1][1000:] / 4096
        assert low < np.abs(m).mean() < high


def test_random_starts_fill_the_lattice():
    lattice, _ = make((20, 28))
    words = np.zeros(lattice.size, dtype=np.uint64)
    lattice.randomize(words, generator(1))
    again = np.zeros_like(words)
    lattice.pack(lattice.unpack(words), again)
    assert lattice.observe(words) == lattice.observe(again)
    assert abs(lattice.unpack(words).mean()) < 5 / np.sqrt(560)
