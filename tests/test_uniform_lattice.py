"""Lattices whose bonds are listed only on demand: the same model, the same file, the same draws."""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.errors import ModelError, UsageError
from statfe.methods.exact.kaufman import torus_couplings
from statfe.models.builders import lattice_model
from statfe.models.catalogue import build_model
from statfe.models.families import ising
from statfe.models.geometry import Lattice
from statfe.models.uniform_lattice import UniformLattice
from statfe.sampling.starts import start
from statfe.store.run_file import read_run

LATTICES = [Lattice((4, 6), True), Lattice((4, 6), False), Lattice((2, 4, 3), True), Lattice((5,), False),
            Lattice((1, 4), True)]


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize(("J", "h"), [(1.0, 0.0), (-0.5, 0.25)])
def test_it_is_the_listed_model(lattice, J, h):
    lazy, full = UniformLattice(lattice, J, h), lattice_model(lattice, J, h)
    spins = np.random.default_rng(1).choice([-1, 1], size=(7, lattice.n_sites))
    assert lazy.energy(spins) == pytest.approx(full.energy(spins), abs=1e-12)
    assert lazy.energy(spins[0]) == pytest.approx(full.energy(spins[0]), abs=1e-12)
    assert (lazy.n_sites, lazy.n_bonds, lazy.has_fields) == (full.n_sites, full.n_bonds, full.has_fields)
    assert lazy.energy_variance == pytest.approx(full.energy_variance, rel=1e-14)
    assert lazy.local_field == pytest.approx(full.local_field, rel=1e-14)
    assert lazy.reach == pytest.approx(full.reach, rel=1e-14)
    assert "listed" not in vars(lazy) or 2 in lattice.shape
    for name in ("rows", "cols", "couplings", "fields", "indptr", "indices", "weights"):
        assert np.array_equal(getattr(lazy, name), getattr(full, name))
    assert lazy.with_spec("other").spec == "other"
    assert lazy.uniform == (J, h)
    assert full.uniform is None


def test_only_large_lattices_are_not_listed(monkeypatch):
    assert not isinstance(build_model("ising:shape=64x64"), UniformLattice)
    assert isinstance(build_model("ising:shape=2048x2048"), UniformLattice)
    monkeypatch.setattr(ising, "MANY_BONDS", 10)
    assert isinstance(build_model("ising:shape=4x4"), UniformLattice)


@pytest.mark.parametrize("spec", ["ising:shape=8x16", "ising:shape=8x16,coupling=-1", "ising:shape=4x4x6,boundary=open",
                                  "ising:shape=8x8,field=1"])
def test_it_runs_as_the_listed_one_does(spec, monkeypatch, tmp_path):
    sampler = "metropolis:kernel=multi-site"
    listed = statfe.simulate(spec, [0.3], sampler=sampler, sweeps=200, replicas=1, seed=4, samples_only=True)
    monkeypatch.setattr(ising, "MANY_BONDS", 1)
    lazy = statfe.simulate(spec, [0.3], tmp_path / "run.h5", sweeps=200, replicas=1, seed=4, samples_only=True)
    assert lazy.chains.kernel == "multi-site"
    assert np.array_equal(lazy.chains.energy, listed.chains.energy)
    back = read_run(tmp_path / "run.h5")
    assert isinstance(back.model, UniformLattice)
    assert (back.model.spec, back.model.uniform, back.model.lattice) == (
        lazy.model.spec, lazy.model.uniform, lazy.model.lattice)
    again = statfe.model(f"file:{tmp_path / 'run.h5'},convention=plus")
    assert again.uniform == (-lazy.model.uniform[0], -lazy.model.uniform[1])


def test_ordered_starts_are_ground_states():
    for J, h in ((1.0, 0.0), (1.0, -0.5), (-1.0, 0.0)):
        model = UniformLattice(Lattice((4, 6), True), J, h)
        up, down = start(model, 1, 1, 2), start(model, 1, 3, 1)
        assert model.energy(up[0]) == -48.0 - 24 * abs(h)
        assert np.array_equal(up[0], up[1])
        assert np.array_equal(down[0], -up[0])


def test_other_kernels_list_the_bonds_where_they_can():
    model = UniformLattice(Lattice((5, 7), True), 1.0, 0.0, "odd")
    run = statfe.simulate(model, [0.2], sweeps=100, replicas=1, seed=1, samples_only=True)
    assert run.chains.kernel != "multi-site"
    huge = UniformLattice(Lattice((30001, 30001), True), 1.0, 0.0, "huge")
    with pytest.raises(ModelError, match="too large"):
        statfe.simulate(huge, [0.2], sweeps=10, seed=1, samples_only=True)
    with pytest.raises(UsageError, match="too large"):
        statfe.free_energy(huge, 0.2, "mean-field")


def test_huge_lattices_answer_what_needs_no_bonds():
    huge = build_model("ising:shape=16384x16384")
    assert (huge.n_sites, huge.n_bonds) == (2**28, 2**29)
    assert torus_couplings(huge) == (1.0, 1.0)
    assert huge.energy_variance == 2.0**29
    assert "16384" in repr(huge)
