"""The kernel of a run: the fastest that can hold the model, or the one that was asked for."""

from __future__ import annotations

import functools
import importlib
import math
import pkgutil

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load
from statfe.sampling.samplers import Sampler


@functools.cache
def kernels() -> dict[str, Kernel]:
    """All kernels by name: the files in `statfe/sampling/banks/`."""
    package = importlib.import_module("statfe.sampling.banks")
    found: dict[str, Kernel] = {}
    for info in pkgutil.iter_modules(package.__path__):
        kernel = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "KERNEL", None)
        if kernel is not None:
            found[kernel.name] = kernel
    return found


def get_kernel(name: str) -> Kernel:
    """The kernel called `name`."""
    return kernels()[name]


def can_run(sampler: str, model: IsingModel) -> bool:
    """Whether some kernel runs the sampler of this name on `model`."""
    return any(sampler in kernel.samplers and not kernel.obstacle(model) for kernel in kernels().values())


def candidates(model: IsingModel, sampler: Sampler) -> dict[str, Kernel]:
    """The kernels that may run `sampler` on `model`: the one it names, or all that can.

    Raises
    ------
    UsageError
        There is none, or the kernel asked for does not run this sampler or cannot hold the model; the message names one
        that can.
    """
    run = {name: k for name, k in kernels().items() if sampler.name in k.samplers}
    if model.uniform is not None and sampler.kernel == "auto":
        # The bonds are listed only where no kernel does without.
        free = {name: k for name, k in run.items() if not k.needs_bonds and not k.obstacle(model)}
        if free:
            return free
    able = {name: k for name, k in run.items() if not k.obstacle(model)}
    if sampler.kernel == "auto":
        if not able:
            reasons = "; ".join(k.obstacle(model) for k in run.values())
            raise UsageError(f"{sampler.name} cannot sample {model.spec}: {reasons}; use metropolis")
        return able
    if sampler.kernel in able:
        return {sampler.kernel: able[sampler.kernel]}
    kernel = kernels()[sampler.kernel]
    names = ", ".join(sorted(able))
    others = f"kernel={names} can" if names else "no kernel can"
    if sampler.name not in kernel.samplers:
        raise UsageError(f"kernel={kernel.name} does not run {sampler.name}; {others}")
    raise UsageError(f"kernel={kernel.name} cannot hold {model.spec}: {kernel.obstacle(model)}; {others}")


def choose_kernel(model: IsingModel, sampler: Sampler, load: Load, updates: float = math.inf) -> Kernel:
    """The cheapest of the `candidates` for `updates` spin updates of `model`; raises as they do."""
    return min(candidates(model, sampler).values(), key=lambda kernel: price(kernel, model, load, updates))


def price(kernel: Kernel, model: IsingModel, load: Load, updates: float) -> float:
    """Nanoseconds an update, with the share of what it takes to set the kernel up."""
    return kernel.cost(model, load) + kernel.setup / updates
