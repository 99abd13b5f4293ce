"""Gradients of restricted Boltzmann machines, exact, centred and of TAP, against finite differences and sums."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.machines.course import Course
from statfe.machines.gibbs import Parameters
from statfe.machines.likelihood import equilibrium_free_energy
from statfe.machines.phases import Means, RowMeans
from statfe.machines.settings import Settings
from statfe.machines.slopes import Slopes
from statfe.machines.tap_points import TapPoints
from tests.machines_for_tests import parameters, random_machine, slopes_of
from tests.naive import rbm as naive


def exact_course(**options) -> tuple[Course, np.ndarray]:
    rng = np.random.default_rng(5)
    data = (rng.random((12, 5)) < 0.4).astype(np.int8)
    settings = Settings(hidden=3, algorithm="exact", batch=12, precision="double", **options).checked(*data.shape)
    course = Course(data, settings, seed=3)
    p = course.parameters
    p.vector[:] = rng.normal(size=len(p.vector))
    return course, data.astype(float)


def mean_log_likelihood(course, data):
    p = course.parameters
    return np.mean(-np.array([naive.clamped(p.a.tolist(), p.b.tolist(), p.W.tolist(), row) for row in data.tolist()])
                   ) - naive.log_z(p.a.tolist(), p.b.tolist(), p.W.tolist())


def test_the_exact_gradient_is_that_of_finite_differences():
    course, data = exact_course(centred=False)
    course.fill_gradient(data, course.units.hidden(course.parameters, data))
    slopes = slopes_of(lambda: mean_log_likelihood(course, data), course.parameters.vector)
    assert course.gradient.vector == pytest.approx(slopes, abs=1e-8)


def test_weight_decay_pulls_on_the_weights_alone():
    plain, data = exact_course(centred=False)
    pulled, _ = exact_course(centred=False, decay=0.1)
    for course in (plain, pulled):
        course.fill_gradient(data, course.units.hidden(course.parameters, data))
    wanted = plain.gradient.W - 0.1 * plain.parameters.W
    assert np.allclose(pulled.gradient.W, wanted, rtol=0.0, atol=1e-14)
    assert np.array_equal(pulled.gradient.a, plain.gradient.a)


def test_the_centred_gradient_is_that_of_centred_units():
    course, data = exact_course(centred=True)
    course.centre_hidden[:] = [0.2, 0.9, 0.4]
    hidden = course.units.hidden(course.parameters, data)
    course.fill_gradient(data, hidden)
    p = course.parameters
    model = naive.means(p.a.tolist(), p.b.tolist(), p.W.tolist())
    a, b, W = naive.centred_gradient(
        data.tolist(), hidden.tolist(), model, course.centre_visible.tolist(), [0.2, 0.9, 0.4])
    assert course.gradient.a == pytest.approx(a, abs=1e-12)
    assert course.gradient.b == pytest.approx(b, abs=1e-12)
    assert np.allclose(course.gradient.W, W, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("side", ["rows", "means", "nothing"])
@pytest.mark.parametrize("blocks", [[slice(0, 5)], [slice(0, 3), slice(3, 5)]])
def test_slopes_of_rows_in_one_product_are_the_centred_differences(side, blocks):
    rng = np.random.default_rng(1)
    v, h, w, g = (rng.random(shape) for shape in ((7, 5), (7, 3), (4, 5), (4, 3)))
    mu, lam, machine = rng.random(5), rng.random(3), RowMeans(w, g)
    means = (w.mean(axis=0), g.mean(axis=0), w.T @ g / 4)
    if side == "means":
        machine = Means(*means)
    if side == "nothing":
        means = (np.zeros(5), np.zeros(3), np.zeros((5, 3)))
        machine = Means(*means)
    data = Means(v.mean(axis=0), h.mean(axis=0), v.T @ h / 7) if side == "nothing" else RowMeans(v, h)
    slopes, more, weights = Slopes(data, machine, mu, lam), np.full(5, np.nan), np.full((5, 3), np.nan)
    for block in blocks:
        slopes.fill(block, more[block], weights[block])
    wanted = naive.centred_gradient(
        v.tolist(), h.tolist(), [x.tolist() for x in means], mu.tolist(), lam.tolist())
    assert np.allclose(weights, wanted[2], rtol=0.0, atol=1e-14)
    assert np.allclose(more - weights @ lam, wanted[0], rtol=0.0, atol=1e-14)
    assert np.allclose(slopes.more_hidden - mu @ weights, wanted[1], rtol=0.0, atol=1e-14)


def tap_fixed_point(machine, order=2) -> tuple[TapPoints, Parameters]:
    p = parameters(machine)
    points = TapPoints(np.full((1, machine.n_visible), 0.5), order)
    points.begin(p)
    assert points.iterate(p, 500) < 1e-13
    return points, p


@pytest.mark.parametrize("order", [2, 3])
def test_tap_is_the_plefka_expansion_of_the_spin_model(order):
    machine = random_machine(9, 7, 0.25)
    points, p = tap_fixed_point(machine, order)
    method = "tap" if order == 2 else "plefka:order=3"
    found = statfe.free_energy(machine.ising(), 1.0, method)
    assert points.gamma(p)[0] == pytest.approx(found.beta_f, abs=1e-9)


def test_each_order_of_tap_is_nearer_to_the_exact_value():
    errors = []
    for scale in (0.4, 0.2):
        machine = random_machine(9, 7, scale)
        exact = equilibrium_free_energy(machine).beta_f
        errors.append([abs(g.gamma(p)[0] - exact) for g, p in (tap_fixed_point(machine, o) for o in (2, 3))])
    assert errors[1][0] < errors[0][0] / 5
    assert errors[1][1] < errors[0][1] / 10
    assert errors[1][1] < errors[1][0]


@pytest.mark.parametrize("order", [2, 3])
def test_the_tap_gradient_is_that_of_gamma(order):
    machine = random_machine(4, 3, 0.4)
    points, p = tap_fixed_point(machine, order)
    found = np.concatenate([x.ravel() for x in points.gradient(p)])

    def gamma():
        points.iterate(p, 200)  # the fixed point moves along: its own slope is 0
        return points.gamma(p)[0]

    assert found == pytest.approx(-slopes_of(gamma, p.vector), abs=1e-8)
