"""Random streams: one `SeedSequence` a run, spawned into one stream a chain, never one a thread."""

from __future__ import annotations

import secrets

import numpy as np

#: Words of state of one xoshiro256++ stream.
STATE_WORDS = 4


def draw_seed() -> int:
    """A fresh seed, small enough for an HDF5 attribute and a command line."""
    return secrets.randbits(48)


def streams(seed: int, count: int, key: int = 0) -> np.ndarray:
    """`count` independent xoshiro256++ states for the run `seed`.

    Parameters
    ----------
    seed
        Seed of the run, non-negative.
    count
        Number of streams.
    key
        Purpose of the streams; different keys never share a stream.

    Returns
    -------
    ndarray of uint64, shape (count, 4)
    """
    root = np.random.SeedSequence(seed, spawn_key=(key,))
    return np.array([child.generate_state(STATE_WORDS, np.uint64) for child in root.spawn(count)]).reshape(
        count, STATE_WORDS)


def generator(seed: int, key: int = 0) -> np.random.Generator:
    """A numpy generator for work outside kernels (disorder, restarts), keyed like `streams`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(key,))))
