"""A system from a Python file with a function ``rhs(t, x, p, out)``, plain or compiled by numba.

Module-level names are its settings: `coordinates` or `start` (one is needed), `parameters` (numbers by name, in the
order of `p`), `kind`, `dt`, `period`, `transient`, `box`, `bound`, `angles`, `momenta`, `symmetries`, `title`,
`reference`; functions that it may have: `jacobian(t, x, p, out)`, `tangent(t, x, p, v, out)`, `conserved(x, p)` and
`stiff(p)`. The file is run.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from statfe.errors import UsageError, unknown_name
from statfe.kernels.user_laws import compile_error, differences
from statfe.systems.checks import where_in
from statfe.systems.declared import SETTINGS, Laws, declared
from statfe.systems.difference_steps import typical_sizes
from statfe.systems.system import System

ARGUMENTS = {
    "rhs": ("t", "x", "p", "out"), "jacobian": ("t", "x", "p", "out"), "tangent": ("t", "x", "p", "v", "out"),
    "conserved": ("x", "p"), "stiff": ("p",)}


def read_python(path: str, text: str) -> System:
    """The system of a Python file.

    Raises
    ------
    UsageError
        One line with the file, the line where it can be told, and what to change.
    """
    found = _run(path, text)
    functions = {name: _function(path, name, found[name]) for name in ARGUMENTS if name in found}
    around = text + _surroundings(found)
    for function in functions.values():
        function.__text__ = around  # type: ignore[attr-defined]
    if "rhs" not in functions:
        near = [name for name, value in found.items() if callable(value) and not name.startswith("_")]
        hint = unknown_name("function", "rhs", near) if near else "it defines no function"
        raise UsageError(f"{path}: has no rhs(t, x, p, out), which writes the law into out; {hint}")
    if why := compile_error(functions["rhs"]):
        raise UsageError(f"{path}: numba cannot compile rhs: {why}; use numbers, loops, math and numpy functions")
    if "jacobian" in functions and (why := compile_error(functions["jacobian"], matrix=True)):
        raise UsageError(f"{path}: numba cannot compile jacobian: {why}; mend it, or leave it out")
    settings = {name: found[name] for name in SETTINGS if name in found}
    if "coordinates" not in settings:
        if "start" not in settings or not hasattr(settings["start"], "__len__"):
            raise UsageError(f'{path}: write coordinates = ["x", "y"] or start = [0.1, 0.2], to say how many there are')
        settings["coordinates"] = [f"x{i + 1}" for i in range(len(settings["start"]))]
    others = {name: functions.get(name) for name in ("conserved", "stiff", "tangent")}
    rhs, given = functions["rhs"], functions.get("jacobian")
    system = declared(path, settings, Laws(rhs, given or rhs, **others))
    return system if given else replace(system, jacobian=differences(rhs, typical_sizes(system, "box" in settings)))


def _run(path: str, text: str) -> dict[str, Any]:
    try:
        code = compile(text, path, "exec")
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}:" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(f"{path}:{line} {getattr(error, 'msg', error)}") from None
    module = types.ModuleType("statfe_user_system")
    module.__file__ = path
    sys.modules.setdefault(module.__name__, module)  # numba looks up the module of a function
    try:
        exec(code, module.__dict__)  # the user's own program, named by the user
    except Exception as error:
        raise UsageError(f"{path}:{where_in(path, error)} {type(error).__name__}: "
                         f"{' '.join(str(error).split())}") from error
    return module.__dict__


def _surroundings(found: dict[str, Any]) -> str:
    """What compiled code of the file may hold beside its text: values read from elsewhere, helpers of other files."""
    parts = []
    for name, value in sorted(found.items()):
        helper = getattr(value, "py_func", None)
        if isinstance(value, np.ndarray):
            parts.append(f"{name}: {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}")
        elif isinstance(value, (int, float, complex, str, tuple)):
            parts.append(f"{name}: {value!r}")
        elif helper is not None and helper.__code__.co_filename != found["__file__"]:
            parts.append(f"{name}: {Path(helper.__code__.co_filename).read_text(encoding='utf-8')}")
    return "\n".join(parts)


def _function(path: str, name: str, raw: Any) -> Callable[..., Any]:
    """The plain function under a compiled one, with the arguments it must have."""
    function = getattr(raw, "py_func", raw)
    wanted = ARGUMENTS[name]
    if not inspect.isfunction(function):
        raise UsageError(f"{path}: {name} must be a function of {', '.join(wanted)}")
    if function.__closure__:
        raise UsageError(f"{path}: {name} holds values from a function around it; "
                         "make it a function of the file itself")
    count = len(inspect.signature(function).parameters)
    if count != len(wanted):
        raise UsageError(f"{path}: line {function.__code__.co_firstlineno}: {name} takes {count} arguments; "
                         f"write {name}({', '.join(wanted)})")
    return function
