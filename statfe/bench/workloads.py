"""What is timed: one entry a workload, and how long each way of running takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Inverse critical temperature of the square lattice, ln(1 + sqrt 2) / 2.
BETA_C = float(np.log1p(np.sqrt(2.0)) / 2.0)


@dataclass(frozen=True)
class Mode:
    """How thorough a run is.

    Attributes
    ----------
    level
        Workloads of this level or lower are run.
    lap
        Seconds of one timing.
    repeats
        Timings of each contestant; the median is reported.
    size_repeats
        The same for the table of sizes: fewer, for a curve of many points.
    largest
        Largest lattice of the table of sizes, in spins.
    patience
        Seconds that one size of one kernel may take.
    """

    name: str
    level: int
    lap: float
    repeats: int
    size_repeats: int
    largest: float
    patience: float


QUICK = Mode("quick", level=0, lap=0.05, repeats=5, size_repeats=3, largest=2e5, patience=1.0)
DEFAULT = Mode("default", level=1, lap=0.2, repeats=9, size_repeats=5, largest=2e6, patience=8.0)
FULL = Mode("full", level=2, lap=0.4, repeats=15, size_repeats=5, largest=2e8, patience=60.0)


@dataclass(frozen=True)
class Workload:
    """One model at some temperatures; several temperatures exchange after every sweep.

    Attributes
    ----------
    peers
        Programs to race.
    threads
        Whether more threads are compared with one.
    measuring
        Whether the share of measuring energies is found.
    level
        0: always; 1: not with --quick; 2: only with --full.
    """

    name: str
    title: str
    model: str
    betas: tuple[float, ...]
    peers: tuple[str, ...]
    threads: bool = False
    measuring: bool = False
    level: int = 0


def _grid(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(float(b) for b in np.linspace(low, high, count))


WORKLOADS = (
    Workload("glass-3d", "3D ±J glass, 10×10×10, 32 temperatures", "ea:shape=10x10x10,seed=1", _grid(0.1, 1.4, 32),
             peers=("peapods", "dwave-samplers"), threads=True, measuring=True),
    Workload("gaussian-3d", "3D Gaussian glass, 10×10×10, 32 temperatures",
             "ea:shape=10x10x10,couplings=gaussian,seed=1", _grid(0.1, 1.4, 32),
             peers=("peapods", "dwave-samplers"), threads=True, measuring=True),
    Workload("sk-1024", "SK model, 1024 spins, 16 temperatures", "sk:n=1024,seed=1", _grid(0.2, 1.7, 16),
             peers=("dwave-samplers",), measuring=True),
    Workload("ising-2d-64", "2D Ising, 64×64, 16 temperatures", "ising:shape=64x64", _grid(0.40, 0.475, 16),
             peers=("peapods",), threads=True, measuring=True),
    Workload("ising-2d-1024", "2D Ising, 1024×1024, critical", "ising:shape=1024x1024", (BETA_C,),
             peers=("peapods",), measuring=True),
    Workload("ising-2d-4096", "2D Ising, 4096×4096, critical", "ising:shape=4096x4096", (BETA_C,),
             peers=("peapods",), level=1),
)

#: Sides of the critical 2D lattices of the table of sizes: about powers of ten of spins, divisible where that can be.
SIDES = (10, 32, 64, 128, 320, 1024, 3200, 10_000)
#: A program to time on them too.
SIZES_PEER = "peapods"
