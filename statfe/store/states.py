"""Spin configurations in a run's file: group /states, spins +-1 by beta, state and site."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import h5py
import numpy as np

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.models.model_file import read_model
from statfe.store.hdf5 import write_coordinate, write_variable
from statfe.store.reading import opened, require_group, understood

GROUP = "states"


@dataclass(frozen=True, eq=False)
class States:
    """Configurations at every requested beta, sampled by the chains of a run.

    Attributes
    ----------
    betas
        Ascending, shape (B,).
    spins
        +-1, int8, shape (B, N, n_sites).
    chains
        Replica of the ladder that each state comes from, int64, shape (N,).
    sweeps
        Sweeps after the end of the run's own, int64, shape (N,).
    spacing
        Sweeps between states of one replica.
    words
        Why this spacing.
    """

    betas: np.ndarray
    spins: np.ndarray
    chains: np.ndarray
    sweeps: np.ndarray
    spacing: int
    words: str

    def __len__(self) -> int:
        return self.spins.shape[1]

    @property
    def summary(self) -> str:
        """One line: how many, how far apart, and why."""
        return f"{len(self)} configurations at every beta asked for, {self.spacing} sweeps apart: {self.words}"


def write_states(group: h5py.Group, states: States) -> None:
    """Write `states` into the empty `group`."""
    write_coordinate(group, "beta", states.betas, "1", "inverse temperature (k_B = 1)")
    write_coordinate(group, "state", np.arange(len(states)), "1", "number of the configuration")
    write_coordinate(group, "site", np.arange(states.spins.shape[2]), "1", "site of the model")
    write_variable(group, "spin", states.spins, ("beta", "state", "site"), "1", "spin, -1 or 1",
                   spacing=states.spacing, spacing_reason=states.words)
    write_variable(group, "chain", states.chains, ("state",), "1", "replica of the ladder it comes from")
    write_variable(group, "sweep", states.sweeps, ("state",), "1", "sweeps after the end of the run's own")


def read_states(path: str | PathLike[str]) -> States | None:
    """The states in a run's file, or None where it holds none."""
    with opened(path) as file:
        return _read(file[GROUP]) if GROUP in file else None


def states_at(path: str | PathLike[str], beta: float) -> tuple[IsingModel, np.ndarray]:
    """The model of a run's file and its states at `beta`, int8, shape (N, n_sites).

    Raises
    ------
    UsageError
        The file holds no states, or none at `beta`.
    """
    with opened(path) as file:
        if GROUP not in file:
            raise UsageError(f"{path} holds no configurations; make it with statfe simulate ... --states N")
        group = require_group(file, GROUP)
        with understood(group):
            betas = group["beta"][()]
            at = np.flatnonzero(np.isclose(betas, beta, rtol=1e-9, atol=0.0))
            if not len(at):
                raise UsageError(f"{path} holds no configurations at beta = {beta:g}; it has them at "
                                 + ", ".join(f"{b:.10g}" for b in betas))
            spins = group["spin"][int(at[0])]
        return read_model(require_group(file, "model")), spins


def _read(group: h5py.Group) -> States:
    with understood(group):
        return States(
            betas=group["beta"][()], spins=group["spin"][()], chains=group["chain"][()], sweeps=group["sweep"][()],
            spacing=int(group["spin"].attrs["spacing"]), words=str(group["spin"].attrs["spacing_reason"]))
