"""The folder that a benchmark writes: its files and figures, all checked before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from statfe.report.write import check_report_libraries
from statfe.store.atomic import atomic_write, check_output, make_folder


def check_folder(folder: str | PathLike[str], files: Sequence[str], force: bool) -> None:
    """Refuse, before anything is measured, a folder that could not be written or a missing matplotlib.

    Raises
    ------
    UsageError
        matplotlib is not installed, or one of `files` exists (without `force`) or cannot be written.
    """
    check_report_libraries()
    check_output([Path(folder) / name for name in files], force, new_folder=folder)


def write_folder(
    folder: str | PathLike[str], files: Mapping[str, bytes], figures: Mapping[str, str], force: bool = False
) -> list[Path]:
    """Write `files`, and `figures` as NAME.svg, into `folder`, which is made where it is missing."""
    contents = {**files, **{f"{name}.svg": svg.encode() for name, svg in figures.items()}}
    paths = {name: Path(folder) / name for name in contents}
    check_output(paths.values(), force, new_folder=folder)
    make_folder(folder)
    for name, content in contents.items():
        atomic_write(paths[name], content)
    return list(paths.values())
