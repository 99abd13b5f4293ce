"""g(E) estimated by Wang-Landau learning and a multicanonical run over the whole spectrum (`statfe.flat`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from statfe.density.result import DensityOfStates
from statfe.errors import NotApplicableError
from statfe.flat.checks import MIN_TRIPS
from statfe.flat.histogram import NAME
from statfe.flat.wang_landau import flat_histogram
from statfe.models.ising import IsingModel
from statfe.registry import Context, check_seed, get_method
from statfe.spec import check_options


def estimate(
    model: IsingModel, given: Mapping[str, Any], seed: int | None, workers: int,
    progress: Callable[[str, float], None] | None,
) -> DensityOfStates:
    """g(E) with errors, at the levels or bins that walkers visited; `not_converged` where they hardly moved.

    `given` holds options of the method ``wang-landau``: sweeps, walkers, bins.
    """
    method = get_method(NAME)
    options = check_options(NAME, given, method.options)
    if reason := method.obstacle(model):
        raise NotApplicableError(f"{NAME} cannot take {model.spec}: {reason}")
    found = flat_histogram(model, Context(check_seed(seed), workers, progress), **options.options)
    few = found.round_trips < MIN_TRIPS and len(found.energy) > 1
    words = [f"only {found.round_trips} round trips between the ends of the spectrum; raise sweeps"] if few else []
    if found.bin_width > 0.0:
        words.append(f"energies are binned, width {found.bin_width:.3g}")
    return DensityOfStates(
        model=model, method=str(options), energy=found.energy, log_g=found.log_g, log_g_error=found.log_g_error,
        kind="estimate", status="not_converged" if few else "converged", message="; ".join(words),
        bin_width=found.bin_width, seed=found.seed,
        stats={"round_trips": found.round_trips, "walkers": found.walkers, "sweeps": found.sweeps,
               "lowest_energy": float(found.energy[0])})
