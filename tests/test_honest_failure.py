"""Traps with exactly known free energies: what a method cannot do it says, and no confident number is wrong."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from statfe.annealed.bracket import bracket
from statfe.estimators.phases import phase_estimate, phase_problem
from statfe.estimators.reference import MBAR, sampled_reference
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import Method, methods, run_method
from statfe.result import FreeEnergy
from statfe.sampling.driver import run_plan
from statfe.sampling.ladder import Ladder
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from tests.ladders_for_tests import gaussian_chains

#: A number that says converged must be within so many of its errors.
SIGMAS = 5.0


def stars(cores: list[float], leaves: int, link: float = 0.01) -> IsingModel:
    """Stars in a row: each core has a field against its leaves' wishes, and turns over at a beta of its own."""
    size = leaves + 1
    heads = size * np.arange(len(cores))
    leaf = np.setdiff1d(np.arange(size * len(cores)), heads)
    rows, cols = np.r_[np.repeat(heads, leaves), heads[:-1]], np.r_[leaf, heads[1:]]
    fields = np.full(size * len(cores), 0.5)
    fields[heads] = cores
    return IsingModel.from_edges(
        len(fields), rows, cols, np.r_[np.full(len(leaf), 0.5), np.full(len(cores) - 1, link)], fields)


def cliques(count: int, size: int, coupling: float, link: float) -> IsingModel:
    """Clusters that hardly ever turn over, in a row of weak bonds; not connected where `link` is 0."""
    i, j = np.triu_indices(size, 1)
    first = size * np.arange(count)[:, None]
    rows, cols = (first + i).ravel(), (first + j).ravel()
    weak = (first[:-1, 0] + 1, first[1:, 0]) if link else (np.empty(0, int), np.empty(0, int))
    strengths = np.r_[np.full(len(rows), coupling), np.full(len(weak[0]), link)]
    return IsingModel.from_edges(count * size, np.r_[rows, weak[0]], np.r_[cols, weak[1]], strengths)


def golf_hole(visible: int = 10, hidden: int = 100, threshold: float = 7.0) -> IsingModel:
    """A flat plain of energy over the visible spins, and a hole near one pattern of them that hidden spins dig."""
    pattern = np.random.default_rng(2).choice([-1.0, 1.0], visible)
    rows, cols = np.repeat(np.arange(visible), hidden), np.tile(visible + np.arange(hidden), visible)
    return IsingModel.from_edges(
        visible + hidden, rows, cols, np.repeat(0.15 * pattern, hidden),
        np.r_[0.98 * 0.15 * hidden * pattern, np.full(hidden, -0.15 * threshold)])


TRAPS = {
    "a first-order transition": (lambda: stars([-30.0], 100), (1.0, 1.6)),
    "a small one": (lambda: stars([-12.0], 40), (1.6,)),
    "two that turn over at different beta": (lambda: stars([-15.0, -25.0], 60), (1.6,)),
    "pieces with barriers of 200": (lambda: cliques(6, 4, 50.0, 0.0), (1.0,)),
    "clusters on weak bonds": (lambda: cliques(5, 5, 8.0, 0.5), (1.0,)),
    "one state has all the weight": (lambda: IsingModel.from_edges(40, [], [], [], np.full(40, 30.0)), (0.1, 1.0)),
    "a golf hole": (golf_hole, (1.0,)),
}


#: Those that longer runs are held against.
QUICK = ("a first-order transition", "a small one", "clusters on weak bonds")


@cache
def trap(name: str) -> tuple[IsingModel, np.ndarray, list[float]]:
    """The model, betas, and exact beta F."""
    make, betas = TRAPS[name]
    model = make()
    return model, np.array(betas), [r.beta_f for r in run_method(model, np.array(betas), "exact", seed=0)]


def sampled() -> list[str]:
    return [name for name, method in methods().items() if method.family == "sampled"]


def specs(method: Method, work: str) -> list[str]:
    """The method with the work of `work` ("50", or "x0.1" of the default) and each of its variants."""
    base = method.scaled(float(work[1:])) if work.startswith("x") else f"{method.name}:{method.work}={work}"
    return [",".join([base, *(f"{k}={v}" for k, v in variant.items())]) for variant in method.variants or ({},)]


def wrong(found: FreeEnergy, exact: float) -> bool:
    """Whether a number that says converged is not."""
    allowed = SIGMAS * found.beta_f_error + 1e-9 * (1.0 + abs(exact))
    return found.status == "converged" and abs(found.beta_f - exact) > allowed


@pytest.mark.parametrize("work", ["50", "x0.05"])
@pytest.mark.parametrize("name", sampled())
def test_no_confident_number_is_wrong(name, work):
    for title in TRAPS if work == "50" else QUICK:
        model, betas, exact = trap(title)
        for spec in specs(methods()[name], work):
            for found, value in zip(run_method(model, betas, spec, seed=1), exact, strict=True):
                assert not wrong(found, value), (title, spec, found.beta, found.beta_f - value, found.beta_f_error)
                assert found.status == "converged" or found.message


MISSED = [
    ("a first-order transition", 1, "ais:particles=256,kernel=layers"),
    ("a first-order transition", 1, "population-annealing:particles=64,populations=16,kernel=layers"),
    ("a small one", 0, "wang-landau:sweeps=2000"),
    ("two that turn over at different beta", 0, "ais:particles=256"),
]


@pytest.mark.parametrize(("title", "at", "spec"), MISSED)
def test_a_phase_that_is_missed_is_said(title, at, spec):
    """Walks from high temperature never meet the other phase, and nothing in their weights tells of it."""
    model, betas, exact = trap(title)
    found = run_method(model, betas, spec, seed=1)[at]
    assert abs(found.beta_f - exact[at]) > SIGMAS * found.beta_f_error
    assert found.status == "not_converged"
    assert "phase" in found.message


PHASES = [
    ("a first-order transition", 1.6), ("a small one", 1.6), ("two that turn over at different beta", 2.5),
    ("a golf hole", 2.0)]


@pytest.mark.parametrize(("title", "beta"), PHASES)
def test_phases_weigh_what_they_must(title, beta):
    model = trap(title)[0]
    exact = run_method(model, np.array([beta]), "exact", seed=0)[0].beta_f
    found = phase_estimate(model, beta)
    assert found is not None
    assert abs(found.beta_f - exact) < 4.0 * found.error + 1e-9 * abs(exact)
    assert phase_problem(model, beta, exact, 0.0) == ""
    assert "a phase is missed" in phase_problem(model, beta, exact + 0.3 + 5.0 * found.error, 0.01)


@pytest.mark.parametrize("spec", [
    "sk:n=14,seed=1", "sk:n=12,seed=2,field=0.4", "hopfield:n=14,patterns=2,seed=3", "ea:shape=4x4,seed=4",
    "random-regular:n=14,degree=3,couplings=gaussian,seed=5", "triangular:shape=4x4,coupling=-1",
    "rbm:visible=8,hidden=6"])
@pytest.mark.parametrize("beta", [0.7, 2.0])
def test_phases_never_weigh_more_than_there_is(spec, beta):
    """With mirror images and without: an estimate of Z beyond the truth would accuse right numbers."""
    model = build_model(spec)
    exact = run_method(model, np.array([beta]), "enumeration", seed=0)[0].beta_f - beta * model.offset
    found = phase_estimate(model, beta)
    assert found is None or found.beta_f > exact - 4.0 * found.error - 1e-9 * abs(exact)
    assert phase_problem(model, beta, exact, 0.0) == ""


def test_nothing_to_weigh():
    assert phase_estimate(build_model("ising:shape=4x4"), 1.0) is None
    assert phase_estimate(build_model("sk:n=10,seed=1"), 0.0) is None
    assert phase_estimate(build_model("sk:n=10,seed=1"), 0.05) is None
    assert phase_problem(build_model("sk:n=10,seed=1"), 1.0, math.nan, math.nan) == ""


@pytest.mark.parametrize("apart", [4.0, 8.0, 12.0])
def test_walks_up_and_down_that_do_not_meet(apart):
    """Weights far apart: Bennett's equation has a root in the gap, where nothing was seen."""
    rng = np.random.default_rng(1)
    near = bracket(rng.normal(size=500), rng.normal(size=500))
    far = bracket(rng.normal(-apart, 0.1, 500), rng.normal(-apart, 0.1, 500))
    assert near.effective > 300.0
    assert far.effective < 2000.0 * math.exp(-apart)


def test_states_that_a_flat_walk_never_sees():
    """All energies seen are one level, and half of the states are not among them: they do not average to 0."""
    model = stars([-60.0], 200)
    exact = run_method(model, np.array([1.0]), "exact", seed=0)[0].beta_f
    (found,) = run_method(model, np.array([1.0]), "umbrella:along=energy,sweeps=50", seed=1)
    assert abs(found.beta_f - exact) > 0.5
    assert found.status == "not_converged"
    assert "states are missing" in found.message


MODEL = IsingModel.from_edges(40, np.arange(39), np.arange(1, 40), np.ones(39))
BETAS, SIGMA = np.linspace(0.0, 0.5, 6), math.sqrt(39.0)


def hand_made(change=None):
    """The last outcome of good chains of `MODEL` after `change` of their energies (R, T, K)."""
    chains = gaussian_chains(BETAS, SIGMA, 1, 3000, 4)
    chains = replace(
        chains, swap_acceptance=np.full(5, 0.7), trips=np.full((4, 6), 40), exchange_sweeps=3000,
        energy=chains.energy if change is None else change(chains.energy))
    return sampled_reference(MODEL, chains).outcomes[MBAR][-1]


CHANGES = {
    "all stand still at one energy": (lambda e: np.full(e.shape, -10.0), "do not sample this model"),
    "each rung stands still": (lambda e: np.broadcast_to(-5.0 * np.arange(6.0), e.shape).copy(), "do not sample"),
    "each stands still where it began": (lambda e: np.repeat(e[:, :1], e.shape[1], axis=1), "replicas disagree"),
    "the cold end stands still": (lambda e: np.where(np.arange(6) >= 4, -0.4 * SIGMA**2, e), "stand still at beta=0.4"),
    "one chain four times": (lambda e: np.repeat(e[:1], 4, axis=0), "two replicas are the same chain"),
    "energies of another model": (lambda e: 0.4 * e, "do not sample this model"),
    "energies with a constant": (lambda e: e - 30.0, "do not sample this model"),
    "a draw that is not a number": (lambda e: np.where(np.arange(6) == 2, np.nan, e), "not solved"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_chains_made_by_hand(name):
    change, said = CHANGES[name]
    assert hand_made().status == "converged"
    found = hand_made(change)
    assert found.status != "converged"
    assert said in found.message


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_a_ladder_with_a_gap(schedule):
    model = build_model("ea:shape=6x6,seed=1")
    betas = np.array([0.0, 0.2, 2.0])
    plan = plan_run(model, betas, make_sampler("metropolis", schedule=schedule), sweeps=2000, replicas=4, seed=1,
                    ladder=Ladder(betas, np.ones(3, dtype=bool)))
    assert plan.ladder.betas.tolist() == betas.tolist()
    near, far = sampled_reference(model, run_plan(model, plan)).outcomes[MBAR][1:]
    assert far.status != "converged"
    assert "hardly overlap" in far.message
    assert "0.2 and 2" in far.message
    assert near.status == "converged"


def test_an_anchor_is_added_and_said(here, call):
    code, out, _ = call(
        "simulate", "ising:shape=3x3", "--beta", "0.3,0.4", "--sweeps", "2000", "--seed", "1", "-o", "r.h5")
    assert code == 0
    assert "rungs added to the 2 asked for, from beta = 0" in out


@pytest.mark.parametrize("source", ["run", "model"])
def test_a_reference_that_failed_is_not_used(source, here, call):
    spec = "ea:shape=4x4,seed=1"
    target = (spec, "--beta", "2", "--reference", "mbar:sweeps=20", "--seed", "1")
    if source == "run":
        assert call("simulate", spec, "--beta", "2", "--sweeps", "20", "--seed", "1", "-o", "r.h5")[0] == 3
        target = ("r.h5",)
    chosen = ("--methods", "mean-field", "bethe")
    code, out, _ = call("compare", *target, "-o", "out", *chosen)
    assert code == 3
    assert "reference not converged" in out
    assert "raise sweeps" in out
    code, out, _ = call("compare", *target, "--json", *chosen)
    assert code == 3
    rows = json.loads(out)
    assert {r["reference_status"] for r in rows} == {"not_converged"}
    assert {(r["error"], r["error_per_site"], r["sigmas"]) for r in rows} == {(None, None, None)}
    page = " ".join(re.sub("<[^>]*>", " ", (here / "out" / "report.html").read_text(encoding="utf-8")).split())
    assert "has not converged at 1 of 1" in page
    assert "nothing could be judged" in page
