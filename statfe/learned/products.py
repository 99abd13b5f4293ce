"""Products that several threads share, cut by their shape alone: the same bits for any number of threads.

Within `statfe.blas.one_thread` each block is a product by one thread of BLAS.
"""

from __future__ import annotations

import numpy as np

from statfe.executors import Crew, even_blocks


def product(crew: Crew, left: np.ndarray, right: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`left` @ `right`, by blocks of rows of `left`."""
    rows, width = left.shape[0], right.shape[1]
    found: np.ndarray = np.empty((rows, width), left.dtype) if out is None else out
    blocks = even_blocks(rows, rows * left.shape[1] * width)
    crew.run(lambda k: np.dot(left[blocks[k]], right, out=found[blocks[k]]), len(blocks))
    return found
