"""`ground_state`: the lowest energy that annealing finds, how often, how fast, and what is known from below."""

from __future__ import annotations

import math
import os
import shlex
import time
from dataclasses import replace
from os import PathLike
from typing import Any

from statfe.errors import UsageError
from statfe.models.catalogue import build_model, is_buildable
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed
from statfe.search.annealing import Progress, anneal, choose_kernel, compile_for
from statfe.search.certificate import certify
from statfe.search.ground_state_file import write_ground_state
from statfe.search.reads import energy_scale
from statfe.search.result import GroundState
from statfe.search.schedule import make_schedule
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid
from statfe.store.inputs import as_path, files_read

#: Longest search that is started: some years of the fastest kernel.
MOST_UPDATES = 1e18
DEFAULT_READS, DEFAULT_SWEEPS, DEFAULT_STATES = 1024, 1000, 16


def ground_state(
    model: str | IsingModel, output: str | PathLike[str] | None = None, *, reads: int = DEFAULT_READS,
    sweeps: int = DEFAULT_SWEEPS, betas: Grid | None = None, beta_min: float | None = None,
    beta_max: float | None = None, target_energy: float | None = None, max_states: int = DEFAULT_STATES,
    seed: int | None = None, workers: int = 1, kernel: str = "auto", force: bool = False, progress: Progress = None,
) -> GroundState:
    """Search for the ground state of `model` by simulated annealing.

    Every read starts from random spins, does `sweeps` sweeps over the schedule, and ends by flips downhill until no
    single flip lowers the energy.

    Parameters
    ----------
    output
        HDF5 file to write (format statfe-1); nothing is written when None.
    reads, sweeps
        Independent runs, and sweeps of each.
    betas
        Schedule: the sweeps are spread evenly over this grid, in its order. Chosen from the model when None, from
        `beta_min` to `beta_max` where these are given.
    target_energy
        Count reads that end at this energy or below; when None the ground state's where it is known, else the lowest
        found.
    max_states
        Most distinct states to keep.
    seed
        Drawn when None, and kept in the result.
    workers
        Threads; all but times is the same bits for any number.
    kernel
        ``bit-lane``, ``float-lane`` or ``chain``; the fastest that can hold the model when ``auto``.
    force
        Replace an existing file.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is annealed.
    Interrupted
        A `KeyboardInterrupt`: a signal came; nothing is kept.
    """
    path = None if output is None else as_path("output", output)
    if path is not None:
        check_output([path], force, inputs=files_read(model))
    spins = build_model(model)
    if not math.isfinite(energy_scale(spins) + abs(spins.offset)):
        raise UsageError(f"{spins.spec}: energies overflow (1e308); scale the couplings and fields down")
    count, keep = check_integer("reads", reads, 1), check_integer("max_states", max_states, 1)
    schedule = make_schedule(spins, check_integer("sweeps", sweeps, 1), betas, beta_min, beta_max)
    number, threads = check_seed(seed), check_integer("workers", workers, 1)
    target = None if target_energy is None else _finite("target_energy", target_energy)
    name = choose_kernel(spins, count, kernel)
    if float(count) * schedule.sweeps * spins.n_sites > MOST_UPDATES:
        raise UsageError(
            f"{count} reads of {schedule.sweeps} sweeps of {spins.n_sites} spins take years; lower the reads or sweeps")
    given = {
        "reads": count, "sweeps": schedule.sweeps, "betas": betas, "beta-min": beta_min, "beta-max": beta_max,
        "target-energy": target, "states": keep, "kernel": None if kernel == "auto" else kernel, "seed": number}
    compile_for(spins, name)
    start = time.perf_counter()
    found = anneal(spins, schedule, count, keep, number, kernel=name, workers=threads, progress=progress)
    seconds = time.perf_counter() - start
    lowest = float(found.energies.min())
    proof = certify(spins, lowest, found.states[0])
    goal = target if target is not None else lowest if proof.known is None else proof.known
    result = GroundState(
        model=spins, energy=lowest, certified=proof.certified, lower_bound=proof.lower_bound,
        certificate=proof.reason, states=found.states, state_energies=found.state_energies, energies=found.energies,
        target_energy=goal, schedule=schedule, seed=number, kernel=name, workers=threads, seconds=seconds,
        command=_command(spins, output, given))
    if path is None:
        return result
    write_ground_state(path, result)
    return replace(result, path=os.fspath(path))


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise UsageError(f"{name} must be finite, got {number:g}")
    return number


def _command(model: IsingModel, output: str | PathLike[str] | None, given: dict[str, Any]) -> str:
    """``statfe ground-state ...`` with all that decides the result; "" where no command can make the model."""
    if not is_buildable(model.spec):
        return ""
    words = ["statfe", "ground-state", model.spec]
    for name, value in given.items():
        if value is not None:
            words.append(f"--{name}={_text(value)}")
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def _text(value: Any) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    return ",".join(repr(float(number)) for number in parse_grid(value))
