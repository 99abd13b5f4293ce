"""The Sherrington-Kirkpatrick spin glass: every pair coupled, J ~ N(0, 1/n)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.builders import FIELD, SCALE, SEED, SITES, dense_model, n_pairs, refuse_too_large
from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.random import generator

DISORDER_KEY = 100_002


def build(options: Mapping[str, Any]) -> IsingModel:
    """Couplings drawn pair by pair, row by row of the upper triangle."""
    n = options["n"]
    refuse_too_large(f"sk:n={n}", n, n_pairs(n))
    draws = generator(options["seed"], DISORDER_KEY).standard_normal(n_pairs(n))
    draws *= options["coupling"] / np.sqrt(n)
    return dense_model(n, draws, options["field"])


FAMILY = Family(
    name="sk",
    group="dense",
    summary="Sherrington-Kirkpatrick spin glass, J ~ N(0, 1/n)",
    options=(SITES, SEED, SCALE, FIELD),
    build=build,
    reference="Sherrington and Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)",
    facts=(
        "T_c = 1; ground state energy -.76317 a site as n grows",
        "mean of Z over the disorder: 2^n exp(beta^2 (n - 1) / 4)",
    ),
)
