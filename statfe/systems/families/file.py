"""A user's own right-hand side: formulas in TOML, or a function in Python."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from statfe.errors import UsageError, unknown_name
from statfe.spec import Option
from statfe.systems.checks import check_laws
from statfe.systems.python_file import read_python
from statfe.systems.system import Family, System
from statfe.systems.toml_file import read_toml

READERS = {".toml": read_toml, ".py": read_python}
OPTIONS = (Option("path", "path", doc="FILE.toml with [equations], or FILE.py with rhs(t, x, p, out)"),)


@functools.lru_cache(maxsize=32)
def _read(path: str, text: str) -> System:
    return READERS[Path(path).suffix](path, text)


def build(options: Mapping[str, Any]) -> System:
    """The system of the file, with the numbers in `options` in place of its own; its laws are checked."""
    path = str(options["path"])
    if Path(path).suffix not in READERS:
        raise UsageError(f"{path}: systems are read from .toml and .py; rename the file")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UsageError(f"{path}: cannot be read ({reason})") from None
    found = _read(path, text)
    changes = {name: value for name, value in options.items() if name != "path"}
    for name in changes:
        if name not in found.parameters:
            known = ", ".join(found.parameters) or "none"
            raise UsageError(f"{path}: {unknown_name('parameter', name, found.parameters)} (its parameters: {known})")
    found = replace(found, parameters={**found.parameters, **changes})
    check_laws(path, found)
    return found


FAMILY = Family(
    name="file", group="file", summary="a law of your own, from formulas in TOML or a function in Python",
    options=OPTIONS, build=build, reference="the file itself",
    facts=("further options replace parameters of the file: file:my.toml,sigma=12",
           "TOML: formulas of + - * / ** and functions; the Jacobian is derived from them, exactly",
           "Python: the file is run; without a jacobian, central differences; steps fit the law at the start",
           "a box of your own says how large coordinates are: give one where they are far from 1"))
