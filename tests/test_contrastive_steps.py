"""The kernel of contrastive divergence: the steps of the plain course, the law of its chains, its team of threads."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from scipy.stats import chi2

from statfe._jit import njit
from statfe.blas import one_thread
from statfe.executors import Crew, run_team
from statfe.kernels.contrastive import HIDDEN, STREAMS, VISIBLE
from statfe.kernels.matrix_products import address, product, product_of_columns, product_with_rows
from statfe.kernels.rbm import draw_single
from statfe.kernels.team import meet
from statfe.machines.contrastive_steps import cut
from statfe.machines.course import Course
from statfe.machines.gibbs import Units
from statfe.machines.settings import Settings

RNG = np.random.default_rng(0)
#: 100 samples of these make two blocks.
DATA = (RNG.random((200, 64)) < RNG.random(64)).astype(np.int8)


class ByColumns(Units):
    """Units drawn as the kernel cuts them: the columns of a block from the random streams of the block."""

    def draw(self, probabilities):
        out = np.empty_like(probabilities)
        columns = self.cuts[{64: VISIBLE, 60: HIDDEN}[out.shape[1]]]
        for k in range(len(columns) - 1):
            own, lanes = slice(*columns[k:k + 2]), slice(*self.cuts[STREAMS, k:k + 2])
            states, flat = self.streams[:, lanes].copy(), probabilities[:, own].flatten()
            draw_single(flat.copy(), states, flat)
            self.streams[:, lanes], out[:, own] = states, flat.reshape(len(out), -1)
        return out

    def gibbs(self, p, hidden):
        shown = self.draw_visible(p, self.draw(hidden))
        return shown, self.hidden(p, shown)


def course(data=DATA, workers=1, team=True, **options):
    settings = Settings(**{"hidden": 60, "batch": 100, **options}).checked(*data.shape)
    found = Course(data, settings, seed=3, workers=workers)
    if not team:
        found.team, found.units.__class__ = None, ByColumns
        found.units.cuts = cut(settings.batch, 64, 60)
    return found


def after(epochs, **options):
    found = course(**options)
    with one_thread():
        assert all(found.epoch() for _ in range(epochs))
    return found.state()


WAYS = [
    {"algorithm": "cd"}, {"algorithm": "cd", "momentum": 0.9, "rate": 0.02},
    {"algorithm": "cd", "steps": 3, "decay": 0.01, "centred": False},
    {"algorithm": "pcd", "chains": 70, "decay": 0.003}, {"algorithm": "cd", "optimiser": "adam"},
    {"algorithm": "pcd", "chains": 3, "batch": 60, "steps": 2, "optimiser": "adam", "decay": 0.1}]


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_it_makes_the_steps_of_the_plain_course(options):
    plain, found = after(2, team=False, **options), after(2, **options)
    assert found.keys() == plain.keys()
    for name, array in plain.items():
        if array.dtype == np.float32 and "optimiser" in options:
            # Adam divides small slopes by small ones, so rounding shows in a few numbers
            assert np.abs(found[name] - array).mean() < 1e-5, name
        elif array.dtype == np.float32:
            assert np.allclose(found[name], array, rtol=1e-4, atol=3e-6), name
        else:
            assert np.array_equal(found[name], array), name
    moved = found["parameters"] - course(**options).state()["parameters"]
    assert np.abs(moved).max() > 0.005


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize(("room", "units"), [(1, 256), (2**23, 256), (2**23, 8)])
def test_threads_and_the_size_of_a_call_change_no_bit(options, room, units, monkeypatch):
    monkeypatch.setattr("statfe.machines.contrastive_steps.BLOCK_UNITS", units)
    assert cut(100, 64, 60).shape == (3, 3 if units == 256 else 7)
    alone = after(2, **options)
    monkeypatch.setattr("statfe.machines.contrastive_steps.ROOM", room)
    for workers in (2, 3):
        found = after(2, workers=workers, **options)
        assert all(np.array_equal(found[name], array) for name, array in alone.items())


def test_chains_follow_the_machine(monkeypatch):
    """All 2^8 states of a peaked machine without symmetry, in two blocks; chains that stay as they are told."""
    monkeypatch.setattr("statfe.machines.contrastive_steps.LEAST_WORK", 1)
    monkeypatch.setattr("statfe.machines.contrastive_steps.LEAST_UNITS", 2)
    assert cut(20, 5, 3).shape == (3, 3)
    data = RNG.integers(0, 2, (40, 5))
    found = course(data, hidden=3, algorithm="pcd", chains=3000, steps=40, rate=1e-30, batch=20)
    p = found.parameters
    p.a[:], p.b[:] = RNG.normal(0.0, 0.8, 5), RNG.normal(0.3, 0.8, 3)
    p.W[:] = RNG.normal(0.0, 1.5, (5, 3))
    v, h = (np.array(list(itertools.product((0, 1), repeat=n))) for n in (5, 3))
    weights = np.exp((v @ p.a)[:, None] + h @ p.b + v @ p.W.astype(float) @ h.T).sum(axis=1)
    chances = weights / weights.sum()
    assert chances.max() > 5.0 / 32
    with one_thread():
        assert found.epoch()
    seen = np.bincount((found.phase.chains @ 2.0 ** np.arange(4, -1, -1)).astype(int), minlength=32)
    expected = 3000 * chances
    keep = expected > 5
    rest = [seen[~keep].sum(), expected[~keep].sum()]
    square = np.sum((seen[keep] - expected[keep]) ** 2 / expected[keep]) + (rest[0] - rest[1]) ** 2 / rest[1]
    assert 1e-3 < chi2.sf(square, keep.sum()) < 1.0 - 1e-3


def test_parameters_that_run_away_are_seen():
    assert not course(rate=1e30).epoch()


@njit
def _walk(thread, threads, counter, rounds, out):
    """Each round every thread adds what the others wrote in the round before."""
    meetings = 0
    for t in range(rounds):
        total = out[t].sum()
        meetings = meet(counter, threads, meetings)
        out[t + 1, thread] = total + thread
        meetings = meet(counter, threads, meetings)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_meeting_waits_for_all(threads):
    """More threads than cores too: those that wait give their core away."""
    rounds = 40
    out, counter = np.zeros((rounds + 1, threads), np.uint64), np.zeros(1, np.int64)
    others = [threading.Thread(target=_walk, args=(k, threads, counter, rounds, out)) for k in range(threads)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    row = np.zeros(threads, np.uint64)
    for t in range(rounds):
        row = row.sum() + np.arange(threads, dtype=np.uint64)
        assert np.array_equal(out[t + 1], row)
    assert counter[0] == 2 * rounds * threads


@pytest.mark.parametrize("bad", [0, 1])
def test_a_thread_that_fails_lets_the_others_go(bad):
    """An interrupt comes to the thread that asks, anything else to any."""
    done = []

    def task(thread, threads, counter, rounds):
        if len(rounds) and thread == bad:
            raise KeyboardInterrupt
        _walk(thread, threads, counter, len(rounds), np.zeros((4, 2), np.uint64))
        if len(rounds):
            done.append(thread)

    ended = threading.Event()

    def ask():
        with pytest.raises(KeyboardInterrupt):
            run_team(Crew(2), 2, np.zeros(3), task)
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert ended.wait(60)
    assert done == [1 - bad]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_numpy_on_slices_without_copies(dtype):
    wide, gemm = RNG.standard_normal((60, 90)).astype(dtype), address(dtype)
    a, b, c = wide[3:10, 5:18], wide[20:33, 40:46], wide[40:46, 60:73]
    close = {"rtol": 0.0, "atol": 1e-5 if dtype == np.float32 else 1e-13}
    whole = np.full((20, 20), 7.0, dtype)
    out = whole[2:9, 3:9]
    product(gemm, a, b, out)
    assert np.allclose(out, a @ b, **close)
    product_with_rows(gemm, a, c, out)
    assert np.allclose(out, a @ c.T, **close)
    before = out.copy()
    left, right = wide[10:23, 30:37], wide[30:43, 1:7]
    product_of_columns(gemm, dtype(0.5), left, right, dtype(-0.25), out)
    assert np.allclose(out, 0.5 * left.T @ right - 0.25 * before, **close)
    whole[2:9, 3:9] = 7.0
    assert np.all(whole == 7.0)
