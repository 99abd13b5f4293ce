"""TAP with Gaussian visible units: the integral over them is exact, the hidden units have the Onsager term.

With sigma = 1 the hidden units have couplings K = W^T W and fields f = b + W^T a + diag(K) / 2 (`statfe.models.
gaussian_rbm`). With means n, w = n - n^2, and sums over pairs j < k, to second order in K

    Gamma = - S(n) - f.n - sum K_jk n_j n_k - sum K_jk^2 w_j w_k / 2 - n_visible ln(2 pi) / 2,                     (1)
    n = sigma(f + K.n - (n - 1/2) K2.w),   K without its diagonal, K2_jk = K_jk^2,                                 (2)

the equations of D. Thouless, P. Anderson and R. Palmer, Phil. Mag. 35, 593 (1977) in 0/1 units, as T. Plefka, J. Phys.
A 15, 1971 (1982) derives them. Where (1) is stationary, C_jk = n_j n_k + K_jk w_j w_k with C_jj = n_j stands for <h h>:

    -d Gamma / dW = a n + W C,   <u> = a + W n.                                                                    (3)

E. Tramel, M. Gabrie, A. Manoel, F. Caltagirone and F. Krzakala, Phys. Rev. X 8, 041006 (2018) expand in W instead, both
layers approximate. Uncontrolled, and its iteration may not settle where K is strong.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr, expit

from statfe.machines.gibbs import Parameters
from statfe.machines.phases import Means
from statfe.machines.tap_points import DAMPING


class GaussianTapPoints:
    """Means of the hidden units, each row on its way to a fixed point of (2).

    Attributes
    ----------
    hidden
        n, shape (points, n_hidden).
    """

    def __init__(self, p: Parameters, visible: np.ndarray) -> None:
        self.hidden = expit(visible @ p.W + p.b)

    @staticmethod
    def _couplings(p: Parameters) -> tuple[np.ndarray, np.ndarray]:
        K = p.W.T @ p.W
        fields = p.b + p.a @ p.W + p.W.dtype.type(0.5) * np.diag(K)
        np.fill_diagonal(K, 0.0)
        return fields, K

    def iterate(self, p: Parameters, steps: int) -> float:
        """Move by `steps` damped iterations of (2); gives the largest change of the last one."""
        n, (fields, K), change = self.hidden, self._couplings(p), 0.0
        squares, half, share = K**2, n.dtype.type(0.5), n.dtype.type(DAMPING)
        for _ in range(steps):
            step = share * (expit(fields + n @ K - (n - half) * ((n - n**2) @ squares)) - n)
            n += step
            change = float(np.max(np.abs(step)))
        return change

    def gamma(self, p: Parameters) -> np.ndarray:
        """Gamma of eq. (1) at each point, float64, shape (points,)."""
        fields, K = (np.asarray(x, np.float64) for x in self._couplings(p))
        n = np.asarray(self.hidden, np.float64)
        w = n - n**2
        entropy = (entr(n) + entr(1.0 - n)).sum(axis=1)
        pairs = 0.5 * np.einsum("kj,kj->k", n, n @ K) + 0.25 * np.einsum("kj,kj->k", w, w @ K**2)
        return np.asarray(-entropy - n @ fields - pairs - 0.5 * len(p.a) * math.log(2.0 * math.pi))

    def gradient(self, p: Parameters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eq. (3), averaged over the points: the TAP values of <u>, <h> and <u h>."""
        n, (_, K) = self.hidden, self._couplings(p)
        count, w = n.dtype.type(len(n)), n - n**2
        mean = n.mean(axis=0)
        pairs = (n.T @ n + K * (w.T @ w)) / count
        np.fill_diagonal(pairs, mean)
        return p.a + p.W @ mean, mean, np.outer(p.a, mean) + p.W @ pairs


class GaussianTapPhase:
    """Persistent fixed points of (2), moved by `steps` iterations before each gradient."""

    def __init__(self, p: Parameters, steps: int, start: np.ndarray) -> None:
        self.steps, self.points = steps, GaussianTapPoints(p, start)

    def means(self, p: Parameters, hidden: np.ndarray) -> Means:
        """-d Gamma / d parameters, averaged over the points."""
        self.points.iterate(p, self.steps)
        return Means(*self.points.gradient(p))

    def state(self) -> dict[str, np.ndarray]:
        """The means of the hidden units."""
        return {"hidden_means": self.points.hidden}
