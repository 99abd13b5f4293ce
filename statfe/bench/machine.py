"""The machine that figures of speed were measured on."""

from __future__ import annotations

import os
import platform
from typing import Any


def cpu_name() -> str:
    """Model of the processor, as the system says it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Processor, its instruction set as the compiler sees it, cores, memory, system, and how busy it is now."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    widest = next((name for name in ("avx512f", "avx2", "sve", "neon") if features.get(name)), "")
    return {
        "cpu": cpu_name(), "architecture": binding.get_host_cpu_name(), "vectors": widest, "cores": cores(),
        "memory_bytes": _memory(), "system": f"{platform.system()} {platform.machine()}", "load_average": load()}


def load() -> float | None:
    """Processes that ran or waited in the last minute, on average; more than the cores means that others are busy."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _memory() -> float | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return None
