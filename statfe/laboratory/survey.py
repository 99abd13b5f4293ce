"""What the commands of the laboratory do, each in one function: find, and write where a file is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from statfe.attractors.found import AttractorSet
from statfe.laboratory.files import write_laboratory
from statfe.laboratory.memories import DEFAULT_STARTS, memories, over_loads
from statfe.laboratory.network import network
from statfe.laboratory.recall import Recall, recall
from statfe.laboratory.tap import tap_attractors
from statfe.models.ising import IsingModel
from statfe.search.tap_solutions import DEFAULT_STARTS as TAP_STARTS
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.store.commands import Grid
from statfe.store.inputs import as_path, files_read

NETWORKS = 8
#: Random starts of each network of a recall.
RECALL_STARTS = 200

Tell = Callable[[str, float], None]


def survey_memories(
    model: str | IsingModel, output: str | PathLike[str] | None = None, *, starts: int = DEFAULT_STARTS,
    seed: int | None = None, workers: int = 1, force: bool = False,
) -> AttractorSet:
    """`memories`, and its file.

    Raises
    ------
    UsageError
        For bad input, or an output that exists or cannot be written: before anything is computed.
    """
    path = _checked(output, force)
    found = memories(model, starts, seed=seed, workers=workers)
    if path is not None:
        write_laboratory(path, found, _command("memories", found.system, output, found.seed, starts))
    return found


def survey_loads(
    model: str | IsingModel, loads: str | Sequence[float] | np.ndarray, output: str | PathLike[str] | None = None, *,
    networks: int = NETWORKS, starts: int = DEFAULT_STARTS, seed: int | None = None, workers: int = 1,
    force: bool = False, progress: Tell | None = None,
) -> tuple[AttractorSet, Recall]:
    """The attractors of one network at each load, and the recall of `networks` at each; and their file.

    Parameters
    ----------
    model
        ``hopfield:n=...``; the number of its patterns is taken from the loads.
    loads
        A grid of alpha, patterns a spin.
    """
    path = _checked(output, force)
    net = network(model)
    grid = parse_grid(loads, "load")
    found = over_loads(net.n, grid, starts, network_seed=net.seed, seed=seed, workers=workers, progress=progress)
    seen = recall(net.n, grid, networks=networks, starts=RECALL_STARTS, seed=found.seed, workers=workers,
                  progress=progress)
    if path is not None:
        more = ["--loads", ",".join(repr(float(a)) for a in grid), "--networks", str(networks)]
        write_laboratory(path, found, _command("memories", found.system, output, found.seed, starts, more), seen)
    return found, seen


def survey_tap(
    model: str | IsingModel, beta: Grid, output: str | PathLike[str] | None = None, *, starts: int = TAP_STARTS,
    seed: int | None = None, workers: int = 1, force: bool = False, progress: Tell | None = None,
) -> AttractorSet:
    """`tap_attractors`, and its file."""
    path = _checked(output, force, model)
    found = tap_attractors(model, beta, starts, seed=seed, workers=workers, progress=progress)
    if path is not None:
        more = ["--beta", ",".join(repr(float(b)) for b in parse_grid(beta))]
        write_laboratory(path, found, _command("tap", found.system, output, found.seed, starts, more))
    return found


def _checked(output: str | PathLike[str] | None, force: bool, model: str | IsingModel = "") -> Path | None:
    if output is None:
        return None
    path = as_path("output", output)
    check_output([path], force, inputs=files_read(model) if model else ())
    return path


def _command(
    name: str, system: str, output: str | PathLike[str] | None, seed: int, starts: int, more: Sequence[str] = (),
) -> str:
    words = ["statfe", "attractors", name, system, *more, "--starts", str(starts), "--seed", str(seed)]
    return shlex.join([*words, "-o", str(output)])
