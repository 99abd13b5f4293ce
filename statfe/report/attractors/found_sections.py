"""Sections of attractors that were found: by identification, along a parameter, or in the laboratory's own dynamics."""

from __future__ import annotations

import numpy as np

from statfe.attractors.basins.branches import Branches
from statfe.attractors.found import ANSWERS, AttractorSet
from statfe.laboratory.recall import Recall
from statfe.report.attractors.found_figures import (
    draw_continuation,
    draw_energies,
    draw_fractions,
    draw_overlaps,
    draw_points,
    draw_recall,
    draw_slice,
)
from statfe.report.attractors.scan_figures import kinds_plot, kinds_table, scanned
from statfe.report.attractors.section import Plot, Section, Table, Value

#: Attractors in a table, at most.
LISTED = 60
#: Warnings of a continuation, at most.
WARNED = 8


def attractors_section(found: AttractorSet) -> Section:
    """All attractors with their basins, largest first."""
    stats = {name: np.asarray(v) for name, v in found.stats.items()
             if np.ndim(v) == 1 and len(v) == found.count and np.asarray(v).dtype.kind in "fiu"}
    head = ("attractor", "kind", "basin fraction", "stability", "free energy",
            *(name.replace("_", " ") for name in stats))
    rows: list[tuple[str | Value, ...]] = [
            (str(k), found.kinds[k], Value(float(found.basin_fraction[k]), float(found.basin_fraction_error[k])),
             Value(float(found.stability[k])), Value(float(found.free_energy[k]), digits=8),
             *(Value(float(values[k])) for values in stats.values())) for k in range(min(LISTED, found.count))]
    nowhere = [(words, Value(found.share(answer))) for answer, words in ANSWERS.items()]
    tables = [Table("attractors", head, rows, f"The first {LISTED} of {found.count}." if found.count > LISTED else ""),
              Table("unassigned", ("starts that led to none", "share"), nowhere)]
    if (along := scanned(found)) is not None:
        tables.insert(0, kinds_table(found, along))
    if found.saddles is not None and len(found.saddles.kinds):
        s = found.saddles
        tables.append(Table("saddles", ("slow places that are no attractors", "growth rate", "visits"), [
            (kind, Value(float(g)), Value(float(v))) for kind, g, v in zip(s.kinds, s.growth, s.visits, strict=True)]))
    warnings = [] if found.status == "converged" else [f"{found.status.replace('_', ' ')}: {found.message}"]
    facts = {"system": found.system, "method": found.method, "attractors": str(found.count),
             "starts": f"{len(found.labels):,}", "seed": str(found.seed)}
    return Section("attractors", "Attractors and basins", (), facts, warnings, tables, _plots(found))


def _plots(found: AttractorSet) -> list[Plot]:
    along = scanned(found)
    plots = [kinds_plot(found, along) if along else
             Plot("basin-fractions", "Basin fractions", "Share of the starts that ends on each attractor, with its "
                  "binomial error; grey: starts that led to none.", lambda: draw_fractions(found))]
    if np.sum(np.isfinite(found.free_energy) & np.isfinite(found.stability)) > 1:
        plots.append(Plot("free-energy-stability", "Free energy against stability", "Free energy of each attractor "
                          "against its stability.", lambda: draw_energies(found)))
    if "overlap" in found.stats and found.count:
        plots.append(Plot("overlaps", "Overlap with the memories", "Overlap of each attractor with the stored pattern "
                          "nearest to it.", lambda: draw_overlaps(found)))
    if found.points is not None and len(found.points.labels):
        plots.append(Plot("attractor-points", "The attractors", "Points of the attractors, a colour each.",
                          lambda: draw_points(found)))
    if found.basin_slice is not None:
        plots.append(Plot("basin-slice", "A slice through the basins", "Where starts in a plane end, the other "
                          "coordinates being fixed: colours as above, grey where they end nowhere.",
                          lambda: draw_slice(found)))
    return plots


def continuation_section(found: Branches) -> Section:
    """Attractors along a parameter, and where they appear, vanish or change."""
    rows = [(what, Value(before), Value(after), str(who), message) for before, after, who, what, message
            in found.events]
    head = ("event", f"{found.parameter} before", f"{found.parameter} after", "attractor", "message")
    facts = {"parameter": found.parameter, "values": str(len(found.values)), "attractors": str(found.states.shape[1])}
    plot = Plot("continuation", f"Attractors along {found.parameter}", "Above: the first coordinate of a state on each "
                "attractor, a colour an identity. Below: its basin fraction. Dotted: events.",
                lambda: draw_continuation(found))
    where: dict[str, list[str]] = {}
    for value, message in zip(found.values, found.messages, strict=False):
        if message:
            where.setdefault(message, []).append(f"{value:.6g}")
    warnings = [f"not converged at {found.parameter} = {', '.join(at)}: {message}" for message, at in where.items()]
    return Section("continuation", f"Attractors along {found.parameter}", (), facts, warnings[:WARNED],
                   [Table("events", head, rows)] if rows else (), [plot])


def recall_section(found: Recall) -> Section:
    """How well Hopfield networks recall against their load."""
    rows = [(f"{load:g}", Value(float(found.overlap[k]), float(found.overlap_error[k])),
             Value(float(found.theory[k])), Value(float(found.basin[k]), float(found.basin_error[k])),
             Value(float(found.radius[k]))) for k, load in enumerate(found.load)]
    table = Table("recall", ("load", "overlap", "theory", "random starts to a memory", "recalls half from"), rows)
    plot = Plot("recall", "Recall against the load", "Overlap of a pattern with where it settles, beside the "
                "replica-symmetric theory as n grows; share of random starts that end at a memory; overlap of the "
                "start from which half of the patterns are recalled.", lambda: draw_recall(found))
    facts = {"spins": str(found.n), "networks": str(found.networks), "seed": str(found.seed)}
    return Section("recall", "Recall against the load", (), facts, (), [table], [plot])
