"""The Curie-Weiss ferromagnet: every pair coupled with J = 1/n."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.builders import FIELD, SCALE, SITES, dense_model, n_pairs, refuse_too_large
from statfe.models.family import Family
from statfe.models.ising import IsingModel


def build(options: Mapping[str, Any]) -> IsingModel:
    """J = coupling / n on every pair, h = field on every site."""
    n = options["n"]
    refuse_too_large(f"curie-weiss:n={n}", n, n_pairs(n))
    return dense_model(n, np.full(n_pairs(n), options["coupling"] / n), options["field"])


FAMILY = Family(
    name="curie-weiss",
    group="dense",
    summary="mean-field ferromagnet, J = 1/n on every pair",
    options=(SITES, SCALE, FIELD),
    build=build,
    reference="Weiss, J. Phys. Theor. Appl. 6, 661 (1907); Kac, in Brandeis Lectures (1968)",
    facts=("coupling 1, field 0: T_c = 1 as n grows",),
)
