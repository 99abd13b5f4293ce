"""`write_report`: comparisons to report.html, scores.csv, scores.json, scores.h5 and figures, all or none."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from statfe.errors import UsageError
from statfe.report.figures import MISSING, Drawing, draw_all
from statfe.report.html import html_page
from statfe.report.rows import csv_bytes, json_bytes, trust_bytes
from statfe.report.study_figures import draw_study
from statfe.scoring.comparison import Comparison
from statfe.scoring.scores_file import comparisons_in, scores_image
from statfe.scoring.trust import trust_of
from statfe.store.atomic import check_output, make_folder, writing

#: The files that every report has, beside its figures.
REPORT_FILES = ("report.html", "scores.csv", "scores.json", "scores.h5")
#: The file that the report of several models has besides.
TRUST_FILE = "trust.csv"
#: A study of more models has no figures and no tables of all scores of each of them.
MOST_DRAWN = 12


def check_report_libraries() -> None:
    """Refuse, before any work, when the libraries of a report are missing.

    Raises
    ------
    UsageError
        matplotlib or jinja2 is not installed.
    """
    for name in ("matplotlib", "jinja2"):
        gone = sys.modules.get(name, "") is None or importlib.util.find_spec(name) is None
        if gone:
            raise UsageError(MISSING)


def write_report(
    comparisons: Sequence[Comparison], folder: str | PathLike[str], force: bool = False
) -> dict[str, Path]:
    """Write the report of `comparisons` (one a model) into `folder`, which is made where it is missing.

    Everything is made in memory first; then all files are written beside their places and put there.

    Returns
    -------
    Paths by file name, ``report.html`` first, then the scores, then the figures.

    Raises
    ------
    UsageError
        There is nothing to report, or matplotlib or jinja2 is not installed.
    StoreError
        A file exists (without `force`) or cannot be written.
    """
    if not comparisons:
        raise UsageError("there is nothing to report: no model was compared")
    check_report_libraries()
    place = Path(folder)
    check_output([place / name for name in REPORT_FILES], force, new_folder=place)
    return write_files(_contents(comparisons), place, force)


def write_files(contents: dict[str, bytes], place: Path, force: bool) -> dict[str, Path]:
    """Write all of `contents` or nothing into the folder `place`, made where it is missing, as `write_report`."""
    paths = {name: place / name for name in contents}
    check_output(paths.values(), force, new_folder=place)
    made = not place.exists()
    make_folder(place)
    try:
        _put(contents, paths)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise
    return paths


def _contents(comparisons: Sequence[Comparison]) -> dict[str, bytes]:
    """The bytes of every file by name.

    All are made from the bytes of scores.h5, so that a report made again from that file is the same to the byte.
    """
    image = scores_image(comparisons)
    comparisons = comparisons_in(image)
    trust = trust_of(comparisons)
    drawings: list[list[Drawing]] = [[] for _ in comparisons]
    if len(comparisons) <= MOST_DRAWN:
        drawings = [draw_all(c, f"-{k}" if trust else "") for k, c in enumerate(comparisons)]
    study = draw_study(comparisons, trust) if trust else []
    figures = {f"{d.name}.svg": d.svg.encode() for page in [*drawings, study] for d in page}
    return {
        "report.html": html_page(comparisons, drawings, study), "scores.csv": csv_bytes(comparisons),
        "scores.json": json_bytes(comparisons), "scores.h5": image,
        **({TRUST_FILE: trust_bytes(trust)} if trust else {}), **figures,
    }


def _put(contents: dict[str, bytes], paths: dict[str, Path]) -> None:
    # All temporary files are written before the first takes its place; report.html, entered first, comes last.
    with contextlib.ExitStack() as stack:
        for name, data in contents.items():
            stack.enter_context(writing(paths[name])).write_bytes(data)
