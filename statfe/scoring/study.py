"""Studies: several models compared with one set of methods, described in a TOML file.

    title = "Small glasses"
    models = ["sk:n=16,seed=1", "ea:shape=4x4,seed=1"]
    beta = "0.1:1.5:8"
    methods = ["mean-field", "tap", "bethe"]    # optional, "all" by default
    reference = "exact"                         # optional
    seed = 1                                    # optional
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.errors import SpecError, StoreError, unknown_name
from statfe.spec import parse_grid

_KEYS = ("title", "models", "beta", "methods", "reference", "seed")


@dataclass(frozen=True)
class Study:
    """A checked study file."""

    title: str
    models: list[str]
    betas: np.ndarray
    methods: list[str]
    reference: str | None
    seed: int | None


def read_study(path: str | PathLike[str]) -> Study:
    """Read and check a study.

    Raises
    ------
    StoreError
        The file is missing or cannot be read.
    SpecError
        It is not TOML, a key is unknown or missing, or a value does not parse.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            raw = tomllib.load(stream)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is not TOML: {' '.join(str(error).split())}") from None
    for key in raw:
        if key not in _KEYS:
            raise SpecError(f"{path}: {unknown_name('key', key, _KEYS)}")
    models = _words(path, raw, "models", None)
    title, reference, seed = raw.get("title", ""), raw.get("reference"), raw.get("seed")
    if not isinstance(title, str):
        raise SpecError(f"{path}: title must be text")
    if reference is not None and not isinstance(reference, str):
        raise SpecError(f"{path}: reference must be the spec of a method")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
        raise SpecError(f"{path}: seed must be an integer, at least 0")
    return Study(
        title=title, models=models, betas=_betas(path, raw),
        methods=_words(path, raw, "methods", ["all"]), reference=reference, seed=seed)


def _betas(path: Path, raw: dict[str, Any]) -> np.ndarray:
    if "beta" not in raw:
        raise SpecError(f"{path}: beta is required, such as \"0.1:1.0:10\"")
    value = raw["beta"]
    numbers = value if isinstance(value, list) else [value]
    # A bool is an int to Python.
    if not isinstance(value, str) and not all(type(number) in (int, float) for number in numbers):
        raise SpecError(f"{path}: beta must be a number, a list of numbers, or text such as \"0.1:1.0:10\"")
    try:
        return parse_grid(value)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def _words(path: Path, raw: dict[str, Any], key: str, default: list[str] | None) -> list[str]:
    value = raw.get(key, default)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise SpecError(f"{path}: {key} must be a list of specs")
    return value
