"""What is known of a motion: its samples, the time between them, and the law where there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft

from statfe.errors import UsageError
from statfe.systems.system import System

#: A record rests where each coordinate varies by less than this share of its size: of a known law, and of bare data,
#: which have the digits of single precision at least, and no size but their own.
RESTS, RESTS_BARE = 1e-6, 2e-7
#: Points of a cloud at most, the blocks that give errors, and the fewest points of a block.
MOST_POINTS, BLOCKS, LEAST_POINTS = 16384, 16, 32


@dataclass(frozen=True)
class Record:
    """Samples of a motion.

    Attributes
    ----------
    values
        shape (trajectory, time, coordinate), finite.
    dt
        Time between samples.
    names
        Name of each coordinate.
    system
        The law, where the values are states of a known one; None for observations.
    source
        Where they come from, in words.
    kind
        ``map`` where there is no motion between samples.
    angles
        Coordinates on the circle of 2 pi.
    idle
        Those of them that nothing depends on: clocks of a force that is switched off. They are no motion.
    """

    values: np.ndarray
    dt: float
    names: tuple[str, ...]
    system: System | None = None
    source: str = ""
    kind: str = "flow"
    angles: tuple[int, ...] = ()
    idle: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[2] != len(self.names) or 0 in self.values.shape:
            raise UsageError(f"{self.source}: samples of shape {self.values.shape} with {len(self.names)} coordinates")
        if not np.isfinite(self.values).all():
            r, t, c = (int(k[0]) for k in np.nonzero(~np.isfinite(self.values)))
            raise UsageError(f"{self.source}: {self.names[c]} is not finite in trajectory {r}, sample {t}; cut the "
                             "record before it")

    @property
    def samples(self) -> int:
        """All samples together."""
        return self.values.shape[0] * self.values.shape[1]

    @property
    def still(self) -> bool:
        """Whether all samples are one, to the digits that matter."""
        spread = np.ptp(self.values, axis=(0, 1))
        spread[list(self.idle)] = 0.0
        if self.system is None:
            return bool((spread <= RESTS_BARE * np.abs(self.values).max(axis=(0, 1))).all())
        return bool((spread <= RESTS * sizes(self.system, self.values)).all())

    def flat_space(self) -> np.ndarray:
        """Values with every angle as a point (cos, sin) on its circle, shape (trajectory, time, more)."""
        if not self.angles:
            return self.values
        rest = [c for c in range(len(self.names)) if c not in self.angles]
        turned = self.values[..., [c for c in self.angles if c not in self.idle]]
        return np.concatenate([self.values[..., rest], np.cos(turned), np.sin(turned)], axis=2)


def sizes(system: System, states: np.ndarray) -> np.ndarray:
    """Size of each coordinate by its states (trajectory, time, dimension) and the system's box; a turn for angles.

    A coordinate that ends at 0 and has no width in the box is left with rounding, so none is smaller than `RESTS` of
    the largest.
    """
    found = np.maximum(np.abs(states).max(axis=(0, 1)), system.box[:, 1] - system.box[:, 0])
    found = np.maximum(found, RESTS * float(found.max()))
    found[list(system.angles)] = 2.0 * math.pi
    return found


@dataclass(frozen=True)
class Cloud:
    """Points of a record, thinned evenly to a number that pairs can be counted of.

    Attributes
    ----------
    points
        shape (N, dimension), trajectory after trajectory in the order of time.
    places
        Time of each in samples of the cloud; trajectories lie further apart than `apart`. int64, shape (N,).
    blocks
        Block of each, int64, shape (N,); blocks are stretches of equal length.
    theiler
        Pairs of points at most so many places apart say nothing: they are close because time was short.
    whole
        The points are whole states of a known law: a dimension as large as the space is then believed.
    still
        All points are one, see `Record.still`.
    stride
        Samples of the record from one point to the next.
    span
        Where positive, pairs up to so many places apart are left out too: all pairs of one and the same trajectory.
    """

    points: np.ndarray
    places: np.ndarray
    blocks: np.ndarray
    theiler: int
    whole: bool
    still: bool = False
    stride: int = 1
    span: int = 0

    @property
    def apart(self) -> int:
        """Pairs of points at most so many places apart are no pairs."""
        return max(self.theiler, self.span)

    @property
    def count(self) -> int:
        """Number of blocks."""
        return int(self.blocks[-1]) + 1

    @property
    def size(self) -> float:
        """Root mean square distance from the mean."""
        return float(math.sqrt(self.points.var(axis=0).sum()))


def cloud_of(record: Record, most: int = MOST_POINTS, theiler: float | None = None) -> Cloud:
    """The cloud of a record.

    Parameters
    ----------
    theiler
        In units of time; the longest time that any coordinate stays correlated when not given. Of `BLOCKS` trajectories
        or more, all pairs of one and the same are left out then: they are few, and regular motion comes back to itself
        at distances that are not those of points drawn at random.
    """
    values = record.flat_space()
    r = len(values)
    stride = max(1, math.ceil(record.samples / most))
    kept = values[:, ::stride]
    each = values.shape[1]
    window = correlation_time(values) if theiler is None else min(theiler / record.dt, each) if each > 1 else 0
    places = math.ceil(window / stride)
    each = kept.shape[1]
    span = each if theiler is None and r >= BLOCKS else 0
    gap = each + max(places, span) + 1
    index = np.arange(r)[:, None] * gap + np.arange(each)
    points = np.ascontiguousarray(kept.reshape(r * each, -1), dtype=np.float64)
    blocks = np.arange(len(points)) * BLOCKS // len(points)
    return Cloud(points, index.ravel().astype(np.int64), blocks.astype(np.int64), places, record.system is not None,
                 record.still, stride, span)


def correlation_time(values: np.ndarray) -> int:
    """Samples after which no coordinate's autocorrelation is above 1/e again, among the first quarter of the record.

    Oscillations count by their envelope: a period is not yet a time that is forgotten, so it is the first time that
    the size of the autocorrelation is below 1/e over as long again as it took; a tenth of the record at most.
    """
    t = values.shape[1]
    x = values - values.mean(axis=1, keepdims=True)
    size = scipy.fft.next_fast_len(2 * t, real=True)
    power = np.abs(scipy.fft.rfft(x, n=size, axis=1)) ** 2
    rho = scipy.fft.irfft(power.sum(axis=0), n=size, axis=0)[:t]
    scale = np.where(rho[0] > 0.0, rho[0], 1.0)
    low = np.all(np.abs(rho / scale) < math.exp(-1.0), axis=1) | (np.arange(t) == 0) & bool(np.all(rho[0] == 0.0))
    most = max(1, t // 10)
    for lag in range(1, most):
        if low[lag:2 * lag + 1].all():
            return lag
    # regular motion is never forgotten: a window of one turn does, and there is no more to gain
    first = np.flatnonzero(np.all(rho / scale < 0.0, axis=1))
    return int(min(4 * first[0], most)) if len(first) else most
