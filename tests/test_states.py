"""`simulate --states`: configurations at every beta, their law, bits and file, and what learns them."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy import stats
from statfe_cli.main import main

import statfe
from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.sampling import driver, harvest
from statfe.sampling.harvest import Harvest, spacing_of
from statfe.store.states import states_at
from tests.hdf5_rules import check_format
from tests.retry import sequential

#: Four spins in a frustrated ring with a chord and fields: couplings of any size, or all of one.
BONDS = ((0, 1), (1, 2), (2, 3), (0, 3), (0, 2))
UNEQUAL = ((1.0, -0.7, 0.9, 0.6, -0.4), (0.3, -0.2, 0.5, 0.1))
EQUAL = ((0.5, 0.5, -0.5, 0.5, -0.5), (0.5, 0.0, 0.5, 0.0))
BETAS = (0.4, 1.1)
SPEC, OPTIONS = "ea:shape=3x4,seed=2", {"sweeps": 300, "replicas": 3, "seed": 5, "checkpoint_seconds": 0.0}


class Killed(BaseException):
    """Nothing may catch it."""


def law(couplings: tuple, fields: tuple, beta: float) -> np.ndarray:
    """Probability of each state, +1 before -1 and the last spin fastest, written out."""
    weights = [np.exp(beta * (sum(J * s[i] * s[j] for (i, j), J in zip(BONDS, couplings, strict=True))
                              + sum(h * x for h, x in zip(fields, s, strict=True))))
               for s in itertools.product((1, -1), repeat=4)]
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize(("sampler", "numbers"), [
    ("metropolis:kernel=scalar", UNEQUAL), ("gibbs:kernel=dense", UNEQUAL), ("metropolis:kernel=float-lane", UNEQUAL),
    ("metropolis:kernel=bit-lane", EQUAL), ("houdayer", EQUAL)])
def test_states_follow_the_law_at_every_beta(sampler, numbers):
    rows, cols = np.array(BONDS).T
    model = IsingModel.from_edges(4, rows, cols, *numbers)

    def p_value(seed: int) -> float:
        states = statfe.simulate(model, BETAS, seed=seed, sweeps=6_000, sampler=sampler, states=1000,
                                 samples_only="scalar" not in sampler).states
        assert states is not None
        assert (states.spins.shape, states.spins.dtype) == ((2, 1000, 4), np.int8)
        assert "capped" not in states.words
        # As if independent: states that remember each other would widen the chi-square.
        worst = min(
            stats.chisquare(np.bincount((spins < 0) @ (8, 4, 2, 1), minlength=16), 1000 * law(*numbers, beta)).pvalue
            for beta, spins in zip(BETAS, states.spins, strict=True))
        return 1.0 - (1.0 - worst) ** 2

    sequential(p_value)


def test_neighbouring_states_of_a_replica_are_nearly_independent():
    run = statfe.simulate("ising:shape=4x4", 0.5, seed=1, sweeps=36_000, replicas=4, states=4000)
    m = run.states.spins[0].sum(axis=1, dtype=float).reshape(1000, 4)
    # The sign is the slowest of all. 3996 pairs have a standard error of 0.016; 0.05 is what the spacing promises.
    assert abs(np.mean(m[1:] * m[:-1]) / np.mean(m**2)) < 0.05 + 4 * 0.016


def test_a_run_with_states_measures_the_same_bits():
    plain = statfe.simulate(SPEC, BETAS, **OPTIONS | {"checkpoint_seconds": 30.0})
    kept = statfe.simulate(SPEC, BETAS, states=10, **OPTIONS)
    assert plain.states is None
    for name in ("energy", "magnetization", "swap_acceptance", "trips", "betas"):
        np.testing.assert_array_equal(getattr(plain.chains, name), getattr(kept.chains, name))
    assert [r.beta_f for r in plain.reference] == [r.beta_f for r in kept.reference]
    assert plain.verdict == kept.verdict
    np.testing.assert_array_equal(kept.states.betas, BETAS)  # not at the rungs that were added
    assert len(kept.chains.betas) > 2


def test_the_states_are_of_the_chains_that_stand_at_the_rung(monkeypatch):
    """Snapshots against the energies that the kernel itself reports there."""
    banks = []
    monkeypatch.setattr(Harvest, "take", lambda self, bank, swept: (
        banks.append((bank, swept)), setattr(self, "bank", bank), setattr(self, "swept", swept)))
    run = statfe.simulate(SPEC, BETAS, states=3, **OPTIONS)
    (bank, swept), = banks
    assert swept == run.chains.burn_in + run.chains.sweeps[-1]
    rungs = np.flatnonzero(run.chains.requested)
    for r in range(3):
        np.testing.assert_array_equal(bank.spins(r)[bank.chain_at[r][rungs]], run.states.spins[:, r])
    np.testing.assert_array_equal(bank.rung_of[0][bank.chain_at[0]], np.arange(len(run.chains.betas)))


@pytest.mark.parametrize("target", [{}, {"target_error": 0.02, "max_seconds": 20.0}])
def test_same_bits_for_any_workers_and_after_a_stop(target, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "ALL_BLOCK_NS", 1.2e5)
    want = statfe.simulate(SPEC, BETAS, states=8, **OPTIONS, **target).states
    two = statfe.simulate(SPEC, BETAS, states=8, workers=2, **OPTIONS, **target).states
    np.testing.assert_array_equal(want.spins, two.spins)
    advance, calls = Harvest._advance, []

    def dying(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        advance(self, *args)

    monkeypatch.setattr(Harvest, "_advance", dying)
    path = tmp_path / "run.h5"
    with pytest.raises(Killed):
        statfe.simulate(SPEC, BETAS, path, states=8, **OPTIONS, **target)
    assert not path.exists()
    with pytest.raises(UsageError, match=r"--states is 8 there, 9 here"):
        statfe.simulate(SPEC, BETAS, path, states=9, resume=True, **OPTIONS, **target)
    statfe.simulate(SPEC, BETAS, path, states=8, resume=True, **OPTIONS, **target)
    there = statfe.load(path).states
    np.testing.assert_array_equal(there.spins, want.spins)
    assert (there.spacing, there.words) == (want.spacing, want.words)
    np.testing.assert_array_equal(there.sweeps, (np.arange(8) // 3 + 1) * want.spacing)
    np.testing.assert_array_equal(there.chains, np.arange(8) % 3)


def test_the_spacing_is_of_the_slowest_beta_and_capped_by_the_run():
    chains = SimpleNamespace(sweeps=np.array([2, 4, 1000]), trips=None, n_replicas=3, exchange_sweeps=1000)
    tau, rungs = np.array([90.0, 1.0, 5.0]), np.array([1, 2])
    assert spacing_of(chains, tau, rungs, 10) == (40, "4 autocorrelation times of the energy")
    spacing, words = spacing_of(chains, tau, rungs, 50)
    assert (spacing, words.split(";")[0]) == (20, "capped at the sweeps of the run itself")
    assert "take 40 sweeps" in words
    assert spacing_of(chains, tau, rungs, 5000)[0] == 1
    chains.trips, chains.trips_to = np.zeros((3, 3)), {1: 200, 2: 150}.get
    spacing, words = spacing_of(chains, tau, rungs, 10)
    assert (spacing, "3 trips" in words) == (60, True)
    chains.trips_to = {1: 150, 2: 0}.get
    assert spacing_of(chains, tau, rungs, 10)[0] == 100


def test_the_file_keeps_them_by_the_rules_and_says_so(tmp_path, capsys):
    path = tmp_path / "run.h5"
    made = statfe.simulate(SPEC, BETAS, path, states=7, **OPTIONS)
    assert "/states" in check_format(path)
    with h5py.File(path) as file:
        assert file["states/spin"].dtype == np.int8
        assert file["states/spin"].shape == (2, 7, 12)
    run = statfe.load(path)
    np.testing.assert_array_equal(run.states.spins, made.states.spins)
    assert "--states 7" in run.command
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    assert "states: 7 configurations at every beta asked for" in text
    assert "spin(beta=2, state=7, site=12) int8" in text


def test_a_dry_run_counts_them(capsys):
    command = ["simulate", "ising:shape=16x16", "--beta", "0.2,0.3", "--sweeps", "50", "--seed", "1", "--dry-run"]
    found = []
    for more in ([], ["--states", "1000"]):
        assert main([*command, *more, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    plain, kept = found
    assert kept["file_bytes"] - plain["file_bytes"] == 2 * 1000 * 256
    assert (kept["states"], plain["states"]) == (1000, None)
    assert kept["states_seconds"] > 0.0 == plain["states_seconds"]


def test_bad_input_is_refused(monkeypatch, capsys):
    for states in (0, -1, 2.5):
        with pytest.raises(UsageError, match="states"):
            statfe.simulate(SPEC, BETAS, states=states, **OPTIONS)
    with pytest.raises(UsageError, match="schedule=tempering"):
        statfe.simulate(SPEC, BETAS, states=2, sampler="metropolis:schedule=annealing", **OPTIONS)
    words = ["simulate", SPEC, "--beta", "0.3", "--states", "2", "--disorder", "4", "-o", "x.h5"]
    assert main(words) == 2
    assert "--states is for one model" in capsys.readouterr().err
    monkeypatch.setattr(harvest, "available_bytes", lambda: 100.0)
    with pytest.raises(UsageError, match="take fewer states"):
        statfe.simulate(SPEC, BETAS, states=5, **OPTIONS)


def test_data_and_trials_take_them(tmp_path):
    path, data, bare = tmp_path / "run.h5", tmp_path / "data.h5", tmp_path / "bare.h5"
    run = statfe.simulate(SPEC, BETAS, path, states=50, **OPTIONS)
    words = ["data", "import", "run", str(path), "--beta", "1.1", "--test-fraction", "0", "--seed", "1"]
    assert main([*words, "-o", str(data)]) == 0
    found = statfe.load(data)
    np.testing.assert_array_equal(2 * found.train - 1, run.states.spins[1])
    assert (found.shape, found.name) == ((3, 4), f"{SPEC} at beta = 1.1, sampled by Markov chains, not exact")
    assert found.command.startswith("statfe data import run ")
    np.testing.assert_array_equal(states_at(path, 0.4)[1], run.states.spins[0])
    with pytest.raises(UsageError, match=r"no configurations at beta = 0\.5; it has them at 0\.4, 1\.1"):
        statfe.make_data("run", file=str(path), beta=0.5)
    statfe.simulate(SPEC, BETAS, bare, **OPTIONS)
    with pytest.raises(UsageError, match="--states N"):
        statfe.make_data("run", file=str(bare), beta=0.4)
    for method, more in (("rbm-trial", ",hidden=1"), ("vae-trial", "")):
        # The same spins in a file of data are the same start: the same bits.
        one, other = (statfe.free_energy(SPEC, 1.1, f"{method}:data={file},steps=5,samples=200{more}", seed=2).beta_f
                      for file in (path, data))
        assert one == other
        with pytest.raises(UsageError, match="no configurations at beta"):
            statfe.free_energy(SPEC, 0.7, f"{method}:data={path},steps=5", seed=2)
        with pytest.raises(UsageError, match="12 sites"):
            statfe.free_energy("ising:shape=3x3", 1.1, f"{method}:data={path},steps=5", seed=2)
