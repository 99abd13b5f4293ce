"""The centred gradient of the weights as one product.

With rows v, h of the data (n of them) and v', h' of the machine (m), D_x = <x>_data - <x>_machine, and the centres mu
and lambda, equation (1) of `statfe.machines.course` is a sum over n + m + 2 rows,

    G_W = sum v (h / n) - sum v' (h' / m) - mu D_h - D_v lambda.                                                  (1)

Means that come without rows are added to it.
"""

from __future__ import annotations

import numpy as np

from statfe.machines.phases import Means, RowMeans


class Slopes:
    """D_v, D_h and G_W; `more_hidden` is D_h, shape (n_hidden,)."""

    def __init__(
        self, data: Means | RowMeans, machine: Means | RowMeans, centre_visible: np.ndarray, centre_hidden: np.ndarray
    ) -> None:
        sides, kind = ((1, data), (-1, machine)), centre_hidden.dtype
        found = [(sign, side) for sign, side in sides if isinstance(side, RowMeans)]
        self._plain = [(sign, side) for sign, side in sides if isinstance(side, Means)]
        self._rows, self._centre = [side.rows for _, side in found], centre_visible
        count = sum(map(len, self._rows))
        self._shares, self._right = np.empty(count, kind), np.empty((count + 2, len(centre_hidden)), kind)
        start = 0
        for sign, side in found:
            share, part = kind.type(sign / len(side.rows)), slice(start, start + len(side.rows))
            self._shares[part] = share
            np.multiply(side.chances, share, out=self._right[part])
            start = part.stop
        self.more_hidden = np.ones(count, kind) @ self._right[:count]
        for sign, means in self._plain:
            self.more_hidden += sign * means.hidden
        self._right[count], self._right[count + 1] = -self.more_hidden, -centre_hidden

    def fill(self, block: slice, more_visible: np.ndarray, weights: np.ndarray) -> None:
        """Write D_v and G_W of a block of visible units."""
        count = len(self._shares)
        left = np.empty((count + 2, len(more_visible)), weights.dtype)
        start = 0
        for rows in self._rows:
            left[start:start + len(rows)] = rows[:, block]
            start += len(rows)
        np.dot(self._shares, left[:count], out=more_visible)
        for sign, side in self._plain:
            more_visible += sign * side.visible[block]
        left[count], left[count + 1] = self._centre[block], more_visible
        np.dot(left.T, self._right, out=weights)
        for sign, side in self._plain:
            weights += sign * side.both[block]
