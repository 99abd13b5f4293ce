"""Rungs that place themselves: even swap rates, from synthetic energies whose barrier is known and from real chains."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.special import erf

import statfe
from statfe.chains import MIN_ACCEPTANCE
from statfe.errors import SpecError
from statfe.models.catalogue import build_model
from statfe.sampling import placement
from statfe.sampling.driver import run_plan
from statfe.sampling.ladder import Ladder, requested_only
from statfe.sampling.placement import even_out, placed, rejections, rounds_of, step_lengths
from statfe.sampling.plan import Plan, plan_run
from statfe.sampling.samplers import make_sampler
from tests.test_ladder import star


class Gaussian:
    """Stands for a round of chains: independent Gaussian energies, of a given mean and spread at every beta."""

    def __init__(self, mean: Callable, sigma: Callable, seed: int = 1) -> None:
        self.mean, self.sigma, self.rng, self.asked = mean, sigma, np.random.default_rng(seed), []

    def __call__(self, betas: np.ndarray, spins: np.ndarray | None, sweeps: int, number: int) -> Gaussian:
        assert (spins is None) == (number == 0)
        assert spins is None or spins.shape[1] == len(betas)
        self.betas, self.sweeps = betas, sweeps
        self.asked.append(betas)
        return self

    def energies(self) -> Iterator[np.ndarray]:
        for part in (self.sweeps // 2, self.sweeps - self.sweeps // 2):
            yield self.rng.normal(self.mean(self.betas), self.sigma(self.betas), (4, part, len(self.betas)))

    def spins(self) -> np.ndarray:
        return np.zeros((4, len(self.betas), 3), dtype=np.int8)


def ladder_of(betas: list[float], requested: list[float]) -> Ladder:
    return Ladder(np.array(betas), np.isin(betas, requested))


def peak(beta: np.ndarray) -> np.ndarray:
    """A spread of the energy with a sharp maximum."""
    return 5.0 + 60.0 * np.exp(-(((np.asarray(beta) - 0.6) / 0.05) ** 2))


def mean_of(sigma: Callable) -> Callable:
    """d<E>/d beta = -sigma^2."""
    grid = np.linspace(0.0, 2.0, 20_001)
    total = np.concatenate([[0.0], np.cumsum(sigma(0.5 * (grid[1:] + grid[:-1])) ** 2) * (grid[1] - grid[0])])
    return lambda beta: -np.interp(beta, grid, total)


def test_rejections_of_gaussian_energies():
    """The mean of min(1, exp(...)) is erfc(d sigma / 2) where <E> falls by sigma^2 d beta (Kofke 2002)."""
    betas, rng = np.array([0.0, 0.05, 0.2, 0.5]), np.random.default_rng(2)
    energy = rng.normal(-16.0 * betas, 4.0, (4, 20_000, 4))
    found = rejections(betas, energy)
    assert np.allclose(found, erf(np.diff(betas) * 4.0 / 2.0), atol=0.004)
    assert np.allclose(step_lengths(found), np.diff(betas) * 4.0, rtol=0.02)


def test_lengths_are_bounded_where_rates_say_little():
    lengths = step_lengths(np.array([0.0, 0.5, 1.0]))
    assert lengths[0] > 0.0
    assert lengths[2] == placement.LONGEST


def test_equal_steps_along_a_known_length():
    """Length 10 beta^2: equal steps are at sqrt(k / n)."""
    betas = np.linspace(0.0, 1.0, 40)
    found = placed(Ladder(betas, betas == 1.0, np.full(39, 0.2)), np.diff(10.0 * betas**2), spacing=1.0)
    assert np.allclose(found.betas, np.sqrt(np.linspace(0.0, 1.0, 11)), atol=3e-3)
    assert np.allclose(found.rejection, erf(0.5))
    assert list(found.betas[found.requested]) == [1.0]


def test_requested_rungs_stay_and_steps_are_even_between_them():
    betas = np.linspace(0.0, 1.0, 41)
    asked = [betas[10], betas[11], 1.0]
    found = placed(Ladder(betas, np.isin(betas, asked), np.full(40, 0.2)), np.full(40, 0.3), spacing=1.0)
    assert list(found.betas[found.requested]) == asked
    # Lengths 3, 0.3 and 8.7.
    assert [np.searchsorted(found.betas, b) for b in asked] == [3, 4, 13]
    assert found.unevenness == pytest.approx(1.0)


@pytest.mark.parametrize("requested", [[1.0], [0.3, 0.58, 1.0]])
def test_a_peak_is_found_and_its_rates_made_even(requested):
    """The ladder that one starts from has rungs where they are not needed and a wide step across the peak."""
    run = Gaussian(mean_of(peak), peak)
    start = ladder_of(sorted({0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.7, 0.8, 0.9, *requested}), requested)
    found = even_out(start, run, spacing=1.0, rounds=[200, 400, 800, 1600, 3200])
    betas = np.linspace(0.0, 1.0, 20_001)
    along = np.concatenate([[0.0], np.cumsum(peak(0.5 * (betas[1:] + betas[:-1])) / 20_000)])
    steps = np.diff(np.interp(found.betas, betas, along))
    cuts = np.flatnonzero(found.fixed)
    for first, last in itertools.pairwise(cuts):
        inner = steps[first:last]
        assert inner.max() / inner.min() < 1.25
    assert 0.6 < steps.mean() < 1.31
    assert found.unevenness < 1.25
    assert set(requested) <= set(found.betas)
    assert not len(found.gaps)


def test_rounds_end_when_the_rates_are_even():
    run = Gaussian(lambda b: -100.0 * np.asarray(b), lambda b: np.full(np.shape(b), 10.0))
    even = np.linspace(0.0, 1.0, 11)
    found = even_out(Ladder(even, even == 1.0), run, spacing=1.0, rounds=[4000, 4000, 4000])
    assert len(run.asked) == 1
    assert np.array_equal(found.betas, even)
    assert found.unevenness < placement.EVEN


def test_a_gap_that_no_rung_closes_is_said():
    """Energies that jump between two temperatures, however near: no rung lies within the jump."""
    run = Gaussian(lambda b: np.where(np.asarray(b) < 0.5234, 0.0, -1e13), lambda b: np.full(np.shape(b), 1.0))
    found = even_out(ladder_of([0.0, 0.5, 1.0], [1.0]), run, spacing=1.0, rounds=[32, 64, 128])
    assert len(found.gaps) >= 1
    k = found.gaps[0]
    assert found.betas[k] < 0.5234 <= found.betas[found.gaps[-1] + 1]
    assert found.rejection[k] > 1.0 - MIN_ACCEPTANCE
    assert str(found).count("a gap between beta = 0.5") == 1
    assert str(found).count("did not close") == 1
    assert len(found.betas) < 100


def test_rounds_take_a_small_share_and_short_runs_none():
    assert rounds_of(800) == []
    for sweeps in (1000, 2000, 12_000, 10**7):
        rounds = rounds_of(sweeps)
        assert 0 < sum(rounds) <= min(placement.SHARE * sweeps, placement.MOST_SWEEPS)
        assert all(b == 2 * a for a, b in itertools.pairwise(rounds))
        assert rounds[0] >= placement.LEAST_SWEEPS


def planned(spec: str, betas: list[float], sampler: str = "metropolis", sweeps: int = 10_000, seed: int = 1) -> Plan:
    return plan_run(build_model(spec), np.array(betas), make_sampler(sampler), sweeps=sweeps, replicas=4, seed=seed)


@pytest.mark.statistical
@pytest.mark.parametrize(("spec", "beta"), [("ea:shape=4x4x4,seed=1", 1.0), ("ising:shape=16x16", 0.5)])
def test_swap_rates_come_out_even(spec, beta):
    plan = planned(spec, [beta])
    chains = run_plan(build_model(spec), plan)
    assert chains.unevenness < 1.3
    assert plan.ladder.unevenness < 1.3
    assert chains.barrier == pytest.approx(plan.ladder.rejection.sum(), rel=0.05)
    old = run_plan(build_model(spec), planned(spec, [beta], "metropolis:ladder=fluctuation"))
    assert old.unevenness > 1.25 * chains.unevenness


@pytest.mark.statistical
@pytest.mark.parametrize("sampler", ["metropolis:kernel=scalar", "metropolis:kernel=float-lane", "swendsen-wang",
                                     "metropolis:kernel=multi-site", "houdayer:kernel=houdayer"])
def test_every_kernel_takes_part(sampler):
    """The rounds hand their spins on to each bank."""
    chains = run_plan(build_model("ising:shape=16x16"), planned("ising:shape=16x16", [0.2, 0.5], sampler, sweeps=3000))
    assert chains.unevenness < 1.45


def test_spacing_is_kept():
    near, far = (planned("ising:shape=16x16", [0.5], f"metropolis:spacing={s}") for s in (0.7, 1.5))
    assert near.ladder.rejection.mean() == pytest.approx(erf(0.35), rel=0.15)
    assert far.ladder.rejection.mean() == pytest.approx(erf(0.75), rel=0.15)


def test_a_plan_is_the_same_for_the_same_seed_and_keeps_a_given_ladder():
    one, two, other = (planned("sk:n=20,seed=1", [0.5, 1.5], seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.ladder.betas, two.ladder.betas)
    assert not np.array_equal(one.ladder.betas, other.ladder.betas)
    given = Ladder(one.ladder.betas, one.ladder.requested)
    plan = plan_run(build_model("sk:n=20,seed=1"), np.array([0.5, 1.5]), make_sampler("metropolis"), sweeps=10_000,
                    replicas=4, seed=1, ladder=given)
    assert plan.ladder is given


def test_nothing_is_measured_where_nothing_can_move(monkeypatch):
    monkeypatch.setattr(placement, "even_out", lambda *_, **__: pytest.fail("a round was run"))
    assert planned("ising:shape=4x4", [0.01, 0.02]).ladder.rejection is None
    assert planned("ising:shape=8x8", [0.4], "metropolis:ladder=fluctuation").ladder.rejection is None
    assert planned("ising:shape=8x8", [0.4], "metropolis:schedule=annealing").ladder.rejection is None
    samples = plan_run(build_model("ising:shape=8x8"), np.array([0.1, 0.4]), make_sampler("metropolis"), sweeps=9000,
                       replicas=4, seed=1, samples_only=True)
    assert samples.ladder.rejection is None


def test_too_many_spins_keep_the_first_ladder(monkeypatch):
    monkeypatch.setattr("statfe.sampling.rounds.SPIN_BYTES", 1000.0)
    monkeypatch.setattr(placement, "even_out", lambda *_, **__: pytest.fail("a round was run"))
    assert planned("ising:shape=8x8", [0.4]).ladder.rejection is None


def test_a_bad_name_of_a_ladder_is_refused():
    with pytest.raises(SpecError, match="adaptive"):
        make_sampler("metropolis:ladder=adaptve")


def test_what_is_said_of_a_ladder():
    assert str(requested_only(np.array([0.1, 0.2]))) == "2 rungs, 0 of them added"
    text = str(Ladder(np.array([0.0, 0.1, 0.2]), np.array([False, False, True]), rejection=np.array([0.5, 0.45])))
    assert text == "3 rungs, 2 of them added; barrier Lambda = 0.95, exchanges accepted 0.50 to 0.55"


def test_chains_stuck_on_both_sides_of_a_jump_do_not_hide_it():
    """Half of the replicas in each of two phases: rejections of 1/2 look harmless, the mean energies do not."""
    lengths = step_lengths(np.array([0.5, 0.5]), np.array([0.9, 9.0]))
    assert lengths[0] == pytest.approx(step_lengths(np.array([0.5]))[0])
    assert lengths[1] > 2.0 * lengths[0]


@pytest.mark.statistical
def test_a_ladder_finds_a_jump():
    """The core of this star turns over between beta = 0.8 and 2; by its fluctuations nothing happens on the way."""
    model, found = star(40, -12.0), {}
    for ladder in ("fluctuation", "adaptive"):
        plan = plan_run(model, np.array([2.0]), make_sampler(f"metropolis:ladder={ladder}"), sweeps=10_000, replicas=4,
                        seed=2)
        found[ladder] = run_plan(model, plan)
    assert found["fluctuation"].swap_acceptance.min() < 0.1
    assert found["adaptive"].swap_acceptance.min() > 0.1
    # Round trips are no test here: they come in bursts, hundreds in one replica and a few in the others.


@pytest.mark.statistical
def test_a_jump_stays_unconverged_or_right():
    """A star whose core turns over at once: even rungs do not hide that chains fail to cross."""
    model = star()
    exact = statfe.free_energy(model, 2.0, "tree")
    run = statfe.simulate(model, [2.0], sweeps=8000, seed=5)
    for found in run.reference:
        assert found.status != "converged" or abs(found.beta_f - exact.beta_f) < 5 * found.beta_f_error
