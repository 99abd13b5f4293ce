"""What a trained machine looks like: training curves, samples, reconstructions, filters, latent map; arrays to draw.

Samples of a restricted Boltzmann machine are ends of independent chains led from the biases alone (weights times 0) to
the machine (times 1) in `RISE` Gibbs sweeps and left there for `STAY` more. Those of a variational autoencoder are
draws of the prior. Both are shown by the mean of x given the other layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from statfe.blas import one_thread
from statfe.datasets.dataset_file import SAMPLER as DATASET
from statfe.datasets.dataset_file import read_dataset
from statfe.errors import UsageError
from statfe.learned.vae.model import Vae
from statfe.machines.rbm import Rbm
from statfe.random import generator
from statfe.scoring.machines.inputs import Machine, Points
from statfe.store.reading import is_hdf5, read_root

#: Key of the random streams of samples (see `statfe.random.generator`).
SAMPLES_KEY = 9404
#: Samples, reconstructions and filters that are shown; points of the latent map; sides of the grid of decoded means.
SAMPLES, RECONSTRUCTIONS, FILTERS, MAP_POINTS, GRID = 64, 16, 64, 2000, 15
#: Gibbs sweeps of a chain, while the weights rise and after.
RISE, STAY = 1000, 200
#: The grid of decoded means reaches between these quantiles of the prior.
QUANTILES = (0.02, 0.98)


@dataclass(frozen=True, kw_only=True, eq=False)
class Portrait:
    """Arrays of a machine's figures; those that do not apply are None.

    Attributes
    ----------
    kind, spec
        As in `Machine`.
    shape
        Of a sample as an image or lattice; one number where it is neither or not known.
    curves
        As in `Machine`.
    samples
        Means of x of generated samples, shape (samples, visible).
    originals, reconstructions
        Data points, and what the machine makes of them, shape (points, visible).
    filters, filter_norms
        Columns of W of the hidden units of the largest norm, shape (filters, visible), and the norms.
    places, labels
        Encoder means, shape (points, 2), and classes of the points, for two latent dimensions.
    axis, decoded
        z along either axis, shape (side,), and decoded means, shape (side, side, visible), z_1 first.
    """

    kind: str
    spec: str
    shape: tuple[int, ...]
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    samples: np.ndarray | None = None
    originals: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    filters: np.ndarray | None = None
    filter_norms: np.ndarray | None = None
    places: np.ndarray | None = None
    labels: np.ndarray | None = None
    axis: np.ndarray | None = None
    decoded: np.ndarray | None = None


def portrait(machine: Machine, points: Points | None, seed: int) -> Portrait:
    """The arrays of the figures of `machine`, with `points` for reconstructions and the latent map."""
    shape = points.shape if points is not None else _known_shape(machine)
    with one_thread():
        made = _of_rbm(machine.model, points, seed) if isinstance(machine.model, Rbm) else _of_vae(
            machine.model, points, seed)
    return Portrait(kind=machine.kind, spec=machine.spec, shape=shape, curves=machine.curves, **made)


def _known_shape(machine: Machine) -> tuple[int, ...]:
    """The shape that the data of the training have, where their file is still there."""
    if machine.data and is_hdf5(machine.data):
        try:
            if read_root(machine.data).get("sampler") == DATASET:
                found = read_dataset(machine.data)
                return found.shape if found.n_units == machine.visible else (machine.visible,)
        except UsageError:  # moved or replaced since
            pass
    return (machine.visible,)


def _of_rbm(machine: Rbm, points: Points | None, seed: int) -> dict[str, np.ndarray]:
    norms = np.linalg.norm(machine.weights, axis=0)
    largest = np.argsort(-norms, kind="stable")[:FILTERS]
    found = {"samples": rbm_samples(machine, SAMPLES, seed), "filters": machine.weights.T[largest].copy(),
             "filter_norms": norms[largest]}
    if points is not None:
        found["originals"] = points.values[:RECONSTRUCTIONS]
        found["reconstructions"] = machine.visible_means(machine.hidden_means(points.values[:RECONSTRUCTIONS]))
    return found


def rbm_samples(machine: Rbm, count: int, seed: int, rise: int = RISE, stay: int = STAY) -> np.ndarray:
    """Means of v given h at the ends of `count` chains, shape (count, visible)."""
    rng = generator(seed, SAMPLES_KEY)
    hidden = (rng.random((count, machine.n_hidden)) < 0.5).astype(np.float64)
    means = np.empty((count, machine.n_visible))
    for k in range(rise + stay):
        share = min(1.0, k / max(rise, 1))
        # (share W) is the machine whose inputs to the other layer are `share` times as large
        means = machine.visible_means(share * hidden)
        visible = _drawn(machine, means, rng)
        hidden = (rng.random(hidden.shape) < machine.hidden_means(share * visible)).astype(np.float64)
    return machine.visible_means(hidden)


def _drawn(machine: Rbm, means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = getattr(machine, "sigma", None)
    if sigma is not None:  # Gaussian units
        return np.asarray(means + sigma * rng.standard_normal(means.shape))
    return (rng.random(means.shape) < means).astype(np.float64)


def _of_vae(vae: Vae, points: Points | None, seed: int) -> dict[str, np.ndarray]:
    exact = vae.as_type("float64")
    latent = exact.shape.latent
    draws = generator(seed, SAMPLES_KEY).standard_normal((SAMPLES, latent))
    found = {"samples": np.asarray(exact.decode(draws))}
    if points is not None:
        some = points.values[:MAP_POINTS]
        places, _ = exact.encode(some)
        found["originals"] = some[:RECONSTRUCTIONS]
        found["reconstructions"] = np.asarray(exact.decode(places[:RECONSTRUCTIONS]))
        if latent == 2:
            found |= {"places": places, "labels": points.labels[:MAP_POINTS]}
    if latent == 2:
        axis = ndtri(np.linspace(*QUANTILES, GRID))
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        found |= {"axis": axis, "decoded": np.asarray(exact.decode(grid)).reshape(GRID, GRID, -1)}
    return found
