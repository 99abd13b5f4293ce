"""statfe: how far is an approximate free energy from the true one, and how sure are we?

    >>> import statfe
    >>> model = statfe.model("ising:shape=8x8")
    >>> statfe.free_energy(model, 0.44, method="exact").per_site
    >>> statfe.free_energy(model, 0.44, method="bethe").kind

Names load on first use, so that importing statfe costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statfe.api import (
        analyze_attractors,
        bracket,
        compare,
        continue_attractors,
        cumulant_expansion,
        disorder_average,
        exact_distribution,
        facts,
        free_energy,
        free_energy_profile,
        generate_trajectories,
        ground_state,
        identify_attractors,
        import_trajectories,
        invariants,
        load,
        log_likelihood,
        make_data,
        memories,
        memories_against_load,
        model,
        score_posterior,
        self_averaging,
        simulate,
        tap_attractors,
        tap_solutions,
        train_rbm,
        train_vae,
        wang_landau,
    )
    from statfe.errors import StatfeError, UsageError
    from statfe.limits.solve import thermodynamic_limit
    from statfe.machines.rbm import Rbm
    from statfe.models.ising import IsingModel
    from statfe.result import FreeEnergy

_HOMES = {
    "analyze_attractors": "statfe.api",
    "bracket": "statfe.api",
    "compare": "statfe.api",
    "continue_attractors": "statfe.api",
    "cumulant_expansion": "statfe.api",
    "exact_distribution": "statfe.api",
    "disorder_average": "statfe.api",
    "density_of_states": "statfe.api",
    "facts": "statfe.api",
    "free_energy": "statfe.api",
    "free_energy_profile": "statfe.api",
    "generate_trajectories": "statfe.api",
    "ground_state": "statfe.api",
    "identify_attractors": "statfe.api",
    "import_trajectories": "statfe.api",
    "invariants": "statfe.api",
    "load": "statfe.api",
    "log_likelihood": "statfe.api",
    "make_data": "statfe.api",
    "memories": "statfe.api",
    "memories_against_load": "statfe.api",
    "model": "statfe.api",
    "score_posterior": "statfe.api",
    "self_averaging": "statfe.api",
    "simulate": "statfe.api",
    "tap_attractors": "statfe.api",
    "tap_solutions": "statfe.api",
    "thermodynamic_limit": "statfe.limits.solve",
    "train_rbm": "statfe.api",
    "train_vae": "statfe.api",
    "wang_landau": "statfe.api",
    "FreeEnergy": "statfe.result",
    "Rbm": "statfe.machines.rbm",
    "IsingModel": "statfe.models.ising",
    "StatfeError": "statfe.errors",
    "UsageError": "statfe.errors",
}

__all__ = [
    "FreeEnergy", "IsingModel", "Rbm", "StatfeError", "UsageError", "analyze_attractors", "bracket", "compare",
    "continue_attractors", "cumulant_expansion", "density_of_states", "disorder_average", "exact_distribution", "facts",
    "free_energy", "free_energy_profile", "generate_trajectories", "ground_state", "identify_attractors",
    "import_trajectories", "invariants", "load", "log_likelihood", "make_data", "memories", "memories_against_load",
    "model", "score_posterior", "self_averaging", "simulate", "tap_attractors", "tap_solutions",
    "thermodynamic_limit", "train_rbm", "train_vae", "wang_landau"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib.metadata import version

        return version("statfe")
    raise AttributeError(f"module 'statfe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__"])
