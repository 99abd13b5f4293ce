"""What a run is made of, fixed before it starts: rungs, sampler, kernel, numbers of sweeps, seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.tempering import GIBBS
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.sampling.bank import Block, Kernel, Load
from statfe.sampling.bit_graph import unit_of
from statfe.sampling.choice import candidates, choose_kernel, get_kernel, price
from statfe.sampling.ladder import PILOT_KEY, Ladder, PilotRun, plan_ladder, requested_only
from statfe.sampling.levels import looks_of
from statfe.sampling.memory import check_memory
from statfe.sampling.placement import even_ladder
from statfe.sampling.samplers import Sampler, make_sampler

#: Energies and magnetisations recorded at most by default, and at all.
MAX_STORED, MOST_STORED = 2.0e7, 2.0e8
#: Longest run that is started, in nanoseconds on one core: a year.
MAX_NS = 3.0e16
#: All chains of a tempering run are in memory at once; above this many bytes rungs are run one after the other.
TEMPERING_BYTES = 2.5e8
#: Kernels that start from `Plan.first`.
PILOTS = ("multi-site", "dense")
#: Nanoseconds that the estimators take a draw, of a model with few levels of energy and of others; the share of the
#: sampling that they may take by default, and how many nanoseconds they always may.
ANALYSIS_NS, ANALYSIS_NS_LEVELS, ANALYSIS_SHARE, ANALYSIS_LEAST = 2000.0, 500.0, 0.04, 4.0e8
#: Replicas where none are asked for, at least and at most, and how much cheaper more of them must be.
DEFAULT_REPLICAS, MOST_REPLICAS, MUCH_CHEAPER = 4, 64, 0.6
#: Distance of rungs in standard deviations of the energy.
SPACING = {"tempering": 1.0, "annealing": 2.0}
#: Bytes of a recorded energy and magnetisation.
DRAW_BYTES = 12.0

Progress = Callable[[str, float], None] | None


@dataclass(frozen=True)
class Plan:
    """Everything a run is made of, before it starts; the same plan and seed give the same bits.

    Attributes
    ----------
    schedule
        ``tempering`` (all rungs at once, exchanging) or ``annealing`` (one rung after the other).
    kernel
        Name of the kernel that moves the spins.
    looked
        Sweeps between looks that are counted by their energy, where they are more than the draws; else None.
    first
        Spins that every replica starts from, int8, shape (chains, n_sites), for kernels that the pilot uses, or those
        of each, shape (replicas, chains, n_sites); None for those of `statfe.sampling.starts`.
    upward
        Whether all replicas of an anneal are at the same rung; else every second one goes down from the cold end.
    """

    ladder: Ladder
    sampler: Sampler
    schedule: str
    kernel: str
    sweeps: int
    burn_in: int
    thin: int
    replicas: int
    seed: int
    first: np.ndarray | None = None
    upward: bool = False
    looked: int | None = None

    @property
    def n_rungs(self) -> int:
        """Number of temperatures K."""
        return len(self.ladder.betas)

    @property
    def chains(self) -> int:
        """Chains of one replica: one a rung when tempering, else one that visits all."""
        return self.n_rungs if self.schedule == "tempering" else 1

    @property
    def look(self) -> int:
        """Sweeps between looks at the chains."""
        return self.looked if self.looked and self.thin % self.looked == 0 else self.thin

    @property
    def tallied(self) -> bool:
        """Whether there are more looks than draws, and they are counted."""
        return self.look < self.thin

    @property
    def load(self) -> Load:
        """How many chains there are."""
        return Load(self.replicas, self.chains)

    def updates(self, n_sites: int) -> float:
        """Number of single-spin updates of the whole run."""
        return float(n_sites) * self.n_rungs * self.replicas * (self.sweeps + self.burn_in)


def plan_run(model: IsingModel, betas: np.ndarray, sampler: Sampler, *, sweeps: int, replicas: int | None,
             seed: int, samples_only: bool = False, ladder: Ladder | None = None, progress: Progress = None) -> Plan:
    """Place the rungs (unless `ladder` has them), choose the kernel and fix all numbers of a run.

    Where `replicas` is None there are `DEFAULT_REPLICAS`, or more where the kernel has lanes to spare.

    Raises
    ------
    UsageError
        For numbers out of range, a negative beta, a kernel that cannot hold the model, or a run that would be too
        long, store too much, or not fit into memory.
    """
    few = DEFAULT_REPLICAS if replicas is None else replicas
    _check(model, betas, sweeps, few)
    pilot_sweeps = int(np.clip(sweeps // 10, 20, 200))
    placed, ladder = ladder is not None, ladder or requested_only(betas)
    schedule, kernel = _schedule_and_kernel(model, sampler, few, len(ladder.betas), sweeps)
    burn_in = sampler.burn_in if sampler.burn_in is not None else max(1, sweeps // 5)
    if not (samples_only or placed):
        spacing = sampler.spacing or SPACING[schedule]
        ladder = plan_ladder(
            model, betas, spacing=spacing, rule=sampler.rule, seed=seed, sweeps=pilot_sweeps, progress=progress,
            run=_fast_pilot(model, sampler, betas, seed, pilot_sweeps))
        schedule, kernel = _schedule_and_kernel(model, sampler, few, len(ladder.betas), sweeps)
        if schedule == "tempering" and sampler.ladder == "adaptive":
            few_chains = Plan(ladder, sampler, schedule, kernel, sweeps, burn_in, 1, few, seed)
            ladder = even_ladder(model, few_chains, sampler.spacing or SPACING[schedule], progress)
    if replicas is None:
        kernel, replicas = _with_spare_lanes(model, sampler, get_kernel(kernel), schedule, len(ladder.betas), sweeps)
    rungs = len(ladder.betas)
    work = get_kernel(kernel).cost(model, Load(replicas, rungs if schedule == "tempering" else 1)) * (
        float(model.n_sites) * rungs * replicas * sweeps)
    levels = model.uniform is not None or unit_of(model) is not None
    thin = _thin(sampler, rungs, replicas, sweeps, math.inf if samples_only else work,
                 ANALYSIS_NS_LEVELS if levels else ANALYSIS_NS)
    thin, looked = (thin, None) if samples_only else looks_of(
        model, ladder.betas, get_kernel(kernel), Load(replicas, rungs if schedule == "tempering" else 1), thin,
        fixed=sampler.thin is not None)
    plan = Plan(ladder, sampler, schedule, kernel, sweeps - sweeps % thin, burn_in, thin, replicas, seed,
                looked=looked)
    if sampler.overlaps and (replicas < 2 or schedule != "tempering"):
        raise UsageError("overlaps are of two replicas at one temperature: take replicas of 2 or more, and "
                         "schedule=tempering")
    if sampler.overlaps and sampler.overlaps > sweeps // thin:
        raise UsageError(f"overlaps={sampler.overlaps} records nothing in {sweeps // thin} draws; lower it")
    if plan.updates(model.n_sites) * get_kernel(kernel).cost(model, plan.load) > MAX_NS:
        raise UsageError(
            f"this run needs {plan.updates(model.n_sites):.1e} spin updates, years of work; lower the sweeps, the "
            "replicas or the largest beta")
    draws = float(plan.n_rungs) * replicas * (sweeps // thin)
    check_memory(model, get_kernel(kernel), plan.load, DRAW_BYTES * draws)
    return plan


def _fast_pilot(model: IsingModel, sampler: Sampler, betas: np.ndarray, seed: int, sweeps: int) -> PilotRun | None:
    """The pilot's chain under a kernel that is fast for one chain of a large model, or None for the plain one."""
    plain = make_sampler("gibbs" if sampler.rule == GIBBS else "metropolis", burn_in=0)
    # Rungs are about a standard deviation of the energy apart.
    rungs = 1.0 + float(np.max(betas)) * math.sqrt(model.energy_variance)
    kernel = choose_kernel(model, plain, Load(1, 1), 2.0 * sweeps * rungs * model.n_sites)
    if kernel.name not in PILOTS:
        return None

    def run(beta: float, spins: np.ndarray, sweeps: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        own = int(generator(seed, (PILOT_KEY, number)).integers(2**48))
        plan = Plan(
            requested_only(np.array([beta])), plain, "annealing", kernel.name, sweeps, 0, 1, 1, own, first=spins)
        bank, shape = kernel.make(model, plan), (1, sweeps, 1)
        energy = np.empty(shape)
        bank.advance(0, Block(0, 0, sweeps, slice(0, sweeps)), energy, np.empty(shape, dtype=np.int32))
        return energy[0], bank.spins(0)

    return run


def _check(model: IsingModel, betas: np.ndarray, sweeps: int, replicas: int) -> None:
    if sweeps < 1 or replicas < 1:
        raise UsageError(f"sweeps and replicas must be at least 1, got {sweeps} and {replicas}")
    if not np.isfinite(model.reach):
        raise UsageError(f"the energies of {model.spec} overflow; scale the couplings and fields down")
    if np.any(betas < 0):
        raise UsageError("sampling needs beta >= 0; negate the couplings and fields instead")


def _schedule_and_kernel(
    model: IsingModel, sampler: Sampler, replicas: int, rungs: int, sweeps: int
) -> tuple[str, str]:
    """Tempering where all its chains fit, and the fastest kernel for it."""
    tempering, updates = Load(replicas, rungs), float(model.n_sites) * replicas * rungs * sweeps
    kernel = choose_kernel(model, sampler, tempering, updates)
    if sampler.schedule == "tempering" or (
            sampler.schedule == "auto" and kernel.bytes(model, tempering) <= TEMPERING_BYTES):
        return "tempering", kernel.name
    return "annealing", choose_kernel(model, sampler, Load(replicas, 1), updates).name


def _with_spare_lanes(
    model: IsingModel, sampler: Sampler, first: Kernel, schedule: str, rungs: int, sweeps: int
) -> tuple[str, int]:
    """The kernel and as many replicas as make an update much cheaper and take at most twice the time of the fewest."""
    chains = rungs if schedule == "tempering" else 1

    def cost(kernel: Kernel, replicas: int) -> float:
        return price(kernel, model, Load(replicas, chains), float(model.n_sites) * replicas * rungs * sweeps)

    least = cost(first, DEFAULT_REPLICAS)
    able = [(cost(kernel, r), r, kernel.name) for kernel in candidates(model, sampler).values()
            for r in range(DEFAULT_REPLICAS, MOST_REPLICAS + 1, 2)
            if r * cost(kernel, r) <= 2.0 * DEFAULT_REPLICAS * least
            and kernel.bytes(model, Load(r, chains)) <= TEMPERING_BYTES]
    best = min(able, default=(least, DEFAULT_REPLICAS, first.name))
    if best[0] > MUCH_CHEAPER * least:
        return first.name, DEFAULT_REPLICAS
    return best[2], min(r for c, r, name in able if name == best[2] and c <= 1.1 * best[0])


def _thin(sampler: Sampler, rungs: int, replicas: int, sweeps: int, work: float, analysis_ns: float) -> int:
    """Sweeps between draws: no more are recorded than the estimators can use in a small share of the `work` (ns)."""
    stored = 2.0 * rungs * replicas * sweeps
    most = min(MAX_STORED, 2.0 * max(ANALYSIS_LEAST, ANALYSIS_SHARE * work) / analysis_ns)
    thin = sampler.thin or min(sweeps, max(1, int(np.ceil(stored / most))))
    if thin > sweeps:
        raise UsageError(f"thin={thin} records nothing in {sweeps} sweeps; lower thin or raise the sweeps")
    if stored / thin > MOST_STORED:
        least = int(np.ceil(stored / MOST_STORED))
        raise UsageError(f"thin={thin} would store {stored / thin:.1e} numbers; raise thin to {least} or more")
    return thin
