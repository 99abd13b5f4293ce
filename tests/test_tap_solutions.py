"""How many TAP solutions there are: what is counted, what is said of each, the estimate of the missed, the file."""

from __future__ import annotations

import inspect
import json

import h5py
import numpy as np
import pytest
from statfe_cli.tap_solutions import command as tap_solutions_command

import statfe
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.search.tap_solutions_result import Attractors
from tests.hdf5_rules import check_format
from tests.models_for_tests import frustrated_triangle, peaked
from tests.naive.approximate_tap_bethe import coupling_matrix, tap_beta_f, tap_means


def double_wells(count: int) -> IsingModel:
    """Pairs of strongly coupled spins without fields: each pair is up or down, so there are 2^count / 2 solutions."""
    i = np.arange(count)
    return IsingModel.from_edges(2 * count, 2 * i, 2 * i + 1, np.full(count, 3.0))


def counted(*counts: int) -> Attractors:
    k = len(counts)
    return Attractors(
        beta=1.0, beta_f=np.arange(k, dtype=float), stabilities=np.ones(k), plefka=np.zeros(k),
        counts=np.array(counts, dtype=np.int64), means=np.zeros((k, 2)), starts=sum(counts) + 2, not_converged=2)


def test_solutions_of_independent_pairs_are_all_found():
    (at,) = statfe.tap_solutions(double_wells(4), 1.0, starts=300, seed=3).at
    ordered = at.beta_f < at.beta_f[0] + 1e-6
    aligned = np.abs(np.sum(np.sign(at.means[:, ::2]), axis=1))
    full = np.all(np.abs(at.means) > 0.5, axis=1)
    assert np.sum(full) == 8
    assert sorted(aligned[full]) == [0.0] * 3 + [2.0] * 4 + [4.0]
    assert np.all(at.stabilities > 0)
    assert at.not_converged + at.counts.sum() == 300
    assert np.sum(at.basins) == pytest.approx(1.0)
    # All states of the pairs are alike: so are the basins of the solutions.
    assert np.ptp(at.counts[full]) < 6 * np.sqrt(300 / np.sum(full))
    assert np.all(at.singletons == np.sum(at.counts == 1))
    assert ordered[0]


@pytest.mark.parametrize(("model", "beta"), [
    (peaked(7, 5), 2.5), (statfe.model("sk:n=24,seed=2"), 6.0), (statfe.model("ea:shape=4x4,seed=1,field=0.3"), 1.5)])
def test_what_is_said_of_each_solution(model, beta):
    (at,) = statfe.tap_solutions(model, beta, starts=150, seed=1).at
    assert len(at.beta_f) >= 1
    assert np.all(np.diff(at.beta_f) >= 0)
    J = coupling_matrix(model)
    for value, stability, x, m in zip(at.beta_f, at.stabilities, at.plefka, at.means, strict=True):
        inside = np.clip(m, -1 + 1e-15, 1 - 1e-15)
        np.testing.assert_allclose(tap_means(model, beta, m), m, atol=1e-7)
        assert value == pytest.approx(tap_beta_f(model, beta, inside), rel=1e-9)
        v = 1 - m**2
        mixed = np.sqrt(np.outer(v, v)) * (-beta * J - 2 * beta**2 * J**2 * np.outer(m, m))
        hessian = np.diag(1 + v * (beta**2 * J**2 @ v)) + mixed
        assert stability == pytest.approx(np.linalg.eigvalsh(hessian)[0], abs=1e-6)
        assert x == pytest.approx(np.max(np.linalg.eigvalsh(beta**2 * J**2 * np.outer(v, v))), rel=1e-3, abs=1e-12)


def test_flips_count_as_one_without_fields_only():
    strong = statfe.model("ising:shape=4x4")
    assert len(statfe.tap_solutions(strong, 0.6, starts=40, seed=1).at[0].beta_f) == 1
    weak = statfe.model("ising:shape=4x4,field=0.01")
    (at,) = statfe.tap_solutions(weak, 0.6, starts=40, seed=1).at
    assert np.sign(at.means.mean(axis=1)).tolist() == [1.0, -1.0]
    flipped = statfe.model("ising:shape=4x4,field=-0.01")
    (other,) = statfe.tap_solutions(flipped, 0.6, starts=40, seed=1).at
    np.testing.assert_allclose(other.means, -at.means, atol=1e-12)


def test_the_same_bits_for_any_workers():
    model = statfe.model("sk:n=40,seed=1")
    one, two = (statfe.tap_solutions(model, "1.5,6", starts=70, seed=5, workers=w).at for w in (1, 3))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.means, b.means)
        np.testing.assert_array_equal(a.counts, b.counts)
    other = statfe.tap_solutions(model, 6.0, starts=70, seed=6).at[0]
    assert not np.array_equal(other.counts, one[1].counts) or len(other.counts) == 1


def test_the_estimate_of_what_was_missed():
    at = counted(5, 1, 1, 1, 2, 2)
    assert at.unseen_basin == pytest.approx(3 / 12)
    assert at.unseen_basin_error == pytest.approx(np.sqrt(3 * (1 - 3 / 12) + 4) / 12)
    assert at.missed == pytest.approx(3 * 2 / (2 * 3))
    np.testing.assert_allclose(at.basins, np.array([5, 1, 1, 1, 2, 2]) / 14)
    np.testing.assert_allclose(at.basin_errors**2, at.basins * (1 - at.basins) / 14)
    assert counted(7).missed == counted(7).missed_error == counted(7).unseen_basin == 0.0
    nothing = counted()
    assert np.isnan(nothing.unseen_basin)
    assert nothing.missed == 0.0


def test_good_and_chao_are_right_on_average():
    """Draws from a hundred solutions with uneven basins: the truth is known."""
    rng = np.random.default_rng(4)
    p = rng.exponential(size=100)
    p /= p.sum()
    errors, missed = [], []
    for _ in range(200):
        counts = rng.multinomial(120, p)
        at = counted(*counts[counts > 0])
        errors.append((at.unseen_basin - p[counts == 0].sum()) / at.unseen_basin_error)
        missed.append((np.sum(counts == 0), at.missed))
    assert abs(np.mean(errors)) < 0.3
    assert 0.7 < np.std(errors) < 1.4
    true, bound = np.mean(missed, axis=0)
    assert 0.4 * true < bound < 1.05 * true


def test_the_file_holds_all_of_it(tmp_path):
    path = tmp_path / "tap.h5"
    found = statfe.tap_solutions("sk:n=40,seed=1", "0.5,6", path, starts=60, seed=2)
    assert set(check_format(path)) == {"/model", "/attractors", "/searches"}
    again = statfe.load(path)
    assert again.to_dict() | {"output": None} == found.to_dict() | {"output": None}
    for a, b in zip(found.at, again.at, strict=True):
        np.testing.assert_array_equal(a.means, b.means)
    with h5py.File(path) as file:
        assert file["attractors/magnetization"].shape == (sum(len(a.beta_f) for a in found.at), 40)
        assert file["searches/beta"][()].tolist() == [0.5, 6.0]
    with pytest.raises(UsageError, match="exists"):
        statfe.tap_solutions("sk:n=40,seed=1", 1.0, path, starts=1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError):
        statfe.load(path)


def test_no_solution_is_a_file_too(tmp_path, monkeypatch):
    monkeypatch.setattr("statfe.search.tap_solutions.ITERATIONS", 1)
    found = statfe.tap_solutions(peaked(), 1.0, tmp_path / "none.h5", starts=3, seed=1)
    assert not found.converged
    assert found.at[0].not_converged == 3
    check_format(tmp_path / "none.h5")
    assert statfe.load(tmp_path / "none.h5").at[0].means.shape == (0, peaked().n_sites)


def test_bad_input():
    with pytest.raises(UsageError, match="beta >= 0"):
        statfe.tap_solutions(frustrated_triangle(), -1.0)
    with pytest.raises(UsageError, match="starts"):
        statfe.tap_solutions(frustrated_triangle(), 1.0, starts=0)


def test_command_and_function_have_the_same_options():
    options = {p.name for p in tap_solutions_command.params} - {"help", "as_json"}
    assert options == set(inspect.signature(statfe.tap_solutions).parameters) - {"progress"}


def test_the_command(call, tmp_path):
    words = ["tap-solutions", "sk:n=30,seed=1", "--beta", "0.5,8", "--starts", "30", "--seed", "4"]
    code, out, _ = call(*words, "--json")
    assert code == 0
    first = json.loads(out)
    assert [len(a["beta_f"]) == a["solutions"] for a in first["attractors"]] == [True, True]
    again = json.loads(call(*first["command"].split()[1:], "--json")[1])
    assert again["attractors"] == first["attractors"]
    text = call(*words, "-o", str(tmp_path / "t.h5"))[1]
    assert "solutions" in text
    assert "missed" in text
    assert call("tap-solutions", "sk:n=30,seed=1")[0] == 2
