"""Invariants in HDF5, format statfe-1: leaf groups under /invariants, each with its own dimensions.

`scalars` on quantity; `exponents` on exponent; `rules` on rule, `passed` 1, 0, or -1 where a rule does not apply;
`correlation_sum` on radius; `spectrum` on frequency and coordinate; `section` on crossing and coordinate; `return_map`
on event. Only what was asked for is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike
from typing import Any

import h5py
import numpy as np

from statfe.attractors.correlation import CorrelationSum
from statfe.attractors.invariant import Invariant
from statfe.attractors.measured import Measured, plain_stats
from statfe.attractors.rules import Rule
from statfe.attractors.section import Section
from statfe.attractors.spectrum import Spectrum
from statfe.result import plain
from statfe.store.hdf5 import create_root, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.reading import opened, read_attributes, require_group, understood

#: Value of the root attribute `sampler`.
SAMPLER = "invariants"


def write_invariants(path: str | PathLike[str], found: Measured) -> None:
    """Write `found` to a file of its own, whole or not at all.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(file, f"invariants of {found.target}", found.system or "none", SAMPLER, found.seed, found.command,
                    target=found.target, source=found.source)
        add_invariants(file, found)


def add_invariants(file: h5py.File, found: Measured) -> None:
    """Put /invariants into an open file."""
    root = file.create_group("invariants")
    write_attributes(root, motion=found.motion, source=found.source, seed=found.seed, target=found.target,
                     seconds=found.seconds)
    if found.scalars:
        _write_scalars(root.create_group("scalars"), found)
    if found.exponents is not None:
        group = root.create_group("exponents")
        e = found.exponents
        write_attributes(group, status=e.status, message=e.message, stats=_json(e))
        write_coordinate(group, "exponent", np.arange(1, len(e.value) + 1), "1", "number of the exponent")
        write_variable(group, "value", e.value, ("exponent",), e.units, "Lyapunov exponent, largest first")
        write_variable(group, "error", e.error, ("exponent",), e.units, "one standard deviation")
    if found.rules:
        _write_rules(root.create_group("rules"), found.rules)
    if found.correlation is not None:
        c = found.correlation
        _write_columns(root.create_group("correlation_sum"), "radius", c.radii, "distance of two points", {
            "value": (c.value, "share of pairs at most so far apart"),
            "error": (c.error, "one standard deviation of the share"),
            "slope": (c.slope, "d ln C / d ln r over one octave"),
            "slope_error": (c.slope_error, "one standard deviation of the slope"),
            "pairs": (c.pairs, "pairs at most so far apart")})
    if found.spectrum is not None:
        _write_spectrum(root.create_group("spectrum"), found)
    if found.section is not None:
        _write_section(root.create_group("section"), found, found.section)
    if found.return_map is not None:
        group = root.create_group("return_map")
        write_attributes(group, of=found.return_of)
        _write_columns(group, "event", np.arange(len(found.return_map)), "number of the event", {
            "value": (found.return_map[:, 0], f"{found.return_of} at an event"),
            "next": (found.return_map[:, 1], f"{found.return_of} at the next event")})


def _json(found: Invariant) -> str:
    return json.dumps(plain(plain_stats(found)), allow_nan=False, sort_keys=True)


def _write_scalars(group: h5py.Group, found: Measured) -> None:
    names: list[tuple[str, Callable[[Invariant], str], str]] = [
        ("status", lambda f: f.status, "whether the number can be relied on"),
        ("message", lambda f: f.message, "what to change where it cannot"),
        ("units", lambda f: f.units, "units of value and error"),
        ("source", lambda f: "law" if f.name in ("kaplan_yorke", "entropy") else "record", "what it was made of"),
        ("stats", _json, "numbers behind it, JSON")]
    write_coordinate(group, "quantity", [f.name for f in found.scalars], "1", "name of the invariant")
    for name in ("value", "error"):
        values = np.array([float(getattr(f, name)) for f in found.scalars])
        write_variable(group, name, values, ("quantity",), "1", f"{name} of the invariant; its units are in units")
    for name, text, long_name in names:
        write_variable(group, name, np.array([text(f) for f in found.scalars], dtype=object), ("quantity",), "1",
                       long_name)


def _write_rules(group: h5py.Group, rules: tuple[Rule, ...]) -> None:
    write_coordinate(group, "rule", [r.name for r in rules], "1", "what must hold")
    write_variable(group, "value", np.array([r.value for r in rules]), ("rule",), "1", "what was found")
    write_variable(group, "allowed", np.array([r.allowed for r in rules]), ("rule",), "1", "largest value that passes")
    passed = np.array([-1 if r.passed is None else int(r.passed) for r in rules], dtype=np.int8)
    write_variable(group, "passed", passed, ("rule",), "1", "1 passed, 0 failed, -1 does not apply")
    write_variable(group, "message", np.array([r.message for r in rules], dtype=object), ("rule",), "1",
                   "what to change, or why it does not apply")


def _write_columns(group: h5py.Group, dim: str, values: np.ndarray, words: str,
                   columns: dict[str, tuple[np.ndarray, str]]) -> None:
    write_coordinate(group, dim, values, "1", words)
    for name, (column, long_name) in columns.items():
        write_variable(group, name, column, (dim,), "1", long_name)


def _write_spectrum(group: h5py.Group, found: Measured) -> None:
    assert found.spectrum is not None
    write_coordinate(group, "frequency", found.spectrum.frequency, "1/time", "frequency")
    write_coordinate(group, "coordinate", list(found.coordinates), "1", "name of the coordinate")
    dims = ("frequency", "coordinate")
    write_variable(group, "density", found.spectrum.density, dims, "time", "power a unit of frequency")
    write_variable(group, "error", found.spectrum.error, dims, "time", "one standard deviation")


def _write_section(group: h5py.Group, found: Measured, section: Section) -> None:
    write_attributes(group, plane_coordinate=section.coordinate, plane_level=section.level, direction="upwards")
    write_coordinate(group, "crossing", np.arange(len(section.times)), "1", "number of the crossing")
    write_coordinate(group, "coordinate", list(found.coordinates), "1", "name of the coordinate")
    write_variable(group, "point", section.points, ("crossing", "coordinate"), "1", "state at the crossing")
    write_variable(group, "time", section.times, ("crossing",), "time", "time since the start of the trajectory")
    write_variable(group, "trajectory", section.trajectory, ("crossing",), "1", "number of the trajectory")


def read_invariants(path: str | PathLike[str]) -> Measured:
    """The invariants in a file of ours, of whatever command.

    Raises
    ------
    StoreError
        For a file that is missing, foreign or damaged, or without /invariants.
    """
    with opened(path) as file:
        top, root = read_attributes(file), require_group(file, "invariants")
        with understood(root):
            facts = read_attributes(root)
            return Measured(
                facts["target"], "" if top["model"] == "none" else top["model"], int(facts["seed"]), top["command"],
                _scalars(root), _exponents(root), facts["motion"], _rules(root), _coordinates(root),
                _arrays(root, "correlation_sum", _correlation), _arrays(root, "spectrum", _spectrum),
                _arrays(root, "section", _section), _arrays(root, "return_map", lambda g: np.stack(
                    [g["value"][()], g["next"][()]], axis=1)),
                _arrays(root, "return_map", lambda g: str(g.attrs["of"])) or "", facts["source"], facts["seconds"])


def _arrays(root: h5py.Group, name: str, read: Callable[[h5py.Group], Any]) -> Any:
    return read(root[name]) if name in root else None


def _text(group: h5py.Group, name: str) -> list[str]:
    return [str(word) for word in group[name].asstr()[()]]


def _scalars(root: h5py.Group) -> tuple[Invariant, ...]:
    if "scalars" not in root:
        return ()
    group = root["scalars"]
    columns = [_text(group, n) for n in ("quantity", "status", "message", "units", "stats")]
    numbers = group["value"][()], group["error"][()]
    return tuple(
        Invariant(name, np.array(v), np.array(e), status, message, units, json.loads(stats))
        for name, status, message, units, stats, v, e in zip(*columns, *numbers, strict=True))


def _exponents(root: h5py.Group) -> Invariant | None:
    if "exponents" not in root:
        return None
    group = root["exponents"]
    facts = read_attributes(group)
    return Invariant("exponents", group["value"][()], group["error"][()], facts["status"], facts["message"],
                     str(group["value"].attrs["units"]), json.loads(facts["stats"]))


def _rules(root: h5py.Group) -> tuple[Rule, ...]:
    if "rules" not in root:
        return ()
    group = root["rules"]
    return tuple(
        Rule(name, float(v), float(a), None if p < 0 else bool(p), m) for name, v, a, p, m in zip(
            _text(group, "rule"), group["value"][()], group["allowed"][()], group["passed"][()],
            _text(group, "message"), strict=True))


def _coordinates(root: h5py.Group) -> tuple[str, ...]:
    for name in ("spectrum", "section"):
        if name in root:
            return tuple(_text(root[name], "coordinate"))
    return ()


def _correlation(group: h5py.Group) -> CorrelationSum:
    r, value, error, slope, slope_error = (group[n][()] for n in ("radius", "value", "error", "slope", "slope_error"))
    return CorrelationSum(r, value, error, slope, slope_error, np.empty((0, len(r))), group["pairs"][()])


def _spectrum(group: h5py.Group) -> Spectrum:
    return Spectrum(group["frequency"][()], group["density"][()], group["error"][()])


def _section(group: h5py.Group) -> Section:
    facts = read_attributes(group)
    return Section(facts["plane_coordinate"], float(facts["plane_level"]), group["point"][()], group["time"][()],
                   group["trajectory"][()])
