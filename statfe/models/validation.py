"""Checks of the couplings and fields that a user hands in; what passes them makes a model."""

from __future__ import annotations

import warnings

import numpy as np

from statfe.errors import ModelError
from statfe.models.geometry import MAX_SITES

MAX_BONDS = 200_000_000

#: Totals of a pair in its two orders are equal when they differ by rounding only.
ROUNDING = 1e-12


def check_edges(
    n: int, rows: object, cols: object, couplings: object, fields: object | None
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(n, i, j, J, h) as int, int32, int32, float64, float64; each array of the right shape and finite.

    Raises
    ------
    ModelError
        Naming the first value that is wrong.
    """
    n = _site_count(n)
    i, j = _integers(rows, "rows"), _integers(cols, "cols")
    J = _reals(couplings, "couplings")
    if not i.shape == j.shape == J.shape or i.ndim != 1:
        shapes = f"{i.shape}, {j.shape}, {J.shape}"
        raise ModelError(f"rows, cols and couplings must have one length, got {shapes}")
    if len(J) > MAX_BONDS:
        raise ModelError(f"{len(J)} bonds are too many; at most {MAX_BONDS}")
    h = np.zeros(n) if fields is None else _reals(fields, "fields")
    if h.shape != (n,):
        raise ModelError(f"fields must have shape ({n},), got {h.shape}")
    _refuse_infinite("coupling", J)
    _refuse_infinite("field", h)
    if len(J):
        if min(i.min(), j.min()) < 0 or max(i.max(), j.max()) >= n:
            raise ModelError(f"a bond names a site outside 0..{n - 1}")
        loops = np.flatnonzero(i == j)
        if loops.size:
            k = loops[0]
            raise ModelError(f"bond {k} couples site {i[k]} to itself; use fields for single spins")
    return n, i.astype(np.int32, copy=False), j.astype(np.int32, copy=False), J, h


def _site_count(n: object) -> int:
    try:
        count = int(n)  # type: ignore[call-overload]
        whole = count == n
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or count < 1:
        raise ModelError(f"a model needs at least one spin, got n={n}")
    if count > MAX_SITES:
        raise ModelError(f"n={count} is too large; at most {MAX_SITES} spins")
    return int(count)


def _array(values: object, name: str) -> np.ndarray:
    try:
        return np.atleast_1d(np.asarray(values))
    except ValueError:  # rows of unequal length
        raise ModelError(f"{name} must be a flat list of numbers") from None


def _integers(values: object, name: str) -> np.ndarray:
    array = _array(values, name)
    if array.size == 0:
        return array.astype(np.int32)
    if not np.issubdtype(array.dtype, np.integer):
        numbers = _reals(values, name)
        if not np.array_equal(numbers, np.round(numbers)) or np.abs(numbers).max() > MAX_SITES:
            raise ModelError(f"{name} must be integers, at most {MAX_SITES}")
        array = numbers.astype(np.int64)
    return array


def _reals(values: object, name: str) -> np.ndarray:
    array = _array(values, name)
    try:
        if array.dtype.kind not in "iufO":
            raise TypeError
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise ModelError(f"{name} must be real numbers, got {array.dtype}") from None


def _refuse_infinite(name: str, values: np.ndarray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        k = int(np.argmin(finite))
        raise ModelError(f"{name} {k} is {values[k]}; couplings and fields must be finite")


def check_both_orders(n: int, i: np.ndarray, j: np.ndarray, J: np.ndarray, owner: str) -> None:
    """Refuse an asymmetric matrix: a pair listed in both orders must have one total in each.

    Equal totals add up like any repeated pair, with a warning: a whole symmetric matrix counts twice.
    """
    backward = i > j
    if not backward.any() or backward.all():
        return
    pair = np.minimum(i, j).astype(np.int64) * n + np.maximum(i, j)
    forward_pairs, forward, forward_size = _totals(pair[~backward], J[~backward])
    backward_pairs, reverse, reverse_size = _totals(pair[backward], J[backward])
    both, a, b = np.intersect1d(forward_pairs, backward_pairs, assume_unique=True, return_indices=True)
    if not both.size:
        return
    unequal = np.flatnonzero(np.abs(forward[a] - reverse[b]) > ROUNDING * (forward_size[a] + reverse_size[b]))
    if unequal.size:
        k = unequal[0]
        low, high = divmod(int(both[k]), n)
        raise ModelError(
            f"asymmetric couplings: J[{low},{high}] = {forward[a][k]:g} but J[{high},{low}] = "
            f"{reverse[b][k]:g}; give each pair once, or the same value in both orders")
    warnings.warn(
        f"{owner}: {both.size} pairs are listed in both orders; their couplings add up, so a full symmetric "
        "matrix counts twice", stacklevel=3)


def _totals(pair: np.ndarray, J: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair once, with the sum of its couplings and of their sizes."""
    unique, where = np.unique(pair, return_inverse=True)
    return unique, np.bincount(where, weights=J), np.bincount(where, weights=np.abs(J))
