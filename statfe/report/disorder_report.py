"""What is drawn of averages over disorder: the report of one file, and the spread at several sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from statfe.disorder.disorder_file import read_disorder
from statfe.disorder.self_averaging import SelfAveraging
from statfe.disorder.self_averaging import self_averaging as spread_of
from statfe.disorder.sizes import Target, averages_of
from statfe.report.disorder_figures import draw_distribution, draw_self_averaging
from statfe.report.write import check_report_libraries
from statfe.store.atomic import atomic_write, check_output, make_folder
from statfe.store.commands import Grid
from statfe.store.inputs import as_path

#: The file in the report of an average.
DISTRIBUTION = "distribution.svg"


def write_disorder_report(file: str | PathLike[str], output: str | PathLike[str], force: bool) -> dict[str, Path]:
    """Draw the distribution of beta F over the realisations of a stored average into the folder `output`.

    Raises
    ------
    UsageError
        The file cannot be read, an output exists or cannot be written, or matplotlib is not installed.
    """
    check_report_libraries()
    folder = as_path("output", output)
    path = folder / DISTRIBUTION
    check_output([path], force, new_folder=folder, inputs=[file])
    svg = draw_distribution(read_disorder(file))
    make_folder(folder)
    atomic_write(path, svg.encode())
    return {DISTRIBUTION: path}


def self_averaging(
    targets: Sequence[Target], betas: Grid | None = None, *, realisations: int = 1000,
    output: str | PathLike[str] | None = None, force: bool = False,
    progress: Callable[[str, float], None] | None = None, **options: Any,
) -> SelfAveraging:
    """How the sample-to-sample spread R = Var(beta F) / [beta F]^2 falls with size, with fitted exponents.

    Parameters
    ----------
    targets
        Of one family at growing size: specs, averages (`DisorderRun`), or their files.
    betas, realisations, **options
        For the specs among them, as for `statfe.disorder_average`.
    output
        Figure to write, as SVG.

    Raises
    ------
    UsageError
        Fewer than two sizes, no beta in common, or as `statfe.disorder_average`.
    """
    if output is not None:
        check_report_libraries()
        inputs = [target for target in targets if isinstance(target, (str, PathLike))]
        check_output([as_path("output", output)], force, inputs=inputs)
    found = spread_of(averages_of(targets, betas, realisations, progress, **options))
    if output is not None:
        atomic_write(output, draw_self_averaging(found).encode())
    return found
