"""The one set of numba options, and a compile cache that cannot go stale.

numba's own cache looks only at the file of the function that was compiled: an edit to a callee in another file
leaves old machine code in place. The cache folder of a kernel is therefore named by a hash of its file and of all
kernel files that it imports, directly or not.
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
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from statfe.errors import UsageError

#: Options of every kernel. No fastmath: reference numbers are made with these.
JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}


#: Caches kept, this one among them; and how long one must lie unused before it may go.
KEPT, UNUSED_SECONDS = 3, 86400.0


HERE = Path(__file__).resolve()
_IMPORT = re.compile(r"^\s*(?:from|import)\s+statfe\.kernels\.(\w+)", re.MULTILINE)
_IMPORT_NAMES = re.compile(r"^\s*from\s+statfe\.kernels\s+import\s+\(?([\w\s,]+)", re.MULTILINE)


def _imports(kernel: str) -> set[str]:
    """Kernel files that `kernel` (a name in statfe/kernels) imports, directly or not, itself among them."""
    found, todo = set(), [kernel]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            text = (HERE.parent / "kernels" / f"{name}.py").read_text(encoding="utf-8")
            todo += _IMPORT.findall(text)
            todo += [other for names in _IMPORT_NAMES.findall(text) for other in re.findall(r"\w+", names)]
    return found


@functools.cache
def source_hash(kernel: str | None = None) -> str:
    """Hash of this file, of `kernel` and all it imports (all kernels if None), and of numba's and Python's version."""
    names = {path.stem for path in (HERE.parent / "kernels").glob("*.py")} if kernel is None else _imports(kernel)
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    for path in [HERE, *(HERE.parent / "kernels" / f"{name}.py" for name in sorted(names))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_root() -> Path | None:
    """Folder of the compiled kernels, or None where nothing can be written (kernels then compile each time)."""
    base = os.environ.get("STATFE_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    roots = [Path(base)] if base else []
    if "HOME" in os.environ or os.name == "nt":
        roots.append(Path.home() / ".cache")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    roots.append(Path(tempfile.gettempdir()) / f"statfe-cache-{user}")
    for root in roots:
        folder = root / "statfe" / "numba"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        return folder
    return None


@functools.cache
def cache_dir(kernel: str | None = None) -> Path | None:
    """Folder of one compiled kernel file (of code elsewhere if None), or None where nothing can be written."""
    root = cache_root()
    if root is None:
        return None
    folder = root / f"{kernel or 'other'}-{source_hash(kernel)}"
    try:
        folder.mkdir(exist_ok=True)
        os.utime(folder)  # when it was last used, for `_prune`
    except OSError:
        return None
    _prune(folder)
    return folder


def _prune(folder: Path) -> None:
    """Remove older caches of the same kernel but the newest; those used of late may belong to a program that runs."""
    found, kernel = [], folder.name[:-16]
    for other in folder.parent.iterdir():
        with contextlib.suppress(OSError):  # another process may be removing it
            if other != folder and re.fullmatch(re.escape(kernel) + "[0-9a-f]{16}", other.name):
                found.append((other.stat().st_mtime, other))
    for used, other in sorted(found, reverse=True)[KEPT - 1:]:
        if time.time() - used > UNUSED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    package, _, kernel = function.__module__.rpartition(".")
    folder = cache_dir(kernel if package == "statfe.kernels" else None)
    config: Any = numba.config
    before = config.CACHE_DIR
    # Read when the dispatcher is made; put back at once, so that other packages keep their own place.
    config.CACHE_DIR = str(folder) if folder else before
    try:
        return numba.njit(cache=folder is not None, **JIT_OPTIONS, **options)(function)
    finally:
        config.CACHE_DIR = before


def njit(function: Callable[..., Any]) -> Any:
    """Compile `function` with `JIT_OPTIONS` on first use and keep the result in the `cache_dir` of its file."""
    return _compiled(function)


def njit_inline(function: Callable[..., Any]) -> Any:
    """As `njit`, and made part of every kernel that calls it: for the straight lines inside vector loops."""
    return _compiled(function, forceinline=True)


#: Keys of the laws and instances made so far, by which their compiled code is told apart.
_KEYS: dict[Any, str] = {}


@functools.cache
def law(function: Callable[..., Any]) -> Any:
    """A plain function compiled to be part of the loops that call it; see `instance`.

    Its own code is not kept on disk: it lives in the instances, which its text tells apart.

    Raises
    ------
    UsageError
        For a function that holds values of its surroundings: they would not be seen in its text.
    """
    function = getattr(function, "py_func", function)
    if function.__closure__:
        held = ", ".join(function.__code__.co_freevars)
        raise UsageError(f"{function.__name__} holds values from outside ({held}); pass them as parameters")
    compiled = numba.njit(forceinline=True, **JIT_OPTIONS)(function)
    _KEYS[compiled] = hashlib.sha256(_text_of(function).encode()).hexdigest()[:12]
    return compiled


def _text_of(function: Callable[..., Any]) -> str:
    """What the compiled code of a law depends on: its name and its whole file, for the helpers that it calls."""
    text = getattr(function, "__text__", None) or Path(function.__code__.co_filename).read_text(encoding="utf-8")
    return f"{function.__qualname__} {text}"


def instance(template: Callable[..., Any], **parts: Any) -> Any:
    """The loop `template` compiled with its global names set to `parts`: laws, or instances of other templates.

    Dispatchers that are passed as arguments, and closures, would be compiled anew in each process; a copy of the
    template with other globals and a name of its own is found in the cache on disk.

    Parameters
    ----------
    template
        A plain function of a file in `statfe/kernels`, whose file has a stand-in for each name in `parts`.
    """
    return _instance(template, tuple(sorted(parts.items())))


@functools.cache
def _instance(template: Callable[..., Any], parts: tuple[tuple[str, Any], ...]) -> Any:
    key = hashlib.sha256(" ".join(f"{name}={_KEYS[part]}" for name, part in parts).encode()).hexdigest()[:12]
    code: Any = template.__code__
    copy = types.FunctionType(code, {**template.__globals__, **dict(parts)}, template.__name__, template.__defaults__)
    copy.__qualname__ = f"{template.__qualname__}_{key}"
    copy.__module__ = template.__module__
    compiled = _compiled(copy)
    _KEYS[compiled] = f"{template.__module__}.{template.__qualname__}({key})"
    return compiled
