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


def choose_kernel(model: IsingModel, sampler: Sampler, load: Load, updates: float = math.inf) -> Kernel:
    """The kernel that `sampler` names, or the cheapest for `updates` spin updates of `model`.

    Raises
    ------
    UsageError
        The kernel asked for does not run this sampler or cannot hold the model; the message names one that can.
    """
    if model.uniform is not None and sampler.kernel == "auto":
        # The bonds are listed only where no kernel does without.
        for kernel in kernels().values():
            if sampler.name in kernel.samplers and not kernel.needs_bonds and not kernel.obstacle(model):
                return kernel
    able = {name: k for name, k in kernels().items() if sampler.name in k.samplers and not k.obstacle(model)}
    if sampler.kernel == "auto":
        if not able:
            reasons = "; ".join(k.obstacle(model) for k in kernels().values() if sampler.name in k.samplers)
            raise UsageError(f"{sampler.name} cannot sample {model.spec}: {reasons}; use metropolis")
        return min(able.values(), key=lambda kernel: kernel.cost(model, load) + kernel.setup / updates)
    if sampler.kernel in able:
        return able[sampler.kernel]
    kernel = kernels()[sampler.kernel]
    names = ", ".join(sorted(able))
    others = f"kernel={names} can" if names else "no kernel can"
    if sampler.name not in kernel.samplers:
        raise UsageError(f"kernel={kernel.name} does not run {sampler.name}; {others}")
    raise UsageError(f"kernel={kernel.name} cannot hold {model.spec}: {kernel.obstacle(model)}; {others}")
