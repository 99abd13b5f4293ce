"""Models whose free energy is known exactly, small enough for many runs and large enough to be a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method


@dataclass(frozen=True)
class Case:
    """A model at one beta, and how a table calls it."""

    title: str
    spec: str
    beta: float

    @cached_property
    def model(self) -> IsingModel:
        """The model."""
        return build_model(self.spec)

    @cached_property
    def exact(self) -> float:
        """beta F by an exact method."""
        import numpy as np

        (found,) = run_method(self.model, np.array([self.beta]), "exact", seed=0)
        return found.beta_f


#: One of each kind, near where it orders or freezes.
ZOO = (
    Case("2D Ising", "ising:shape=8x8", 0.44),
    Case("3D Ising", "ising:shape=4x4x3", 0.22),
    Case("2D glass", "ea:shape=8x8,seed=1", 1.0),
    Case("2D Gaussian glass", "ea:shape=6x6,couplings=gaussian,seed=2", 1.0),
    Case("3D glass", "ea:shape=4x4x3,seed=3", 0.8),
    Case("SK", "sk:n=20,seed=4", 1.0),
    Case("Hopfield", "hopfield:n=20,patterns=3,seed=5", 1.0),
    Case("random regular", "random-regular:n=24,degree=3,couplings=bimodal,seed=6", 0.8),
    Case("RBM", "rbm:visible=16,hidden=8,scale=0.8,seed=7", 1.0),
)

#: Larger ones, for the time to an error.
LARGE = (
    Case("2D Ising 16x16", "ising:shape=16x16", 0.44),
    Case("2D glass 16x16", "ea:shape=16x16,seed=1", 1.5),
    Case("3D glass 4x4x4", "ea:shape=4x4x4,seed=2", 1.2),
    Case("SK N=28", "sk:n=28,seed=3", 1.5),
    Case("random regular N=100", "random-regular:n=100,degree=3,couplings=gaussian,seed=4", 1.2),
    Case("RBM 64x16", "rbm:visible=64,hidden=16,scale=0.5,seed=5", 1.0),
)

#: Criticality of the square lattice, ln(1 + sqrt 2) / 2.
CRITICAL = 0.44068679350977147
