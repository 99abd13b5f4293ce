"""Averages over disorder: they equal brute force on small models, obey exact identities, and count what failed."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from scipy.stats import norm

import statfe
from statfe.disorder import moments
from statfe.disorder.average import average
from statfe.disorder.chains import _lane_links, _spin_links
from statfe.disorder.ensemble import SEED_KEY, make_ensemble
from statfe.disorder.rows import Rows
from statfe.disorder.self_averaging import fit_power, self_averaging
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.result import FreeEnergy
from statfe.sampling.banks.bit_lane import BitLaneBank
from tests.bank_checks import make_plan
from tests.bit_lane_bank import sweep
from tests.naive.ising import beta_f, energies, probabilities, states
from tests.retry import sequential

SMALL = ["sk:n=6", "ea:shape=2x3,field=0.3", "ea:shape=3x2,couplings=gaussian,boundary=open", "hopfield:n=6,patterns=2",
         "random-regular:n=6,degree=3,couplings=gaussian", "erdos-renyi:n=6,mean_degree=2",
         "rbm:visible=4,hidden=3,visible_bias=0.4"]


@pytest.mark.parametrize("spec", SMALL)
def test_average_equals_brute_force(spec):
    betas = np.array([0.0, 0.6, 1.4])
    run = statfe.disorder_average(spec, betas, 12, seed=3)
    models = [statfe.model(own) for own in run.specs]
    exact = np.array([[beta_f(model, b) for b in betas] for model in models])
    assert np.allclose(run.beta_f, exact, rtol=0, atol=1e-11)
    assert len(np.unique(np.round(exact[:, 2], 9))) > 1
    for k, a in enumerate(run.averages):
        assert a.status == "converged"
        assert math.isclose(a.beta_f, exact[:, k].mean(), abs_tol=1e-11)
        assert math.isclose(a.beta_f_error, exact[:, k].std(ddof=1) / math.sqrt(12), abs_tol=1e-11)
        assert math.isclose(a.raw_deviation, exact[:, k].std(ddof=1), abs_tol=1e-11)
        assert math.isclose(a.annealed, -math.log(np.mean(np.exp(-exact[:, k]))), abs_tol=1e-11)
        assert np.allclose(a.quantiles[4], np.median(exact[:, k]))
        assert a.counts.sum() == 12
        for model, row in zip(models, range(12), strict=True):
            p, e = probabilities(model, betas[k]), energies(model)
            assert math.isclose(run.rows.numbers["energy"][row, k], p @ e, abs_tol=1e-7)
            variance = p @ e**2 - (p @ e) ** 2
            assert math.isclose(run.rows.numbers["heat_capacity"][row, k], betas[k] ** 2 * variance, abs_tol=1e-6)
    assert "mbar" not in run.methods()
    assert not np.any(run.rows.numbers["beta_f_error"])


def test_seeds_follow_the_stated_rule():
    ensemble = make_ensemble("sk:n=6")
    stated = [int(np.random.SeedSequence(9, spawn_key=(SEED_KEY, 6, k)).generate_state(1, np.uint64)[0]) >> 16
              for k in range(5)]
    assert SEED_KEY == 200_001
    assert ensemble.seeds(5, 9) == stated
    assert ensemble.seeds(3, 9) == stated[:3]
    assert make_ensemble("sk:n=6,seed=9").seeds(5, 123) == stated
    assert not set(make_ensemble("sk:n=7").seeds(5, 9)) & set(stated)
    run = statfe.disorder_average("sk:n=6,seed=9", 0.5, 5, seed=1)
    assert (run.base, run.seed, run.seeds) == (9, 1, stated)
    assert run.specs[2] == f"sk:n=6,seed={stated[2]}"
    assert beta_f(statfe.model(run.specs[2]), 0.5) == pytest.approx(run.beta_f[2, 0], abs=1e-12)


def all_signs(spec: str) -> list[tuple[int, IsingModel]]:
    """Every choice of signs on the graph of `spec`: (number of positive ones, model)."""
    base = statfe.model(spec)
    return [(signs.count(1), IsingModel.from_edges(
        base.n_sites, base.rows, base.cols, abs(base.couplings[0]) * np.array(signs, float), base.fields))
        for signs in itertools.product([1, -1], repeat=base.n_bonds)]


@pytest.mark.parametrize("beta", [0.3, 1.1])
def test_annealed_formula_is_that_of_all_signs(beta):
    spec = "ea:shape=2x3,boundary=open,coupling=0.7,field=0.4"
    models = all_signs(spec)
    z = np.mean([math.exp(-beta_f(model, beta)) for _, model in models])
    assert make_ensemble(spec).annealed(beta, 7) == pytest.approx(-math.log(z), abs=1e-12)
    assert make_ensemble(spec + ",p=0.6").annealed(beta, 7) is None
    assert make_ensemble("rbm:visible=3,hidden=2").annealed(beta, 6) is None
    assert make_ensemble("erdos-renyi:n=6").annealed(beta, 6) is None
    assert make_ensemble("sk:n=12").annealed(beta, 66) == pytest.approx(-12 * math.log(2) - beta**2 * 11 / 4)


@pytest.mark.parametrize(("p", "coupling"), [(0.8, 0.7), (0.35, 1.0), (0.8, -1.3)])
def test_nishimori_energy_is_that_of_all_signs(p, coupling):
    beta = math.atanh(2 * p - 1) / coupling
    spec = f"ea:shape=2x3,boundary=open,coupling={coupling}"
    own = make_ensemble(f"{spec},p={p}")
    if beta < 0:
        assert own.nishimori_energy(beta) is None
        return
    mean = sum(p**up * (1 - p) ** (7 - up) * float(probabilities(m, beta) @ energies(m)) for up, m in all_signs(spec))
    assert own.nishimori_energy(beta) == pytest.approx(mean / 7, abs=1e-12)
    assert own.nishimori_energy(beta + 1e-3) is None
    assert make_ensemble(f"{spec},p={p},field=0.1").nishimori_energy(beta) is None


def test_sk_annealed_average():
    run = statfe.disorder_average("sk:n=10", [0.0, 0.4, 0.8], 600, seed=2)
    for a in run.averages[1:]:
        assert a.annealed_effective > 100
        assert abs(a.annealed_sigmas) < 4.0
        assert a.annealed_error < 0.03 * a.beta
        assert a.beta_f > a.annealed
    assert run.reference[-1].method == "annealed-average"
    # At low temperature a few realisations carry [Z], and the result says so.
    cold = statfe.disorder_average("sk:n=12", 6.0, 50, seed=2)
    assert cold.converged
    assert cold.reference[1].status == "not_converged"
    assert "realisations; raise their number" in cold.reference[1].message


def test_open_chain_is_known_exactly_and_self_averages():
    """-ln Z = -N ln 2 - sum ln cosh(beta J): independent terms, so R ~ 1 / N up to the two ends."""
    beta, sizes = 1.3, (12, 36, 108)
    runs = [statfe.disorder_average(f"ea:shape={n},couplings=gaussian,boundary=open", [0.0, beta], 120, seed=n)
            for n in sizes]
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    bond = np.log(np.cosh(beta * nodes))
    mean = weights @ bond
    sigma = math.sqrt(weights @ bond**2 - mean**2)
    for n, run in zip(sizes, runs, strict=True):
        a = run.averages[1]
        assert abs(a.beta_f + n * math.log(2) + (n - 1) * mean) < 4.0 * a.beta_f_error
        assert abs(a.deviation - sigma * math.sqrt(n - 1)) < 4.0 * a.deviation_error
    found = self_averaging(runs)
    law, other = found.relative_variance[beta], found.deviation[beta]
    assert 0.0 < law.error < 0.15
    assert abs(law.exponent + 1.0) < 3.0 * law.error + 0.03
    assert abs(other.exponent - 0.5) < 3.0 * other.error + 0.015
    assert list(found.relative_variance) == [beta]
    with pytest.raises(UsageError, match="two sizes"):
        self_averaging(runs[:1])
    with pytest.raises(UsageError, match="no beta in common"):
        self_averaging([runs[0], statfe.disorder_average("ea:shape=5,boundary=open", 0.7, 2, seed=1)])


def test_power_law_fit():
    sizes = np.array([10.0, 20.0, 40.0, 80.0])
    law = fit_power(sizes, 3.0 * sizes**-1.7, 0.1 * sizes**-1.7)
    assert law.exponent == pytest.approx(-1.7)
    assert law.chi_square < 1e-20
    slopes, rng = [], np.random.default_rng(1)
    for _ in range(400):
        y = sizes**-1.7
        slopes.append(fit_power(sizes, y * np.exp(0.02 * rng.normal(size=4)), 0.02 * y))
    z = np.array([(s.exponent + 1.7) / s.error for s in slopes])
    assert abs(z.mean()) < 0.2
    assert 0.85 < z.std() < 1.15
    assert fit_power(sizes, np.array([1.0, 0.0, 0.0, 0.0]), np.ones(4)) is None


def test_moments_leave_the_noise_out():
    rng = np.random.default_rng(5)
    ratios, z = [], []
    for _ in range(300):
        truth, noise = rng.gamma(4.0, 1.0, 400), 1.5
        seen = moments.spread(truth + noise * rng.normal(size=400), np.full(400, noise**2))
        ratios.append((seen.deviation - 2.0) / seen.deviation_error)
        z.append((seen.skewness - 1.0) / seen.skewness_error)
        assert seen.raw > seen.deviation
    # sqrt of an unbiased variance is low by 1 / M; ratios of moments lean a little more.
    assert abs(np.mean(ratios)) < 0.3
    assert 0.85 < np.std(ratios) < 1.15
    assert abs(np.mean(z)) < 0.6
    mean = [moments.mean_and_error(rng.normal(size=50)) for _ in range(400)]
    assert 0.9 < np.std([m / e for m, e in mean]) < 1.15
    assert moments.spread(np.ones(20), np.zeros(20)).deviation == 0.0
    assert moments.annealed(np.ones(5)) == (1.0, 0.0, 5.0)


def rows_of(values: list[float], errors: float = 0.1, bad: tuple[int, ...] = ()) -> Rows:
    """Rows at one beta; those in `bad` failed, and those that are NaN have no number."""
    rows = Rows.empty(len(values), 1)
    for k, value in enumerate(values):
        status = "diverged" if math.isnan(value) else "not_converged" if k in bad else "converged"
        rows.put(k, [FreeEnergy(model="m", method="mbar", kind="estimate", status=status, beta=1.0, n_sites=6,
                                message="" if status == "converged" else "raise sweeps", beta_f=value,
                                beta_f_error=math.nan if math.isnan(value) else errors)],
                 half_shift=np.array([0.3]), half_spread=np.array([0.1]))
    return rows


def test_failures_are_counted_and_said():
    ensemble, seeds = make_ensemble("sk:n=6"), [11, 12, 13, 14, 15]
    good = average(ensemble, rows_of([1.0, 2.0, 3.0, 4.0, 5.0]), seeds, 1.0, 0)
    assert (good.status, good.failed, good.message) == ("converged", 0, "")
    # The bias of sampling is the same for all here, and is added to the scatter; the noise is not.
    assert good.beta_f_error == pytest.approx(math.hypot(math.sqrt(2.5 / 5), 0.3))
    assert good.deviation == pytest.approx(math.sqrt(2.5 - 0.01))
    assert (good.noise, good.noise_ratio) == (pytest.approx(0.1), pytest.approx(1.0))
    some = average(ensemble, rows_of([1.0, 2.0, 3.0, 4.0, 5.0], bad=(1, 3)), seeds, 1.0, 0)
    assert (some.status, some.failed, some.missing, some.beta_f) == ("not_converged", 2, 0, 3.0)
    assert re.search(r"2 of 5 realisations failed .*\(1, 3\).*best.*realisation 1, seed 12: raise sweeps", some.message)
    none = average(ensemble, rows_of([1.0, math.nan, 3.0, 4.0, 5.0]), seeds, 1.0, 0)
    assert (none.status, none.failed, none.missing) == ("diverged", 1, 1)
    assert math.isnan(none.beta_f)
    assert "no average" in none.message


@pytest.mark.parametrize(("options", "words"), [
    ({"realisations": 0}, "disorder must be at least 2, got 0"), ({"realisations": -4}, "at least 2"),
    ({"realisations": 1}, "at least 2"), ({"realisations": 2.5}, "must be an integer"),
    ({"model": "ising:shape=4x4"}, "ising has no disorder.*sk"), ({"model": "curie-weiss:n=8"}, "no disorder"),
    ({"model": "nothing:n=8"}, "unknown model"), ({"model": "sk:n=-1"}, "at least"),
    ({"solve": "fast"}, "way to solve"),
    ({"solve": "sampled", "betas": -0.5}, "beta >= 0"), ({"sweeps": 0}, "sweeps"), ({"replicas": 0}, "replicas"),
    ({"workers": 0}, "workers"), ({"retries": -1}, "retries"), ({"resume": True}, "needs an output"),
    ({"checkpoint_seconds": -1.0}, "checkpoint_seconds"), ({"seed": -2}, "seed"),
    ({"model": "sk:n=200", "solve": "exact"}, "--solve sampled"), ({"sampler": "glauber"}, "unknown sampler"),
])
def test_bad_input(options, words):
    with pytest.raises(UsageError, match=words):
        statfe.disorder_average(**{"model": "sk:n=6", "betas": 0.5, "realisations": 4, **options})
    model = IsingModel.from_edges(2, [0], [1], [1.0])
    with pytest.raises(UsageError, match="needs a spec"):
        statfe.disorder_average(model, 0.5, 4)


@pytest.mark.parametrize("each", [2, 3, 4])
def test_link_overlaps_of_lanes_are_those_of_their_spins(each):
    models = [statfe.model(f"ea:shape=3x4x3,seed={k}") for k in range(5)]
    plan = make_plan(models[0], [0.2, 0.5, 1.0], "bit-lane", "metropolis", 5 * each, 3)
    bank = BitLaneBank(models[0], plan, disorder=[model for model in models for _ in range(each)])
    sweep(bank, 0, 15)
    first = [r for r in range(5 * each) if r % each % 2 == 0 and r % each + 1 < each]
    lanes, spins = _lane_links(bank, first), _spin_links(bank, first)
    assert len(first) == 5 * (each // 2)
    assert lanes.std() > 0.05
    assert np.allclose(lanes, spins, rtol=0, atol=1e-14)


@pytest.mark.statistical
@pytest.mark.parametrize("spec", ["ea:shape=3x4", "sk:n=8", "ea:shape=2x4"])
def test_sampled_realisations_are_exact_within_their_errors(spec):
    """Values, link overlaps and energies against enumeration; lanes side by side, or one after the other."""
    count = 48 if spec == "ea:shape=3x4" else 12

    def p_value(seed: int) -> float:
        run = statfe.disorder_average(spec, [0.0, 1.0], count, seed=seed, solve="sampled", sweeps=1500, workers=2)
        models, n = [statfe.model(own) for own in run.specs], run.rows.numbers
        exact = np.array([beta_f(model, 1.0) for model in models])
        z = (n["beta_f"][:, 1] - exact) / n["beta_f_error"][:, 1]
        assert np.all(n["beta_f_error"][:, 1] > 0)
        assert np.all(n["beta_f_error"][:, 1] < 0.2)
        link, energy = [], []
        for model in models:
            p, s = probabilities(model, 1.0), states(model.n_sites)
            link.append(np.mean((p @ (s[:, model.rows] * s[:, model.cols])) ** 2))
            energy.append(p @ energies(model))
        other = [moments.mean_and_error(n[name][:, 1] - truth)
                 for name, truth in (("link_overlap", link), ("energy", energy))]
        scores = [z.sum() / math.sqrt(count), (np.sum(z**2) - count) / math.sqrt(2 * count),
                  *(mean / error for mean, error in other)]
        a = run.averages[1]
        assert abs(a.bias) < 0.02
        assert 0.45 < a.noise_ratio < 1.7
        return min(1.0, 4 * min(2 * norm.sf(abs(s)) for s in scores))

    sequential(p_value, alarm=1e-2)


@pytest.mark.statistical
def test_energy_on_the_nishimori_line():
    def p_value(seed: int) -> float:
        run = statfe.disorder_average("ea:shape=4x4x4,p=0.8", [0.3, math.atanh(0.6)], 64, seed=seed, sweeps=600,
                                      solve="sampled", retries=1, workers=2)
        off, on = run.averages
        assert math.isnan(off.nishimori_sigmas)
        assert on.energy_error < 3.0
        # Exactly solved ones too, and away from the line by a tenth the energy is another.
        exact = statfe.disorder_average("ea:shape=3x3,p=0.8", math.atanh(0.6), 200, seed=seed)
        return min(2 * norm.sf(abs(on.nishimori_sigmas)), 2 * norm.sf(abs(exact.averages[0].nishimori_sigmas)))

    sequential(p_value, alarm=1e-2)


@pytest.mark.statistical
def test_gaussian_identity_holds_in_equilibrium_alone():
    spec, options = "ea:shape=3x3x3,couplings=gaussian", {"solve": "sampled", "retries": 0, "workers": 2}

    def p_value(seed: int) -> float:
        a = statfe.disorder_average(spec, [1.0], 24, seed=seed, sweeps=1000, **options).averages[0]
        assert abs(a.link_sigmas) < 100
        return 2 * norm.sf(abs(a.link_sigmas))

    sequential(p_value, alarm=1e-2)
    short = statfe.disorder_average(
        "ea:shape=6x6x6,couplings=gaussian", [1.5], 24, seed=1, sweeps=12, sampler="metropolis:burn_in=0", **options)
    a = short.averages[0]
    assert a.link_sigmas > 4.0
    assert a.status == "not_converged"
    assert "link overlap implies in equilibrium" in a.message
    assert not short.converged


@pytest.mark.statistical
def test_short_runs_fail_and_are_run_again():
    few = statfe.disorder_average("ea:shape=3x4", 1.2, 8, seed=1, sweeps=30, solve="sampled", retries=0)
    assert few.averages[0].failed > 0
    assert few.averages[0].status == "not_converged"
    assert set(few.rows.attempts) == {1}
    more = statfe.disorder_average("ea:shape=3x4", 1.2, 8, seed=1, sweeps=30, solve="sampled", retries=4)
    assert more.averages[0].failed < few.averages[0].failed
    assert more.rows.attempts.max() > 1
    assert more.rows.sweeps.max() >= 4 * 30
