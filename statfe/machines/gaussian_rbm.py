"""`GaussianRbm`: a restricted Boltzmann machine with Gaussian visible and 0/1 hidden units.

    E(v, h) = sum_i (v_i - a_i)^2 / (2 sigma_i^2) - b.h - sum_ij v_i W_ij h_j / sigma_i^2                            (1)

(K. Cho, A. Ilin and T. Raiko, ICANN 2011): v given h is N(a + W h, sigma^2). With the hidden units summed out,

    F_c(v) = sum_i (v_i - a_i)^2 / (2 sigma_i^2) - sum_j ln(1 + exp(x_j)),   x_j = b_j + sum_i v_i W_ij / sigma_i^2, (2)

and ln p(v) = F_eq - F_c(v) is the logarithm of a density, in the units of the data; F_eq = -ln sum_h int dv exp(-E).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, logsumexp

from statfe.errors import ModelError, UsageError
from statfe.machines.rbm import Rbm, check_parameter, check_rows, pieces
from statfe.models.gaussian_rbm import gaussian_ising_form
from statfe.models.ising import IsingModel

#: Step and reach of the trapezoid sums over one visible unit, in sigmas. The integrand is a mixture of Gaussians of
#: that width, each of which the sum has within exp(-2 (pi / STEP)^2) = 1e-17 of itself.
STEP, REACH = 0.7, 9.0
#: Numbers that a sum over one unit works on at once.
CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class GaussianRbm(Rbm):
    """A restricted Boltzmann machine whose visible units are real numbers.

    Attributes
    ----------
    sigma
        Standard deviation of each visible unit given the hidden ones, float64, shape (n_visible,).
    """

    visible_kind: ClassVar[str] = "gaussian"
    sigma: np.ndarray = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sigma", check_parameter("sigma", self.sigma, 1))
        if self.sigma.shape != self.visible_bias.shape or not np.all(self.sigma > 0.0):
            raise ModelError(f"sigma needs a number above 0 for each of the {self.n_visible} visible units")

    @property
    def scales(self) -> np.ndarray:
        """The sigmas."""
        return self.sigma

    @property
    def scaled_weights(self) -> np.ndarray:
        """W_ij / sigma_i: the weights of units measured in their sigmas."""
        return self.weights / self.sigma[:, None]

    def ising(self) -> IsingModel:
        """The +-1 model of the hidden units, the integral over v in its constant. beta = 1 is the machine."""
        return gaussian_ising_form(self.weights, self.visible_bias, self.hidden_bias, self.sigma, spec=self.spec)

    def check(self, data: Any) -> np.ndarray:
        """`data` as float64 of shape (n, n_visible); refuses other shapes, NaN and infinity."""
        v = check_rows(data)
        if v.shape[1] != self.n_visible:
            raise UsageError(f"the data have {v.shape[1]} columns, the machine has {self.n_visible} visible units")
        return v

    def _inputs(self, v: np.ndarray) -> np.ndarray:
        return np.asarray((v / self.sigma) @ self.scaled_weights + self.hidden_bias)

    def _distance(self, v: np.ndarray) -> np.ndarray:
        """The first term of (1), unit by unit."""
        return np.asarray(0.5 * ((v - self.visible_bias) / self.sigma) ** 2)

    def _clamped(self, v: np.ndarray) -> np.ndarray:
        return np.asarray(self._distance(v).sum(axis=1) - np.logaddexp(0.0, self._inputs(v)).sum(axis=1))

    def energy(self, visible: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """E(v, h) of eq. (1) for rows of units, shape (n,)."""
        v, h = np.asarray(visible, dtype=np.float64), np.asarray(hidden, dtype=np.float64)
        pairs = np.einsum("ni,ij,nj->n", v / self.sigma, self.scaled_weights, h)
        return np.asarray(self._distance(v).sum(axis=1) - h @ self.hidden_bias - pairs)

    def hidden_means(self, visible: np.ndarray) -> np.ndarray:
        """p(h_j = 1 | v), shape (n, n_hidden)."""
        return np.asarray(expit(self._inputs(np.asarray(visible, dtype=np.float64))))

    def visible_means(self, hidden: np.ndarray) -> np.ndarray:
        """Mean of v given h, shape (n, n_visible)."""
        return np.asarray(np.asarray(hidden, dtype=np.float64) @ self.weights.T + self.visible_bias)

    def log_pseudo_likelihood(self, data: Any) -> np.ndarray:
        """sum_i ln p(v_i | the other units), densities, shape (n,); needs no Z.

        p(v_i | others) = exp(-F_c(v)) / int dv_i exp(-F_c(v)); the integral is a trapezoid sum, right to rounding.
        """
        return np.concatenate([self._pseudo(rows) for rows in pieces(self.check(data))])

    def _pseudo(self, v: np.ndarray) -> np.ndarray:
        inputs, total = self._inputs(v), np.zeros(len(v))
        own = np.logaddexp(0.0, inputs).sum(axis=1)
        for i in range(self.n_visible):
            at = self._distance(v)[:, i]
            for nodes, logs in self._slices(i, v[:, i], inputs):
                total[nodes] -= logs + at[nodes] - own[nodes]
        return total

    def _slices(self, i: int, v: np.ndarray, inputs: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """ln int dv_i exp(-F_c), the other units' distances left out, for slices of the rows."""
        w, sigma = self.weights[i], float(self.sigma[i])
        low = self.visible_bias[i] + np.minimum(w, 0.0).sum() - REACH * sigma
        high = self.visible_bias[i] + np.maximum(w, 0.0).sum() + REACH * sigma
        count = math.ceil((high - low) / (STEP * sigma)) + 1
        nodes = np.linspace(low, high, count)
        distance = 0.5 * ((nodes - self.visible_bias[i]) / sigma) ** 2
        step = max(1, CHUNK // (count * self.n_hidden))
        for first in range(0, len(v), step):
            rows = slice(first, first + step)
            shift = (nodes[None, :] - v[rows, None]) / sigma**2
            logs = np.logaddexp(0.0, inputs[rows, None, :] + shift[:, :, None] * w).sum(axis=2) - distance
            yield rows, logsumexp(logs, axis=1) + math.log(nodes[1] - nodes[0])

    @property
    def effective_beta(self) -> float:
        """As `Rbm.effective_beta`, of the couplings K / 4 of the hidden units."""
        K = self.scaled_weights.T @ self.scaled_weights
        np.fill_diagonal(K, 0.0)
        return float(np.linalg.eigvalsh(K)[-1]) / 4.0
