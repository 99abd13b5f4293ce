"""Samples, data beside reconstructions, filters and decoded grids, as images or as rows of units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.report.axes import label
from statfe.report.styles import COLOURS, MARKERS
from statfe.report.svg import GRID
from statfe.scoring.machines.portrait import Portrait

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Images in a line of a figure, and inches of one.
ACROSS, INCH = 16, 0.56
#: Units that lie between two images of a sheet, as a share of an image's side.
SEAM = 0.12
#: Classes that the latent map tells apart; others share the last style.
MOST_CLASSES = 12


def is_image(shape: Sequence[int]) -> bool:
    """Whether samples of this shape are drawn as images rather than as rows of units."""
    return len(shape) > 1 and min(shape[-1], math.prod(shape[:-1])) > 1


def sheet(rows: np.ndarray, shape: Sequence[int], across: int = ACROSS) -> np.ndarray:
    """Images side by side with a seam of NaN between them, as one image.

    Parameters
    ----------
    rows
        Shape (count, units). A lattice of more than two axes is cut into slices, one below the other.
    """
    height, width = math.prod(shape[:-1]), shape[-1]
    across = min(across, len(rows))
    down = -(-len(rows) // across)
    seam = max(1, round(SEAM * min(height, width)))
    found = np.full((down * (height + seam) - seam, across * (width + seam) - seam), math.nan)
    for k, row in enumerate(rows):
        top, left = (k // across) * (height + seam), (k % across) * (width + seam)
        found[top:top + height, left:left + width] = row.reshape(height, width)
    return found


def draw_samples(portrait: Portrait) -> Figure:
    """Means of generated samples."""
    assert portrait.samples is not None
    return _pictures([("", portrait.samples)], portrait.shape, _range(portrait))


def draw_reconstructions(portrait: Portrait) -> Figure:
    """Data points above, what the machine makes of them below."""
    assert portrait.originals is not None
    assert portrait.reconstructions is not None
    parts = [("data", portrait.originals), ("reconstruction", portrait.reconstructions)]
    return _pictures(parts, portrait.shape, _range(portrait))


def draw_filters(portrait: Portrait) -> Figure:
    """Weights of the hidden units of the largest norm: blue below 0, red above."""
    assert portrait.filters is not None
    reach = float(np.max(np.abs(portrait.filters))) or 1.0
    return _pictures([("", portrait.filters)], portrait.shape, (-reach, reach), "RdBu_r", "weight")


def draw_decoded(portrait: Portrait) -> Figure:
    """Means of x over a grid of z, z_1 to the right and z_2 upwards."""
    assert portrait.decoded is not None
    assert portrait.axis is not None
    side = len(portrait.axis)
    if not is_image(portrait.shape):
        rows = portrait.decoded[:, side // 2]
        return _pictures([(f"z₂ = {portrait.axis[side // 2]:.2g}, z₁ upwards", rows[::-1])], portrait.shape,
                         _range(portrait))
    # the first row of the sheet is the largest z_2
    rows = portrait.decoded.transpose(1, 0, 2)[::-1].reshape(side * side, -1)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 6.4))
    axes = figure.subplots()
    image = sheet(rows, portrait.shape, side)
    low, high = _range(portrait)
    axes.imshow(image, cmap=_map("Greys"), vmin=low, vmax=high, interpolation="nearest", aspect="equal")
    marks = list(range(0, side, max(1, side // 6)))
    height, width = image.shape
    axes.set_xticks([(k + 0.5) * width / side - 0.5 for k in marks], [f"{portrait.axis[k]:.1f}" for k in marks])
    axes.set_yticks([height - 0.5 - (k + 0.5) * height / side for k in marks],
                    [f"{portrait.axis[k]:.1f}" for k in marks])
    axes.set_xlabel("z₁")
    axes.set_ylabel("z₂")
    axes.grid(visible=False)
    return figure


def draw_latent(portrait: Portrait) -> Figure:
    """Encoder means of the data in the plane of z, by class where there are classes."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    assert portrait.places is not None
    assert portrait.labels is not None
    figure = Figure(figsize=(6.6, 5.6))
    axes = figure.subplots()
    for radius in (1.0, 2.0):
        axes.add_patch(Circle((0.0, 0.0), radius, fill=False, edgecolor=GRID, linewidth=1.2, zorder=1))
    classes = sorted(set(portrait.labels.tolist()))
    size = max(7.0, min(26.0, 9000.0 / max(len(portrait.places), 1)))
    for k, number in enumerate(classes):
        of_class = portrait.labels == number
        name = "no class" if number < 0 else str(number)
        _dots(axes, portrait.places[of_class], k, size, name)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("z₁")
    axes.set_ylabel("z₂")
    if len(classes) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="class", handletextpad=0.2)
    return figure


def _dots(axes: Axes, places: np.ndarray, k: int, size: float, name: str) -> None:
    # colour and marker together tell more classes apart than either
    k = min(k, MOST_CLASSES - 1)
    axes.scatter(places[:, 0], places[:, 1], s=size, c=COLOURS[k % len(COLOURS)], marker=MARKERS[k % len(MARKERS)],
                 alpha=0.75, linewidths=0.0, label=name, zorder=2)


def _range(portrait: Portrait) -> tuple[float, float]:
    """Values drawn white and black: those of 0/1 or +-1 units, or as far as the data go."""
    arrays = [a for a in (portrait.originals, portrait.samples, portrait.decoded) if a is not None]
    low, high = min(float(np.min(a)) for a in arrays), max(float(np.max(a)) for a in arrays)
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    return (-1.0, 1.0) if low >= -1.0 and high <= 1.0 else (low, high)


def _map(name: str) -> Any:
    from matplotlib import colormaps

    chosen = colormaps[name].copy()
    chosen.set_bad("none")
    return chosen


def _pictures(
    parts: Sequence[tuple[str, np.ndarray]], shape: Sequence[int], limits: tuple[float, float], colours: str = "Greys",
    bar: str = "",
) -> Figure:
    """Sheets of images one below the other; rows of units where samples are no images."""
    from matplotlib.figure import Figure

    images = [sheet(rows, shape) if is_image(shape) else np.asarray(rows) for _, rows in parts]
    widest = max(image.shape[1] for image in images)
    width = INCH * ACROSS if not is_image(shape) else max(3.0, INCH * min(ACROSS, max(len(r) for _, r in parts)))
    heights = [max(0.45, width * image.shape[0] / widest) if is_image(shape) else max(1.0, 0.14 * len(image))
               for image in images]
    figure = Figure(figsize=(width + 0.6, sum(heights) + 0.35 * len(images) + 0.3), layout="constrained")
    panels = figure.subplots(len(images), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    drawn = None
    for axes, image, (title, _) in zip(panels, images, parts, strict=True):
        drawn = axes.imshow(image, cmap=_map(colours), vmin=limits[0], vmax=limits[1], interpolation="nearest",
                            aspect="equal" if is_image(shape) else "auto")
        axes.set_title(label(title), fontsize=10.0)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        if not is_image(shape):
            axes.set_xlabel("unit")
    if bar and drawn is not None:
        figure.colorbar(drawn, ax=list(panels), label=bar, fraction=0.03, pad=0.02)
    return figure
