"""Ground states: annealing kernels, quench, certificates, what is counted, and the command."""

from __future__ import annotations

import inspect
import json
import math

import click
import h5py
import numpy as np
import pytest
import scipy.stats
from statfe_cli.ground_state import command as ground_state_command

import statfe
from statfe.errors import StoreError, UsageError
from statfe.models.ising import IsingModel
from statfe.models.rbm import ising_form
from statfe.search.annealing import KERNELS, anneal, batches, choose_kernel, distinct
from statfe.search.certificate import certify, exact_bound, satisfied
from statfe.search.reads import energy_scale, levels
from statfe.search.result import solution_time
from statfe.search.schedule import Schedule, default_ends, make_schedule, unit_of_changes
from tests.hdf5_rules import check_format
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.ising import energies, probabilities, states
from tests.retry import sequential


def tree() -> IsingModel:
    rng = np.random.default_rng(2)
    return IsingModel.from_edges(12, rng.integers(0, np.arange(1, 12)), np.arange(1, 12), rng.normal(size=11),
                                 0.5 * rng.normal(size=12))


def square(J: float = 0.1) -> IsingModel:
    """One frustrated plaquette, with a coupling that no double holds exactly."""
    return IsingModel.from_edges(4, [0, 1, 2, 0], [1, 2, 3, 3], [J, J, J, -J])


def rbm() -> IsingModel:
    rng = np.random.default_rng(4)
    return ising_form(rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=4))


ZOO = {
    "chain": lambda: statfe.model("ising:shape=10,boundary=open,coupling=-1"),
    "ring, odd and frustrated": lambda: statfe.model("ising:shape=9,coupling=-1"),
    "tree": tree,
    "triangle": frustrated_triangle,
    "square": square,
    "+-J 4x4": lambda: statfe.model("ea:shape=4x4,seed=3"),
    "+-J 4x4, open": lambda: statfe.model("ea:shape=4x4,boundary=open,seed=3"),
    "+-J 2x2x3 with parallel bonds": lambda: statfe.model("ea:shape=2x2x3,seed=5"),
    "Gaussian 4x4": lambda: statfe.model("ea:shape=4x4,couplings=gaussian,seed=3"),
    "SK": lambda: statfe.model("sk:n=12,seed=1"),
    "dense with fields": lambda: peaked(10),
    "field of one J": lambda: statfe.model("ising:shape=3x4,coupling=-1,field=1"),
    "RBM": rbm,
    "pieces": disconnected,
    "free spins": isolated,
    "one spin": lambda: IsingModel.from_edges(1, [], [], [], [-0.3]),
    "one free spin": lambda: IsingModel.from_edges(1, [], [], []),
    "zero couplings": lambda: IsingModel.from_edges(4, [0, 1], [1, 2], [0.0, 0.0]),
    "tiny couplings": lambda: square(1e-200),
    "huge couplings": lambda: square(1e300),
}


def takes(kernel: str, model: IsingModel) -> bool:
    return not KERNELS[kernel].obstacle(model)


@pytest.mark.parametrize("name", ZOO)
def test_the_ground_state_of_a_small_model(name):
    model = ZOO[name]()
    e = energies(model)
    found = statfe.ground_state(model, reads=128, sweeps=100, seed=1)
    assert found.energy == pytest.approx(e.min(), rel=1e-12, abs=0.0)
    assert found.certified
    assert found.kind == "exact"
    assert found.lower_bound <= found.energy
    np.testing.assert_allclose(model.energy(found.states), found.state_energies, rtol=1e-12, atol=0.0)
    assert np.all(np.diff(levels(model, found.state_energies)) >= 0)
    close = 1e-12 * max(abs(e.min()), np.abs(e).max())
    ground = {tuple(s) for s in states(model.n_sites)[e <= e.min() + close]}
    assert all(tuple(s) in ground for s in found.lowest_states)
    assert len(found.lowest_states) >= 1


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["+-J 4x4, open", "Gaussian 4x4", "SK", "field of one J", "RBM", "pieces"])
def test_every_kernel_finds_it_and_counts_right(name, kernel):
    model = ZOO[name]()
    if not takes(kernel, model):
        pytest.skip("this kernel cannot hold the model")
    schedule, e = make_schedule(model, 60), energies(model)
    found = anneal(model, schedule, 200, 8, 5, kernel=kernel)
    assert found.energies.shape == (200,)
    assert found.energies.min() == pytest.approx(e.min(), rel=1e-12)
    # Every final energy is one that the model has.
    assert np.abs(found.energies[:, None] - e[None, :]).min(axis=1).max() < 1e-11


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("spec", ["ea:shape=5x5,seed=1", "ea:shape=4x4x4,boundary=open,seed=1",
                                  "ea:shape=5x5,couplings=gaussian,seed=1", "random-regular:n=60,degree=3,seed=1"])
def test_reads_end_where_no_flip_lowers_the_energy(kernel, spec):
    model = statfe.model(spec)
    if not takes(kernel, model):
        pytest.skip("this kernel cannot hold the model")
    shared = KERNELS[kernel](model, Schedule(np.array([0.3]), 3))
    batch = shared.batch(range(2, 4), 7)
    lanes = np.arange(2 * shared.lanes)
    batch.anneal(0, 3)
    batch.quench()
    spins = batch.spins(lanes).astype(float)
    np.testing.assert_allclose(model.energy(spins), batch.energies(), rtol=1e-12)
    changes = 2.0 * spins * (spins @ model.adjacency.toarray() + model.fields)
    assert changes.min() > -1e-9
    assert len(np.unique(spins, axis=0)) > 1


@pytest.mark.statistical
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("heat", [False, True])
def test_sweeps_at_one_beta_keep_the_boltzmann_law(kernel, heat):
    model = statfe.model("ea:shape=2x3,boundary=open,seed=4") if kernel == "bit-lane" else peaked(5)
    beta = 0.6 if kernel == "bit-lane" else 0.25
    expected = probabilities(model, beta)
    # The last sweep is a heat bath or Metropolis.
    sweeps = 24 if heat else 22

    def p_value(seed: int) -> float:
        shared = KERNELS[kernel](model, Schedule(np.array([beta]), sweeps))
        units = range(6400 // shared.lanes)
        rows = []
        for first in range(0, len(units), 8):
            batch = shared.batch(units[first:first + 8], seed)
            batch.anneal(0, sweeps)
            # A LaneBatch unpacks when it is quenched; look before that.
            rows.append(lanes_of(batch, len(units[first:first + 8]) * shared.lanes))
        code = (np.concatenate(rows) > 0) @ (1 << np.arange(model.n_sites)[::-1])
        seen = np.bincount(code, minlength=len(expected))
        large = expected * len(code) > 5
        pooled = np.append(expected[large], expected[~large].sum() or 1e-300) * len(code)
        counts = np.append(seen[large], seen[~large].sum())
        keep = pooled > 1e-9
        return float(scipy.stats.chisquare(counts[keep], pooled[keep], sum_check=False).pvalue)

    sequential(p_value)


def lanes_of(batch, count: int) -> np.ndarray:
    """Spins of the reads of a batch that was not quenched yet."""
    if hasattr(batch, "tiles"):
        bits = np.unpackbits(batch.tiles.astype("<u8").view(np.uint8).reshape(*batch.tiles.shape, 8), axis=2,
                             bitorder="little")
        return (2 * bits.transpose(0, 2, 1).reshape(-1, bits.shape[1]).astype(np.int8) - 1)[:count]
    return batch.spins(np.arange(count))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_bits_for_any_workers_batches_and_blocks(kernel, monkeypatch):
    model = statfe.model("ea:shape=4x4x4,seed=2")
    schedule = make_schedule(model, 20)
    reads = 24 if kernel == "chain" else 1300
    one = anneal(model, schedule, reads, 6, 3, kernel=kernel)
    monkeypatch.setattr("statfe.search.annealing.BLOCK_NS", 1.0)
    other = anneal(model, schedule, reads, 6, 3, kernel=kernel, workers=3)
    for name in ("energies", "states", "state_energies"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    fewer = anneal(model, schedule, reads - 9, 6, 3, kernel=kernel)
    np.testing.assert_array_equal(fewer.energies, one.energies[:-9])
    assert not np.array_equal(anneal(model, schedule, reads, 6, 4, kernel=kernel).energies, one.energies)


def test_kept_states_are_the_best_distinct_ones(monkeypatch):
    monkeypatch.setattr("statfe.search.annealing.LOOK", 1)
    model = statfe.model("ea:shape=4x4,couplings=gaussian,seed=3")
    found = statfe.ground_state(model, reads=300, sweeps=5, max_states=7, seed=1, kernel="chain")
    assert len(distinct(found.states)) == len(found.states) == 7
    assert np.all(found.states[:, 0] == 1)
    kept = np.unique(np.round(found.energies, 9))[:7]
    # Every local minimum of this model has its own energy.
    np.testing.assert_allclose(found.state_energies, kept, atol=1e-8)


def test_batches_cover_all_units_once():
    model = statfe.model("ea:shape=4x4,seed=1")
    for name, kind in KERNELS.items():
        kernel = kind(model, make_schedule(model, 5))
        for reads in (1, 63, 64, 65, 1000, 5000):
            for workers in (1, 2, 7):
                parts = batches(kernel, reads, workers)
                assert [u for part in parts for u in part] == list(range(-(-reads // kernel.lanes))), name
                assert max(len(part) for part in parts) <= kernel.largest


def test_the_kernel_is_chosen_by_the_model_and_the_reads():
    glass, dense = statfe.model("ea:shape=4x4x4,seed=1"), statfe.model("sk:n=50,seed=1")
    assert choose_kernel(glass, 1024) == "bit-lane"
    assert choose_kernel(dense, 1024) == "float-lane"
    assert choose_kernel(dense, 1) == choose_kernel(glass, 1) == "chain"
    with pytest.raises(UsageError, match="use float-lane"):
        choose_kernel(dense, 64, "bit-lane")
    with pytest.raises(UsageError, match="bit-lane"):
        choose_kernel(glass, 64, "bit-lan")


def test_schedules():
    glass = statfe.model("ea:shape=4x4x4,seed=1")
    assert unit_of_changes(glass) == 4.0
    assert unit_of_changes(statfe.model("random-regular:n=10,degree=3,seed=1")) == 2.0
    assert unit_of_changes(statfe.model("sk:n=10,seed=1")) is None
    hot, cold = default_ends(glass)
    assert 0.1 < hot * math.sqrt(6) < 1.0
    assert math.exp(-4.0 * cold) < 1e-3
    strong = IsingModel.from_edges(glass.n_sites, glass.rows, glass.cols, 1e3 * glass.couplings)
    np.testing.assert_allclose(default_ends(strong), np.array([hot, cold]) / 1e3)
    given = make_schedule(glass, 10, "2,0.5,1")
    assert list(given.betas) == [2.0, 0.5, 1.0]
    assert list(given.steps) == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    ends = make_schedule(glass, 5, beta_min=0.5, beta_max=1.5)
    np.testing.assert_allclose(ends.betas, [0.5, 0.75, 1.0, 1.25, 1.5])
    assert len(make_schedule(glass, 10**6).betas) == 500


@pytest.mark.parametrize("name", ["+-J 4x4", "Gaussian 4x4", "SK", "dense with fields", "RBM", "pieces", "triangle"])
def test_no_other_state_is_certified(name):
    model = ZOO[name]()
    e, s = energies(model), states(model.n_sites)
    excited = np.flatnonzero(e > e.min() + 1e-7)
    for k in excited[np.argsort(e[excited])][:3]:
        proof = certify(model, float(e[k]), s[k].astype(np.int8))
        assert not proof.certified
        assert proof.lower_bound <= e.min() + 1e-12 * abs(e.min())
        assert "raise sweeps or reads" in proof.reason


def test_bounds():
    model = statfe.model("ea:shape=3x3x3,seed=1")
    found = statfe.ground_state(model, reads=1024, sweeps=200, seed=1)
    beta = 1e3
    exact = statfe.free_energy(model, beta, method="enumeration").free_energy
    assert exact <= found.energy <= exact + 27 * math.log(2) / beta
    assert exact_bound(statfe.model("ea:shape=6x6x6,seed=1"), 648.0) is None
    glass = statfe.ground_state("ea:shape=6x6x6,seed=1", reads=512, sweeps=20, seed=1)
    assert (glass.kind, glass.lower_bound) == ("upper_bound", -648.0)
    assert "no proof" in glass.certificate
    ferro = statfe.model("ising:shape=20x20x20,field=0.5")
    assert satisfied(ferro, np.ones(8000, np.int8))
    assert not satisfied(ferro, -np.ones(8000, np.int8))
    assert certify(ferro, -28000.0, np.ones(8000, np.int8)).certified


def test_what_is_counted():
    found = statfe.ground_state("ea:shape=4x4x4,seed=1", reads=700, sweeps=6, seed=2)
    hits = int(np.sum(found.energies == found.energies.min()))
    assert 0 < hits < 700
    assert (found.hits, found.reads, found.success) == (hits, 700, hits / 700)
    interval = scipy.stats.binomtest(hits, 700).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(found.success_interval, interval, rtol=1e-9)
    assert found.time_to_solution == pytest.approx(
        found.seconds / 700 * math.log(0.01) / math.log(1 - hits / 700))
    assert found.time_interval[0] < found.time_to_solution < found.time_interval[1]
    target = statfe.ground_state("ea:shape=4x4x4,seed=1", reads=700, sweeps=6, seed=2,
                                 target_energy=found.energy + 4)
    assert target.hits == int(np.sum(found.energies <= found.energy + 4)) > hits
    never = statfe.ground_state("ea:shape=4x4x4,seed=1", reads=700, sweeps=6, seed=2, target_energy=-1e3)
    assert never.hits == 0
    assert never.time_to_solution == math.inf
    assert never.to_dict()["time_to_solution"] is None
    assert never.success_interval[0] == 0.0


def test_the_time_to_solution():
    assert solution_time(2.0, 0.9) == pytest.approx(4.0)
    assert solution_time(2.0, 1.0) == 2.0
    assert solution_time(2.0, 0.995) == 2.0
    assert solution_time(2.0, 0.0) == math.inf
    assert energy_scale(square(2.0)) == 8.0


def test_a_file_holds_all_of_it(here):
    found = statfe.ground_state("ea:shape=4x4,couplings=gaussian,seed=1", "out.h5", reads=100, sweeps=30, seed=9)
    assert set(check_format(here / "out.h5")) == {"/model", "/states", "/reads", "/schedule"}
    with h5py.File("out.h5") as file:
        assert file["states/spin"].dtype == np.int8
        assert file["schedule/sweeps"][()].sum() == 30
    again = statfe.load("out.h5")
    for name in ("energies", "states", "state_energies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.model.couplings, found.model.couplings)
    np.testing.assert_array_equal(again.schedule.betas, found.schedule.betas)
    np.testing.assert_array_equal(again.schedule.steps, found.schedule.steps)


def test_a_damaged_file_is_refused(here):
    statfe.ground_state("ea:shape=3x3,seed=1", "out.h5", reads=4, sweeps=3, seed=9)
    with h5py.File("out.h5", "a") as file:
        del file["reads/energy"]
    with pytest.raises(StoreError, match="reads"):
        statfe.load("out.h5")


KEYS = {
    "model", "n_sites", "energy", "energy_per_site", "kind", "certified", "lower_bound", "certificate",
    "target_energy", "reads", "hits", "success", "success_interval", "distinct_states", "state_energies", "seconds",
    "read_seconds", "time_to_solution", "time_interval", "sweeps", "beta_first", "beta_last", "kernel", "workers",
    "seed", "command", "output"}


def test_the_command_prints_json_and_can_be_run_again(here, call):
    words = ["ea:shape=4x4,seed=3", "--reads", "70", "--sweeps", "40", "--betas", "0.2:2:20", "--seed", "5"]
    code, out, err = call("ground-state", *words, "--json", "-o", "a.h5", "--workers", "2")
    assert (code, err) == (0, "")
    first = json.loads(out)
    assert set(first) == KEYS
    assert first["energy"] == energies(statfe.model("ea:shape=4x4,seed=3")).min()
    again = first["command"].split()[2:]
    code, out, _ = call("ground-state", *again, "--json", "--force")
    second = json.loads(out)
    times = {"seconds", "read_seconds", "time_to_solution", "time_interval", "workers"}
    assert {k: v for k, v in first.items() if k not in times} == {k: v for k, v in second.items() if k not in times}


def test_the_command_for_people(here, call):
    code, out, err = call("ground-state", "ea:shape=3x3,seed=3", "--reads", "10", "--sweeps", "4", "-o", "a.h5")
    assert (code, err) == (0, "")
    for word in ("lowest energy", "certified", "of 10", "95% interval", "time to solution", "states kept", "seed",
                 "wrote a.h5"):
        assert word in out
    code, out, _ = call("ground-state", "ea:shape=6x6x6,seed=3", "--reads", "10", "--sweeps", "4",
                        "--target-energy", "-1000")
    assert code == 0
    assert "not certified" in out
    assert "0 of 10 at -1000 or below" in out
    assert "unknown" in out
    assert call("inspect", "a.h5")[0] == 0


BAD = [
    (("--reads", "0"), "reads"), (("--sweeps", "0"), "sweeps"), (("--betas", "0,1"), "beta > 0"),
    (("--betas", "-1,1"), "beta > 0"), (("--betas", "a"), "beta grid"), (("--betas", "0.1:1:50", "--sweeps", "10"),
                                                                         "raise sweeps"),
    (("--betas", "1", "--beta-min", "1"), "either"), (("--beta-min", "2", "--beta-max", "1"), "above"),
    (("--beta-max", "nan"), "finite"), (("--beta-min", "0"), "beta > 0"), (("--target-energy", "inf"), "finite"),
    (("--kernel", "gpu"), "kernel"), (("--states", "0"), "states"), (("--seed", "-1"), "seed"),
    (("-o", "there.h5"), "--force"), (("-o", "no/where.h5"), "no folder"),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(w) for w, _ in BAD])
def test_bad_input_is_one_line_and_code_2(words, said, here, call):
    (here / "there.h5").write_text("mine")
    code, out, err = call("ground-state", "ea:shape=4x4,seed=1", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert [p.name for p in here.iterdir()] == ["there.h5"]
    assert (here / "there.h5").read_text() == "mine"


def test_bad_input_in_python(here):
    for bad in ({"reads": 0}, {"reads": 1.5}, {"sweeps": 0}, {"workers": 0}, {"max_states": 0}, {"seed": -1},
                {"target_energy": "low"}, {"betas": []}):
        with pytest.raises(UsageError):
            statfe.ground_state("ea:shape=4x4,seed=1", **bad)
    with pytest.raises(UsageError, match="scale the couplings"):
        statfe.ground_state(IsingModel.from_edges(3, [0, 1], [1, 2], [1.5e308, 1.5e308]))


def test_progress_and_defaults_of_the_command():
    told = []
    statfe.ground_state("ea:shape=4x4,seed=1", reads=64, sweeps=10, seed=1,
                        progress=lambda label, share: told.append((label, share)))
    assert told[-1] == ("annealing", 1.0)
    assert [share for _, share in told] == sorted(share for _, share in told)
    own = inspect.signature(statfe.ground_state).parameters
    options = {p.name: p.default for p in ground_state_command.params if isinstance(p, click.Option)}
    assert (options["reads"], options["sweeps"], options["states"], options["kernel"]) == (
        own["reads"].default, own["sweeps"].default, own["max_states"].default, own["kernel"].default)


def test_a_signal_stops_it(monkeypatch):
    import os
    import signal

    def interrupt(_label: str, _share: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.undo()

    monkeypatch.setattr("statfe.search.annealing.BLOCK_NS", 1.0)
    with pytest.raises(KeyboardInterrupt, match="nothing was kept"):
        statfe.ground_state("ea:shape=4x4,seed=1", reads=64, sweeps=100_000, seed=1, progress=_once(interrupt))


def _once(action):
    done = []

    def tell(label: str, share: float) -> None:
        if not done:
            done.append(share)
            action(label, share)

    return tell


def test_reads_that_miss_a_known_ground_state_are_no_hits():
    found = statfe.ground_state("ea:shape=4x4,seed=1", reads=1, sweeps=1, betas=[0.01], seed=3)
    exact = statfe.ground_state("ea:shape=4x4,seed=1", reads=256, sweeps=100, seed=1)
    assert exact.certified
    assert found.energy > exact.energy
    assert not found.certified
    assert found.target_energy == pytest.approx(exact.energy)
    assert found.hits == 0


def test_endless_searches_are_refused():
    with pytest.raises(UsageError, match="years"):
        statfe.ground_state("ea:shape=4x4,seed=1", reads=10**9, sweeps=10**9)
