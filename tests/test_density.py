"""Densities of states: counts against brute force and published numbers, what follows from them, files, the command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from statfe_cli.main import main

import statfe
from statfe.density import by_enumeration, by_transfer_matrix
from statfe.density.density_of_states import density_of_states
from statfe.density.file import read_density
from statfe.density.whole import whole
from statfe.errors import NotApplicableError, SpecError, UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.models.structure import elimination
from statfe.registry import run_method
from tests.hdf5_rules import check_format
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.density import bins_of, polynomial, states_at
from tests.naive.exact import torus_states
from tests.retry import sequential

WHOLE = {
    "open lattice": "ising:shape=3x4,boundary=open", "torus": "ising:shape=4x3", "double bonds": "ising:shape=2x4",
    "glass": "ea:shape=3x4,seed=1", "field": "ea:shape=3x4,seed=1,field=0.5", "ring": "ising:shape=9",
    "regular": "random-regular:n=12,degree=3,seed=1,couplings=bimodal", "triangular": "triangular:shape=3x4",
    "all pairs": "curie-weiss:n=11", "hopfield": "hopfield:n=11,patterns=3,seed=1", "one spin": "curie-weiss:n=1",
}


def whole_model(name: str) -> IsingModel:
    """By the names of `WHOLE` and a few by hand."""
    if name == "triangle":
        return frustrated_triangle()
    if name == "pieces":
        return disconnected()
    if name == "unequal":  # multiples of 0.1 up to 17, one spin alone, a constant
        return IsingModel.from_edges(
            7, [0, 0, 1, 2, 3, 0], [1, 2, 2, 3, 4, 5], [0.3, -1.0, 1.7, 0.1 + 0.2, -0.6, 0.2], offset=2.5)
    return build_model(WHOLE[name])


@pytest.mark.parametrize("name", [*WHOLE, "triangle", "pieces", "unequal"])
@pytest.mark.parametrize("method", ["enumeration", "transfer-matrix"])
def test_counts_are_those_of_all_states(name: str, method: str) -> None:
    model = whole_model(name)
    found, wanted = density_of_states(model, method=method, workers=2), states_at(model)
    assert found.counts == tuple(wanted.values())
    assert found.energy == pytest.approx(list(wanted), abs=2e-9)
    assert found.log_g == pytest.approx(np.log(list(wanted.values())), rel=1e-15)
    assert not found.log_g_error.any()
    assert (found.kind, found.status, found.bin_width) == ("exact", "converged", 0.0)


def test_8_by_8_torus_has_its_published_numbers() -> None:
    # REFERENCES: ln g at E = -128, -120, -116, -112; all levels against a count of its own kind.
    found = density_of_states("ising:shape=8x8", method="transfer-matrix")
    assert found.energy[:4].tolist() == [-128.0, -120.0, -116.0, -112.0]
    assert np.round(found.log_g[:4], 6).tolist() == [0.693147, 4.852030, 5.545177, 8.449343]
    assert found.counts is not None
    assert sum(found.counts) == 2**64
    assert found.counts == found.counts[::-1]
    assert found.energy.tolist() == (-found.energy[::-1]).tolist()


def test_torus_by_another_count() -> None:
    found = density_of_states("ising:shape=6x6")
    assert dict(zip(found.energy.tolist(), found.counts or (), strict=True)) == torus_states(6)


@pytest.mark.parametrize("spec", ["ising:shape=12x6,field=0.5", "ea:shape=40x3,seed=2", "ising:shape=70,boundary=open"])
def test_ln_z_is_that_of_exact_methods(spec: str) -> None:
    model = build_model(spec)
    found = density_of_states(model, workers=2)
    assert sum(found.counts or ()) == 2**model.n_sites
    betas = np.array([0.0, 0.1, 0.44, 1.3])
    exact = [-r.beta_f for r in run_method(model, betas, "exact")]
    assert [found.log_z(float(b)) for b in betas] == pytest.approx(exact, rel=1e-12)


def test_transfer_matrix_and_enumeration_agree() -> None:
    model = build_model("ea:shape=4x6,seed=5")
    one, two = (density_of_states(model, method=m) for m in ("enumeration", "transfer-matrix"))
    assert one.counts == two.counts
    assert one.energy.tolist() == two.energy.tolist()


def test_the_polynomial_modulo_a_prime() -> None:
    # One Sweep against the definition, at points that are no roots of unity.
    model = build_model("ea:shape=3x3,seed=2,field=0.5")
    units, plan = whole(model), elimination(model)
    assert units is not None
    arrays = by_transfer_matrix.schedule(model, plan)
    back, fields = (np.rint(v / units.unit).astype(np.int64) for v in (arrays.back_weights, arrays.fields))
    room = by_transfer_matrix.Field(2147483629, 1, 12345)
    sweep = by_transfer_matrix.Sweep(plan, arrays, back, fields, room, 3)
    sweep.go(0, model.n_sites)
    pairs = np.rint(model.pairs[2] / units.unit)
    for t, value in enumerate(sweep.values):
        x = pow(12345, 3 + t, room.prime)
        assert value == polynomial(model, pairs, units.fields, x, room.prime)


@pytest.mark.parametrize("order", [1, 2, 129, 130, 1000])
def test_fields_have_roots(order: int) -> None:
    rooms = list(by_transfer_matrix._fields(order, 2**100))
    assert math.prod(r.prime for r in rooms) > 2**100
    assert len({r.prime for r in rooms}) == len(rooms)
    for r in rooms:
        assert all(r.prime % k for k in range(2, 2000))
        assert pow(r.root, order, r.prime) == 1
        assert all(pow(r.root, k, r.prime) != 1 for k in range(1, order))


def test_primes() -> None:
    found = [n for n in range(2, 3000) if by_transfer_matrix._is_prime(n)]
    assert found == [n for n in range(2, 3000) if all(n % k for k in range(2, math.isqrt(n) + 1))]
    for pseudoprime in (2047, 1373653, 25326001):  # they pass for base 2, for 2 and 3, for 2, 3 and 5
        assert not by_transfer_matrix._is_prime(pseudoprime)
    assert by_transfer_matrix._is_prime(2**31 - 1)


@pytest.mark.parametrize("bins", [1, 7, 50])
@pytest.mark.parametrize("fields", [True, False])
def test_bins(bins: int, fields: bool) -> None:
    model = peaked(9) if fields else build_model("sk:n=12,seed=3")
    found = density_of_states(model, method="enumeration", bins=bins)
    counts, means = bins_of(model, bins)
    assert found.counts == tuple(counts.tolist())
    assert found.energy == pytest.approx(means, abs=1e-12)
    assert "binned" in found.message
    e = list(states_at(model))
    assert found.bin_width == pytest.approx((max(e) - min(e)) / bins, rel=1e-8)


def test_many_bins_tell_ln_z() -> None:
    # The mean energy of each bin: off by (beta width)^2 / 24 at most.
    model, beta = build_model("sk:n=18,seed=1"), 1.0
    exact = -run_method(model, np.array([beta]), "enumeration")[0].beta_f
    for bins in (50, 400):
        found = density_of_states(model, bins=bins)
        assert abs(found.log_z(beta) - exact) < (beta * found.bin_width) ** 2 / 12
    assert density_of_states(model).stats == {"bins": 1000}


def test_threads_and_tasks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_enumeration, "CHUNK_BITS", 12)
    for spec in ("sk:n=17,seed=1", "ea:shape=4x4,seed=1,field=0.5"):
        one, two, five = (density_of_states(spec, method="enumeration", workers=w) for w in (1, 2, 5))
        for other in (two, five):
            assert other.energy.tobytes() == one.energy.tobytes()
            assert other.counts == one.counts
    wanted = states_at(build_model("ea:shape=4x4,seed=1,field=0.5"))
    assert dict(zip(one.energy.tolist(), one.counts or (), strict=True)) == wanted


def test_what_follows_from_levels() -> None:
    model = build_model("ising:shape=3x4")
    found, beta, step = density_of_states(model), 0.3, 1e-4
    energy = -(found.log_z(beta + step) - found.log_z(beta - step)) / (2 * step)
    assert found.mean_energy(beta) == pytest.approx(energy, rel=1e-6)
    slope = (found.mean_energy(beta + step) - found.mean_energy(beta - step)) / (2 * step)
    assert found.heat_capacity(beta) == pytest.approx(-beta**2 * slope, rel=1e-6)
    assert found.canonical_entropy(0.0) == pytest.approx(12 * math.log(2.0))
    assert found.canonical_entropy(50.0) == pytest.approx(math.log(2.0))
    assert found.beta_f(beta) == -found.log_z(beta)
    assert found.entropy is found.log_g
    assert found.microcanonical_beta[0] > 0.0 > found.microcanonical_beta[-1]
    assert np.isnan(density_of_states(IsingModel.from_edges(3, [], [], [])).microcanonical_beta).all()


def test_units() -> None:
    assert whole(peaked(4)) is None
    spins = whole(isolated())  # fields -0.8, 0.15, 1.1
    assert spins is not None
    assert (spins.unit, spins.fields.tolist()) == (pytest.approx(0.05), [-16, 3, 22])
    found = whole(whole_model("unequal"))
    assert found is not None
    assert (found.unit, found.total, found.step) == (pytest.approx(0.1), 41, 1)
    torus = whole(build_model("ising:shape=4x4"))
    assert torus is not None
    assert (torus.unit, torus.total, torus.step) == (1.0, 32, 2)


def test_auto_takes_the_cheaper() -> None:
    assert density_of_states("ising:shape=4x5").method == "transfer-matrix"
    assert density_of_states("curie-weiss:n=12").method == "enumeration"
    assert density_of_states("ising:shape=4x5", bins=4).method == "enumeration"


def test_refusals_say_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotApplicableError, match=r"enumeration: 2\^60 states.*transfer-matrix: .*use wang-landau"):
        density_of_states("sk:n=60")
    with pytest.raises(NotApplicableError, match="takes no bins"):
        density_of_states("ising:shape=8x8", method="transfer-matrix", bins=5)
    with pytest.raises(NotApplicableError, match="table over"):
        density_of_states("ising:shape=20x20", method="transfer-matrix")
    monkeypatch.setattr("statfe.density.density_of_states.MAX_TIME", 1e7)
    with pytest.raises(NotApplicableError, match=r"needs about [0-9]+ minutes"):
        density_of_states("ising:shape=8x8", method="transfer-matrix")
    with pytest.raises(SpecError, match="did you mean 'enumeration'"):
        density_of_states("ising:shape=4", method="enumerate")
    with pytest.raises(SpecError, match="takes no options"):
        density_of_states("ising:shape=4", method="enumeration:sweeps=3")
    with pytest.raises(UsageError, match="bins must be at least 1"):
        density_of_states("ising:shape=4", bins=0)


def test_progress_ends_at_one() -> None:
    for spec, method in (("ising:shape=6x6", "transfer-matrix"), ("sk:n=16", "enumeration")):
        heard: list[float] = []
        density_of_states(spec, method=method, workers=2, progress=lambda _, share, h=heard: h.append(share))
        assert heard == sorted(heard)
        assert heard[-1] == pytest.approx(1.0)


@pytest.mark.statistical
def test_wang_landau_agrees_with_the_count() -> None:
    exact = density_of_states("ising:shape=6x6")

    def p_value(seed: int) -> float:
        found = density_of_states("ising:shape=6x6", method="wang-landau:sweeps=4000", seed=seed, workers=2)
        assert (found.kind, found.status, found.seed) == ("estimate", "converged", seed)
        at = np.searchsorted(exact.energy, found.energy)
        assert exact.energy[at].tolist() == found.energy.tolist()
        z = (found.log_g - exact.log_g[at]) / found.log_g_error
        # Errors come from 8 walkers: Student's t with 7 degrees of freedom, Bonferroni over the levels.
        return float(2.0 * len(z) * scipy.stats.t.sf(np.abs(z).max(), 7))

    sequential(p_value)


def test_too_short_a_walk_is_not_converged() -> None:
    found = density_of_states("ising:shape=12x12", method="wang-landau", sweeps=20, seed=1)
    assert found.status == "not_converged"
    assert "round trips" in found.message


def test_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "g.h5"
    for spec, options in (("ising:shape=6x6", {}), ("sk:n=10,seed=2", {"bins": 12})):
        found = density_of_states(spec, path, force=True, **options)  # type: ignore[arg-type]
        assert "/density_of_states" in check_format(path)
        again = statfe.load(path)
        assert again.to_dict() == found.to_dict()
        assert read_density(path).command == found.command
        assert again.model.spec == spec
    assert found.command.startswith("statfe density-of-states sk:n=10,seed=2 --method auto --bins 12 -o ")


def test_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "g.h5"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        density_of_states("ising:shape=4", path)
    assert path.read_text() == "mine"


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "g.svg"
    assert main(["density-of-states", "ising:shape=4x4", "-o", str(tmp_path / "g.h5"), "--figure", str(figure)]) == 0
    page = capsys.readouterr().out
    assert "16 spins, 15 levels by" in page
    assert [line.split()[-1] for line in page.splitlines() if line.split()[:1] == ["-32"]] == ["2"]
    assert figure.read_text().startswith("<?xml")
    assert main(["density-of-states", "ising:shape=4x4", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [int(g) for g in rows["counts"]] == [torus_states(4)[int(e)] for e in rows["energy"]]
    assert main(["density-of-states", "ising:shape=9", "--bins", "3"]) == 0
    assert "energies are binned" in capsys.readouterr().out
    assert main(["density-of-states", "sk:n=60"]) == 2
