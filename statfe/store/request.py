"""What a run was asked for, in a form that a later process can hold its own request against."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from statfe.models.ising import IsingModel

#: Parts of a request that are said in full where they differ, and those that are not.
SPOKEN = {"sampler": "--sampler", "sweeps": "--sweeps", "replicas": "--replicas", "seed": "--seed",
          "samples_only": "--samples-only", "target_error": "--target-error", "max_seconds": "--max-seconds",
          "states": "--states", "trajectories": "--trajectories", "samples": "--samples", "every": "--every",
          "dt": "--dt", "transient": "--transient", "integrator": "--integrator", "start": "--start",
          "noise": "--noise", "observe": "--observe", "embed": "--embed", "delay": "--delay", "lift": "--lift",
          "dtype": "the type of numbers",
          "statfe": "the version of statfe"}
UNSPOKEN = {"betas": "the grid of --beta", "kernels": "the sources of the kernels or the version of numba or Python"}


def simulate_request(
    model: IsingModel, betas: np.ndarray, sampler: str, sweeps: int, replicas: int | None, seed: int | None,
    samples_only: bool, target_error: float | None = None, max_seconds: float | None = None,
    states: int | None = None,
) -> dict[str, Any]:
    """All that decides the draws of a simulation; `seed` is None where any will do."""
    grid = np.unique(np.asarray(betas, dtype=np.float64))
    target = {"target_error": target_error, "max_seconds": None if target_error is None else max_seconds}
    return target | {
        "states": states,
        "model": model.spec, "model_digest": model_digest(model), "betas": hashlib.sha256(grid.tobytes()).hexdigest(),
        "sampler": sampler, "sweeps": sweeps, "replicas": replicas, "samples_only": samples_only, "seed": seed}


def model_digest(model: IsingModel) -> str:
    """Hash of the bonds, couplings, fields, constant and lattice of a model, whatever its spec."""
    digest = hashlib.sha256(repr((model.n_sites, model.n_bonds, model.offset, model.lattice)).encode())
    if model.uniform is not None:
        digest.update(repr(model.uniform).encode())
        return digest.hexdigest()
    for array in (model.rows, model.cols, model.couplings, model.fields):
        digest.update(np.ascontiguousarray(array).data.cast("B"))
    return digest.hexdigest()


def request_digest(request: dict[str, Any]) -> str:
    """Hash of a request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def differences(stored: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What is asked otherwise than in `stored`, in words; a seed that is None agrees with any."""
    found = []
    if stored.get("model_digest") != asked["model_digest"]:
        same = stored.get("model") == asked["model"]
        found.append(f"the contents of {asked['model']} have changed" if same
                     else f"the model is {stored.get('model')} there, {asked['model']} here")
    for name in asked:
        there, here = stored.get(name), asked[name]
        # None is a seed that was drawn, or the number of replicas that suits the kernel.
        if there == here or (name in ("seed", "replicas") and here is None):
            continue
        there, here = ("not given" if value is None else value for value in (there, here))
        if name in SPOKEN:
            found.append(f"{SPOKEN[name]} is {there} there, {here} here")
        elif name in UNSPOKEN:
            found.append(f"{UNSPOKEN[name]} differs")
    return found
