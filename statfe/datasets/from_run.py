"""Configurations that `simulate --states` stored, as data to learn from."""

from __future__ import annotations

import numpy as np

from statfe.datasets.dataset import Dataset, split_dataset
from statfe.datasets.make import SPIN_RULE
from statfe.store.inputs import as_path
from statfe.store.states import states_at


def import_run(path: str, beta: float, *, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """The states of a run at `beta`, units v = (1 + s) / 2; sampled by Markov chains, so neither exact nor independent.

    Raises
    ------
    UsageError
        Where the file holds no states at `beta`.
    """
    model, spins = states_at(as_path("file", path), float(beta))
    shape = model.lattice.shape if model.lattice is not None else (model.n_sites,)
    return split_dataset(
        ((1 + spins) // 2).astype(np.int8), np.full(len(spins), -1, dtype=np.int64), test_fraction, seed, shape=shape,
        rule=SPIN_RULE, name=f"{model.spec} at beta = {beta:g}, sampled by Markov chains, not exact")
