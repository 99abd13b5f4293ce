"""`invariants`: all that a system, or a stored record, says of its motion."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from statfe.attractors.correlation import NAME as CORRELATION
from statfe.attractors.correlation import correlation_dimension, correlation_sum
from statfe.attractors.cross_check import checked
from statfe.attractors.exponents import lyapunov
from statfe.attractors.intrinsic import MLE, TWO_NN, intrinsic_dimensions
from statfe.attractors.invariant import Invariant, unsupported
from statfe.attractors.invariants_file import write_invariants
from statfe.attractors.measured import Measured
from statfe.attractors.record import Cloud, Record, cloud_of
from statfe.attractors.recurrence import NAMES as RECURRENCES
from statfe.attractors.recurrence import recurrence
from statfe.attractors.section import NAME as RETURN
from statfe.attractors.section import poincare_section, return_map
from statfe.attractors.sources import Source, source_of
from statfe.attractors.spectrum import NAME as PEAK
from statfe.attractors.spectrum import power_spectrum
from statfe.errors import UsageError, unknown_name
from statfe.random import draw_seed
from statfe.store.atomic import check_output
from statfe.systems.system import System

#: What may be asked for, with the names of the numbers that each gives.
QUANTITIES = {
    "exponents": ("exponents", "kaplan_yorke", "entropy"), "correlation": (CORRELATION,), "intrinsic": (MLE, TWO_NN),
    "spectrum": (PEAK,), "recurrence": RECURRENCES, "section": (RETURN,)}
#: What a map does not have, or seldom: not measured unless asked for.
FLOWS_ONLY = ("spectrum", "section")

Tell = Callable[[str, float], None] | None


def invariants(
    target: str | System | PathLike[str], output: str | PathLike[str] | None = None, *,
    quantities: Sequence[str] = (), exponents: int | None = None, plane: str | None = None,
    theiler: float | None = None, data: str = "auto", scale: float = 1.0, seed: int | None = None, workers: int = 1,
    force: bool = False, progress: Tell = None,
) -> Measured:
    """Measure the invariants of a system, or of a file of trajectories or observations.

    Parameters
    ----------
    target
        Spec of a system, which is then integrated, or a file.
    output
        HDF5 file to write.
    quantities
        Of `QUANTITIES`; all that apply when empty. Exponents need a law: the file must name its system.
    exponents
        Number of leading exponents; all up to 64 when not given.
    plane
        Of the section, such as ``z=27``.
    theiler
        Time below which pairs of states do not count; from the autocorrelation when not given.
    data
        ``states`` or ``observations`` of a file that has both; ``auto`` takes states of a known system.
    scale
        Length of all runs, relative to the default.

    Raises
    ------
    UsageError
        An unknown quantity, system or file, or a file that cannot be used; one line says why.
    """
    began = time.perf_counter()
    for name in quantities:
        if name not in QUANTITIES:
            raise UsageError(unknown_name("quantity", name, QUANTITIES))
    if not 0.0 < scale < np.inf:
        raise UsageError(f"scale must be positive, got {scale:g}")
    if theiler is not None and not 0.0 <= theiler < np.inf:
        raise UsageError(f"theiler must be a time from 0 up, got {theiler:g}")
    number = draw_seed() if seed is None else seed
    source = source_of(target, data, scale)
    if output is not None:
        check_output([output], force, inputs=source.files)
    wanted = list(quantities) or [q for q in QUANTITIES if _applies(q, source)]
    if plane is not None and "section" not in wanted:
        raise UsageError("a plane is that of a section, and none is asked for, or the system is a map; leave it out")
    command = _command(source, output, quantities, exponents, plane, theiler, data, scale, number)
    parts: dict[str, Any] = {}
    scalars: list[Invariant] = []
    lingering = ""
    if "exponents" in wanted:
        _tell(progress, "exponents", 0.0)
        of_law, lingering = _law(source, exponents, scale, number, workers, parts)
        scalars += of_law
    rest = [q for q in QUANTITIES if q in wanted and q != "exponents"]
    if rest:
        _tell(progress, "integration", 0.3)
        of_record = _from_record(source, rest, plane, theiler, workers, progress, parts)
        scalars += [_doubted(found, lingering) for found in of_record]
        scalars = checked(scalars, source, scale, number, workers)
    found = Measured(source.name, source.spec, number, command, tuple(scalars), source=source.words, **parts,
                     seconds=time.perf_counter() - began)
    if output is not None:
        write_invariants(output, found)
    return found


def _applies(quantity: str, source: Source) -> bool:
    if quantity == "exponents":
        return source.system is not None
    return not (source.kind == "map" and quantity in FLOWS_ONLY)


def _tell(progress: Tell, label: str, share: float) -> None:
    if progress is not None:
        progress(label, share)


def _law(source: Source, count: int | None, scale: float, seed: int, workers: int,
         parts: dict[str, Any]) -> tuple[list[Invariant], str]:
    """Exponents and what follows from them; why means over a record of this motion say little, or ""."""
    if source.system is None:
        text = f"{source.name} does not say its law; exponents need it (a file made by statfe attractors generate)"
        parts["exponents"] = unsupported("exponents", text, "1/time", 1)
        return [unsupported("kaplan_yorke", text), unsupported("entropy", text, "1/time")], ""
    found = lyapunov(source.system, count, source.starts(), seed, workers, scale=scale, **source.options)
    parts.update(exponents=found.exponents, motion=found.motion, rules=found.rules)
    return [found.kaplan_yorke, found.entropy], found.lingering


def _doubted(found: Invariant, lingering: str) -> Invariant:
    """A mean over one record, where orbits linger for longer than that."""
    if not lingering or found.status != "converged":
        return found
    return replace(found, status="not_converged", message="the record has not seen all of the motion, for orbits "
                   "linger, as beside islands: see the exponents; give several longer records, from starts apart")


def _from_record(source: Source, wanted: list[str], plane: str | None, theiler: float | None, workers: int,
                 progress: Tell, parts: dict[str, Any]) -> list[Invariant]:
    """Everything that samples alone support."""
    record = source.record()
    if isinstance(record, str):
        return [unsupported(name, record) for q in wanted for name in QUANTITIES[q]]
    parts["coordinates"] = record.names
    scalars: list[Invariant] = []
    cloud = cloud_of(record, theiler=theiler) if {"correlation", "intrinsic", "recurrence"} & set(wanted) else None
    for k, quantity in enumerate(wanted):
        _tell(progress, quantity, 0.4 + 0.6 * k / len(wanted))
        scalars += _one(quantity, record, cloud, plane, workers, parts)
    return scalars


def _one(quantity: str, record: Record, cloud: Cloud | None, plane: str | None, workers: int,
         parts: dict[str, Any]) -> list[Invariant]:
    if quantity == "spectrum":
        parts["spectrum"], peak = power_spectrum(record)
        return [peak]
    if quantity == "section":
        parts["section"], back = poincare_section(record, plane)
        if not record.still:  # else what is left are the ups and downs of rounding
            parts["return_of"], parts["return_map"] = return_map(record)
        return [back]
    assert cloud is not None
    if quantity == "recurrence":
        return recurrence(record, cloud, workers)
    if quantity == "intrinsic":
        return intrinsic_dimensions(cloud, workers)
    found = correlation_sum(cloud, workers)
    if not cloud.still:
        parts["correlation"] = found
    return [correlation_dimension(cloud, found)]


def _command(
    source: Source, output: str | PathLike[str] | None, quantities: Sequence[str], exponents: int | None,
    plane: str | None, theiler: float | None, data: str, scale: float, seed: int,
) -> str:
    """The command that makes the result again; "" for a system made in Python."""
    if not source.name:
        return ""
    words = ["statfe", "attractors", "invariants", source.name]
    words += ["--quantities", ",".join(quantities)] if quantities else []
    words += ["--exponents", str(exponents)] if exponents is not None else []
    words += ["--plane", plane] if plane is not None else []
    words += ["--theiler", repr(theiler)] if theiler is not None else []
    words += ["--data", data] if data != "auto" else []
    words += ["--scale", repr(scale)] if scale != 1.0 else []
    return shlex.join([*words, "--seed", str(seed), *(["-o", str(output)] if output is not None else [])])
