"""The Edwards-Anderson spin glass: independent random couplings on a hypercubic lattice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.models.builders import (
    BOUNDARY,
    FIELD,
    P_PLUS,
    SCALE,
    SEED,
    SHAPE,
    couplings_option,
    draw_couplings,
    lattice_model,
    make_lattice,
)
from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.random import generator

DISORDER_KEY = 100_001

COUPLINGS = couplings_option("bimodal", "gaussian")


def build(options: Mapping[str, Any]) -> IsingModel:
    """Couplings drawn bond by bond in the order of `Lattice.bonds`."""
    lattice = make_lattice(options)
    rng = generator(options["seed"], DISORDER_KEY)
    couplings = draw_couplings(options["couplings"], lattice.n_bonds, options["p"], rng)
    return lattice_model(lattice, options["coupling"] * couplings, options["field"])


FAMILY = Family(
    name="ea",
    group="lattice",
    summary="Edwards-Anderson spin glass: +-J or Gaussian couplings on a hypercubic lattice",
    options=(SHAPE, BOUNDARY, COUPLINGS, P_PLUS, SEED, SCALE, FIELD),
    build=build,
    reference="Edwards and Anderson, J. Phys. F 5, 965 (1975)",
    facts=(
        "3D, +-J, p = 0.5: T_c = 1.102(3)",
        "2D, +-J: multicritical point at p = .8908, T = .9528",
        "Nishimori line of the +-J model: tanh(beta) = 2p - 1",
    ),
)
