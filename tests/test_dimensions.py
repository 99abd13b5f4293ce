"""Dimensions of sets that are known: the correlation sum, nearest neighbours, and what too few points support."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from statfe.attractors.correlation import (
    CorrelationSum,
    correlation_dimension,
    correlation_sum,
    fit,
    jackknife,
    local_slopes,
)
from statfe.attractors.intrinsic import intrinsic_dimensions, mle_inverses, neighbours, two_nn_slope
from statfe.attractors.lifting import chart_of, make_lifting
from statfe.attractors.record import Cloud, Record, cloud_of
from statfe.kernels.pairs import count_pairs, nearest
from tests.retry import sequential

N = 4000


def cloud(points, theiler=0, whole=True):
    n = len(points)
    return Cloud(np.ascontiguousarray(points, dtype=np.float64), np.arange(n), np.arange(n) * 16 // n, theiler, whole)


def ring(angle):
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def draw(seed=1):
    return np.random.default_rng(seed)


def torus(seed, n=N):
    a = draw(seed).random((n, 2)) * 2 * np.pi
    return np.hstack([ring(a[:, 0]), ring(a[:, 1])])


def cantor(seed):
    return (2 * draw(seed).integers(0, 2, (N, 30)) * 3.0 ** -np.arange(1, 31)).sum(axis=1)[:, None]


def tube(a, b):
    """A torus in space, from the angles around its axis and around its tube."""
    return np.stack([(2 + 0.8 * np.cos(b)) * np.cos(a), (2 + 0.8 * np.cos(b)) * np.sin(a), 0.8 * np.sin(b)], axis=-1)


def sphere(seed):
    x = draw(seed).standard_normal((N, 3))
    return x / np.linalg.norm(x, axis=1)[:, None]


def henon(seed):
    x, y = 0.2 * draw(seed).random((2, 100))
    orbit = []
    for _ in range(100 + N // 100):
        x, y = 1.0 - 1.4 * x**2 + y, 0.3 * x
        orbit.append(np.stack([x, y], axis=1))
    return np.concatenate(orbit[100:])


def lorenz(seed):
    def velocity(s):
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    s, h, orbit = draw(seed).standard_normal((3, 200)) + np.array([[1.0], [1.0], [25.0]]), 0.01, []
    for k in range(1500 + 50 * N // 200):
        a = velocity(s)
        b = velocity(s + h / 2 * a)
        c = velocity(s + h / 2 * b)
        s = s + h / 6 * (a + 2 * b + 2 * c + velocity(s + h * c))
        orbit += [s.T] if k >= 1500 and k % 50 == 0 else []
    return np.concatenate(orbit)


def lifted(points):
    return make_lifting(chart_of(points), 64, 1).apply(points)


@pytest.mark.parametrize(("points", "truth", "bias"), [
    (ring(draw().random(N) * 2 * np.pi), 1.0, 0.0), (torus(2), 2.0, 0.0), (cantor(3), math.log(2) / math.log(3), 0.0),
    # a cube has fewer neighbours at its faces, which pulls every slope down by a few per cent
    (draw(4).random((N, 3)), 3.0, 0.1), (tube(*draw(31).random((2, N)) * 2 * np.pi), 2.0, 0.0), (sphere(32), 2.0, 0.0),
    (lifted(tube(*draw(33).random((2, N)) * 2 * np.pi)), 2.0, 0.0), (lifted(torus(34)), 2.0, 0.0),
    # Sprott and Rowlands (2001): 1.220 +- 0.036 and 2.068 +- 0.086
    (henon(35), 1.22, 0.0), (lorenz(36), 2.06, 0.0)],
    ids=["circle", "torus", "cantor", "cube", "ring", "sphere", "lifted-ring", "lifted-torus", "henon", "lorenz"])
def test_correlation_dimension_of_known_sets(points, truth, bias):
    c = cloud(points)
    found = correlation_dimension(c, correlation_sum(c))
    assert found.status == "converged"
    assert -bias - 3 * float(found.error) < float(found.value) - truth < 3 * float(found.error)
    assert float(found.error) < 0.03 * truth + 0.02
    if truth == 2.0:
        assert abs(float(found.value) - 2.0) < 0.035


def test_the_line_through_a_region_has_no_part_of_its_bend():
    radii = 2.0 ** (np.arange(17) / 4)
    noise = 1.0 + 0.01 * draw(37).standard_normal((16, 1))
    left = np.exp(1.7 * noise * np.log(radii) + 0.002 * radii**2)
    value = np.exp(1.7 * np.log(radii) + 0.002 * radii**2)
    empty = np.full(17, np.nan)
    line = fit(CorrelationSum(radii, value, empty, empty, empty, left, empty), 0, 16)
    assert line.slope == pytest.approx(1.7, abs=1e-9)
    assert line.spread == pytest.approx(0.0, abs=1e-9)
    assert line.block == pytest.approx(float(jackknife(1.7 * noise[:, 0])), rel=1e-9)
    assert line.bend > 0.02


def test_many_trajectories_are_held_against_each_other_alone():
    # short pieces of quasi-periodic motion: pairs of one piece lie at the distances of its own returns
    start = draw(38).random((2, 20, 1)) * 2 * np.pi
    turn = 0.3 * np.arange(200)
    values = tube(start[0] + turn, start[1] + 0.5 * (math.sqrt(5) - 1) * turn)

    def found(trajectories, theiler=None):
        return cloud_of(Record(values[:trajectories], 0.3, ("x", "y", "z"), None, "t"), theiler=theiler)

    many = correlation_sum(found(20))
    assert many.pairs[-1] == math.comb(20, 2) * 200**2
    few, told = found(15), found(20, theiler=3.0)
    assert few.apart == few.theiler < 100
    assert told.apart == told.theiler == 10
    answer = correlation_dimension(found(20), many)
    assert abs(float(answer.value) - 2.0) < min(0.1, 2 * float(answer.error))


def test_the_correlation_sum_is_the_naive_one():
    points, places = draw(5).standard_normal((80, 3)), np.sort(draw(6).permutation(300)[:80])
    blocks = np.arange(80) * 4 // 80
    c = Cloud(points, places, blocks, 7, True)
    found = correlation_sum(c)
    i, j = np.triu_indices(80, 1)
    far = np.abs(places[i] - places[j]) > 7
    distance = np.linalg.norm(points[i] - points[j], axis=1)

    def naive(keep):
        return np.array([(distance[keep] <= r * (1 + 1e-12)).mean() for r in found.radii])

    assert np.allclose(found.value, naive(far), atol=1e-12)
    for b in range(4):
        assert np.allclose(found.left_out[b], naive(far & (blocks[i] != b) & (blocks[j] != b)), atol=1e-12)
    assert found.pairs[-1] == far.sum()


def test_the_theiler_window_is_not_ignored():
    # a slow walk around the circle: without the window nearly all close pairs are neighbours in time
    points = ring(np.cumsum(draw(7).random(3000)) * 0.002)
    counts = np.zeros((1, 8), dtype=np.int64)
    all_pairs = counts.copy()
    block = np.zeros(3000, dtype=np.int64)
    count_pairs(points, np.arange(3000), block, 0, 3000, 100, 2.0, 2, counts)
    count_pairs(points, np.arange(3000), block, 0, 3000, 0, 2.0, 2, all_pairs)
    assert all_pairs.sum() - counts.sum() == sum(3000 - k for k in range(1, 101))
    assert all_pairs.sum() == 3000 * 2999 // 2
    out = np.empty((3000, 3))
    nearest(points, np.arange(3000), 0, 3000, 100, out)
    assert np.sqrt(out).min() > 0.05


def test_nearest_neighbours_are_the_naive_ones():
    points, places = draw(8).standard_normal((60, 2)), np.arange(60) * 3
    out = np.empty((60, 5))
    nearest(points, places, 0, 60, 6, out)
    for i in range(60):
        d = np.sum((points - points[i])**2, axis=1)[np.abs(places - places[i]) > 6]
        assert np.allclose(out[i], np.sort(d)[:5], rtol=1e-13)


def test_noise_gets_no_low_dimension():
    three = cloud(draw(9).standard_normal((N, 3)), whole=False)
    found = correlation_dimension(three, correlation_sum(three))
    assert found.status == "not_converged"
    assert "fills all 3 coordinates" in found.message
    ten = cloud(draw(10).standard_normal((N, 10)), whole=False)
    found = [correlation_dimension(ten, correlation_sum(ten)), *intrinsic_dimensions(ten)]
    assert all(f.status == "diverged" or float(f.value) > 6.0 for f in found)
    assert found[0].status == "diverged"


def test_noise_on_a_circle_is_seen_by_the_change_with_scale():
    points = ring(draw(21).random(N) * 2 * np.pi) + 0.006 * draw(22).standard_normal((N, 2))
    assert all(f.status == "not_converged" and "noise" in f.message for f in intrinsic_dimensions(cloud(points)))


def test_too_few_points_support_nothing():
    few = cloud(draw(11).standard_normal((300, 2)))
    for found in (correlation_dimension(few, correlation_sum(few)), *intrinsic_dimensions(few)):
        assert found.status == "diverged"
        assert "300 points are too few" in found.message


@pytest.mark.statistical
def test_intrinsic_dimensions_cover_on_uniform_manifolds():
    def p_value(seed):
        z = []
        for k in range(12):
            points = torus(1000 * seed + k, 1500)
            for found in intrinsic_dimensions(cloud(points)):
                z.append((float(found.value) - 2.0) / float(found.error))
        z = np.array(z).reshape(-1, 2)
        return min(scipy.stats.chi2(12).sf(np.sum((z[:, m] / 1.3)**2)) for m in range(2))

    sequential(p_value)


def test_the_estimators_are_their_formulas():
    far = np.sort(draw(12).random((40, 14)), axis=1)
    naive = [[sum(math.log(row[k - 1] / row[j]) for j in range(k - 1)) / (k - 1) for k in range(10, 15)] for row in far]
    assert np.allclose(mle_inverses(far), naive, rtol=1e-12)
    ratios = (1 - (np.arange(1, 2001) - 0.5) / 2000) ** (-1 / 2.5)  # quantiles of the law mu^-(d + 1), d = 2.5
    assert two_nn_slope(ratios) == pytest.approx(2.5, rel=2e-3)
    exact = neighbours(cloud(np.arange(100.0)[:, None]), 2)
    assert np.allclose(exact[1:-1], 1.0)


def test_local_slopes_and_jackknife_are_exact_on_a_power_law():
    logs = 1.7 * np.arange(40) / 4
    slope = local_slopes(logs)
    assert np.allclose(slope[2:-2], 1.7)
    assert np.isnan(slope[:2]).all()
    x = draw(13).standard_normal(16)
    left = (x.sum() - x) / 15
    assert float(jackknife(left)) == pytest.approx(x.std(ddof=1) / 4, rel=1e-12)
