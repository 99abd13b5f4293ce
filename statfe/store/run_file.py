"""The file that `simulate` writes: /model, /samples, /reference, /diagnostics and /states, and how it is read back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.chains import Chains
from statfe.errors import StoreError
from statfe.models.ising import IsingModel
from statfe.models.model_file import read_model, write_model
from statfe.result import FreeEnergy
from statfe.store.free_energies import read_free_energies, write_free_energies
from statfe.store.hdf5 import create_root, json_text, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, read_root, require_group, understood
from statfe.store.states import GROUP, States, read_states, write_states
from statfe.tally import Tally

#: Diagnostics of a ladder: name to (units, long name).
DIAGNOSTICS = {
    "energy_mean": ("1", "mean energy <E>"),
    "energy_error": ("1", "standard error of the mean energy, with autocorrelation"),
    "heat_capacity": ("1", "beta^2 Var(E)"),
    "tau": ("1", "integrated autocorrelation time of the energy, in draws"),
    "effective_draws": ("1", "number of independent draws"),
    "r_hat": ("1", "split R-hat of the energy over replicas"),
    "swap_acceptance": ("1", "share of accepted exchanges with the next rung"),
    "overlap": ("1", "two-state overlap with the next rung (MBAR): 1 for equal laws, 0 for nothing shared"),
    "disagreement": ("1", "MBAR minus thermodynamic integration, in standard deviations"),
    "halves": ("1", "MBAR of the first half of the run minus the second, in standard deviations"),
    "estimate_draws": ("1", "number of independent draws behind MBAR's beta F"),
    "estimate_r_hat": ("1", "split R-hat over replicas of the influence of draws on MBAR's beta F"),
    "round_trips": ("1", "trips of all replicas from beta = 0 to this rung or beyond and back"),
    "barrier": ("1", "communication barrier: share of refused exchanges, summed from beta = 0 to this rung"),
}


@dataclass(frozen=True)
class Run:
    """A simulation: the model, the draws of its chains, and the reference free energies made from them.

    Attributes
    ----------
    model
        The spin model.
    chains
        Energies and magnetisations by replica, draw and rung, and how they were made.
    reference
        Free energies at the requested betas, the preferred method first; empty for samples only.
    diagnostics
        Name to array over all rungs (see `DIAGNOSTICS`).
    verdict
        One line on whether the reference can be trusted, with the numbers behind it; "" where there is none.
    kept
        Spin configurations of a run that was just made; see `states`.
    command
        The command that makes the same run again; "" where only Python can, since no spec names the model.
    attributes
        Root attributes of the file it was read from.
    path
        That file, or the one it was written to; "" where there is none.
    """

    model: IsingModel
    chains: Chains
    reference: list[FreeEnergy]
    diagnostics: dict[str, np.ndarray]
    command: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    verdict: str = ""
    kept: States | None = field(default=None, repr=False)

    @property
    def betas(self) -> np.ndarray:
        """The requested betas, ascending."""
        return self.chains.betas[self.chains.requested]

    @cached_property
    def states(self) -> States | None:
        """The spin configurations, read from the file when first asked for; None where the run kept none."""
        if self.kept is not None or not self.attributes.get("states"):
            return self.kept
        return read_states(self.path)

    @property
    def converged(self) -> bool:
        """Whether every result of every method passed its checks."""
        return all(r.status == "converged" for r in self.reference)


def write_run(path: str | PathLike[str], run: Run, request: dict[str, Any] | None = None) -> None:
    """Write `run` to `path`, whole or not at all; `request` is what was asked for (see `statfe.store.request`).

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    chains = run.chains
    with new_file(path) as file:
        create_root(
            file, f"statfe simulation of {run.model.spec}", run.model.spec, chains.sampler, chains.seed, run.command,
            schedule=chains.schedule, kernel=chains.kernel, burn_in=chains.burn_in,
            replicas=chains.n_replicas, exchange_sweeps=chains.exchange_sweeps, seconds=chains.seconds,
            verdict=run.verdict or None, states=run.states.summary if run.states else None,
            request=json_text(request) if request else None)
        write_model(file.create_group("model"), run.model)
        _write_samples(file.create_group("samples"), chains, run.model.offset)
        _write_diagnostics(file.create_group("diagnostics"), chains, run.diagnostics, run.model.offset)
        if chains.tally is not None:
            _write_counts(file.create_group("histogram"), chains.tally, run.model.offset)
        if run.states:
            write_states(file.create_group(GROUP), run.states)
        if run.reference:
            write_free_energies(file.create_group("reference"), run.reference, run.betas)


def stored_request(path: str | PathLike[str]) -> dict[str, Any] | None:
    """The `request` that `write_run` stored, or None where the file holds none or is not ours."""
    try:
        text = read_root(path).get("request", "")
    except StoreError:
        return None
    return json.loads(text) if text else None


def _write_samples(group: h5py.Group, chains: Chains, offset: float) -> None:
    _write_rungs(group, chains)
    write_coordinate(group, "chain", np.arange(chains.n_replicas), "1", "replica of the ladder")
    write_coordinate(group, "draw", chains.sweeps, "1", "sweeps after burn-in")
    if chains.units is not None:
        write_variable(group, "unit", chains.units, ("chain",), "1",
                       "unit of the replica; those of one unit exchange parts and depend on each other")
    dims = ("beta", "chain", "draw")
    # Stored by rung, so that one temperature reads as one stretch.
    energy = np.moveaxis(chains.energy, 2, 0) + offset
    write_variable(group, "energy", energy, dims, "1", "energy E")
    write_variable(group, "magnetization", np.moveaxis(chains.magnetization, 2, 0), dims, "1", "sum of the spins")
    if chains.overlap is not None:
        every = chains.overlap_every
        write_coordinate(group, "pair", 2 * np.arange(len(chains.overlap)), "1", "first replica of the pair")
        write_coordinate(
            group, "overlap_draw", chains.sweeps[every - 1::every], "1", "sweeps after burn-in, for the overlaps")
        write_variable(group, "overlap", np.moveaxis(chains.overlap, 2, 0), ("beta", "pair", "overlap_draw"), "1",
                       "overlap sum_i s_i s_i' / N of two replicas")


def _write_counts(group: h5py.Group, tally: Tally, offset: float) -> None:
    write_coordinate(group, "beta", tally.betas, "1", "inverse temperature (k_B = 1)")
    write_coordinate(group, "level", tally.levels + offset, "1", "energy E, or its mean in a bin")
    write_variable(group, "count", tally.counts, ("beta", "level"), "1",
                   "looks at this energy, of all sweeps and replicas: more than the draws")


def _write_rungs(group: h5py.Group, chains: Chains) -> None:
    write_coordinate(group, "beta", chains.betas, "1", "inverse temperature (k_B = 1)")
    write_variable(
        group, "requested", chains.requested, ("beta",), "1", "1 where this beta was asked for, 0 where it was added")


def _write_diagnostics(
    group: h5py.Group, chains: Chains, diagnostics: dict[str, np.ndarray], offset: float
) -> None:
    _write_rungs(group, chains)
    for name, values in diagnostics.items():
        units, long_name = DIAGNOSTICS[name]
        shifted = values + offset if name == "energy_mean" else values
        write_variable(group, name, shifted, ("beta",), units, long_name)
    if chains.trips is not None:
        write_coordinate(group, "chain", np.arange(chains.n_replicas), "1", "replica of the ladder")
        write_variable(group, "trips", chains.trips, ("chain", "beta"), "1",
                       "trips from the hot end to this rung or beyond and back; at the last, round trips")


def read_run(path: str | PathLike[str]) -> Run:
    """Read a file that `write_run` wrote.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or not a simulation.
    """
    with opened(path) as file:
        root = read_attributes(file)
        model = read_model(require_group(file, "model"))
        samples, ladder = require_group(file, "samples"), require_group(file, "diagnostics")
        with understood(samples):
            chains = _read_chains(root, samples, ladder, model.offset)
        with understood(ladder):
            diagnostics = _read_diagnostics(ladder, model.offset)
        reference = []
        if "reference" in file:
            reference = read_free_energies(require_group(file, "reference"), model.spec, model.n_sites)
    return Run(model, chains, reference, diagnostics, str(root.get("command", "")), root, os.fspath(path),
               str(root.get("verdict", "")))


def _read_chains(root: dict[str, Any], samples: h5py.Group, diagnostics: h5py.Group, offset: float) -> Chains:
    return Chains(
        betas=samples["beta"][()], requested=samples["requested"][()].astype(bool),
        energy=np.moveaxis(samples["energy"][()], 0, 2) - offset,
        magnetization=np.moveaxis(samples["magnetization"][()], 0, 2), sweeps=samples["draw"][()],
        swap_acceptance=diagnostics["swap_acceptance"][:-1], schedule=str(root["schedule"]),
        sampler=str(root["sampler"]), kernel=str(root.get("kernel", "scalar")), seed=int(root["seed"]),
        burn_in=int(root["burn_in"]), seconds=float(root["seconds"]),
        units=samples["unit"][()] if "unit" in samples else None,
        trips=diagnostics["trips"][()] if "trips" in diagnostics else None,
        exchange_sweeps=int(root.get("exchange_sweeps", 0)), **_read_overlaps(samples))


def _read_overlaps(samples: h5py.Group) -> dict[str, Any]:
    if "overlap" not in samples:
        return {}
    every = samples["overlap_draw"][0] // samples["draw"][0]
    return {"overlap": np.moveaxis(samples["overlap"][()], 0, 2), "overlap_every": int(every)}


def _read_diagnostics(group: h5py.Group, offset: float) -> dict[str, np.ndarray]:
    found = {name: group[name][()] for name in DIAGNOSTICS if name in group}
    if "energy_mean" in found:
        found["energy_mean"] = found["energy_mean"] - offset
    return found
