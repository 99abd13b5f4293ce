"""`simulate --disorder`: solve many realisations of one family, in threads, and average them."""

from __future__ import annotations

import hashlib
import math
import os
import shlex
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.disorder.average import averages, free_energies
from statfe.disorder.disorder_file import read_disorder, write_disorder
from statfe.disorder.ensemble import Ensemble, check_realisations, make_ensemble
from statfe.disorder.forecast import DisorderForecast as DisorderForecast
from statfe.disorder.forecast import forecast
from statfe.disorder.recipe import REPLICAS, RETRIES, SOLVERS, Recipe, with_plan
from statfe.disorder.result import DisorderRun
from statfe.disorder.rows import Rows
from statfe.disorder.saving import SAVE_SECONDS, Saver
from statfe.disorder.solve import solve_task
from statfe.errors import Interrupted, StoreError, UsageError, unknown_name
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed
from statfe.sampling.as_method import DEFAULT_SWEEPS
from statfe.sampling.samplers import DEFAULT_SAMPLER, make_sampler
from statfe.signals import Stop
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid
from statfe.store.inputs import as_path
from statfe.store.parts import Parts
from statfe.store.request import request_digest
from statfe.store.unfinished import claim

Progress = Callable[[str, float], None] | None
Notify = Callable[[str], object] | None
#: Seconds between looks at whether a signal came.
LOOK_SECONDS = 0.1


def disorder_average(
    model: str | IsingModel, betas: Grid, realisations: int = 1000, output: str | PathLike[str] | None = None, *,
    sampler: str = DEFAULT_SAMPLER, sweeps: int = DEFAULT_SWEEPS, replicas: int | None = None, solve: str = "auto",
    retries: int = RETRIES, seed: int | None = None, workers: int = 1, force: bool = False, resume: bool = False,
    checkpoint_seconds: float = SAVE_SECONDS, progress: Progress = None, notify: Notify = None,
) -> DisorderRun:
    """Average beta F over realisations of the disorder of a family.

    Each realisation is the model of the same spec with a seed of its own: the first 48 bits of
    ``SeedSequence(base, spawn_key=(200001, N, k))`` for N spins, where the base is the seed in the spec, or else that
    of the run. It is solved exactly where that is affordable, and otherwise sampled and checked like any reference; +-J
    glasses on a lattice run side by side as bit lanes. With an `output` finished realisations are kept in
    ``OUTPUT.parts``, and `resume` goes on with the same bits.

    Parameters
    ----------
    model
        Spec of a family with disorder: one that has a `seed`.
    betas
        One inverse temperature or a grid.
    realisations
        How many, at least 2.
    output
        HDF5 file to write; nothing is written when None.
    sampler, sweeps, replicas
        As for `simulate`, for each realisation that is sampled; 4 replicas when None.
    solve
        ``auto``, ``exact`` or ``sampled``.
    retries
        How often a realisation that fails its checks is sampled again, four times longer each time.
    checkpoint_seconds
        Longest time that a finished realisation waits to be saved.

    Raises
    ------
    UsageError
        For bad input, before anything is solved.
    Interrupted
        A `KeyboardInterrupt` that says what was saved.
    """
    order = make_order(model, betas, realisations, sampler=sampler, sweeps=sweeps, replicas=replicas, solve=solve,
                       retries=retries, seed=seed)
    threads = check_integer("workers", workers, 1)
    if not (isinstance(checkpoint_seconds, (int, float)) and 0.0 <= checkpoint_seconds < math.inf):
        raise UsageError(f"checkpoint_seconds must be a number from 0 up, got {checkpoint_seconds!r}")
    if output is None:
        if resume:
            raise UsageError("resume needs an output: nothing is kept of a run without one")
        with Stop("nothing was kept, since there is no output") as stop:
            return _average(replace(order, seed=check_seed(order.seed)), stop, threads, progress, None)[0]
    path = as_path("output", output)
    check_output([path], force or resume)
    with Stop("nothing was started") as stop, Parts(path) as parts:
        request = claim(parts, order.request(), resume=resume, force=force, notify=notify)
        if request is None:
            if notify:
                notify(f"{path} is complete; nothing to do")
            return read_disorder(path)
        stop.message = f"{parts.folder} keeps what was done, and the same command with --resume goes on"
        order = replace(order, seed=request["seed"])
        return _kept(order, path, parts, request, stop, threads, progress, notify, float(checkpoint_seconds))


def _kept(order: Order, path: Path, parts: Parts, request: dict[str, Any], stop: Stop, workers: int,
          progress: Progress, notify: Notify, every: float) -> DisorderRun:
    """A run whose finished realisations are kept in `parts`, and which ends in a file."""
    def saver(layout: str) -> Saver:
        return Saver(parts, request_digest(request), layout, min(every, SAVE_SECONDS))

    try:
        run, _ = _average(order, stop, workers, progress, saver, notify)
        run = replace(run, command=order.command(path))
        try:
            write_disorder(path, run, request)
        except StoreError as error:
            raise StoreError(f"{error}; {stop.message}") from error
    except Exception:
        if not parts.numbers("shard"):  # nothing is lost
            parts.clear()
        raise
    parts.clear()
    return replace(run, path=os.fspath(path))


@dataclass(frozen=True)
class Order:
    """The checked arguments of `disorder_average`; the seed is drawn later where it is None."""

    ensemble: Ensemble
    grid: Grid
    betas: np.ndarray
    count: int
    sampler: str
    sweeps: int
    replicas: int
    solve: str
    retries: int
    seed: int | None

    def request(self) -> dict[str, Any]:
        """What decides the numbers, as `statfe.store.request` has it."""
        name = f"{self.ensemble.spec} over {self.count} realisations"
        return {
            "model": name, "model_digest": hashlib.sha256(name.encode()).hexdigest(),
            "betas": hashlib.sha256(self.betas.tobytes()).hexdigest(), "sampler": self.sampler, "sweeps": self.sweeps,
            "replicas": self.replicas, "solve": self.solve, "retries": self.retries, "seed": self.seed}

    def recipe(self) -> Recipe:
        """The recipe of an order that has a seed."""
        seed = check_seed(self.seed)
        return with_plan(Recipe(
            self.ensemble, self.betas, self.ensemble.seeds(self.count, seed), self.solve, make_sampler(self.sampler),
            self.sweeps, self.replicas, self.retries, seed))

    def command(self, output: str | PathLike[str] | None) -> str:
        """The command that makes the same file again."""
        grid = self.grid if isinstance(self.grid, str) else ",".join(repr(float(b)) for b in parse_grid(self.grid))
        words = ["statfe", "simulate", self.ensemble.spec, "--beta", grid, "--disorder", self.count, "--sampler",
                 self.sampler, "--sweeps", self.sweeps, "--replicas", self.replicas, "--solve", self.solve, "--seed",
                 self.seed, *(["-o", os.fspath(output)] if output is not None else [])]
        # Other numbers of retries are for Python alone.
        return shlex.join(str(word) for word in words) if self.retries == RETRIES else ""


def make_order(
    model: str | IsingModel, betas: Grid, realisations: int, *, sampler: str, sweeps: int, replicas: int | None,
    solve: str, retries: int, seed: int | None,
) -> Order:
    """Check the arguments of `disorder_average`."""
    count = check_realisations(realisations)
    if solve not in SOLVERS:
        raise UsageError(unknown_name("way to solve", str(solve), SOLVERS))
    return Order(
        make_ensemble(model), betas, np.unique(parse_grid(betas)), count, make_sampler(sampler).spec,
        check_integer("sweeps", sweeps, 1), REPLICAS if replicas is None else check_integer("replicas", replicas, 1),
        solve, check_integer("retries", retries, 0), None if seed is None else check_seed(seed))


def _average(order: Order, stop: Stop, workers: int, progress: Progress, make_saver: Callable[[str], Saver] | None,
             notify: Notify = None) -> tuple[DisorderRun, Recipe]:
    start = time.perf_counter()
    recipe = order.recipe()
    rows = _rows(recipe, stop, workers, progress, make_saver, notify)
    ensemble, seed = order.ensemble, check_seed(order.seed)
    found = averages(ensemble, rows, recipe.seeds, recipe.betas)
    run = DisorderRun(
        ensemble.spec, ensemble.n_sites, recipe.betas, recipe.seeds, [ensemble.spec_of(s) for s in recipe.seeds], rows,
        found, free_energies(ensemble, found, seed), seed, seed if ensemble.base is None else ensemble.base,
        order.sampler if any(rows.sweeps) else "none", time.perf_counter() - start, order.command(None))
    return run, recipe


def _rows(recipe: Recipe, stop: Stop, workers: int, progress: Progress,
          make_saver: Callable[[str], Saver] | None, notify: Notify) -> Rows:
    """Solve all tasks that are not saved yet.

    Raises
    ------
    Interrupted
        A signal came; what was finished is saved.
    """
    tasks, count = recipe.tasks(), len(recipe.seeds)
    rows = Rows.empty(count, len(recipe.betas))
    saver, done = None, set[int]()
    if make_saver is not None:
        rungs = None if recipe.first is None else recipe.first.ladder.betas.tobytes()
        saver = make_saver(hashlib.sha256(repr((tasks, rungs)).encode()).hexdigest())
        done = saver.restore(rows)
        if done and notify:
            notify(f"going on with {len(done)} of {count} realisations done")
    left = [task for task in tasks if not set(task) <= done]
    ending = False

    def check() -> None:
        if stop.asked or ending:
            raise Interrupted("stopped")

    if progress:
        progress("realisations", len(done) / count)
    # No signal may end the main thread while others work.
    with stop.held(), ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            running: dict[Future[Rows], list[int]] = {}
            while (left or running) and not stop.asked:
                while left and len(running) < 2 * workers:
                    task = left.pop(0)
                    running[pool.submit(solve_task, recipe, task, check)] = task
                for future in wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    if stop.asked and isinstance(future.exception(), Interrupted):
                        continue
                    found = future.result()
                    rows.take(task, found)
                    done.update(task)
                    if saver:
                        saver.add(task, found)
                    if progress:
                        progress("realisations", len(done) / count)
        finally:
            ending = True
            pool.shutdown(wait=True, cancel_futures=True)
            for future, task in running.items():  # finished while the pool ended
                if saver and future.done() and not future.cancelled() and future.exception() is None:
                    saver.add(task, future.result())
                    done.update(task)
            if saver:
                saver.flush()
        if stop.asked:
            raise Interrupted(f"stopped with {len(done)} of {count} realisations done; {stop.message}")
    return rows


def plan_disorder(
    model: str | IsingModel, betas: Grid, realisations: int = 1000, *, sampler: str = DEFAULT_SAMPLER,
    sweeps: int = DEFAULT_SWEEPS, replicas: int | None = None, solve: str = "auto", retries: int = RETRIES,
    seed: int | None = None, workers: int = 1,
) -> DisorderForecast:
    """What `disorder_average` would do with the same arguments. Nothing is written."""
    order = make_order(model, betas, realisations, sampler=sampler, sweeps=sweeps, replicas=replicas, solve=solve,
                       retries=retries, seed=seed)
    recipe = replace(order, seed=check_seed(order.seed)).recipe()
    return forecast(recipe, check_integer("workers", workers, 1))
