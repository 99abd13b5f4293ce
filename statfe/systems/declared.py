"""A system from what a user's file declares: every value checked, every complaint one line with the file's name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from statfe.errors import UsageError, unknown_name
from statfe.systems.system import Law, Symmetry, System

#: What a file may declare besides its laws, in words for messages.
SETTINGS = {
    "title": "a text", "reference": "a text", "kind": '"flow" or "map"', "parameters": "numbers by name",
    "coordinates": "a list of names", "start": "a list of numbers", "box": "a list of pairs of numbers",
    "bound": "a number above 0", "dt": "a number above 0", "period": "a number above 0",
    "transient": "a number, 0 or more", "angles": "a list of coordinates", "momenta": "a list of coordinates",
    "symmetries": "matrices by name",
}
DT, BOUND = 0.01, 1e6


@dataclass(frozen=True)
class Laws:
    """The functions of a file; the Jacobian may be made by the reader."""

    rhs: Law
    jacobian: Law
    conserved: Callable[[np.ndarray, np.ndarray], float] | None = None
    stiff: Callable[[np.ndarray], np.ndarray] | None = None
    tangent: Callable[..., None] | None = None


def declared(path: str, raw: Mapping[str, Any], laws: Laws) -> System:
    """The system of a file.

    Parameters
    ----------
    raw
        Settings by name, as in `SETTINGS`; ``coordinates`` must be there.
    """
    names = _names(path, "coordinates", raw["coordinates"])
    n, kind = len(names), raw.get("kind", "flow")
    if kind not in ("flow", "map"):
        raise UsageError(f'{path}: kind = {kind!r} must be "flow" or "map"')
    dt = _positive(path, raw, "dt", 1.0 if kind == "map" else DT)
    period = _positive(path, raw, "period", dt if kind == "map" else 100.0 * dt)
    start = raw.get("start")
    box = _array(path, "box", raw["box"], (n, 2)) if "box" in raw else None
    middle = np.full(n, 0.1) if box is None else box.mean(axis=1)
    state = middle if start is None else _array(path, "start", start, (n,))
    box = np.stack([state - 1.0, state + 1.0], axis=1) if box is None else box
    if (box[:, 0] > box[:, 1]).any():
        worst = names[int(np.argmax(box[:, 0] > box[:, 1]))]
        raise UsageError(f"{path}: box: the lower corner of {worst} is above the upper one")
    transient = _finite(path, "transient", raw.get("transient", 100.0 * period))
    if transient < 0.0:
        raise UsageError(f"{path}: transient = {transient:g} must be 0 or more")
    found = System(
        name=Path(path).stem, title=str(raw.get("title", Path(path).stem)), kind=kind, coordinates=names,
        parameters=numbers(path, "parameters", raw.get("parameters", {})), rhs=laws.rhs, jacobian=laws.jacobian,
        tangent=laws.tangent, dt=dt, period=period, transient=transient, start=state, box=box,
        bound=_positive(path, raw, "bound", BOUND), reference=str(raw.get("reference", "the file itself")),
        angles=_indices(path, raw, "angles", names), momenta=_indices(path, raw, "momenta", names),
        conserved=laws.conserved, stiff=laws.stiff, symmetries=_symmetries(path, raw.get("symmetries", {}), n))
    if found.momenta and (2 * len(found.momenta) != n or kind == "map"):
        raise UsageError(f"{path}: momenta names {len(found.momenta)} of {n} coordinates of a {kind}; "
                         "a separable Hamiltonian flow has as many momenta as positions")
    return found


def numbers(path: str, what: str, raw: Any) -> dict[str, float]:
    """Numbers by name."""
    if not isinstance(raw, Mapping):
        raise UsageError(f"{path}: {what} must be {SETTINGS.get(what, 'numbers by name')}, not {_short(raw)}")
    _names(path, what, list(raw))
    if "path" in raw:
        raise UsageError(f"{path}: {what}: path cannot be the name of a parameter; rename it")
    return {str(name): _finite(path, f"{what}: {name}", value) for name, value in raw.items()}


def _names(path: str, what: str, raw: Any) -> tuple[str, ...]:
    if isinstance(raw, str) or not isinstance(raw, Sequence):
        raise UsageError(f"{path}: {what} must be a list of names, not {_short(raw)}")
    for name in raw:
        if not isinstance(name, str) or not name.isidentifier():
            raise UsageError(f"{path}: {what}: {name!r} is not a name; use letters, digits and _")
        if list(raw).count(name) > 1:
            raise UsageError(f"{path}: {what}: {name} stands there twice")
    return tuple(raw)


def _finite(path: str, what: str, raw: Any) -> float:
    try:
        if isinstance(raw, (bool, str)):
            raise TypeError
        value = float(raw)
    except (TypeError, ValueError):
        raise UsageError(f"{path}: {what} = {_short(raw)} is not a number") from None
    if not math.isfinite(value):
        raise UsageError(f"{path}: {what} = {value} must be finite")
    return value


def _positive(path: str, raw: Mapping[str, Any], name: str, default: float) -> float:
    value = _finite(path, name, raw.get(name, default))
    if value <= 0.0:
        raise UsageError(f"{path}: {name} = {value:g} must be above 0")
    return value


def _array(path: str, what: str, raw: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        values = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{path}: {what} must be {SETTINGS[what]}, not {_short(raw)}") from None
    if values.shape != shape:
        wanted = f"{shape[0]} numbers" if len(shape) == 1 else f"{shape[0]} pairs [low, high]"
        raise UsageError(f"{path}: {what} has shape {values.shape}; write {wanted}, one for each coordinate")
    if not np.isfinite(values).all():
        raise UsageError(f"{path}: {what} holds a value that is not finite")
    return values


def _indices(path: str, raw: Mapping[str, Any], what: str, names: tuple[str, ...]) -> tuple[int, ...]:
    chosen = _names(path, what, raw.get(what, []))
    for name in chosen:
        if name not in names:
            raise UsageError(f"{path}: {what}: {unknown_name('coordinate', name, names)}")
    return tuple(names.index(name) for name in chosen)


def _symmetries(path: str, raw: Any, n: int) -> tuple[Symmetry, ...]:
    if not isinstance(raw, Mapping):
        raise UsageError(f"{path}: symmetries must be {SETTINGS['symmetries']}, not {_short(raw)}")
    found = []
    for name, matrix in raw.items():
        try:
            values = np.array(matrix, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (n, n) or not np.isfinite(values).all():
            raise UsageError(f"{path}: symmetries: {name} must be {n} rows of {n} numbers, not {_short(matrix)}")
        found.append(Symmetry(str(name), values))
    return tuple(found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
