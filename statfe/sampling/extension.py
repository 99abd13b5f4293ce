"""A run that goes on until what it has seen is enough."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from statfe.chains import Chains
from statfe.errors import Interrupted, UsageError
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.driver import Crew, Ended, block_sweeps
from statfe.sampling.levels import countable, energy_levels, look_sweeps
from statfe.sampling.plan import Plan, Progress
from statfe.sampling.recording import layout_of
from statfe.store.checkpoints import Checkpoints

#: Energies that are kept of a run without a planned end; every second one goes when there are more.
KEPT = 4.0e6


@dataclass(frozen=True)
class More:
    """How a run goes on: `sweeps` more at every rung, none to end it; `forget` makes all before them burn-in."""

    sweeps: int
    forget: bool = False


#: Called with all that a run has seen so far.
Judge = Callable[[Chains], More]


def endless(model: IsingModel, plan: Plan) -> Plan:
    """`plan` as `run_until` needs it: tempering, with more looks than draws.

    Raises
    ------
    UsageError
        The model is too large to hold all rungs at once or to count its energies, or overlaps are asked for.
    """
    if plan.schedule != "tempering":
        raise UsageError("a run towards a target needs schedule=tempering, all rungs at once; the model is too large "
                         "for it by default: ask for it, or set the sweeps")
    if plan.sampler.overlaps:
        raise UsageError("a run towards a target records no overlaps; leave them out, or set the sweeps")
    if plan.tallied:
        return plan
    kernel = get_kernel(plan.kernel)
    look = look_sweeps(model, kernel, plan.load)
    if not countable(energy_levels(model, plan.ladder.betas), plan.load, plan.n_rungs):
        raise UsageError("the energies of this model are too many to be counted; set the sweeps instead of a target")
    look = min(look, plan.sweeps)
    return replace(plan, looked=look, thin=2 * look, sweeps=max(plan.sweeps - plan.sweeps % look, look))


def run_until(model: IsingModel, plan: Plan, judge: Judge, *, workers: int = 1, progress: Progress = None,
              checkpoints: Checkpoints | None = None, ended: Ended = None) -> Chains:
    """Run `plan`, and go on while `judge` asks for more; with `checkpoints` from where they stand.

    The draws thin out as the run grows; the counts of the energies hold every look.

    Raises
    ------
    Interrupted
        A signal came and there are `checkpoints`; the state is saved.
    """
    if plan.schedule != "tempering" or not plan.tallied:
        raise ValueError("only a tempering run whose energies are counted can go on without end")
    run = _Endless(model, plan, workers, checkpoints)
    run.resume()
    if progress:
        progress(f"{plan.kernel} kernel (its first use compiles it)", 0.0)
    with checkpoints.stop.held() if checkpoints else contextlib.nullcontext():
        while True:
            while run.swept < run.until:
                run.block()
                if progress:
                    progress("sampling", run.swept / run.until)
            chains = run.crew.chains()
            more = judge(chains)
            if more.sweeps == 0:
                if ended:
                    ended(run.crew.bank, run.swept)
                return chains
            run.go_on(more)


class _Endless:
    """A crew and how far it is: sweeps done, and sweeps up to which it goes before it is judged again."""

    def __init__(self, model: IsingModel, plan: Plan, workers: int, checkpoints: Checkpoints | None) -> None:
        self.plan, self.checkpoints = plan, checkpoints
        capacity = max(64, int(KEPT / plan.load.total) // 2 * 2)
        self.crew = Crew(model, plan, workers, capacity)
        self.size = block_sweeps(model, self.crew.looking, self.crew.bank, self.crew.most_looks)
        self.position = np.array([0, plan.burn_in + plan.sweeps, 0], dtype=np.int64)
        self.layout = layout_of(self.crew, ("endless", self.size, plan.burn_in, plan.sweeps, plan.look))

    @property
    def swept(self) -> int:
        """Sweeps done, burn-in counted."""
        return int(self.position[0])

    @property
    def until(self) -> int:
        """Sweeps before the next judgement."""
        return int(self.position[1])

    def go_on(self, more: More) -> None:
        """Plan more sweeps, in whole looks."""
        if more.forget:
            self.crew.forget(int(self.position[0] - self.plan.burn_in) // self.plan.look)
        self.position[1] += max(1, more.sweeps // self.plan.look) * self.plan.look

    def block(self) -> None:
        """One block, and a save where it is time."""
        done, burn_in = self.swept, self.plan.burn_in
        if done < burn_in:
            sweeps = min(self.size, burn_in - done)
            self.crew.run(Block(None, done, sweeps, None))
        else:
            sweeps = min(self.size, self.until - done)
            look = self.plan.look
            self.crew.run(Block(None, done, sweeps, slice((done - burn_in) // look, (done + sweeps - burn_in) // look)))
        self.position += (sweeps, 0, 1)
        self._save()

    def _state(self) -> dict[str, np.ndarray]:
        return {**self.crew.state(), **self.crew.draws.state(), "position": self.position}

    def _save(self) -> None:
        if self.checkpoints is None:
            return
        state = self._state()
        if self.checkpoints.due(False, sum(a.nbytes for a in state.values())):
            self.checkpoints.save(int(self.position[2]), self.layout, {}, state, self.crew.seconds)
        if self.checkpoints.stop.asked:
            raise Interrupted(f"stopped after {self.swept} sweeps; {self.checkpoints.stop.message}")

    def resume(self) -> None:
        """Put back the newest save."""
        saved = self.checkpoints.resume(self.layout, lambda *_: None) if self.checkpoints else None
        if saved is None:
            return
        self.crew.restore(saved.state)
        for name, array in self._state().items():
            array[...] = saved.state[name]
        self.crew.seconds_before = saved.seconds
        if self.checkpoints and self.checkpoints.notify:
            self.checkpoints.notify(f"going on after {self.swept} sweeps of every rung")
