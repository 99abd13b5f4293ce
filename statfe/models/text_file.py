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


def read_text(path: Path, sign: float = 1.0) -> IsingModel:
    """The model of a text file; couplings and fields are multiplied by `sign`.

    Raises
    ------
    ModelError
        Naming the file and, where one is to blame, the line.
    """
    table = _read_table(path)
    sites = table[:, :2].astype(np.int64)
    n = int(sites.max()) + 1
    refuse_too_large(str(path), n, len(table))
    own = sites[:, 0] == sites[:, 1]
    # `bincount` adds in the order of the lines, so repeated fields add up like repeated pairs.
    fields = np.bincount(sites[own, 0], weights=sign * table[own, 2], minlength=n)
    rows, cols = sites[~own].T
    return IsingModel.from_edges(n, rows, cols, sign * table[~own, 2], fields, spec=str(path))


def _read_table(path: Path) -> np.ndarray:
    """All lines as numbers, shape (n_lines, 3): two sites that are integers >= 0 and a finite value."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no data, said below
            table = np.loadtxt(path, dtype=np.float64, comments="#", ndmin=2, encoding=ENCODING)
    except UnicodeDecodeError:
        raise ModelError(f"{path} is neither text nor HDF5") from None
    except ValueError as error:
        _name_line(path)
        raise ModelError(f"{path}: {error}") from None
    if not table.size:
        raise ModelError(f"{path} holds no couplings; write lines of `i j J`")
    if table.shape[1] != 3 or not _in_range(table):
        _name_line(path)
        raise ModelError(f"{path}: every line must be `i j J` with integers i, j >= 0 and a finite J")
    return table


def _in_range(table: np.ndarray) -> bool:
    sites = table[:, :2]
    return bool(
        np.isfinite(table).all() and sites.min() >= 0 and sites.max() < MAX_SITES
        and np.array_equal(sites, np.floor(sites)))


def _name_line(path: Path) -> None:
    """Raise `ModelError` for the first line that is wrong, if there is one."""
    with path.open(encoding=ENCODING) as file:
        for number, line in enumerate(file, 1):
            words = line.partition("#")[0].split()
            problem = _problem(words) if words else ""
            if problem:
                raise ModelError(f"{path}, line {number}: {problem}")


def _problem(words: list[str]) -> str:
    """What is wrong with the words of one line, or an empty string."""
    if len(words) != 3:
        hint = ", separated by blanks" if any("," in word for word in words) else ""
        return f"expected 3 columns `i j J`{hint}, got {len(words)}"
    for word in words[:2]:
        site = _number(word)
        if site is None or not math.isfinite(site) or site != math.floor(site):
            return f"site {word!r} is not an integer"
        if site < 0:
            return f"site {word} is negative; sites count from 0"
        if site > MAX_SITES - 1:
            return f"site {word} is too large; at most {MAX_SITES - 1}"
    value = _number(words[2])
    if value is None:
        return f"{words[2]!r} is not a number"
    what = "field" if _number(words[0]) == _number(words[1]) else "coupling"
    return "" if math.isfinite(value) else f"the {what} is {words[2]}; it must be finite"


def _number(word: str) -> float | None:
    try:
        # Python reads 1_000; numpy does not, and neither should a file of couplings.
        return None if "_" in word else float(word)
    except ValueError:
        return None
