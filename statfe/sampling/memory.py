"""Whether a run fits into memory, asked before anything is allocated."""

from __future__ import annotations

import os

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.sampling.bank import Kernel, Load

#: Share of the free memory that a run may take.
SHARE = 0.9


def available_bytes() -> float:
    """Memory that this process may still take; infinite where the system does not say."""
    found = float("inf")
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    found = 1024.0 * float(line.split()[1])
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return min(found, _limit())


def _limit() -> float:
    """What the address space of this process may still grow by."""
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return float("inf")
    try:
        with open("/proc/self/statm", encoding="ascii") as line:
            used = float(line.read().split()[0]) * resource.getpagesize()
    except OSError:
        used = 0.0
    return max(float(soft) - used, 0.0)


def check_memory(model: IsingModel, kernel: Kernel, load: Load, more: float = 0.0) -> None:
    """`UsageError` where the chains and `more` bytes do not fit."""
    need, free = kernel.bytes(model, load) + more, available_bytes()
    if need > SHARE * free:
        raise UsageError(
            f"{load.total} chains of {model.n_sites} spins with kernel={kernel.name} need {need / 1e9:.3g} GB and "
            f"{free / 1e9:.3g} GB are free; take fewer replicas or betas, a larger thin, or schedule=annealing")
