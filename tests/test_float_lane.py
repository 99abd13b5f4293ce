"""The float-lane kernel: its own compiled transition matrix, its law, its bound, its energies, its lanes."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.kernels import float_lane, lane_vectors
from statfe.kernels.float_lane import SITES, STREAMS, refill, sweep_sites
from statfe.kernels.lane_vectors import HEAT, LANES
from statfe.models.ising import IsingModel
from statfe.sampling import driver
from statfe.sampling.bank import Block, Load
from statfe.sampling.banks.float_lane import (
    KERNEL,
    FloatLaneBank,
    all_tiles,
    group_size,
    lane_graph,
    lane_scales,
    tiles_of,
)
from statfe.sampling.driver import run_plan
from tests.bank_checks import SMALL, last_energies_error, law_p_value, make_bank, make_plan
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.chains import flip_matrix, xoshiro_words
from tests.naive.ising import probabilities, states
from tests.naive.lanes import lane_sweep
from tests.retry import sequential

LANE_BITS = np.arange(LANES, dtype=np.uint64)


class Tile:
    """One tile with a beta and rule for each lane, as the kernel takes it."""

    def __init__(self, model: IsingModel, betas: np.ndarray, heats: np.ndarray) -> None:
        self.model, self.betas, self.graph = model, betas, lane_graph(model)
        scales, doubts = lane_scales(model, betas)
        self.lanes = np.concatenate([scales, HEAT * heats, doubts]).astype(np.float32)
        self.states = np.zeros(4 * STREAMS, dtype=np.uint64)
        self.words = np.zeros(SITES * STREAMS, dtype=np.uint64)
        self.bits = self.words.view(np.uint32)

    def update(self, words: np.ndarray, start: int, first: int, last: int) -> int:
        indptr, indices, weights, fields, bases, doubled = self.graph
        return sweep_sites(start, first, last, words, self.states, self.words, self.bits, self.lanes, self.betas, bases,
                           doubled, indptr, indices, weights, fields)


def to_words(spins: np.ndarray) -> np.ndarray:
    """Spins (lanes, N) as one word a site."""
    return np.bitwise_or.reduce((spins > 0).astype(np.uint64) << LANE_BITS[:len(spins), None], axis=0)


def to_spins(words: np.ndarray) -> np.ndarray:
    return (2 * ((words >> LANE_BITS[:, None]) & np.uint64(1)).astype(np.int8) - 1).astype(np.int8)


def flip_probabilities(model: IsingModel, site: int, s: np.ndarray, betas: np.ndarray, heats: np.ndarray) -> np.ndarray:
    """Probability that `site` flips in each row of s, by bisection of all even lanes over the uniform's 53 bits."""
    tile = Tile(model, np.repeat(betas, 2), np.repeat(heats, 2))
    words = to_words(np.repeat(s, 2, axis=0))

    def flipped(mantissas: np.ndarray) -> np.ndarray:
        uniform = mantissas << np.uint64(11)
        tile.bits[LANES:2 * LANES:2] = uniform >> np.uint64(32)
        # A stream whose next word has the rest in its first 32 bits: with s0 = 0 it is rotl(s3, 23).
        rest = uniform << np.uint64(32)
        tile.states[:STREAMS] = 0
        tile.states[3 * STREAMS:] = (rest >> np.uint64(23)) | (rest << np.uint64(41))
        now = words.copy()
        tile.update(now, site, site - 1, site + 1)
        return (((now[site] ^ words[site]) >> LANE_BITS[::2]) & np.uint64(1)).astype(bool)

    low, high = np.zeros(STREAMS, dtype=np.uint64), np.full(STREAMS, 2**53 - 1, dtype=np.uint64)
    never, always = ~flipped(low), flipped(high)
    for _ in range(53):
        middle = (low + high) // np.uint64(2)
        hit = flipped(middle)
        low, high = np.where(hit, middle, low), np.where(hit, high, middle)
    return np.where(always, 1.0, np.where(never, 0.0, high / 2.0**53))


def sweep_matrices(model: IsingModel, betas: list[float], rule: str) -> list[np.ndarray]:
    """Transition matrices of a sweep of the compiled kernel at all betas, 32 (state, beta) pairs at a time."""
    s = states(model.n_sites).astype(np.int8)
    pairs = [(k, b) for k in range(len(s)) for b in range(len(betas))]
    pairs += pairs[:-len(pairs) % STREAMS]
    total = [np.eye(len(s)) for _ in betas]
    for site in range(model.n_sites):
        step = np.zeros((len(betas), len(s), len(s)))
        for at in range(0, len(pairs), STREAMS):
            chunk = pairs[at:at + STREAMS]
            p = flip_probabilities(model, site, s[[k for k, _ in chunk]], np.array([betas[b] for _, b in chunk]),
                                   np.full(STREAMS, float(rule == "gibbs")))
            for (k, b), share in zip(chunk, p, strict=True):
                other = k ^ (1 << (model.n_sites - 1 - site))
                step[b, k, other], step[b, k, k] = share, 1.0 - share
        total = [t @ one for t, one in zip(total, step, strict=True)]
    return total


def defects(model: IsingModel, betas: list[float], rule: str) -> float:
    """Largest |pi P - pi| over the betas."""
    worst = 0.0
    for beta, matrix in zip(betas, sweep_matrices(model, betas, rule), strict=True):
        p = probabilities(model, beta)
        worst = max(worst, float(np.max(np.abs(p @ matrix - p))))
    return worst


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
@pytest.mark.parametrize("model", [peaked(6), disconnected(), frustrated_triangle(), isolated(3)],
                         ids=["peaked", "disconnected", "triangle", "isolated"])
def test_boltzmann_weight_is_invariant(rule, model):
    assert defects(model, [0.2, 0.4, 1.0, 1.5], rule) < 1e-13


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_largest_model(rule):
    assert defects(peaked(8, seed=5), [0.8], rule) < 1e-13


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_compiled_matrix_equals_the_formula(rule):
    for beta, matrix in zip([0.3, 0.9], sweep_matrices(peaked(5), [0.3, 0.9], rule), strict=True):
        assert np.max(np.abs(matrix - flip_matrix(peaked(5), beta, rule))) < 1e-14


@pytest.mark.statistical
@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
@pytest.mark.parametrize("family", SMALL)
def test_full_law(family, rule):
    model = SMALL[family]()
    sequential(lambda seed: law_p_value(model, [0.0, 0.2, 0.45, 0.7], "float-lane", rule, 16, seed), alarm=1e-3)


@pytest.mark.statistical
def test_a_wrong_temperature_shows():
    model = SMALL["peaked"]()
    assert law_p_value(model, [0.2, 0.8], "float-lane", "gibbs", 32, 1, looks=1000, law_beta=0.9) < 1e-5


def test_streams_are_xoshiro256plusplus():
    own = np.arange(1, 4 * STREAMS + 1, dtype=np.uint64)
    words, before = np.zeros(SITES * STREAMS, dtype=np.uint64), own.copy()
    for turn in range(3):
        refill(own, words)
        for k in (0, 7, STREAMS - 1):
            expected = xoshiro_words(list(before[k::STREAMS]), SITES * (turn + 1))[-SITES:]
            assert [int(w) for w in words[k::STREAMS]] == expected


@pytest.mark.parametrize("model", [peaked(7), disconnected(), statfe.model("ea:shape=3x3x3,couplings=gaussian,seed=2")],
                         ids=["peaked", "disconnected", "ea"])
def test_the_twin_makes_the_same_flips(model):
    rng = np.random.default_rng(5)
    s = rng.choice(np.array([-1, 1], dtype=np.int8), size=(LANES, model.n_sites))
    tile = Tile(model, rng.uniform(0.0, 2.0, LANES), rng.integers(0, 2, LANES).astype(float))
    for _ in range(4):
        tile.states[:] = rng.integers(0, 2**64, 4 * STREAMS, dtype=np.uint64)
        streams, words = tile.states.reshape(4, STREAMS).T.copy(), to_words(s)
        # A settled decision draws one word more; the twin does not follow that, and it is rare.
        assert tile.update(words, 0, 0, model.n_sites) == 0
        lane_sweep(model, s, tile.betas, tile.lanes[LANES:2 * LANES] > 0, streams, SITES)
        assert np.array_equal(to_spins(words), s)


def test_the_polynomial_is_within_its_bound():
    r = np.linspace(-0.5, 0.5, 2_000_001).astype(np.float32)
    p = np.full_like(r, lane_vectors.POWER_OF_TWO[-1])
    for c in lane_vectors.POWER_OF_TWO[-2::-1]:
        p = p * r + np.float32(c)
    assert np.max(np.abs(p / 2.0 ** r.astype(np.float64) - 1.0)) < 3e-6


def test_few_decisions_are_settled():
    model = statfe.model("ea:shape=6x6x6,couplings=gaussian,seed=1")
    bank = make_bank(model, make_plan(model, np.linspace(0.1, 2.0, 32), "float-lane", "metropolis", 2, 1))
    bank.advance(0, Block(None, 0, 400, None), np.empty(0), np.empty(0))
    assert 0 < bank.settled.sum() < 3e-4 * 400 * 64 * 216


@pytest.mark.parametrize("spec", ["sk:n=200,seed=3", "rbm:visible=100,hidden=70,seed=1", "curie-weiss:n=129"])
def test_many_neighbours(spec):
    # More than CHUNK of them: the sums are made in parts.
    model = statfe.model(spec)
    rng = np.random.default_rng(2)
    s = rng.choice(np.array([-1, 1], dtype=np.int8), size=(STREAMS, model.n_sites))
    betas = np.linspace(0.0, 1.0, STREAMS)
    local = s.astype(float) @ model.adjacency.toarray() + model.fields
    for site in (1, model.n_sites - 1):
        change = 2.0 * betas * s[:, site] * local[:, site]
        for heat, right in ((0.0, np.minimum(1.0, np.exp(-change))), (1.0, 1.0 / (1.0 + np.exp(change)))):
            assert np.max(np.abs(flip_probabilities(model, site, s, betas, np.full(STREAMS, heat)) - right)) < 1e-13


@pytest.mark.parametrize("scale", [1e30, 1e39, 1e-42, 1e150, 1e-310])
def test_beyond_the_range_of_floats(scale):
    base = peaked(6)
    model = IsingModel.from_edges(6, base.rows, base.cols, scale * base.couplings, scale * base.fields)
    s, beta = states(6).astype(np.int8)[:STREAMS], np.full(STREAMS, min(0.7 / scale, 1e308))
    for site in (1, 4):
        for heats in (np.zeros(STREAMS), np.ones(STREAMS)):
            found = flip_probabilities(model, site, s, beta, heats)
            right = flip_probabilities(base, site, s, beta * scale, heats)
            # Denormal couplings have few digits themselves.
            assert np.max(np.abs(found - right)) < (1e-14 if scale > 1e-300 else 1e-12)


def test_zero_temperature_dynamics():
    model = IsingModel.from_edges(2, [0], [1], [1.0], [0.25, 0.0])
    bank = make_bank(model, make_plan(model, [1e300], "float-lane", "metropolis", 4, 1))
    bank.advance(0, Block(None, 0, 20, None), np.empty(0), np.empty(0))
    assert all(abs(bank.spins(r).sum()) == 2 for r in range(4))


@pytest.mark.parametrize("spec", ["ea:shape=6x6x6,couplings=gaussian", "rbm:visible=20,hidden=12", "sk:n=20",
                                  "triangular:shape=6x6", "ising:shape=5x5,field=0.3"])
def test_energies_are_those_of_the_spins(spec):
    assert last_energies_error(statfe.model(spec), "float-lane", [0.1, 0.5, 1.0], 30, 50) < 1e-13


def test_lanes_are_independent():
    model = isolated(64)
    plan = make_plan(model, [0.0] * 1 + list(np.linspace(0.001, 0.01, 31)), "float-lane", "gibbs", 64, 2, sweeps=400)
    m = run_plan(model, plan).magnetization.transpose(1, 0, 2).reshape(400, -1).astype(float)
    z = (m - m.mean(axis=0)) / m.std(axis=0)
    correlation = (z.T @ z / len(z))[np.triu_indices(z.shape[1], 1)]
    # About 2 million correlations, normal with variance 1 / 399: the largest stays below 6 standard deviations.
    assert np.max(np.abs(correlation)) * np.sqrt(len(z)) < 6.0
    assert abs(np.mean(correlation**2) * (len(z) - 1) - 1.0) < 0.01
    lag = (z[1:].T @ z[:-1] / len(z)).ravel()
    assert np.max(np.abs(lag)) * np.sqrt(len(z)) < 6.2


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_same_bits_for_any_workers_and_blocks(schedule, rule, monkeypatch):
    model = peaked(12)
    plan = make_plan(model, np.linspace(0.1, 0.9, 40), "float-lane", rule, 7, 5, 30, schedule, thin=2)
    whole = run_plan(model, plan)
    for block in (None, 2000.0):
        if block:
            monkeypatch.setattr(driver, "BLOCK_NS", block)
        other = run_plan(model, plan, workers=3)
        assert np.array_equal(whole.energy, other.energy)
        assert np.array_equal(whole.magnetization, other.magnetization)


def test_restore_goes_on_with_the_same_bits():
    model = peaked(9)
    plan = make_plan(model, np.linspace(0.1, 0.9, 30), "float-lane", "metropolis", 5, 5)
    bank, other = make_bank(model, plan), make_bank(model, plan)
    energy, magnetization = np.empty((2, 5, 20, 30)), np.empty((2, 5, 20, 30), dtype=np.int64)

    def both(which: FloatLaneBank, first: int, k: int) -> None:
        for group in range(len(which.groups)):
            which.advance(group, Block(None, first, 10, slice(first, first + 10)), energy[k], magnetization[k])

    both(bank, 0, 0)
    other.restore({name: array.copy() for name, array in bank.state().items()})
    both(bank, 10, 0)
    both(other, 10, 1)
    assert np.array_equal(energy[0, :, 10:], energy[1, :, 10:])
    assert all(np.array_equal(bank.spins(r), other.spins(r)) for r in range(5))


def test_starts_are_those_of_every_kernel():
    model = peaked(9)
    lane = make_bank(model, make_plan(model, np.linspace(0.1, 0.9, 30), "float-lane", "gibbs", 5, 5))
    scalar = make_bank(model, make_plan(model, np.linspace(0.1, 0.9, 30), "scalar", "gibbs", 5, 5))
    assert all(np.array_equal(lane.spins(r), scalar.spins(r)) for r in range(5))


@pytest.mark.parametrize(("load", "size"), [(Load(4, 32), 2), (Load(1, 5), 1), (Load(8, 64), 1), (Load(64, 1), 64),
                                            (Load(3, 300), 1), (Load(6, 40), 3)])
def test_groups_fill_their_lanes(load, size):
    assert group_size(load) == size
    assert tiles_of(size * load.chains) * LANES >= size * load.chains


@pytest.mark.parametrize("load", [Load(4, 17), Load(5, 1), Load(7, 30), Load(3, 300)])
def test_the_cost_counts_every_tile(load):
    model = statfe.model("ea:shape=4x4,couplings=gaussian")
    plan = make_plan(model, np.linspace(0.1, 2.0, load.chains), "float-lane", "gibbs", load.replicas, 1)
    bank = make_bank(model, plan)
    assert all_tiles(load) == len(bank.words)
    full = Load(64, 64)
    sweep = KERNEL.cost(model, load) * load.total / (KERNEL.cost(model, full) * full.total)
    assert sweep == pytest.approx(len(bank.words) / 64)


def test_bytes_are_those_of_the_bank():
    model = statfe.model("ea:shape=10x10x10,couplings=gaussian")
    bank = make_bank(model, make_plan(model, np.linspace(0.1, 2.0, 32), "float-lane", "gibbs", 8, 1))
    held = sum(a.nbytes for a in (bank.words, *bank.graph[4:], *(p for p in bank.pairs if isinstance(p, np.ndarray))))
    assert 0.8 < KERNEL.bytes(model, Load(8, 32)) / held < 1.5
    assert float_lane.LANES == 64
