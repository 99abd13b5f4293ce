"""Free energies on (method, beta) as an HDF5 group: the layout of /reference.

Coordinates `method` and `beta`; variables `beta_f`, `beta_f_error`, `seconds`, `kind`, `status`, `message`
and `stats` (JSON text). The preferred method comes first. Where a method has no entry at a beta the numbers
are NaN and the text is empty.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from statfe.result import FreeEnergy
from statfe.store.hdf5 import json_text, write_coordinate, write_variable
from statfe.store.reading import understood

#: units and long name of the numbers and texts of a free energy.
NUMBERS = {
    "beta_f": ("1", "beta F = -ln Z (nats)"),
    "beta_f_error": ("1", "standard error of beta_f (nats)"),
    "seconds": ("s", "wall time spent"),
}
TEXTS = {
    "kind": ("1", "exact, estimate, upper_bound, lower_bound or uncontrolled, said of F"),
    "status": ("1", "converged, not_converged or diverged"),
    "message": ("1", "what the method says about it"),
}


def write_axes(group: h5py.Group, methods: Sequence[str], betas: Sequence[float] | np.ndarray) -> None:
    """Write the coordinates `method` and `beta`."""
    write_coordinate(group, "method", np.array(methods, dtype=object), "1", "spec of the method")
    write_coordinate(group, "beta", np.asarray(betas, dtype=np.float64), "1", "inverse temperature (k_B = 1)")


def write_free_energies(
    group: h5py.Group, results: Sequence[FreeEnergy], betas: Sequence[float] | np.ndarray
) -> None:
    """Write `results` into an empty group.

    Parameters
    ----------
    group
        An empty leaf group, such as /reference.
    results
        Of one model, in any order; methods keep the order of their first appearance.
    betas
        The coordinate `beta`, shape (n_betas,); every result's beta is one of them.

    Raises
    ------
    ValueError
        A result outside the grid, or two of one method at one beta: one would be lost.
    """
    methods = list(dict.fromkeys(r.method for r in results))
    place = {(r.method, r.beta): r for r in results}
    if len(place) < len(results) or not {r.beta for r in results} <= {float(b) for b in betas}:
        raise ValueError(f"{group.name}: a result is outside the grid of beta, or given twice")
    write_axes(group, methods, betas)
    write_table(group, [[place.get((m, float(b))) for b in betas] for m in methods], ("method", "beta"), len(betas))


def write_table(
    group: h5py.Group, table: Sequence[Sequence[FreeEnergy | None]], dims: tuple[str, str], columns: int
) -> None:
    """Write the variables of `table`, one row a method, on `dims`, whose coordinates `group` has."""
    for name, (units, long_name) in NUMBERS.items():
        values = [[math.nan if r is None else getattr(r, name) for r in row] for row in table]
        array = np.array(values, dtype=np.float64).reshape(len(table), columns)
        write_variable(group, name, array, dims, units, long_name)
    for name, (units, long_name) in TEXTS.items():
        text = [["" if r is None else getattr(r, name) for r in row] for row in table]
        write_variable(group, name, text_array(text, columns), dims, units, long_name)
    stats = [["" if r is None else json_text(r.stats) for r in row] for row in table]
    write_variable(group, "stats", text_array(stats, columns), dims, "1", "what it measured, as JSON")


def read_free_energies(group: h5py.Group, model: str, n_sites: int) -> list[FreeEnergy]:
    """The results that `write_free_energies` wrote, method by method.

    Raises
    ------
    StoreError
        A variable is missing or holds what a free energy cannot.
    """
    with understood(group):
        return [r for row in read_table(group, model, n_sites, group["beta"][()]) for r in row if r is not None]


def read_table(
    group: h5py.Group, model: str, n_sites: int, betas: Sequence[float] | np.ndarray
) -> list[list[FreeEnergy | None]]:
    """What `write_table` wrote, one row a method; `betas` are those of the columns."""
    methods = group["method"].asstr()[()]
    columns: dict[str, Any] = {name: group[name][()] for name in NUMBERS}
    columns |= {name: group[name].asstr()[()] for name in [*TEXTS, "stats"]}
    table: list[list[FreeEnergy | None]] = [[None] * len(betas) for _ in methods]
    for i, j in np.ndindex(len(methods), len(betas)):
        cell: dict[str, Any] = {name: column[i, j] for name, column in columns.items()}
        if cell["kind"]:
            cell |= {name: float(cell[name]) for name in NUMBERS}
            cell["stats"] = json.loads(cell["stats"] or "{}")
            table[i][j] = FreeEnergy(
                model=model, method=methods[i], beta=float(betas[j]), n_sites=n_sites, **cell)
    return table


def text_array(rows: Sequence[Sequence[str]], columns: int) -> np.ndarray:
    """Text as an object array of shape (len(rows), columns), also where there are no rows."""
    return np.array(rows, dtype=object).reshape(len(rows), columns)
