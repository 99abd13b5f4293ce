"""Dynamical systems: laws against twins, derivatives against differences, symmetries, what is kept and known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from statfe.systems.catalogue import build_system
from statfe.systems.system import System
from tests.naive.systems import TWINS, hopfield_energy, mackey_glass

NAMES = (
    "chen", "chua", "coupled-map-lattice", "double-pendulum", "duffing", "file", "halvorsen", "henon", "henon-heiles",
    "hopfield-network", "ikeda", "kuramoto", "kuramoto-sivashinsky", "logistic", "lorenz63", "lorenz84", "lorenz96",
    "mackey-glass", "magnetic-pendulum", "rabinovich-fabrikant", "rossler", "sprott-a", "standard", "thomas",
    "van-der-pol")
SMALL = {"coupled-map-lattice": {"n": 5}, "hopfield-network": {"n": 6, "patterns": 2}, "kuramoto": {"n": 5},
         "kuramoto-sivashinsky": {"modes": 7, "L": 15.0}, "lorenz96": {"n": 6}, "mackey-glass": {"points": 6}}
ODD = ("lorenz96:n=4", "coupled-map-lattice:n=3", "mackey-glass:points=4", "kuramoto-sivashinsky:modes=2",
       "kuramoto-sivashinsky:modes=3,L=9", "magnetic-pendulum:magnets=1", "magnetic-pendulum:magnets=4",
       "kuramoto:n=2,frequencies=lorentz", "kuramoto:n=4,frequencies=normal,spread=0",
       "kuramoto:n=65",
       "hopfield-network:n=2,patterns=1",
       "double-pendulum:m1=2,m2=0.3,l1=0.7,l2=1.9,g=3", "duffing:alpha=1,beta=-0.1,gamma=0", "logistic:r=0")


def of(name: str, seed: int = 0) -> System:
    """A small system of a family, with its parameters moved off their defaults unless the seed is 0."""
    system = build_system(name + ":" + ",".join(f"{k}={v}" for k, v in SMALL.get(name, {}).items()))
    rng = np.random.default_rng([seed, NAMES.index(name)])
    moved = {k: v * rng.uniform(0.7, 1.3) for k, v in system.parameters.items()}
    return system.with_parameters(**moved) if seed else system


def points(system: System, count: int = 3, seed: int = 1) -> list[np.ndarray]:
    low, high = system.box.T
    rng = np.random.default_rng(seed)
    wide = np.where(high > low, high - low, 1.0)
    return [low + wide * rng.random(system.dimension) for _ in range(count)]


def differences(system: System, x: np.ndarray, h: float = 1e-3) -> np.ndarray:
    """Seven-point differences, whose error is of order h^6."""
    columns = [sum(w * (system.velocity(x + k * h * e) - system.velocity(x - k * h * e))
                   for k, w in ((1, 0.75), (2, -0.15), (3, 1 / 60))) / h for e in np.eye(system.dimension)]
    return np.array(columns).T


LAWS = [n for n in NAMES if n != "file"]
EVERY = [*[(n, s) for n in LAWS for s in (0, 1, 2)], *[(spec, 0) for spec in ODD]]


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_jacobian_and_tangent_are_derivatives(name, seed):
    system = of(name, seed) if ":" not in name else build_system(name)
    for x in points(system):
        out = np.full((system.dimension, system.dimension), np.nan)
        system.jacobian(0.3, x, system.p, out)  # every entry must be written
        scale = max(np.abs(out).max(), 1.0)
        # corners of Chua's diode and the wrap of the standard map have no derivative
        if name == "chua" and np.abs(np.abs(x[0]) - 1.0) < 0.01:
            continue
        true = differences(system, x)
        if name == "standard":
            true = np.where(np.abs(true) > 50.0, out, true)
        assert out == pytest.approx(true, rel=0.0, abs=2e-8 * scale)
        v = np.cos(np.arange(system.dimension) + seed)
        assert system.tangent_at(x, v) == pytest.approx(out @ v, rel=0.0, abs=1e-13 * scale * system.dimension)


def test_systems_of_many_coordinates_have_a_quick_derivative():
    for name in ("lorenz96", "kuramoto:n=65", "kuramoto-sivashinsky", "coupled-map-lattice", "mackey-glass"):
        assert build_system(name).tangent is not None, name


@pytest.mark.parametrize(("name", "seed"), [(n, s) for n in TWINS for s in (0, 1)])
def test_laws_are_those_of_their_twins(name, seed):
    system = of(name, seed)
    for x in points(system, 4, seed=2):
        assert system.velocity(x) == pytest.approx(np.array(TWINS[name](x, **system.parameters)), rel=1e-12, abs=1e-12)


def test_every_law_has_a_twin_or_an_energy():
    others = {"henon-heiles", "double-pendulum", "mackey-glass", "file"}
    assert set(TWINS) | others == set(NAMES)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["henon-heiles", "double-pendulum"])
def test_hamiltonian_laws_are_derivatives_of_their_energy(name, seed):
    system = of(name, seed)
    assert system.conserved is not None
    half = system.dimension // 2
    for x in points(system):
        slope = np.array([
            sum(w * (system.conserved(x + k * 1e-3 * e, system.p) - system.conserved(x - k * 1e-3 * e, system.p))
                for k, w in ((1, 0.75), (2, -0.15), (3, 1 / 60))) / 1e-3 for e in np.eye(2 * half)])
        assert system.velocity(x) == pytest.approx(np.r_[slope[half:], -slope[:half]], abs=1e-9)
        assert slope @ system.velocity(x) == pytest.approx(0.0, abs=1e-8)


def test_energies_are_those_of_the_papers():
    hh = build_system("henon-heiles")
    # the potential has three saddles of energy 1/6
    for x, y in ((0.0, 1.0), (math.sqrt(0.75), -0.5), (-math.sqrt(0.75), -0.5)):
        assert hh.velocity(np.array([x, y, 0.0, 0.0])) == pytest.approx(np.zeros(4), abs=1e-15)
        assert hh.conserved(np.array([x, y, 0.0, 0.0]), hh.p) == pytest.approx(1 / 6)
    assert hh.conserved(hh.start, hh.p) == pytest.approx(0.1247, abs=1e-4)
    # both rods out straight turn as one: T = (m1 l1^2 + m2 (l1 + l2)^2) w^2 / 2
    dp = build_system("double-pendulum:m1=2,m2=3,l1=1,l2=0.5,g=0")
    w, mass = 0.7, np.array([[5.0, 1.5], [1.5, 0.75]])
    x = np.r_[0.3, 0.3, mass @ [w, w]]
    assert dp.velocity(x)[:2] == pytest.approx([w, w])
    assert dp.conserved(x, dp.p) == pytest.approx(0.5 * (2.0 + 3.0 * 1.5**2) * w * w)


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_symmetries_hold(name, seed):
    # places of magnets and natural frequencies that are moved by chance have no symmetry
    if seed and name in ("magnetic-pendulum", "kuramoto"):
        return
    system = of(name, seed) if ":" not in name else build_system(name)
    for symmetry in system.symmetries:
        for x in points(system):
            off = system.velocity(symmetry.matrix @ x) - symmetry.matrix @ system.velocity(x)
            if name == "standard":
                off = (off + math.pi) % (2.0 * math.pi) - math.pi
            assert off == pytest.approx(np.zeros(system.dimension), abs=1e-10 * max(1.0, np.abs(x).max() ** 3))


@pytest.mark.parametrize("name", LAWS)
def test_momenta_split_the_law(name):
    system = of(name, 1)
    if not system.momenta:
        return
    q = [i for i in range(system.dimension) if i not in system.momenta]
    for x in points(system):
        jac = system.jacobian_at(x)
        assert not jac[np.ix_(q, q)].any()
        assert not jac[np.ix_(system.momenta, system.momenta)].any()


@pytest.mark.parametrize("spec", [*[f"{n}:" + ",".join(f"{k}={v}" for k, v in SMALL.get(n, {}).items())
                                    for n in LAWS], *ODD, "thomas:b=0.3", "henon:b=-0.2", "ikeda:u=0.7", "chen:a=30"])
def test_constant_sums_of_exponents_are_traces(spec):
    system = build_system(spec.rstrip(":"))
    sums = [k for k in system.known if k.quantity == "sum_of_exponents"]
    for x in points(system):
        jac = system.jacobian_at(x)
        rate = np.linalg.slogdet(jac)[1] if system.kind == "map" else np.trace(jac)
        for known in sums:
            assert known.value == pytest.approx(rate, rel=1e-12, abs=1e-12)
    for known in system.known:
        if known.quantity == "exponents" and len(known.value) == system.dimension and sums:
            assert sum(known.value) == pytest.approx(sums[0].value, abs=system.dimension * max(known.tolerance, 1e-4))


def test_known_dimensions_follow_from_known_exponents():
    checked = 0
    for name in LAWS:
        known = {k.quantity: k for k in build_system(name).known}
        if {"exponents", "kaplan_yorke"} <= set(known):
            values = np.array(known["exponents"].value)
            sums = np.cumsum(values)
            j = int(np.sum(sums >= 0.0))
            assert j + sums[j - 1] / -values[j] == pytest.approx(known["kaplan_yorke"].value, abs=2e-3), name
            assert list(values) == sorted(values, reverse=True)
            checked += 1
    assert checked >= 11


@pytest.mark.parametrize("name", LAWS)
def test_shapes_and_numbers_are_sound(name):
    system = build_system(name)
    n = system.dimension
    assert system.start.shape == (n,)
    assert system.box.shape == (n, 2)
    assert (system.box[:, 0] <= system.box[:, 1]).all()
    assert len(set(system.coordinates)) == n
    assert min(system.dt, system.period, system.bound) > 0.0 <= system.transient
    assert system.spec == name
    assert np.isfinite(system.velocity(system.start)).all()
    assert (np.abs(system.box) < system.bound).all()
    if system.kind == "flow":  # a step must resolve a turn
        assert system.dt <= 0.05 * system.period


@pytest.mark.parametrize(("spec", "point"), [
    ("lorenz63:rho=20,beta=2", [math.sqrt(38), math.sqrt(38), 19]), ("chen", [math.sqrt(63), math.sqrt(63), 21]),
    ("rossler:a=0.2,b=0.45,c=1", [0.1, -0.5, 0.5]),
    ("halvorsen:a=1", [-9, -9, -9]), ("chua:alpha=9,beta=14,inner=-1.2,outer=-0.7", [5 / 3, 0, -5 / 3]),
    ("thomas:b=0.63661977236758134", [math.pi / 2] * 3), ("lorenz96:n=7,F=3", [3] * 7),
    ("magnetic-pendulum", [0, 0, 0, 0]), ("lorenz84:G=0,F=0.9", [0.9, 0, 0]), ("hopfield-network:n=5", [0] * 5),
    ("duffing:gamma=0,omega=1e-9", [1, 0, 0]), ("kuramoto:spread=0,n=3", [0, 2 * math.pi / 3, 4 * math.pi / 3]),
    ("double-pendulum", [math.pi, 0, 0, 0]), ("henon-heiles", [0, 0, 0, 0]), ("kuramoto-sivashinsky:modes=3", [0] * 6)])
def test_fixed_points_of_flows(spec, point):
    assert build_system(spec).velocity(np.array(point, dtype=float)) == pytest.approx(np.zeros(len(point)), abs=2e-9)


@pytest.mark.parametrize(("spec", "point"), [
    ("henon:a=1.4,b=0.3", [(math.sqrt(6.09) - 0.7) / 2.8, 0.3 * (math.sqrt(6.09) - 0.7) / 2.8]),
    ("logistic:r=3", [2 / 3]), ("standard:K=3", [math.pi, 0]), ("coupled-map-lattice:n=5,a=2", [0.5] * 5),
    ("mackey-glass", [1.0] * 51), ("ikeda:u=0,kick=0.4", [0.4, 0])])
def test_fixed_points_of_maps(spec, point):
    assert build_system(spec).velocity(np.array(point, dtype=float)) == pytest.approx(point, abs=1e-12)


def test_quadratic_terms_that_keep_the_energy():
    ks = build_system("kuramoto-sivashinsky:modes=9")
    for x in points(ks):
        assert x @ (ks.velocity(x) - ks.stiff(ks.p) * x) == pytest.approx(0.0, abs=1e-13)
    weather = build_system("lorenz96:n=9,F=0")
    for x in points(weather):
        assert x @ (weather.velocity(x) + x) == pytest.approx(0.0, abs=1e-12 * (x @ x) ** 1.5)


def test_the_stiff_part_is_the_linear_part():
    ks = build_system("kuramoto-sivashinsky:modes=6,L=11")
    assert np.diag(ks.stiff(ks.p)) == pytest.approx(ks.jacobian_at(np.zeros(12)), abs=1e-12)


def test_the_network_goes_downhill_at_the_rate_of_the_paper():
    net = build_system("hopfield-network:n=8,patterns=2,gain=2")
    for x in points(net):
        rate, h = net.velocity(x), 1e-5
        above, below = (hopfield_energy(x + s * h * rate, **net.parameters) for s in (1, -1))
        fall = (above - below) / (2 * h)
        # dE/dt = - sum (dV/du) (du/dt)^2, eq. (8)
        assert fall == pytest.approx(-np.sum(2.0 / np.cosh(2.0 * x) ** 2 * rate**2), rel=1e-6)


def test_memories_of_the_network_are_those_of_the_spin_model():
    from statfe.models.families.hopfield import draw_patterns

    net = build_system("hopfield-network:n=40,patterns=2,seed=3")
    xi = draw_patterns(2, 40, 3)[1].astype(float)
    x = 0.3 * xi
    for _ in range(400):
        x = x + 0.1 * net.velocity(x)
    assert np.abs(net.velocity(x)).max() < 1e-9
    assert np.mean(np.sign(x) * xi) > 0.9


def _evolve(points_: int, smooth, delays: int) -> float:
    system = build_system(f"mackey-glass:points={points_}")
    tau, t = 17.0, 8 * 17.0
    x = np.array([smooth[8](t - i * system.dt)[0] for i in range(points_ + 1)])
    for _ in range(delays * points_):
        x = system.velocity(x)
    return x[0] - smooth[8 + delays](t + delays * tau)[0]


def test_the_delay_map_converges_at_order_four():
    smooth = mackey_glass(11, 17.0, 0.2, 0.1, 10.0, 1.2)
    coarse, fine, finest = (abs(_evolve(n, smooth, 3)) for n in (25, 50, 100))
    assert finest < 2e-5
    assert coarse / finest > 2.0 ** (2 * 3.4)  # 3.4 orders at least, two halvings
    assert fine / finest > 8.0


def test_natural_frequencies_are_quantiles():
    def omegas(spec: str) -> np.ndarray:
        return np.array(list(build_system(spec).parameters.values())[1:])

    assert omegas("kuramoto:n=4") == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert omegas("kuramoto:n=2,frequencies=lorentz,spread=3") == pytest.approx([-3, 3])
    assert omegas("kuramoto:n=2,frequencies=normal") == pytest.approx([-0.6744897502, 0.6744897502])
    assert omegas("kuramoto:n=101,frequencies=lorentz").sum() == 0.0
