"""Residual belief propagation: the message that would change most goes first (Elidan, McGraw and Koller 2006)."""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.belief_propagation import message, total_field


@njit
def _place(heap, places, at, slot):
    heap[at] = slot
    places[slot] = at


@njit
def _up(heap, places, keys, at):
    """Move the entry at `at` towards the top until the one above is not smaller."""
    slot = heap[at]
    while at > 0:
        above = (at - 1) // 2
        if keys[heap[above]] >= keys[slot]:
            break
        _place(heap, places, at, heap[above])
        at = above
    _place(heap, places, at, slot)


@njit
def _down(heap, places, keys, at):
    """Move the entry at `at` away from the top until none below is larger."""
    slot = heap[at]
    while 2 * at + 1 < len(heap):
        below = 2 * at + 1
        if below + 1 < len(heap) and keys[heap[below + 1]] > keys[heap[below]]:
            below += 1
        if keys[heap[below]] <= keys[slot]:
            break
        _place(heap, places, at, heap[below])
        at = below
    _place(heap, places, at, slot)


@njit
def residual_sweep(indptr, indices, reverse, strengths, decays, fields, messages):
    """Renew messages one by one, as many as there are, each time the one that would change most; in place.

    Slots wait in a binary heap by what their message would change. A message that was renewed changes what its site
    sends on; nothing else.
    """
    slots = len(messages)
    new = np.empty(slots)
    keys = np.empty(slots)
    for j in range(len(indptr) - 1):
        total = total_field(indptr, fields, messages, j)
        for k in range(indptr[j], indptr[j + 1]):
            r = reverse[k]
            new[r] = message(strengths[r], decays[r], total - messages[k])
            keys[r] = abs(new[r] - messages[r])
    heap = np.argsort(-keys)  # a sorted list is a heap
    places = np.empty(slots, np.int64)
    for at in range(slots):
        places[heap[at]] = at
    for _ in range(slots):
        k = heap[0]
        if not keys[k] > 0.0:
            return
        i = indices[reverse[k]]
        messages[k] = new[k]
        keys[k] = 0.0
        _down(heap, places, keys, 0)
        total = total_field(indptr, fields, messages, i)
        for q in range(indptr[i], indptr[i + 1]):
            if q != k:
                r = reverse[q]
                new[r] = message(strengths[r], decays[r], total - messages[q])
                keys[r] = abs(new[r] - messages[r])
                _up(heap, places, keys, places[r])
                _down(heap, places, keys, places[r])
