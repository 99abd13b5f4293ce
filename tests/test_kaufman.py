"""Kaufman's formula against published numbers, exact densities of states, and the limits it must have."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.errors import NotApplicableError
from statfe.methods.exact.kaufman import METHOD, log_z, torus_couplings
from statfe.models.catalogue import build_model
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from tests.exact_zoo import random_strip, torus
from tests.naive import exact as naive

BETA_C = 0.5 * math.log1p(math.sqrt(2.0))
#: ln Z / N of the L x L torus, J = 1 (Kaufman 1949).
KNOWN = {
    8: {0.2: .7345335535, 0.4: .8843654494, BETA_C: .9397153248, 0.5: 1.0366340919, 1.0: 2.0111787084},
    16: {0.2: .7345308123, 0.4: .8798001826, BETA_C: .9321963150, 0.5: 1.0285008220, 1.0: 2.0030558899},
    32: {0.2: .7345308123, 0.4: .8793733474, BETA_C: .9303203902, 0.5: 1.0264697145, 1.0: 2.0010251852},
}
CATALAN = 0.915965594177219
ONSAGER_CRITICAL = math.log(2.0) / 2 + 2 * CATALAN / math.pi


def per_site(side: int, beta: float) -> float:
    """ln Z / N through the registry."""
    return -run_method(build_model(f"ising:shape={side}x{side}"), np.array([beta]), "kaufman")[0].per_site


@pytest.mark.parametrize("side", KNOWN)
def test_reference_numbers(side: int) -> None:
    for beta, wanted in KNOWN[side].items():
        assert per_site(side, beta) == pytest.approx(wanted, abs=0.51e-10)


def test_density_of_states_of_8x8() -> None:
    states = naive.torus_states(8)
    assert sum(states.values()) == 2**64
    logs = {-128: 0.693147, -120: 4.852030, -116: 5.545177, -112: 8.449343}
    for energy, log_g in logs.items():
        assert math.log(states[energy]) == pytest.approx(log_g, abs=0.51e-6)
    for beta in (0.0, 0.01, 0.1, 0.3, 0.44, BETA_C, 0.45, 0.7, 1.0, 3.0, 20.0):
        assert log_z((8, 8), beta, beta) == pytest.approx(naive.log_z_of_states(states, beta), rel=2e-15)


@pytest.mark.parametrize("side", [2, 3, 5, 6, 7])
def test_other_sides_against_their_states(side: int) -> None:
    if side == 2:  # the double bonds are not those of the counting twin
        states = {-8: 2, 0: 12, 8: 2}
    else:
        states = naive.torus_states(side)
    for beta in (0.0, 1e-3, 0.2, BETA_C, 0.6, 2.0, 30.0):
        assert log_z((side, side), beta, beta) == pytest.approx(naive.log_z_of_states(states, beta), rel=2e-15)


@pytest.mark.parametrize(("T", "energy", "heat"), [
    (1.0, -1.99716, .02338), (2.0, -1.74733, .68592), (3.0, -.88688, .55665)])
def test_energy_and_specific_heat_of_6x6(T: float, energy: float, heat: float) -> None:
    beta, h = 1.0 / T, 5e-4
    f = [-36 * per_site(6, beta + k * h) for k in (-2, -1, 0, 1, 2)]
    slope = (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h)
    bend = (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * h * h)
    assert slope / 36 == pytest.approx(energy, abs=0.51e-5)
    assert -beta**2 * bend / 36 == pytest.approx(heat, abs=0.51e-5)
    mean, variance = naive.moments_of_states(naive.torus_states(6), beta)
    assert slope == pytest.approx(mean, abs=1e-8)
    assert -bend == pytest.approx(variance, abs=2e-5)


def test_onsager_limit_at_criticality() -> None:
    # Finite-size scaling: ln Z / N - f = (ln 2^(1/4) + ln 2^(1/8) + ...) / N falls as 1 / L^2.
    sides = [16, 32, 64, 128, 256, 512, 1024]
    gaps = np.array([per_site(side, BETA_C) - ONSAGER_CRITICAL for side in sides])
    scaled = gaps * np.square(np.array(sides, dtype=float))
    assert np.all(gaps > 0)
    assert scaled[-1] == pytest.approx(scaled[-2], abs=1e-4)
    # The universal value, ln[(|theta_2| + |theta_3| + |theta_4|) / 2 |eta|] at tau = i (Ferdinand and Fisher 1969).
    assert scaled[-1] == pytest.approx(0.6399, abs=1e-3)


@pytest.mark.parametrize("K", [0.1, 0.3, 0.6, 1.5])
@pytest.mark.parametrize("ratio", [1.0, 0.4, 2.5])
def test_infinite_lattice_away_from_criticality(K: float, ratio: float) -> None:
    # One ground state pair below T_c: ln Z -> N f + ln 2; above, N f. Corrections fall exponentially.
    side, Kp = 256, ratio * K
    ordered = math.sinh(2 * K) * math.sinh(2 * Kp) > 1
    wanted = side**2 * naive.onsager(K, Kp) + (math.log(2.0) if ordered else 0.0)
    assert log_z((side, side), K, Kp) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("beta", [0.0, 1e-12, 1e-6, BETA_C, 1.0, 100.0, 1e4, 1e6])
def test_large_sides_stay_finite(beta: float) -> None:
    value = per_site(1024, beta)
    high, low = math.log(2.0) + beta**2, 2 * beta + math.log(2.0) / 1024**2
    assert math.isfinite(value)
    if beta <= 1e-6:
        assert value == pytest.approx(high, rel=1e-15)
    if beta >= 100:
        assert value == pytest.approx(low, rel=1e-15)
    assert value >= max(math.log(2.0), 2 * beta) * (1 - 1e-15)


def test_beta_f_rises_smoothly_through_criticality() -> None:
    # d beta_f / d beta = <E> falls with beta; a wrong sign of gamma_0 on one side of T_c shows as a kink.
    betas = BETA_C + np.linspace(-0.02, 0.02, 41)
    f = np.array([-log_z((12, 12), b, b) for b in betas])
    slopes = np.diff(f)
    assert np.all(np.diff(slopes) < 0)
    assert np.abs(np.diff(slopes, 3)).max() < 1e-5


def test_one_zero_coupling_leaves_rings() -> None:
    for K in (0.0, 0.3, 2.0, 90.0):
        ring = np.logaddexp(5 * np.log(2 * np.cosh(K)) if K < 50 else 5 * K, 5 * np.log(2 * np.sinh(K))
                            if 0 < K < 50 else 5 * K if K else -np.inf)
        assert log_z((5, 7), K, 0.0) == pytest.approx(7 * ring, rel=1e-14)
        assert log_z((7, 5), 0.0, K) == pytest.approx(7 * ring, rel=1e-14)


def test_couplings_are_found() -> None:
    assert torus_couplings(torus(4, 6, 0.5, -2.0)) == (0.5, -2.0)
    assert torus_couplings(torus(2, 6, 0.5, -2.0)) == (0.5, -2.0)
    assert torus_couplings(torus(5, 2, 0.0, 1.5)) == (0.0, 1.5)


@pytest.mark.parametrize(("spec", "words"), [
    ("ising:shape=6x6,boundary=open", "periodic square lattice"), ("ising:shape=6x6,field=0.1", "no fields"),
    ("ising:shape=6x6x6", "periodic square lattice"), ("triangular:shape=6x6", "periodic square lattice"),
    ("ising:shape=1x6", "length 2"), ("ising:shape=6", "periodic square"), ("ea:shape=6x6", "not all equal"),
    ("ea:shape=2x6,couplings=gaussian", "not all equal"), ("ising:shape=5x6,coupling=-1", "odd length 5"),
    ("curie-weiss:n=8", "periodic square"),
])
def test_refusals_name_an_alternative(spec: str, words: str) -> None:
    reason = METHOD.obstacle(build_model(spec))
    assert words in reason
    assert "use " in reason


def test_bonds_that_are_not_the_torus_are_refused() -> None:
    lattice = Lattice((4, 4), periodic=True)
    source, target, _ = lattice.bonds()
    target = target.copy()
    target[0] = (source[0] + 5) % 16  # a diagonal
    model = IsingModel.from_edges(
        16, np.minimum(source, target), np.maximum(source, target), np.ones(32), lattice=lattice)
    assert METHOD.obstacle(model)
    assert METHOD.obstacle(random_strip(4, 4, True, 1))


def test_negative_beta_on_an_odd_side_is_refused_and_says_why() -> None:
    with pytest.raises(NotApplicableError, match=r"negative beta.*odd length 5"):
        run_method(build_model("ising:shape=5x4"), np.array([0.3, -0.3]), "kaufman")
    even = build_model("ising:shape=4x6")
    low, high = run_method(even, np.array([-0.3, 0.3]), "kaufman")
    assert low.beta_f == high.beta_f
