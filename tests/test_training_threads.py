"""Threads of a training: they change no bit, whatever BLAS is set to, and a step in blocks is the step itself."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from statfe.blas import one_thread, threads_of_products
from statfe.errors import UsageError
from statfe.executors import LEAST_WORK, Crew, even_blocks
from statfe.kernels.rbm import LANES, draw_double, draw_single
from statfe.learned.adam import BLOCK, Adam, vector_blocks
from statfe.learned.flat import LINE, PAGE, lined_up
from statfe.learned.products import product
from statfe.learned.vae.model import LIKELIHOODS, VaeShape, fresh_vae
from statfe.learned.vae.objective import OBJECTIVES, Descent, Objective, loss_and_gradient
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.machines.gibbs import Parameters, Units
from statfe.machines.phases import RowMeans
from statfe.machines.train import train_rbm
from statfe.random import streams
from tests.naive.chains import xoshiro_words


def units(rows, columns, likelihood="bernoulli"):
    """Data that a likelihood takes."""
    x = np.random.default_rng(3).random((rows, columns))
    return {"bernoulli": 1.0 * (x < 0.3), "spin": np.where(x < 0.3, 1.0, -1.0), "gaussian": x}[likelihood]


@pytest.fixture
def cut(monkeypatch):
    """All work is cut in blocks, little as it is."""
    monkeypatch.setattr("statfe.executors.LEAST_WORK", 1)
    monkeypatch.setattr("statfe.learned.adam.BLOCK", 256)


class TestCrew:
    @pytest.mark.parametrize("workers", [1, 2, 5])
    @pytest.mark.parametrize("count", [0, 1, 2, 30])
    def test_every_task_is_done_once(self, workers, count):
        done = []
        Crew(workers).run(done.append, count)
        assert sorted(done) == list(range(count))

    def test_tasks_run_side_by_side(self):
        meet = threading.Barrier(2, timeout=20)
        Crew(2).run(lambda k: meet.wait(), 2)

    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_error_of_a_task_is_raised_and_the_crew_goes_on(self, workers):
        crew, done = Crew(workers), []

        def task(k):
            if k == 3:
                raise UsageError("of the fourth")
            done.append(k)

        with pytest.raises(UsageError, match="of the fourth"):
            crew.run(task, 8)
        crew.run(done.append, 2)
        assert done[-2:] in ([0, 1], [1, 0])

    def test_what_is_set_for_a_thread_holds_for_the_crew(self):
        meet, seen = threading.Barrier(2, timeout=20), []

        def task(k):
            meet.wait()
            seen.append(np.geterr()["over"])

        with np.errstate(over="raise"):
            Crew(2).run(task, 2)
        assert seen == ["raise", "raise"]

    def test_threads_end_with_their_crew(self):
        before = set(threading.enumerate())
        crew = Crew(4)
        threads = set(threading.enumerate()) - before
        assert len(threads) == 3
        del crew
        gc.collect()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("rows", [1, 63, 64, 100, 128, 129, 784, 2100])
def test_blocks_cover_the_rows_evenly(rows):
    assert even_blocks(rows, LEAST_WORK - 1) == [slice(0, rows)]
    blocks = even_blocks(rows, LEAST_WORK)
    sizes = [b.stop - b.start for b in blocks]
    assert blocks[0].start == 0
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert blocks[-1].stop == rows
    assert max(sizes) - min(sizes) <= 1
    assert len(blocks) == (1 if rows < 64 else 2 if rows < 1024 else 8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_shared_product_is_the_product(dtype):
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal(shape).astype(dtype) for shape in ((301, 200), (200, 150)))
    assert len(even_blocks(301, left.size * 150)) > 1
    for a, b in ((left, right), (left, right.T.copy().T), (left.T.copy().T, right)):
        found = product(Crew(3), a, b)
        assert found.dtype == dtype
        assert np.max(np.abs(found - left.astype(float) @ right)) < (1e-4 if dtype == np.float32 else 1e-11)


def model(likelihood, visible, hidden, rows, dtype="float32"):
    """A model, data and noise."""
    shape, data = VaeShape(visible, 6, (hidden,), (hidden - 1,), likelihood, "tanh"), units(rows, visible, likelihood)
    vae = fresh_vae(shape, 1, data, dtype)
    vae.parameters[:] += 0.05 * np.random.default_rng(5).standard_normal(len(vae.parameters))
    return vae, data, np.random.default_rng(6).standard_normal((rows, 3, 6))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("objective", ["elbo", "iwae", "dreg"])
def test_threads_change_no_bit_of_a_gradient(likelihood, objective):
    vae, data, noise = model(likelihood, 300, 150, 130)
    goal, seen = Objective(objective, 3), []
    for workers in (1, 2, 3):
        descent = Descent(vae.shape, 130, goal, vae.parameters.dtype, Crew(workers))
        assert descent.blocks == 2
        with one_thread():
            seen += [(descent.loss(vae, data, noise), descent.gradient.copy()) for _ in range(2)]
    assert all(loss == seen[0][0] for loss, _ in seen)
    assert all(np.array_equal(gradient, seen[0][1]) for _, gradient in seen)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_a_gradient_in_blocks_is_the_slope_of_the_loss(likelihood, objective, cut):
    vae, data, noise = model(likelihood, 70, 66, 64, "float64")
    goal, rng = Objective(objective, 3, 0.7), np.random.default_rng(7)
    _, gradient = loss_and_gradient(vae, data, noise, goal)
    assert len(even_blocks(64, 1)) == 2
    start = vae.parameters.copy()
    for name, array in vae.shape.layout.views(np.arange(len(start))).items():
        way = np.zeros(len(start))
        way[array.ravel()] = rng.standard_normal(array.size)
        way /= np.linalg.norm(way)
        sides = []
        for step in (1e-5, -1e-5):
            moved = type(vae)(vae.shape, start + step * way)
            sides.append(loss_and_gradient(moved, data, noise, goal)[0].value)
        slope = (sides[0] - sides[1]) / 2e-5
        assert gradient @ way == pytest.approx(slope, abs=1e-7 * np.linalg.norm(gradient) + 1e-6), name


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_steps_of_one_call_are_those_of_a_call_each(likelihood, cut):
    """And those of Adam along each gradient, with a divergence whose weight rises."""
    vae, data, _ = model(likelihood, 70, 66, 128, "float64")
    rng, weights = np.random.default_rng(8), np.array([0.2, 0.6, 1.0])
    batches, noises = [data[:64], data[64:], data[32:96]], list(rng.standard_normal((3, 64, 2, 6)))
    begin, seen = vae.parameters.copy(), []
    for workers in (1, 2):
        adam, descent = Adam(len(begin)), Descent(vae.shape, 64, Objective("elbo", 2), begin.dtype, Crew(workers))
        vae.parameters[:] = begin
        found = descent.steps(vae.parameters, batches, noises, weights, adam, 0.01)
        seen.append((adam.count, vae.parameters.copy(), found))
    adam, moved = Adam(len(begin)), begin.copy()
    for k in range(3):
        goal = Objective("elbo", 2, float(weights[k]))
        loss, gradient = loss_and_gradient(type(vae)(vae.shape, moved), batches[k], noises[k], goal)
        square = adam.step(moved, gradient, 0.01)
        assert seen[0][2][k] == pytest.approx([loss.value, loss.reconstruction, loss.divergence, square], rel=1e-9)
    assert seen[0][0] == seen[1][0] == 3
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))
    assert np.max(np.abs(seen[0][1] - moved)) < 1e-9
    assert np.max(np.abs(moved - begin)) > 0.02


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_size_of_a_call_changes_no_bit_of_a_training(objective, monkeypatch):
    data, options = units(150, 30), TrainingOptions(batch=20, objective=objective, samples=2, warm_up=3)
    seen = []
    for room in (1, 2**22):
        monkeypatch.setattr("statfe.learned.vae.training.ROOM", room)
        seen.append(fit_vae(data, VaeShape(30, 2, (9,), (9,)), epochs=2, options=options))
    assert np.array_equal(seen[0].vae.parameters, seen[1].vae.parameters)
    assert all(np.array_equal(seen[0].history[name], values, equal_nan=True)
               for name, values in seen[1].history.items())


def test_adam_in_blocks_is_adam():
    size, rng = 3 * BLOCK + 1, np.random.default_rng(0)
    assert len(vector_blocks(size)) == 2
    gradient, begin = rng.standard_normal(size), rng.standard_normal(size)
    found = begin.copy()
    adam = Adam(size, crew=Crew(2))
    first, second = np.zeros(size), np.zeros(size)
    for k in (1, 2):
        square = adam.step(found, gradient, 0.01)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        begin -= 0.01 * (first / (1 - 0.9**k)) / (np.sqrt(second / (1 - 0.999**k)) + 1e-8)
    assert np.max(np.abs(found - begin)) < 1e-12
    assert square == pytest.approx(gradient @ gradient)


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_threads_and_a_stop_change_no_bit_of_an_autoencoder(objective):
    data, shape = units(260, 300), VaeShape(300, 6, (200,), (180,))
    options, seen = TrainingOptions(seed=2, objective=objective, samples=2), []
    for workers in (1, 2):
        with threads_of_products(workers):
            whole = fit_vae(data, shape, epochs=2, options=options, workers=workers)
            half = fit_vae(data, shape, epochs=1, options=options, workers=workers)
            seen += [whole, fit_vae(data, epochs=2, start=half, workers=3 - workers)]
    for other in seen[1:]:
        assert np.array_equal(other.vae.parameters, seen[0].vae.parameters)
        assert str(other.history) == str(seen[0].history)


@pytest.mark.parametrize("options", [
    {"algorithm": "cd"}, {"algorithm": "pcd", "optimiser": "adam", "decay": 1e-3}, {"algorithm": "tap"},
    {"algorithm": "pt", "levels": 2}], ids=lambda o: o["algorithm"])
def test_threads_and_a_stop_change_no_bit_of_a_machine(options, tmp_path, cut):
    data = units(200, 80)
    given = {"hidden": 70, "seed": 1, "likelihood": "none", "monitor_every": 9, **options}
    seen = []
    for workers in (1, 2):
        with threads_of_products(workers):
            seen.append(train_rbm(data, epochs=2, workers=workers, **given))
            path = tmp_path / f"{workers}.h5"
            train_rbm(data, path, epochs=1, workers=workers, **given)
            seen.append(train_rbm(data, path, epochs=2, resume=True, workers=3 - workers))
    for other in seen[1:]:
        for name, array in seen[0].state.items():
            assert np.array_equal(other.state[name], array), name


def test_threads_change_no_bit_of_wide_layers():
    p, rng, seen = Parameters(784, 500, np.float32), np.random.default_rng(0), []
    p.vector[:] = 0.1 * rng.standard_normal(len(p.vector))
    rows = units(100, 784).astype(np.float32)
    for workers in (1, 2):
        machine = Units(np.float32, 1, Crew(workers))
        with threads_of_products(workers), one_thread():
            hidden = machine.hidden(p, rows)
            shown = machine.draw(machine.visible(p, machine.draw(hidden)))
            seen.append((hidden, shown, RowMeans(shown, hidden).both, *machine.gibbs(p, hidden)))
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))
    exact = 1.0 / (1.0 + np.exp(-(rows.astype(float) @ p.W + p.b)))
    assert np.max(np.abs(seen[0][0] - exact)) < 2e-6
    assert np.max(np.abs(seen[0][2] - seen[0][1].T.astype(float) @ seen[0][0] / 100)) < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 70, 131])
def test_a_gibbs_step_is_draws_one_after_the_other(rows, dtype, cut):
    p, rng = Parameters(33, 21, dtype), np.random.default_rng(rows)
    p.vector[:] = rng.standard_normal(len(p.vector))
    hidden, machine = rng.random((rows, 21)).astype(dtype), Units(dtype, 5, Crew(2))
    blocks = even_blocks(rows, 1)
    shares = [x.copy() for x in np.array_split(machine.streams, len(blocks), axis=1)]
    for _ in range(2):
        shown, after = machine.gibbs(p, hidden)
        for block, share in zip(blocks, shares, strict=True):
            one = Units(dtype, 0)
            one.streams = share
            drawn = one.draw_visible(p, one.draw(hidden[block]))
            assert set(np.unique(drawn)) == {0.0, 1.0}
            assert np.array_equal(shown[block], drawn)
            assert np.allclose(after[block], one.hidden(p, drawn), rtol=1e-5)
        assert np.array_equal(machine.streams, np.hstack(shares))
        hidden = after


@pytest.mark.parametrize("count", [3, 1000, 70_000])
def test_arrays_begin_on_lines_of_the_cache_apart_in_their_pages(count):
    for dtype in (np.float32, np.float64):
        found = [lined_up((count, 2), dtype, place) for place in range(4)]
        assert [x.ctypes.data % PAGE for x in found] == [0, 1024, 2048, 3072]
        assert all(x.dtype == dtype and x.shape == (count, 2) and x.flags.c_contiguous and not x.any() for x in found)
    size = 2 * count
    blocks = vector_blocks(size)
    assert [b.start for b in blocks] == [0, *(b.stop for b in blocks[:-1])]
    assert blocks[-1].stop == size
    assert all(4 * b.start % LINE == 0 for b in blocks)


@pytest.mark.parametrize("count", [1, 64, 129, 2049, 5000])
def test_draws_are_those_of_the_streams(count):
    chances = np.random.default_rng(1).random(count)
    begin = streams(1, LANES, 3)
    for kernel, dtype, rounds in ((draw_double, float, -(count // -LANES)), (draw_single, np.float32,
                                                                           -(count // (-2 * LANES)))):
        state, out, p = np.ascontiguousarray(begin.T), np.empty(count, dtype), chances.astype(dtype)
        kernel(p, state, out)
        words = np.array([xoshiro_words(start, rounds) for start in begin], dtype=np.uint64).T.ravel()
        uniforms = (words >> np.uint64(12)) / 2.0**52 if dtype is float else (words.view(np.uint32) >> 9) / 2.0**23
        assert np.array_equal(out, uniforms[:count] < p)
