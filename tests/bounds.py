"""Every method that gives bounds, on many random models, against the sum over all states."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.special import logsumexp

from statfe.models.balance import is_balanced
from statfe.models.ising import IsingModel
from statfe.registry import methods, run_method
from statfe.result import FreeEnergy
from tests.random_models import Case

#: Slack of a bound, in beta_f; and standard deviations that sampled ones may be off.
SLACK, SIGMAS = 1e-10, 5.0
#: Small blocks (those of the default size hold a whole model here), short searches, first orders of expansions.
MORE = (
    "gibbs-bogoliubov:trial=tree,restarts=3,exchanges=3", "gibbs-bogoliubov:trial=blocks,restarts=3,block=4",
    "cumulants:order=1", "cumulants:order=1,trial=free")
BOUNDS = ("upper_bound", "lower_bound", "exact")
#: Specs go to one of so many cases: methods that train for seconds, and variants that are bounds in trivial cases only.
TRAINED, TRIVIAL = 200, 20


def bounding_specs() -> dict[str, int]:
    """Specs of the approximate methods some of whose results are bounds, and on one of how many cases each runs."""
    own = {spec: TRIVIAL for m in methods().values()
           if m.family == "approximate" and {"upper_bound", "lower_bound"} & set(m.kinds) for spec in m.specs()}
    own |= {spec: TRAINED for spec in own if spec.startswith("autoregressive")}
    own |= dict.fromkeys(("mean-field", "gibbs-bogoliubov", "bethe", "trw"), 1)
    return own | dict.fromkeys(MORE, 1)


def gives_bounds(spec: str, model: IsingModel) -> bool:
    """Whether the method takes the model, and has a chance to give a bound: Bethe needs one without frustration."""
    name = spec.split(":")[0]
    return not methods()[name].obstacle(model) and (name != "bethe" or is_balanced(model))


@cache
def _spins(n: int) -> np.ndarray:
    """All states, float64, shape (2^n, n)."""
    return 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1.0


def exact_beta_f(model: IsingModel, beta: float) -> float:
    """-ln of the sum over all states."""
    s = _spins(model.n_sites)
    J = np.zeros((model.n_sites, model.n_sites))
    np.add.at(J, (model.rows, model.cols), model.couplings)
    return -float(logsumexp(beta * (np.einsum("ki,ki->k", s @ J, s) + s @ model.fields)))


@dataclass
class Tally:
    """What one spec did: results that are bounds or exact, and how far they are on the right side."""

    results: int = 0
    failures: int = 0
    worst: float = math.inf
    gaps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    sides: set[str] = field(default_factory=set)


@dataclass
class Table:
    """Tallies by spec, and the widths a site of the brackets [best lower, best upper] of bounds that are not exact."""

    tallies: dict[str, Tally]
    widths: list[float] = field(default_factory=list)
    models: int = 0

    @property
    def violations(self) -> list[str]:
        """All of them, with the spec and the seed."""
        return [line for tally in self.tallies.values() for line in tally.violations]


def margin(result: FreeEnergy, exact: float) -> float:
    """How far `result` is on the right side of `exact`, its error counted; NaN where it is no bound."""
    if result.kind not in BOUNDS or math.isnan(result.beta_f):
        return math.nan
    above = result.beta_f - exact
    allowed = SIGMAS * result.beta_f_error
    if result.kind == "exact":
        return allowed - abs(above)
    return (above if result.kind == "upper_bound" else -above) + allowed


def tabulate(
    cases: Iterable[Case], specs: dict[str, int], each: Callable[[int], None] = lambda done: None
) -> Table:
    """Run each spec on one of so many cases (``specs[spec]``; 1: on all)."""
    table = Table({spec: Tally() for spec in specs})
    for number, case in enumerate(cases):
        exact = exact_beta_f(case.model, case.beta)
        low, high = -math.inf, math.inf
        for spec, every in specs.items():
            if number % every or not gives_bounds(spec, case.model):
                continue
            tally = table.tallies[spec]
            began = time.perf_counter()
            (result,) = run_method(case.model, np.array([case.beta]), spec, seed=number)
            tally.seconds += time.perf_counter() - began
            ahead = margin(result, exact)
            if math.isnan(ahead):
                tally.failures += math.isnan(result.beta_f)
                continue
            tally.results += 1
            tally.sides.add(result.kind)
            tally.worst = min(tally.worst, ahead)
            tally.gaps.append(abs(result.beta_f - exact) / case.model.n_sites)
            if ahead < -SLACK:
                tally.violations.append(
                    f"{spec} on {case.model.spec} ({case.kind}), beta={case.beta:.17g}, seed={number}: "
                    f"{result.kind} {result.beta_f:.15g}, exact {exact:.15g}")
            if result.kind == "upper_bound":
                high = min(high, result.beta_f + SIGMAS * result.beta_f_error)
            if result.kind == "lower_bound":
                low = max(low, result.beta_f - SIGMAS * result.beta_f_error)
        if math.isfinite(low) and math.isfinite(high):
            table.widths.append((high - low) / case.model.n_sites)
        table.models += 1
        each(table.models)
    return table


def lines(table: Table) -> list[str]:
    """The table as text."""
    out = [f"{'method':52s} {'results':>8s} {'failed':>7s} {'violations':>10s} {'worst margin':>13s} "
           f"{'median gap/N':>12s} {'largest/N':>10s} {'ms each':>8s}  kinds"]
    for spec, t in table.tallies.items():
        ran = t.results + t.failures
        gaps = np.array(t.gaps or [math.nan])
        out.append(
            f"{spec:52s} {t.results:8d} {t.failures:7d} {len(t.violations):10d} {t.worst:13.1e} "
            f"{np.median(gaps):12.2e} {gaps.max():10.2e} {1e3 * t.seconds / max(ran, 1):8.1f}  "
            f"{', '.join(sorted(t.sides))}")
    if table.widths:
        w = np.array(table.widths)
        out.append(
            f"bracket [best lower, best upper] on {len(w)} of {table.models} models: width / N median "
            f"{np.median(w):.2e}, mean {w.mean():.2e}, 90% below {np.quantile(w, 0.9):.2e}, largest {w.max():.2e}, "
            f"narrowest {w.min():.1e}")
    return [*out, *table.violations]
