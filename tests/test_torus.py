"""`torus`: four Pfaffians with their signs, against sums over states, transfer matrices and Kaufman."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from statfe.errors import NotApplicableError
from statfe.methods.exact.torus import cost, obstacle
from statfe.models.catalogue import build_model
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.planar import partition
from statfe.planar.embedding import torus_drawing
from statfe.registry import run_method
from tests.naive.ising import energies
from tests.test_planar import assert_close, log_z

BETAS = np.array([0.0, 0.3, 1.0, 3.0, 10.0, 50.0, -0.7, -2.0])
SMALL = (
    "ea:shape=4x4,seed=3", "ea:shape=3x5,couplings=gaussian", "ea:shape=5x3,seed=7", "ising:shape=3x3,coupling=-1",
    "ising:shape=2x2", "ising:shape=2x5,coupling=-1", "ising:shape=5x2", "ea:shape=2x3,couplings=gaussian,seed=4",
    "triangular:shape=3x3,coupling=-1", "triangular:shape=4x3", "triangular:shape=2x2", "ising:shape=3x4,coupling=0",
    "triangular:shape=2x5,coupling=-1")


def lattice_model(shape: tuple[int, int], kind: str, couplings: np.ndarray) -> IsingModel:
    lattice = Lattice(shape, periodic=True, kind=kind)
    source, target, _ = lattice.bonds()
    low, high = np.minimum(source, target), np.maximum(source, target)
    return IsingModel.from_edges(lattice.n_sites, low, high, couplings, lattice=lattice)


def twisted(model: IsingModel, axis: int) -> IsingModel:
    """The bonds that wrap round `axis` turned."""
    assert model.lattice is not None
    source, _, direction = model.lattice.bonds()
    at_end = np.unravel_index(source, model.lattice.shape)[axis] == model.lattice.shape[axis] - 1
    J = np.where((direction == axis) & at_end, -1.0, 1.0) * model.couplings
    return lattice_model(model.lattice.shape, model.lattice.kind, J)


@pytest.mark.parametrize("spec", SMALL)
def test_equals_the_sum_over_states(spec: str) -> None:
    model = build_model(spec)
    wanted = np.array([logsumexp(-beta * energies(model)) for beta in BETAS])
    assert_close(log_z(model, BETAS, "torus"), wanted)


@pytest.mark.parametrize("kind", ["hypercubic", "triangular"])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 4), (3, 2)])
def test_random_couplings_with_holes(shape: tuple[int, int], kind: str) -> None:
    rng, lattice = np.random.default_rng(3), Lattice(shape, periodic=True, kind=kind)
    J = rng.normal(size=lattice.n_bonds) * (rng.random(lattice.n_bonds) < 0.8)
    model = lattice_model(shape, kind, J)
    wanted = np.array([logsumexp(-beta * energies(model)) for beta in (0.5, 2.0)])
    assert_close(log_z(model, [0.5, 2.0], "torus"), wanted)


@pytest.mark.parametrize("spec", ["ea:shape=20x5,seed=1", "ea:shape=7x16,couplings=gaussian,seed=2",
                                  "triangular:shape=15x5,coupling=-1", "ea:shape=8x8,seed=4"])
def test_equals_the_transfer_matrix(spec: str) -> None:
    model = build_model(spec)
    for one in (model, *([] if spec.startswith("tri") else [twisted(model, 0), twisted(model, 1)])):
        assert_close(log_z(one, [0.44, 2.0, 5.0], "torus"), log_z(one, [0.44, 2.0, 5.0], "transfer-matrix"))


@pytest.mark.parametrize("side", [8, 33, 64])
def test_equals_kaufman(side: int) -> None:
    model, betas = build_model(f"ising:shape={side}x{side}"), [0.1, 0.5 * math.log1p(math.sqrt(2)), 0.6, 3.0]
    assert_close(log_z(model, betas, "torus"), log_z(model, betas, "kaufman"), 1e-14)


def test_a_twist_costs_two_rows_at_low_temperature() -> None:
    """Z(antiperiodic) / Z(periodic) of the ferromagnet: 2 L domain walls of length L, exp(-2 beta L) each."""
    model, beta = build_model("ising:shape=10x10"), 3.0
    periodic, wall = (log_z(m, [beta], "torus")[0] for m in (model, twisted(model, 0)))
    assert wall - periodic == pytest.approx(math.log(10) - 2 * beta * 10, abs=0.1)


def test_gauge_invariance_of_a_large_glass() -> None:
    model, rng = build_model("ea:shape=24x25,seed=4"), np.random.default_rng(1)
    s = rng.choice([-1.0, 1.0], model.n_sites)
    other = lattice_model((24, 25), "hypercubic", s[model.rows] * s[model.cols] * model.couplings)
    assert_close(log_z(other, [0.5, 3.0, 6.0], "torus"), log_z(model, [0.5, 3.0, 6.0], "torus"))


def test_the_four_may_cancel_and_no_digit_is_believed_that_is_lost() -> None:
    """An odd antiferromagnet is a ferromagnet with domain walls forced round it: Z is exp(-2 beta L) of its parts."""
    model = build_model("ising:shape=5x7,coupling=-1")
    made = partition.plan(torus_drawing(model))
    assert math.isnan(partition.binary_log_z(made, 0, 2.0, wide=False))
    found = partition.log_z(made, 2.0)
    assert found.digits >= 31
    assert found.log_z == pytest.approx(log_z(model, [2.0], "transfer-matrix")[0], rel=1e-13)


def test_mean_keeps_signs_and_sizes() -> None:
    sign, log = partition._mean([(0.5, 0.0, 3), (0.5, 0.0, 3), (-0.5, 0.0, 1), (0.0, 0.0, 0)], 1e-3)
    assert sign == 1.0
    assert log == pytest.approx(math.log(7 / 4))
    assert partition._mean([(0.5, 0.0, 3), (-0.5, 1e-9, 3)], 1e-3)[0] == 0.0
    assert partition._mean([(-0.5, 0.0, 0)], 1e-3)[0] == -1.0


@pytest.mark.parametrize("spec", ["ising:shape=5x5,boundary=open", "ising:shape=4x4x4", "ising:shape=1x6",
                                  "ising:shape=4x4,field=0.1", "sk:n=9"])
def test_refusals_name_another_method(spec: str) -> None:
    model = build_model(spec)
    assert "mbar" in obstacle(model)
    with pytest.raises(NotApplicableError, match="torus"):
        run_method(model, np.array([0.4]), "torus")


def test_cost_grows() -> None:
    assert cost(build_model("ea:shape=8x8"), 1) < cost(build_model("ea:shape=32x32"), 1)
