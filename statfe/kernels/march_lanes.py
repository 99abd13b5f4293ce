"""The loop of `statfe.kernels.march.march` over trajectories that lie in the lanes of vectors; a template."""

from __future__ import annotations

import numpy as np

from statfe.kernels.march_vectors import LANES, as_vectors


def step(t: float, dt: float, x: np.ndarray, p: np.ndarray, work: np.ndarray) -> None:
    """Stand-in: `x` a time `dt` later, in place."""
    raise NotImplementedError


def march_lanes(x: np.ndarray, t: float, dt: float, p: np.ndarray, every: int, bound: float, measured: np.ndarray,
                out: np.ndarray, work: np.ndarray, kept: np.ndarray) -> None:
    """Advance `LANES` trajectories and keep each `every`-th state; each has the bits that `march` gives it.

    Parameters
    ----------
    x
        States, shape (dimension, LANES); on return the last ones.
    bound, measured
        As in `march`; lanes that escaped go on unseen.
    out
        Kept states, shape (LANES, samples, dimension).
    work
        As the step wants it for one trajectory, with a last axis of LANES.
    kept
        Number of states kept, shape (LANES,); a lane that does not begin with 0 is not looked at.
    """
    vectors, room = as_vectors(x), as_vectors(work)
    for s in range(out.shape[1]):
        for k in range(every):
            step(t + k * dt, dt, vectors, p, room)
        t += every * dt
        alive = 0
        for lane in range(LANES):
            if kept[lane] == s:
                inside = True
                for i in range(x.shape[0]):
                    if measured[i] and not abs(x[i, lane]) <= bound:
                        inside = False
                if inside:
                    for i in range(x.shape[0]):
                        out[lane, s, i] = x[i, lane]
                    kept[lane] = s + 1
                    alive += 1
        if alive == 0:
            return
