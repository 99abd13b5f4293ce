"""The figure of a cumulant expansion: error a site against beta, one line an order, and where it diverges."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.models.ising import IsingModel
from statfe.report.axes import label
from statfe.report.figures import drawing_room, write_svg
from statfe.report.styles import LINES, MARKERS
from statfe.report.svg import FAINT
from statfe.scoring.cumulant_expansion import CumulantExpansion
from statfe.scoring.cumulant_expansion import cumulant_expansion as expanded
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path, files_read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Errors a site below this are drawn there.
LEAST = 1e-15


def cumulant_expansion(
    model: str | IsingModel, beta: Any, figure: str | PathLike[str] | None = None, *, force: bool = False,
    **options: Any,
) -> CumulantExpansion:
    """Cumulant expansion of `model` over a grid of beta, with a figure where `figure` names one.

    Parameters and errors are those of `statfe.scoring.cumulant_expansion.cumulant_expansion`: `trial`, `order`,
    `reference`, `seed`, `workers` and `progress` beside these, and the options of the method ``cumulants``.
    """
    if figure is not None:
        with drawing_room():  # matplotlib is there
            check_output([as_path("figure", figure)], force, inputs=files_read(model))
    found = expanded(model, beta, **options)
    if figure is not None:
        write_svg(figure, lambda: draw_expansion(found))
    return found


def draw_expansion(found: CumulantExpansion) -> Figure:
    """|error of beta F| a site by order, that of the Pade value, and the two measured points of divergence."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.6))
    axes = figure.subplots()
    n = found.model.n_sites
    for order in range(1, found.order + 1):
        colour = colormaps["viridis"](0.9 * (order - 1) / max(1, found.order - 1))
        _line(axes, found, np.abs(found.errors[:, order - 1]) / n, f"order {order}", order, color=colour)
    _line(axes, found, np.abs(found.pade - found.reference_beta_f) / n, "Padé", 0, color="black")
    axes.set_yscale("log")
    for place, line, by in (
            (found.divergence_by_terms, "--", "terms"), (found.divergence_by_reference, ":", "errors")):
        if place.found and place.beta <= 1.05 * found.betas[-1]:
            axes.axvline(place.beta, color=FAINT, linestyle=line, label=f"diverges by its {by}")
    axes.set_xlabel("β")
    axes.set_ylabel("|error of βF| a site (nats)")
    axes.set_title(label(f"{found.model.spec}, cumulants around {found.trial}"))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _line(axes: Axes, found: CumulantExpansion, errors: np.ndarray, name: str, number: int, color: Any) -> None:
    axes.plot(found.betas, np.maximum(errors, LEAST), label=name, color=color, marker=MARKERS[number % len(MARKERS)],
              linestyle=LINES[number % len(LINES)], markersize=3.5, linewidth=1.2)
