"""Parts of the search for attractors, each beside a slow twin or a formula."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from statfe.attractors.basins.agreement import compare_fractions
from statfe.attractors.basins.dbscan import dbscan
from statfe.attractors.basins.exits import find_exits
from statfe.attractors.basins.exponent import largest_exponent
from statfe.attractors.basins.ground import survey
from statfe.attractors.basins.matching import Scales, assign, set_distance
from statfe.attractors.basins.points import polish
from statfe.attractors.basins.volume import contraction
from statfe.attractors.found import AttractorSet, basin_fractions
from statfe.attractors.march import march
from statfe.systems.catalogue import build_system
from tests.systems_for_basins import flow, lorenz


def naive_dbscan(points, radius, least):
    """Word by word from the definition: grow each cluster from its cores."""
    apart = np.abs(points[:, None] - points[None]).max(axis=2)
    core = (apart <= radius).sum(axis=1) >= least
    labels, count = np.full(len(points), -1), 0
    for k in np.flatnonzero(core):
        if labels[k] < 0:
            todo = [k]
            while todo:
                j = todo.pop()
                if labels[j] < 0:
                    labels[j] = count
                    todo += [i for i in np.flatnonzero(core & (apart[j] <= radius)) if labels[i] < 0]
            count += 1
    for k in np.flatnonzero(~core):
        near = np.where(core, apart[k], np.inf)
        labels[k] = labels[near.argmin()] if near.min() <= radius else -1
    return labels


@pytest.mark.parametrize("seed", range(6))
def test_clusters_are_those_of_the_definition(seed):
    random = np.random.default_rng(seed)
    points = np.concatenate([random.normal(c, 0.15, (40, 2)) for c in random.uniform(-2, 2, (3, 2))])
    points = np.concatenate([points, points[:9], random.uniform(-3, 3, (20, 2))])
    mine, naive = dbscan(points, 0.12, 4), naive_dbscan(points, 0.12, 4)
    np.testing.assert_array_equal(mine < 0, naive < 0)
    pairs = set(zip(mine.tolist(), naive.tolist(), strict=True))
    assert len(pairs) == len(set(mine.tolist())) == len(set(naive.tolist()))


def test_no_points_have_no_clusters():
    assert dbscan(np.empty((0, 3)), 0.1).shape == (0,)


@pytest.fixture(scope="module")
def ground():
    return survey(lorenz(28.0), np.array([[-5.0, 5.0], [-5.0, 5.0], [20.0, 30.0]]), 1, cells=20)


def test_a_window_counts_cells_and_sums(ground):
    start, stride, samples = np.array([1.0, 2.0, 20.0]), 3.7, 300
    steps = [math.floor((k + 1) * stride) for k in range(samples)]
    path = march(ground.system, start[None], steps[-1]).states[0][np.array(steps) - 1]
    seen = ground.window(start, samples, stride=stride)
    cells = [tuple(c) for c in np.floor((path - ground.origin) / ground.width).astype(int)]
    assert sorted(seen.visits) == sorted(cells.count(c) for c in set(cells))
    first = set(cells[:150])
    new = sum(c not in first and c not in cells[150:150 + k] for k, c in enumerate(cells[150:]))
    assert seen.new == new / 150
    np.testing.assert_allclose(seen.mean, path.mean(axis=0))
    np.testing.assert_allclose(seen.spread, path.std(axis=0))
    np.testing.assert_array_equal([seen.low, seen.high], [path.min(axis=0), path.max(axis=0)])
    np.testing.assert_allclose(seen.steps, np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=0) / samples))
    np.testing.assert_array_equal(seen.state, path[-1])


def test_the_exponent_and_the_volumes_of_lorenz(ground):
    start = np.array([1.0, 1.0, 20.0])
    found = largest_exponent(ground, ground.follow(start, 20.0).state)
    assert abs(found.value - 0.9056) < max(4 * found.error, 0.02)
    assert found.positive
    assert not found.zero
    assert contraction(ground, start[None]).rate == pytest.approx(-(10 + 1 + 8 / 3), rel=1e-12)


def test_the_exponent_of_henon():
    system = build_system("henon")
    ground = survey(system, system.box, 1)
    found = largest_exponent(ground, ground.follow(system.start, 100.0).state)
    assert abs(found.value - 0.41922) < 4 * found.error < 0.08
    assert contraction(ground, system.start[None]).rate == pytest.approx(math.log(0.3), rel=1e-12)


def test_fixed_points_are_polished_and_judged(ground):
    corner = math.sqrt(8 / 3 * 27)
    point = polish(ground, np.array([corner + 0.5, corner - 0.5, 27.3]))
    np.testing.assert_allclose(point.state, [corner, corner, 27.0], rtol=1e-9)
    # s^3 + (41/3) s^2 + (8/3) 38 s + (16/3) 10 27 = 0 (E. N. Lorenz 1963, eq. 34)
    roots = np.roots([1.0, 41 / 3, 8 / 3 * 38, 16 / 3 * 10 * 27])
    assert point.growth == pytest.approx(roots.real.max(), rel=1e-8)
    assert point.unstable == 2
    assert polish(ground, np.array([0.0, 0.0, 40.0])) is None


def test_distances_close_on_circles():
    scales = Scales(np.array([1.0, 2 * math.pi]), np.array([False, True]))
    low, high = np.array([[0.0, 0.01]]), np.array([[0.0, 2 * math.pi - 0.01]])
    assert set_distance(scales, low, high) == pytest.approx(0.02 / (2 * math.pi), rel=1e-3)


def test_pairs_cost_least_and_none_is_forced():
    cost = np.array([[1.0, 2.0, np.inf], [1.5, np.inf, np.inf], [np.inf, np.inf, np.inf]])
    assert assign(cost) == {0: 1, 1: 0}
    assert assign(np.empty((0, 2))) == {}


def labelled(labels, places, seed=0):
    labels = np.asarray(labels, dtype=np.int64)
    share, error = basin_fractions(labels, len(places))
    states = np.asarray(places, dtype=np.float64)[:, None]
    return AttractorSet("s", "m", ("fixed point",) * len(places), states, ("x",), np.full(len(places), np.nan),
                        np.full(len(places), -1.0), share, error, np.zeros((len(labels), 1)), labels, seed)


def test_shares_are_compared_by_the_usual_table():
    first = labelled([0] * 60 + [1] * 30 + [-2] * 10, [1.0, -1.0])
    second = labelled([1] * 45 + [0] * 40 + [-2] * 15, [-1.0, 1.0])
    found = compare_fractions(first, second)
    table = chi2_contingency([[60, 30, 10], [45, 40, 15]], correction=False)
    assert found.pairs == ((0, 1), (1, 0))
    assert (found.chi_square, found.degrees, found.p_value) == pytest.approx((table[0], 2, table[1]))


def test_rounding_at_rest_is_no_distance():
    first, second = (replace(labelled([0] * 60 + [1] * 40, [1.0, -1.0]), states=np.array([[1.0, s], [-1.0, 0.0]]),
                             starts=np.zeros((100, 2))) for s in (1e-30, -2e-30))
    assert compare_fractions(first, second).pairs == ((0, 0), (1, 1))


def test_an_attractor_that_one_seed_alone_found_counts():
    found = compare_fractions(labelled([0] * 90 + [1] * 10, [1.0, -1.0]), labelled([0] * 100, [1.0]))
    assert found.alone == 1
    assert found.p_value < 0.01


def test_exits_are_told_by_their_directions():
    system = flow("hopf", [(-1.0, 1.0), (-1.0, 1.0)])
    ground = survey(system, system.box, 1, cells=10)
    angles = np.repeat([0.5, 2.6, 4.7], [20, 30, 50]) + np.random.default_rng(1).normal(0, 0.02, 100)
    found = find_exits(ground, 50.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert found["exits"] == 3
    assert [found[f"exit_{k}_share"] for k in (1, 2, 3)] == [0.5, 0.3, 0.2]
    assert find_exits(ground, np.empty((0, 2))) == {}
