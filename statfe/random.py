"""Random streams: one `SeedSequence` a run, spawned into one stream a chain, never one a thread."""

from __future__ import annotations

import secrets

import numpy as np

#: Words of state of one xoshiro256++ stream.
STATE_WORDS = 4


def draw_seed() -> int:
    """A fresh seed, small enough for an HDF5 attribute and a command line."""
    return secrets.randbits(48)


def _sequence(seed: int, key: int | tuple[int, ...]) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key if isinstance(key, tuple) else (key,))


def streams(seed: int, count: int, key: int | tuple[int, ...] = 0) -> np.ndarray:
    """`count` independent xoshiro256++ states for the run `seed`.

    Parameters
    ----------
    seed
        Seed of the run, non-negative.
    count
        Number of streams.
    key
        Purpose of the streams; keys of one length never share a stream, and a longer one must not begin with
        another key in use.

    Returns
    -------
    ndarray of uint64, shape (count, 4)
    """
    root = _sequence(seed, key)
    return np.array([child.generate_state(STATE_WORDS, np.uint64) for child in root.spawn(count)]).reshape(
        count, STATE_WORDS)


def generator(seed: int, key: int | tuple[int, ...] = 0) -> np.random.Generator:
    """A numpy generator for work outside kernels (disorder, restarts), keyed like `streams`."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, key)))
