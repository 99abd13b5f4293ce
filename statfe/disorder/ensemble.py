"""The ensemble behind a spec: its realisations, their seeds, and what is known exactly of it.

Realisation k of a model with N spins is that of the same spec with a seed of its own: the first 48 bits of
``SeedSequence(base, spawn_key=(SEED_KEY, N, k))``. The base is the `seed` of the spec where one is given, else the seed
of the run. More realisations of one base begin with the same ones; those of other sizes are independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.models.catalogue import build_model, families
from statfe.models.ising import IsingModel
from statfe.registry import check_integer
from statfe.spec import check_options, split_spec

#: Stream key of the seeds of realisations; see `statfe.random`.
SEED_KEY = 200_001
#: Bits of a seed: it fits an HDF5 attribute and a command line.
SEED_BITS = 48
#: How close to the Nishimori line a beta must be: tanh(beta J) = 2p - 1 within this.
ON_LINE = 2e-5
#: Most realisations of one run.
MAX_REALISATIONS = 1_000_000


def derived_seed(seed: int, key: tuple[int, ...]) -> int:
    """A seed of `SEED_BITS` bits for one purpose."""
    word = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0]
    return int(word) >> (64 - SEED_BITS)


@dataclass(frozen=True)
class Ensemble:
    """A family with its options, without the seed.

    Attributes
    ----------
    spec
        As it was given.
    base
        The seed in the spec, or None.
    n_sites
        Number of spins of every realisation.
    """

    spec: str
    family: str
    options: Mapping[str, Any]
    given: Mapping[str, str]
    base: int | None
    n_sites: int

    def seeds(self, count: int, run_seed: int) -> list[int]:
        """Seeds of the first `count` realisations."""
        base = run_seed if self.base is None else self.base
        return [derived_seed(base, (SEED_KEY, self.n_sites, k)) for k in range(count)]

    def spec_of(self, seed: int) -> str:
        """The spec that builds the realisation with this seed again."""
        items = [f"{name}={text}" for name, text in {**self.given, "seed": str(seed)}.items()]
        return f"{self.family}:{','.join(items)}"

    def model(self, seed: int) -> IsingModel:
        """The realisation with this seed."""
        return build_model(self.spec_of(seed))

    @property
    def same_graph(self) -> bool:
        """Whether realisations differ in the signs of their bonds alone: on lattices without bonds in parallel.

        On a periodic axis of length 2 the two bonds of a pair may cancel.
        """
        return "shape" in self.options and not (self.options["boundary"] == "periodic" and 2 in self.options["shape"])

    def _is(self, kind: str) -> bool:
        """Whether the couplings are independent draws of this kind, times `coupling`."""
        return kind == ("gaussian" if self.family == "sk" else self.options.get("couplings"))

    @property
    def coupling_deviation(self) -> float | None:
        """Standard deviation of Gaussian couplings of mean 0; None for others."""
        if not self._is("gaussian"):
            return None
        scale = abs(float(self.options["coupling"]))
        return scale / math.sqrt(self.options["n"]) if self.family == "sk" else scale

    def nishimori_energy(self, beta: float) -> float | None:
        """Mean energy a bond where `beta` lies on the Nishimori line, else None.

        Couplings are +c with probability p, else -c, and there is no field. The line is tanh(beta c) = 2p - 1; there
        [E] = -c tanh(beta c) a bond, for any graph and size (Nishimori, Prog. Theor. Phys. 66, 1169, 1981).
        """
        if not self._is("bimodal") or self.options["field"] != 0.0 or beta <= 0.0:
            return None
        c = float(self.options["coupling"])
        slope = math.tanh(beta * c)
        return -c * slope if abs(slope - (2.0 * self.options["p"] - 1.0)) < ON_LINE else None

    def annealed(self, beta: float, n_bonds: int) -> float | None:
        """-ln [Z] where it is known: Gaussian couplings, or +-J of equal odds, on a graph that does not vary in size.

        [Z] = (2 cosh(beta h))^N times [exp(beta J)] for each bond, since J and -J are equally likely; for SK that is
        2^N exp(beta^2 (N - 1) / 4) (Sherrington and Kirkpatrick, Phys. Rev. Lett. 35, 1792, 1975).
        """
        if self.family == "erdos-renyi":
            return None
        if self.coupling_deviation is not None:
            bond = 0.5 * (beta * self.coupling_deviation) ** 2
        elif self._is("bimodal") and self.options["p"] == 0.5:
            bond = _log_cosh(beta * float(self.options["coupling"]))
        else:
            return None
        return -self.n_sites * (math.log(2.0) + _log_cosh(beta * float(self.options["field"]))) - n_bonds * bond


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2.0 * abs(x))) - math.log(2.0)


def make_ensemble(model: str | IsingModel) -> Ensemble:
    """The ensemble of a spec, or of a model that was made from one.

    Raises
    ------
    UsageError
        The spec does not parse, or names a model without disorder.
    """
    text = model.spec if isinstance(model, IsingModel) else str(model)
    name, known = text.partition(":")[0].strip(), families()
    having = sorted(n for n, f in known.items() if any(o.name == "seed" for o in f.options))
    if isinstance(model, IsingModel) and name not in known:
        raise UsageError(f"an average over disorder needs a spec, such as {having[0]}:..., not one model of bonds")
    if name in known and name not in having:
        raise UsageError(f"{name} has no disorder to average over; families that have: {', '.join(having)}")
    n_sites = build_model(text).n_sites  # all other mistakes are the catalogue's to tell
    raw = split_spec(text)[1]
    checked = check_options(name, raw, known[name].options)
    base = int(checked.options["seed"]) if "seed" in raw else None
    given = {key: value for key, value in checked.given.items() if key != "seed"}
    options = {key: value for key, value in checked.options.items() if key != "seed"}
    return Ensemble(text, name, options, given, base, n_sites)


def check_realisations(count: Any) -> int:
    """The number of realisations; `UsageError` below 2."""
    number = check_integer("disorder", count, 2)
    if number > MAX_REALISATIONS:
        raise UsageError(f"disorder must be at most {MAX_REALISATIONS}, got {number}")
    return number
