"""A model from a file of couplings: text, or HDF5 with /model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.models.model_file import read_path
from statfe.spec import Option

PATH = Option("path", "path", doc="text of `i j J` lines (`i i h` is a field), or HDF5 with /model")
CONVENTION = Option(
    "convention", "str", "minus", "sign of the sums: minus is E = - sum J s s - sum h s", ("minus", "plus"))


def build(options: Mapping[str, Any]) -> IsingModel:
    """The file's couplings and fields, with their signs turned round where the convention is ``plus``."""
    return read_path(options["path"], plus=options["convention"] == "plus")


FAMILY = Family(
    name="file",
    group="file",
    summary="couplings and fields of your own",
    options=(PATH, CONVENTION),
    build=build,
    reference="the file itself",
    facts=("text: 0-based integers, # comments, repeated pairs add up",),
)
