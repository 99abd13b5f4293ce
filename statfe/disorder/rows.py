"""What is kept of every realisation: numbers at every beta, a status, and what the method said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.result import STATUSES, FreeEnergy

#: Numbers of a realisation at one beta: units and long name.
NUMBERS = {
    "beta_f": ("1", "beta F = -ln Z of the realisation (nats)"),
    "beta_f_error": ("1", "standard error of beta_f from sampling (nats); 0 where exact"),
    "half_shift": ("1", "beta_f of the two halves of the replicas, averaged, minus that of all: the sampling bias"),
    "half_spread": ("1", "half the difference of beta_f between the two halves of the replicas: its noise"),
    "energy": ("1", "mean energy <E>"),
    "heat_capacity": ("1", "beta^2 Var(E)"),
    "magnetization": ("1", "mean sum of the spins; NaN where exact"),
    "link_overlap": ("1", "link overlap of two replicas, mean of s_i s_j s_i' s_j' over the bonds; NaN where exact"),
}
CONVERGED, NOT_CONVERGED, DIVERGED = range(len(STATUSES))


@dataclass
class Rows:
    """Realisations, one a row.

    Attributes
    ----------
    numbers
        Name (of `NUMBERS`) to float64, shape (M, B); NaN where there is none.
    status
        Index into `statfe.result.STATUSES`, int8, shape (M, B).
    message
        What the method says, M rows of B.
    method
        The method of each, M.
    sweeps, attempts, bonds
        Measured sweeps (0 where exact), how often it was run, and number of bonds; int64, shape (M,).
    """

    numbers: dict[str, np.ndarray]
    status: np.ndarray
    message: list[list[str]]
    method: list[str]
    sweeps: np.ndarray
    attempts: np.ndarray
    bonds: np.ndarray

    @classmethod
    def empty(cls, count: int, betas: int) -> Rows:
        """Rows without numbers."""
        return cls(
            {name: np.full((count, betas), math.nan) for name in NUMBERS},
            np.full((count, betas), DIVERGED, dtype=np.int8), [[""] * betas for _ in range(count)], [""] * count,
            *(np.zeros(count, dtype=np.int64) for _ in range(3)))

    def __len__(self) -> int:
        return len(self.status)

    def put(self, row: int, results: Sequence[FreeEnergy], **numbers: np.ndarray) -> None:
        """Set the free energies of a row, and other numbers of it."""
        for k, r in enumerate(results):
            self.numbers["beta_f"][row, k], self.numbers["beta_f_error"][row, k] = r.beta_f, r.beta_f_error
            self.status[row, k] = STATUSES.index(r.status)
            self.message[row][k] = "" if r.status == "converged" else r.message
        for name, values in numbers.items():
            self.numbers[name][row] = values

    def failed(self) -> list[int]:
        """Rows that failed at some beta."""
        return np.flatnonzero((self.status != CONVERGED).any(axis=1)).tolist()

    def take(self, rows: Sequence[int], other: Rows) -> None:
        """Replace `rows` by those of `other`, in order."""
        at = list(rows)
        for name, array in self.arrays().items():
            array[at] = other.arrays()[name]
        for row, message, method in zip(at, other.message, other.method, strict=True):
            self.message[row], self.method[row] = message, method

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {**self.numbers, "status": self.status, "sweeps": self.sweeps, "attempts": self.attempts,
                "bonds": self.bonds}

    def texts(self) -> dict[str, Any]:
        """All that is no array."""
        return {"message": self.message, "method": self.method}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], texts: dict[str, Any]) -> Rows:
        """Rows from what `arrays` and `texts` gave."""
        numbers = {name: np.array(arrays[name]) for name in NUMBERS}
        rest = {name: np.array(arrays[name]) for name in ("status", "sweeps", "attempts", "bonds")}
        return cls(numbers, message=texts["message"], method=texts["method"], **rest)

    def first_messages(self, k: int) -> Iterator[tuple[int, str]]:
        """(row, message) of those that failed at beta number `k`."""
        return ((row, self.message[row][k]) for row in np.flatnonzero(self.status[:, k] != CONVERGED).tolist())
