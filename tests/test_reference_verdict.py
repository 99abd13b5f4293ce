"""The verdict on a reference: each way for chains to be wrong ends in words, never in a confident wrong number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

from statfe.chains import Chains
from statfe.estimators.mbar import mbar
from statfe.estimators.reference import INTEGRATION, MBAR, sampled_reference
from statfe.estimators.thermodynamic_integration import thermodynamic_integration
from statfe.estimators.verdict import Verdict, worst
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import halves_apart, mean_error
from statfe.store.run_file import DIAGNOSTICS
from tests.ladders_for_tests import chains_of, gaussian_chains
from tests.naive.ising import beta_f

MODEL = IsingModel.from_edges(40, np.arange(39), np.arange(1, 40), np.ones(39))
SIGMA = np.sqrt(39.0)
BETAS = np.linspace(0.0, 0.5, 6)


def good(seed: int = 1, **facts) -> Chains:
    """Chains without a fault, with exchanges and trips."""
    chains = gaussian_chains(BETAS, SIGMA, seed, 3000, 4)
    return replace(chains, **{
        "swap_acceptance": np.full(5, 0.7), "trips": np.full((4, 6), 40), "exchange_sweeps": 3000, **facts})


def last(chains: Chains) -> Verdict:
    return sampled_reference(MODEL, chains).verdicts[-1]


def test_a_good_reference_passes_in_one_line():
    found = sampled_reference(MODEL, good())
    assert found.verdict.passed, found.verdict.message
    line = found.verdict.line()
    assert line.startswith("reference: passed - halves ")
    assert "\n" not in line
    for part in ("R-hat 1.00", "independent draws", "overlap >= 0.", "160 round trips", "barrier 1.5", "sigma apart"):
        assert part in line
    assert found.verdicts[0].line() == "reference: passed - exact at beta = 0"


def test_every_number_of_the_verdict_is_stored():
    found = sampled_reference(MODEL, good())
    assert set(found.diagnostics) <= set(DIAGNOSTICS)
    for name in ("halves", "round_trips", "barrier", "estimate_draws", "estimate_r_hat", "disagreement", "overlap"):
        assert found.diagnostics[name].shape == (6,)
    assert found.diagnostics["round_trips"].tolist() == [160.0] * 6
    assert found.diagnostics["barrier"] == pytest.approx(0.3 * np.arange(6))


def test_frozen_replicas():
    """Replicas that stand still at the cold end, each in its own state."""
    energy = good().energy.copy()
    energy[:, :, -1] = energy[:, :1, -1]
    found = sampled_reference(MODEL, good(energy=energy)).outcomes[MBAR][-1]
    assert found.status == "not_converged"
    assert "replicas disagree" in found.message


def test_chains_that_never_travel():
    """States that no chain connects: all looks well at each rung, and no chain has been at both ends."""
    found = last(good(trips=np.zeros((4, 6), dtype=int)))
    assert not found.passed
    assert "only 0 round trips" in found.message
    # Cluster moves need no trips, and neither do anneals, which make none.
    assert last(good(trips=np.zeros((4, 6), dtype=int), kernel="wolff")).passed
    assert last(good(trips=None)).passed


def test_a_barrier_inside_the_ladder_leaves_the_hot_side_alone():
    trips = np.full((4, 6), 40)
    trips[:, 4:] = 1
    found = sampled_reference(MODEL, good(trips=trips))
    assert [v.passed for v in found.verdicts] == [True] * 4 + [False] * 2
    assert [o.status for o in found.outcomes[MBAR]] == ["converged"] * 4 + ["not_converged"] * 2


def test_a_run_that_still_drifts():
    """All replicas fall together half way: they agree with each other, not with their past."""
    chains = good()
    drift = np.where(np.arange(3000) < 1400, 0.1, -0.1)[:, None] * np.r_[0.0, np.ones(5)] * SIGMA
    found = last(good(energy=chains.energy + drift))
    assert not found.passed
    assert "first half of the run differs from the second" in found.message


def test_halves_of_a_run_at_rest_are_gaussian():
    sigmas = []
    for seed in range(40):
        influence = mbar(gaussian_chains(BETAS, SIGMA, seed, 500), 0.0, np.zeros(6)).influence
        sigmas.append(abs(halves_apart(influence)[-1]))
    assert 0.45 < np.mean(sigmas) < 1.15
    assert max(sigmas) < 4.0


def star() -> IsingModel:
    """A core with a field against its leaves' wishes: down at small beta, up, with all leaves, above beta = 1.28."""
    n = 101
    return IsingModel.from_edges(
        n, np.zeros(n - 1, dtype=int), np.arange(1, n), np.full(n - 1, 0.5), np.r_[-30.0, np.full(n - 1, 0.5)])


@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_a_first_order_transition_crossed_too_fast(schedule):
    model, betas = star(), np.array([1.0, 1.6])
    exact = -np.logaddexp(30 * 1.6 + 100 * np.log(2), -30 * 1.6 + 100 * np.log(2 * np.cosh(1.6)))
    plan = plan_run(model, betas, make_sampler("gibbs", schedule=schedule), sweeps=300, replicas=4, seed=2)
    for results in sampled_reference(model, run_plan(model, plan)).outcomes.values():
        found = results[-1]
        assert found.status == "not_converged"
        assert found.message
        assert abs(found.beta_f - exact) > 0.5


def test_pieces_that_no_bond_connects_are_fine():
    """Two ferromagnets apart: valleys of one energy, which chains that stay in one of them get right."""
    row = np.arange(5)
    model = IsingModel.from_edges(12, np.r_[row, row + 6], np.r_[row + 1, row + 7], np.ones(10))
    plan = plan_run(model, np.array([1.0, 2.0]), make_sampler("metropolis"), sweeps=3000, replicas=4, seed=3)
    for results in sampled_reference(model, run_plan(model, plan)).outcomes.values():
        for found, beta in zip(results, (1.0, 2.0), strict=True):
            assert found.status == "converged", found.message
            assert abs(found.beta_f - beta_f(model, beta)) < 4.5 * found.beta_f_error


def test_quadrature_error_says_where_a_rung_is_missing():
    """A step in the mean energy between two far rungs: the error is the quadrature's, and the rung belongs there."""
    model = build_model("curie-weiss:n=60")
    betas = np.r_[np.linspace(0.0, 0.8, 5), 1.8, 1.9]
    plan = plan_run(model, betas, make_sampler("gibbs"), sweeps=10, replicas=2, seed=1)
    kept = replace(plan.ladder, betas=betas, requested=np.ones(7, dtype=bool))
    chains = run_plan(model, replace(plan, ladder=kept, sweeps=5_000, thin=1, burn_in=500))
    levels = 60 - 2 * np.arange(61)
    log_g = gammaln(61) - gammaln(np.arange(61) + 1) - gammaln(61 - np.arange(61))
    exact = -logsumexp(log_g + 1.8 * (levels**2 - 60) / 120.0)
    outcome = sampled_reference(model, chains).outcomes[INTEGRATION][5]
    assert 0.8 < outcome.stats["add_rung_at"] < 1.8
    assert abs(outcome.beta_f - exact) < 4.0 * outcome.beta_f_error


def test_rules_that_do_not_converge_do_not_flatter_themselves():
    """Over widths of a step of <E>, the error of the quadrature covers what the rule is wrong by."""
    for width in (0.02, 0.05, 0.1, 0.2):
        def mean(b, w=width):
            return -np.tanh((b - 0.35) / w)

        def integral(b, w=width):
            return -w * np.log(np.cosh((b - 0.35) / w))

        betas = np.array([0.0, 0.3, 0.6])
        slopes = (1.0 - mean(betas) ** 2) / width
        rng = np.random.default_rng(1)
        energy = mean(betas) + np.sqrt(slopes) * rng.normal(size=(2, 50_000, 3))
        found = thermodynamic_integration(chains_of(energy, betas), 0.0)
        wrong = abs(found.beta_f[-1] - (integral(0.6) - integral(0.0)))
        error = np.hypot(mean_error(found.influence).error[-1], found.quadrature[-1])
        assert wrong < 4.0 * error, (width, wrong, error)


def test_the_worst_of_many():
    found = worst([Verdict(), Verdict(halves=-2.0, draws=500.0, overlap=0.5),
                   Verdict(("a",), halves=1.0, draws=900.0, overlap=0.3, trips=20.0), Verdict(("a", "b"), trips=5.0)])
    assert found.problems == ("a", "b")
    assert (found.halves, found.draws, found.overlap, found.trips) == (2.0, 500.0, 0.3, 5.0)
    assert found.line().startswith("reference: failed - a; b (")
