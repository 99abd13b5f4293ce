"""Power spectrum by Welch's method, and the frequency of its highest peak with an error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal

from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.record import Record

NAME = "peak_frequency"
#: Stretches that the record is cut into, samples of a segment at most, and the fewest samples of a stretch.
STRETCHES, SEGMENT, LEAST = 8, 4096, 64
#: A peak stands this far above the median of the spectrum around it, and the record holds so many turns of it.
STANDS, TURNS = 6.0, 20.0
#: and so far above the mean of all that is slower: noise with a memory has its power at the lowest frequencies.
RISES = 3.0


@dataclass(frozen=True)
class Spectrum:
    """Power of each coordinate.

    Attributes
    ----------
    frequency
        Cycles a unit of time, shape (frequencies,).
    density, error
        Power a unit of frequency, and its error over stretches; shape (frequencies, coordinates).
    """

    frequency: np.ndarray
    density: np.ndarray
    error: np.ndarray


def power_spectrum(record: Record) -> tuple[Spectrum | None, Invariant]:
    """The spectrum, and the frequency of the peak that stands out most among all coordinates."""
    values = _shown(record)
    count = max(1, -(-STRETCHES // len(values)))
    length = values.shape[1] // count
    if length < LEAST:
        return None, unsupported(NAME, f"{record.samples} samples are too few; give {LEAST * count} or more", "1/time")
    if record.still:
        return None, unsupported(NAME, "the record stands still: a fixed point has no frequency", "1/time")
    pieces = values[:, :count * length].reshape(len(values) * count, length, -1)
    segment = min(SEGMENT, length)
    frequency, density = scipy.signal.welch(pieces, fs=1.0 / record.dt, nperseg=segment, axis=1)
    many = len(pieces)
    error = density.std(axis=0, ddof=1) / np.sqrt(many) if many > 1 else np.zeros(density.shape[1:])
    found = Spectrum(frequency[1:], density.mean(axis=0)[1:], error[1:])
    return found, _peak(record, found, density[:, 1:], segment)


def _shown(record: Record) -> np.ndarray:
    """Values with angles as their sines: a phase that grows has no spectrum of its own."""
    values = np.array(record.values)
    for c in record.angles:
        values[..., c] = np.sin(values[..., c])
    return values


def _peak(record: Record, found: Spectrum, pieces: np.ndarray, segment: int) -> Invariant:
    power = found.density.max(axis=0)
    typical = np.array([np.median(_near(found.density[:, c])) for c in range(found.density.shape[1])])
    ratio = np.where(power > 0.0, power / np.where(typical > 0.0, typical, np.finfo(float).tiny), 0.0)
    c = int(np.argmax(np.minimum(ratio, 1e300)))
    k = int(np.argmax(found.density[:, c]))
    slower = found.density[:max(k - 1, 1), c].mean()
    if ratio[c] < STANDS or (k > 0 and found.density[k, c] < RISES * slower):
        return unsupported(NAME, "no peak stands out of the spectrum: the motion has no frequency of its own", "1/time")
    resolution = float(found.frequency[0])
    value = _vertex(found.density[:, c], k) * resolution
    each = np.array([_vertex(p[:, c], _nearby(p[:, c], k)) for p in pieces]) * resolution
    block = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else 0.0
    # a peak is not placed better than the segments resolve it, a tenth of a bin where it is smooth
    error = float(np.hypot(block, 0.1 * resolution))
    stats = {"coordinate": record.names[c], "resolution": resolution, "times_median": float(ratio[c])}
    turns = value * record.dt * record.values.shape[1]
    if turns < TURNS:
        return Invariant(NAME, np.array(value), np.array(max(error, resolution)), "not_converged",
                         f"the record holds {turns:.0f} turns; give {TURNS:.0f} or more", "1/time", stats)
    if k == 0:
        return Invariant(NAME, np.array(value), np.array(resolution), "not_converged",
                         "the highest power is at the lowest frequency; give a longer record", "1/time", stats)
    return Invariant(NAME, np.array(value), np.array(error), units="1/time", stats=stats)


def _near(density: np.ndarray) -> np.ndarray:
    """The part of a spectrum that carries power: up to where 99.9% of it lies, an eighth of it at least."""
    share = np.cumsum(density)
    last = int(np.searchsorted(share, 0.999 * share[-1])) + 1
    return density[:max(last, len(density) // 8, 8)]


def _nearby(density: np.ndarray, k: int) -> int:
    """Highest bin within a tenth of bin `k`."""
    reach = max(2, k // 10)
    first = max(0, k - reach)
    return first + int(np.argmax(density[first:k + reach + 1]))


def _vertex(density: np.ndarray, k: int) -> float:
    """Place of the peak at bin `k` in bins from zero frequency, by a parabola through three logarithms."""
    if not 0 < k < len(density) - 1 or (density[k - 1:k + 2] <= 0.0).any():
        return k + 1.0
    a, b, c = np.log(density[k - 1:k + 2])
    bend = a - 2.0 * b + c
    return float(k + 1.0 + (0.5 * (a - c) / bend if bend < 0.0 else 0.0))
