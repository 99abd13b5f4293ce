"""Is this installation sound: versions, compile cache, kernels against exact values, HDF5, speed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from statfe._jit import cache_root
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.random import generator
from statfe.registry import methods, run_method
from statfe.sampling.choice import can_run, kernels
from statfe.sampling.driver import run_plan
from statfe.sampling.plan import plan_run
from statfe.sampling.samplers import RULES, make_sampler
from statfe.search.annealing import KERNELS, compile_for
from statfe.simulation import simulate_plan
from statfe.store.describe import describe
from statfe.store.run_file import read_run, write_run

_EXTRAS = {"report": ("matplotlib", "jinja2"), "xarray": ("xarray", "h5netcdf", "netCDF4")}


@dataclass(frozen=True)
class Finding:
    """One check: ``ok``, ``note`` (works, but read the detail) or ``FAILED``."""

    name: str
    verdict: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Run all checks; a check that raises is a finding, not an exception."""
    checks = [_versions, _extras, _cache, _machine, _exact_kernels, _samplers, _store, _speed]
    return [_guarded(check) for check in checks]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        return Finding(check.__name__.strip("_").replace("_", " "), "FAILED", f"{type(error).__name__}: {error}")


def _versions() -> Finding:
    names = ("statfe", "numpy", "numba", "scipy", "h5py", "click", "threadpoolctl")
    found = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in names)
    return Finding("versions", "ok", f"Python {platform.python_version()}, {found}")


def _extras() -> Finding:
    absent = [e for e, needs in _EXTRAS.items() if any(importlib.util.find_spec(n) is None for n in needs)]
    if absent:
        return Finding("extras", "note", f"not installed: {', '.join(f'statfe[{e}]' for e in absent)}")
    return Finding("extras", "ok", ", ".join(_EXTRAS))


def _cache() -> Finding:
    folder = cache_root()
    if folder is None:
        return Finding("compile cache", "note", "no folder can be written: kernels compile at every start")
    return Finding("compile cache", "ok", str(folder))


def _machine() -> Finding:
    from llvmlite import binding

    return Finding("machine", "ok", f"{binding.get_host_cpu_name()}, {os.cpu_count()} processors")


def _random_model(n: int) -> IsingModel:
    rng = generator(5)
    i, j = np.triu_indices(n, 1)
    return IsingModel.from_edges(n, i, j, rng.normal(size=len(i)), rng.normal(size=n))


def _brute_force(model: IsingModel, beta: float) -> float:
    bits = (np.arange(2**model.n_sites)[:, None] >> np.arange(model.n_sites)) & 1
    weight = -beta * model.energy(2 * bits - 1)
    return -float(weight.max() + math.log(np.exp(weight - weight.max()).sum()))


def _exact_kernels() -> Finding:
    model, beta = _random_model(7), 0.7
    truth, worst, names = _brute_force(model, beta), 0.0, []
    for method in methods().values():
        if method.family == "exact" and not method.obstacle(model):
            (result,) = run_method(model, np.array([beta]), method.name)
            worst = max(worst, abs(result.beta_f / truth - 1))
            names.append(method.name)
    verdict = "ok" if worst < 1e-12 and names else "FAILED"
    return Finding("exact kernels", verdict, f"{', '.join(names)} agree with brute force to {worst:.1e}")


def _samplers() -> Finding:
    beta, worst = 0.5, 0.0
    frustrated = _random_model(5)
    ferromagnet = IsingModel.from_edges(
        5, frustrated.rows, frustrated.cols, np.abs(frustrated.couplings), frustrated.fields)
    for name in RULES:
        model = frustrated if can_run(name, frustrated) else ferromagnet
        truth = _brute_force(model, beta)
        (result,) = run_method(model, np.array([beta]), "mbar", seed=11, sampler=name, sweeps=20_000)
        worst = max(worst, abs(result.beta_f - truth) / result.beta_f_error)
    return Finding("samplers", "ok" if worst < 5 else "FAILED", f"{', '.join(RULES)} within {worst:.1f} sigma of exact")


def _store() -> Finding:
    model = _random_model(4)
    plan = plan_run(model, np.array([0.3]), make_sampler("gibbs"), sweeps=100, replicas=2, seed=1)
    run = simulate_plan(model, plan, samples_only=False, workers=1, progress=None, command="statfe doctor")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        write_run(path, run)
        same = np.array_equal(read_run(path).chains.energy, run.chains.energy)
        groups = ", ".join(describe(path)["groups"])
    return Finding("HDF5", "ok" if same else "FAILED", f"written and read back: {groups}")


def _speed() -> Finding:
    model = build_model("ising:shape=64x64")
    plan = plan_run(model, np.array([0.44]), make_sampler("metropolis:burn_in=0"), sweeps=200, replicas=1, seed=1,
                    samples_only=True)
    run_plan(model, plan)
    start = time.perf_counter()
    run_plan(model, plan)
    rate = plan.updates(model.n_sites) / (time.perf_counter() - start) / 1e9
    return Finding(
        "speed", "ok", f"{rate:.3f} spin updates a nanosecond, one thread (metropolis, kernel {plan.kernel}, 64x64 at "
        "T_c); statfe bench samplers measures every kernel")


#: Models that between them need every common version of every kernel.
WARM_MODELS = (
    "ising:shape=16x16", "ea:shape=16x16", "ising:shape=4x4,boundary=open", "ising:shape=8x8x8", "ea:shape=8x8x8",
    "ea:shape=3x3x3,boundary=open", "random-regular:n=8,degree=3", "sk:n=40", "ea:shape=4x4,couplings=gaussian")


def _warm_kernels(progress: Callable[[str, float], None] | None) -> None:
    """Run every kernel for a sweep on each model that it takes."""
    models = [build_model(spec) for spec in WARM_MODELS]
    work = [(kernel, model) for kernel in kernels().values() for model in models if not kernel.obstacle(model)]
    for k, (kernel, model) in enumerate(work):
        if progress:
            progress(f"kernel {kernel.name}", k / len(work))
        sampler = make_sampler(f"{kernel.samplers[0]}:kernel={kernel.name}")
        run_plan(model, plan_run(
            model, np.array([0.2, 0.3]), sampler, sweeps=2, replicas=4, seed=1, samples_only=True))


def warm_up(progress: Callable[[str, float], None] | None = None) -> tuple[float, Path | None]:
    """Compile every kernel by running every method once on a small model; gives (seconds, cache folder)."""
    start = time.perf_counter()
    small = [build_model("ising:shape=3x4"), build_model("rbm:visible=4,hidden=2"), build_model("curie-weiss:n=4"),
             build_model("ising:shape=5,boundary=open")]
    names = list(methods())
    for k, name in enumerate(names):
        if progress:
            progress(name, k / len(names))
        method = methods()[name]
        options = method.variants or ({},)
        if method.family == "sampled":
            options = tuple({"sampler": rule, "sweeps": 200} for rule in RULES)
        for model in small:
            for chosen in options:
                if not method.obstacle(model) and ("sampler" not in chosen or can_run(chosen["sampler"], model)):
                    run_method(model, np.array([0.2]), name, seed=1, **chosen)
    _warm_kernels(progress)
    for model in small:
        for name, kind in KERNELS.items():
            if not kind.obstacle(model):
                compile_for(model, name)
    return time.perf_counter() - start, cache_root()
