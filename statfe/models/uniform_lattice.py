"""A lattice with one coupling and one field, whose bonds are listed only when someone asks for them.

At 16384 x 16384 the list of bonds would take 22 GB; the spins take 34 MB, as bits.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from statfe.models.builders import lattice_model, refuse_too_large
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel

#: Number of bonds from which a uniform lattice is not listed at once.
MANY_BONDS = 2**22


class UniformLattice(IsingModel):
    """A model with coupling J on every bond of a hypercubic lattice and field h on every site.

    All of `IsingModel` works; what needs the list of bonds raises `ModelError` where that would not fit into memory.
    """

    def __init__(self, lattice: Lattice, coupling: float, field: float, spec: str = "edges") -> None:
        for name, value in {
                "n_sites": lattice.n_sites, "offset": 0.0, "spec": spec, "lattice": lattice, "coupling": coupling,
                "field": field}.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Without the bonds."""
        return f"UniformLattice({self.lattice}, {self.uniform[0]!r}, {self.uniform[1]!r}, {self.spec!r})"

    def with_spec(self, spec: str) -> IsingModel:
        """The same model under another name."""
        return UniformLattice(self.lattice, self.coupling, self.field, spec)  # type: ignore[attr-defined, arg-type]

    @cached_property
    def listed(self) -> IsingModel:
        """The same model with its bonds."""
        assert self.lattice is not None
        refuse_too_large(self.spec, self.n_sites, self.lattice.n_bonds)
        J, h = self.uniform
        return lattice_model(self.lattice, J, h)

    @property
    def uniform(self) -> tuple[float, float]:
        """(J, h)."""
        return self.coupling, self.field  # type: ignore[attr-defined]

    @property
    def n_bonds(self) -> int:
        """Number of bonds."""
        assert self.lattice is not None
        return self.lattice.n_bonds

    @property
    def has_fields(self) -> bool:
        """Whether the field is not zero."""
        return self.uniform[1] != 0.0

    @cached_property
    def energy_variance(self) -> float:
        """Var(E) at beta = 0; parallel bonds on an axis of length 2 count double."""
        assert self.lattice is not None
        if self.lattice.periodic and 2 in self.lattice.shape:
            return self.listed.energy_variance
        J, h = self.uniform
        return self.n_bonds * J * J + self.n_sites * h * h

    @cached_property
    def reach(self) -> float:
        """No energy is larger than this."""
        return self.n_bonds * abs(self.uniform[0]) + self.n_sites * abs(self.uniform[1])

    @property
    def local_field(self) -> float:
        """Root mean square of the field that a site feels at beta = 0."""
        h = self.uniform[1]
        return float(np.sqrt(2.0 * self.energy_variance / self.n_sites - h * h))

    def energy(self, spins: np.ndarray) -> np.ndarray:
        """E(s) for spins of shape (..., n_sites)."""
        assert self.lattice is not None
        grid = np.asarray(spins).reshape(*np.shape(spins)[:-1], *self.lattice.shape)
        first = grid.ndim - len(self.lattice.shape)
        axes = tuple(range(first, grid.ndim))
        bonds = np.zeros(grid.shape[:first])
        for axis, side in zip(axes, self.lattice.shape, strict=True):
            if side > 1:
                products = grid * np.roll(grid, -1, axis=axis)
                inside = products if self.lattice.periodic else products.take(range(side - 1), axis=axis)
                bonds = bonds + inside.sum(axis=axes, dtype=np.int64)
        J, h = self.uniform
        return -J * bonds - h * grid.sum(axis=axes, dtype=np.int64)

    rows = property(lambda self: self.listed.rows)
    cols = property(lambda self: self.listed.cols)
    couplings = property(lambda self: self.listed.couplings)
    fields = property(lambda self: self.listed.fields)
    indptr = property(lambda self: self.listed.indptr)
    indices = property(lambda self: self.listed.indices)
    weights = property(lambda self: self.listed.weights)
