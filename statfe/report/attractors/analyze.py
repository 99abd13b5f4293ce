"""`analyze_attractors`: all that files hold of attractors, and what networks have learned of them, in one report."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from statfe.attractors.basins.branches import read_branches
from statfe.attractors.found_file import read_found
from statfe.attractors.invariants_file import read_invariants
from statfe.attractors.network.analysis import NetworkAnalysis, analyse_networks
from statfe.attractors.trajectory_file import read_trajectories
from statfe.datasets.trajectory_rows import SOURCES, open_trajectories
from statfe.errors import UsageError
from statfe.laboratory.files import read_recall
from statfe.registry import check_seed
from statfe.report.attractors.found_sections import (
    attractors_section,
    continuation_section,
    recall_section,
)
from statfe.report.attractors.motion_sections import invariants_section, trajectory_section
from statfe.report.attractors.network_sections import network_sections
from statfe.report.attractors.section import Section, Value, drawn
from statfe.report.figures import Drawing
from statfe.report.html import figures_of, resource, template
from statfe.report.write import check_report_libraries, write_files
from statfe.result import plain
from statfe.store.atomic import check_output
from statfe.store.hdf5 import FORMAT
from statfe.store.provenance import created, versions
from statfe.store.reading import opened, read_root

#: The files that every report has, beside its figures.
FILES = ("report.html", "analysis.json", "analysis.csv")
#: Groups, and the command that makes them.
GROUPS = {
    "trajectories": "statfe attractors generate", "invariants": "statfe attractors invariants",
    "attractors": "statfe attractors identify"}


@dataclass(frozen=True, eq=False)
class AttractorReport:
    """What was written.

    Attributes
    ----------
    sections
        Of the page.
    missing
        What there was not, and how to make it.
    files
        Paths by name.
    networks
        What the networks have learned; None without any.
    """

    sections: list[Section]
    missing: list[str]
    files: dict[str, Path]
    networks: NetworkAnalysis | None
    command: str
    versions: dict[str, str] = field(default_factory=versions)

    def to_dict(self) -> dict[str, Any]:
        """As analysis.json has it."""
        return {"statfe_format": FORMAT, "command": self.command, "versions": dict(self.versions),
                "missing": self.missing, **{s.name: s.to_dict() for s in self.sections}}


def analyze_attractors(
    files: str | PathLike[str] | Sequence[str | PathLike[str]], output: str | PathLike[str], *,
    vae: str | PathLike[str] | None = None, autoencoder: str | PathLike[str] | None = None,
    against: Sequence[str | PathLike[str]] = (), seed: int | None = None, force: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> AttractorReport:
    """Write the report of `files` into the folder `output`: report.html, analysis.json, analysis.csv and figures.

    Parameters
    ----------
    files
        Files with /trajectories or /observations, /invariants, /attractors, /continuation or /recall, one or several;
        of two with the same group the first one counts. Each group has a section.
    vae, autoencoder
        Networks that learned the trajectories (``statfe train vae``).
    against
        Files of points off the attractor, observed in the same way.
    seed
        Of drawn points and directions; drawn when None.

    Raises
    ------
    UsageError
        For files that hold nothing of attractors, networks without trajectories, networks of other data, or where
        matplotlib or jinja2 is not installed.
    StoreError
        If a file cannot be read, or one exists (without `force`) or cannot be written.
    """
    paths = [files] if isinstance(files, (str, PathLike)) else list(files)
    check_report_libraries()
    place = Path(output)
    check_output([place / name for name in FILES], force, new_folder=place)
    seed = check_seed(seed)
    where = _groups(paths)
    if not where:
        raise UsageError(f"{', '.join(map(str, paths))}: nothing of attractors is in there; make a file with statfe "
                         "attractors generate, invariants or identify")
    data = next((where[name] for name in SOURCES if name in where), None)
    networks = None
    if vae is not None or autoencoder is not None:
        if data is None:
            raise UsageError("networks are held against trajectories, and no file has any; give the data that they "
                             "learned")
        networks = analyse_networks(data, vae=vae, autoencoder=autoencoder, against=against,
                                    attractors=where.get("attractors"), seed=seed, progress=progress)
    elif against:
        raise UsageError("points off the attractor are scored by networks; give --vae or --autoencoder")
    sections = _sections(where, data, networks)
    command = _command(paths, output, vae, autoencoder, against, seed)
    found = AttractorReport(sections, _missing(where, networks), {}, networks, command)
    return AttractorReport(
        sections, found.missing, write_files(_contents(found, paths), place, force), networks, command, found.versions)


def _groups(paths: Sequence[str | PathLike[str]]) -> dict[str, str | PathLike[str]]:
    """The first file that has each group."""
    where: dict[str, str | PathLike[str]] = {}
    for path in paths:
        with opened(path) as file:
            for name in (*SOURCES, "invariants", "attractors", "continuation", "recall"):
                if name in file:
                    where.setdefault(name, path)
    return where


def _sections(
    where: dict[str, str | PathLike[str]], data: str | PathLike[str] | None, networks: NetworkAnalysis | None
) -> list[Section]:
    found: list[Section] = []
    if data is not None:
        found.append(trajectory_section(read_trajectories(data), open_trajectories(data) if networks else None))
    if "invariants" in where:
        found.append(invariants_section(read_invariants(where["invariants"])))
    if "attractors" in where:
        found.append(attractors_section(read_found(where["attractors"])))
    if "continuation" in where:
        found.append(continuation_section(read_branches(where["continuation"])))
    if "recall" in where:
        recall = read_recall(where["recall"])
        assert recall is not None
        found.append(recall_section(recall))
    return found + (network_sections(networks) if networks is not None else [])


def _missing(where: dict[str, str | PathLike[str]], networks: NetworkAnalysis | None) -> list[str]:
    laboratory = "attractors" in where and read_root(where["attractors"]).get("sampler") == "laboratory"
    wanted = {} if laboratory else GROUPS
    lines = [f"no /{name}: run {command}" for name, command in wanted.items()
             if name not in where and not (name == "trajectories" and "observations" in where)]
    if networks is None and any(name in where for name in SOURCES):
        lines.append("no network: run statfe train vae, and give its file with --vae")
    elif networks is not None:
        names = {p.name for p in networks.pictures}
        lines += [f"no {name}: run {command}, and give its file with --{option}" for name, command, option in (
            ("VAE", "statfe train vae", "vae"),
            ("autoencoder", "statfe train vae --objective autoencoder", "autoencoder")) if name not in names]
        if networks.grouping is None and "attractors" not in where:
            lines.append("no groups: give the attractors of the system, of statfe attractors identify, beside the data")
    return lines


def _contents(found: AttractorReport, paths: Sequence[str | PathLike[str]]) -> dict[str, bytes]:
    figures: list[list[Drawing]] = [drawn(s.plots) for s in found.sections]
    title = f"Attractors of {_system(paths)}"
    page = template("attractors.html.j2").render(
        title=title, version=found.versions.get("statfe", ""), created=created(), command=found.command,
        style=resource("report.css"), missing=found.missing,
        sections=[(s, figures_of(s.name, own)) for s, own in zip(found.sections, figures, strict=True)])
    text = json.dumps(plain({"title": title, **found.to_dict()}), allow_nan=False, indent=1) + "\n"
    return {"report.html": page.encode(), "analysis.json": text.encode(), "analysis.csv": _csv(found.sections),
            **{f"{d.name}.svg": d.svg.encode() for own in figures for d in own}}


def _system(paths: Sequence[str | PathLike[str]]) -> str:
    names = (str(read_root(path).get("model", "none")) for path in paths)
    return next((n for n in names if n not in ("none", "")), os.path.basename(os.fspath(paths[0])))


def _csv(sections: Sequence[Section]) -> bytes:
    """One number a line: section, table, row, column, value, error, note."""
    room = io.StringIO()
    lines = csv.writer(room, lineterminator="\n")
    lines.writerow(["section", "table", "row", "column", "value", "error", "note"])
    for s in sections:
        for t in s.tables:
            for row in t.rows:
                for name, cell in zip(t.head[1:], row[1:], strict=True):
                    lines.writerow([s.name, t.name, row[0] if isinstance(row[0], str) else row[0].value, name,
                                    *_columns(cell)])
    return room.getvalue().encode()


def _columns(cell: str | Value) -> tuple[Any, Any, str]:
    if isinstance(cell, str):
        return cell, "", ""
    value, error = (repr(x) if math.isfinite(x) else "" for x in (cell.value, cell.error))
    return value, error, cell.note


def _command(
    paths: Sequence[str | PathLike[str]], output: str | PathLike[str], vae: str | PathLike[str] | None,
    autoencoder: str | PathLike[str] | None, against: Sequence[str | PathLike[str]], seed: int,
) -> str:
    words = ["statfe", "attractors", "analyze", *map(str, paths)]
    for name, value in (("--vae", vae), ("--autoencoder", autoencoder)):
        words += [name, str(value)] if value is not None else []
    for value in against:
        words += ["--against", str(value)]
    return shlex.join([*words, "--seed", str(seed), "-o", str(output)])
