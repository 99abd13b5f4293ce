"""What the words of a call stand for: paths, files that are read, simulations."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

from statfe.errors import UsageError
from statfe.models.catalogue import model_file
from statfe.models.ising import IsingModel
from statfe.store.reading import is_hdf5
from statfe.store.run_file import Run


def as_path(name: str, value: Any) -> Path:
    """`value` as a path; `UsageError` names it when it is none."""
    try:
        return Path(value)
    except TypeError:
        raise UsageError(f"{name} must be a path, got {value!r}") from None


def files_read(target: str | IsingModel | Run | PathLike[str]) -> list[str | PathLike[str]]:
    """The file behind a run, a model or a word, if any: no output may take its place."""
    if isinstance(target, Run):
        return [target.path] if target.path else []
    if isinstance(target, (str, PathLike)) and os.path.isfile(target):
        return [target]
    found = None if isinstance(target, PathLike) else model_file(target)
    return [found] if found else []


def is_run_file(target: str | PathLike[str]) -> bool:
    """Whether a word names a simulation rather than a model: by its ending, or by what is in the file there."""
    text = str(target)
    return isinstance(target, PathLike) or is_hdf5(text) or (
        text.endswith((".h5", ".hdf5", ".nc")) and not text.startswith("file:"))
