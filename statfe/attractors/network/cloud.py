"""The held-back stretches of a file as one array, and what they are compared by: dimension, spectrum, density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.attractors.correlation import CorrelationSum, correlation_dimension, correlation_sum
from statfe.attractors.invariant import Invariant
from statfe.attractors.network.spectra import spectral_distance
from statfe.attractors.network.wasserstein import sliced_distance
from statfe.attractors.record import Record, cloud_of
from statfe.attractors.spectrum import Spectrum, power_spectrum
from statfe.datasets.trajectory_rows import TrajectoryRows
from statfe.errors import UsageError

#: Rows that are held back and looked at, at most, and those that distances and pairs are counted of.
MOST_ROWS, MOST_POINTS = 32768, 6144


def held_back(rows: TrajectoryRows, most: int = MOST_ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of equal length out of the segments of `rows`, evenly over them, and the trajectory of each.

    Shapes (stretch, time, column) and (stretch,).

    As long as half of the segments are, so many as make up `most` rows; at least two, which halve the data.

    Raises
    ------
    UsageError
        For segments that are too short.
    """
    lengths = rows.segments.spans[:, 2] - rows.segments.spans[:, 1]
    long = int(min(np.median(lengths), most // 2))
    usable = np.flatnonzero(lengths >= long)
    if len(usable) < 2:
        long //= 2
    if long < 2:
        raise UsageError(f"the held-back stretches have {int(lengths.max())} samples; generate longer trajectories")
    firsts, owners = rows.segments.ends[usable] - lengths[usable], rows.segments.spans[usable, 0]
    if len(usable) < 2:
        firsts, owners = np.array([firsts[0], firsts[0] + long]), np.repeat(owners, 2)
    count = max(2, min(len(firsts), most // long))
    chosen = np.unique(np.linspace(0, len(firsts) - 1, count).astype(np.int64))
    return np.stack([rows.read(int(k), int(k) + long) for k in firsts[chosen]]), owners[chosen]


@dataclass(frozen=True, eq=False)
class Picture:
    """One cloud of points against the reference half of the data.

    Attributes
    ----------
    name
        ``data``, ``VAE``, ...
    latent
        Latent units behind it; 0 for data.
    error
        Root mean square error of reconstruction a column; nan where nothing was reconstructed.
    dimension
        Correlation dimension.
    sum
        Its correlation sum.
    density_distance
        Sliced Wasserstein distance to the reference half.
    spectrum, spectral_distance
        None and nan where points are no trajectories.
    points
        shape (stretch, time, column).
    """

    name: str
    latent: int
    error: float
    dimension: Invariant
    sum: CorrelationSum
    density_distance: float
    spectrum: Spectrum | None
    spectral_distance: float
    points: np.ndarray


@dataclass(frozen=True, eq=False)
class Reference:
    """The half of the held-back data that every cloud is held against.

    Attributes
    ----------
    points
        shape (stretch, time, column).
    step
        Time between samples.
    """

    points: np.ndarray
    spectrum: Spectrum | None
    step: float
    seed: int

    def picture(
        self, name: str, points: np.ndarray, *, latent: int = 0, of: np.ndarray | None = None, moving: bool = True
    ) -> Picture:
        """`points` of shape (stretch, time, column); `of` is what they reconstruct, `moving` if they are trajectories.
        """
        record = _record(points if moving else points.reshape(1, -1, points.shape[2]), self.step, name)
        spectrum = power_spectrum(record)[0] if moving and math.isfinite(self.step) else None
        apart = spectral_distance(spectrum, self.spectrum) if spectrum and self.spectrum else math.nan
        error = math.nan if of is None else float(np.sqrt(np.mean((points - of) ** 2)))
        density = sliced_distance(thin(points), thin(self.points), self.seed)
        return Picture(name, latent, error, *dimension_of(record, moving), density, spectrum, apart, points)


def dimension_of(record: Record, moving: bool = True) -> tuple[Invariant, CorrelationSum]:
    """Correlation dimension and sum; points that are drawn one by one, not `moving`, have no neighbours in time."""
    cloud = cloud_of(record, MOST_POINTS, theiler=None if moving else 0.0)
    found = correlation_sum(cloud)
    return correlation_dimension(cloud, found), found


def _record(points: np.ndarray, step: float, source: str) -> Record:
    return Record(points, step if math.isfinite(step) else 1.0, tuple(map(str, range(points.shape[2]))), source=source)


def thin(points: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Rows of `points` of shape (stretch, time, column), evenly chosen; shape (at most `most`, column)."""
    flat = points.reshape(-1, points.shape[-1])
    return flat[::max(1, -(-len(flat) // most))]


def reference_of(points: np.ndarray, step: float, seed: int) -> Reference:
    """The reference of stretches of shape (stretch, time, column)."""
    spectrum = power_spectrum(_record(points, step, "the reference half"))[0] if math.isfinite(step) else None
    return Reference(points, spectrum, step, seed)
