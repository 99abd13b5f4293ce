"""The triangular lattice: a square one with a diagonal bond along (1, 1) in every cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.models.builders import BOUNDARY, COUPLING, FIELD, SHAPE, lattice_model, make_lattice
from statfe.models.family import Family
from statfe.models.ising import IsingModel


def build(options: Mapping[str, Any]) -> IsingModel:
    """J = coupling on every bond, h = field on every site."""
    return lattice_model(make_lattice(options, "triangular"), options["coupling"], options["field"])


FAMILY = Family(
    name="triangular",
    group="lattice",
    summary="uniform couplings on the triangular lattice (six neighbours); frustrated where coupling < 0",
    options=(SHAPE, BOUNDARY, COUPLING, FIELD),
    build=build,
    reference="Wannier, Phys. Rev. 79, 357 (1950); Phys. Rev. B 7, 5017 (1973)",
    facts=(
        "coupling 1, field 0: T_c = 4 / ln 3 = 3.640957",
        "coupling -1, field 0: never orders; ground state energy -1 and entropy .323066 a site",
    ),
)
