"""Where a file came from: versions, the commit of a checkout, the time."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    installed = [(n, importlib.metadata.version(n)) for n in ("statfe", "numpy", "numba", "h5py")]
    return (*installed, ("python", platform.python_version()))


def versions() -> dict[str, str]:
    """Versions of statfe, numpy, numba, h5py and Python."""
    return dict(_versions())


@functools.cache
def source_commit() -> str:
    """Commit of the checkout statfe runs from, ``-dirty`` where it was changed; "" where there is none."""
    root = Path(__file__).resolve().parents[2]
    # A package installed below somebody else's checkout must not take that one's commit.
    if not (root / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def created() -> str:
    """Now, in UTC, to the second (ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
