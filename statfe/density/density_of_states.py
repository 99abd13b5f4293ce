"""`density_of_states`: g(E) of a model by the way that suits it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from statfe.density import by_enumeration, by_transfer_matrix
from statfe.density.by_wang_landau import estimate
from statfe.density.file import command_line, write_density
from statfe.density.result import DensityOfStates
from statfe.density.whole import Whole, whole
from statfe.errors import NotApplicableError, SpecError, unknown_name
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.models.structure import elimination
from statfe.registry import check_integer
from statfe.spec import split_spec
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path, files_read

#: Ways to g(E); the first two count states.
METHODS = ("enumeration", "transfer-matrix", "wang-landau")
#: Bins of a histogram where none are asked for.
BINS = 1000
#: Nanoseconds beyond which nothing is started (half an hour).
MAX_TIME = 2e12

Progress = Callable[[str, float], None] | None


def density_of_states(
    model: str | IsingModel, output: str | PathLike[str] | None = None, *, method: str = "auto",
    bins: int | None = None, seed: int | None = None, workers: int = 1, force: bool = False, progress: Progress = None,
    **options: Any,
) -> DensityOfStates:
    """How many states `model` has at each energy.

    Parameters
    ----------
    model
        A model or its spec.
    output
        HDF5 file to write, nothing when None.
    method
        ``enumeration`` (N <= 36), ``transfer-matrix`` (whole multiples of one J, narrow graphs; exact integers),
        ``wang-landau`` (an estimate, with its options after a colon), or ``auto``: the cheaper exact one.
    bins
        Bins of a histogram of the energies. Needed by no model whose couplings are whole multiples of one J; for
        others 1000 when None.
    seed
        Seed of an estimate; drawn when None. Exact ways draw nothing.
    workers
        Threads; the result is the same bits for any number.
    force
        Replace an existing file.
    **options
        Options of an estimate.

    Raises
    ------
    UsageError
        For bad input, an output that exists or cannot be written, or a model that the method cannot take
        (`NotApplicableError`).
    """
    spins = build_model(model)
    threads = check_integer("workers", workers, 1)
    number = None if bins is None else check_integer("bins", bins, 1)
    name, raw = split_spec(method)
    given: dict[str, Any] = {**raw, **options}
    if name not in ("auto", *METHODS):
        raise SpecError(unknown_name("method", name, METHODS))
    if given and name != "wang-landau":
        raise SpecError(f"{name} takes no options, got {', '.join(given)}")
    if name == "wang-landau":
        if number is not None:
            given["bins"] = number
    else:
        name = _chosen(spins, name, number)
    if output is not None:
        check_output([as_path("output", output)], force, inputs=files_read(model))
    start = time.perf_counter()
    found = estimate(spins, given, seed, threads, progress) if name == "wang-landau" else _count(
        spins, name, number, threads, progress)
    found = replace(
        found, seconds=time.perf_counter() - start,
        command=command_line(spins.spec, method, bins, found.seed, options, output))
    if output is not None:
        found = replace(found, path=str(output))
        write_density(output, found)
    return found


def _refusal(model: IsingModel, name: str, bins: int | None) -> tuple[str, float]:
    """Why an exact way cannot take the model ("" if it can), and its nanoseconds."""
    if name == "enumeration":
        if model.n_sites > by_enumeration.MAX_SITES:
            return f"2^{model.n_sites} states are too many, the limit is N = {by_enumeration.MAX_SITES}", math.inf
        binned = bins is not None or whole(model) is None
        rate = by_enumeration.BIN_TIME if binned else by_enumeration.WHOLE_TIME
        return "", rate * 2.0**by_enumeration.free_sites(model)
    units = whole(model)
    if bins is not None:
        return "it counts every energy by itself and takes no bins", math.inf
    if units is None:
        return "the couplings and fields are not whole multiples of one J", math.inf
    width = elimination(model).width
    if width > by_transfer_matrix.MAX_WIDTH:
        return f"needs a table over {width} spins, the limit is {by_transfer_matrix.MAX_WIDTH}", math.inf
    price = by_transfer_matrix.cost(model, units)
    return ("" if price <= MAX_TIME else f"needs about {price / 6e10:.0f} minutes"), price


def _chosen(model: IsingModel, name: str, bins: int | None) -> str:
    """The exact way to take; `NotApplicableError` with the reasons where there is none."""
    names = METHODS[:2] if name == "auto" else (name,)
    reasons = {n: _refusal(model, n, bins) for n in names}
    able = [n for n in names if not reasons[n][0]]
    if not able:
        why = "; ".join(f"{n}: {reason}" for n, (reason, _) in reasons.items())
        raise NotApplicableError(f"no exact density of states of {model.spec} ({why}); use wang-landau")
    return min(able, key=lambda n: reasons[n][1])


def _count(model: IsingModel, name: str, bins: int | None, workers: int, progress: Progress) -> DensityOfStates:
    done = 0.0

    def tell(share: float) -> None:
        nonlocal done
        done += share
        if progress is not None:
            progress(name, min(1.0, done))

    units = whole(model)
    if name == "enumeration" and (bins is not None or units is None):
        return _binned(model, bins or BINS, workers, tell)
    assert units is not None
    count = by_enumeration.enumerate_whole if name == "enumeration" else by_transfer_matrix.count_states
    return _from_levels(model, name, units, count(model, units, workers, tell))


def _from_levels(model: IsingModel, name: str, units: Whole, states: dict[int, int]) -> DensityOfStates:
    levels = sorted(states)
    counts = tuple(states[k] for k in levels)
    if sum(counts) != 1 << model.n_sites:
        raise ArithmeticError(f"{name} counted {sum(counts)} states of 2^{model.n_sites}")
    return DensityOfStates(
        model=model, method=name, energy=units.unit * np.array(levels, dtype=float) + model.offset,
        log_g=np.array([math.log(g) for g in counts]), log_g_error=np.zeros(len(levels)), counts=counts,
        stats={"unit": units.unit})


def _binned(model: IsingModel, bins: int, workers: int, tell: Callable[[float], None]) -> DensityOfStates:
    energy, counts, width = by_enumeration.enumerate_bins(model, bins, workers, tell)
    return DensityOfStates(
        model=model, method="enumeration", energy=energy + model.offset, log_g=np.array([math.log(g) for g in counts]),
        log_g_error=np.zeros(len(counts)), counts=tuple(counts), bin_width=width,
        message=f"energies are binned, {bins} bins of width {width:.3g}", stats={"bins": bins})
