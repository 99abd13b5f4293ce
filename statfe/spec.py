"""One grammar for models, samplers and methods: ``name:key=value,key=value``; and for grids of beta.

A `Spec` is a name with checked options. What options there are is said by a tuple of `Option`; the same tuple
makes the help text, the error messages and the canonical string.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.errors import SpecError, unknown_name

MAX_GRID = 100_000


@dataclass(frozen=True)
class Option:
    """One option of a model, sampler or method.

    `type` is ``int``, ``float``, ``str``, ``shape`` (``8x8``) or ``path``; a default of None means required
    unless `optional` is set.
    """

    name: str
    type: str
    default: Any = None
    doc: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False

    def parse(self, text: Any, owner: str) -> Any:
        """Turn `text` (or a Python value) into this option's type, or raise `SpecError`."""
        where = f"{owner}: {self.name}={text}"
        try:
            value = _CONVERT[self.type](text)
        except (TypeError, ValueError):
            raise SpecError(f"{where}: not {_TYPE_NAMES[self.type]}") from None
        if self.choices and value not in self.choices:
            raise SpecError(f"{where}: {unknown_name('value', str(value), self.choices)}")
        for number in value if self.type == "shape" else [value]:
            if not isinstance(number, (int, float)):
                continue
            if not math.isfinite(number):
                raise SpecError(f"{where}: must be finite")
            if self.minimum is not None and number < self.minimum:
                raise SpecError(f"{where}: must be at least {self.minimum:g}")
            if self.maximum is not None and number > self.maximum:
                raise SpecError(f"{where}: must be at most {self.maximum:g}")
        return value


def _integer(text: Any) -> int:
    if isinstance(text, (bool, float)):
        raise ValueError(text)
    return int(text)


def _number(text: Any) -> float:
    if isinstance(text, bool):
        raise ValueError(text)
    return float(text)


def _shape(text: Any) -> tuple[int, ...]:
    parts = text.split("x") if isinstance(text, str) else text
    shape = tuple(_integer(p) for p in ([parts] if isinstance(parts, int) else parts))
    if not shape:
        raise ValueError(text)
    return shape


_CONVERT = {"int": _integer, "float": _number, "str": str, "path": str, "shape": _shape}
_TYPE_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a word",
    "path": "a path",
    "shape": "a shape such as 16x16",
}


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(str(v) for v in value)
    return f"{value:.17g}" if isinstance(value, float) and float(f"{value:g}") != value else (
        f"{value:g}" if isinstance(value, float) else str(value))


@dataclass(frozen=True)
class Spec:
    """A name with its options; `str(spec)` is canonical: options that differ from their default, in order."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    shown: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [_format(self.options[k]) if k == "path" else f"{k}={_format(self.options[k])}" for k in self.shown]
        return f"{self.name}:{','.join(parts)}" if parts else self.name


def split_spec(text: str, positional: bool = False) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,...`` into the name and raw options, without checking either.

    With `positional` the first item may be a bare path (it may hold commas and equal signs; only trailing
    ``,key=value`` items with a plain word for a key are taken as options).
    """
    if not isinstance(text, str) or not text.strip():
        raise SpecError("empty spec; write name:key=value,key=value")
    name, _, rest = text.strip().partition(":")
    raw: dict[str, str] = {}
    if positional:
        path, raw = _split_path(rest)
        return name, {"path": path, **raw} if path else raw
    for item in rest.split(",") if rest else []:
        key, equals, value = item.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise SpecError(f"{text}: cannot read {item!r}; write key=value")
        if key.strip() in raw:
            raise SpecError(f"{text}: {key.strip()} is given twice")
        raw[key.strip()] = value.strip()
    return name, raw


def _split_path(rest: str) -> tuple[str, dict[str, str]]:
    raw: dict[str, str] = {}
    while "," in rest:
        head, _, tail = rest.rpartition(",")
        key, equals, value = tail.partition("=")
        if not equals or not key.isidentifier():
            break
        rest, raw[key] = head, value
    return rest, raw


def check_options(owner: str, raw: Mapping[str, Any], options: Sequence[Option]) -> Spec:
    """Check raw options against `options` and fill in the defaults.

    Raises
    ------
    SpecError
        For an unknown key (with the nearest name), a missing, unparsable or out-of-range value.
    """
    known = {o.name: o for o in options}
    for key in raw:
        if key not in known:
            if not known:
                raise SpecError(f"{owner} takes no options, got {key!r}")
            raise SpecError(f"{owner}: {unknown_name('option', key, known)}")
    values: dict[str, Any] = {}
    for o in options:
        if raw.get(o.name) is not None:
            values[o.name] = o.parse(raw[o.name], owner)
        elif o.default is not None or o.optional:
            values[o.name] = o.default
        else:
            raise SpecError(f"{owner}: {o.name} is required ({_TYPE_NAMES[o.type]})")
    shown = tuple(o.name for o in options if values[o.name] is not None and values[o.name] != o.default)
    return Spec(owner, values, shown)


def parse_grid(text: str | float | Sequence[float] | np.ndarray) -> np.ndarray:
    """Parse a grid of beta: ``0.1:1.0:10`` (linspace, ends included), ``0.2,0.44,1``, or numbers.

    Returns
    -------
    ndarray of float64, shape (n_betas,), in the order given.

    Raises
    ------
    SpecError
        If the text does not parse, is empty, or holds a value that is not finite.
    """
    try:
        if isinstance(text, str):
            grid = _parse_grid_text(text)
        else:
            grid = np.atleast_1d(np.asarray(text, dtype=float)).ravel()
    except (TypeError, ValueError):
        raise SpecError(f"beta grid {text!r}: write start:stop:count or comma-separated numbers") from None
    if grid.size == 0:
        raise SpecError("beta grid is empty")
    if grid.size > MAX_GRID:
        raise SpecError(f"beta grid has {grid.size} points; at most {MAX_GRID}")
    if not np.all(np.isfinite(grid)):
        raise SpecError(f"beta grid {text!r}: values must be finite")
    return grid


def _parse_grid_text(text: str) -> np.ndarray:
    if ":" not in text:
        return np.array([float(part) for part in text.split(",")])
    start, stop, count = text.split(":")
    number = int(count)
    if number < 1 or number > MAX_GRID:
        raise SpecError(f"beta grid {text!r}: the count must be between 1 and {MAX_GRID}")
    return np.linspace(float(start), float(stop), number)
