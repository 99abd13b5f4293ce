"""Umbrella sampling: exact profiles and totals, errors that cover, a first-order transition, the command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

import statfe
from statfe.errors import UsageError
from statfe.flat.umbrella import magnetization_windows
from statfe.flat.windows import window_biases
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import Context, run_method
from tests.hdf5_rules import check_format
from tests.models_for_tests import peaked
from tests.naive import biased as naive
from tests.naive.ising import beta_f, energies
from tests.retry import sequential


def curie_weiss_profile(n: int, beta: float, field: float, m: np.ndarray) -> np.ndarray:
    """-ln of C(n, (n + M) / 2) exp(beta ((M^2 - n) / 2n + h M))."""
    up = (n + m) / 2
    return -(gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1) + beta * ((m**2 - n) / (2 * n) + field * m))


@pytest.mark.parametrize("field", [0.0, 0.01], ids=["no field", "field"])
def test_the_profile_of_curie_weiss_is_binomial(field):
    p = statfe.free_energy_profile(f"curie-weiss:n=60,field={field}", 1.3, sweeps=2000, seed=2)
    exact = curie_weiss_profile(60, 1.3, field, p.coordinate)
    assert p.status == "converged", p.message
    assert p.coordinate.tolist() == list(range(-60, 61, 2))
    assert p.symmetric == (field == 0.0)
    inside = p.error > 0.0
    z = (p.beta_f - exact)[inside] / p.error[inside]
    assert np.max(np.abs(z)) < 4.0
    assert np.max(p.error) < 0.4
    assert abs(p.total.beta_f + logsumexp(-exact)) < 4.0 * p.total.beta_f_error
    assert logsumexp(-p.beta_f) == pytest.approx(-p.total.beta_f, abs=1e-9)
    # Two wells where there is no field.
    if not field:
        assert p.barrier == pytest.approx(exact[30] - exact.min(), abs=0.4)
        assert p.beta_f == pytest.approx(p.beta_f[::-1], abs=1e-12)
        assert p.beta_f[-1] == pytest.approx(exact[-1], abs=1e-9)


def test_the_profile_of_4x4_is_that_of_enumeration():
    m, exact = naive.profile(build_model("ising:shape=4x4"), 0.5)
    p = statfe.free_energy_profile("ising:shape=4x4", 0.5, sweeps=3000, seed=1)
    assert p.coordinate.tolist() == m.tolist()
    assert np.all(np.abs(p.beta_f - exact) < 4.0 * p.error + 1e-9)
    assert np.max(p.error) < 0.1


@pytest.mark.parametrize("windows", [1, 3])
def test_a_profile_along_the_energy(windows):
    model = peaked(7)
    p = statfe.free_energy_profile(model, 0.8, "energy", sweeps=2000, seed=1, windows=windows)
    e = energies(model)
    edges = p.coordinate[:, None] + np.array([-0.5, 0.5]) * p.bin_width
    exact = np.array([-logsumexp(-0.8 * e[(e >= a) & (e < b)]) for a, b in edges])
    assert p.status == "converged", p.message
    assert np.all(np.abs(p.beta_f - exact) < 4.5 * p.error)
    assert abs(p.total.beta_f - beta_f(model, 0.8)) < 4.0 * p.total.beta_f_error


@pytest.mark.parametrize("along", ["magnetization", "energy"])
@pytest.mark.parametrize(("spec", "beta", "exact"), [
    ("ising:shape=8x8", 0.6, "kaufman"), ("ea:shape=5x5,couplings=gaussian,seed=1", 1.0, "exact"),
    ("hopfield:n=14,patterns=3,seed=2", 1.5, "exact"), ("rbm:visible=8,hidden=6,seed=1", 1.0, "exact")])
def test_free_energies_are_right(spec, beta, exact, along):
    truth = statfe.free_energy(spec, beta, exact)
    found = statfe.free_energy(spec, beta, "umbrella", along=along, sweeps=1500, windows=4, seed=3)
    assert found.status == "converged", found.message
    assert abs(found.beta_f - truth.beta_f) < 4.0 * found.beta_f_error
    assert found.beta_f_error < 0.5


def hub(leaves: int, against: float) -> IsingModel:
    """A hub in a field `against` it and leaves in a field that is as strong as their bond to it.

    ln Z = ln sum_s exp(-s beta against) (2 cosh beta (1 + s))^leaves. Cold, all leaves point up with the hub; hot, the
    hub points down and leaves feel nothing. Between them M must pass `against`, where the hub is free to turn.
    """
    return IsingModel.from_edges(
        leaves + 1, [0] * leaves, list(range(1, leaves + 1)), [1.0] * leaves, [-against] + [1.0] * leaves)


def test_windows_cross_a_first_order_transition_where_tempering_fails():
    model, leaves, against = hub(200, 65.0), 200, 65.0
    for beta in (0.35, 0.45):
        exact = -logsumexp([s * -beta * against + leaves * math.log(2.0 * math.cosh(beta * (1.0 + s)))
                            for s in (-1, 1)])
        assert statfe.free_energy(model, beta, "tree").beta_f == pytest.approx(exact, abs=1e-8)
        found = statfe.free_energy(model, beta, "umbrella:sweeps=1000", seed=1)
        assert found.status == "converged", found.message
        assert abs(found.beta_f - exact) < 4.0 * found.beta_f_error
        assert found.beta_f_error < 1.0
    tempering = statfe.free_energy(model, 0.45, "mbar:sweeps=1000", seed=1)
    assert tempering.status == "not_converged" or abs(tempering.beta_f - exact) > 5.0 * tempering.beta_f_error


def test_errors_cover():
    model = build_model("curie-weiss:n=9,field=0.05")
    exact = beta_f(model, 1.2)

    def p_value(look: int) -> float:
        found = [run_method(model, np.array([1.2]), "umbrella:sweeps=400", seed=100 * look + s)[0] for s in range(60)]
        z = np.array([(f.beta_f - exact) / f.beta_f_error for f in found])
        return 1.0 if 0.75 < z.std() < 1.3 and abs(z.mean()) < 0.45 else 0.0

    sequential(p_value)


def test_failures_are_said():
    found = statfe.free_energy("ising:shape=12x12", 0.8, "umbrella:sweeps=40", seed=1)
    assert found.status != "converged"
    assert "raise sweeps" in found.message
    frozen = statfe.free_energy("ea:shape=5x5x5,seed=1", 8.0, "umbrella:sweeps=50", seed=1)
    assert frozen.status != "converged"


def test_a_broken_symmetry_is_said():
    from statfe.flat.umbrella import _symmetry_problems

    run = magnetization_windows(build_model("ising:shape=4x4"), 0.3, Context(1), sweeps=500)
    assert _symmetry_problems(run) == []
    run.draws.magnetization[:] = np.abs(run.draws.magnetization)
    assert "more frequent than down" in _symmetry_problems(run)[0]


def test_windows_lie_evenly_and_are_flat_together():
    biases = window_biases(np.zeros(21), 5)
    assert biases.argmax(axis=1).tolist() == [0, 5, 10, 15, 20]
    assert window_biases(np.arange(3.0), 1).tolist() == [[0.0, 1.0, 2.0]]
    with pytest.raises(UsageError, match="windows"):
        window_biases(np.zeros(4), 0)


def test_the_same_bits_for_any_number_of_workers():
    one, two = (statfe.free_energy_profile("ising:shape=3x3,field=0.1", 0.5, sweeps=200, seed=4, workers=w)
                for w in (1, 3))
    assert np.array_equal(one.beta_f, two.beta_f)
    assert np.array_equal(one.error, two.error)


def test_the_command_and_its_file(call, here):
    words = ("profile", "ising:shape=4x4", "--beta", "0.5", "--sweeps", "400", "--seed", "7")
    code, out, err = call(*words, "-o", "p.h5", "--figure", "p.svg", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["status"] == "converged"
    assert len(answer["coordinate"]) == len(answer["beta_f"]) == 17
    assert set(check_format(here / "p.h5")) >= {"/profile"}
    assert (here / "p.svg").read_text(encoding="utf-8").lstrip().startswith("<")
    back = statfe.load("p.h5")
    assert back.beta_f.tolist() == answer["beta_f"]
    assert back.total.stats["windows"] == answer["windows"]
    assert back.command.startswith("statfe profile ising:shape=4x4 --beta 0.5")
    code, out, err = call(*words)
    assert code == 0
    assert "beta F of all states" in out
    code, _, err = call(*words, "-o", "p.h5")
    assert code == 2
    assert "exists" in err


@pytest.mark.parametrize("words", [
    ("--beta", "0.1,0.2"), ("--beta", "-1"), ("--beta", "x"), ("--beta", "1", "--replicas", "1"),
    ("--beta", "1", "--along", "overlap"), ("--beta", "1", "-o", "none/p.h5"), ("--beta", "1", "--figure", "no/p.svg")])
def test_bad_input_is_refused(call, here, words):
    code, out, _ = call("profile", "ising:shape=3x3", *words)
    assert (code, out) == (2, "")
    assert list(here.iterdir()) == []


def test_too_few_sweeps_exit_with_3(call, here):
    code, _, err = call("profile", "ising:shape=12x12", "--beta", "0.8", "--sweeps", "30", "--seed", "1", "--json")
    assert code == 3
    assert "raise sweeps" in err
