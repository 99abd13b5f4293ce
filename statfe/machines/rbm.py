"""`Rbm`: a restricted Boltzmann machine with 0/1 units, its clamped free energy, and what it says of data.

E(v, h) = - a.v - b.h - v.W.h at beta = 1. With the hidden units summed out,

    F_c(v) = -ln sum_h exp(-E(v, h)) = - a.v - sum_j ln(1 + exp(x_j)),   x_j = b_j + sum_i v_i W_ij,               (1)

and with the equilibrium free energy F_eq = -ln Z the log-likelihood of v is

    ln p(v) = F_eq - F_c(v).                                                                                      (2)

`ising()` is the same machine as an `IsingModel`, on which every method of statfe runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from statfe.errors import ModelError, UsageError
from statfe.kernels.ratio_matching import log_conditionals
from statfe.machines.flips import RANGE, flip_arguments
from statfe.models.ising import IsingModel
from statfe.models.rbm import ising_form

#: Rows that are worked on together.
ROWS = 1024


def check_parameter(name: str, values: Any, dims: int) -> np.ndarray:
    """`values` as a read-only float64 array of `dims` dimensions."""
    array = np.array(values, dtype=np.float64)
    if array.ndim != dims:
        raise ModelError(f"{name} must have {dims} dimensions, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ModelError(f"{name} must be finite numbers")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Rbm:
    """A restricted Boltzmann machine with Bernoulli units.

    Attributes
    ----------
    visible_bias, hidden_bias
        a, float64, shape (n_visible,), and b, shape (n_hidden,).
    weights
        W, float64, shape (n_visible, n_hidden).
    spec
        What the machine is called in results.
    """

    visible_kind: ClassVar[str] = "bernoulli"
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    weights: np.ndarray = field(repr=False)
    spec: str = "rbm"

    def __post_init__(self) -> None:
        for name, dims in (("visible_bias", 1), ("hidden_bias", 1), ("weights", 2)):
            object.__setattr__(self, name, check_parameter(name, getattr(self, name), dims))
        wanted = (len(self.visible_bias), len(self.hidden_bias))
        if self.weights.shape != wanted or 0 in wanted:
            raise ModelError(
                f"weights of shape {self.weights.shape} do not fit {wanted[0]} visible and {wanted[1]} hidden biases")

    @property
    def n_visible(self) -> int:
        """Number of visible units."""
        return len(self.visible_bias)

    @property
    def n_hidden(self) -> int:
        """Number of hidden units."""
        return len(self.hidden_bias)

    def ising(self) -> IsingModel:
        """The +-1 model of the same energies, constant included; visible units first. beta = 1 is the machine."""
        return ising_form(self.weights, self.visible_bias, self.hidden_bias, spec=self.spec)

    def check(self, data: Any) -> np.ndarray:
        """`data` as float64 of shape (n, n_visible).

        Raises
        ------
        UsageError
            For another number of columns, NaN, or values outside [0, 1].
        """
        v = check_units(data)
        if v.shape[1] != self.n_visible:
            raise UsageError(f"the data have {v.shape[1]} columns, the machine has {self.n_visible} visible units")
        return v

    def clamped_free_energy(self, data: Any) -> np.ndarray:
        """F_c(v) of eq. (1) for data of shape (n, n_visible); float64, shape (n,). Exact."""
        return np.concatenate([self._clamped(v) for v in pieces(self.check(data))])

    def _clamped(self, v: np.ndarray) -> np.ndarray:
        return -(v @ self.visible_bias) - np.logaddexp(0.0, v @ self.weights + self.hidden_bias).sum(axis=1)

    def energy(self, visible: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """E(v, h) for rows of 0/1 units, shape (n,)."""
        v, h = np.asarray(visible, dtype=np.float64), np.asarray(hidden, dtype=np.float64)
        return -(v @ self.visible_bias) - h @ self.hidden_bias - np.einsum("ni,ij,nj->n", v, self.weights, h)

    def hidden_means(self, visible: np.ndarray) -> np.ndarray:
        """p(h_j = 1 | v), shape (n, n_hidden)."""
        return expit(np.asarray(visible, dtype=np.float64) @ self.weights + self.hidden_bias)

    def visible_means(self, hidden: np.ndarray) -> np.ndarray:
        """p(v_i = 1 | h), shape (n, n_visible)."""
        return expit(np.asarray(hidden, dtype=np.float64) @ self.weights.T + self.visible_bias)

    def log_pseudo_likelihood(self, data: Any) -> np.ndarray:
        """sum_i ln p(v_i | the other units), shape (n,): exact, needs no Z (J. Besag, 1975). Data of 0 and 1 alone.

        p(v_i | others) = 1 / (1 + exp(F_c(v) - F_c(v with i flipped))).
        """
        v = self.check(data)
        if np.any((v != 0.0) & (v != 1.0)):
            raise UsageError("the pseudo-likelihood is that of units 0 and 1; binarise the data first")
        return np.concatenate([self._pseudo(rows) for rows in pieces(v)])

    def _pseudo(self, v: np.ndarray) -> np.ndarray:
        if np.abs(self.weights).max() <= RANGE:
            found = np.empty(len(v))
            log_conditionals(*flip_arguments(v, self.visible_bias, self.hidden_bias, self.weights), found)
            return found
        inputs = v @ self.weights + self.hidden_bias  # factors of such weights overflow
        own = np.logaddexp(0.0, inputs).sum(axis=1)
        total = np.zeros(len(v))
        for i in range(self.n_visible):
            turn = 1.0 - 2.0 * v[:, i]
            other = np.logaddexp(0.0, inputs + turn[:, None] * self.weights[i]).sum(axis=1)
            total -= np.logaddexp(0.0, turn * self.visible_bias[i] + other - own)
        return total

    @property
    def scales(self) -> np.ndarray:
        """What visible units are measured in: ones, as 0/1 units have no scale; shape (n_visible,)."""
        return np.ones(self.n_visible)

    @property
    def scaled_weights(self) -> np.ndarray:
        """The weights of units measured in their scale: W, as 0/1 units have none."""
        return self.weights

    @property
    def effective_beta(self) -> float:
        """Largest eigenvalue of the couplings W / 4 of the +-1 form: an inverse temperature of the machine.

        Without fields its mean-field solution m = 0 is lost where this is 1, so 1 / effective_beta is the temperature
        of the machine in units of its mean-field transition.
        """
        return self.largest_singular / 4.0

    @cached_property
    def largest_singular(self) -> float:
        """Largest singular value of the weights of units measured in their scale."""
        return float(np.linalg.norm(self.scaled_weights, 2))

    def reconstruction_error(self, data: Any) -> float:
        """Mean of (v - <v'>)^2 a unit, where v' is reached through the means of the hidden units."""
        v = self.check(data)
        found = [np.mean((rows - self.visible_means(self.hidden_means(rows))) ** 2) * len(rows) for rows in pieces(v)]
        return float(np.sum(found) / len(v))


def check_units(data: Any) -> np.ndarray:
    """`data` as float64 of shape (n, units) with values in [0, 1]; `UsageError` says what is wrong."""
    v = check_rows(data)
    check_range(float(v.min()), float(v.max()))
    return v


def check_range(lowest: float, highest: float) -> None:
    """Refuse values outside [0, 1]."""
    if lowest < 0.0 or highest > 1.0:
        raise UsageError(
            f"Bernoulli units take values in [0, 1], the data go from {lowest:g} to {highest:g}; rescale or binarise, "
            "or train with visible=gaussian")


def check_rows(data: Any) -> np.ndarray:
    """`data` as float64 of shape (n, units), finite; `UsageError` says what is wrong."""
    try:
        v = np.ascontiguousarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("data must be an array of numbers, one row a sample") from None
    if v.ndim != 2 or 0 in v.shape:
        raise UsageError(f"data must have one row a sample and one column a unit, got shape {v.shape}")
    if np.isnan(v).any():
        raise UsageError(f"the data hold NaN, first in row {int(np.argwhere(np.isnan(v))[0, 0])}; remove such rows")
    if np.isinf(v).any():
        raise UsageError(f"the data are infinite, first in row {int(np.argwhere(np.isinf(v))[0, 0])}; remove such rows")
    return v


def pieces(v: np.ndarray) -> Iterator[np.ndarray]:
    """Slices of `v` of at most `ROWS` rows."""
    for start in range(0, len(v), ROWS):
        yield v[start:start + ROWS]
