"""How a run over disorder is made: its checked arguments, and the tasks it is cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from statfe.disorder.ensemble import Ensemble, derived_seed
from statfe.errors import NotApplicableError, UsageError
from statfe.methods.exact import auto
from statfe.models.ising import IsingModel
from statfe.sampling.banks.bit_lane import GROUP_LANES
from statfe.sampling.bit_graph import obstacle
from statfe.sampling.plan import Plan, plan_run
from statfe.sampling.samplers import Sampler

#: Seeds of the sampling are keyed by this, the first realisation of a task, and the attempt.
SAMPLING_KEY, PLAN_KEY = 200_002, 200_003
#: Elementary operations (about a nanosecond each) that an exact answer may cost: a realisation, and the run.
EXACT_COST, EXACT_TOTAL = 5.0e9, 3.0e11
#: Evaluations a beta that give the energy and the heat capacity beside beta F.
POINTS = 5
#: Draws recorded a replica, at most, and link overlaps measured.
DRAWS, LINKS = 500, 100
#: Replicas of a realisation: two halves of two, of which one starts from order.
REPLICAS = 4
#: How often a realisation that failed its checks is sampled again, and how much longer each time.
RETRIES, LONGER = 2, 4
#: Attempts that run side by side; later ones run by themselves, on rungs of their own.
TOGETHER = 2
#: A batch of lanes is halved while it is larger than this and the only one, so that two threads share it.
FEW_LANES = 512

SOLVERS = ("auto", "exact", "sampled")


@dataclass(frozen=True)
class Recipe:
    """The checked arguments of an average over disorder.

    Attributes
    ----------
    betas
        The grid, ascending, each value once.
    seeds
        Seed of every realisation.
    solve
        ``exact``, ``sampled``, or ``auto``: exact where that is affordable.
    first
        The plan of the first realisation, whose rungs all others share; None where nothing is sampled, or each
        realisation decides that by itself.
    lanes
        Whether realisations run side by side, as bit lanes of one bank.
    """

    ensemble: Ensemble
    betas: np.ndarray
    seeds: list[int]
    solve: str
    sampler: Sampler
    sweeps: int
    replicas: int
    retries: int
    seed: int
    first: Plan | None = None
    lanes: bool = False

    def model(self, member: int) -> IsingModel:
        """Realisation number `member`."""
        return self.ensemble.model(self.seeds[member])

    def tasks(self) -> list[list[int]]:
        """Realisations of each task; they depend on the recipe alone."""
        count = len(self.seeds)
        if self.first is None or not self.lanes:
            return [[k] for k in range(count)]
        lanes = count * self.replicas * self.first.chains
        parts = max(-(-lanes // GROUP_LANES), 2 if lanes > FEW_LANES else 1)
        return [part.tolist() for part in np.array_split(np.arange(count), min(parts, count))]

    def sampling_seed(self, member: int, attempt: int) -> int:
        """Seed of the chains of a task that begins with `member`."""
        return derived_seed(self.seed, (SAMPLING_KEY, member, attempt))

    def plan(self, model: IsingModel, member: int, attempt: int) -> Plan:
        """The plan of the chains of one realisation by itself; one that failed places rungs of its own."""
        shared = self.first.ladder if self.first is not None and attempt == 0 else None
        plan = plan_run(model, self.betas, self.sampler, sweeps=self.sweeps * LONGER**attempt, replicas=self.replicas,
                        seed=self.sampling_seed(member, attempt), ladder=shared)
        return self.thinned(plan) if plan.schedule == "tempering" else plan

    def lane_plan(self, members: Sequence[int], attempt: int) -> Plan:
        """The plan of a task whose realisations are lanes of one bank."""
        assert self.first is not None
        sweeps = self.sweeps * LONGER**attempt
        own = self.sampler.burn_in
        plan = replace(
            self.first, kernel="bit-lane", replicas=self.replicas * len(members), sweeps=sweeps, thin=1,
            burn_in=own if own is not None else max(1, sweeps // 5), seed=self.sampling_seed(members[0], attempt))
        return self.thinned(plan)

    def thinned(self, plan: Plan) -> Plan:
        """`plan` with at most `DRAWS` draws a replica, unless the sampler says otherwise."""
        thin = plan.sampler.thin or max(plan.thin, -(-plan.sweeps // DRAWS))
        thin = min(thin, plan.sweeps)
        return replace(plan, thin=thin, sweeps=plan.sweeps - plan.sweeps % thin)


def affordable(model: IsingModel, n_betas: int, count: int) -> bool:
    """Whether an exact method takes `model` at little cost."""
    if auto.obstacle(model):
        return False
    cost = auto.cost(model, POINTS * n_betas)
    return cost <= EXACT_COST and cost * count <= EXACT_TOTAL


def with_plan(recipe: Recipe) -> Recipe:
    """`recipe`, with the plan of its first realisation where that is sampled.

    Raises
    ------
    UsageError
        Exact answers were asked for and there are none; or the first realisation cannot be sampled as asked.
    """
    model = recipe.model(0)
    count = len(recipe.seeds)
    if recipe.solve == "exact":
        if reason := auto.obstacle(model):
            raise NotApplicableError(f"no exact method takes {model.spec}: {reason}; use --solve sampled")
        return recipe
    if recipe.solve == "auto" and affordable(model, len(recipe.betas), count):
        return recipe
    if np.any(recipe.betas < 0):
        raise UsageError("sampling needs beta >= 0; negate the couplings and fields instead")
    sampler = recipe.sampler
    plan = plan_run(model, recipe.betas, sampler, sweeps=recipe.sweeps, replicas=recipe.replicas,
                    seed=derived_seed(recipe.seed, (PLAN_KEY,)))
    able = (recipe.ensemble.same_graph and sampler.name in ("metropolis", "gibbs")
            and sampler.kernel in ("auto", "bit-lane") and plan.schedule == "tempering" and not obstacle(model))
    return replace(recipe, first=plan, lanes=able)
