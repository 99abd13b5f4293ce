"""One grammar for models, samplers and methods: ``name:key=value,key=value``; and for grids of beta.

A `Spec` is a name with checked options. What options there are is said by a tuple of `Option`; the same tuple
makes the help text and the error messages.
"""

from __future__ import annotations

import importlib
import math
import operator
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
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
        except (TypeError, ValueError, OverflowError):
            raise SpecError(f"{where}: not {_TYPE_NAMES[self.type]}") from None
        if self.choices and value not in self.choices:
            raise SpecError(f"{where}: {unknown_name('value', str(value), self.choices)}")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)):
                self._check_range(number, where)
        return value

    def _check_range(self, number: float, where: str) -> None:
        # An int is finite, and one beyond 1e308 would overflow in math.isfinite.
        if isinstance(number, float) and not math.isfinite(number):
            raise SpecError(f"{where}: must be finite")
        if self.minimum is not None and number < self.minimum:
            raise SpecError(f"{where}: must be at least {_text(self.minimum)}")
        if self.maximum is not None and number > self.maximum:
            raise SpecError(f"{where}: must be at most {_text(self.maximum)}")

    def to_dict(self) -> dict[str, Any]:
        """The option as the commands print it."""
        return {
            "name": self.name, "type": self.type, "default": self.default,
            "required": self.default is None and not self.optional, "choices": list(self.choices), "doc": self.doc,
        }


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    return int(value) if isinstance(value, str) else operator.index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value)


def _word(value: Any) -> str:
    # A comma would end the item when the canonical string is read back.
    word = str(value).strip()
    if not word or "," in word:
        raise ValueError(value)
    return word


def _shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        return tuple(_integer(part) for part in value.split("x"))
    sizes = tuple(_integer(size) for size in (value if hasattr(value, "__len__") else (value,)))
    if not sizes:
        raise ValueError(value)
    return sizes


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "int": _integer, "float": _number, "str": _word, "path": os.fspath, "shape": _shape,
}
_TYPE_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a word",
    "path": "a path",
    "shape": "a shape such as 16x16",
}


def _text(value: Any) -> str:
    """`value` as it stands in a spec: the shortest text that reads back to the same value."""
    if isinstance(value, tuple):
        return "x".join(str(size) for size in value)
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


@dataclass(frozen=True)
class Spec:
    """A name with its options; `str(spec)` is the spec as it was given, which scripts can look up.

    Attributes
    ----------
    options
        Every option with its value, defaults filled in.
    given
        The text of the options that were given, in their order. The one called ``path`` is written bare, as
        `split_spec` reads it with ``positional=True``.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        items = [text if key == "path" else f"{key}={text}" for key, text in self.given.items()]
        return f"{self.name}:{','.join(items)}" if items else self.name


def split_spec(text: str, positional: bool = False) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,...`` into the name and raw options, without checking either.

    With `positional` the first item is a bare path. It may hold commas, colons and equal signs; but trailing
    ``,key=value`` items with a plain word for a key are taken as options.

    Raises
    ------
    SpecError
        If the text is empty, an item is not ``key=value``, or a key is given twice.
    """
    if not isinstance(text, str) or not text.strip():
        raise SpecError("empty spec; write name:key=value,key=value")
    name, _, rest = text.strip().partition(":")
    path, items = _split_path(rest) if positional else ("", rest.split(",") if rest.strip() else [])
    raw = {"path": path} if path else {}
    for item in items:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key or not value:
            raise SpecError(f"{text}: cannot read {item!r}; write key=value")
        if key in raw:
            raise SpecError(f"{text}: {key} is given twice")
        raw[key] = value
    return name.strip(), raw


def _split_path(rest: str) -> tuple[str, list[str]]:
    """The path and the trailing items that look like options."""
    items: list[str] = []
    while "," in rest:
        head, _, tail = rest.rpartition(",")
        key, equals, _ = tail.partition("=")
        if not equals or not key.strip().isidentifier():
            break
        rest = head
        items.insert(0, tail)
    return rest, items


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
    given = {key: text.strip() if isinstance(text, str) else _text(values[key])
             for key, text in raw.items() if text is not None}
    return Spec(owner, values, given)


def parse_grid(text: str | float | Sequence[float] | np.ndarray, what: str = "beta") -> np.ndarray:
    """Parse a grid: ``0.1:1.0:10`` (linspace, ends included), ``0.2,0.44,1``, or numbers; messages call it `what`.

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
            grid = _parse_grid_text(text, what)
        else:
            if np.asarray(text).dtype.kind == "b":
                raise TypeError
            grid = np.atleast_1d(np.asarray(text, dtype=float)).ravel()
    except SpecError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise SpecError(f"{what} grid {text!r}: write start:stop:count or comma-separated numbers") from None
    if grid.size == 0:
        raise SpecError(f"{what} grid is empty")
    if grid.size > MAX_GRID:
        raise SpecError(f"{what} grid has {grid.size} points; at most {MAX_GRID}")
    if not np.all(np.isfinite(grid)):
        raise SpecError(f"{what} grid {text!r}: values must be finite")
    return grid


def _parse_grid_text(text: str, what: str) -> np.ndarray:
    if ":" not in text:
        return np.array([float(part) for part in text.split(",")])
    start, stop, count = text.split(":")
    number = int(count)
    if number < 1 or number > MAX_GRID:
        raise SpecError(f"{what} grid {text!r}: the count must be between 1 and {MAX_GRID}")
    first, last = float(start), float(stop)
    if not math.isfinite(last - first):
        raise SpecError(f"{what} grid {text!r}: values must be finite")
    return np.linspace(first, last, number)


def families_in(package: str) -> dict[str, Any]:
    """The `FAMILY` of every file of a package by its name, in the order of the files."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        family = importlib.import_module(f"{package}.{info.name}").FAMILY
        if family.name in found:
            raise ValueError(f"two families are called {family.name!r}")
        found[family.name] = family
    return found
