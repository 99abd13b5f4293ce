"""Spins on a random regular graph: every site has the same number of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.models.builders import (
    FIELD,
    P_PLUS,
    SCALE,
    SEED,
    SITES,
    couplings_option,
    graph_model,
    refuse_too_large,
)
from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.models.random_graphs import refuse_degree, regular_graph
from statfe.models.validation import MAX_SITES
from statfe.random import generator
from statfe.spec import Option

DISORDER_KEY = 100_004

COUPLINGS = couplings_option("bimodal", "gaussian", "ferro")
DEGREE = Option("degree", "int", 3, "neighbours of every site", minimum=0, maximum=MAX_SITES)


def build(options: Mapping[str, Any]) -> IsingModel:
    """The graph first, then couplings in the order of its sorted bonds."""
    n, degree = options["n"], options["degree"]
    refuse_degree(n, degree)
    refuse_too_large(f"random-regular:n={n},degree={degree}", n, n * degree // 2)
    rng = generator(options["seed"], DISORDER_KEY)
    rows, cols = regular_graph(n, degree, rng)
    return graph_model(rows, cols, options, rng)


FAMILY = Family(
    name="random-regular",
    group="random graph",
    summary="+-J, Gaussian or uniform couplings on a random graph of given degree",
    options=(SITES, DEGREE, COUPLINGS, P_PLUS, SEED, SCALE, FIELD),
    build=build,
    reference="Mezard and Parisi, Eur. Phys. J. B 20, 217 (2001); Bollobas, Eur. J. Combin. 1, 311 (1980)",
    facts=(
        "ferro, field 0: (degree - 1) tanh(beta_c) = 1 as n grows",
        "bimodal, p = 0.5, field 0: (degree - 1) tanh(beta_c)^2 = 1 as n grows",
    ),
)
