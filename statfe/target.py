"""`--target-error`: how long a run goes on, and what it says when its time ends first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from statfe.chains import Chains
from statfe.errors import UsageError
from statfe.estimators.reference import SampledReference, sampled_reference
from statfe.models.ising import IsingModel
from statfe.result import Outcome
from statfe.sampling.extension import More

#: Default seconds after which a run ends without its target.
MAX_SECONDS = 3600.0
#: What is added to the forecast, so that the next look is the last.
MARGIN = 1.1
#: A run grows at most so many times before it is judged again: errors of short runs are rough.
GROWTH = 10.0
#: Where a run must grow more than this, all that it did so far becomes burn-in.
FRESH = 5.0
#: How much longer a run goes on where the error is fine and a check fails.
UNCHECKED = 2.0
#: Share of the time that may be left over at the end.
LEFT_OVER = 0.03


def check_target(target: float | None, max_seconds: float | None) -> tuple[float | None, float]:
    """The checked target (error of beta F a site) and time limit."""
    if max_seconds is not None and target is None:
        raise UsageError("max_seconds limits a run with a target_error; give one, or set the sweeps")
    limit = MAX_SECONDS if max_seconds is None else max_seconds
    for name, value in (("target_error", target), ("max_seconds", limit)):
        if value is not None and not (isinstance(value, (int, float)) and 0.0 < value < math.inf):
            raise UsageError(f"{name} must be a positive number, got {value!r}")
    return target, float(limit)


def error_per_site(reference: SampledReference, n_sites: int) -> float:
    """The largest error of beta F a site over the requested betas; infinite where one is not known."""
    first = next(iter(reference.outcomes.values()))
    errors = [o.beta_f_error / n_sites for o in first]
    return max(e if math.isfinite(e) else math.inf for e in errors)


@dataclass
class Target:
    """The judge of a run: goes on until every beta has its error, or time is up.

    Attributes
    ----------
    error
        Wanted error of beta F a site.
    max_seconds
        Time limit of sampling and estimates together.
    reference, reached
        The last estimate, and the error a site that it has.
    passes
        Whether the last estimate passed its checks.
    """

    model: IsingModel
    error: float
    max_seconds: float
    progress: Callable[[str, float], None] | None = None
    reference: SampledReference | None = None
    reached: float = math.inf
    passes: bool = False

    @property
    def met(self) -> bool:
        """Whether the error is there and all checks passed."""
        return self.passes and self.reached <= self.error

    def tell(self, label: str, share: float) -> None:
        """Progress until the next look, with the error at the last one."""
        if self.progress:
            so_far = f", error {self.reached:.2g} of {self.error:.2g}" if math.isfinite(self.reached) else ""
            self.progress(label + so_far, share)

    def judge(self, chains: Chains) -> More:
        """How the run goes on."""
        start = time.perf_counter()
        self.reference = sampled_reference(self.model, chains, chains.tally)
        took = time.perf_counter() - start
        self.reached = error_per_site(self.reference, self.model.n_sites)
        self.passes = all(o.status == "converged" for o in next(iter(self.reference.outcomes.values())))
        if self.met:
            return More(0)
        return self._more(chains, took)

    def factor(self) -> float:
        """How many times longer the run should be."""
        if not math.isfinite(self.reached):
            return GROWTH
        need = MARGIN * (self.reached / self.error) ** 2
        return need if self.passes else max(need, UNCHECKED)

    def _more(self, chains: Chains, took: float) -> More:
        assert chains.tally is not None
        done = _sweeps(chains)
        rate = chains.seconds / (done + chains.burn_in)
        left = self.max_seconds - chains.seconds - 2.0 * took
        affordable = left / rate
        if left < LEFT_OVER * self.max_seconds:
            return More(0)
        factor = min(self.factor(), GROWTH)
        if factor >= FRESH and affordable >= FRESH * done:
            return More(int(min(factor * done, affordable)), forget=True)
        return More(max(1, int(min((factor - 1.0) * done, affordable))))

    def line(self, verdict: str) -> str:
        """The line of the verdict, and whether the target was met."""
        how = "met" if self.met else "missed"
        return f"{verdict}; target {how}: error a site {self.reached:.2g}, {self.error:.2g} asked for"

    def judged(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The last outcomes, `not_converged` where the error is above the target."""
        return [self._judged(o) for o in outcomes]

    def _judged(self, outcome: Outcome) -> Outcome:
        own = outcome.beta_f_error / self.model.n_sites
        if outcome.status == "diverged" or own <= self.error:
            return outcome
        message = (f"the error a site is {own:.2g}, above the target of {self.error:.2g}, when the time of "
                   f"{self.max_seconds:g} s was up; raise max_seconds or the target")
        return replace(outcome, status="not_converged",
                       message=f"{outcome.message}; {message}" if outcome.message else message)


def _sweeps(chains: Chains) -> float:
    """Sweeps of every rung that the estimate rests on."""
    return float(chains.sweeps[-1]) if len(chains.sweeps) else 1.0


def forecast_seconds(chains: Chains, target: Target) -> float:
    """Seconds that a run like `chains` needs until its target is met, from its error."""
    done = _sweeps(chains)
    need = max(1.0, target.factor())
    return float(np.float64(chains.seconds) * (chains.burn_in + need * done) / (chains.burn_in + done))
