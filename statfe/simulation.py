"""`simulate`: sample a ladder of chains, and make reference free energies from them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from statfe.chains import Chains
from statfe.errors import StoreError, UsageError
from statfe.estimators.reference import SampledReference, ladder_diagnostics, sampled_reference
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import check_integer, check_seed, to_free_energy
from statfe.result import FreeEnergy
from statfe.sampling.as_method import DEFAULT_SWEEPS
from statfe.sampling.driver import run_plan
from statfe.sampling.extension import More, endless, run_until
from statfe.sampling.forecast import Forecast, forecast
from statfe.sampling.harvest import Harvest, check_states
from statfe.sampling.ladder import Ladder
from statfe.sampling.plan import Plan, Progress, plan_run
from statfe.sampling.samplers import DEFAULT_SAMPLER, Sampler, make_sampler
from statfe.signals import Stop
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.checkpoints import SAVE_SECONDS, Checkpoints
from statfe.store.commands import Grid, simulate_command
from statfe.store.inputs import as_path, files_read
from statfe.store.parts import Parts
from statfe.store.request import request_digest, simulate_request
from statfe.store.run_file import Run, read_run, write_run
from statfe.store.unfinished import claim
from statfe.target import MAX_SECONDS, Target, check_target, forecast_seconds


def simulate(
    model: str | IsingModel, betas: Grid, output: str | PathLike[str] | None = None, *,
    sampler: str = DEFAULT_SAMPLER, sweeps: int = DEFAULT_SWEEPS, replicas: int | None = None,
    seed: int | None = None, workers: int = 1, samples_only: bool = False, force: bool = False,
    resume: bool = False, checkpoint_seconds: float = SAVE_SECONDS, target_error: float | None = None,
    max_seconds: float | None = None, states: int | None = None, progress: Progress = None,
    notify: Callable[[str], object] | None = None,
) -> Run:
    """Sample `model` over a ladder of beta and make reference free energies from the samples.

    Rungs are added from beta = 0, where beta F = -N ln 2, so that neighbours overlap; `samples_only` adds none and
    makes no reference. With an `output` the run is saved as it goes, in a folder ``OUTPUT.parts`` beside it: after a
    crash, Ctrl-C or SIGTERM the same call with `resume` goes on from there and gives the same bits.

    Parameters
    ----------
    output
        HDF5 file to write (format statfe-1); nothing is written when None.
    sampler
        Spec of the sampler: ``metropolis``, ``gibbs``, ``swendsen-wang``, ``wolff`` or ``houdayer``, with options.
    sweeps, replicas
        Measured sweeps at every rung, and independent ladders; when None, 4, or more where lanes of the kernel would
        otherwise lie idle. With a `target_error` the sweeps before it is first looked at.
    seed
        Drawn when None, and kept in the result; with `resume` that of the unfinished run.
    force
        Replace an existing file, and discard an unfinished run (unless `resume`).
    resume
        Go on with an unfinished run; start where there is none; return the output where it is complete.
    checkpoint_seconds
        Seconds between saves; 0 saves after every block.
    target_error
        Go on until beta F has this error a site at every beta, and passes all checks. Where `max_seconds` (default
        an hour) end first, the best so far is kept with status ``not_converged``.
    states
        Spin configurations to keep at every beta: the chains go on for them after the run (`Run.states`).
    notify
        Called with a line that says where a resumed run goes on.

    Raises
    ------
    UsageError
        For bad input, an output that exists or cannot be written, or an unfinished run of another kind: before
        anything is sampled.
    Interrupted
        A `KeyboardInterrupt` that says what was saved.
    """
    if not (isinstance(checkpoint_seconds, (int, float)) and 0.0 <= checkpoint_seconds < math.inf):
        raise UsageError(f"checkpoint_seconds must be a number from 0 up, got {checkpoint_seconds!r}")
    path = None if output is None else as_path("output", output)
    if path is not None:
        check_output([path], force or resume, inputs=files_read(model))
    elif resume:
        raise UsageError("resume needs an output: nothing is kept of a run without one")
    spins = build_model(model)
    order = _Order(
        spins, betas, make_sampler(sampler), check_integer("sweeps", sweeps, 1), _replicas(replicas),
        None if seed is None else check_seed(seed), samples_only, check_integer("workers", workers, 1), progress,
        *_checked_target(target_error, max_seconds, samples_only), _states(states))
    if path is None:
        return _sampled(replace(order, seed=check_seed(seed)), "")
    run = _stored(order, path, resume, force, checkpoint_seconds, notify)
    return replace(run, path=os.fspath(path))


def _stored(order: _Order, path: Path, resume: bool, force: bool, every: float,
            notify: Callable[[str], object] | None) -> Run:
    """The run of an order, saved as it goes and written to `path`."""
    with Stop("nothing was started") as stop, Parts(path) as parts:
        request = claim(parts, order.request(), resume=resume, force=force, notify=notify)
        if request is None:
            if notify:
                notify(f"{path} is complete; nothing to do")
            return read_run(path)
        stop.message = f"{parts.folder} keeps what was done, and the same command with --resume goes on"
        checkpoints = Checkpoints(parts, stop, request_digest(request), notify, float(every))
        try:
            run = _sampled(replace(order, seed=request["seed"]), os.fspath(path), checkpoints)
            try:
                write_run(path, run, {**request, "replicas": run.chains.n_replicas})
            except StoreError as error:
                raise StoreError(f"{error}; {stop.message}") from error
        except Exception:
            if not checkpoints.done:  # nothing is lost
                parts.clear()
            raise
        parts.clear()
    return run


def _replicas(replicas: int | None) -> int | None:
    return None if replicas is None else check_integer("replicas", replicas, 1)


def _states(states: int | None) -> int | None:
    return None if states is None else check_integer("states", states, 1)


def _checked_target(target: float | None, max_seconds: float | None, samples_only: bool) -> tuple[float | None, float]:
    if target is not None and samples_only:
        raise UsageError("samples only have no error of a reference; leave out samples_only or target_error")
    return check_target(target, max_seconds)


@dataclass(frozen=True)
class _Order:
    """The checked arguments of `simulate`."""

    model: IsingModel
    betas: Grid
    sampler: Sampler
    sweeps: int
    replicas: int | None
    seed: int | None
    samples_only: bool
    workers: int
    progress: Progress = None
    target_error: float | None = None
    max_seconds: float = MAX_SECONDS
    states: int | None = None

    def request(self) -> dict[str, Any]:
        """What decides the draws."""
        return simulate_request(
            self.model, parse_grid(self.betas), self.sampler.spec, self.sweeps, self.replicas, self.seed,
            self.samples_only, self.target_error, self.max_seconds, self.states)

    def plan(self, ladder: Ladder | None = None) -> Plan:
        """The plan, with rungs that are placed now unless given."""
        plan = plan_run(
            self.model, parse_grid(self.betas), self.sampler, sweeps=self.sweeps, replicas=self.replicas,
            seed=check_seed(self.seed), samples_only=self.samples_only, ladder=ladder, progress=self.progress)
        if self.states is not None:
            check_states(self.model, plan, self.states)
        return plan if self.target_error is None else endless(self.model, plan)

    def target(self) -> Target | None:
        """The judge of a run with a target."""
        if self.target_error is None:
            return None
        return Target(self.model, self.target_error, self.max_seconds, self.progress)


def _sampled(order: _Order, output: str, checkpoints: Checkpoints | None = None) -> Run:
    """The run of an order that has a seed."""
    plan = _plan(order, checkpoints)
    command = simulate_command(
        order.model, order.betas, output or None, order.sampler.spec, order.sweeps, plan.replicas, plan.seed,
        order.samples_only, order.target_error, order.max_seconds, order.states)
    return simulate_plan(
        order.model, plan, samples_only=order.samples_only, workers=order.workers, progress=order.progress,
        command=command, checkpoints=checkpoints, target=order.target(), states=order.states)


def simulate_plan(model: IsingModel, plan: Plan, *, samples_only: bool, workers: int, progress: Progress,
                  command: str, checkpoints: Checkpoints | None = None, target: Target | None = None,
                  states: int | None = None) -> Run:
    """Run `plan`, with a `target` until it is met; unless `samples_only` make the reference; then keep `states`."""
    harvest = Harvest(model, states, workers, progress) if states is not None else None
    ended = harvest.take if harvest else None
    if target:
        chains = run_until(
            model, plan, target.judge, workers=workers, progress=target.tell, checkpoints=checkpoints,
            ended=ended)
    else:
        chains = run_plan(model, plan, workers=workers, progress=progress, checkpoints=checkpoints, ended=ended)
    run = _with_reference(model, chains, samples_only, command, progress, target)
    return replace(run, kept=harvest.collect(chains, run.diagnostics["tau"])) if harvest else run


def _with_reference(model: IsingModel, chains: Chains, samples_only: bool, command: str, progress: Progress,
                    target: Target | None) -> Run:
    """The run, with what its energies say."""
    if samples_only:
        return Run(model, chains, [], ladder_diagnostics(chains), command)
    if progress:
        progress("free energies", 0.0)
    start = time.perf_counter()
    sampled = target.reference if target else sampled_reference(model, chains, chains.tally)
    assert sampled is not None
    if target:
        sampled = replace(sampled, outcomes={name: target.judged(own) for name, own in sampled.outcomes.items()})
    seconds = chains.seconds + time.perf_counter() - start
    return Run(model, chains, _free_energies(model, chains, sampled, seconds), sampled.diagnostics, command,
               verdict=target.line(sampled.verdict.line()) if target else sampled.verdict.line())


def _plan(order: _Order, checkpoints: Checkpoints | None) -> Plan:
    """The plan, with the rungs that were placed before where a run goes on."""
    stored = checkpoints.stored_plan() if checkpoints else None
    if stored:
        return order.plan(Ladder(stored[1]["betas"], stored[1]["requested"]))
    plan = order.plan()
    if checkpoints:
        checkpoints.store_plan(
            {"schedule": plan.schedule, "kernel": plan.kernel, "burn_in": plan.burn_in, "thin": plan.thin},
            {"betas": plan.ladder.betas, "requested": plan.ladder.requested})
    return plan


def plan_simulation(
    model: str | IsingModel, betas: Grid, *, sampler: str = DEFAULT_SAMPLER, sweeps: int = DEFAULT_SWEEPS,
    replicas: int | None = None, seed: int | None = None, workers: int = 1, samples_only: bool = False,
    target_error: float | None = None, max_seconds: float | None = None, states: int | None = None,
) -> Forecast:
    """What `simulate` would do with the same arguments: its rungs, time and memory. Nothing is written."""
    order = _Order(
        build_model(model), betas, make_sampler(sampler), check_integer("sweeps", sweeps, 1), _replicas(replicas),
        check_seed(seed), samples_only, check_integer("workers", workers, 1), None,
        *_checked_target(target_error, max_seconds, samples_only), _states(states))
    plan, target = order.plan(), order.target()
    plain = forecast(order.model, plan, order.workers, samples_only, order.states)
    if target is None:
        return plain
    chains = run_until(order.model, plan, lambda seen: More(0), workers=order.workers)
    target.judge(chains)
    seconds = forecast_seconds(chains, target)
    return replace(plain, seconds=seconds, target_error=order.target_error, first_error=target.reached,
                   states_seconds=max(seconds, plain.states_seconds) if states is not None else 0.0)


def _free_energies(
    model: IsingModel, chains: Chains, sampled: SampledReference, seconds: float
) -> list[FreeEnergy]:
    share = seconds / len(sampled.betas)
    return [
        to_free_energy(outcome, model, method, float(beta), share, chains.seed)
        for method, outcomes in sampled.outcomes.items()
        for beta, outcome in zip(sampled.betas, outcomes, strict=True)
    ]
