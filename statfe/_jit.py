"""The one set of numba options, and a compile cache that cannot go stale.

numba's own cache looks only at the file of the function that was compiled: an edit to a callee in another file
leaves old machine code in place. The cache folder is therefore named by a hash of all kernel sources.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

#: Options of every kernel. No fastmath: reference numbers are made with these.
JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}


#: Caches kept, this one among them; and how long one must lie unused before it may go.
KEPT, UNUSED_SECONDS = 3, 86400.0


def source_hash() -> str:
    """Hash of this file and of every kernel source, with the versions of numba and Python."""
    here = Path(__file__).resolve()
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    for path in [here, *sorted((here.parent / "kernels").glob("*.py"))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_dir() -> Path | None:
    """Folder of the compiled kernels, or None where nothing can be written (kernels then compile each time)."""
    base = os.environ.get("STATFE_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    roots = [Path(base)] if base else []
    if "HOME" in os.environ or os.name == "nt":
        roots.append(Path.home() / ".cache")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    roots.append(Path(tempfile.gettempdir()) / f"statfe-cache-{user}")
    for root in roots:
        folder = root / "statfe" / "numba" / source_hash()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            os.utime(folder)  # when it was last used, for `_prune`
        except OSError:
            continue
        _prune(folder)
        return folder
    return None


def _prune(folder: Path) -> None:
    """Remove the caches of other sources but the newest; those used of late may belong to a program that runs."""
    found = []
    for other in folder.parent.iterdir():
        with contextlib.suppress(OSError):  # another process may be removing it
            if other != folder and re.fullmatch("[0-9a-f]{16}", other.name):
                found.append((other.stat().st_mtime, other))
    for used, other in sorted(found, reverse=True)[KEPT - 1:]:
        if time.time() - used > UNUSED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def njit(function: Callable[..., Any]) -> Any:
    """Compile `function` with `JIT_OPTIONS` on first use and keep the result in `cache_dir`."""
    folder = cache_dir()
    config: Any = numba.config
    before = config.CACHE_DIR
    # Read when the dispatcher is made; put back at once, so that other packages keep their own place.
    config.CACHE_DIR = str(folder) if folder else before
    try:
        return numba.njit(cache=folder is not None, **JIT_OPTIONS)(function)
    finally:
        config.CACHE_DIR = before
