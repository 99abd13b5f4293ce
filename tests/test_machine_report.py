"""Reports and commands of trained machines: files, figures, exit codes, one line of error and nothing written."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import statfe
from statfe.report.machines.image_figures import is_image, sheet
from statfe.report.machines.posterior_figures import groups
from statfe.report.machines.training_figure import draw_training, panels
from statfe.scoring.machines.portrait import Portrait

BOTH = {"report.html", "scores.csv", "scores.json", "scores.h5", "training.svg", "samples.svg", "reconstructions.svg"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with data and a machine of each kind, trained on them."""
    folder = tmp_path_factory.mktemp("models")
    statfe.make_data("bars-and-stripes", folder / "bars.h5", side=3, samples=60, test_fraction=0.3, seed=1)
    statfe.train_rbm(folder / "bars.h5", folder / "rbm.h5", hidden=4, epochs=4, batch=20, seed=1)
    statfe.train_vae(folder / "bars.h5", folder / "vae.h5", hidden=(6,), epochs=4, seed=1,
                     options=statfe.learned.vae.training.TrainingOptions(batch=20))
    return folder


@pytest.fixture
def room(models, monkeypatch):
    monkeypatch.chdir(models)
    return models


class Page(HTMLParser):
    """Figures, scripts and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.labels: list[str] = []
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "svg":
            self.labels.append(given.get("aria-label", ""))
        if tag in ("script", "link") or str(given.get("src", "")).startswith("http"):
            self.bad.append(tag)


def test_a_restricted_boltzmann_machine(room, call, tmp_path):
    out = tmp_path / "out"
    code, text, err = call("compare", "rbm.h5", "--data", "bars.h5", "--methods", "mean-field", "bethe", "-o", str(out))
    assert (code, err) == (0, "")
    assert "mean-field" in text
    assert "<ln p> by exact" in text
    names = {p.name for p in out.iterdir()}
    assert names == BOTH | {"log-likelihood.svg", "pareto.svg", "filters.svg"}
    page = (out / "report.html").read_text("utf-8")
    found = Page(page)
    assert len(found.labels) == 6
    assert all(found.labels)
    assert not found.bad
    assert "Log-likelihood of the data" in page
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert [r["method"] for r in rows] == ["mean-field", "bethe"]
    assert json.loads((out / "scores.json").read_text())["likelihoods"]["points"] == 18
    assert len(statfe.load(out / "scores.h5")) == 1
    command = re.search(r"<code>(.*)</code>", page)[1]
    assert command.startswith("statfe compare rbm.h5 --data bars.h5 --methods mean-field bethe --seed ")


def test_a_variational_autoencoder(room, call, tmp_path):
    out = tmp_path / "out"
    words = ("compare", "vae.h5", "--data", "bars.h5", "--methods", "cumulants:order=2", "cumulants:order=3", "laplace")
    code, text, _ = call(*words, "--points", "9", "--seed", "4", "-o", str(out))
    assert code == 0
    assert "9 points" in text
    assert {p.name for p in out.iterdir()} == BOTH | {
        "shares.svg", "gap-error.svg", "divergence.svg", "latent-map.svg", "latent-grid.svg"}
    page = (out / "report.html").read_text("utf-8")
    assert len(Page(page).labels) == 8
    assert "nan" not in re.sub(r"<[^>]*>", "", page).lower().split()
    found = statfe.load(out / "scores.h5").posteriors
    code, text, _ = call(*words, "--points", "9", "--seed", "4", "--json")
    rows = json.loads(text)
    assert len(rows) == 4 * 9
    assert rows[9]["method"] == "cumulants:order=2"
    assert rows[9]["beta_f"] == found.results[1][0].beta_f
    assert {"point", "label", "gap", "verdict", "sigmas"} <= set(rows[0])
    again = tmp_path / "again"
    assert call("report", str(out / "scores.h5"), "-o", str(again))[0] == 0
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in out.iterdir()}
    code, text, _ = call("compare", "vae.h5", "--data", "bars.h5", "--methods", "importance-sampling:samples=2",
                         "--points", "2", "--json")
    assert code == 3
    assert json.loads(text)[-1]["verdict"].startswith("no result")


def test_a_machine_is_drawn_and_inspected(room, call, tmp_path):
    code, _, _ = call("report", "vae.h5", "--data", "bars.h5", "-o", str(tmp_path / "a"))
    assert code == 0
    assert (tmp_path / "a" / "latent-map.svg").exists()
    code, text, _ = call("report", "rbm.h5", "-o", str(tmp_path / "b"), "--json")
    assert code == 0
    assert set(json.loads(text)) == {"report.html", "training.svg", "samples.svg", "filters.svg"}
    code, text, _ = call("inspect", "vae.h5")
    assert code == 0
    assert "latent units: 2" in text
    assert "encoder: 9 - 6 - 4" in text
    code, text, _ = call("inspect", "rbm.h5", "--json")
    assert json.loads(text)["machine"]["hidden units"] == 4
    code, text, _ = call("inspect", "bars.h5", "--json")
    assert "machine" not in json.loads(text)


@pytest.mark.parametrize(("words", "says"), [
    (("rbm.h5", "--data", "none.h5"), "none.h5"),
    (("rbm.h5", "--data", "vae.h5"), "holds no data"),
    (("bars.h5", "--data", "bars.h5"), "no trained machine"),
    (("ising:shape=2x2", "--data", "bars.h5"), "leave --data out"),
    (("rbm.h5",), "give --data"),
    (("vae.h5",), "give --data"),
    (("vae.h5", "--points", "3"), "--data"),
    (("vae.h5", "--data", "bars.h5", "--beta", "1"), "beta"),
    (("vae.h5", "--data", "bars.h5", "--methods", "tap"), "method of a posterior"),
    (("vae.h5", "--data", "bars.h5", "--reference", "laplace"), "no reference"),
    (("rbm.h5", "--data", "bars.h5", "--methods", "elbo"), "unknown method"),
])
def test_bad_input_is_one_line_and_writes_nothing(room, call, words, says):
    code, out, err = call("compare", *words, "-o", "nowhere")
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
    assert not Path("nowhere").exists()


def test_output_is_not_replaced_unasked(room, call, tmp_path):
    words = ("compare", "rbm.h5", "--data", "bars.h5", "--methods", "mean-field", "-o", str(tmp_path))
    (tmp_path / "scores.csv").write_text("mine")
    code, _, err = call(*words)
    assert code == 2
    assert "--force" in err
    assert (tmp_path / "scores.csv").read_text() == "mine"
    assert call("report", "rbm.h5", "-o", str(tmp_path), "--data", "none.h5")[0] == 2
    assert call("report", str(room / "bars.h5"), "-o", str(tmp_path), "--seed", "1")[0] == 2


def test_a_sheet_keeps_every_image_in_its_place():
    rows = np.arange(5 * 6, dtype=float).reshape(5, 6)
    found = sheet(rows, (2, 3), across=3)
    assert found.shape == (2 * 2 + 1, 3 * 3 + 2)
    assert np.array_equal(found[:2, 4:7], rows[1].reshape(2, 3))
    assert np.array_equal(found[3:, :3], rows[3].reshape(2, 3))
    assert np.isnan(found[2]).all()
    assert np.isnan(found[3:, 8:]).all()
    assert sheet(rows, (1, 2, 3)).shape == (2, 5 * 3 + 4)
    assert is_image((2, 3))
    assert not is_image((6,))
    assert not is_image((1, 6))


def test_every_column_of_a_record_has_a_panel():
    looks = np.arange(3.0)
    names = ("epoch", "log_likelihood", "log_likelihood_error", "pseudo_likelihood", "tap_log_likelihood",
             "something_new", "beta_f", "beta_f_error")
    found = Portrait(kind="rbm", spec="rbm", shape=(4,), curves=dict.fromkeys(names, looks) | {
        "empty": np.full(3, np.nan)})
    assert panels(found) == {
        "log-likelihood (nats)": ["log_likelihood", "tap_log_likelihood"],
        "log pseudo-likelihood (nats)": ["pseudo_likelihood"], "something new": ["something_new"]}
    assert len([a for a in draw_training(found).axes if a.axison]) == 3


def test_groups_of_gaps_are_even_and_ordered():
    gaps = np.random.default_rng(0).permutation(np.arange(43.0))
    good = gaps > 2.0
    parts = groups(gaps, good)
    assert [len(p) for p in parts] == [5] * 8
    assert np.array_equal(gaps[np.concatenate(parts)], np.arange(3.0, 43.0))
    assert groups(gaps[:4], good[:4]) == []
