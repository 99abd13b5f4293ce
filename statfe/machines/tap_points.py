"""TAP free energies of a restricted Boltzmann machine in its 0/1 units, and their gradient.

With means m of the visible and n of the hidden units, u = m - m^2 and w = n - n^2, to third order in W,

    Gamma = - S(m) - S(n) - a.m - b.n - m.W.n - u.W2.w / 2 - 2 [u (1/2 - m)].W3.[w (1/2 - n)] / 3                (1)

with W2 = W_ij^2, W3 = W_ij^3 and S(m) = - sum m ln m + (1 - m) ln(1 - m). It approximates -ln Z where it is stationary:

    m = sigma(a + W.n - (m - 1/2) W2.w + 2 (1/6 - u) W3.[w (1/2 - n)]), and likewise n.                           (2)

Valid for weak weights or many units; uncontrolled. Source: M. Gabrie, E. Tramel and F. Krzakala, NIPS 2015,
arXiv:1506.02914, eqs. 9-12 (the third-order term of the gradient is that of eq. 1 here).
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, expit

from statfe.machines.gibbs import Parameters

#: Share of the new value in an iteration.
DAMPING = 0.5


class TapPoints:
    """A set of magnetisations, each on its way to a fixed point of (2).

    Attributes
    ----------
    visible, hidden
        m, shape (points, n_visible), and n, shape (points, n_hidden); `hidden` is filled by `begin`.
    """

    def __init__(self, visible: np.ndarray, order: int) -> None:
        self.visible, self.order = visible.copy(), order
        self.hidden = np.empty((len(visible), 0), visible.dtype)

    def begin(self, p: Parameters) -> None:
        """Take the means of the hidden units given the visible ones."""
        self.hidden = expit(self.visible @ p.W + p.b)

    def begin_at(self, p: Parameters, hidden: np.ndarray) -> None:
        """Take these means of the hidden units, and those of the visible ones given them."""
        self.hidden, self.visible = hidden.copy(), expit(hidden @ p.W.T + p.a)

    def iterate(self, p: Parameters, steps: int) -> float:
        """Move by `steps` damped iterations of (2), hidden units first; gives the largest change of the last one."""
        change = 0.0
        powers = (p.W, p.W**2, p.W**3 if self.order > 2 else None)
        back = tuple(None if x is None else x.T for x in powers)
        for _ in range(steps):
            moved_hidden = self._update(self.hidden, self.visible, p.b, powers)
            moved_visible = self._update(self.visible, self.hidden, p.a, back)
            change = max(moved_hidden, moved_visible)
        return change

    def _update(
        self, own: np.ndarray, other: np.ndarray, bias: np.ndarray, powers: tuple[np.ndarray | None, ...]
    ) -> float:
        """One damped step of eq. (2) for the layer `own`, in place."""
        first, second, third = powers
        half = own.dtype.type(0.5)
        spread = other - other**2
        inputs = other @ first + bias - (own - half) * (spread @ second)
        if third is not None:
            inputs += 2 * (own.dtype.type(1 / 6) - own + own**2) * ((spread * (half - other)) @ third)
        step = own.dtype.type(DAMPING) * (expit(inputs) - own)
        own += step
        return float(np.max(np.abs(step)))

    def gamma(self, p: Parameters) -> np.ndarray:
        """Gamma of eq. (1) at each point, float64, shape (points,)."""
        m, n, W = (np.asarray(x, np.float64) for x in (self.visible, self.hidden, p.W))
        u, w = m - m**2, n - n**2
        entropy = (entr(m) + entr(1.0 - m)).sum(axis=1) + (entr(n) + entr(1.0 - n)).sum(axis=1)
        pairs = np.einsum("ki,ki->k", m, n @ W.T) + 0.5 * np.einsum("ki,ki->k", u, w @ (W**2).T)
        if self.order > 2:
            pairs += 2.0 / 3.0 * np.einsum("ki,ki->k", u * (0.5 - m), (w * (0.5 - n)) @ (W**3).T)
        return -entropy - m @ p.a - n @ p.b - pairs

    def gradient(self, p: Parameters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-d Gamma / d (a, b, W) at the fixed points, averaged over them: the TAP values of <v>, <h> and <v h>."""
        m, n, W = self.visible, self.hidden, p.W
        half, count = m.dtype.type(0.5), m.dtype.type(len(m))
        u, w = m - m**2, n - n**2
        both = m.T @ n + W * (u.T @ w)
        if self.order > 2:
            both += 2 * W**2 * ((u * (half - m)).T @ (w * (half - n)))
        return m.mean(axis=0), n.mean(axis=0), both / count
