"""Spins on an Erdos-Renyi graph: each pair is a bond with probability mean_degree / (n - 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.errors import ModelError
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
from statfe.models.random_graphs import erdos_renyi_graph
from statfe.random import generator
from statfe.spec import Option

DISORDER_KEY = 100_005

COUPLINGS = couplings_option("bimodal", "gaussian", "ferro")
MEAN_DEGREE = Option("mean_degree", "float", 3.0, "mean number of neighbours, at most n - 1", minimum=0)


def build(options: Mapping[str, Any]) -> IsingModel:
    """The graph first, then couplings in the order of its bonds."""
    n, mean_degree = options["n"], options["mean_degree"]
    if mean_degree > n - 1:
        raise ModelError(f"mean_degree={mean_degree:g} is too large for {n} sites; it is at most n - 1")
    refuse_too_large(f"erdos-renyi:n={n},mean_degree={mean_degree:g}", n, n * mean_degree / 2)
    rng = generator(options["seed"], DISORDER_KEY)
    rows, cols = erdos_renyi_graph(n, mean_degree / max(n - 1, 1), rng)
    return graph_model(rows, cols, options, rng)


FAMILY = Family(
    name="erdos-renyi",
    group="random graph",
    summary="+-J, Gaussian or uniform couplings on a random graph of given mean degree",
    options=(SITES, MEAN_DEGREE, COUPLINGS, P_PLUS, SEED, SCALE, FIELD),
    build=build,
    reference="Viana and Bray, J. Phys. C 18, 3037 (1985); Erdos and Renyi, Publ. Math. 6, 290 (1959)",
    facts=(
        "ferro, field 0: mean_degree tanh(beta_c) = 1 as n grows",
        "bimodal, p = 0.5, field 0: mean_degree tanh(beta_c)^2 = 1 as n grows",
    ),
)
