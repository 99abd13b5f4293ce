"""The command that makes a result again, as it is stored in files: only what was given, and the seed.

It is "" where no command can: a model made from its bonds in Python has no spec, a run in memory no file.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from statfe.models.catalogue import is_buildable
from statfe.models.ising import IsingModel
from statfe.spec import parse_grid
from statfe.store.run_file import Run

Grid = str | float | Sequence[float] | np.ndarray


def simulate_command(
    model: IsingModel, betas: Grid, output: str | PathLike[str] | None, sampler: str, sweeps: int, replicas: int,
    seed: int, samples_only: bool, target_error: float | None = None, max_seconds: float | None = None,
    states: int | None = None,
) -> str:
    """``statfe simulate ...``, with all that decides the draws."""
    if not is_buildable(model.spec):
        return ""
    words = ["statfe", "simulate", model.spec, "--beta", _grid_text(betas), "--sampler", sampler, "--sweeps",
             str(sweeps), "--replicas", str(replicas), "--seed", str(seed)]
    words += ["--samples-only"] if samples_only else []
    words += ["--states", str(states)] if states is not None else []
    if target_error is not None:
        words += ["--target-error", repr(target_error), "--max-seconds", repr(max_seconds)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def compare_command(
    target: Any, beta: Grid | None, reference: str | None, methods: Sequence[str],
    output: str | PathLike[str] | None, seed: int,
) -> str:
    """``statfe compare ...``; without methods where `methods` is empty, for those of a study or all."""
    if isinstance(target, IsingModel):
        name = target.spec if is_buildable(target.spec) else ""
    else:
        name = target.path if isinstance(target, Run) else str(target)
    if not name:
        return ""
    words = ["statfe", "compare", name]
    words += ["--beta", _grid_text(beta)] if beta is not None else []
    words += ["--reference", reference] if reference else []
    words += ["--methods", *methods] if methods else []
    words += ["--seed", str(seed)]
    return shlex.join([*words, *(["-o", str(output)] if output is not None else [])])


def _grid_text(beta: Grid) -> str:
    return beta if isinstance(beta, str) else ",".join(repr(float(b)) for b in parse_grid(beta))
