"""Studies: several models compared with one set of methods, described in a TOML file.

    title = "Small glasses"
    models = ["sk:n={N},seed={seed}", "ea:shape={L}x{L},seed={seed}"]
    sizes = {N = [8, 12, 16], L = [3, 4]}       # optional: what stands in braces in the models
    disorder = 5                                # optional: {seed} runs from 1 to 5
    beta = "0.1:1.5:8"
    methods = ["mean-field", "tap", "bethe"]    # optional, "all" by default
    reference = "exact"                         # optional
    tolerance = 1e-3                            # optional: nats a site that an error may have
    moments = true                              # optional: score means and correlations of the spins too
    seed = 1                                    # optional

A model stands for one of each combination of the sizes that it names; those that name ``{seed}`` for as many
realisations of the disorder.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from statfe.errors import SpecError, StoreError, unknown_name
from statfe.spec import parse_grid

_KEYS = ("title", "models", "sizes", "disorder", "beta", "methods", "reference", "tolerance", "moments",
         "seed")
#: What the number of a realisation is called in a model.
SEED = "seed"
#: Nats a site that an error may have by default.
TOLERANCE = 1e-3
#: Most models of a study, and most realisations of one.
MOST_MODELS = 10_000

_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Member:
    """One model of a study.

    Attributes
    ----------
    spec
        Of the model itself.
    template
        The model as the study writes it; "" where it stands for itself alone.
    group
        Its spec with sizes filled in and ``*`` for the seed: members of one group differ in their disorder alone. ""
        where there is no template.
    """

    spec: str
    template: str
    group: str


@dataclass(frozen=True)
class Study:
    """A checked study file."""

    title: str
    members: list[Member]
    betas: np.ndarray
    methods: list[str]
    reference: str | None
    seed: int | None
    tolerance: float = TOLERANCE
    moments: bool = True

    @property
    def models(self) -> list[str]:
        """Specs of all models."""
        return [m.spec for m in self.members]


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
    title, reference, seed = raw.get("title", ""), raw.get("reference"), raw.get("seed")
    if not isinstance(title, str):
        raise SpecError(f"{path}: title must be text")
    if reference is not None and not isinstance(reference, str):
        raise SpecError(f"{path}: reference must be the spec of a method")
    if seed is not None and not (_is_integer(seed) and seed >= 0):
        raise SpecError(f"{path}: seed must be an integer, at least 0")
    tolerance = raw.get("tolerance", TOLERANCE)
    if not (isinstance(tolerance, float) or _is_integer(tolerance)) or not 0.0 < tolerance < math.inf:
        raise SpecError(f"{path}: tolerance must be a number of nats a site above 0, such as 1e-3")
    moments = raw.get("moments", True)
    if not isinstance(moments, bool):
        raise SpecError(f"{path}: moments must be true or false")
    return Study(
        title=title, members=_members(path, raw), betas=_betas(path, raw),
        methods=_words(path, raw, "methods", ["all"]), reference=reference, seed=seed, tolerance=float(tolerance),
        moments=moments)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # a bool is an int to Python


def _members(path: Path, raw: Mapping[str, Any]) -> list[Member]:
    """All models, template by template and size by size."""
    templates = _words(path, raw, "models", None)
    sizes, realisations = _sizes(path, raw), _realisations(path, raw)
    named = {name for template in templates for name in _HOLE.findall(template)}
    for name in sizes:
        if name not in named:
            raise SpecError(f"{path}: sizes has {name}, but no model has {{{name}}}")
    if realisations and SEED not in named:
        raise SpecError(f"{path}: disorder needs a model with {{{SEED}}}, such as sk:n=16,seed={{{SEED}}}")
    found = [m for t in templates for m in _filled(path, t, sizes, realisations)]
    if len(found) > MOST_MODELS:
        raise SpecError(f"{path}: {len(found)} models; at most {MOST_MODELS}")
    return found


def _filled(path: Path, template: str, sizes: Mapping[str, list[int]], realisations: int) -> Iterator[Member]:
    """The models that one template stands for."""
    known = {*sizes, *([SEED] if realisations else [])}
    names = list(dict.fromkeys(_HOLE.findall(template)))
    for name in names:
        # The name of a file may have braces of its own.
        if name not in known and not template.startswith("file:"):
            if name == SEED:
                raise SpecError(f"{path}: {template}: {{{SEED}}} needs disorder, such as disorder = 5")
            raise SpecError(f"{path}: {template}: {unknown_name('size', name, [*known, *sizes])}"
                            if known else f"{path}: {template}: {{{name}}} needs sizes, such as {name} = [4, 6, 8]")
    holes = [name for name in names if name in sizes]
    for values in itertools.product(*(sizes[name] for name in holes)):
        sized = template
        for name, value in zip(holes, values, strict=True):
            sized = sized.replace(f"{{{name}}}", str(value))
        hole = f"{{{SEED}}}"
        seeds = range(1, realisations + 1) if SEED in names and realisations else [None]
        for seed in seeds:
            spec = sized if seed is None else sized.replace(hole, str(seed))
            if spec == template:
                yield Member(spec, "", "")
            else:
                yield Member(spec, template, sized if seed is None else sized.replace(hole, "*"))


def _sizes(path: Path, raw: Mapping[str, Any]) -> dict[str, list[int]]:
    value = raw.get("sizes", {})
    if not isinstance(value, dict):
        raise SpecError(f"{path}: sizes must name them, such as sizes = {{L = [4, 6, 8]}}")
    for name, numbers in value.items():
        if name == SEED:
            raise SpecError(f"{path}: sizes cannot have {SEED}; write disorder = 5 for seeds 1 to 5")
        if not isinstance(numbers, list) or not numbers or not all(_is_integer(n) and n > 0 for n in numbers):
            raise SpecError(f"{path}: sizes: {name} must be a list of positive integers, such as {name} = [4, 6, 8]")
        if len(set(numbers)) < len(numbers):
            raise SpecError(f"{path}: sizes: {name} has a number twice")
    return value


def _realisations(path: Path, raw: Mapping[str, Any]) -> int:
    value = raw.get("disorder", 0)
    if "disorder" in raw and not (_is_integer(value) and 1 <= value <= MOST_MODELS):
        raise SpecError(f"{path}: disorder must be a number of realisations from 1 to {MOST_MODELS}, such as 5")
    return int(value)


def _betas(path: Path, raw: Mapping[str, Any]) -> np.ndarray:
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


def _words(path: Path, raw: Mapping[str, Any], key: str, default: list[str] | None) -> list[str]:
    value = raw.get(key, default)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise SpecError(f"{path}: {key} must be a list of specs")
    return value
