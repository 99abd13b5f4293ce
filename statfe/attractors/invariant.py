"""One invariant of a motion: a number, or one for each exponent, with its error and its status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.result import STATUSES, Status


@dataclass(frozen=True)
class Invariant:
    """What a trajectory says about one invariant.

    Attributes
    ----------
    value
        shape () or (count,); nan where the data cannot support a number.
    error
        One standard deviation, of the same shape; 0 where the value is exact.
    status
        ``converged``; ``not_converged``: a number that is not to be relied on; ``diverged``: no number.
    message
        What to change, whenever it is not converged.
    units
        ``1``, ``1/time``, ...
    """

    name: str
    value: np.ndarray
    error: np.ndarray
    status: Status = "converged"
    message: str = ""
    units: str = "1"
    stats: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        value, error = (np.asarray(array, dtype=np.float64) for array in (self.value, self.error))
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "error", error)
        if self.status not in STATUSES or value.shape != error.shape or (error < 0).any():
            raise ValueError(f"{self.name}: status {self.status!r}, shapes {value.shape} and {error.shape}")
        if self.status == "converged" and not np.isfinite([value, error]).all():
            raise ValueError(f"{self.name}: converged without a number")
        if self.status == "diverged" and np.isfinite(value).any():
            raise ValueError(f"{self.name}: diverged with a number")
        if self.status != "converged" and not self.message:
            raise ValueError(f"{self.name}: {self.status} without a message")


def unsupported(name: str, message: str, units: str = "1", count: int | None = None) -> Invariant:
    """No number, because the data cannot support one; `message` says what to change."""
    empty = np.full(() if count is None else count, math.nan)
    return Invariant(name, empty, empty, "diverged", message, units)
