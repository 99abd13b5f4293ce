"""Trained machines scored on data: against sums over all states and integrals written out, and the files they make."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chisquare

import statfe
from statfe.datasets.make import bars_and_stripes
from statfe.errors import Interrupted, UsageError
from statfe.learned.vae.file import write_vae
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.machines.rbm import Rbm
from statfe.result import FreeEnergy
from statfe.scoring.machines.inputs import choose_points, read_machine
from statfe.scoring.machines.likelihoods import chosen_methods as rbm_methods
from statfe.scoring.machines.portrait import portrait, rbm_samples
from statfe.scoring.machines.posterior_summary import order_of, ranked, reasons, reference_summary, summaries
from statfe.scoring.machines.posteriors import Posteriors, chosen_methods
from statfe.scoring.machines.scores_file import machine_image, machine_scores_in, read_machine_scores
from tests.hdf5_rules import check_format
from tests.naive import vae as naive
from tests.retry import sequential

METHODS = ["cumulants:order=2", "laplace", "iwae:samples=8,groups=16"]


@pytest.fixture(scope="module")
def bars():
    return bars_and_stripes(3, 80, test_fraction=0.25, seed=1)


@pytest.fixture(scope="module")
def rbm(bars):
    return statfe.train_rbm(bars, hidden=4, epochs=30, batch=20, monitor_every=10, rate=0.2, seed=2)


@pytest.fixture(scope="module")
def vae(bars):
    return fit_vae(
        bars.train.astype(float), VaeShape(9, 2, (8,), (8,)), epochs=30, test=bars.test.astype(float),
        options=TrainingOptions(batch=20, rate=5e-3, seed=1))


@pytest.fixture(scope="module")
def scored(vae, bars):
    return statfe.compare(vae, data=bars, points=6, methods=METHODS, seed=5)


def log_z(machine: Rbm) -> float:
    """Over all states of both layers."""
    v, h = (np.array(list(itertools.product((0.0, 1.0), repeat=n))) for n in (machine.n_visible, machine.n_hidden))
    terms = (v @ machine.visible_bias)[:, None] + (h @ machine.hidden_bias)[None] + v @ machine.weights @ h.T
    return float(logsumexp(terms))


def test_the_log_likelihood_is_that_of_all_states(rbm, bars):
    machine = rbm.machine
    found = statfe.compare(rbm, data=bars, methods=["mean-field", "ais"], seed=3)
    known = found.machine.likelihoods
    rows = {r.method: r for r in known.table}
    v = bars.test.astype(float)
    inputs = [x @ machine.weights + machine.hidden_bias for x in v]
    clamped = np.array([
        -(x @ machine.visible_bias) - np.sum(np.log1p(np.exp(y))) for x, y in zip(v, inputs, strict=True)])
    truth = float(np.mean(-clamped)) - log_z(machine)
    assert known.reference.mean == pytest.approx(truth, abs=1e-10)
    assert known.reference.error == 0.0
    assert known.spread == pytest.approx(np.std(clamped, ddof=1) / math.sqrt(len(v)), rel=1e-12)
    assert known.pseudo_mean == pytest.approx(float(machine.log_pseudo_likelihood(v).mean()))
    assert rows["mean-field"].gap > 0.0  # an upper bound on F is one on ln p
    for r in rows.values():
        assert r.mean - truth == pytest.approx(r.gap, abs=1e-9)
    assert abs(rows["ais"].gap) < 5.0 * rows["ais"].error
    assert [r.method for r in known.table] == ["ais", "mean-field"]
    row = next(r for r in found.score_rows if r["method"] == "ais")
    assert row["log_likelihood_error"] == rows["ais"].error == row["beta_f_error"]
    assert row["points"] == len(v)


def test_which_methods_a_machine_gets():
    assert "ais" in rbm_methods([], "exact")
    assert "mbar" not in rbm_methods([], "mbar")
    assert {"all", "ais", "reverse-ais", "mbar"} <= set(rbm_methods(["all"], "exact"))
    assert rbm_methods(["tap"], "exact") == ["tap"]
    assert chosen_methods(2, ["laplace"], None) == ("quadrature", ["elbo", "laplace"])
    reference, methods = chosen_methods(8, [], None)
    assert reference.startswith("ais:")
    assert methods[0] == "elbo"
    assert "ais" in methods
    assert [order_of(m) for m in ("elbo", "cumulants", "cumulants:order=3", "cumulants:order=6,sum=pade", "iwae")] == [
        1, 4, 3, 0, 0]
    for latent, given, reference in ((5, [], "quadrature"), (2, [], "elbo"), (2, ["tap"], None),
                                     (2, ["iwae:k=3"], None)):
        with pytest.raises(UsageError):
            chosen_methods(latent, given, reference)


def test_posteriors_are_integrals_over_the_plane(scored, vae, bars):
    found = scored.machine.posteriors
    axis = np.linspace(-6.0, 6.0, 61)
    plane = list(itertools.product(axis, axis))
    exact, row = vae.vae.as_type("float64"), 2
    x = bars.test[found.rows[row]].astype(float)
    logs = [naive.log_likelihood(exact, x, z) + naive.normal(z, (0.0, 0.0), (1.0, 1.0)) for z in plane]
    assert found.reference[row].beta_f == pytest.approx(-logsumexp(logs) - 2.0 * math.log(axis[1] - axis[0]), abs=1e-7)
    assert np.all(found.gaps > 0.0)
    assert found.methods == ["elbo", *METHODS]
    assert [r["point"] for r in scored.score_rows[:6]] == found.rows.tolist()
    assert scored.score_rows[7]["gap"] == found.gaps[1]


def row_of(method: str, value: float, error: float = 0.0, **more) -> FreeEnergy:
    return FreeEnergy(
        model="vae", method=method, kind="upper_bound" if method == "elbo" else "estimate", beta=1.0, n_sites=4,
        beta_f=value, beta_f_error=error, **more)


def test_the_summary_is_what_it_says():
    lost = {"status": "not_converged", "message": "only 3.5 effective samples; raise samples"}
    table = [
        [row_of("elbo", 1.0), row_of("elbo", 3.0), row_of("elbo", 2.0)],
        [row_of("ais", 0.5, 0.3), row_of("ais", 2.5, 0.1), row_of("ais", 9.0, **lost)]]
    truth = [row_of("quadrature", 0.0), row_of("quadrature", 1.0), row_of("quadrature", 1.5)]
    found = Posteriors(
        model="vae", reference=truth, results=table, rows=np.arange(3), labels=-np.ones(3), data={}, seed=0)
    bound, ais = summaries(found)
    assert (bound.recovered, bound.median_share, bound.error) == (0.0, 0.0, pytest.approx(3.5 / 3.0))
    assert ais.recovered == pytest.approx(1.0 - (0.5 + 1.5) / (1.0 + 2.0))
    assert ais.median_share == pytest.approx((0.5 + 0.25) / 2.0)
    assert (ais.judged, ais.failed, ais.covered, ais.nearer, ais.worst) == (2, 1, 0.5, 1.0, 1.5)
    assert reasons(table[1]) == {"only … effective samples; raise samples": 1}
    assert [m.method for m in ranked(found)] == ["ais", "elbo"]
    assert reference_summary(found).mean == pytest.approx(2.5 / 3.0)


def test_a_point_has_its_numbers_whatever_the_workers_and_the_other_points(vae, bars, scored):
    found = scored.machine.posteriors
    other = statfe.compare(vae, data=bars, points=6, methods=METHODS, seed=5, workers=2).machine.posteriors
    every = statfe.compare(vae, data=bars, methods=["iwae:samples=8,groups=16"], seed=5).machine.posteriors
    values = [[r.beta_f for r in line] for line in found.results]
    assert values == [[r.beta_f for r in line] for line in other.results]
    assert len(every.rows) == len(bars.test)
    assert [every.results[1][k].beta_f for k in found.rows] == values[-1]
    assert len(set(values[-1])) == 6


def test_data_without_a_test_part_are_taken_whole_and_that_is_said(rbm, vae, tmp_path, call):
    whole = bars_and_stripes(3)
    found = statfe.compare(rbm, data=whole, methods=["tap"], seed=1).machine.likelihoods
    assert (len(found.clamped), found.data["part"]) == (len(whole.train), "training")
    assert found.clamped == pytest.approx(rbm.machine.clamped_free_energy(whole.train), rel=1e-12)
    assert call("data", "make", "bars-and-stripes", "--side", "3", "-o", str(tmp_path / "d.h5"))[0] == 0
    write_vae(tmp_path / "m.h5", vae)
    report = tmp_path / "out"
    code, out, err = call("compare", str(tmp_path / "m.h5"), "--data", str(tmp_path / "d.h5"), "--methods", "elbo",
                          "--points", "3", "--seed", "1", "-o", str(report))
    assert code in (0, 3), err
    assert "without a test part" in out
    assert "without a test part" in (report / "report.html").read_text(encoding="utf-8")


def test_data_of_another_kind_are_refused(rbm, vae, bars):
    with pytest.raises(UsageError, match="16 units"):
        statfe.compare(vae, data=bars_and_stripes(4, 20, test_fraction=0.5))
    for machine in (rbm, vae):
        for wrong in (math.nan, 1.5):
            rows = bars.test.astype(float)
            rows[1, 2] = wrong
            with pytest.raises(UsageError, match=r"\[0, 1\]|NaN"):
                statfe.compare(machine, data=rows)
        for rows in (np.zeros(9), np.zeros((0, 9)), [["a"] * 9], np.zeros((2, 3, 9))):
            with pytest.raises(UsageError):
                statfe.compare(machine, data=rows)
        with pytest.raises(UsageError, match="beta"):
            statfe.compare(machine, 1.0, data=bars)
        with pytest.raises(UsageError, match="points"):
            statfe.compare(machine, data=bars, points=0)
    with pytest.raises(UsageError, match="leave data out"):
        statfe.compare(statfe.model("ising:shape=2x2"), data=bars)
    with pytest.raises(UsageError, match="no file"):
        statfe.compare("ising:shape=2x2", data=bars)


def test_spins_are_taken_from_units(bars):
    trained = fit_vae(
        2.0 * bars.train - 1.0, VaeShape(9, 2, (4,), (4,), "spin"), epochs=1, options=TrainingOptions(batch=20))
    points = choose_points(read_machine(trained), bars, 3, 0)
    assert set(np.unique(points.values)) == {-1.0, 1.0}
    assert points.labels.tolist() == bars.test_labels[points.rows].tolist()


@pytest.mark.statistical
def test_samples_follow_the_machine():
    rng = np.random.default_rng(4)
    machine = Rbm(rng.normal(0.0, 0.5, 6), rng.normal(0.0, 0.5, 3), rng.normal(0.0, 1.2, (6, 3)))
    h = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    logs = h @ machine.hidden_bias + np.sum(np.log1p(np.exp(h @ machine.weights.T + machine.visible_bias)), axis=1)
    chances, places = np.exp(logs - logsumexp(logs)), machine.visible_means(h)

    def p_value(seed: int) -> float:
        means = rbm_samples(machine, 4000, seed, rise=60, stay=40)
        # the means of v tell which h they were made of
        seen = np.argmin(((means[:, None] - places[None]) ** 2).sum(axis=2), axis=1)
        return float(chisquare(np.bincount(seen, minlength=8), 4000 * chances).pvalue)

    sequential(p_value)


def test_the_file_keeps_everything(scored, rbm, bars, tmp_path):
    liked = statfe.compare(rbm, data=bars, methods=["mean-field"], seed=1)
    for found, groups in ((scored, {"/scores", "/reference", "/points", "/portrait/grid", "/portrait/latent"}),
                          (liked, {"/scores", "/reference", "/points", "/model", "/portrait/filters"})):
        image = machine_image(found.machine)
        path = tmp_path / "scores.h5"
        path.write_bytes(image)
        assert groups <= set(check_format(path))
        back = read_machine_scores(path)
        assert machine_image(back) == image
        for name, values in vars(found.machine.portrait).items():
            other = getattr(back.portrait, name)
            if name == "curves":
                assert {k: v.tolist() for k, v in values.items()} == {k: v.tolist() for k, v in other.items()}
            else:
                assert np.array_equal(values, other), name
    again = machine_scores_in(machine_image(scored.machine)).posteriors
    assert np.array_equal(again.errors, scored.machine.posteriors.errors)
    assert again.data == scored.machine.posteriors.data


def test_a_stop_reports_the_points_that_were_done(vae, bars, here, monkeypatch):
    seen = []
    monkeypatch.setattr(  # without figures
        "statfe.report.machines.compare.report_contents", lambda found: {"scores.h5": machine_image(found)})

    def stop(label: str, share: float) -> None:
        seen.append((label, share))
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="after 4 of 20 points; out holds"):
        statfe.compare(vae, data=bars, methods=["laplace"], seed=1, output="out", progress=stop)
    assert seen[1] == ("point 3 of 20", 0.1)
    found = read_machine_scores(here / "out" / "scores.h5").posteriors
    assert len(found.rows) == 4
    seen.clear()
    with pytest.raises(Interrupted, match="nothing was written"):
        statfe.compare(vae, data=bars, methods=["laplace"], seed=1, progress=stop)


def test_a_portrait_without_data_has_what_the_machine_alone_gives(rbm, vae):
    alone = portrait(read_machine(rbm), None, 0)
    assert alone.shape == (9,)
    assert alone.reconstructions is None
    assert np.all(np.diff(alone.filter_norms) <= 0.0)
    largest = int(np.argmax(np.linalg.norm(rbm.machine.weights, axis=0)))
    assert np.array_equal(alone.filters[0], rbm.machine.weights[:, largest])
    plane = portrait(read_machine(vae), None, 0)
    assert plane.decoded.shape == (15, 15, 9)
    z = np.array([[plane.axis[3], plane.axis[9]]])
    assert plane.decoded[3, 9] == pytest.approx(vae.vae.as_type("float64").decode(z)[0])
    assert plane.places is None
