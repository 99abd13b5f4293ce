"""A restricted Boltzmann machine with random weights, as the +-1 model of the same energies.

With Gaussian visible units (sigma = 1) they are integrated out: the model has the hidden units alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from statfe.models.builders import SEED, refuse_too_large
from statfe.models.family import Family
from statfe.models.gaussian_rbm import gaussian_ising_form
from statfe.models.ising import IsingModel
from statfe.models.rbm import ising_form
from statfe.models.validation import MAX_SITES
from statfe.random import generator
from statfe.spec import Option

DISORDER_KEY = 100_006

VISIBLE = Option("visible", "int", doc="number of visible units", minimum=1, maximum=MAX_SITES)
HIDDEN = Option("hidden", "int", doc="number of hidden units", minimum=1, maximum=MAX_SITES)
WEIGHT_SCALE = Option("scale", "float", 0.5, "standard deviation of the weights", minimum=0)
VISIBLE_BIAS = Option("visible_bias", "float", 0.0, "bias a of every visible unit")
HIDDEN_BIAS = Option("hidden_bias", "float", 0.0, "bias b of every hidden unit")
UNITS = Option("units", "str", "bernoulli", "what visible units are", choices=("bernoulli", "gaussian"))


def build(options: Mapping[str, Any]) -> IsingModel:
    """W_ij = scale * N(0, 1), row by row; biases are uniform and zero unless given."""
    visible, hidden = options["visible"], options["hidden"]
    gaussian = options["units"] == "gaussian"
    sites, bonds = (hidden, hidden * (hidden - 1) // 2) if gaussian else (visible + hidden, visible * hidden)
    refuse_too_large(f"rbm:visible={visible},hidden={hidden}", sites, max(bonds, visible * hidden))
    rng = generator(options["seed"], DISORDER_KEY)
    weights = options["scale"] * rng.standard_normal((visible, hidden))
    biases = np.full(visible, options["visible_bias"]), np.full(hidden, options["hidden_bias"])
    return gaussian_ising_form(weights, *biases, np.ones(visible)) if gaussian else ising_form(weights, *biases)


FAMILY = Family(
    name="rbm",
    group="machine",
    summary="restricted Boltzmann machine of 0/1 units with weights N(0, scale^2)",
    options=(VISIBLE, HIDDEN, WEIGHT_SCALE, SEED, VISIBLE_BIAS, HIDDEN_BIAS, UNITS),
    build=build,
    reference="Smolensky, in Parallel Distributed Processing (1986); Hinton, Neural Comput. 14, 1771 (2002)",
    facts=(
        "sites 0 to visible - 1 are the visible units, the hidden ones follow",
        "energies are those of the 0/1 units, constant included; beta = 1 is the machine itself",
        "units=gaussian: visible units N(a + W h, 1) are integrated out, the sites are the hidden units alone",
    ),
)
