"""A continuation as its file holds it: each attractor along the parameter, and the events; no starts, no points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike

import h5py
import numpy as np

from statfe.store.reading import opened, read_attributes, require_group, understood


@dataclass(frozen=True, eq=False)
class Branches:
    """/continuation and /events of a file.

    Attributes
    ----------
    values
        Of the parameter, shape (value,).
    states
        shape (value, attractor, coordinate); nan where an attractor is not there.
    kinds
        shape (value, attractor), "" likewise.
    fractions, errors
        Of the basins, shape (value, attractor).
    events
        Before, after, attractor, what, message of each.
    messages
        At each value what to change, "" where the answer can be relied on.
    numbers
        ``stability``, ``period``, ``largest_exponent`` and its error, shape (value, attractor), by name.
    shares
        Starts without an attractor at each value, shape (value,), by the words of the answer.
    """

    parameter: str
    values: np.ndarray
    states: np.ndarray
    coordinates: tuple[str, ...]
    kinds: np.ndarray
    fractions: np.ndarray
    errors: np.ndarray
    events: Sequence[tuple[float, float, int, str, str]]
    messages: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)
    system: str = ""
    method: str = ""
    seed: int = 0

    @property
    def count(self) -> int:
        """Number of attractors, by identity."""
        return int(self.states.shape[1])

    @property
    def converged(self) -> bool:
        """Whether the answer at every value can be relied on."""
        return all(word == "converged" for word in self.status)


#: Variables of /continuation that `Branches.numbers` has.
NUMBERS = ("stability", "period", "largest_exponent", "largest_exponent_error")


def read_branches(path: str | PathLike[str]) -> Branches:
    """The continuation of a file.

    Raises
    ------
    StoreError
        For a file that is missing, truncated, foreign, or holds none.
    """
    with opened(path) as file:
        group = require_group(file, "continuation")
        with understood(group):
            about, root = read_attributes(group), read_attributes(file)
            shares = group["share"][()] if "share" in group else np.empty((0, 0))
            answers = _texts(group["answer"]) if "answer" in group else ()
            return Branches(
                str(about["parameter"]), group["value"][()], group["state"][()], _texts(group["coordinate"]),
                group["kind"].asstr()[()], group["basin_fraction"][()], group["basin_fraction_error"][()],
                _events(file), _texts(group["message"]) if "message" in group else (),
                _texts(group["status"]) if "status" in group else (),
                {name: group[name][()] for name in NUMBERS if name in group},
                {word: shares[:, k] for k, word in enumerate(answers)}, str(root.get("model", "")),
                str(about.get("method", "")), int(root.get("seed", 0)))


def holds_branches(path: str | PathLike[str]) -> bool:
    """Whether a file of an identification is a continuation."""
    with opened(path) as file:
        return "continuation" in file


def _events(file: h5py.File) -> list[tuple[float, float, int, str, str]]:
    if "events" not in file:
        return []
    group = file["events"]
    columns = [group[name][()] for name in ("before", "after", "attractor")]
    return [(float(b), float(a), int(k), str(w), str(m)) for b, a, k, w, m in zip(
        *columns, group["what"].asstr()[()], group["message"].asstr()[()], strict=True)]


def _texts(dataset: h5py.Dataset) -> tuple[str, ...]:
    return tuple(str(text) for text in dataset.asstr()[()])
