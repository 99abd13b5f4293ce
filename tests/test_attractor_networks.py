"""What is said of networks on attractors: each number against a formula, a hand count, or a case that is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from statfe.attractors.network.agreement import adjusted_rand_index, clusters
from statfe.attractors.network.cloud import held_back
from statfe.attractors.network.coder import free_energies
from statfe.attractors.network.detection import area_under_curve, shifted, shuffled
from statfe.attractors.network.grouping import group
from statfe.attractors.network.principal import principal
from statfe.attractors.network.spectra import spectral_distance
from statfe.attractors.network.wasserstein import sliced_distance, squared_distance
from statfe.attractors.spectrum import Spectrum
from statfe.datasets.rows import MemoryRows
from statfe.datasets.trajectory_rows import Segments, TrajectoryRows
from statfe.learned.vae.latent_use import latent_use
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainingOptions, fit_vae


def linear_data(rank: int, units: int, count: int, noise: float, seed: int = 1) -> np.ndarray:
    """A plane of that rank with noise that is the same in all directions: the model of Tipping and Bishop."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((units, rank)))[0] * np.linspace(3.0, 1.5, rank)
    return rng.standard_normal((count, rank)) @ axes.T + noise * rng.standard_normal((count, units))


@pytest.mark.parametrize("rank", [1, 3])
def test_on_a_plane_the_active_units_are_its_rank_and_the_bound_is_exact(rank):
    data = linear_data(rank, 8, 2000, 0.2)
    options = TrainingOptions(batch=100, rate=0.05, rate_decay=0.92, seed=2, precision="float64")
    found = fit_vae(data, VaeShape(8, 5, (), (), "gaussian", noise_floor=1e-8), epochs=60, options=options)
    use = latent_use(found.vae, data)
    assert use.by_variance == use.by_divergence == rank
    # a linear autoencoder's optimum is the Gaussian of largest likelihood, and its bound is tight
    best = -principal(MemoryRows(data), rank).log_likelihood
    elbo, weighted = (float(np.mean(f)) for f in free_energies(found.vae, data, 1))
    assert elbo == pytest.approx(best, abs=0.05)
    assert weighted == pytest.approx(best, abs=0.03)
    assert np.sqrt(np.mean(found.vae.variances)) == pytest.approx(0.2, rel=0.03)


def test_use_counts_by_either_criterion():
    vae = fit_vae(linear_data(2, 4, 256, 0.1), VaeShape(4, 2, (), (), "gaussian"), epochs=0,
                  options=TrainingOptions(batch=64, precision="float64")).vae
    weights, biases = vae.arrays["encoder-weights-0"], vae.arrays["encoder-biases-0"]
    weights[:], biases[:] = 0.0, 0.0
    biases[2] = math.log(0.25)
    weights[0, 1] = 1.0
    rows = np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])
    use = latent_use(vae, rows)
    assert use.variance == pytest.approx([0.0, 1.0])
    assert use.divergence == pytest.approx([0.5 * (0.25 - 1.0 + math.log(4.0)), 0.5])
    assert (use.by_variance, use.by_divergence) == (1, 2)


def test_principal_is_the_gaussian_of_largest_likelihood():
    data = linear_data(2, 5, 400, 0.3)
    found = principal(MemoryRows(data), 2)
    covariance = found.axes @ np.diag(found.variances[:2] - found.noise) @ found.axes.T + found.noise * np.eye(5)
    apart = data - data.mean(axis=0)
    direct = -0.5 * np.mean(np.einsum("ij,jk,ik->i", apart, np.linalg.inv(covariance), apart)) - 0.5 * (
        np.linalg.slogdet(covariance)[1] + 5 * math.log(2.0 * math.pi))
    assert found.log_likelihood == pytest.approx(direct, rel=1e-9)
    assert np.sum((data - found.decode(found.encode(data))) ** 2) / 400 == pytest.approx(found.variances[2:].sum())


def naive_squared(left: list[float], right: list[float]) -> float:
    """The least cost of moving one cloud on a line to another, by all ways to pair equal shares."""
    n, m = len(left), len(right)
    many_left, many_right = sorted(left * m), sorted(right * n)
    return sum((a - b) ** 2 for a, b in zip(many_left, many_right, strict=True)) / (n * m)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 3), (2, 5), (6, 4), (7, 1)])
def test_distance_on_a_line_is_exact(n, m):
    rng = np.random.default_rng(n + 10 * m)
    left, right = rng.standard_normal((n, 2)), 1.0 + rng.standard_normal((m, 2))
    wanted = [naive_squared(left[:, k].tolist(), right[:, k].tolist()) for k in range(2)]
    assert squared_distance(left, right) == pytest.approx(wanted, rel=1e-12)


def test_pairs_of_three_are_the_best_of_all():
    rng = np.random.default_rng(4)
    left, right = rng.standard_normal((3, 1)), rng.standard_normal((3, 1))
    least = min(np.mean((left[list(p), 0] - right[:, 0]) ** 2) for p in itertools.permutations(range(3)))
    assert squared_distance(left, right)[0] == pytest.approx(least)


def test_a_shift_is_seen_along_every_direction():
    rng = np.random.default_rng(2)
    points = rng.standard_normal((500, 3))
    apart = sliced_distance(points, points + np.array([3.0, 0.0, 4.0]), 1, 4000)
    # <(u . d)^2> = |d|^2 / dimension
    assert apart == pytest.approx(5.0 / math.sqrt(3.0), rel=0.02)
    assert sliced_distance(points, points[::-1], 1) == pytest.approx(0.0, abs=1e-12)


def test_area_by_hand_count():
    # off against on: 3 beats 1, 2; 2 beats 1 and ties with 2
    assert area_under_curve(np.array([1.0, 2.0]), np.array([3.0, 2.0])) == pytest.approx((2 + 1.5) / 4)
    assert area_under_curve(np.zeros(5), np.zeros(3)) == 0.5
    rng = np.random.default_rng(1)
    on, off = rng.standard_normal(40), 0.5 + rng.standard_normal(30)
    assert area_under_curve(on, off) == pytest.approx(np.mean(off[:, None] > on))


def test_points_off_the_attractor_are_what_they_say():
    rows = np.random.default_rng(1).standard_normal((50, 4))
    moved = shifted(rows, 0.3, 5) - rows
    assert np.sqrt(np.mean(moved**2, axis=1)) == pytest.approx(0.3)
    mixed = shuffled(rows, 5)
    assert np.array_equal(np.sort(mixed, axis=0), np.sort(rows, axis=0))
    assert not np.array_equal(mixed[np.argsort(mixed[:, 0])], rows[np.argsort(rows[:, 0])])


@pytest.mark.parametrize(("left", "right", "wanted"), [
    ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
    ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
    # pairs together in both 2, in one 4 and 4 of 15: (2 - 16/15) / (4 - 16/15)
    ([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1], (2 - 4 * 7 / 15) / (5.5 - 4 * 7 / 15)),
    ([0, 0, 0], [5, 5, 5], 1.0),
    ([0, 1, 2], [0, 0, 0], 0.0),
])
def test_adjusted_rand_index_by_hand(left, right, wanted):
    assert adjusted_rand_index(np.array(left), np.array(right)) == pytest.approx(wanted)


def test_groups_that_lie_apart_are_found():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 40)
    points = rng.standard_normal((120, 2)) + 12.0 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    assert adjusted_rand_index(labels, clusters(points, 3, 1)) == 1.0
    stretches = points.reshape(12, 10, 2)
    found = group(stretches, labels[::10], ["a", "b", "c"], [], 1)
    assert found is not None
    assert found.rand == {"data": 1.0}
    assert found.nearest == {"data": 1.0}
    # classes that alternate have members in both halves all the same
    order = np.argsort(np.arange(12) % 4, kind="stable")
    mixed = group(stretches[order], labels[::10][order], ["a", "b", "c"], [], 1)
    assert mixed is not None
    assert mixed.nearest == {"data": 1.0}
    assert group(stretches, np.zeros(12, dtype=int), ["a"], [], 1) is None


def test_spectral_distance_is_a_total_variation():
    def of(values):
        density = np.array(values, dtype=float)[:, None]
        return Spectrum(np.arange(3.0), density, density)

    assert spectral_distance(of([1, 2, 1]), of([10, 20, 10])) == pytest.approx(0.0, abs=1e-15)
    assert spectral_distance(of([1, 0, 0]), of([0, 5, 0])) == pytest.approx(1.0)
    assert spectral_distance(of([1, 1, 0]), of([1, 0, 1])) == pytest.approx(0.5)


def test_stretches_of_one_long_record_are_two_halves():
    values = np.arange(40.0).reshape(1, 40, 1)
    rows = TrajectoryRows(values, Segments(np.array([[0, 10, 30]])))
    stretches, owners = held_back(rows)
    assert np.array_equal(stretches[..., 0], [np.arange(10, 20), np.arange(20, 30)])
    assert owners.tolist() == [0, 0]
