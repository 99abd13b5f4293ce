"""Restricted Boltzmann machines: free energies, likelihoods and means, against sums over all states."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.errors import ModelError, UsageError
from statfe.machines import exact_phase
from statfe.machines.likelihood import equilibrium_free_energy, log_likelihood
from statfe.machines.rbm import Rbm
from statfe.result import FreeEnergy
from tests.machines_for_tests import all_rows, lists, random_machine
from tests.naive import rbm as naive
from tests.retry import sequential


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (2, 5), (1, 1)])
def test_clamped_and_equilibrium_free_energies_are_sums_over_states(n_visible, n_hidden):
    machine = random_machine(n_visible, n_hidden)
    v = all_rows(n_visible)
    assert machine.clamped_free_energy(v) == pytest.approx(
        [naive.clamped(*lists(machine), row) for row in v.tolist()], abs=1e-12)
    reference = equilibrium_free_energy(machine)
    assert reference.kind == "exact"
    assert reference.beta_f == pytest.approx(-naive.log_z(*lists(machine)), abs=1e-12)
    found = log_likelihood(machine, v)
    assert np.exp(found.values).sum() == pytest.approx(1.0, abs=1e-12)
    assert found.error == 0.0


def test_energies_are_those_of_the_spin_model():
    machine = random_machine()
    model = machine.ising()
    for v in naive.states(5):
        for h in naive.states(3):
            spins = 2 * np.array([*v, *h]) - 1
            wanted = naive.energy(*lists(machine), v, h)
            assert model.energy(spins) == pytest.approx(wanted, abs=1e-12)
            assert machine.energy(np.array([v]), np.array([h])) == pytest.approx([wanted], abs=1e-12)


def test_huge_weights_do_not_overflow():
    machine = Rbm(np.zeros(2), np.zeros(2), np.full((2, 2), 5000.0))
    assert machine.clamped_free_energy([[1, 1], [0, 0]]) == pytest.approx([-20000.0, -2 * math.log(2)])
    assert log_likelihood(machine, [[1, 1]]).mean == pytest.approx(0.0, abs=1e-9)


def test_pseudo_likelihood_is_that_of_the_conditionals():
    machine, v = random_machine(scale=2.0), all_rows(5)
    assert machine.log_pseudo_likelihood(v) == pytest.approx(
        [naive.log_conditionals(*lists(machine), list(row)) for row in naive.states(5)], abs=1e-10)
    with pytest.raises(UsageError, match="binarise"):
        machine.log_pseudo_likelihood([[0.5] * 5])


def test_without_weights_the_pseudo_likelihood_is_the_likelihood():
    machine, v = random_machine(scale=0.0), all_rows(5)
    assert machine.log_pseudo_likelihood(v) == pytest.approx(log_likelihood(machine, v).values, abs=1e-12)


def test_the_reference_brings_its_error_and_its_failure():
    machine, v = random_machine(), all_rows(5)
    facts = {"model": "x", "method": "given", "beta": 1.0, "n_sites": 8}
    found = log_likelihood(machine, v, FreeEnergy(**facts, kind="upper_bound", beta_f=-7.0, beta_f_error=0.25))
    assert (found.error, found.kind) == (0.25, "upper_bound")
    assert found.mean == pytest.approx(np.mean(-7.0 - machine.clamped_free_energy(v)))
    assert found.spread == pytest.approx(np.std(machine.clamped_free_energy(v), ddof=1) / math.sqrt(32))
    failed = FreeEnergy(**facts, kind="estimate", status="diverged", message="lower it", beta_f=math.nan,
                        beta_f_error=math.nan)
    assert math.isnan(log_likelihood(machine, v, failed).mean)
    assert log_likelihood(machine, v, failed).status == "diverged"


@pytest.mark.statistical
def test_a_sampled_reference_agrees_within_its_error():
    machine = random_machine(12, 8, 0.7)

    def p_value(seed):
        exact, sampled = (log_likelihood(machine, np.ones((3, 12)), m, seed=seed) for m in (
            "exact", "ais:particles=100,sweeps=200"))
        assert sampled.error > 0.0
        return math.erfc(abs(exact.mean - sampled.mean) / sampled.error / math.sqrt(2.0))

    sequential(p_value)


@pytest.mark.parametrize("chunk", [4096, 3])
@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 4)])
def test_exact_means_are_sums_over_states(n_visible, n_hidden, chunk, monkeypatch):
    monkeypatch.setattr(exact_phase, "CHUNK", chunk)
    machine = random_machine(n_visible, n_hidden)
    found = exact_phase.exact_means(machine.visible_bias, machine.hidden_bias, machine.weights)
    visible, hidden, both = naive.means(*lists(machine))
    assert found.log_z == pytest.approx(naive.log_z(*lists(machine)), abs=1e-12)
    assert found.visible == pytest.approx(visible, abs=1e-12)
    assert found.hidden == pytest.approx(hidden, abs=1e-12)
    assert found.both == pytest.approx(np.array(both), abs=1e-12)


@pytest.mark.parametrize(("change", "words"), [
    ({"weights": np.ones((5, 2))}, "do not fit"), ({"weights": np.full((5, 3), np.nan)}, "finite"),
    ({"hidden_bias": np.ones((3, 1))}, "dimensions"),
    ({"visible_bias": np.zeros(0), "weights": np.ones((0, 3))}, "fit"),
])
def test_no_machine(change, words):
    whole = {"visible_bias": np.ones(5), "hidden_bias": np.ones(3), "weights": np.ones((5, 3))}
    with pytest.raises(ModelError, match=words):
        Rbm(**{**whole, **change})


@pytest.mark.parametrize(("data", "words"), [
    ([[0, 1, 2, 0, 0]], r"\[0, 1\]"), ([[0, 1, math.nan, 0, 0]], "NaN, first in row 0"), ([[0, 1]], "2 columns"),
    ([0, 1], "one row a sample"), (np.empty((0, 5)), "one row a sample"), ([["a"] * 5], "numbers"),
])
def test_data_that_are_none(data, words):
    with pytest.raises(UsageError, match=words):
        random_machine().clamped_free_energy(data)
