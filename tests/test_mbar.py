"""MBAR and thermodynamic integration: against the slow twin, against exact values, and their errors against chance."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from statfe.chains import Chains
from statfe.estimators.mbar import mbar
from statfe.estimators.reference import INTEGRATION, MBAR, sampled_reference
from statfe.estimators.thermodynamic_integration import thermodynamic_integration
from statfe.models.ising import IsingModel
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error
from tests.models_for_tests import frustrated_triangle, isolated, peaked
from tests.naive.chains import mbar_beta_f
from tests.naive.ising import beta_f, energies, probabilities


def independent_chains(model: IsingModel, betas: np.ndarray, seed: int, draws: int = 2000, replicas: int = 2,
                       wanted: slice = slice(None)) -> Chains:
    """Independent draws from the exact law at every rung; outcomes at the rungs `wanted` alone."""
    rng = np.random.default_rng(seed)
    e = energies(model) - model.offset
    columns = [rng.choice(e, size=(replicas, draws), p=probabilities(model, b)) for b in betas]
    energy = np.stack(columns, axis=2)
    requested = np.zeros(len(betas), dtype=bool)
    requested[wanted] = True
    return Chains(
        betas=betas, requested=requested, energy=energy,
        magnetization=np.zeros_like(energy, dtype=np.int64), sweeps=np.arange(1, draws + 1),
        swap_acceptance=np.full(len(betas) - 1, np.nan), schedule="tempering", sampler="exact", seed=seed, burn_in=0)


BETAS = np.array([0.0, 0.1, 0.25, 0.5, 0.9])
#: The last rung alone: each outcome costs a look for phases that were missed.
LAST = slice(-1, None)


def anchor(model: IsingModel) -> float:
    return -model.n_sites * math.log(2.0)


def test_equals_plain_self_consistent_iteration():
    model = peaked(5)
    chains = independent_chains(model, BETAS, 1, draws=200)
    found = mbar(chains, 0.0, np.zeros(len(BETAS)))
    twin = mbar_beta_f(np.moveaxis(chains.energy, 2, 0).reshape(len(BETAS), -1), BETAS)
    assert found.converged
    assert np.max(np.abs(found.beta_f - twin)) < 1e-10


def test_the_start_does_not_matter():
    chains = independent_chains(peaked(5), BETAS, 2, draws=300)
    near = mbar(chains, 0.0, thermodynamic_integration(chains, 0.0).beta_f)
    far = mbar(chains, 0.0, np.linspace(0, 50, len(BETAS)))
    assert np.max(np.abs(near.beta_f - far.beta_f)) < 1e-9


def test_a_start_that_is_not_concave():
    """A zigzag of hundreds of nats hides the states that matter from any climb along the ladder."""
    chains = independent_chains(peaked(5), np.linspace(0.0, 0.9, 12), 2, draws=300)
    near = mbar(chains, 0.0, thermodynamic_integration(chains, 0.0).beta_f)
    far = mbar(chains, 0.0, 300.0 * np.cos(np.pi * np.arange(12)))
    assert far.converged
    assert np.max(np.abs(near.beta_f - far.beta_f)) < 1e-9


@pytest.mark.parametrize(("apart", "expected"), [(0.0, 1.0), (1.0, 0.8), (3.0, 0.197), (5.0, 0.019)])
def test_overlap_of_gaussian_energies(apart, expected):
    rng = np.random.default_rng(1)
    x = np.linspace(-8.0, 8.0 + apart, 20_001)
    p, q = norm.pdf(x), norm.pdf(x, apart)
    assert np.sum(2 * p * q / (p + q)) * (x[1] - x[0]) == pytest.approx(expected, rel=0.15)
    chains = independent_chains(peaked(2), np.array([0.0, max(apart, 1e-9)]), 1)
    chains = Chains(**{**chains.__dict__, "energy": rng.normal([0.0, -apart], 1.0, (2, 20_000, 2))})
    assert mbar(chains, 0.0, np.zeros(2)).overlap[0] == pytest.approx(expected, rel=0.15)


def test_disagreement_is_measured_in_its_own_noise():
    """Over seeds, (MBAR - integration) / sigma has spread near one, on a ladder of many rungs."""
    model, betas = peaked(6), np.linspace(0.0, 1.5, 25)
    made = [independent_chains(model, betas, s, draws=400, wanted=LAST) for s in range(16)]
    sigmas = [sampled_reference(model, chains).diagnostics["disagreement"][-1] for chains in made]
    assert 0.5 < np.std(sigmas) < 1.3


def test_shifting_the_energy_shifts_beta_f():
    chains = independent_chains(peaked(5), BETAS, 3, draws=300)
    moved = Chains(**{**chains.__dict__, "energy": chains.energy + 1000.0})
    a, b = mbar(chains, 0.0, np.zeros(5)), mbar(moved, 0.0, 1000.0 * BETAS)
    assert np.allclose(b.beta_f - a.beta_f, 1000.0 * BETAS, atol=1e-8)
    assert np.allclose(mean_error(a.influence).error, mean_error(b.influence).error, rtol=1e-6)


def test_influence_is_the_derivative_of_the_estimate():
    """Weighting one stretch of draws a little more moves beta_f as the influence of that stretch says."""
    chains = independent_chains(peaked(5), BETAS, 4, draws=400, replicas=1)
    base = mbar(chains, 0.0, np.zeros(5))
    # Repeat the first half once more: its weight goes from 1/2 to 2/3.
    longer = Chains(**{**chains.__dict__, "energy": np.concatenate([chains.energy, chains.energy[:, :200]], axis=1)})
    moved = mbar(longer, 0.0, np.zeros(5)).beta_f - base.beta_f
    influence = base.influence[0]
    predicted = (2 * influence[:200].sum(0) + influence[200:].sum(0)) / 600
    assert np.allclose(moved, predicted, atol=0.05 * np.max(np.abs(predicted)))
    assert np.max(np.abs(predicted)) > 1e-4


def test_influence_has_mean_zero():
    chains = independent_chains(peaked(6), BETAS, 5)
    assert np.max(np.abs(mbar(chains, 0.0, np.zeros(5)).influence.mean(axis=(0, 1)))) < 1e-9
    assert np.max(np.abs(thermodynamic_integration(chains, 0.0).influence.mean(axis=(0, 1)))) < 1e-9


@cache
def outcomes_of_independent_runs() -> list[dict]:
    """Estimator to its outcome at the last rung, one a run."""
    model, betas = peaked(6), np.linspace(0.0, 0.8, 9)
    found = []
    for seed in range(120):
        chains = independent_chains(model, betas, seed, draws=500, wanted=LAST)
        found.append({name: out[0] for name, out in sampled_reference(model, chains).outcomes.items()})
    return found


@pytest.mark.statistical
@pytest.mark.parametrize("estimator", [MBAR, INTEGRATION])
def test_errors_cover(estimator):
    """Of independent runs, |beta_f - exact| is below one, two, three errors as often as for a Gaussian."""
    truth = beta_f(peaked(6), 0.8)
    found = [run[estimator] for run in outcomes_of_independent_runs()]
    z = np.array([(o.beta_f - truth) / o.beta_f_error for o in found])
    for limit, share in ((1.0, 0.6827), (2.0, 0.9545)):
        assert binom.cdf((np.abs(z) < limit).sum(), len(z), share) > 1e-4
        assert binom.sf((np.abs(z) < limit).sum() - 1, len(z), min(0.9999, share + 0.05)) > 1e-4
    assert np.max(np.abs(z)) < 4.5
    assert 0.75 < np.std(z) < 1.25


@pytest.mark.statistical
def test_errors_cover_with_autocorrelation():
    """Real chains with exchanges: the spread of z over seeds is one."""
    model, betas = peaked(8, seed=1), np.array([0.3, 0.7])
    truth = [beta_f(model, b) for b in betas]
    z = []
    for seed in range(60):
        plan = plan_run(model, betas, make_sampler("gibbs"), sweeps=400, replicas=4, seed=seed)
        out = sampled_reference(model, run_plan(model, plan)).outcomes[MBAR]
        z.append([(o.beta_f - t) / o.beta_f_error for o, t in zip(out, truth, strict=True)])
    spread = np.std(z, axis=0)
    assert np.all((spread > 0.72) & (spread < 1.3))


def test_beta_zero_is_exact_and_single_rungs_work():
    model = isolated(4)
    out = sampled_reference(model, independent_chains(model, np.array([0.0]), 1)).outcomes
    for results in out.values():
        assert results[0].beta_f == pytest.approx(-4 * math.log(2), rel=1e-15)
        assert results[0].beta_f_error == 0.0
        assert results[0].status == "converged"


def test_quadrature_error_is_counted():
    """Far-apart rungs: integration is off by many statistical errors, and its error says so."""
    model, betas = peaked(6), np.array([0.0, 0.8])
    truth = beta_f(model, 0.8)
    chains = independent_chains(model, betas, 1, draws=20_000)
    result = thermodynamic_integration(chains, anchor(model))
    statistical = mean_error(result.influence).error[-1]
    gap = abs(result.beta_f[-1] - truth)
    assert gap > 4 * statistical
    assert gap < 4 * math.hypot(statistical, result.quadrature[-1])


class TestStatus:
    """Every check that a reference must pass can fail, and says what to change."""

    def outcome(self, chains: Chains, model: IsingModel):
        return sampled_reference(model, chains).outcomes[MBAR][-1]

    def test_good_chains_converge(self):
        model = peaked(6)
        assert self.outcome(independent_chains(model, BETAS, 1), model).status == "converged"

    def test_a_gap_in_the_ladder(self):
        model = IsingModel.from_edges(40, np.arange(39), np.arange(1, 40), np.ones(39))
        rng = np.random.default_rng(1)
        for apart, status in ((3.0, "converged"), (5.0, "not_converged"), (12.0, "diverged")):
            energy = np.stack([rng.normal(0, 6, (2, 500)), rng.normal(-6 * apart, 6, (2, 500))], axis=2)
            betas = np.array([0.0, apart / 6])
            chains = Chains(**{**independent_chains(peaked(2), betas, 1).__dict__, "energy": energy})
            found = self.outcome(chains, model)
            assert found.status == status
            if status != "converged":
                assert "overlap" in found.message
                assert "spacing" in found.message

    def test_no_draws_no_number(self):
        model = peaked(6)
        first, last = (sampled_reference(model, independent_chains(model, np.array([0.0, 0.5]), 1, draws=1, replicas=1))
                       .outcomes[MBAR])
        assert (first.status, first.beta_f_error) == ("converged", 0.0)
        assert last.status == "diverged"
        assert math.isnan(last.beta_f)
        assert "sweeps" in last.message

    def test_a_missed_phase(self):
        """Chains that agree on the wrong side of a first-order transition lie above a rigorous bound."""
        n, beta = 101, 2.0
        model = IsingModel.from_edges(
            n, np.zeros(n - 1, dtype=int), np.arange(1, n), np.full(n - 1, 0.5), np.r_[-30.0, np.full(n - 1, 0.5)])
        betas, rng = np.linspace(0.0, beta, 40), np.random.default_rng(1)
        # The core down at all rungs but the hottest: the leaves are then free, and E = -30 (with noise of the core).
        energy = np.stack([np.where(rng.random((4, 300)) < 1 / (1 + np.exp(-60 * b)), -30.0, 30.0) for b in betas], 2)
        chains = Chains(**{**independent_chains(peaked(2), betas, 1, wanted=LAST).__dict__, "energy": energy})
        found = self.outcome(chains, model)
        assert found.stats["upper_bound"] == pytest.approx(-141.815, abs=0.01)
        assert found.status == "not_converged"
        assert "rigorous upper bound" in found.message

    @pytest.mark.parametrize(("energy_scale", "beta"), [(16.0, 1e100), (1e-170, 1e170), (1e200, 1e150)])
    def test_frozen_and_huge_ladders_end_in_a_status(self, energy_scale, beta, recwarn):
        model, rng = peaked(4), np.random.default_rng(1)
        energy = energy_scale * rng.integers(-2, 3, (2, 50, 3)).astype(float)
        energy[:, :, 1:] = -2.0 * energy_scale
        betas = np.array([0.0, beta / 2, beta])
        chains = Chains(**{**independent_chains(model, betas[:1], 1).__dict__, "energy": energy, "betas": betas,
                           "requested": np.ones(3, bool), "swap_acceptance": np.full(2, np.nan)})
        for outcome in sampled_reference(model, chains).outcomes.values():
            assert outcome[-1].status in ("not_converged", "diverged")
            assert outcome[-1].message
        assert not recwarn.list

    def test_dense_grids_overlap(self):
        """Many rungs nearly on top of each other share everything, whatever their number."""
        model = peaked(6)
        chains = independent_chains(model, np.linspace(0.0, 0.02, 120), 1, draws=300, wanted=LAST)
        found = sampled_reference(model, chains)
        assert np.min(found.diagnostics["overlap"][:-1]) > 0.95
        assert found.outcomes[MBAR][-1].status == "converged"

    def test_rounding_is_not_physics(self):
        """Replicas frozen in states of one energy, summed in another order."""
        model = peaked(6)
        chains = independent_chains(model, BETAS, 1)
        energy = chains.energy.copy()
        energy[:, :, -1] = energy.min() * (1.0 + 2e-15 * np.arange(2)[:, None])
        found = sampled_reference(model, Chains(**{**chains.__dict__, "energy": energy}))
        assert found.diagnostics["r_hat"][-1] == 1.0
        assert found.diagnostics["energy_error"][-1] < 1e-9

    def test_replicas_that_disagree(self):
        model = peaked(6)
        chains = independent_chains(model, BETAS, 1)
        energy = chains.energy.copy()
        energy[1, :, -1] += 3.0
        found = self.outcome(Chains(**{**chains.__dict__, "energy": energy}), model)
        assert found.status == "not_converged"
        assert "replicas disagree" in found.message

    def test_too_few_independent_draws(self):
        model = peaked(6)
        found = self.outcome(independent_chains(model, BETAS, 1, draws=30), model)
        assert found.status == "not_converged"
        assert "independent draws" in found.message

    def test_two_estimates_that_disagree(self):
        """Energies that belong to no temperature family: reweighting and integration cannot both hold."""
        model = peaked(6)
        chains = independent_chains(model, BETAS, 1)
        energy = chains.energy.copy()
        energy[:, :, 2] = energy[:, :, 2].mean() + 0.2 * (energy[:, :, 2] - energy[:, :, 2].mean())
        found = self.outcome(Chains(**{**chains.__dict__, "energy": energy}), model)
        assert found.status == "not_converged"
        assert "differ" in found.message

    def test_a_reference_needs_the_anchor(self):
        with pytest.raises(ValueError, match="beta = 0"):
            sampled_reference(peaked(4), independent_chains(peaked(4), np.array([0.1, 0.2]), 1))


def test_frustrated_triangle_end_to_end():
    model = frustrated_triangle()
    plan = plan_run(model, np.array([0.5, 1.0]), make_sampler("metropolis"), sweeps=4000, replicas=4, seed=3)
    for results in sampled_reference(model, run_plan(model, plan)).outcomes.values():
        for outcome, b in zip(results, (0.5, 1.0), strict=True):
            exact = -math.log(2 * math.exp(-3 * b) + 6 * math.exp(b))
            assert abs(outcome.beta_f - exact) < 4 * outcome.beta_f_error
            assert 0 < outcome.beta_f_error < 0.02
