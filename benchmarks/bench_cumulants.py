"""Cumulant expansions to order 8 around four trials: error a site by order, and where they diverge.

    python -m pytest benchmarks/bench_cumulants.py -s         the points of divergence
    python benchmarks/bench_cumulants.py                      all tables
"""

from __future__ import annotations

import argparse
import math

import numpy as np

import statfe
from statfe.scoring.cumulant_divergence import Divergence
from statfe.scoring.cumulant_expansion import CumulantExpansion

MODELS = {
    "sk:n=16,seed=1": "0.25:2:8", "ising:shape=4x4": "0.1:0.8:8", "ea:shape=4x4,seed=1": "0.2:1.6:8"}
TRIALS = ("free", "mean-field", "tree", "blocks")
#: Sites of a block: a quarter of the models.
BLOCK = 4


def expand(model: str, trial: str, betas: str = "") -> CumulantExpansion:
    """All orders of one model around one trial."""
    return statfe.cumulant_expansion(model, betas or MODELS[model], trial=trial, block=BLOCK, seed=1)


def zero_of_z(model: str) -> float:
    """Modulus of the zero of Z nearest to beta = 0, from the density of states: where the free series must diverge."""
    g = statfe.density_of_states(model)
    counts = np.array([float(c) for c in g.counts or ()])
    beta = (np.linspace(0.05, 2.0, 40)[:, None] * np.exp(1j * np.linspace(0, math.pi / 2, 24))).ravel()
    for _ in range(80):
        weights = counts * np.exp(-beta[:, None] * g.energy)
        step = weights.sum(axis=1) / (weights @ -g.energy)
        beta = beta - step / np.maximum(1.0, np.abs(step) / 0.3)
        beta = np.where(np.abs(beta) > 3.0, 1.0, beta)
    return float(np.min(np.abs(beta[np.abs(step) < 1e-9])))


def test_where_the_free_series_diverges(figure):
    for model in ("ising:shape=4x4", "ea:shape=4x4,seed=1"):
        found, true = expand(model, "free").divergence_by_terms, zero_of_z(model)
        figure(f"{model}: beta of divergence", f"{true:.4f} (zero of Z)", f"{found.beta:.3f} +- {found.error:.3f}")
        assert abs(found.beta - true) < 2 * found.error


def table(found: CumulantExpansion) -> str:
    """|error| a site by beta and order, with the rule of the smallest term and Pade."""
    n = found.model.n_sites
    lines = ["  beta  " + "".join(f"{f'order {k}':>9}" for k in range(1, 9)) + "  smallest      Pade    radius"]
    for k, beta in enumerate(found.betas):
        errors = np.abs(found.errors[k]) / n
        stop, reach = int(found.smallest_terms[k]), found.radii[0][k]
        pade = abs(found.pade[k] - found.reference_beta_f[k]) / n
        lines.append(f"  {beta:<6.3g}" + "".join(f"{e:9.1e}" for e in errors)
                     + f"{errors[stop - 1]:10.1e}{f'{pade:.1e}' if math.isfinite(pade) else '-':>10}{reach:10.3g}")
    return "\n".join(lines)


def place(found: Divergence) -> str:
    """A point of divergence in a few words."""
    if found.found:
        return f"{found.beta:.3f} +- {found.error:.3f}"
    low, high = found.bracket or (math.nan, math.nan)
    return f"above {low:g}" if math.isinf(high) else f"below {high:g}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    for model in parser.parse_args().models:
        for trial in TRIALS:
            found = expand(model, trial)
            print(f"{model} around {trial}: |error of beta F| a site")
            print(table(found))
            print(f"  diverges by its terms {place(found.divergence_by_terms)}, by its errors "
                  f"{place(found.divergence_by_reference)}\n")
        if not model.startswith("sk"):
            print(f"{model}: the zero of Z nearest to 0 is at |beta| = {zero_of_z(model):.4f}\n")


if __name__ == "__main__":
    main()
