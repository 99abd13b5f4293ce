"""All invariants of one motion, with the arrays behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.attractors.correlation import CorrelationSum
from statfe.attractors.invariant import Invariant
from statfe.attractors.rules import Rule
from statfe.attractors.section import Section
from statfe.attractors.spectrum import Spectrum


@dataclass(frozen=True)
class Measured:
    """What was asked of a system or of a record.

    Attributes
    ----------
    target
        The spec or the file.
    system
        Spec of the law, or "" where none is known.
    scalars
        One number each.
    exponents
        Largest first, or None where they were not asked for.
    motion
        ``fixed point``, ``periodic``, ``torus``, ``chaotic``, or "".
    rules
        Rules that were checked.
    coordinates
        Of the section and the spectrum.
    return_map
        Pairs (value, next value), shape (n, 2), of the coordinate `return_of`.
    source
        What the numbers of the record were made of, in words.
    """

    target: str
    system: str
    seed: int
    command: str
    scalars: tuple[Invariant, ...]
    exponents: Invariant | None = None
    motion: str = ""
    rules: tuple[Rule, ...] = ()
    coordinates: tuple[str, ...] = ()
    correlation: CorrelationSum | None = None
    spectrum: Spectrum | None = None
    section: Section | None = None
    return_map: np.ndarray | None = None
    return_of: str = ""
    source: str = ""
    seconds: float = math.nan

    @property
    def all(self) -> tuple[Invariant, ...]:
        """Exponents and scalars."""
        return (*(() if self.exponents is None else (self.exponents,)), *self.scalars)

    @property
    def converged(self) -> bool:
        """Whether every number can be relied on."""
        return all(found.status == "converged" for found in self.all)

    def scalar(self, name: str) -> Invariant:
        """The scalar of a name; KeyError where it was not asked for."""
        return {found.name: found for found in self.scalars}[name]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the long arrays."""
        return {
            "target": self.target, "system": self.system, "seed": self.seed, "source": self.source,
            "motion": self.motion, "seconds": self.seconds,
            "invariants": [
                {"name": f.name, "value": f.value.tolist(), "error": f.error.tolist(), "status": f.status,
                 "message": f.message, "units": f.units, "stats": plain_stats(f)} for f in self.all],
            "rules": [rule.to_dict() for rule in self.rules],
        }


def plain_stats(found: Invariant) -> dict[str, Any]:
    """Numbers and text of the stats, arrays as lists."""
    return {k: v.tolist() if isinstance(v, (np.ndarray, np.generic)) else v for k, v in found.stats.items()}
