"""Do errors cover? Many short runs of every sampled method on models that are known exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from statfe.bench.references.records import Calibration
from statfe.bench.references.zoo import Case
from statfe.models.catalogue import build_model
from statfe.registry import get_method, methods, run_method

#: Seeds that one task runs.
BATCH = 10

Tell = Callable[[float], None] | None


@dataclass(frozen=True)
class Runs:
    """Results of a batch of seeds: value, error, whether it converged, seconds; shape (runs,)."""

    beta_f: list[float]
    error: list[float]
    converged: list[bool]
    seconds: list[float]
    message: str = ""


def sampled_methods() -> list[str]:
    """Names of the methods that sample."""
    return [m.name for m in methods().values() if m.family == "sampled"]


def run_batch(spec: str, model_spec: str, beta: float, seeds: list[int]) -> Runs:
    """Run the method `spec` once a seed."""
    model, found = build_model(model_spec), Runs([], [], [], [])
    message = ""
    for seed in seeds:
        start = time.perf_counter()
        (r,) = run_method(model, np.array([beta]), spec, seed=seed)
        found.seconds.append(time.perf_counter() - start)
        found.beta_f.append(r.beta_f)
        found.error.append(r.beta_f_error)
        found.converged.append(r.status == "converged")
        message = message or r.message
    return Runs(found.beta_f, found.error, found.converged, found.seconds, message)


def calibrate(cases: list[Case], names: list[str], runs: int, share: float, seed: int, workers: int,
              tell: Tell = None) -> list[Calibration]:
    """`runs` runs of each method on each case that it takes, at `share` of the default work."""
    jobs = [(case, get_method(name).scaled(share)) for case in cases for name in names
            if not get_method(name).obstacle(case.model)]
    batches = [(k, seeds) for k in range(len(jobs)) for seeds in _batches(seed + 100_000 * k, runs)]
    parts: dict[int, list[tuple[int, Runs]]] = {k: [] for k in range(len(jobs))}
    calls = [(jobs[k][1], jobs[k][0].spec, jobs[k][0].beta, seeds) for k, seeds in batches]
    for done, (number, found) in enumerate(_map(calls, workers), 1):
        parts[batches[number][0]].append((number, found))
        if tell:
            tell(done / len(batches))
    return [_calibration(case, spec, [r for _, r in sorted(parts[k], key=lambda p: p[0])])
            for k, (case, spec) in enumerate(jobs)]


def _batches(first: int, runs: int) -> Iterator[list[int]]:
    for start in range(0, runs, BATCH):
        yield list(range(first + start, first + min(start + BATCH, runs)))


def _map(calls: list[tuple[str, str, float, list[int]]], workers: int) -> Iterator[tuple[int, Runs]]:
    """(number, result) of every call as it comes, over processes."""
    if workers <= 1:
        yield from ((number, run_batch(*call)) for number, call in enumerate(calls))
        return
    # Threads that hold numba's would not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[Runs], int] = {}
        queue = iter(enumerate(calls))
        while True:
            for number, call in queue:
                waiting[pool.submit(run_batch, *call)] = number
                if len(waiting) >= 2 * workers:
                    break
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()


def _calibration(case: Case, spec: str, parts: list[Runs]) -> Calibration:
    value, error, converged, seconds = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("beta_f", "error", "converged", "seconds"))
    good = converged.astype(bool) & (error > 0)
    distance = value[good] - case.exact
    N = case.model.n_sites
    reason = next((p.message for p in parts if p.message), "")
    return Calibration(
        case=case.title, model=case.spec, beta=case.beta, method=spec.partition(":")[0], runs=len(value),
        converged=int(converged.sum()), z=(distance / error[good]).tolist(), rms_error=_rms(distance) / N,
        claimed_error=_rms(error[good]) / N, seconds=float(seconds.mean()), reason=reason)


def _rms(values: np.ndarray) -> float:
    return math.sqrt(float(np.mean(values**2))) if len(values) else math.nan
