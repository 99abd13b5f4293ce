"""Couplings as text: lines ``i j J`` with 0-based integers, ``i i h`` for a field, and ``#`` comments.

The whole file is read at once by numpy; only where that fails is it walked line by line, to name the line.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np

from statfe.errors import ModelError
from statfe.models.builders import refuse_too_large
from statfe.models.ising import IsingModel
from statfe.models.validation import MAX_SITES

ENCODING = "utf-8-sig"
LINE = np.dtype([("row", np.int64), ("col", np.int64), ("value", np.float64)])
#: Longest word of a file that a message repeats.
SHOWN = 40


def read_text(path: Path, sign: float = 1.0) -> IsingModel:
    """The model of a text file; couplings and fields are multiplied by `sign`.

    Raises
    ------
    ModelError
        Naming the file and, where one is to blame, the line.
    """
    table = _read_table(path)
    rows, cols, values = table["row"], table["col"], sign * table["value"]
    n = int(max(rows.max(), cols.max())) + 1
    refuse_too_large(str(path), n, len(table))
    own = rows == cols
    # `bincount` adds in the order of the lines, so repeated fields add up like repeated pairs.
    fields = np.bincount(rows[own], weights=values[own], minlength=n)
    try:
        return IsingModel.from_edges(n, rows[~own], cols[~own], values[~own], fields, spec=str(path))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _read_table(path: Path) -> np.ndarray:
    """All lines, of type `LINE`: two sites that are integers >= 0 and a finite value."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no data, said below
            warnings.simplefilter("error", DeprecationWarning)  # of sites such as 1.0
            table = np.loadtxt(path, dtype=LINE, comments="#", ndmin=1, encoding=ENCODING)
    except UnicodeDecodeError:
        raise ModelError(f"{path} is neither text nor HDF5") from None
    except (ValueError, OverflowError, DeprecationWarning):
        raise _blame(path) from None
    if not table.size:
        raise ModelError(f"{path} holds no couplings; write lines of `i j J`")
    if not _in_range(table):
        raise _blame(path)
    return table


def _in_range(table: np.ndarray) -> bool:
    sites = (table["row"], table["col"])
    return bool(np.isfinite(table["value"]).all() and all(s.min() >= 0 and s.max() < MAX_SITES for s in sites))


def _blame(path: Path) -> ModelError:
    """The error that names the first line that is wrong."""
    try:
        with path.open(encoding=ENCODING) as file:
            for number, line in enumerate(file, 1):
                words = line.partition("#")[0].split()
                problem = _problem(words) if words else ""
                if problem:
                    return ModelError(f"{path}, line {number}: {problem}")
    except UnicodeDecodeError:
        return ModelError(f"{path} is neither text nor HDF5")
    return ModelError(f"{path}: every line must be `i j J` with integers i, j >= 0 and a finite J")


def _problem(words: list[str]) -> str:
    """What is wrong with the words of one line, or an empty string."""
    if len(words) != 3:
        hint = ", separated by blanks" if any("," in word for word in words) else ""
        return f"expected 3 columns `i j J`{hint}, got {len(words)}"
    sites = [_number(word, int) for word in words[:2]]
    for word, site in zip(words, sites, strict=False):
        if site is None:
            return f"site {_short(word)} is not an integer"
        if site < 0:
            return f"site {_short(word)} is negative; sites count from 0"
        if site > MAX_SITES - 1:
            return f"site {_short(word)} is too large; at most {MAX_SITES - 1}"
    value = _number(words[2], float)
    if value is None:
        return f"{_short(words[2])} is not a number"
    what = "field" if sites[0] == sites[1] else "coupling"
    return "" if math.isfinite(value) else f"the {what} is {_short(words[2])}; it must be finite"


def _number(word: str, kind: type[int] | type[float]) -> float | None:
    try:
        # Python reads 1_000; numpy does not, and neither should a file of couplings.
        return None if "_" in word else kind(word)
    except ValueError:
        return None


def _short(word: str) -> str:
    return ascii(word) if len(word) <= SHOWN else f"{word[:SHOWN]!a}..."
