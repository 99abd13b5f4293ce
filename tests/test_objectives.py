"""Ratio and score matching: values from their definitions, slopes by differences, lowest at what made the data."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.errors import UsageError
from statfe.machines.course import Course
from statfe.machines.objectives import RatioMatching, ScoreMatching
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.machines.train import train_rbm
from tests.machines_for_tests import all_rows, lists, parameters, random_gaussian, random_machine, slopes_of
from tests.naive import rbm as naive


def ratio_by_states(machine, rows):
    """Mean of sum_i (1 - p(v_i | others))^2, each p from two clamped free energies."""
    total = 0.0
    for v in rows.astype(int).tolist():
        for i in range(len(v)):
            other = [*v[:i], 1 - v[i], *v[i + 1:]]
            p, q = (np.exp(-naive.clamped(*lists(machine), x)) for x in (v, other))
            total += (q / (p + q)) ** 2
    return total / len(rows)


def score_by_differences(machine, rows, step=1e-3):
    """Mean of sum_i psi_i^2 / 2 + d psi_i / du_i from differences of F_c in units of sigma; (machine, u)."""
    def log_p(u):
        return -machine.clamped_free_energy(u * machine.sigma)

    total, here = np.zeros(len(rows)), log_p(rows)
    for shift in np.eye(rows.shape[1]) * step:
        # five points each, exact to the fourth order
        far, near, back, rear = (log_p(rows + k * shift) for k in (2, 1, -1, -2))
        psi = (8 * (near - back) - (far - rear)) / (12 * step)
        bend = (16 * (near + back) - (far + rear) - 30 * here) / (12 * step**2)
        total += 0.5 * psi**2 + bend
    return float(total.mean())


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_ratio_matching_is_what_it_says(scale):
    machine, rows = random_machine(scale=scale), all_rows(5)[::3]
    found = RatioMatching().descent(parameters(machine), rows).value
    assert found == pytest.approx(ratio_by_states(machine, rows), rel=1e-10)


def test_score_matching_is_what_it_says():
    machine, rows = random_gaussian(3, 4), np.random.default_rng(2).normal(size=(7, 3))
    found = ScoreMatching().descent(parameters(machine), rows).value
    assert found == pytest.approx(score_by_differences(machine, rows), abs=1e-7)


@pytest.mark.parametrize("kind", ["ratio", "score"])
def test_slopes_are_those_of_finite_differences(kind):
    objective, machine = (RatioMatching(), random_machine()) if kind == "ratio" else (
        ScoreMatching(), random_gaussian(5, 3))
    rows = all_rows(5)[::4] if kind == "ratio" else np.random.default_rng(2).normal(size=(9, 5))
    p = parameters(machine)
    found = np.concatenate([x.ravel() for x in objective.descent(p, rows).slopes])
    wanted = slopes_of(lambda: objective.descent(p, rows).value, p.vector)
    assert np.max(np.abs(found + wanted)) < 1e-6 * np.max(np.abs(wanted))


def test_many_hidden_units_and_weights_at_the_edge():
    rng = np.random.default_rng(1)
    machine = Rbm(rng.normal(size=4), rng.normal(size=131), np.where(rng.random((4, 131)) < 0.5, -100.0, 100.0))
    rows = all_rows(4)
    conditionals = machine.log_pseudo_likelihood(rows)
    plain = Rbm(machine.visible_bias, machine.hidden_bias, machine.weights * 7.5)  # beyond what the kernel takes
    assert np.isfinite(plain.log_pseudo_likelihood(rows)).all()
    inputs = rows @ machine.weights + machine.hidden_bias
    total = np.zeros(len(rows))
    for i in range(4):
        flip = (1 - 2 * rows[:, i])
        turned = np.logaddexp(0, inputs + flip[:, None] * machine.weights[i]).sum(axis=1)
        total -= np.logaddexp(0, flip * machine.visible_bias[i] + turned - np.logaddexp(0, inputs).sum(axis=1))
    assert conditionals == pytest.approx(total, rel=1e-10, abs=1e-10)
    assert np.isfinite(RatioMatching().descent(parameters(machine), rows).value)


def repeated(machine, count):
    """Rows of 0 and 1 in the proportions of the machine, to 1 / count."""
    rows = all_rows(machine.n_visible)
    p = np.exp(-machine.clamped_free_energy(rows))
    return np.repeat(rows, np.round(count * p / p.sum()).astype(int), axis=0)


def test_ratio_matching_is_lowest_at_the_machine_that_made_the_data():
    machine, rng = random_machine(3, 2), np.random.default_rng(4)
    data, p = repeated(machine, 300_000), parameters(random_machine(3, 2))
    at = RatioMatching().descent(p, data)
    assert np.max(np.abs(np.concatenate([x.ravel() for x in at.slopes]))) < 1e-5
    home = p.vector.copy()
    for _ in range(5):
        p.vector[:] = home + 0.3 * rng.normal(size=len(home))
        assert RatioMatching().descent(p, data).value > at.value


def test_score_matching_is_lowest_at_the_machine_that_made_the_data():
    machine, rng = random_gaussian(2, 2), np.random.default_rng(4)
    nodes, weights = np.polynomial.hermite.hermgauss(24)
    p = parameters(machine)
    # u is a mixture of normal laws of variance 1: Gauss-Hermite nodes and weights of each component
    h = all_rows(2)
    law = np.exp(-machine.ising().energy(2 * h - 1))
    law /= law.sum()
    x, y = (axis.ravel() * np.sqrt(2) for axis in np.meshgrid(nodes, nodes))
    share = np.outer(weights, weights).ravel() / np.pi

    def mean(kind):
        """Mean over the data of the value, or of the slopes; one row of the quadrature at a time."""
        total = 0.0
        for state, chance in zip(h, law, strict=True):
            rows = p_home.a + state @ p_home.W.T + np.stack([x, y], axis=1)
            for row, part in zip(rows, share, strict=True):
                found = ScoreMatching().descent(p, row[None])
                total = total + chance * part * (
                    found.value if kind == "value" else np.concatenate([s.ravel() for s in found.slopes]))
        return total

    p_home = parameters(machine)
    assert np.max(np.abs(mean("slopes"))) < 1e-6
    best, home = mean("value"), p.vector.copy()
    for _ in range(2):
        p.vector[:] = home + 0.3 * rng.normal(size=len(home))
        assert mean("value") > best


@pytest.mark.parametrize("centred", [True, False])
def test_a_training_goes_down_the_objective(centred):
    rng = np.random.default_rng(1)
    data = (rng.random((40, 5)) < 0.3).astype(np.int8)
    settings = Settings(hidden=3, algorithm="ratio", batch=40, precision="double", centred=centred, momentum=0.0,
                        rate=1e-3, scale=0.5).checked(*data.shape)
    course = Course(data, settings, seed=3)
    x = course.in_units(data)
    before, start = RatioMatching().descent(course.parameters, x), course.parameters.vector.copy()
    course.step(x, 1e-3)
    moved = (course.parameters.vector - start) / 1e-3
    slopes = np.concatenate([s.ravel() for s in before.slopes])
    if centred:
        assert moved @ slopes > 0.0  # centred coordinates: another metric, the same way down
    else:
        assert moved == pytest.approx(slopes, abs=1e-12)
    assert RatioMatching().descent(course.parameters, x).value < before.value


@pytest.mark.parametrize(("data", "options", "words"), [
    (np.full((6, 3), 0.5), {"algorithm": "ratio"}, "binarise"),
    (np.eye(3), {"algorithm": "score"}, "take ratio"),
    (np.eye(3), {"algorithm": "ratio", "visible": "gaussian"}, "take score"),
    (np.eye(3), {"algorithm": "tap", "visible": "gaussian", "order": 3}, "order 2"),
    (np.eye(30), {"algorithm": "exact", "visible": "gaussian", "hidden": 25}, "hidden layer"),
])
def test_objectives_that_do_not_go_with_the_units(data, options, words):
    with pytest.raises(UsageError, match=words):
        train_rbm(data, **{"hidden": 2, "batch": 2, "seed": 1, **options})
