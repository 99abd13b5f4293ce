"""Systems by name. A file in `statfe/systems/families/` with a `FAMILY` is a system; there is no other list."""

from __future__ import annotations

import functools
import os

from statfe.errors import SpecError, unknown_name
from statfe.spec import Option, check_options, families_in, split_spec
from statfe.systems.system import Family, System

PACKAGE = "statfe.systems.families"


@functools.cache
def families() -> dict[str, Family]:
    """All systems by name, in the order of their files."""
    return families_in(PACKAGE)


def build_system(spec: str | System) -> System:
    """The system that `spec` names; a system is returned as it is.

    Raises
    ------
    SpecError
        Unknown system or option (with the nearest name), or a value that does not parse or is out of range.
    """
    if isinstance(spec, System):
        return spec
    name, known = str(spec).partition(":")[0].strip(), families()
    if not name:
        raise SpecError("empty system; write name:key=value,key=value, such as lorenz63:rho=28")
    if name not in known:
        if os.path.isfile(str(spec)):
            raise SpecError(f"{spec} is a file; write file:{spec} to read a system from it")
        raise SpecError(unknown_name("system", name, known))
    family = known[name]
    _, raw = split_spec(spec, positional=family.positional)
    own = tuple(Option(key, "float", optional=True) for key in raw if key not in {o.name for o in family.options})
    checked = check_options(name, raw, (*family.options, *(own if family.positional else ())))
    return family.build(checked.options).with_spec(str(checked))


def files_of(system: System) -> list[str]:
    """The file that a system was read from, if any: no output may take its place."""
    return [split_spec(system.spec, positional=True)[1]["path"]] if system.spec.startswith("file:") else []
