"""The ferromagnet (or antiferromagnet) on a hypercubic lattice of any dimension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.models.builders import BOUNDARY, COUPLING, FIELD, SHAPE, lattice_model, make_lattice
from statfe.models.family import Family
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.uniform_lattice import MANY_BONDS, UniformLattice


def build(options: Mapping[str, Any]) -> IsingModel:
    """J = coupling on every bond, h = field on every site."""
    lattice = Lattice(options["shape"], options["boundary"] == "periodic")
    if lattice.n_bonds >= MANY_BONDS:
        return UniformLattice(lattice, options["coupling"], options["field"])
    return lattice_model(make_lattice(options), options["coupling"], options["field"])


FAMILY = Family(
    name="ising",
    group="lattice",
    summary="uniform couplings on a hypercubic lattice of any dimension",
    options=(SHAPE, BOUNDARY, COUPLING, FIELD),
    build=build,
    reference="Onsager, Phys. Rev. 65, 117 (1944); Kaufman, Phys. Rev. 76, 1232 (1949)",
    facts=(
        "2D, field 0: T_c = 2 / ln(1 + sqrt 2) = 2.269185",
        "3D, field 0: T_c = 4.5115",
        "an axis of length 2 that is periodic has two bonds a pair; an axis of length 1 has none",
    ),
)
