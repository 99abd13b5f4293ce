"""`bench_attractors`: exponents of every system, held against what is known and what must hold."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from statfe.attractors.exponents import lyapunov
from statfe.bench.attractors.agreement import PAIRS, agreement
from statfe.bench.attractors.markdown import markdown_bytes
from statfe.bench.attractors.records import AttractorsBench, Row, row_of
from statfe.bench.machine import load, machine
from statfe.bench.output import write_folder
from statfe.errors import UsageError
from statfe.random import draw_seed
from statfe.store.atomic import check_output
from statfe.store.provenance import created, source_commit, versions
from statfe.systems.catalogue import build_system, families
from statfe.systems.system import Family, System

#: Files that are written.
FILES = ("attractors.json", "attractors.csv", "attractors.md")

#: Error of the largest exponent, relative to it, that a second run is made long enough for, where there are published
#: exponents and that is not too long; or this share of the trust in the source, if more. The rules need no second run.
TARGET, TRUST = 0.002, 0.25
#: Length over the default: less for lattices, whose steps cost most and which are trusted to 5% at best; more for a
#: delay, whose default is short.
LENGTHS = {"lattice": 0.3, "delay": 3.0}
#: Measured beside the defaults of their families: the standard map where its sea is not sticky.
MORE = {"standard": ("standard:K=10",)}
#: Time to drop where the default is for the eye only: from the usual start the sea of K = 1 is entered at its wildest
#: place, and islands that hold orbits for 10^5 steps are met late.
TRANSIENTS = {"standard": 1e6}

Tell = Callable[[str, float], None] | None


def bench_attractors(
    *, systems: Sequence[str] = (), scale: float = 1.0, seed: int | None = None, workers: int = 1,
    progress: Tell = None,
) -> AttractorsBench:
    """Measure the exponents of systems, and some of them by two integrators.

    Parameters
    ----------
    systems
        Specs; every system of the catalogue that needs no file, and all pairs of integrators, when empty.
    scale
        Length of all runs over the default.

    Raises
    ------
    UsageError
        An unknown system or option, or a scale that is not positive.
    """
    if not 0.0 < scale < float("inf"):
        raise UsageError(f"scale must be positive, got {scale:g}")
    known = families()
    built = [build_system(spec) for spec in systems]
    number = draw_seed() if seed is None else seed
    record = AttractorsBench(
        seed=number, scale=scale, created=created(), command=_command(systems, scale, number), machine=machine(),
        versions={**versions(), **({"commit": source_commit()} if source_commit() else {})})
    if not built:
        for family in known.values():
            if _needs(family):
                record.skipped.append((family.name, f"needs {_needs(family)}"))
            else:
                built += [build_system(spec) for spec in (family.name, *MORE.get(family.name, ()))]
    pairs = [pair for pair in PAIRS if not systems or pair.system in systems]
    cpu = time.process_time()
    for k, system in enumerate(built):
        name = system.spec or system.name
        if progress is not None:
            progress(name, k / (len(built) + len(pairs)))
        group, began = known[system.spec.partition(":")[0]].group, time.perf_counter()
        try:
            found = lyapunov(system, seed=number, workers=workers, scale=scale * LENGTHS.get(group, 1.0),
                             target=target_of(system), transient=TRANSIENTS.get(system.spec))
        except UsageError as error:
            record.rows.append(Row(name, group, system.kind, system.dimension, message=str(error)))
        else:
            record.rows.append(row_of(system, group, found, time.perf_counter() - began))
    for k, pair in enumerate(pairs):
        if progress is not None:
            progress(f"{pair.system} twice", (len(built) + k) / (len(built) + len(pairs)))
        record.agreements.append(agreement(pair, number, workers, scale))
    record.cpu_seconds = time.process_time() - cpu
    record.machine["load_average_after"] = load()
    return record


def target_of(system: System) -> float | None:
    """Relative error of the largest exponent worth a second run; None where nothing is published of it."""
    for known in system.known:
        if known.quantity in ("exponents", "largest_exponent"):
            first = known.value[0] if isinstance(known.value, tuple) else known.value
            return max(TARGET, TRUST * known.tolerance / abs(first))
    return None


def _needs(family: Family) -> str:
    """Options without a default, which a table over all systems cannot give."""
    return ", ".join(o.name for o in family.options if o.default is None and not o.optional)


def _command(systems: Sequence[str], scale: float, seed: int) -> str:
    words = ["statfe", "bench", "attractors"]
    for spec in systems:
        words += ["--system", spec]
    words += ["--scale", repr(scale)] if scale != 1.0 else []
    return shlex.join([*words, "--seed", str(seed)])


def check_attractors_output(folder: str | PathLike[str], force: bool) -> None:
    """Refuse, before anything is measured, a folder that could not be written."""
    check_output([Path(folder) / name for name in FILES], force, new_folder=folder)


def write_attractors(record: AttractorsBench, folder: str | PathLike[str], force: bool = False) -> list[Path]:
    """Write `FILES` into `folder`, which is made where it is missing."""
    contents = record.json_bytes(), record.csv_bytes(), markdown_bytes(record)
    return write_folder(folder, dict(zip(FILES, contents, strict=True)), {}, force)
