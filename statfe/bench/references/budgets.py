"""Which method is nearest to the truth after the same time? Every sampled method on larger models, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from statfe.bench.references.calibration import Runs, run_batch
from statfe.bench.references.records import Budget
from statfe.bench.references.zoo import Case
from statfe.registry import get_method

#: Error a site that times are given to.
TARGET = 1e-4
#: Share of the default work of the run that is timed first.
FIRST = 0.05
#: An error a site below this is rounding: the method is exact on the model, and its time that of a run.
ROUNDING = 1e-12
#: A run may be this much longer than its budget before it is left out.
TOO_LONG = 4.0

Tell = Callable[[float], None] | None


def spend(cases: list[Case], names: list[str], seconds: float, runs: int, seed: int, tell: Tell = None) -> list[Budget]:
    """Give every method `seconds` on every case, `runs` times over."""
    found, jobs = [], [(case, name) for case in cases for name in names]
    for done, (case, name) in enumerate(jobs, 1):
        found.append(_spend(case, name, seconds, runs, seed))
        if tell:
            tell(done / len(jobs))
    return found


def _spend(case: Case, name: str, seconds: float, runs: int, seed: int) -> Budget:
    method = get_method(name)
    if obstacle := method.obstacle(case.model):
        return _nothing(case, name, obstacle)
    share = _share(case, name, seconds, seed)
    if share is None:
        return _nothing(case, name, f"its smallest run takes more than {TOO_LONG * seconds:g} s")
    many = run_batch(method.scaled(share), case.spec, case.beta, list(range(seed + 1, seed + 1 + runs)))
    return _budget(case, name, many)


def _share(case: Case, name: str, seconds: float, seed: int) -> float | None:
    """Share of the default work that fills `seconds`, from shorter runs; None where none is short enough."""
    share, method = FIRST, get_method(name)
    run_batch(method.scaled(share), case.spec, case.beta, [seed])  # compiles
    for _ in range(4):
        (took,) = run_batch(method.scaled(share), case.spec, case.beta, [seed]).seconds
        if took > TOO_LONG * seconds:
            return None
        if 0.7 * seconds < took:
            return share * seconds / took if took > 1.3 * seconds else share
        share *= min(20.0, seconds / took)
    return share


def _budget(case: Case, name: str, many: Runs) -> Budget:
    value, error = np.array(many.beta_f), np.array(many.error)
    known, N = np.isfinite(value), case.model.n_sites
    took = float(np.mean(many.seconds))
    rms = math.sqrt(float(np.mean((value[known] - case.exact) ** 2))) / N if known.any() else math.nan
    claimed = math.sqrt(float(np.mean(error[known] ** 2))) / N if known.any() else math.nan
    return Budget(
        case=case.title, model=case.spec, beta=case.beta, method=name, seconds=took, runs=len(value),
        converged=sum(many.converged), error=rms, claimed=claimed,
        to_target=took if rms < ROUNDING else took * (rms / TARGET) ** 2,
        note=many.message)


def _nothing(case: Case, name: str, note: str) -> Budget:
    return Budget(case.title, case.spec, case.beta, name, math.nan, 0, 0, math.nan, math.nan, math.nan, note)
