"""The draw of the bit lanes: the decisions of a slow twin bit for bit, and flips as often as they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.stats import binom, chi2, poisson

from statfe.kernels.bit_sweep import lowest
from statfe.kernels.rng import next_word
from statfe.random import streams
from tests.bit_lane_site import Site, real_thresholds
from tests.naive.bit_lane import bits_of, flip_probability, flips, stream
from tests.retry import sequential

DEGREES = range(3, 9)
#: Draws of every number of bonds in the test of frequencies: 10^8 for all six.
DRAWS = 1.7e7


def mixed(z: int, lanes: int, rungs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(satisfied bonds, rung) of each lane: every pair equally often, in random order."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(np.resize(np.arange((z + 1) * rungs), lanes))
    return pairs // rungs, pairs % rungs


def twin(site: Site, satisfied: np.ndarray, gibbs: np.ndarray
         ) -> tuple[Callable[[], np.ndarray], list[Iterator[int]]]:
    """(one draw of the slow twin, its streams), from where the streams of `site` stand."""
    of_word = [stream(s, 12_000) for s in site.states.reshape(4, -1).T[: site.width]]
    lanes = [slice(64 * w, 64 * w + 64) for w in range(site.width)]
    tables = [[list(map(int, site.thresholds[r])) for r in site.rung[lane]] for lane in lanes]
    rules = [list(gibbs[site.rung[lane]]) for lane in lanes]
    counts = [satisfied[lane].tolist() for lane in lanes]

    def one() -> np.ndarray:
        return np.concatenate([flips(len(site.z), counts[w], rules[w], tables[w], of_word[w])
                               for w in range(site.width)])

    return one, of_word


@pytest.mark.parametrize("z", DEGREES)
@pytest.mark.parametrize("own", [False, True], ids=["one sign", "own signs"])
def test_satisfied_bonds_are_added(z, own):
    satisfied, rung = mixed(z, 64 * 5, 1, seed=z)
    site = Site(z, satisfied, np.ones((1, 4), np.uint64), np.zeros(1, bool), rung, own=own)
    assert np.array_equal(site.counted(), satisfied)


@pytest.mark.parametrize("z", DEGREES)
def test_every_decision_is_that_of_the_twin(z):
    thresholds, gibbs = real_thresholds(z, np.array([0.02, 0.4, 1.0]))
    # Two more rungs: all twelve bits zero, all twelve one.
    thresholds = np.concatenate([thresholds, [[2**50 + 12345] * 4], [[2**64 - 2**40 - 7] * 4]]).astype(np.uint64)
    gibbs = np.append(gibbs, [False, True])
    satisfied, rung = mixed(z, 64 * 5, len(gibbs), seed=z)
    site = Site(z, satisfied, thresholds, gibbs, rung, seed=z)
    one, of_word = twin(site, satisfied, gibbs)
    for _ in range(12):
        assert np.array_equal(bits_of(site.draw()[0][: site.width]), one())
    # Not one random word more or less.
    for state, words in zip(site.states.reshape(4, -1).T[: site.width], of_word, strict=True):
        assert int(next_word(state.copy())) == next(words)


@pytest.mark.parametrize("z", DEGREES)
@pytest.mark.parametrize("edge", [-1, 0, 1])
def test_the_last_of_64_bits_decides(z, edge):
    lanes = 64 * 3
    satisfied, rung = mixed(z, lanes, 1, seed=z)[0], np.arange(lanes)
    rng = np.random.default_rng(z)
    gibbs = rng.random(lanes) < 0.5
    thresholds = rng.integers(0, 2**64, (lanes, 4), dtype=np.uint64)
    site = Site(z, satisfied, thresholds, gibbs, rung, seed=z)
    # Thresholds that agree with the lane's own uniform in every bit, then one step below and above it.
    for w in range(3):
        words = stream(site.states.reshape(4, -1)[:, w])
        first = [next(words) for _ in range(12)]
        for lane in range(64):
            k = 64 * w + lane
            m = 2 * satisfied[k] - z
            if m > 0 or (m < 0 and gibbs[k]):
                u = sum(((word >> lane) & 1) << b for b, word in enumerate(first)) << 52 | next(words) >> 12
                thresholds[k, (abs(m) - 1) // 2] = np.uint64(min(max(u + edge, u >> 52 << 52), u | (2**52 - 1)))
    site = Site(z, satisfied, thresholds, gibbs, rung, seed=z)
    one, _ = twin(site, satisfied, gibbs)
    flipped, left = (bits_of(x[:3]) for x in site.draw())
    assert np.array_equal(flipped, one())
    m = 2 * satisfied - z
    compared = (m > 0) | ((m < 0) & gibbs)
    assert np.array_equal(left == 1, compared)
    # u < p exactly where p was moved up.
    assert np.array_equal(flipped[compared] == 1, (m[compared] > 0) == (edge > 0))


def frequencies_p(z: int, seed: int, draws: float) -> float:
    """Chi-square p-value of the flips of every (rung, satisfied bonds) against their probabilities."""
    thresholds, gibbs = real_thresholds(z, np.array([0.03, 0.3, 0.7, 1.5]))
    satisfied, rung = mixed(z, 2048, len(gibbs), seed)
    calls = int(draws) // 2048
    seen, _, _ = Site(z, satisfied, thresholds, gibbs, rung, seed=seed).flip_counts(calls)
    group = satisfied * len(gibbs) + rung
    hits = np.bincount(group, seen)
    tries = calls * np.bincount(group)
    p = np.array([flip_probability(z, n, g, t) for n in range(z + 1) for g, t in zip(gibbs, thresholds, strict=True)])
    certain = p == 1.0
    assert np.array_equal(hits[certain], tries[certain])
    hits, tries, p = hits[~certain], tries[~certain], p[~certain]
    rare = tries * np.minimum(p, 1.0 - p) < 20
    # What hardly ever happens, all together.
    few = np.where(p < 0.5, hits, tries - hits)[rare].sum()
    mean = float((tries * np.minimum(p, 1.0 - p))[rare].sum())
    tail = 2 * min(poisson.cdf(few, mean), poisson.sf(few - 1, mean))
    score = (hits - tries * p) ** 2 / (tries * p * (1.0 - p))
    return min(1.0, 2 * float(chi2.sf(score[~rare].sum(), (~rare).sum())), 2 * tail)


@pytest.mark.statistical
@pytest.mark.parametrize("z", DEGREES)
def test_flips_are_as_frequent_as_their_probability(z):
    sequential(lambda seed: frequencies_p(z, seed, DRAWS), alarm=1e-2)


@pytest.mark.statistical
def test_probabilities_far_in_the_tail():
    """p = 3 10^-7 and 1 - 3 10^-7, and thresholds whose first twelve bits are 0 and 0xABC, 37% of the way to the next.

    With sixteen bits the first two would be 0 or 1.5 10^-5; of the lanes that need more bits 37% must have u < p.
    """
    step = 0.37 / 4096
    p = np.array([3e-7, 1.0 - 3e-7, step, 0xABC / 4096 + step])
    thresholds = np.repeat((p * 2.0**64).astype(np.uint64)[:, None], 4, axis=1)
    rung = np.resize(np.arange(4), 2048)
    satisfied, gibbs = np.resize(np.array([3, 4, 4, 4, 3]), 2048), np.array([False, True, True, False])

    def worst(seed: int) -> float:
        calls = 40_000
        seen, left, both = Site(4, satisfied, thresholds, gibbs, rung, seed=seed).flip_counts(calls)
        tries = calls * 512
        hits, more, less = (np.bincount(rung, x) for x in (seen, left, both))
        tails = [two_sided(poisson, hits[0], tries * 3e-7), two_sided(poisson, tries - hits[1], tries * 3e-7)]
        for k in (2, 3):
            tails += [two_sided(binom, hits[k], tries, p[k]), two_sided(binom, more[k], tries, 2.0**-12),
                      two_sided(binom, less[k], more[k], 0.37)]
        return len(tails) * min(tails)

    sequential(worst, alarm=1e-2)


def two_sided(law, seen: float, *arguments: float) -> float:
    return 2.0 * float(min(law.cdf(seen, *arguments), law.sf(seen - 1, *arguments)))


def test_lowest_bit():
    rng = np.random.default_rng(1)
    for k in range(64):
        high = int(rng.integers(0, 2**63)) << (k + 1)
        assert lowest(np.uint64((1 << k) | (high & (2**64 - 1)))) == k


def test_words_have_streams_of_their_own():
    site = Site(4, np.full(2048, 2), np.ones((1, 4), np.uint64), np.ones(1, bool), np.zeros(2048, np.int64))
    site.states = np.ascontiguousarray(streams(9, 32).T).reshape(-1)
    rows = [tuple(site.draw()[0].tolist()) for _ in range(20)]
    assert len({word for row in rows for word in row}) == 20 * 32
