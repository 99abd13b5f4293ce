"""Configurations of a spin model from a file of `statfe data` or of `simulate --states`, and a machine of them."""

from __future__ import annotations

import numpy as np

from statfe.datasets.dataset_file import SAMPLER, read_dataset
from statfe.errors import UsageError
from statfe.learned.rbm_trial import RbmTrial
from statfe.learned.rbm_trial_training import from_machine
from statfe.machines.train import train_rbm
from statfe.models.ising import IsingModel
from statfe.store.reading import read_root
from statfe.store.states import states_at

#: Hidden units up to which the machine's gradient is exact; beyond, from chains at several temperatures.
EXACT = 10
#: Steps of a machine on the data, about.
STEPS, BATCH = 2000, 100


def read_spins(path: str, model: IsingModel, beta: float) -> np.ndarray:
    """Spins +-1, int8, shape (count, n_sites), of the training part of a file of data, or of a run at `beta`.

    Raises
    ------
    UsageError
        Where a row is no configuration of `model`, or a run has no states at `beta`.
    """
    if read_root(path).get("sampler") != SAMPLER:
        there, spins = states_at(path, beta)
        if there.n_sites != model.n_sites:
            raise UsageError(f"{path} has states of {there.spec} with {there.n_sites} sites, the model has "
                             f"{model.n_sites}; take a run of this model: statfe simulate {model.spec} --states N")
        return spins
    data = read_dataset(path)
    if data.n_units != model.n_sites:
        raise UsageError(f"{path} has samples of {data.n_units} units, the model has {model.n_sites} sites; take data "
                         f"of this model: statfe data make ising {model.spec} --beta B -o FILE")
    return (2 * data.train - 1).astype(np.int8)


def learned_rbm_trial(model: IsingModel, beta: float, spins: np.ndarray, hidden: int, seed: int) -> RbmTrial:
    """The trial of a machine with `hidden` units trained on configurations at `beta`, shape (count, n_sites)."""
    batch = min(BATCH, len(spins))
    found = train_rbm(
        (1.0 + spins) / 2.0, hidden=hidden, seed=seed, likelihood="none", batch=batch, precision="double",
        algorithm="exact" if hidden <= EXACT else "pt", epochs=max(1, STEPS * batch // len(spins)),
        monitor_every=10**9, optimiser="adam", rate=0.005)
    if found.status == "diverged":
        raise UsageError(f"a machine on these data: {found.message}")
    return from_machine(model, beta, found.machine.ising(), hidden)
