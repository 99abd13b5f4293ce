"""Cases in which a ladder of chains goes wrong quietly: transitions, rings, one-sided starts, endless runs."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.sampling.driver import run_plan
from statfe.sampling.ladder import MAX_RUNGS, plan_ladder
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.sampling.starts import quenched, start
from statfe.stats import mean_error
from tests.models_for_tests import frustrated_triangle, peaked
from tests.naive.ising import energies, states


def star(leaves: int = 100, core: float = -30.0) -> IsingModel:
    """A core in a strong field against its leaves: the core turns over between beta = 0 and 2, all at once."""
    return IsingModel.from_edges(
        leaves + 1, np.zeros(leaves, dtype=int), np.arange(1, leaves + 1), np.full(leaves, 0.5),
        np.append(core, np.full(leaves, 0.5)))


@pytest.mark.statistical
@pytest.mark.parametrize(("spec", "beta"), [
    ("curie-weiss:n=60", [1.2, 2.0]), ("curie-weiss:n=120", [1.5]), ("ising:shape=64", [0.5, 1.0]),
    ("ising:shape=40,boundary=open", [0.7])])
def test_the_default_sampler_gets_through(spec, beta):
    exact = statfe.free_energy(spec, beta, "exact")
    found = statfe.free_energy(spec, beta, "mbar", seed=1, sweeps=4000)
    for e, f in zip(exact, found, strict=True):
        assert f.status == "converged", f.message
        assert abs(f.beta_f - e.beta_f) < 4 * f.beta_f_error
        assert f.beta_f_error < 0.1


def test_rungs_are_denser_where_the_energy_fluctuates_more():
    """In the Curie-Weiss model Var(E) is 1/2 at beta = 0, and of order N at the transition, beta = 1."""
    ladder = plan_ladder(build_model("curie-weiss:n=400"), np.array([2.0]), spacing=1.0, rule=0, seed=1)
    steps = np.diff(ladder.betas)
    assert steps[:2].mean() > 3 * steps[np.searchsorted(ladder.betas, 1.1)]
    assert 8 < len(steps) < 200


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_a_ring_forgets_its_domain_walls(beta):
    model = build_model("ising:shape=64")
    plan = plan_run(
        model, np.array([beta]), make_sampler("metropolis:schedule=annealing"), sweeps=4000, replicas=4, seed=1,
        samples_only=True)
    found = mean_error(run_plan(model, plan).energy)
    assert found.tau[0] < 12
    t = np.tanh(beta)
    exact = -64 * (t + t**63) / (1 + t**64)
    assert abs(found.mean[0] - exact) < 4.5 * found.error[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("schedule", ["tempering", "annealing"])
def test_a_jump_that_no_chain_takes_is_said(schedule, seed):
    """Both sides of a first-order transition are started from, so the chains disagree."""
    model = star()
    exact = statfe.free_energy(model, 2.0, "tree")
    run = statfe.simulate(model, [2.0], sampler=f"metropolis:schedule={schedule}", sweeps=2000, seed=seed)
    for found in run.reference:
        off = abs(found.beta_f - exact.beta_f) > 5 * found.beta_f_error
        assert found.status != "converged" or not off
    assert run.reference[0].status != "converged"


def test_starts_are_ordered_and_random_in_turn():
    model = peaked(8)
    s, e = states(8), energies(model)
    for replica in (1, 3):
        spins = start(model, 5, replica, 3)
        assert spins.dtype == np.int8
        assert np.array_equal(spins[0], spins[2])
        here = e[np.all(s == spins[0], axis=1)][0]
        for i in range(8):  # no single flip lowers the energy
            flipped = spins[0] * np.where(np.arange(8) == i, -1, 1)
            assert e[np.all(s == flipped, axis=1)][0] >= here
    zero, two = start(model, 5, 0, 50), start(model, 5, 2, 50)
    assert not np.array_equal(zero, two)
    assert abs(zero.mean()) < 0.25
    ferromagnet = build_model("ising:shape=6x6")
    assert abs(int(start(ferromagnet, 1, 1, 1).sum())) == 36


def test_a_quench_ends_in_a_ground_state_of_a_triangle():
    model = frustrated_triangle()
    spins = quenched(model, np.ones(3, dtype=np.int8), 1)
    assert float(model.energy(spins)) == -1.0


def test_both_directions_of_an_anneal_fill_every_rung():
    model = peaked(6)
    plan = plan_run(
        model, np.array([0.3, 0.8]), make_sampler("gibbs:schedule=annealing"), sweeps=3000, replicas=4, seed=2)
    energy = run_plan(model, plan).energy
    means = energy.mean(axis=1)
    assert np.all(np.isfinite(energy))
    # Up (0, 2) and down (1, 3): the energy falls along the ladder either way.
    assert np.all(means[:, 0] > means[:, -1])
    assert np.allclose(means[0], means[1], atol=6 * energy.std(axis=1).max() / np.sqrt(300))


def test_endless_runs_are_refused_before_they_start():
    model = build_model("ising:shape=4x4")
    with pytest.raises(UsageError, match="years"):
        plan_run(model, np.array([0.3]), make_sampler("gibbs"), sweeps=10**14, replicas=4, seed=1)
    with pytest.raises(UsageError, match="raise thin to"):
        plan_run(model, np.array([0.3]), make_sampler("gibbs:thin=1"), sweeps=10**9, replicas=1, seed=1)
    with pytest.raises(UsageError, match="rungs"):
        plan_ladder(model, np.linspace(0.1, 0.2, MAX_RUNGS + 2), spacing=1.0, rule=1, seed=1, sweeps=20)


def test_placing_rungs_tells_its_progress():
    seen = []
    plan_run(build_model("ising:shape=8x8"), np.array([0.4]), make_sampler("gibbs"), sweeps=100, replicas=1, seed=1,
             progress=lambda label, share: seen.append((label, share)))
    assert {label for label, _ in seen} == {"placing rungs"}
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert seen[-1][1] == 1.0


def test_a_dense_grid_still_measures_the_fluctuation():
    """Short steps share a measurement, but only near it: towards the transition rungs are added between the asked."""
    wanted = np.linspace(0.1, 1.4, 14)
    ladder = plan_ladder(build_model("curie-weiss:n=800"), wanted, spacing=1.0, rule=0, seed=1, sweeps=60)
    added = ladder.betas[~ladder.requested]
    assert np.any(added > 0.9)
    assert not np.any((added > 0) & (added < 0.5))


def test_an_anneal_of_few_replicas_vouches_for_nothing():
    for replicas, statuses in ((3, {"not_converged"}), (8, {"converged", "not_converged"})):
        run = statfe.simulate("ising:shape=4x4,field=0.02", [0.3], sampler="gibbs:schedule=annealing", sweeps=2000,
                              replicas=replicas, seed=1)
        assert {r.status for r in run.reference} <= statuses
    assert statfe.simulate("ising:shape=4x4,field=0.02", [0.0], sampler="gibbs:schedule=annealing", sweeps=200,
                           replicas=1, seed=1).converged
