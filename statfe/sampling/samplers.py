"""Samplers by name: which update rule, and how the ladder of chains is run.

``metropolis``: Metropolis et al., J. Chem. Phys. 21, 1087 (1953), sites in order, every second sweep heat bath, and
heat bath alone on hot rungs. ``gibbs``: heat bath (Geman and Geman, IEEE PAMI 6, 721, 1984), sites in order.
``swendsen-wang``, ``wolff``: cluster moves of models without frustration (see `statfe.kernels.cluster`).
``houdayer``: metropolis, and a cluster move between two replicas after each sweep (see `statfe.kernels.isoenergetic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.errors import SpecError, unknown_name
from statfe.kernels.tempering import GIBBS, METROPOLIS
from statfe.models.ising import IsingModel
from statfe.spec import Option, check_options, split_spec

#: Kernels that a sampler can be asked for; a test holds them against the files in `statfe/sampling/banks/`.
KERNELS = ("auto", "scalar", "float-lane", "dense", "bit-lane", "swendsen-wang", "wolff", "houdayer", "multi-site")

OPTIONS = (
    Option("burn_in", "int", optional=True, minimum=0,
           doc="sweeps thrown away at each rung before measuring (default: a fifth of the sweeps)"),
    Option("thin", "int", optional=True, minimum=1,
           doc="record every thin-th sweep (default: as many as the estimators take in a small share of the time)"),
    Option("schedule", "str", default="auto", choices=("auto", "tempering", "annealing"),
           doc="all rungs at once with exchanges, or one rung after the other (auto: tempering while it fits)"),
    Option("kernel", "str", default="auto", choices=KERNELS,
           doc="how spins are held and moved (auto: the fastest that can hold the model)"),
    Option("overlaps", "int", optional=True, minimum=1,
           doc="record the overlap of replicas (0, 1), (2, 3), ... at every rung, every this many draws"),
    Option("ladder", "str", default="adaptive", choices=("adaptive", "fluctuation"),
           doc="rungs at even swap rates, found in short rounds, or by the fluctuation of the energy alone"),
    Option("spacing", "float", optional=True, minimum=0.05, maximum=6.0,
           doc="distance of rungs in standard deviations of the energy (default: 1, annealing 2)"),
)

#: Samplers, and the single-spin rule that each uses: for all its sweeps, beside its clusters, or to place rungs alone.
RULES = {
    "metropolis": METROPOLIS, "gibbs": GIBBS, "swendsen-wang": METROPOLIS, "wolff": METROPOLIS, "houdayer": METROPOLIS}
DEFAULT_SAMPLER = "metropolis"

#: Below this beta times the root mean square of the local fields, Metropolis in order flips nearly every spin at
#: every visit: the energy then hardly moves from sweep to sweep (at beta = 0, never), and heat bath is used.
HOT = 0.6


@dataclass(frozen=True)
class Sampler:
    """A checked sampler spec."""

    name: str
    rule: int
    spec: str
    burn_in: int | None
    thin: int | None
    schedule: str
    kernel: str
    overlaps: int | None
    ladder: str
    spacing: float | None


def make_sampler(spec: str, **options: Any) -> Sampler:
    """The sampler of a spec such as ``gibbs:burn_in=1000``; keyword options win.

    Raises
    ------
    SpecError
        Unknown sampler or option (with the nearest name), or a bad value.
    """
    name, raw = split_spec(spec)
    if name not in RULES:
        raise SpecError(unknown_name("sampler", name, RULES))
    checked = check_options(name, {**raw, **options}, OPTIONS)
    return Sampler(name=name, rule=RULES[name], spec=str(checked), **checked.options)


def rules_at(rule: int, model: IsingModel, betas: np.ndarray) -> np.ndarray:
    """Update rule of the rungs `betas`, int64: `rule`, but heat bath on the hot ones (see `HOT`)."""
    with np.errstate(over="ignore", invalid="ignore"):
        # Where the field overflows, its product with beta = 0 is NaN: that rung is hot, too.
        return np.where(betas * model.local_field >= HOT, rule, GIBBS)
