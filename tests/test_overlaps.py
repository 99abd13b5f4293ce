"""Overlaps of pairs of replicas: their law, where they are stored, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.errors import UsageError
from statfe.sampling.driver import blocks, run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import make_sampler
from statfe.stats import mean_error
from tests.naive.ising import probabilities, states


@pytest.mark.statistical
@pytest.mark.parametrize("kernel", ["bit-lane", "scalar"])
def test_the_second_moment_is_exact(kernel):
    model = statfe.model("ea:shape=3x3,seed=2")
    plan = plan_run(model, np.array([0.5, 1.0]), make_sampler(f"metropolis:kernel={kernel},overlaps=4"), sweeps=8000,
                    replicas=16, seed=3)
    chains = run_plan(model, plan)
    assert chains.overlap.shape == (8, 2000, len(chains.betas))
    s = states(9).astype(float)
    for beta in (0.5, 1.0):
        p = probabilities(model, beta)
        pair = np.einsum("k,ki,kj->ij", p, s, s)
        found = mean_error(chains.overlap[:, :, int(np.searchsorted(chains.betas, beta))] ** 2)
        assert abs(found.mean - np.mean(pair**2)) < 4.5 * found.error
        assert found.error < 0.02


def test_they_are_measured_when_they_are_due(tmp_path):
    model = statfe.model("ea:shape=4x4,seed=1")
    sampler = make_sampler("metropolis:kernel=scalar,overlaps=5,thin=2")
    plan = plan_run(model, np.array([0.4]), sampler, sweeps=103, replicas=5, seed=1)
    chains = run_plan(model, plan)
    assert chains.overlap.shape == (2, 10, len(chains.betas))
    assert np.all(np.abs(chains.overlap) <= 1.0)
    assert np.array_equal(run_plan(model, plan, workers=2).overlap, chains.overlap)
    from statfe.sampling.choice import get_kernel

    bank = get_kernel("scalar").make(model, plan)
    ends = [b.rows.stop for b in blocks(model, plan, bank) if b.rows is not None]
    assert set(range(5, 51, 5)) <= set(ends)


def test_they_are_stored_and_come_back(tmp_path):
    path = tmp_path / "run.h5"
    run = statfe.simulate(
        "ea:shape=4x4,seed=1", [0.4], path, sampler="gibbs:overlaps=3", sweeps=100, replicas=4, seed=1)
    back = statfe.load(path)
    assert np.array_equal(back.chains.overlap, run.chains.overlap)
    assert back.chains.overlap_every == 3
    import xarray

    with xarray.open_dataset(path, group="samples", engine="h5netcdf") as samples:
        assert samples.overlap.dims == ("beta", "pair", "overlap_draw")
        assert samples.pair.values.tolist() == [0, 2]
        assert samples.overlap_draw.values[0] == 3
    assert statfe.simulate("ea:shape=4x4,seed=1", [0.4], sweeps=100, seed=1).chains.overlap is None


@pytest.mark.parametrize(("sampler", "replicas", "words"), [
    ("gibbs:overlaps=2", 1, "replicas of 2 or more"), ("gibbs:overlaps=2,schedule=annealing", 4, "schedule=tempering"),
    ("gibbs:overlaps=200", 2, "records nothing")])
def test_what_is_refused(sampler, replicas, words):
    with pytest.raises(UsageError, match=words):
        statfe.simulate("ea:shape=4x4,seed=1", [0.4], sampler=sampler, sweeps=100, replicas=replicas, seed=1)
