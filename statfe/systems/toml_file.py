"""A system from formulas in TOML; its Jacobian is derived from them.

    [equations]
    x = "sigma * (y - x)"
    y = "x * (rho - z) - y"
    z = "x * y - beta * z"

    [parameters]
    sigma = 10.0
    rho = 28.0
    beta = 2.6667

Above the tables may stand `kind = "map"`, `dt`, `period`, `transient`, `start`, `box`, `bound`, `angles`, `momenta`,
`title`, `reference`, and `conserved`, a formula. A table `[jacobian]` may give the rows by hand:
`x = ["-sigma", "sigma", "0"]`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from statfe.errors import SpecError, UsageError, unknown_name
from statfe.systems.declared import SETTINGS, Laws, declared, numbers
from statfe.systems.expressions import CONSTANTS, FUNCTIONS, derivative, law, places, read, written
from statfe.systems.system import System

ARGUMENTS = "t, x, p, out"
TABLES = ("equations", "parameters", "jacobian")
#: Formulas of a Jacobian that are written out; more coordinates than their root are better off as a Python file.
MOST = 300


def read_toml(path: str, text: str) -> System:
    """The system of a TOML file.

    Raises
    ------
    UsageError
        One line with the file, the line where it can be told, and what to change.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}; formulas stand in quotes") from None
    allowed = (*TABLES, "conserved", *(name for name in SETTINGS if name != "coordinates"))
    for key in raw:
        if key not in allowed:
            raise UsageError(f"{path}:{_place(text, '', key)} {unknown_name('entry', key, allowed)}")
    equations = raw.get("equations")
    if not isinstance(equations, Mapping) or not equations:
        raise UsageError(f'{path}: has no [equations]; write one line for each coordinate, such as x = "a * (y - x)"')
    parameters = numbers(path, "parameters", raw.get("parameters", {}))
    _refuse_clashes(path, list(equations), list(parameters))
    settings = {name: value for name, value in raw.items() if name in SETTINGS}
    try:
        laws = _Reader(path, text, list(equations), list(parameters)).laws(raw)
    except RecursionError:
        raise UsageError(f"{path}: a formula is too long; split it, or write the law in Python") from None
    return declared(path, {**settings, "coordinates": list(equations)}, laws)


class _Reader:
    """The formulas of one file."""

    def __init__(self, path: str, text: str, coordinates: list[str], parameters: list[str]) -> None:
        self.path, self.text = path, text
        self.coordinates, self.names = coordinates, [*coordinates, *parameters]
        self.where = places(coordinates, parameters)

    def formula(self, table: str, key: str, raw: Any) -> Any:
        """One formula, with the place of any complaint."""
        try:
            return read(raw, self.names)
        except SpecError as error:
            name = f"{table}.{key}" if table else key
            raise UsageError(f"{self.path}:{_place(self.text, table, key)} {name}: {error}") from None

    def laws(self, raw: Mapping[str, Any]) -> Laws:
        """All functions of the file."""
        equations = [self.formula("equations", name, raw["equations"][name]) for name in self.coordinates]
        lines = [f"out[{i}] = {written(node, self.where)}" for i, node in enumerate(equations)]
        doc = "; ".join(f"{name}: {raw['equations'][name]}" for name in self.coordinates)
        return Laws(law("rhs", ARGUMENTS, doc, lines), self.jacobian(raw, equations), self.conserved(raw))

    def jacobian(self, raw: Mapping[str, Any], equations: list[Any]) -> Callable[..., None]:
        """The rows that are given, or those that follow from the equations."""
        n, rows = len(self.coordinates), raw.get("jacobian")
        if rows is None:
            if n > MOST:
                raise UsageError(f"{self.path}: {n} equations, at most {MOST}; write the law in Python instead")
            found = [[derivative(node, name) for name in self.coordinates] for node in equations]
        else:
            found = self.given(rows)
        lines = [f"out[{i}, {j}] = {written(found[i][j], self.where)}" for i in range(n) for j in range(n)]
        return law("jacobian", ARGUMENTS, "Of `rhs`.", lines)

    def given(self, rows: Any) -> list[list[Any]]:
        """The Jacobian of the file, checked for its shape."""
        n = len(self.coordinates)
        if not isinstance(rows, Mapping) or list(rows) != self.coordinates:
            raise UsageError(f"{self.path}: [jacobian] must have the rows {', '.join(self.coordinates)}")
        for name, row in rows.items():
            if not isinstance(row, list) or len(row) != n:
                raise UsageError(f"{self.path}:{_place(self.text, 'jacobian', name)} jacobian.{name} must be a list of "
                                 f"{n} formulas")
        return [[self.formula("jacobian", name, entry) for entry in rows[name]] for name in self.coordinates]

    def conserved(self, raw: Mapping[str, Any]) -> Callable[[np.ndarray, np.ndarray], float] | None:
        """The conserved quantity as a function of state and parameters."""
        if "conserved" not in raw:
            return None
        node = self.formula("", "conserved", raw["conserved"])
        made: Callable[[np.ndarray, np.ndarray], float] = law(
            "conserved", "x, p", "Conserved.", [f"return {written(node, self.where)}"])
        return made


def _refuse_clashes(path: str, coordinates: list[str], parameters: list[str]) -> None:
    for name in (*coordinates, *parameters):
        if name in FUNCTIONS or name in CONSTANTS:
            raise UsageError(f"{path}: {name} is a function or constant of the formulas; give it another name")
        if name in coordinates and name in parameters:
            raise UsageError(f"{path}: {name} is both a coordinate and a parameter; rename one")


def _place(text: str, table: str, key: str) -> str:
    """`` line N:`` of an entry, or nothing where it is not written plainly."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[([^\]]*)\]\s*(#.*)?$", line):
            inside = head[1].strip()
        elif inside == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return f" line {number}:"
    return ""
