"""Data by name, written to a file with the command that makes them again."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any

from statfe.datasets.dataset import Dataset
from statfe.datasets.dataset_file import write_dataset
from statfe.datasets.from_run import import_run
from statfe.datasets.idx import import_idx
from statfe.datasets.make import bars_and_stripes, digits, ising_configurations
from statfe.errors import UsageError, unknown_name
from statfe.registry import check_seed
from statfe.store.atomic import check_output

#: What makes each kind of data, and the words of its command.
_KINDS: dict[str, tuple[Callable[..., Dataset], str]] = {
    "bars-and-stripes": (bars_and_stripes, "make bars-and-stripes"), "ising": (ising_configurations, "make ising"),
    "digits": (digits, "make digits"), "idx": (import_idx, "import idx"),
    "run": (import_run, "import run")}
#: Options that a command takes as words, and the name of the first parameter that the function has for `file`.
_WORDS = ("file", "model")


def make_data(
    kind: str, output: str | PathLike[str] | None = None, *, seed: int | None = None, force: bool = False,
    **options: Any,
) -> Dataset:
    """Make or import data, and write them to `output` if it is given.

    Parameters
    ----------
    kind
        ``bars-and-stripes``, ``ising``, ``digits``, ``idx`` or ``run``; the options are those of
        `statfe.datasets.make.bars_and_stripes`, `ising_configurations`, `digits`, `statfe.datasets.idx.import_idx` and
        `statfe.datasets.from_run.import_run` (the path is `file`).
    seed
        Drawn when None.

    Raises
    ------
    UsageError
        For options that do not fit, files that cannot be read or an output that cannot be written.
    """
    if kind not in _KINDS:
        raise UsageError(unknown_name("kind of data", kind, _KINDS))
    function, words = _KINDS[kind]
    if output is not None:
        check_output([output], force, inputs=[v for k, v in options.items() if v and k in ("file", "labels", "test")])
    seed = check_seed(seed)
    given = {("path" if name == "file" else name): value for name, value in options.items()}
    try:
        inspect.signature(function).bind(seed=seed, **given)
    except TypeError as error:
        raise UsageError(f"data {words}: {error}") from None
    data = replace(function(seed=seed, **given), command=_command(words, options, seed, output), path=str(output or ""))
    if output is not None:
        write_dataset(output, data)
    return data


def _command(words: str, options: dict[str, Any], seed: int, output: str | PathLike[str] | None) -> str:
    parts = ["statfe", "data", *words.split()]
    parts += [str(options[name]) for name in _WORDS if name in options]
    for name, value in options.items():
        if name not in _WORDS and value is not None:
            parts += ["--" + name.replace("_", "-"), str(value)]
    return shlex.join([*parts, "--seed", str(seed), *(["-o", str(output)] if output is not None else [])])
