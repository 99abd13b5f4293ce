"""Models of every shape that an exact method may meet, at most 16 spins each, and the exact methods by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from statfe.models.builders import lattice_model
from statfe.models.catalogue import build_model
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.registry import Method, methods
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked

#: Zero, small, critical, beyond, so large that only ground states count, and negative.
BETAS = np.array([0.0, 0.03, 0.5 * np.log1p(np.sqrt(2.0)), 1.7, 50.0, -0.6])

SPECS = (
    "ising:shape=4x4", "ising:shape=3x5", "ising:shape=2x2", "ising:shape=2x5", "ising:shape=5x2", "ising:shape=3x3",
    "ising:shape=4x4,coupling=-1", "ising:shape=3x4,coupling=-1", "ising:shape=4x4,field=0.3", "ising:shape=1x1",
    "ising:shape=1x6", "ising:shape=4x4,coupling=0", "ising:shape=3x4,boundary=open,field=-0.2", "ising:shape=2x2x3",
    "ising:shape=12,boundary=open", "ising:shape=9", "ising:shape=9,coupling=-1", "ising:shape=2", "ising:shape=1",
    "ea:shape=2x2,couplings=gaussian", "ea:shape=3x5,couplings=gaussian,field=0.2", "ea:shape=10,couplings=gaussian",
    "ea:shape=4x4,seed=3", "ea:shape=4x3,boundary=open,couplings=gaussian,seed=2", "triangular:shape=3x4,coupling=-1",
    "triangular:shape=4x3,boundary=open,field=0.1", "curie-weiss:n=13,field=0.1", "curie-weiss:n=12,coupling=-2",
    "curie-weiss:n=2", "sk:n=11", "hopfield:n=12,patterns=2", "random-regular:n=12", "erdos-renyi:n=15,field=0.2",
    "rbm:visible=7,hidden=4,scale=1.5,visible_bias=0.3,hidden_bias=-0.7", "rbm:visible=2,hidden=9,seed=4",
)


def random_forest(n: int, seed: int, fields: bool, joined: float = 0.8) -> IsingModel:
    """Each site hangs on an earlier one with probability `joined`; labels are shuffled."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(n)
    bonds = [(label[i], label[rng.integers(i)]) for i in range(1, n) if rng.random() < joined]
    rows, cols = np.array(bonds, dtype=int).reshape(-1, 2).T
    h = rng.normal(size=n) * (rng.random(n) < 0.5) if fields else None
    return IsingModel.from_edges(n, rows, cols, rng.normal(size=len(rows)), h)


def torus(m: int, n: int, along_m: float, along_n: float) -> IsingModel:
    """A torus with one coupling a direction."""
    lattice = Lattice((m, n), periodic=True)
    return lattice_model(lattice, np.array([along_m, along_n])[lattice.bonds()[2]], 0.0)


def random_strip(layers: int, width: int, periodic: bool, seed: int, fields: bool = True) -> IsingModel:
    """Random couplings and fields on a strip that knows its lattice."""
    lattice, rng = Lattice((layers, width), periodic), np.random.default_rng(seed)
    source, target, _ = lattice.bonds()
    n = lattice.n_sites
    return IsingModel.from_edges(
        n, np.minimum(source, target), np.maximum(source, target), rng.normal(size=lattice.n_bonds),
        rng.normal(size=n) * 0.5 if fields else None, lattice=lattice)


def islands() -> IsingModel:
    """A triangle without fields, a ring of four with one field, a pair whose bonds cancel, a spin alone."""
    return IsingModel.from_edges(
        10, [0, 1, 0, 3, 4, 5, 3, 7, 7], [1, 2, 2, 4, 5, 6, 6, 8, 8],
        [1.0, -0.5, 0.7, 1.1, -0.4, 0.6, 0.9, 0.8, -0.8], [0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0])


HAND_MADE: dict[str, Callable[[], IsingModel]] = {
    "one spin": lambda: IsingModel.from_edges(1, [], [], []),
    "one spin in a field": lambda: IsingModel.from_edges(1, [], [], [], [0.7]),
    "one spin and an offset": lambda: IsingModel.from_edges(1, [], [], [], offset=-1.25),
    "frustrated triangle": frustrated_triangle,
    "isolated": isolated,
    "disconnected": disconnected,
    "peaked": peaked,
    "islands": islands,
    "star": lambda: IsingModel.from_edges(9, [4] * 8, [0, 1, 2, 3, 5, 6, 7, 8], np.linspace(-1.0, 1.3, 8)),
    "tree": lambda: random_forest(13, 1, fields=False, joined=1.0),
    "tree in fields": lambda: random_forest(13, 2, fields=True, joined=1.0),
    "forest": lambda: random_forest(14, 3, fields=True, joined=0.6),
    "anisotropic torus": lambda: torus(4, 3, 0.3, 1.4),
    "torus, one side antiferromagnetic": lambda: torus(4, 3, -0.7, 1.2),
    "torus, frustrated side": lambda: torus(4, 3, 0.7, -1.2),
    "torus, one coupling zero": lambda: torus(3, 5, 0.9, 0.0),
    "torus 2 x 4, unequal": lambda: torus(2, 4, 0.4, -0.9),
    "random strip, periodic": lambda: random_strip(5, 3, True, 1),
    "random strip, open": lambda: random_strip(3, 5, False, 2),
    "random strip, side of 2": lambda: random_strip(2, 6, True, 3, fields=False),
    "large and small couplings": lambda: IsingModel.from_edges(
        5, [0, 1, 2, 3, 0], [1, 2, 3, 4, 4], [12.0, 1e-9, -7.0, 3e-5, 0.4], [0.0, 1e-7, 0.0, 5.0, 0.0]),
}

ZOO = (*SPECS, *HAND_MADE)


def zoo_model(name: str) -> IsingModel:
    """The model called `name` in `ZOO`."""
    return HAND_MADE[name]() if name in HAND_MADE else build_model(name)


def exact_methods() -> dict[str, Method]:
    """All exact methods by name, `exact` itself among them."""
    return {name: method for name, method in methods().items() if method.family == "exact"}


def betas_for(method: str, model: IsingModel, betas: np.ndarray = BETAS) -> np.ndarray:
    """Without the negative ones where `kaufman` must refuse them: ferromagnetic sides of odd length."""
    if method == "kaufman":
        assert model.lattice is not None
        if any(side % 2 for side in model.lattice.shape):
            return betas[betas >= 0]
    return betas
