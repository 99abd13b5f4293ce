"""The file of an average over disorder: /disorder by realisation, /distribution and /averages by beta, /reference."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.disorder.average import QUANTILES, averages, free_energies
from statfe.disorder.ensemble import make_ensemble
from statfe.disorder.result import DisorderRun
from statfe.disorder.rows import NUMBERS, Rows
from statfe.errors import StoreError
from statfe.result import STATUSES
from statfe.store.free_energies import text_array, write_free_energies
from statfe.store.hdf5 import create_root, json_text, new_file, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

BETA = ("beta", "1", "inverse temperature (k_B = 1)")
#: Numbers of an average that are written to /averages: long names.
AVERAGES = {
    "beta_f": "[beta F], the average of -ln Z over realisations (nats)",
    "beta_f_error": "its standard error: scatter over realisations, and significant bias of sampling",
    "bias": "bias of sampling of [beta F], measured and not taken off (nats)",
    "bias_error": "standard error of the bias",
    "deviation": "standard deviation of beta F from sample to sample, without sampling noise",
    "deviation_error": "its standard error (jackknife)",
    "raw_deviation": "standard deviation of beta F as measured",
    "skewness": "skewness of beta F from sample to sample",
    "skewness_error": "its standard error (jackknife)",
    "noise": "root mean square of the sampling errors that realisations state",
    "noise_ratio": "sampling noise that halves of the replicas show, over the stated one",
    "annealed": "-ln [Z] (nats)",
    "annealed_error": "its standard error (jackknife)",
    "annealed_effective": "effective number of realisations behind [Z]",
    "annealed_exact": "-ln [Z] where it is known exactly",
    "energy": "[<E>]", "energy_error": "its standard error",
    "heat_capacity": "[beta^2 Var(E)]", "heat_capacity_error": "its standard error",
    "link_overlap": "[q_l], link overlap of two replicas", "link_overlap_error": "its standard error",
    "nishimori_sigmas": "distance of [<E>] from its exact value on the Nishimori line, in standard deviations",
    "link_sigmas": "distance from the identity of energy and link overlap (Gaussian couplings), in standard deviations",
    "annealed_sigmas": "distance of -ln [Z] from its exact value, in standard deviations",
    "failed": "realisations that failed their checks",
    "missing": "realisations without any number",
}


def write_disorder(path: str | PathLike[str], run: DisorderRun, request: dict[str, Any] | None = None) -> None:
    """Write `run` to `path`, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(
            file, f"statfe average of {run.model} over disorder", run.model, run.sampler, run.seed, run.command,
            base_seed=run.base if run.base < 2**63 else str(run.base), realisations=run.realisations,
            n_sites=run.n_sites, seconds=run.seconds, request=json_text(request) if request else None)
        _write_rows(file.create_group("disorder"), run)
        _write_distribution(file.create_group("distribution"), run)
        group = file.create_group("averages")
        write_coordinate(group, BETA[0], run.betas, *BETA[1:])
        for name, long_name in AVERAGES.items():
            write_variable(group, name, np.array([getattr(a, name) for a in run.averages]), ("beta",), "1", long_name)
        write_free_energies(file.create_group("reference"), run.reference, run.betas)


def _write_rows(group: h5py.Group, run: DisorderRun) -> None:
    rows, dims = run.rows, ("realisation", "beta")
    write_coordinate(group, "realisation", np.arange(run.realisations), "1", "number of the realisation")
    write_coordinate(group, BETA[0], run.betas, *BETA[1:])
    for name, long_name in (("sweeps", "measured sweeps at every rung; 0 where exact"),
                            ("attempts", "how often it was solved"), ("bonds", "number of bonds")):
        write_variable(group, name, getattr(rows, name), ("realisation",), "1", long_name)
    write_variable(group, "seed", _seeds(run.seeds), ("realisation",), "1", "seed of the realisation")
    write_variable(group, "spec", text_array([run.specs], run.realisations)[0], ("realisation",), "1",
                   "spec that builds the realisation")
    write_variable(group, "method", text_array([rows.method], run.realisations)[0], ("realisation",), "1",
                   "method of the realisation")
    for name, (units, long_name) in NUMBERS.items():
        write_variable(group, name, rows.numbers[name], dims, units, long_name)
    status = [[STATUSES[code] for code in row] for row in rows.status]
    write_variable(group, "status", text_array(status, len(run.betas)), dims, "1",
                   "converged, not_converged or diverged")
    write_variable(group, "message", text_array(rows.message, len(run.betas)), dims, "1",
                   "why the realisation failed its checks")


def _seeds(seeds: list[int]) -> np.ndarray:
    return np.array(seeds, dtype=np.int64)


def _write_distribution(group: h5py.Group, run: DisorderRun) -> None:
    write_coordinate(group, BETA[0], run.betas, *BETA[1:])
    write_coordinate(group, "quantile", np.array(QUANTILES), "1", "share of realisations below")
    counts = np.array([a.counts for a in run.averages])
    edges = np.array([a.edges for a in run.averages])
    write_coordinate(group, "bin", np.arange(counts.shape[1]), "1", "number of the bin")
    write_variable(group, "beta_f_quantile", np.array([a.quantiles for a in run.averages]), ("beta", "quantile"), "1",
                   "quantiles of beta F over realisations, sampling noise included")
    write_variable(group, "count", counts, ("beta", "bin"), "1", "realisations in the bin")
    write_variable(group, "bin_low", edges[:, :-1], ("beta", "bin"), "1", "lower edge of the bin of beta F")
    write_variable(group, "bin_high", edges[:, 1:], ("beta", "bin"), "1", "upper edge of the bin of beta F")


def holds_disorder(root: Mapping[str, Any]) -> bool:
    """Whether a file with the root attributes `root` is an average over disorder."""
    return "base_seed" in root


def read_disorder(path: str | PathLike[str]) -> DisorderRun:
    """Read a file that `write_disorder` wrote; the averages are made again from the realisations.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or no average over disorder.
    """
    with opened(path) as file:
        root = read_attributes(file)
        group = require_group(file, "disorder")
        with understood(group):
            rows, betas = _read_rows(group), group["beta"][()]
            seeds, specs = group["seed"][()].tolist(), group["spec"].asstr()[()].tolist()
    try:
        base = int(root["base_seed"])
        spec, seed, sampler = str(root["model"]), int(root["seed"]), str(root["sampler"])
    except KeyError as error:
        raise StoreError(f"{path} is no average over disorder: it has no attribute {error.args[0]}") from None
    ensemble = make_ensemble(spec)
    found = averages(ensemble, rows, seeds, betas)
    return DisorderRun(
        spec, ensemble.n_sites, betas, seeds, specs, rows, found, free_energies(ensemble, found, seed), seed, base,
        sampler, float(root["seconds"]), str(root.get("command", "")), root, os.fspath(path))


def _read_rows(group: h5py.Group) -> Rows:
    status = [[STATUSES.index(word) for word in row] for row in group["status"].asstr()[()]]
    arrays = {name: group[name][()] for name in [*NUMBERS, "sweeps", "attempts", "bonds"]}
    shape = arrays["beta_f"].shape
    arrays["status"] = np.array(status, dtype=np.int8).reshape(shape)
    return Rows.of(arrays, {"message": group["message"].asstr()[()].tolist(),
                            "method": group["method"].asstr()[()].tolist()})
