"""The report of files of attractors: a section for each group, words for what is missing, all files or none."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from statfe_cli.main import main

import statfe
from statfe.attractors.basins.branches import Branches
from statfe.attractors.correlation import CorrelationSum
from statfe.attractors.found import AttractorSet, BasinSlice, Points, Saddles
from statfe.attractors.found_file import write_found
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.invariants_file import write_invariants
from statfe.attractors.measured import Measured
from statfe.attractors.rules import Rule
from statfe.attractors.spectrum import Spectrum
from statfe.attractors.trajectory_file import write_trajectories
from statfe.errors import StoreError, UsageError
from statfe.learned.vae.training import TrainingOptions
from statfe.report.attractors.analyze import analyze_attractors
from statfe.report.attractors.found_sections import continuation_section
from statfe.report.attractors.section import Value, drawn


def found_set(**changes: object) -> AttractorSet:
    """Two wells."""
    given = {
        "system": "duffing", "method": "recurrences", "kinds": ("limit cycle", "fixed point"),
        "states": np.array([[-1.0, 0.0], [1.0, 0.0]]), "coordinates": ("x", "v"),
        "free_energy": np.array([-1.5, -1.0]), "stability": np.array([-0.1, -0.3]),
        "basin_fraction": np.array([0.6, 0.3]), "basin_fraction_error": np.array([0.02, 0.01]),
        "starts": np.zeros((10, 2)), "labels": np.array([0] * 6 + [1] * 3 + [-2]), "seed": 1}
    return AttractorSet(**{**given, **changes})  # type: ignore[arg-type]


def two_rings(tmp_path, count: int = 40, samples: int = 30) -> None:
    """Trajectories on either of two circles, seen in four dimensions with noise, and the two circles as attractors."""
    rng = np.random.default_rng(3)
    side = np.where(np.arange(count) % 2 == 0, -3.0, 3.0)
    t = 0.4 * np.arange(samples) + 6.0 * rng.random((count, 1))
    states = np.stack([side[:, None] + np.cos(t), np.sin(t)], axis=2)
    seen = states @ rng.standard_normal((2, 4)) + 0.05 * rng.standard_normal((count, samples, 4))
    write_trajectories(tmp_path / "data.h5", states, step=0.4, observations=seen, coordinates=("x", "v"),
                       attributes={"noise": 0.02})
    turn = np.linspace(0.0, 6.28, 30)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    away = np.array([3.0, 0.0])
    points = Points(np.concatenate([ring - away, ring + away]), np.repeat([0, 1], 30))
    write_found(tmp_path / "found.h5", found_set(points=points, system="none"))


def test_networks_have_all_their_sections(tmp_path, capsys):
    two_rings(tmp_path)
    options = TrainingOptions(batch=40, rate=0.03, rate_decay=0.9, seed=1)
    for name, objective in (("vae", "elbo"), ("ae", "autoencoder")):
        statfe.train_vae(
            tmp_path / "data.h5", tmp_path / f"{name}.h5", latent=3, hidden=(16,), epochs=16, seed=1,
            options=TrainingOptions(**{**options.__dict__, "objective": objective}))
    words = ["attractors", "analyze", str(tmp_path / "data.h5"), str(tmp_path / "found.h5"), "--seed", "1", "--vae",
             str(tmp_path / "vae.h5"), "--autoencoder", str(tmp_path / "ae.h5"), "--against", str(tmp_path / "data.h5")]
    assert main([*words, "-o", str(tmp_path / "out"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"trajectories", "attractors", "units", "learned", "anomalies", "groups"} <= set(report)
    assert report["missing"] == ["no /invariants: run statfe attractors invariants"]
    rows = {r["points"]: r for r in report["learned"]["clouds"]}
    assert list(rows) == ["states behind the data", "data", "VAE", "autoencoder", "PCA", "VAE with noise",
                          "VAE from q(z)", "VAE from the prior"]
    for name in ("VAE", "autoencoder", "PCA"):
        assert rows[name]["error of reconstruction"]["value"] < 0.3
        assert rows[name]["density distance"]["value"] < 3.0 * rows["data"]["density distance"]["value"] + 0.1
    # nothing is stranger than itself, and a shuffle holds nothing together
    scores = {r["score"]: r for r in report["anomalies"]["detection"]}
    assert scores["VAE: negative ELBO"]["points of data.h5"]["value"] == pytest.approx(0.5, abs=0.15)
    assert scores["VAE: negative ELBO"]["columns shuffled"]["value"] > 0.7
    agreement = {r["grouped"]: r for r in report["groups"]["agreement"]}
    assert agreement["VAE"]["adjusted Rand index"]["value"] > 0.9
    assert agreement["data"]["nearest point right"]["value"] == 1.0
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    for anchor in ("units", "learned", "anomalies", "groups"):
        assert f'<section class="model" id="{anchor}"' in page
    assert page.count("<figure") == len(list((tmp_path / "out").glob("*.svg")))
    assert "http" not in page.replace("http://www.w3.org", "")
    table = list(csv.DictReader(io.StringIO((tmp_path / "out" / "analysis.csv").read_text("utf-8"))))
    assert {r["section"] for r in table} >= {"attractors", "units", "learned", "anomalies", "groups"}
    again = analyze_attractors([tmp_path / "data.h5", tmp_path / "found.h5"], tmp_path / "two", vae=tmp_path / "vae.h5",
                               autoencoder=tmp_path / "ae.h5", against=[tmp_path / "data.h5"], seed=1)
    assert (tmp_path / "two" / "units.svg").read_bytes() == (tmp_path / "out" / "units.svg").read_bytes()
    assert again.networks is not None
    assert again.networks.pictures[1].error == rows["VAE"]["error of reconstruction"]["value"]


def test_invariants_alone_make_a_report_and_a_failed_rule_a_warning(tmp_path):
    radii = np.geomspace(0.1, 1.0, 9)
    measured = Measured(
        "lorenz63", "lorenz63", 1, "statfe attractors invariants lorenz63", (
            Invariant("correlation_dimension", np.array(2.05), np.array(0.01),
                      stats={"radius_low": 0.2, "radius_high": 0.5}),
            unsupported("peak_frequency", "the record is too short; give more")),
        Invariant("exponents", np.array([0.9, 0.0, -14.5]), np.full(3, 0.01), units="1/time"), "chaotic",
        (Rule("zero_exponent", 0.1, 0.005, False, "integrate longer"), Rule("energy", np.nan, 1e-5, None, "no energy")),
        ("x",), CorrelationSum(radii, radii**2, 0.1 * radii**2, np.full(9, 2.0), np.full(9, 0.1), np.ones((2, 9)),
                               np.full(9, 500)),
        Spectrum(np.arange(1.0, 5.0), np.ones((4, 1)), np.ones((4, 1))), None, np.ones((3, 2)), "maxima of z", "law",
        1.0)
    write_invariants(tmp_path / "inv.h5", measured)
    done = analyze_attractors(tmp_path / "inv.h5", tmp_path / "out", seed=1)
    assert [s.name for s in done.sections] == ["invariants"]
    assert set(done.files) == {"report.html", "analysis.json", "analysis.csv", "exponents.svg", "correlation-sum.svg",
                               "spectrum.svg", "return-map.svg"}
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "rule zero exponent fails: integrate longer" in page
    assert "no /trajectories: run statfe attractors generate" in page
    assert "no /attractors: run statfe attractors identify" in page
    written = json.loads((tmp_path / "out" / "analysis.json").read_text("utf-8"))
    by_name = {r["invariant"]: r for r in written["invariants"]["invariants"]}
    assert by_name["peak frequency"]["value"]["value"] is None
    assert by_name["peak frequency"]["message"] == "the record is too short; give more"


def test_attractors_of_the_laboratory_use_the_same_report(tmp_path):
    labelled = found_set(
        kinds=("memory", "spurious"), stats={"overlap": np.array([0.99, 0.4]), "load": np.array([0.05, 0.05])},
        saddles=Saddles(("saddle point",), np.zeros((1, 2)), np.array([0.5]), np.array([3])),
        basin_slice=BasinSlice((0, 1), np.arange(3.0), np.arange(2.0), np.array([[0, 1], [1, -2], [0, 0]]),
                               np.zeros(2)), status="not_converged", message="follow longer")
    write_found(tmp_path / "lab.h5", labelled, sampler="laboratory")
    done = analyze_attractors([tmp_path / "lab.h5"], tmp_path / "out", seed=1)
    assert done.missing == []
    assert set(done.files) >= {"basin-fractions.svg", "free-energy-stability.svg", "overlaps.svg", "basin-slice.svg"}
    section = done.sections[0].to_dict()
    assert section["warnings"] == ["not converged: follow longer"]
    assert section["attractors"][0]["basin fraction"] == {"value": 0.6, "error": 0.02}
    assert section["unassigned"][1]["share"]["value"] == pytest.approx(0.1)
    assert section["saddles"][0]["visits"]["value"] == 3.0


def test_branches_are_drawn_with_their_events():
    states = np.full((3, 2, 1), np.nan)
    states[:, 0, 0], states[2, 1, 0] = 1.0, 2.0
    shares = np.array([[1.0, np.nan], [1.0, np.nan], [0.5, 0.5]])
    section = continuation_section(Branches(
        "rho", np.array([1.0, 2.0, 3.0]), states, ("x",), np.full((3, 2), "fixed point"), shares, 0.1 * shares,
        [(2.0, 3.0, 1, "appears", "a new one")]))
    assert section.to_dict()["events"][0]["message"] == "a new one"
    assert drawn(section.plots)[0].svg.startswith("<?xml")


def test_what_cannot_be_reported_says_why_and_writes_nothing(tmp_path):
    write_found(tmp_path / "lab.h5", found_set())
    with pytest.raises(UsageError, match="no file has any"):
        analyze_attractors(tmp_path / "lab.h5", tmp_path / "out", vae=tmp_path / "lab.h5")
    with pytest.raises(UsageError, match="--vae"):
        analyze_attractors(tmp_path / "lab.h5", tmp_path / "out", against=[tmp_path / "lab.h5"])
    with pytest.raises(StoreError, match="cannot read"):
        analyze_attractors(tmp_path / "gone.h5", tmp_path / "out")
    statfe.make_data("bars-and-stripes", tmp_path / "bars.h5", seed=1)
    with pytest.raises(UsageError, match="nothing of attractors"):
        analyze_attractors(tmp_path / "bars.h5", tmp_path / "out")
    two_rings(tmp_path)
    statfe.train_vae(tmp_path / "bars.h5", tmp_path / "bars-vae.h5", epochs=1, seed=1,
                     options=TrainingOptions(batch=4, seed=1))
    with pytest.raises(UsageError, match="did not learn trajectories"):
        analyze_attractors(tmp_path / "data.h5", tmp_path / "out", vae=tmp_path / "bars-vae.h5")
    assert not (tmp_path / "out").exists()
    analyze_attractors(tmp_path / "lab.h5", tmp_path / "out", seed=1)
    before = (tmp_path / "out" / "report.html").read_bytes()
    with pytest.raises(StoreError, match="exists"):
        analyze_attractors(tmp_path / "data.h5", tmp_path / "out", seed=2)
    assert (tmp_path / "out" / "report.html").read_bytes() == before


def test_numbers_are_shown_with_their_errors():
    assert Value(2.0512, 0.0123).text == "2.051(12)"
    assert Value(float("nan"), note="too short").text == "–"
