"""Models by name. A file in `statfe/models/families/` with a `FAMILY` is a family; there is no other list."""

from __future__ import annotations

import functools
import os

from statfe.errors import SpecError, unknown_name
from statfe.models.family import Family
from statfe.models.ising import IsingModel
from statfe.spec import check_options, families_in, split_spec

PACKAGE = "statfe.models.families"


@functools.cache
def families() -> dict[str, Family]:
    """All families by name, in the order of their files."""
    return families_in(PACKAGE)


def is_buildable(spec: str) -> bool:
    """Whether `spec` names a family, as that of a model made from its bonds does not."""
    return spec.partition(":")[0].strip() in families()


def model_file(spec: str | IsingModel) -> str | None:
    """The file that the model is read from, or None."""
    text = spec.spec if isinstance(spec, IsingModel) else str(spec)
    family = families().get(text.partition(":")[0].strip())
    return split_spec(text, positional=True)[1].get("path") if family and family.positional else None


def build_model(spec: str | IsingModel) -> IsingModel:
    """The model that `spec` names; a model is returned as it is.

    The model's own `spec` is the one given, and builds the same model.

    Raises
    ------
    SpecError
        Unknown family or option (with the nearest name), or a value that does not parse or is out of range.
    ModelError
        A file that holds no model, a graph that does not exist, or a model that would need too much memory.
    """
    if isinstance(spec, IsingModel):
        return spec
    # A path may hold what `split_spec` refuses in options, so the name decides how the rest is read.
    name, known = str(spec).partition(":")[0].strip(), families()
    if not name:
        raise SpecError("empty model; write name:key=value,key=value, such as ising:shape=16x16")
    if name not in known:
        if os.path.isfile(str(spec)):
            raise SpecError(f"{spec} is a file; write file:{spec} to read a model from it")
        raise SpecError(unknown_name("model", name, known))
    family = known[name]
    _, raw = split_spec(spec, positional=family.positional)
    checked = check_options(name, raw, family.options)
    return family.build(checked.options).with_spec(str(checked))
