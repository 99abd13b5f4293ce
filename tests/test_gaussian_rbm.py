"""Machines with Gaussian visible units: integrals by quadrature, sums over hidden states, draws, TAP, training."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import chi2, kstest, norm

import statfe
from statfe.errors import ModelError, UsageError
from statfe.machines import gaussian_units
from statfe.machines.gaussian_rbm import GaussianRbm
from statfe.machines.gaussian_tap import GaussianTapPoints
from statfe.machines.gaussian_units import GaussianUnits, exact_gaussian_means
from statfe.machines.likelihood import equilibrium_free_energy, log_likelihood
from statfe.machines.phases import ContrastivePhase, PersistentPhase, TemperedPhase
from statfe.machines.rbm_file import read_rbm, write_rbm
from statfe.machines.tap_monitor import tap_beta_f
from tests.hdf5_rules import check_format
from tests.machines_for_tests import all_rows, parameters, random_gaussian, slopes_of
from tests.retry import sequential


def weight(machine, *v):
    """sum_h exp(-E(v, h)), from the energy state by state."""
    rows = all_rows(machine.n_hidden)
    return float(np.exp(-machine.energy(np.tile(v, (len(rows), 1)), rows)).sum())


def hidden_law(machine):
    """All hidden states with their probabilities, from the Gaussian integral written out for each."""
    h = all_rows(machine.n_hidden)
    a, sigma, shift = machine.visible_bias, machine.sigma, h @ machine.weights.T
    log_p = h @ machine.hidden_bias + ((2 * a * shift + shift**2) / (2 * sigma**2)).sum(axis=1)
    total = np.exp(log_p).sum()
    return h, np.exp(log_p) / total, math.log(total) + np.log(math.sqrt(2 * math.pi) * sigma).sum()


def test_the_integral_over_one_unit_is_that_of_quadrature():
    machine = random_gaussian(1, 3, 1.5)
    z = quad(lambda v: weight(machine, v), -30, 30, limit=400, epsabs=0, epsrel=1e-12)[0]
    found = equilibrium_free_energy(machine)
    assert (found.kind, found.beta_f) == ("exact", pytest.approx(-math.log(z), abs=1e-11))
    at = np.array([[0.3], [-2.0]])
    assert machine.clamped_free_energy(at) == pytest.approx([-math.log(weight(machine, *row)) for row in at], abs=1e-12)
    likelihood = log_likelihood(machine, at)
    assert likelihood.values == pytest.approx([math.log(weight(machine, *row) / z) for row in at], abs=1e-11)
    assert machine.log_pseudo_likelihood(at) == pytest.approx(likelihood.values, abs=1e-11)


def test_the_integral_over_two_units_is_that_of_quadrature():
    machine = random_gaussian(2, 2, 1.0, seed=3)
    z = dblquad(lambda y, x: weight(machine, x, y), -12, 12, -12, 12, epsabs=1e-8, epsrel=1e-8)[0]
    assert equilibrium_free_energy(machine).beta_f == pytest.approx(-math.log(z), abs=1e-7)


def test_conditionals_of_the_pseudo_likelihood_are_those_of_quadrature():
    machine, v = random_gaussian(2, 3, 2.0), np.array([0.7, -1.2])
    total = 0.0
    for i in range(2):
        def slice_(x, i=i):
            return weight(machine, *np.where(np.arange(2) == i, x, v))
        total += math.log(weight(machine, *v) / quad(slice_, -40, 40, limit=400, epsabs=0, epsrel=1e-12)[0])
    assert machine.log_pseudo_likelihood(v[None]) == pytest.approx([total], abs=1e-10)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(4, 3), (2, 5), (3, 1)])
def test_the_spin_model_has_the_energies_of_the_hidden_units(n_visible, n_hidden):
    machine = random_gaussian(n_visible, n_hidden)
    model = machine.ising()
    h, p, log_z = hidden_law(machine)
    assert model.n_sites == n_hidden
    assert model.energy(2 * h - 1) == pytest.approx(-np.log(p) - log_z, abs=1e-11)
    assert equilibrium_free_energy(machine).beta_f == pytest.approx(-log_z, abs=1e-11)
    found = statfe.free_energy(model, 1.0, "tap")
    assert found.kind == "uncontrolled" or n_hidden == 1


@pytest.mark.parametrize("chunk", [4096, 3])
def test_exact_means_are_those_of_the_hidden_law(chunk, monkeypatch):
    monkeypatch.setattr(gaussian_units, "CHUNK", chunk)
    machine = random_gaussian(4, 3)
    h, p, log_z = hidden_law(machine)
    x = parameters(machine)
    found = exact_gaussian_means(x.a, x.b, x.W)
    v = machine.visible_bias + h @ machine.weights.T
    assert found.log_z + np.log(machine.sigma).sum() == pytest.approx(log_z, abs=1e-12)
    assert found.hidden == pytest.approx(p @ h, abs=1e-12)
    assert found.visible * machine.sigma == pytest.approx(p @ v, abs=1e-12)
    assert np.allclose(found.both * machine.sigma[:, None], (v * p[:, None]).T @ h, rtol=0, atol=1e-12)


def test_means_given_the_other_layer():
    machine = random_gaussian(3, 2)
    v, h = np.array([[0.1, -0.4, 2.0]]), np.array([[1.0, 0.0]])
    on, off = (machine.energy(v, np.array([[k, 0.0]])) for k in (1.0, 0.0))
    assert machine.hidden_means(v)[0, 0] == pytest.approx(1 / (1 + np.exp(on - off))[0], abs=1e-12)
    slope = slopes_of(lambda: float(machine.energy(x, h)[0]), (x := machine.visible_means(h))[0])
    assert slope == pytest.approx(np.zeros(3), abs=1e-8)


@pytest.mark.statistical
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_are_normal(dtype):
    def p_value(seed):
        units = GaussianUnits(dtype, seed)
        inputs, bias = np.ones((4000, 3), dtype), np.array([0.0, 1.0, -2.0], dtype)
        drawn = units.draw_visible(inputs, bias, np.full(4000, 0.5, dtype)).astype(float) - bias - 0.5
        flat = drawn.ravel()
        lag = abs(float(np.mean(flat[64:] * flat[:-64]))) * math.sqrt(len(flat))
        return min(kstest(flat, norm.cdf).pvalue, chi2.sf(np.sum(flat**2), len(flat)), 2 * norm.sf(lag)) * 3

    sequential(p_value)


PHASES = {
    "cd of many steps": lambda units: ContrastivePhase(units, 30),
    "pcd": lambda units: PersistentPhase(units, 1, np.zeros((64, 3), units.dtype)),
    "pt": lambda units: TemperedPhase(units, 1, np.zeros((64, 3), units.dtype), 4, np.full(3, 0.3)),
}


@pytest.mark.statistical
@pytest.mark.parametrize("name", PHASES)
def test_chains_have_the_means_of_the_machine(name):
    p = parameters(random_gaussian(3, 3, 0.8))
    exact = exact_gaussian_means(p.a, p.b, p.W)
    wanted = np.concatenate([exact.visible, exact.hidden, exact.both.ravel()])

    def p_value(seed):
        phase, hidden = PHASES[name](GaussianUnits(np.float64, seed)), np.full((64, 3), 0.5)
        for _ in range(20):
            phase.means(p, hidden)
        rows = [phase.means(p, hidden) for _ in range(400)]
        seen = np.array([np.concatenate([m.visible, m.hidden, m.both.ravel()]) for m in rows])
        blocks = seen.reshape(20, -1, seen.shape[1]).mean(axis=1)
        z = (blocks.mean(axis=0) - wanted) / (blocks.std(axis=0, ddof=1) / math.sqrt(20))
        return min(1.0, len(z) * math.erfc(float(np.max(np.abs(z))) / 1.2 / math.sqrt(2.0)))

    sequential(p_value)


def tap_points(scale=0.3):
    p = parameters(random_gaussian(6, 4, scale))
    points = GaussianTapPoints(p, np.zeros((1, 6)))
    assert points.iterate(p, 500) < 1e-13
    return points, p


def test_tap_is_that_of_the_hidden_spin_model():
    machine = random_gaussian(6, 4, 0.3)
    found = statfe.free_energy(machine.ising(), 1.0, "tap")
    points, p = tap_points()
    assert points.gamma(p)[0] - np.log(machine.sigma).sum() == pytest.approx(found.beta_f, abs=1e-9)
    rows = np.random.default_rng(1).normal(size=(12, 6))
    assert tap_beta_f(machine, rows) == pytest.approx(found.beta_f, abs=1e-6)
    assert found.beta_f == pytest.approx(equilibrium_free_energy(machine).beta_f, abs=0.05)


def test_the_tap_gradient_is_that_of_gamma():
    points, p = tap_points()
    found = np.concatenate([x.ravel() for x in points.gradient(p)])

    def gamma():
        points.iterate(p, 200)
        # a enters E as u.a alone in the gradients: |a|^2 / 2 of (1) cancels between the phases
        return points.gamma(p)[0] - 0.5 * float(p.a @ p.a)

    assert found == pytest.approx(-slopes_of(gamma, p.vector), abs=1e-8)


def test_the_file_keeps_the_machine_and_its_spin_model(tmp_path):
    machine, path = random_gaussian(4, 3), tmp_path / "m.h5"
    write_rbm(path, machine)
    check_format(path)
    back = read_rbm(path)
    assert isinstance(back, GaussianRbm)
    assert np.array_equal(back.sigma, machine.sigma)
    found = statfe.free_energy(f"file:{path}", 1.0, "exact")
    assert found.beta_f == pytest.approx(-hidden_law(machine)[2], abs=1e-11)


def test_the_family_integrates_its_units_out():
    model = statfe.model("rbm:visible=6,hidden=4,seed=1,units=gaussian,visible_bias=0.5")
    W = statfe.model("rbm:visible=6,hidden=4,seed=1").couplings.reshape(6, 4) * 4
    machine = GaussianRbm(np.full(6, 0.5), np.zeros(4), W, sigma=np.ones(6))
    assert statfe.free_energy(model, 1.0, "exact").beta_f == pytest.approx(-hidden_law(machine)[2], abs=1e-11)


def test_the_command_takes_grey_data_to_a_machine_and_its_free_energy(here, call):
    pixels = np.random.default_rng(1).integers(0, 256, (60, 3, 3), np.uint8)
    pixels[:, 0, 0] = 0
    (here / "x.idx").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *pixels.shape) + pixels.tobytes())
    assert call("data", "import", "idx", "x.idx", "--binarise", "grey", "-o", "d.h5", "--seed", "1")[0] == 0
    data = statfe.load("d.h5")
    assert "as it is" in data.rule
    assert np.isin(np.round(data.train * 255), pixels.reshape(60, 9)).all()
    words = ("train", "rbm", "d.h5", "--hidden", "3", "--batch", "12", "--epochs", "2", "--seed", "1", "--stream")
    assert call(*words, "--visible", "gaussian", "--noise", "0.8", "--rate", "0.01", "-o", "m.h5")[0] == 0
    code, out, _ = call("train", "rbm", "d.h5", "--resume", "--epochs", "3", "-o", "m.h5")
    assert code == 0
    assert "9 gaussian visible" in out
    assert "1 of 9 columns of the training data are constant" in out
    code, out, _ = call("free-energy", "file:m.h5", "--beta", "1", "--method", "exact", "--json")
    found = statfe.load("m.h5")
    assert json.loads(out)[0]["beta_f"] == pytest.approx(found.record[-1]["beta_f"], abs=1e-10)
    assert found.machine.sigma[1:] == pytest.approx(0.8 * data.train.std(axis=0)[1:], rel=1e-5)
    code, _, err = call(*words, "--algorithm", "ratio", "-o", "n.h5")
    assert (code, "binarise" in err) == (2, True)
    assert not (here / "n.h5").exists()


@pytest.mark.parametrize("sigma", [np.zeros(2), np.ones(3), np.array([1.0, -1.0]), np.array([1.0, np.nan])])
def test_no_machine(sigma):
    with pytest.raises(ModelError):
        GaussianRbm(np.zeros(2), np.zeros(1), np.ones((2, 1)), sigma=sigma)


@pytest.mark.parametrize(("data", "words"), [
    ([[0.0, math.nan]], "NaN"), ([[0.0, math.inf]], "infinite"), ([[0.0]], "1 columns")])
def test_data_that_are_none(data, words):
    with pytest.raises(UsageError, match=words):
        random_gaussian().clamped_free_energy(data)
