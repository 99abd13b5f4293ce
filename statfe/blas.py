"""One thread for products and factorisations of matrices, whatever the settings of the BLAS.

Threads of a BLAS cut sums in other places, so they change bits; and they spin while they wait, which on a machine that
is busy with something else made small factorisations forty times slower. Work is shared out by `workers` instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

import numpy as np
import scipy.linalg
from threadpoolctl import ThreadpoolController

#: They bring the BLAS, each its own, and must be there before the controller looks.
LIBRARIES = (np, scipy.linalg)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def threads_of_products(count: int) -> Iterator[None]:
    """Within the block the BLAS of this process takes `count` threads; also a decorator.

    Where several Python threads are in such blocks, the first of them sets the number and gives it back.
    """
    with _controller().limit(limits=count, user_api="blas"):
        yield


#: Within the block the BLAS takes one thread.
one_thread = partial(threads_of_products, 1)
