"""The SK model as N grows: published numbers, nested quadratures, Parisi's equation, and finite samples."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

import statfe
from statfe.kernels.gaussian_sums import gaussian_sums
from statfe.limits import sk
from statfe.limits.gaussian import field_averages
from statfe.limits.parisi import Functional, OutOfRangeError, Steps
from statfe.limits.replica_breaking import broken
from tests.naive import limits as naive

STEPS = {
    "one": Steps(np.array([0.2, 0.6]), np.array([0.7])), "two": Steps(np.array([0.1, 0.35, 0.7]), np.array([0.4, 1.1])),
    "from zero": Steps(np.array([0.0, 0.3, 0.6]), np.array([0.5, 1.2]))}


@functools.cache
def best(beta: float, field: float = 0.0, steps: int = 4):
    found = broken("parisi", beta, field, steps)
    assert found.status == "converged"
    return found


@pytest.mark.parametrize(("mean", "deviation", "T"), [
    (0.3, 0.5, 1.0), (0.3, 1.99, 1.0), (0.3, 2.01, 1.0), (0.7, 0.8, 0.05), (0.0, 0.9, 0.01), (-2.0, 0.4, 0.1)])
def test_field_averages_are_integrals(mean, deviation, T):
    found = field_averages(mean, deviation, T)

    def slope(y: float) -> float:
        e = math.exp(-2.0 * abs(y) / T)
        return 4.0 * e / (1.0 + e) ** 2

    assert found.free == pytest.approx(naive.average(lambda y: T * naive.log_2cosh(y / T), mean, deviation), abs=1e-12)
    assert found.tanh == pytest.approx(naive.average(lambda y: math.tanh(y / T), mean, deviation), abs=1e-9)
    assert found.response * T == pytest.approx(naive.average(slope, mean, deviation), abs=1e-9)
    assert found.response2 * T == pytest.approx(naive.average(lambda y: slope(y) ** 2, mean, deviation), abs=1e-9)


def test_field_averages_have_their_limits():
    cold, limit = field_averages(0.3, 0.8, 1e-7), field_averages(0.3, 0.8, 0.0)
    assert cold.free == pytest.approx(limit.free, abs=1e-12)
    assert cold.response == pytest.approx(limit.response, rel=1e-10)
    assert limit.response2 == pytest.approx(2.0 / 3.0 * limit.response, rel=1e-12)


def test_sums_of_gaussians():
    rng = np.random.default_rng(3)
    targets, sources = np.sort(rng.normal(size=20)), np.sort(rng.normal(size=30))
    a, b, out = rng.random(30), rng.random(30), np.empty((20, 2))
    gaussian_sums(targets, sources, a, b, 0.3, 1.0, out)
    apart = targets[:, None] - sources
    kernel = np.where(np.abs(apart) <= 1.0, np.exp(-0.5 * (apart / 0.3) ** 2), 0.0)
    np.testing.assert_allclose(out, np.stack([kernel @ a, kernel @ b], axis=1), rtol=1e-13)


@pytest.mark.parametrize("beta", [1e-6, 0.1, 0.5, 0.99, 1.0])
def test_above_the_transition_all_solutions_are_the_annealed_one(beta):
    exact = -math.log(2.0) - 0.25 * beta**2
    for solution in ("annealed", "rs", "1rsb", "parisi"):
        found = statfe.thermodynamic_limit("sk", beta, solution)
        assert found.beta_f == pytest.approx(exact, abs=1e-14)
        assert found.energy == pytest.approx(-0.5 * beta, abs=1e-12)
        assert found.stable in (True, None)


@pytest.mark.parametrize(("beta", "field"), [(0.7, 0.4), (1.5, 0.0), (2.0, 0.3), (5.0, 0.6)])
def test_replica_symmetry_is_the_extremum_of_its_functional(beta, field):
    found = sk.replica_symmetric(beta, field)
    q = found.order["q"]
    assert found.beta_f == pytest.approx(naive.sk_replica_symmetric(beta, field, q), abs=1e-12)
    # In the number of replicas n -> 0 the extremum over q is a maximum of f.
    assert all(naive.sk_replica_symmetric(beta, field, q + d) < found.beta_f for d in (-1e-3, 1e-3))


@pytest.mark.parametrize(("solution", "beta", "field"), [
    *((s, b, h) for s in ("annealed", "rs", "1rsb") for b, h in ((0.6, 0.5), (2.0, 0.0), (8.0, 0.2))),
    ("parisi", 2.0, 0.3)])
def test_energies_and_magnetisations_are_derivatives(solution, beta, field):
    d = 1e-3
    steps = {"steps": 2} if solution == "parisi" else {}
    limit = functools.partial(statfe.thermodynamic_limit, "sk", solution=solution, **steps)
    here = limit(beta, field=field)
    up, down = limit(beta + d, field=field), limit(beta - d, field=field)
    assert here.energy == pytest.approx((up.beta_f - down.beta_f) / (2 * d), abs=1e-5)
    assert here.entropy == pytest.approx(beta * here.energy - here.beta_f, abs=1e-7)
    up, down = limit(beta, field=field + d), limit(beta, field=field - d)
    assert here.order["m"] == pytest.approx(-(up.free_energy - down.free_energy) / (2 * d), abs=1e-5)


def test_replica_symmetry_at_zero_temperature():
    found = sk.replica_symmetric(math.inf)
    assert found.free_energy == pytest.approx(-math.sqrt(2.0 / math.pi), abs=1e-14)
    assert found.entropy == pytest.approx(-1.0 / (2.0 * math.pi), abs=1e-13)  # -.159: no entropy can be negative
    cold = sk.replica_symmetric(1e4)
    assert cold.free_energy == pytest.approx(found.free_energy, abs=2e-5)
    assert cold.entropy == pytest.approx(found.entropy, abs=1e-4)


def test_the_line_of_de_almeida_and_thouless():
    for tau in (1e-2, 1e-3):  # h^2 = (4/3) tau^3 near T = 1
        assert sk.at_field(1.0 - tau) ** 2 == pytest.approx(4.0 / 3.0 * tau**3, rel=2.0 * tau)
    for h in (3.0, 4.0):  # T = 4 / (3 sqrt(2 pi)) exp(-h^2 / 2) at low temperature
        cold = 4.0 / (3.0 * math.sqrt(2.0 * math.pi)) * math.exp(-0.5 * h * h)
        assert sk.at_temperature(h) == pytest.approx(cold, rel=1e-3)
    for T in (0.9, 0.5, 0.1):
        h = sk.at_field(T)
        assert sk.at_temperature(h) == pytest.approx(T, abs=1e-10)
        q = sk.overlap(T, h)
        fourth = naive.average(lambda y, T=T: math.cosh(min(abs(y) / T, 300.0)) ** -4, h, math.sqrt(q))
        assert fourth / T**2 == pytest.approx(1.0, abs=1e-6)
    assert sk.at_temperature(0.0) == 1.0
    assert sk.at_field(1.2) == 0.0


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("T", "field"), [(0.5, 0.3), (0.8, 0.0)])
def test_the_functional_is_parisis_recursion(name, T, field):
    steps = STEPS[name]
    nested = naive.parisi_by_nested_averages(1.0 / T, field, steps.q.tolist(), (T * steps.a).tolist())
    assert Functional(T, field)(steps).value == pytest.approx(T * nested, abs=1e-11)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("T", "field"), [(0.5, 0.3), (0.02, 0.1), (0.0, 0.2)])
def test_the_slopes_of_the_functional_are_derivatives(name, T, field):
    steps, functional, d = STEPS[name], Functional(T, field), 1e-5
    if T == 0.0:
        steps = Steps(np.append(steps.q, 1.0), np.append(steps.a, 2.0))
    here = functional(steps)

    def slope(over_q: np.ndarray | float, over_a: np.ndarray | float) -> float:
        up, down = (functional(Steps(steps.q + s * d * over_q, steps.a + s * d * over_a)).value for s in (1, -1))
        return (up - down) / (2 * d)

    for k in range(int(steps.q[0] == 0.0), len(steps.q) - int(T == 0.0)):
        assert here.slope_q[k] == pytest.approx(slope(np.eye(len(steps.q))[k], 0.0), abs=1e-8)
    for k in range(steps.count):
        assert here.slope_a[k] == pytest.approx(slope(0.0, np.eye(steps.count)[k]), abs=1e-8)


def test_zero_temperature_is_a_limit():
    q, a = np.array([0.1, 0.5, 1.0]), np.array([0.5, 1.5])
    cold, limit = Functional(1e-6, 0.2)(Steps(np.append(q[:2], 1.0 - 1e-12), a)), Functional(0.0, 0.2)(Steps(q, a))
    assert cold.value == pytest.approx(limit.value, abs=1e-10)
    assert cold.response == pytest.approx(limit.response, rel=1e-5)


@pytest.mark.parametrize("steps", [
    Steps(np.array([0.3, 0.3]), np.array([1.0])), Steps(np.array([0.3, 0.3 + 1e-9]), np.array([1.0])),
    Steps(np.array([0.3, 0.6]), np.array([1e3])), Steps(np.array([0.3, 0.6]), np.array([math.nan]))])
def test_what_the_grid_cannot_hold_is_refused(steps):
    with pytest.raises(OutOfRangeError):
        Functional(0.5, 0.0)(steps)


def test_published_ground_states():
    """Parisi 1980: energies -.798, -.7652, -.7636 and entropies -.16, -.01, -.004 with 0, 1 and 2 steps."""
    one, two, five = (best(math.inf, steps=k) for k in (1, 2, 5))
    assert one.free_energy == pytest.approx(-0.7652, abs=1e-4)
    assert one.entropy == pytest.approx(-0.01, abs=5e-3)
    assert two.free_energy == pytest.approx(-0.7636, abs=1e-4)
    assert two.entropy == pytest.approx(-0.004, abs=5e-4)
    # Oppermann, Schmidt and Sherrington 2007: -.7631667 for infinitely many steps, approached from below.
    assert -0.7631667 - 4e-5 < five.free_energy < -0.7631667
    assert sk.replica_symmetric(math.inf).free_energy < one.free_energy < two.free_energy < five.free_energy


@pytest.mark.parametrize("T", [0.6])
def test_continuous_breaking_by_parisis_equation(T):
    """Another scheme, another family: x(q) a polynomial up to q_max, minimised through the differential equation."""
    def functional(c: np.ndarray) -> float:
        return naive.parisi_by_pde(1.0 / T, lambda q: c[0] * q + c[1] * q * q + c[2] * q**3, c[3], 141)

    q = best(1.0 / T).order["q"]
    found = minimize(functional, np.array([1.2, 0.0, 0.0, q]), method="BFGS", options={"gtol": 1e-6})
    a, b, c, q_max = found.x
    value = naive.parisi_by_pde(1.0 / T, lambda q: a * q + b * q * q + c * q**3, q_max)
    assert -value == pytest.approx(best(1.0 / T, steps=5).free_energy, abs=1e-6)


def test_breaking_the_symmetry_raises_f_and_mends_the_stability():
    """T = 1/2, as everywhere below the AT line: each step is a better lower bound."""
    found = [sk.replica_symmetric(2.0), *(best(2.0, steps=k) for k in (1, 2, 4))]
    assert all(a.free_energy < b.free_energy for a, b in itertools.pairwise(found))
    assert all(a.stability < b.stability < 0.0 for a, b in itertools.pairwise(found))
    gains = np.diff([x.free_energy for x in found])
    assert gains[1] < gains[0] / 10
    overlaps, breaks = found[3].order["overlaps"], found[3].order["breaks"]
    assert len(overlaps) == 5
    assert np.all(np.diff(overlaps) > 0)
    assert np.all(np.diff([0.0, *breaks, 1.0]) > 0)


@pytest.mark.parametrize(("T", "field"), [(0.5, 0.55), (0.5, 0.571), (0.1, 1.8), (0.999, 0.0)])
def test_near_the_line_the_symmetry_breaks_gently(T, field):
    broken_, symmetric = best(1.0 / T, field, 2), sk.replica_symmetric(1.0 / T, field)
    assert -1e-10 <= broken_.free_energy - symmetric.free_energy < 1e-5
    assert (broken_.order["steps"] == 0) >= (symmetric.stability >= 0.0)


def test_a_field_reversed_reverses_the_magnetisation():
    up, down = best(2.0, 0.3, 1), best(2.0, -0.3, 1)
    assert up.free_energy == pytest.approx(down.free_energy, abs=1e-12)
    assert up.order["m"] == pytest.approx(-down.order["m"], abs=1e-9)
    assert up.order["m"] > 0.1


@pytest.mark.statistical
def test_finite_samples_lie_above_and_come_closer():
    """Guerra's bound holds for the average at every N; the gap falls as N^(-2/3) or so (Boettcher 2005: energies)."""
    beta, gaps, errors = 2.0, [], []
    for n in (8, 14):
        values = np.array([
            statfe.free_energy(f"sk:n={n},seed={seed}", beta, "enumeration").per_site for seed in range(1, 41)])
        gaps.append(values.mean() - best(beta).beta_f)
        errors.append(values.std(ddof=1) / math.sqrt(len(values)))
    assert gaps[1] > 5 * errors[1]
    expected = gaps[0] * (8 / 14) ** (2 / 3)
    assert gaps[1] == pytest.approx(expected, abs=4 * math.hypot(errors[1], 0.69 * errors[0]))
