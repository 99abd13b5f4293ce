"""`RbmTraining`: a machine, how it was trained, what was seen on the way, and what it needs to go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class RbmTraining:
    """The result of `statfe.machines.train.train_rbm`.

    Attributes
    ----------
    machine
        As it was after `epochs` epochs: the last good one where the training diverged.
    record
        What the monitors saw, one row a look: ``epoch``, those of `statfe.machines.monitors.MONITORS`, ``status``.
    state
        The arrays of `statfe.machines.course.Course.state`.
    status, message
        ``converged`` where all epochs were done, ``not_converged`` where some are left, ``diverged`` with advice.
    data, data_hash
        File of the data, or "", and a hash of the training part.
    constant_columns
        Columns of the training part with one value alone: a machine learns nothing from them but that value.
    """

    machine: Rbm
    settings: Settings
    seed: int
    epochs: int
    record: list[dict[str, Any]] = field(repr=False)
    state: dict[str, np.ndarray] = field(repr=False)
    status: str = "converged"
    message: str = ""
    data: str = ""
    data_hash: str = ""
    constant_columns: int = 0
    likelihood: str = "auto"
    seconds: float = 0.0
    command: str = ""
    path: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: everything but the parameters."""
        return {
            "model": self.machine.spec, "n_visible": self.machine.n_visible, "n_hidden": self.machine.n_hidden,
            "settings": self.settings.to_dict(), "seed": self.seed, "epochs": self.epochs, "status": self.status,
            "message": self.message, "data": self.data, "constant_columns": self.constant_columns,
            "likelihood": self.likelihood, "seconds": self.seconds, "path": self.path, "record": self.record}
