"""`generate`: trajectories of a system and what is observed of them, in one file, in constant memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.attractors.generation import Generation, facts_of, look_ahead, plan_generation
from statfe.attractors.generation_run import Progress, Run, file_sizes
from statfe.attractors.integrators import integrator_of
from statfe.attractors.observe import View
from statfe.attractors.starts import WHERE
from statfe.attractors.trajectory_file import TrajectoryFile, read_trajectories
from statfe.blas import one_thread
from statfe.errors import StoreError, UsageError
from statfe.registry import check_integer, check_seed
from statfe.signals import Stop
from statfe.store.atomic import check_output
from statfe.store.checkpoints import SAVE_SECONDS, Checkpoints
from statfe.store.inputs import as_path
from statfe.store.large_file import free_bytes
from statfe.store.parts import Parts
from statfe.store.request import request_digest
from statfe.store.unfinished import claim
from statfe.systems.catalogue import build_system, files_of
from statfe.systems.system import System


@dataclass(frozen=True)
class Forecast:
    """What `generate` would do.

    Attributes
    ----------
    features
        Of an observation; empty where only the states are kept.
    seconds
        Of integration, from a short try.
    bytes
        Of the file; while it is made the disk also holds the states once more (`disk_bytes`).
    """

    facts: dict[str, Any]
    features: tuple[str, ...]
    observed: dict[str, Any]
    seconds: float
    bytes: int
    disk_bytes: int
    free: int
    warning: str


def generate(
    system: str | System, output: str | PathLike[str], *, trajectories: int = 1, samples: int = 10_000,
    every: int | None = None, dt: float | None = None, transient: float | None = None, integrator: str | None = None,
    start: str = "attractor", noise: float = 0.0, observe: str | None = None, embed: int | str | None = None,
    delay: int | str | None = None, lift: int | None = None, float32: bool = False, seed: int | None = None,
    workers: int = 1, resume: bool = False, force: bool = False, checkpoint_seconds: float = SAVE_SECONDS,
    progress: Progress = None, notify: Callable[[str], object] | None = None,
) -> TrajectoryFile:
    """Follow a system from many starts and keep its states, and what is observed of them, in an HDF5 file.

    The run is saved as it goes, in a folder ``OUTPUT.parts`` beside it: after a crash, Ctrl-C or SIGTERM the same call
    with `resume` goes on from there and gives the same bits. Memory does not grow with the number of samples.

    Parameters
    ----------
    trajectories, samples
        How many, and how many samples of each.
    every
        Steps between samples; so that a characteristic time has 25 samples when None.
    dt
        Step; that of the system when None.
    transient
        Time that is dropped; that of the system when None.
    integrator
        ``rk4``, ``leapfrog``, ``yoshida4``, ``etdrk4``, ``map``; see `integrator_of` for the default.
    start
        ``attractor``: near a state of the usual attractor; ``box``: anywhere in the system's box.
    noise, observe, embed, delay, lift
        What is observed, see `View`.
    float32
        Store f4.
    seed
        Drawn when None, and kept in the file.
    resume, force
        Go on with an unfinished run; replace a file, or discard an unfinished run.

    Raises
    ------
    UsageError
        For bad input, a step that is too large, parameters without an attractor, a disk without room; before anything
        is kept.
    Interrupted
        A `KeyboardInterrupt` that says what was saved.
    """
    path = as_path("output", output)
    built = build_system(system)
    check_output([path], force or resume, inputs=files_of(built))
    words = _words(
        built, trajectories=trajectories, samples=samples, every=every, dt=dt, transient=transient,
        integrator=integrator, start=start, noise=noise, observe=observe, embed=embed, delay=delay, lift=lift,
        float32=float32, workers=workers)
    asked = None if seed is None else check_seed(seed)
    request = _request(plan_generation(**words, seed=asked or 0), asked)
    with Stop("nothing was started") as stop, Parts(path) as parts, one_thread():
        claimed = claim(parts, request, resume=resume, force=force, notify=notify)
        if claimed is None:
            if notify:
                notify(f"{path} is complete; nothing to do")
            return read_trajectories(path)
        checkpoints = Checkpoints(parts, stop, request_digest(claimed), notify, float(checkpoint_seconds))
        stop.message = f"{parts.folder} keeps what was done, and the same command with --resume goes on"
        try:
            run = Run(plan_generation(**words, seed=claimed["seed"]), path, checkpoints, claimed, progress, notify)
            run.integrate()
            try:
                run.write()
            except StoreError as error:
                if not checkpoints.done:
                    raise
                raise StoreError(f"{error}; {stop.message}") from error
        except Exception:
            if not checkpoints.done:  # nothing is lost
                parts.clear()
            raise
        parts.clear()
    return read_trajectories(path)


def forecast(system: str | System, output: str | PathLike[str] = ".", *, seed: int | None = None,
             **options: Any) -> Forecast:
    """What `generate` would do with the same arguments; nothing is written."""
    words = _words(build_system(system), **options)
    with one_thread():
        plan = plan_generation(**words, seed=check_seed(seed))
        head = look_ahead(plan)
        size, disk = file_sizes(plan, head)
        features = head.observer.features if plan.view.asked else ()
        return Forecast(facts_of(plan), features, dict(head.observer.facts), _seconds(plan), size, disk,
                        free_bytes(Path(output)), head.warning)


def _words(
    system: System, *, trajectories: int = 1, samples: int = 10_000, every: int | None = None, dt: float | None = None,
    transient: float | None = None, integrator: str | None = None, start: str = "attractor", noise: float = 0.0,
    observe: str | None = None, embed: int | str | None = None, delay: int | str | None = None,
    lift: int | None = None, float32: bool = False, workers: int = 1,
) -> dict[str, Any]:
    """Checked arguments of a plan."""
    if start not in WHERE:
        raise UsageError(f"start must be {' or '.join(WHERE)}, got {start!r}")
    view = View(noise, observe, embed, delay, lift).check(system)
    return {
        "system": system, "trajectories": check_integer("trajectories", trajectories, 1),
        "samples": check_integer("samples", samples, 1),
        "every": None if every is None else check_integer("every", every, 1), "dt": dt, "transient": transient,
        "method": integrator_of(system, integrator).name, "start": start, "view": view, "float32": bool(float32),
        "workers": check_integer("workers", workers, 1)}


def _request(plan: Generation, seed: int | None) -> dict[str, Any]:
    """All that decides the bits of the file."""
    system, view = plan.system, plan.view
    rhs = getattr(system.rhs, "py_func", system.rhs)
    text = getattr(rhs, "__text__", None) or Path(rhs.__code__.co_filename).read_text(encoding="utf-8")
    numbers = (dict(system.parameters), system.coordinates, system.bound, system.start.tolist(), system.box.tolist())
    return {
        "model": system.spec or system.name, "model_digest": hashlib.sha256(repr((numbers, text)).encode()).hexdigest(),
        "trajectories": plan.trajectories, "samples": plan.samples, "every": plan.every, "dt": plan.dt,
        "transient": plan.transient, "integrator": plan.method, "start": plan.start, "noise": view.noise,
        "observe": view.observe, "embed": view.embed, "delay": view.delay, "lift": view.lift, "dtype": plan.dtype,
        "seed": seed}


def _seconds(plan: Generation) -> float:
    """Seconds of integration, from a short try."""
    count, marcher = min(plan.trajectories, 256), plan.marcher()
    x = np.tile(plan.system.start, (count, 1))
    steps = max(1, 20_000 // (count * plan.system.dimension))
    room = np.empty((count, 1, plan.system.dimension))
    marcher.advance(x, room)
    begun = time.perf_counter()
    marcher.advance(x, room, steps)
    share = (time.perf_counter() - begun) / (count * steps)
    return share * plan.trajectories * (plan.samples * plan.every + plan.transient_steps)
