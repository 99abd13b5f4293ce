"""What a family of models is: a name, its options, and how to build one of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from statfe.models.ising import IsingModel
from statfe.spec import Option


@dataclass(frozen=True)
class Family:
    """A family of models, ``name:key=value,...`` in a spec.

    Attributes
    ----------
    group
        ``lattice``, ``dense``, ``random graph``, ``machine`` or ``file``.
    build
        ``build(options)`` makes the model from checked options; the catalogue gives it its spec.
    facts
        What is known of the family without computing: critical points, ground states, conventions.
    """

    name: str
    group: str
    summary: str
    options: tuple[Option, ...]
    build: Callable[[Mapping[str, Any]], IsingModel]
    reference: str
    facts: tuple[str, ...] = ()

    @property
    def positional(self) -> bool:
        """Whether the spec starts with a bare path."""
        return any(o.name == "path" for o in self.options)

    def to_dict(self) -> dict[str, Any]:
        """For ``statfe models --json``."""
        return {
            "name": self.name, "family": self.group, "summary": self.summary,
            "options": [o.to_dict() for o in self.options], "reference": self.reference,
            "facts": list(self.facts),
        }
