"""Groups in the latent space of real dynamics, end to end: identified attractors, lifted data, a trained network."""

from __future__ import annotations

import numpy as np

import statfe
from statfe.attractors.generate import generate
from statfe.attractors.network.agreement import adjusted_rand_index, clusters
from statfe.attractors.network.analysis import analyse_networks
from statfe.attractors.network.grouping import trajectory_labels
from statfe.datasets.trajectory_rows import open_trajectories
from statfe.learned.vae.training import TrainingOptions

SPEC = "magnetic-pendulum"


def magnet_of(states):
    """Of the three magnets at angles 0, 120 and 240 degrees, the nearest; no search, no points of an attractor."""
    return np.round(np.arctan2(states[..., 1], states[..., 0]) / (2.0 * np.pi / 3.0)).astype(int) % 3


def test_latent_groups_are_the_magnets(tmp_path):
    data, basins, vae = (tmp_path / f"{name}.h5" for name in ("data", "basins", "vae"))
    found = statfe.identify_attractors(SPEC, basins, starts=24, seed=1)
    assert found.kinds == ("fixed point",) * 3
    file = generate(SPEC, data, trajectories=60, samples=30, every=10, transient=40.0, start="box", lift=16,
                    noise=0.02, seed=2)
    assert file.states is not None
    truth = magnet_of(np.asarray(file.states)[:, -1])
    owners = trajectory_labels(open_trajectories(data), found, np.arange(60))
    assert np.array_equal(magnet_of(found.states)[owners], truth)
    assert set(truth) == {0, 1, 2}
    statfe.train_vae(data, vae, latent=3, hidden=(24,), epochs=15, seed=3, options=TrainingOptions(
        batch=40, rate=0.01, rate_decay=0.9, seed=3))
    groups = analyse_networks(data, vae=vae, attractors=basins, seed=1).grouping
    assert groups is not None
    assert len(groups.labels) == 12 * 30
    assert groups.rand["VAE"] > 0.9
    assert groups.nearest["VAE"] > 0.97
    wrong = adjusted_rand_index(np.random.default_rng(1).permutation(groups.labels), clusters(groups.places, 3, 1))
    assert abs(wrong) < 0.05
