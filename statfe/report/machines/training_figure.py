"""The figure of a training: what its monitors saw against the epoch, one panel a kind of quantity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from statfe.report.axes import label
from statfe.report.styles import COLOURS, LINES, MARKERS
from statfe.scoring.machines.portrait import Portrait

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The panel of columns that are a likelihood by name alone.
PSEUDO = "log pseudo-likelihood (nats)"
#: Panels with the words that a column's name must hold, in this order: a column goes to the first that fits.
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("log-likelihood (nats)", ("likelihood",)),
    (PSEUDO, ()),
    ("bound on −ln p(x) (nats)", ("loss", "bound")),
    ("reconstruction", ("reconstruction",)),
    ("divergence of q (nats)", ("divergence",)),
    ("gap of F_c, test less training (nats)", ("gap",)),
    ("largest singular value of W", ("singular",)),
    ("root mean square of W", ("weight_rms",)),
    ("norm of the gradient", ("gradient",)),
    ("weight of the divergence", ("kl_weight",)),
)
#: Columns that are drawn as bars of others, or say what those say.
LEFT_OUT = ("epoch", "beta_f")
#: The bars of a column without its own are those of -ln Z, where it has Z in it.
COMMON_ERROR = "beta_f_error"
COLUMNS = 2
#: Lines of more points have no markers.
MOST_MARKERS = 40


def panels(portrait: Portrait) -> dict[str, list[str]]:
    """Names of the columns by the title of their panel."""
    found: dict[str, list[str]] = {}
    for name, values in portrait.curves.items():
        if name in LEFT_OUT or name.endswith("_error") or not np.any(np.isfinite(values)):
            continue
        fits = PSEUDO if "pseudo" in name else next((t for t, words in PANELS if any(w in name for w in words)), "")
        title = fits or name.replace("_", " ")
        found.setdefault(title, []).append(name)
    order = [title for title, _ in PANELS]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def draw_training(portrait: Portrait) -> Figure:
    """Every column of the record, with its error bars where it has any."""
    from matplotlib.figure import Figure

    shown = panels(portrait)
    rows = math.ceil(len(shown) / COLUMNS)
    figure = Figure(figsize=(9.4, 2.75 * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, min(COLUMNS, len(shown)), squeeze=False)).ravel()
    for axes, (title, names) in zip(grid, shown.items(), strict=False):
        for k, name in enumerate(names):
            _line(axes, portrait, name, k)
        axes.set_title(label(title), fontsize=10.5)
        axes.set_xlabel("epoch")
        if len(names) > 1:
            axes.legend(loc="best", fontsize=8.5)
    for axes in grid[len(shown):]:
        axes.set_axis_off()
    return figure


def _line(axes: Axes, portrait: Portrait, name: str, k: int) -> None:
    epochs, values = portrait.curves["epoch"], portrait.curves[name]
    errors = portrait.curves.get(f"{name}_error")
    if errors is None and "likelihood" in name and "pseudo" not in name and "tap" not in name:
        errors = portrait.curves.get(COMMON_ERROR)
    barred = errors is not None and bool(np.any(errors > 0))
    axes.errorbar(
        epochs, values, yerr=np.nan_to_num(errors) if barred and errors is not None else None,
        color=COLOURS[k % len(COLOURS)], linestyle=LINES[k % len(LINES)], linewidth=1.4,
        marker=MARKERS[k % len(MARKERS)] if np.sum(np.isfinite(values)) <= MOST_MARKERS else "", markersize=3.5,
        capsize=2.0, elinewidth=1.0, label=name.replace("_", " "))
