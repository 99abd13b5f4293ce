"""Sections of trajectories and of their invariants."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from statfe.attractors.measured import Measured
from statfe.attractors.trajectory_file import TrajectoryFile
from statfe.datasets.trajectory_rows import TrajectoryParts
from statfe.report.attractors.motion_figures import (
    draw_correlation,
    draw_exponents,
    draw_projections,
    draw_return_map,
    draw_spectrum,
)
from statfe.report.attractors.section import Plot, Section, Table, Value

#: Rows of a projection that are read, about, and exponents that are listed.
READ, LISTED = 8192, 12
WORDS = {True: "holds", False: "FAILS", None: "does not apply"}


def trajectory_section(file: TrajectoryFile, parts: TrajectoryParts | None) -> Section:
    """What is in the file, and how it looks."""
    facts = {"system": file.system or "unknown"}
    plots = []
    for group, values, names in (("states", file.states, file.coordinates),
                                 ("observations", file.observations, file.features)):
        if values is None:
            continue
        facts[group] = " × ".join(f"{n:,}" for n in values.shape)
        shown = _some(values)
        if len(shown) and shown.shape[1] > 1:
            caption = f"The {group}, projected: " + (
                "the first coordinates." if values.shape[2] <= 3 else "the three principal axes of largest variance.")
            plots.append(Plot(f"projection-{group}", f"Projections of the {group}", caption,
                              partial(draw_projections, shown, names)))
    for source in (file.state_attributes, file.observation_attributes):
        facts |= {name: str(source[name]) for name in ("integrator", "dt", "every", "transient", "noise", "delay",
                                                       "embed", "lift") if source.get(name) not in (None, "", 0)}
    escaped = int(np.sum(file.kept < _samples(file)))
    warnings = [f"{escaped} trajectories escaped and end early"] if escaped else []
    words = ["Shapes are trajectories × samples × columns."]
    if parts is not None:
        words.append(f"The networks see the {parts.source}: {len(parts.train):,} rows to learn from, "
                     f"{len(parts.test):,} held back ({parts.rule}).")
    return Section("trajectories", "Trajectories", words, facts, warnings, (), plots)


def _samples(file: TrajectoryFile) -> int:
    values = file.observations if file.states is None else file.states
    assert values is not None
    return int(values.shape[1])


def _some(values: np.ndarray) -> np.ndarray:
    """Finite rows, evenly over trajectories and times."""
    r = max(1, -(-values.shape[0] // 64))
    t = max(1, -(-(values.shape[0] // r) * values.shape[1] // READ))
    rows = np.asarray(values[::r, ::t], dtype=np.float64).reshape(-1, values.shape[2])
    return rows[np.isfinite(rows).all(axis=1)]


def invariants_section(found: Measured) -> Section:
    """Every invariant with its error, every rule with its verdict."""
    rows = []
    if found.exponents is not None:
        e = found.exponents
        errors = np.broadcast_to(e.error, e.value.shape)
        rows += [(f"exponent {k + 1}", Value(float(v), float(d)), e.units, e.status, e.message)
                 for k, (v, d) in enumerate(zip(e.value[:LISTED], errors[:LISTED], strict=True))]
    rows += [(f.name.replace("_", " "), Value(float(f.value), float(f.error), f.message), f.units, f.status, f.message)
             for f in found.scalars]
    tables = [Table("invariants", ("invariant", "value", "units", "status", "message"), rows)]
    if found.rules:
        tables.append(Table("rules", ("rule", "found", "allowed", "verdict", "message"), [
            (r.name.replace("_", " "), Value(r.value), Value(r.allowed), WORDS[r.passed], r.message)
            for r in found.rules]))
    warnings = [f"rule {r.name.replace('_', ' ')} fails: {r.message}" for r in found.rules if r.passed is False]
    plots = []
    if found.exponents is not None and np.isfinite(found.exponents.value).any():
        plots.append(Plot("exponents", "Lyapunov exponents and their rules", "Lyapunov exponents with one standard "
                          "deviation; and how far each rule was missed, over what is allowed: left of the line it "
                          "holds.", lambda: draw_exponents(found)))
    if found.correlation is not None:
        plots.append(Plot("correlation-sum", "Correlation sum and its slope", "Share of the pairs of points at most r "
                          "apart, and its slope over one octave; the band is the region that the dimension is fitted "
                          "in.", lambda: draw_correlation(found)))
    if found.spectrum is not None:
        plots.append(Plot("spectrum", "Power spectrum", "Power spectrum of the coordinates.",
                          lambda: draw_spectrum(found)))
    if found.return_map is not None and len(found.return_map) > 1:
        plots.append(Plot("return-map", "Return map", f"The next {found.return_of} against the one before.",
                          lambda: draw_return_map(found)))
    facts = {"of": found.target, "made of": found.source, "motion": found.motion or "not told", "seed": str(found.seed)}
    if math.isfinite(found.seconds):
        facts["seconds"] = f"{found.seconds:.3g}"
    return Section("invariants", "Invariants", (), facts, warnings, tables, plots)
