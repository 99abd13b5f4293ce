"""The figure of a density of states: ln g along the energy, and dS/dE where levels are smooth."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from statfe.density.density_of_states import density_of_states as counted
from statfe.density.result import DensityOfStates
from statfe.models.ising import IsingModel
from statfe.report.axes import label
from statfe.report.figures import drawing_room, write_svg
from statfe.report.styles import COLOURS
from statfe.store.atomic import check_output
from statfe.store.inputs import as_path, files_read

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def density_of_states(
    model: str | IsingModel, output: str | PathLike[str] | None = None, *, figure: str | PathLike[str] | None = None,
    force: bool = False, **options: Any,
) -> DensityOfStates:
    """How many states `model` has at each energy, with a figure where `figure` names one.

    Parameters and errors are those of `statfe.density.density_of_states.density_of_states`: `method`, `bins`, `seed`,
    `workers` and `progress` beside these.
    """
    if figure is not None:
        with drawing_room():  # matplotlib is there
            check_output([as_path("figure", figure)], force, inputs=files_read(model))
    found = counted(model, output, force=force, **options)
    if figure is not None:
        write_svg(figure, lambda: draw_density(found))
    return found


def draw_density(found: DensityOfStates) -> Figure:
    """S / N against E / N above, microcanonical beta below; a band of two standard errors where there are any."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 5.6))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    n = found.n_sites
    x, s, error = found.energy / n, found.log_g / n, found.log_g_error / n
    marker = "o" if len(x) <= 80 else "none"
    if error.any():
        above.fill_between(x, s - 2.0 * error, s + 2.0 * error, color=COLOURS[0], alpha=0.3, linewidth=0.0,
                           label="two standard errors")
        above.legend()
    above.plot(x, s, color=COLOURS[0], marker=marker, markersize=3.5)
    above.set_ylabel("entropy a spin ln g / N")
    below.plot(x, found.microcanonical_beta, color=COLOURS[1], marker=marker, markersize=3.5)
    below.axhline(0.0, color="0.6", linewidth=0.8)
    below.set_ylabel("dS/dE (by differences)")
    below.set_xlabel("energy a spin E / N" + (" (bins)" if found.bin_width else ""))
    above.set_title(label(f"{found.model.spec}, {found.method}"))
    return figure
