"""Products that several threads share, cut by their shape alone: the same bits for any number of threads.

Within `statfe.blas.one_thread` each block is a product by one thread of BLAS.
"""

from __future__ import annotations

import numpy as np

from statfe.executors import Crew, even_blocks
from statfe.kernels.dense_layers import LEAST_TURNED


def dot(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """out = left @ right.

    A large product with a transposed matrix is made as the transpose of right.T @ left.T: OpenBLAS takes a fifth less
    time for it, and the result is the smaller matrix to turn round.
    """
    if left.size * right.shape[1] >= LEAST_TURNED and not right.flags.c_contiguous:
        np.copyto(out, np.dot(right.T, left.T).T)
    else:
        np.dot(left, right, out=out)


def product(crew: Crew, left: np.ndarray, right: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`left` @ `right`, by blocks of rows of `left`."""
    rows, width = left.shape[0], right.shape[1]
    found: np.ndarray = np.empty((rows, width), left.dtype) if out is None else out
    blocks = even_blocks(rows, rows * left.shape[1] * width)
    crew.run(lambda k: dot(left[blocks[k]], right, found[blocks[k]]), len(blocks))
    return found
